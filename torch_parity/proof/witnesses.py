"""Two witnesses that need no torch: the definition's loop nests, and the adjoint identity.

The definition computes every result anew, in double precision.  The adjoint identity ties a gradient to its formula
alone: with y = f(x) and upstream gradient g, the gradient must satisfy, for every direction d,

    d/dh <g, f(x + h d)>  at h = 0   =   <gradient, d>

The left side needs only f.  Where f is linear in x + h d, or linear in pieces and h too small to leave the piece, the
difference quotient is the derivative, and on the integer lattice nothing rounds: both sides are equal exactly.
"""

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

from reference import definition
from torch_parity.proof import bounds
from torch_parity.proof.cases import Case, numbers
from torch_parity.proof.pairs import Pair

Array = npt.NDArray[Any]
Results = dict[str, Array]

# The definition takes about a microsecond for each product.
LONGEST = 30_000


def definition_results(pair: Pair, case: Case, grad_output: Array) -> Results | None:
    """The results of ``definition`` (float64); None for a case that it does not state, or that would take too long.

    Where the paper knows only batches of images, an unbatched image is a batch of one.
    """
    witness: Callable[[Results, dict[str, Any], Array], Results | None] = _WITNESSES[pair.name]
    return witness(case.arrays, case.arguments, grad_output)


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
        bound = bounds.avg_pool2d_adjoint(case, g, d, h) if pair.name == "avg_pool2d" else 0.0
        gaps[name] = float((g * change).sum()) / h, float((gradient * d).sum()), bound
    return gaps


def _off_the_kinks(case: Case) -> Case:
    if "input" not in case.arrays or "weight" in case.arrays:
        return case
    x = case.arrays["input"]
    ranks = np.random.default_rng(case.seed).permutation(x.size).reshape(x.shape) - x.size // 2
    arrays = {**case.arrays, "input": (ranks + 0.5).astype(case.dtype)}
    return Case(case.kind, case.dtype, arrays, case.arguments, case.seed)


def _both(value: Any) -> tuple[int, int]:
    """(height, width) from any spelling of a pair."""
    spelled = (value,) if isinstance(value, int) else tuple(value)
    return spelled[0], spelled[-1]


def _conv2d(a: Results, o: dict[str, Any], g: Array) -> Results | None:
    x, weight = a["input"], a["weight"]
    if g.size * weight[0].size > LONGEST:
        return None
    stride, dilation, groups = _both(o["stride"]), _both(o["dilation"]), o["groups"]
    if isinstance(o["padding"], str):
        totals = [d * (k - 1) if o["padding"] == "same" else 0 for d, k in zip(dilation, weight.shape[2:], strict=True)]
        top, left = totals[0] // 2, totals[1] // 2
        frame = (left, totals[1] - left, top, totals[0] - top)
    else:
        height, width = _both(o["padding"])
        frame = (width, width, height, height)
    batch, g = (x, g) if x.ndim == 4 else (x[np.newaxis], g[np.newaxis])
    # Padding with zeros is a formula of its own: what the convolution calls padding must be the same.
    image = definition.pad(batch, frame)
    output = definition.conv2d(image, weight, a.get("bias"), stride, 0, dilation, groups)
    grad_image, grad_weight, grad_bias = definition.conv2d_backward(g, image, weight, stride, 0, dilation, groups)
    grad_input = definition.pad_backward(grad_image, batch.shape, frame)
    results = {
        "output": output.reshape(*x.shape[:-3], *output.shape[1:]),
        "grad_input": grad_input.reshape(x.shape),
        "grad_weight": grad_weight,
    }
    return {**results, "grad_bias": grad_bias} if "bias" in a else results


