"""The adjoint identity (see the top of the package), for every gradient of the reference."""

import numpy as np

from torch_parity.proof import bounds
from torch_parity.proof.cases import Case, numbers
from torch_parity.proof.pairs import Pair

# Means round on the lattice too.
_MEANS = {"avg_pool2d": bounds.avg_pool2d_adjoint, "adaptive_avg_pool2d": bounds.adaptive_adjoint}


def adjoint_gap(pair: Pair, case: Case) -> dict[str, tuple[float, float, float]]:
    """Both sides of the identity for each gradient of the reference, on a lattice case, and how far apart they may be.

    They are equal exactly, but for average pooling: a mean of three rounds on the lattice, too.

    The step is 2^-8, a power of two so that nothing rounds; inputs are moved half a unit off the kink of ReLU, and
    made all different for pooling, so that no step crosses one.
    """
    h = 2.0**-8
    case = _off_the_kinks(case)
    returned = pair.forward(**case.arrays, **case.arguments)
    output = returned[0] if isinstance(returned, tuple) else returned
    g = case.upstream(output.shape)
    gradients = pair.backward(g, case.arrays, case.arguments, returned)
    gaps = {}
    for name, gradient in zip(pair.gradients, gradients, strict=True):
        if name not in pair.differentiable(case):
            continue
        assert gradient is not None
        d = numbers(np.random.default_rng(case.seed), case.arrays[name].shape, "lattice", case.dtype)
        moved = pair.forward(**{**case.arrays, name: case.arrays[name] + h * d}, **case.arguments)
        after = moved[0] if isinstance(moved, tuple) else moved
        same = after == output  # a constant that pads may be infinite
        change = np.subtract(after, output, out=np.zeros_like(output), where=~same)
        bound = _MEANS[pair.name](case, g, d, h) if pair.name in _MEANS else 0.0
        gaps[name] = float((g * change).sum()) / h, float((gradient * d).sum()), bound
    return gaps


def _off_the_kinks(case: Case) -> Case:
    if "input" not in case.arrays or "weight" in case.arrays:
        return case
    x = case.arrays["input"]
    ranks = np.random.default_rng(case.seed).permutation(x.size).reshape(x.shape) - x.size // 2
    arrays = {**case.arrays, "input": (ranks + 0.5).astype(case.dtype)}
    return Case(case.kind, case.dtype, arrays, case.arguments, case.seed)
