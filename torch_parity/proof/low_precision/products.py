"""Convolutions and the dense layer: sums of products."""

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

from torch_parity.proof import bounds
from torch_parity.proof.cases import Case
from torch_parity.proof.low_precision.arithmetic import Arithmetic, Results, Wanted

Array = npt.NDArray[Any]


def products(terms_of: Callable[[Case, Array], dict[str, Any]]) -> Callable[..., dict[str, Wanted]]:
    """Convolutions and dense layer: products, exact in float32, and their sums."""

    def rule(a: Arithmetic, case: Case, grad_output: Array, ours: dict[str, Array]) -> Results:
        names = tuple(name for name in a.pair.gradients if name in case.arrays)
        magnitude, terms = bounds.magnitudes(a.pair.twin, case, grad_output, names), terms_of(case, grad_output)
        weight, flushed = case.arrays["weight"], _flushed((*case.arrays.values(), grad_output))
        roundings = {
            "float32": 1,
            "bias": 2 if "bias" in case.arrays and (case.arrays["input"].ndim, weight.ndim) != (2, 2) else 1,
            # The sum over each tap, or sample, is rounded, and so is every addition of one of them.
            "taps": 2 * math.prod(weight.shape[2:]),
            "samples": 2 * (len(case.arrays["input"]) if case.arrays["input"].ndim == 4 else 1),
        }
        wanted: dict[str, Wanted] = {}
        for name, exact in ours.items():
            times = roundings[a.accumulator(name, onednn=not _adds_a_stride(case))]
            bound = a.of_sum(exact, magnitude[name], terms[name], times) + terms[name] * flushed
            if not np.isfinite(case.arrays["input"]).all():
                # 16-bit kernels fill up their blocks with zeros, and inf * 0 is NaN in the neighbours too.
                bound = np.full(exact.shape, np.inf)
            if case.kind in ("lattice", "ties"):
                wanted[name] = a.on_lattice(exact, magnitude[name], bound, times == 1)
            else:
                wanted[name] = exact, bound
        return wanted

    return rule


def _adds_a_stride(case: Case) -> bool:
    """Whether a transposed convolution has an output_padding of the stride or more: oneDNN knows none so large."""
    added, stride = (
        (value, value) if isinstance(value, int) else (value[0], value[-1])
        for value in (case.arguments.get("output_padding", 0), case.arguments.get("stride", 1))
    )
    return any(more >= s for more, s in zip(added, stride, strict=True))


def _flushed(factors: tuple[Array, ...]) -> float:
    """The most that a product may lose where instructions for bfloat16 take a subnormal factor for 0."""
    tiny = float(np.finfo(np.float32).tiny)
    sizes = [bounds.finite_magnitude(factor) for factor in factors]
    others = [
        max((other.max(initial=0) for other in sizes if other is not size), default=0)
        for size in sizes
        if ((size > 0) & (size < tiny)).any()
    ]
    return tiny * max(others, default=0)
