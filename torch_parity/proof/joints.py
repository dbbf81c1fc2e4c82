"""What stands between the formulas of a network: sums, products, means, concatenations and changes of shape.

They are no rows of ``PAIRS``, having no file in ``reference``; a network is proven with them as with those.  Copies do
not round, and sum and product of two numbers round as IEEE 754 says: both sides have the same bits.  A mean, and the
gradient of what was repeated, is a sum of many.
"""

import math
from collections.abc import Callable, Mapping
from typing import Any, NoReturn

import numpy as np
import torch

import reference
from torch_parity.proof import bounds
from torch_parity.proof.cases import Case, Draw
from torch_parity.proof.pairs import Array, Arrays, Pair

# A joint with the arguments of one call of it, arrays and others.
Joined = tuple[Pair, dict[str, torch.Tensor], dict[str, Any]]


def _no_cases(draw: Draw, kind: str, dtype: np.dtype[Any]) -> NoReturn:
    raise NotImplementedError("a joint has no cases but those in networks")


def _joint(name: str, formula: str, twin: Callable[..., Any], **rest: Any) -> Pair:
    return Pair(name=name, twin_name=f"torch.{name}", formula=formula, cases=_no_cases, twin=twin, **rest)


def _of_both(name: str, formula: str, operation: Any, slopes: Callable[[Arrays], tuple[Any, Any]]) -> Pair:
    """A joint y = f(a, b), number by number; ``slopes`` are dy/da and dy/db.

    It rounds once, and a gradient at most once, the same on both sides.  But where one of the arrays was repeated to
    fit the other, its gradient is a sum.
    """

    def backward(g: Array, arrays: Arrays, options: dict[str, Any], y: Array) -> list[Array]:
        both = zip(arrays.values(), slopes(arrays), strict=True)
        return [_of_shape(g * slope, array.shape) for array, slope in both]

    def expected(case: Case, grad_output: Array) -> dict[str, Array | None]:
        found: dict[str, Array | None] = {}
        for (name, array), slope in zip(case.arrays.items(), slopes(case.arrays), strict=True):
            if array.shape != grad_output.shape:
                magnitude = _of_shape(np.abs(grad_output * slope), array.shape)
                terms = grad_output.size // max(1, array.size)
                found["grad_" + name] = bounds.of_sum(magnitude, terms, case.dtype)
        return found

    return _joint(
        name,
        formula,
        getattr(torch, name),
        forward=lambda input, other: operation(input, other),
        backward=backward,
        gradients=("input", "other"),
        expected=expected,
    )


def _of_shape(array: Array, shape: tuple[int, ...]) -> Array:
    """``array`` summed over the axes along which one of ``shape`` was repeated."""
    if array.shape == shape:
        return array
    longer = (1,) * (array.ndim - len(shape)) + shape
    axes = tuple(axis for axis, size in enumerate(longer) if size == 1)
    return np.asarray(array.sum(axes, keepdims=True).reshape(shape))


ADD = _of_both("add", "y = a + b", np.add, lambda arrays: (1.0, 1.0))
MUL = _of_both("mul", "y = a b", np.multiply, lambda arrays: (arrays["other"], arrays["input"]))
RESHAPE = _joint(
    "reshape",
    "y = x in another shape",
    torch.reshape,
    forward=lambda input, shape: input.reshape(shape),
    backward=lambda g, a, o, y: [g.reshape(a["input"].shape)],
)


def _cat(names: tuple[str, ...]) -> Pair:
    """The concatenation of as many arrays: each has its own part of the gradient."""

    def parts(g: Array, arrays: dict[str, Array], options: dict[str, Any], y: Array) -> list[Array]:
        sizes = [arrays[name].shape[options["dim"]] for name in names]
        return np.split(g, np.cumsum(sizes)[:-1], axis=options["dim"])

    return _joint(
        "cat",
        "y = a, then b, then ...",
        lambda dim, **tensors: torch.cat([tensors[name] for name in names], dim),
        forward=lambda dim, **arrays: np.concatenate([arrays[name] for name in names], axis=dim),
        backward=parts,
        gradients=names,
    )


def _mean_bounds(case: Case, grad_output: Array) -> dict[str, Array | None]:
    """A sum of H * W pixels, in whatever order, and a division; a pixel's gradient is one division."""
    x = case.arrays["input"]
    count = math.prod(x.shape[-2:])
    magnitude = np.abs(x).mean(axis=(-2, -1), keepdims=case.arguments["keepdim"])
    g = _as_pixels(grad_output, x)
    return {
        "output": bounds.of_sum(magnitude, count + 1, case.dtype),
        "grad_input": bounds.of_sum(np.broadcast_to(np.abs(g) / count, x.shape), 2, case.dtype),
    }


def _as_pixels(means: Array, x: Array) -> Array:
    """``means`` (N, C) or (N, C, 1, 1) of the images ``x`` as images of a single pixel."""
    return means.reshape(*x.shape[:-2], 1, 1)


def _mean(input: Array, keepdim: bool) -> Array:
    means = reference.adaptive_avg_pool2d(input, 1)
    return means if keepdim else means.reshape(input.shape[:-2])


MEAN = _joint(
    "mean",
    "y = 1/(H W) sum_{i,j} x[i,j]",
    lambda input, keepdim: torch.mean(input, (-2, -1), keepdim),
    forward=_mean,
    backward=lambda g, a, o, y: [reference.adaptive_avg_pool2d_backward(_as_pixels(g, a["input"]), a["input"].shape)],
    expected=_mean_bounds,
)


def _both(pair: Pair) -> Callable[..., Joined]:
    def joined(input: torch.Tensor, other: Any, *, alpha: Any = 1) -> Joined:
        if not isinstance(other, torch.Tensor):
            other = torch.tensor(float(other), dtype=input.dtype)
        if alpha != 1 or input.dtype != other.dtype:
            raise ValueError(f"it must have two arrays of one dtype, and alpha 1, got {other.dtype} and alpha={alpha}")
        return pair, {"input": input, "other": other}, {}

    return joined


def _concatenated(tensors: Any, dim: int = 0) -> Joined:
    named = {f"part{number}": tensor for number, tensor in enumerate(tensors)}
    return _cat(tuple(named)), named, {"dim": dim}


def _averaged(input: torch.Tensor, dim: Any = None, keepdim: bool = False) -> Joined:
    both = {input.ndim - 2, input.ndim - 1}
    if input.ndim < 3 or not isinstance(dim, tuple | list) or {d % input.ndim for d in dim} != both:
        raise ValueError("it must be the mean over rows and columns, dim=(-2, -1)")
    return MEAN, {"input": input}, {"keepdim": keepdim}


def _reshaped(function: Callable[..., torch.Tensor]) -> Callable[..., Joined]:
    """``function`` is one of torch's that give the same numbers in the same order: its result has the new shape."""

    def joined(input: torch.Tensor, *args: Any, **options: Any) -> Joined:
        return RESHAPE, {"input": input}, {"shape": tuple(function(input.detach(), *args, **options).shape)}

    return joined


# By the name that torch's functions and a tensor's methods have in common.
JOINTS: Mapping[str, Callable[..., Joined]] = {
    "add": _both(ADD),
    "mul": _both(MUL),
    "cat": _concatenated,
    "concat": _concatenated,
    "mean": _averaged,
    **{
        name: _reshaped(getattr(torch.Tensor, name))
        for name in ("view", "reshape", "squeeze", "unsqueeze", "contiguous", "clone")
    },
}
