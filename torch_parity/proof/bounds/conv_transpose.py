"""Bounds of transposed convolution."""

from typing import Any

import numpy as np

from torch_parity.proof.bounds.rounding import Array, Bounds, of_sum
from torch_parity.proof.cases import Case


def conv_transpose2d_terms(case: Case, grad_output: Array) -> dict[str, Any]:
    """How many products, and biases, a transposed convolution adds up for one element of each result.

    An output has the bias, and for each of the C/G channels one product for every pixel whose stamp reaches it.  Along
    one axis those are the pairs of a pixel i and a tap m with i s + m d - p = r; rows and columns are chosen freely, so
    the numbers multiply.  They are counted, pixel by pixel: at most ceil(k / s) per axis without dilation, and fewer at
    the edges and between stamps that leave gaps.

    A pixel's gradient has one product per tap and output channel of its group, a weight's one per pixel of the batch, a
    bias's one term per output pixel of the batch.
    """
    x, weight, groups = case.arrays["input"], case.arrays["weight"], case.arguments["groups"]
    rows, columns = (
        np.bincount(places[(places >= 0) & (places < size)], minlength=size)
        for places, size in zip(_places(case), grad_output.shape[-2:], strict=True)
    )
    return {
        "output": len(weight) // groups * np.outer(rows, columns) + 1,
        "grad_input": weight[0].size,
        "grad_weight": x.size // len(weight),
        "grad_bias": grad_output.size // (weight.shape[1] * groups),
    }


def conv_transpose2d(case: Case, magnitude: dict[str, Array], grad_output: Array) -> Bounds:
    """Transposed convolution: sums of products.

    A pixel that is NaN or infinite, and a tap that stamps it where it is cut off: some of torch's backends multiply it
    by a gradient of 0 there, which is NaN, others leave it out.  Nothing is known of that weight's gradient.
    """
    terms = conv_transpose2d_terms(case, grad_output)
    found = {name: of_sum(magnitude[name], terms[name], case.dtype) for name in magnitude}
    unknown = ~np.isfinite(case.arrays["input"].reshape(-1, *case.arrays["input"].shape[-3:]))
    down, across = (
        (places >= 0) & (places < size) for places, size in zip(_places(case), grad_output.shape[-2:], strict=True)
    )
    met = np.einsum("nchw,hm,wk->cmk", unknown.astype(int), down.astype(int), across.astype(int))
    cut_off = met < unknown.sum((0, 2, 3))[:, np.newaxis, np.newaxis]
    found["grad_weight"] = np.where(cut_off[:, np.newaxis], np.inf, found["grad_weight"])
    return found


def _places(case: Case) -> list[Array]:
    """Along either axis: which row, or column, of the output pixel i stamps through tap m, (pixels, taps)."""
    x, weight, o = case.arrays["input"], case.arrays["weight"], case.arguments
    stride, padding, dilation = (_both(o[name]) for name in ("stride", "padding", "dilation"))
    return [
        np.add.outer(np.arange(x.shape[axis]) * stride[axis], np.arange(weight.shape[axis]) * dilation[axis])
        - padding[axis]
        for axis in (-2, -1)
    ]


def _both(value: Any) -> tuple[int, int]:
    spelled = (value,) if isinstance(value, int) else value
    return spelled[0], spelled[-1]