def _pad(a: Results, o: dict[str, Any], g: Array) -> Results | None:
    x = a["input"]
    if x.ndim != 4 or len(o["pad"]) not in (2, 4) or g.size > LONGEST:
        return None
    amounts = tuple(o["pad"]) + (0, 0) * (2 - len(o["pad"]) // 2)
    value = o.get("value") or 0.0
    return {
        "output": definition.pad(x, amounts, o["mode"], value),
        "grad_input": definition.pad_backward(g, x.shape, amounts, o["mode"]),
    }


def _relu(a: Results, o: dict[str, Any], g: Array) -> Results | None:
    return {"output": definition.relu(a["input"]), "grad_input": definition.relu_backward(g, a["input"])}


def _pooling(o: dict[str, Any]) -> dict[str, Any]:
    pairs: dict[str, Any] = {name: _both(o[name]) for name in ("kernel_size", "padding", "dilation") if name in o}
    return {**o, **pairs, "stride": None if o["stride"] is None else _both(o["stride"])}


def _max_pool2d(a: Results, o: dict[str, Any], g: Array) -> Results | None:
    x = a["input"]
    if g.size * math.prod(_both(o["kernel_size"])) > LONGEST:
        return None
    batch, g = (x, g) if x.ndim == 4 else (x[np.newaxis], g[np.newaxis])
    output, indices = definition.max_pool2d(batch, **_pooling(o))
    grad_input = definition.max_pool2d_backward(g, indices, batch.shape)
    unbatched = (*x.shape[:-3], *output.shape[1:])
    return {
        "output": output.reshape(unbatched),
        "indices": indices.reshape(unbatched),
        "grad_input": grad_input.reshape(x.shape),
    }


def _avg_pool2d(a: Results, o: dict[str, Any], g: Array) -> Results | None:
    x = a["input"]
    if g.size * math.prod(_both(o["kernel_size"])) > LONGEST:
        return None
    batch, g = (x, g) if x.ndim == 4 else (x[np.newaxis], g[np.newaxis])
    output = definition.avg_pool2d(batch, **_pooling(o))
    grad_input = definition.avg_pool2d_backward(g, batch.shape, **_pooling(o))
    return {"output": output.reshape(*x.shape[:-3], *output.shape[1:]), "grad_input": grad_input.reshape(x.shape)}


def _flatten(a: Results, o: dict[str, Any], g: Array) -> Results | None:
    x = a["input"]
    return {"output": definition.flatten(x, **o), "grad_input": definition.flatten_backward(g, x.shape)}


def _linear(a: Results, o: dict[str, Any], g: Array) -> Results | None:
    x, weight = a["input"], a["weight"]
    if x.ndim != 2 or weight.ndim != 2 or g.size * x.shape[1] > LONGEST:
        return None
    grad_input, grad_weight, grad_bias = definition.linear_backward(g, x, weight)
    results = {
        "output": definition.linear(x, weight, a.get("bias")),
        "grad_input": grad_input,
        "grad_weight": grad_weight,
    }
    return {**results, "grad_bias": grad_bias} if "bias" in a else results


def _over_classes(forward: Any, backward: Any) -> Any:
    """The witness of softmax or its logarithm: the paper has one row of classes, so the dimension moves last."""

    def witness(a: Results, o: dict[str, Any], g: Array) -> Results | None:
        x = a["input"]
        if x.ndim == 0 or x.size * x.shape[o["dim"]] > LONGEST or x.size == 0:
            return None
        rows = np.moveaxis(x, o["dim"], -1)
        flat = rows.reshape(-1, rows.shape[-1])
        output = forward(flat)
        grad_input = backward(np.moveaxis(g, o["dim"], -1).reshape(flat.shape), output)
        return {
            name: np.moveaxis(result.reshape(rows.shape), -1, o["dim"])
            for name, result in (("output", output), ("grad_input", grad_input))
        }

    return witness


def _cross_entropy(a: Results, o: dict[str, Any], g: Array) -> Results | None:
    x, target = a["input"], a["target"]
    if x.ndim > 2 or x.size * x.shape[-1] > LONGEST or x.size == 0:
        return None
    rows = x.reshape(-1, x.shape[-1])
    truth = target.reshape(rows.shape if target.dtype.kind == "f" else (len(rows),))
    g = g.reshape(len(rows)) if o["reduction"] == "none" else g
    output = definition.cross_entropy(rows, truth, a.get("weight"), **o)
    grad_input, grad_target = definition.cross_entropy_backward(g, rows, truth, a.get("weight"), **o)
    results = {
        "output": output.reshape(x.shape[:-1] if o["reduction"] == "none" else ()),
        "grad_input": grad_input.reshape(x.shape),
    }
    return results if grad_target is None else {**results, "grad_target": grad_target.reshape(x.shape)}


def _sgd(a: Results, o: dict[str, Any], g: Array) -> Results | None:
    parameter, velocity = a["parameter"].astype(np.float64), None
    for grad in a["grads"]:
        parameter, velocity = definition.sgd_step(parameter, grad, velocity, **o)
    return {"output": parameter}


_WITNESSES = {
    "conv2d": _conv2d,
    "pad": _pad,
    "relu": _relu,
    "max_pool2d": _max_pool2d,
    "avg_pool2d": _avg_pool2d,
    "flatten": _flatten,
    "linear": _linear,
    "softmax": _over_classes(definition.softmax, definition.softmax_backward),
    "log_softmax": _over_classes(definition.log_softmax, definition.log_softmax_backward),
    "cross_entropy": _cross_entropy,
    "sgd": _sgd,
}
