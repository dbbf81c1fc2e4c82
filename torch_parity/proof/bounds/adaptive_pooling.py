"""Bounds of average pooling to a given size."""

import math
from typing import Any

import numpy as np
import torch.nn.functional as F

from torch_parity.proof.backend import tensor
from torch_parity.proof.bounds.rounding import Array, Bounds, finite_magnitude, gamma, magnitudes, of_sum
from torch_parity.proof.cases import Case


def adaptive_sizes(case: Case) -> tuple[tuple[int, int], tuple[int, int]]:
    """(H, W) and (oH, oW)."""
    height, width = case.arrays["input"].shape[-2:]
    size = case.arguments["output_size"]
    rows, columns = (size, size) if isinstance(size, int) else size
    return (height, width), (height if rows is None else rows, width if columns is None else columns)


def most_terms(sizes: tuple[int, int], outputs: tuple[int, int]) -> int:
    """The pixels of the largest window, or where that is more, the windows that see one pixel.

    A window covers n / o pixels, and touches one more at either end at most; a pixel is seen by the windows that
    another one of o / n outputs would be made of.
    """

    def longest(size: int, count: int) -> int:
        return max(-(-(i + 1) * size // count) - i * size // count for i in range(count))

    pixels = math.prod(longest(n, o) for n, o in zip(sizes, outputs, strict=True))
    return max(pixels, math.prod(longest(o, n) for n, o in zip(sizes, outputs, strict=True)))


def adaptive_magnitudes(case: Case, grad_output: Array, dtype: np.dtype[Any]) -> tuple[dict[str, Array], int]:
    """The formula on absolute values, infinite where a sum in ``dtype`` may overflow; and the most terms of a sum."""
    finite = Case(case.kind, case.dtype, {"input": finite_magnitude(case.arrays["input"])}, case.arguments)
    found = magnitudes(F.adaptive_avg_pool2d, finite, finite_magnitude(grad_output), ("input",))
    terms = most_terms(*adaptive_sizes(case))
    largest = float(np.finfo(dtype).max) / 4 / terms  # a sum is the mean times the number of terms
    return {name: np.where(m > largest, np.inf, m) for name, m in found.items()}, terms


def adaptive_avg_pool2d(case: Case, grad_output: Array) -> Bounds:
    """Where the order of the sums is not known: T terms, T - 1 additions, and two divisions, by height and by width.

    So a term passes through T + 1 roundings at most; a single division by the number of pixels is one less.  The
    gradient divides first and adds up then, as many terms as windows see a pixel.
    """
    magnitude, terms = adaptive_magnitudes(case, grad_output, case.dtype)
    return {name: of_sum(magnitude[name], terms + 1, case.dtype) for name in magnitude}


def adaptive_mean(case: Case, grad_output: Array) -> Bounds:
    """An output of 1 x 1, which torch computes as a mean over all pixels, in an order that depends on the processor.

    On the lattice no sum rounds, and there is one division on both sides, of the same numbers; so is the gradient's.
    """
    if adaptive_sizes(case)[1] != (1, 1) or case.kind in ("lattice", "ties"):
        return {}
    return {"output": adaptive_avg_pool2d(case, grad_output)["output"]}


def adaptive_adjoint(case: Case, grad_output: Array, direction: Array, step: float) -> float:
    """How far rounding may take apart the two sides of the adjoint identity; ``step`` is h.

        <g, f(x + h d) - f(x)> / h   =   <gradient, d>

    As for average pooling (``avg_pool2d_adjoint``), f is linear with positive coefficients, and the roundings of one
    product are counted.  With T terms in a sum at most, M outputs and P pixels:

        g_i a_ip (x_p + h d_p) / h   the sum x + h d, T - 1 additions, two divisions; the difference of the outputs,
                                     the product with g, M - 1 additions over the outputs:                T + M + 3
        g_i a_ip d_p                 two divisions, T - 1 additions of windows, the product with d, P - 1 additions
                                     over the pixels:                                                     T + P + 1
    """
    x, g, double = case.arrays["input"], np.abs(grad_output.astype(np.float64)), np.dtype(np.float64)
    terms = most_terms(*adaptive_sizes(case))
    roundings = terms + g.size + 3

    def magnitude(pixels: Array) -> float:
        means = F.adaptive_avg_pool2d(tensor(np.abs(pixels.astype(np.float64))), **case.arguments).numpy()
        return float((g * means).sum() * (1 + gamma(roundings, double)))

    of_outputs = gamma(roundings, case.dtype) * magnitude(np.abs(x + step * direction) + np.abs(x)) / step
    return float(of_outputs + gamma(terms + x.size + 1, case.dtype) * magnitude(direction))
