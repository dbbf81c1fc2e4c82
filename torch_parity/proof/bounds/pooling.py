"""Bounds of max and average pooling."""

import math
from typing import Any

import numpy as np
import torch.nn.functional as F

import reference
from torch_parity.proof.backend import tensor
from torch_parity.proof.bounds.rounding import Array, Bounds, finite_magnitude, gamma, magnitudes, of_sum
from torch_parity.proof.cases import Case


def max_pool2d_shares(case: Case, grad_output: Array) -> tuple[Array, Array]:
    """For each pixel, the sum of |g| over the windows whose maximum it is, and how many these are."""
    x = case.arrays["input"]
    _, indices = reference.max_pool2d(x, **case.arguments, return_indices=True)
    magnitude = reference.max_pool2d_backward(finite_magnitude(grad_output), indices, x.shape)
    return magnitude, reference.max_pool2d_backward(np.ones(indices.shape), indices, x.shape)


def max_pool2d(case: Case, grad_output: Array) -> Bounds:
    """The gradient of max pooling where the order of its sums is not known; a single window rounds nothing."""
    magnitude, windows = max_pool2d_shares(case, grad_output)
    if case.kind in ("lattice", "ties"):
        return {"grad_input": np.zeros(())}
    return {"grad_input": of_sum(magnitude, np.maximum(windows - 1, 0), case.dtype)}


def avg_pool2d_magnitudes(case: Case, grad_output: Array, dtype: np.dtype[Any]) -> tuple[dict[str, Array], int]:
    """Average pooling on absolute values, infinite where a sum in ``dtype`` may overflow; and the most taps it adds."""
    finite = Case(case.kind, case.dtype, {"input": finite_magnitude(case.arrays["input"])}, case.arguments)
    found = magnitudes(F.avg_pool2d, finite, finite_magnitude(grad_output), ("input",))
    taps = math.prod(np.broadcast_to(np.ravel(case.arguments["kernel_size"]), 2).tolist())
    # A sum is the mean times the divisor; divisor_override may be negative.
    largest = float(np.finfo(dtype).max) / 4 / max(taps, abs(case.arguments.get("divisor_override") or 0))
    return {name: np.where(np.abs(m) > largest, np.inf, np.abs(m)) for name, m in found.items()}, taps


def avg_pool2d(case: Case, grad_output: Array) -> Bounds:
    """Average pooling where the order of its sums is not known: kH * kW terms and a division, or 1/D and a product.

    As many windows at most share a pixel, so the same count holds for the gradient.
    """
    magnitude, taps = avg_pool2d_magnitudes(case, grad_output, case.dtype)
    return {name: of_sum(magnitude[name], taps + 2, case.dtype) for name in magnitude}


def avg_pool2d_adjoint(case: Case, grad_output: Array, direction: Array, step: float) -> float:
    """How far rounding may take apart the two sides of the adjoint identity of average pooling; ``step`` is h.

        <g, f(x + h d) - f(x)> / h   =   <gradient, d>

    f is linear, f(x)_i = sum_p a_ip x_p with a_ip = 1/D_i for the at most T = kH kW pixels of window i.  So both sides
    are sums of products, each product known, and it is enough to count the roundings that one passes through:

        g_i a_ip (x_p + h d_p) / h   the sum x + h d, T - 1 additions, the division by D; the difference of the outputs,
                                     the product with g, M - 1 additions over the M outputs:              T + M + 2
        g_i a_ip x_p / h             the same without the first:                                          T + M + 1
        g_i a_ip d_p                 the division by D, T - 1 additions of windows, the product with d, P - 1 additions
                                     over the P pixels:                                                   T + P

    The division by h, a power of two, is exact.  Hence, with |f| for f on absolute values,

        |left - right|  <=  gamma_{T+M+2} <|g|, |f|(|x + h d| + |x|)> / h  +  gamma_{T+P} <|g|, |f|(|d|)>

    and the magnitudes, computed in double precision themselves, may be too small by their own gamma_{T+M+2}.
    """
    x, g, double = case.arrays["input"], np.abs(grad_output.astype(np.float64)), np.dtype(np.float64)
    taps = math.prod(np.broadcast_to(np.ravel(case.arguments["kernel_size"]), 2).tolist())
    roundings = taps + g.size + 2

    def magnitude(pixels: Array) -> float:
        means = F.avg_pool2d(tensor(np.abs(pixels.astype(np.float64))), **case.arguments).numpy()
        return float((g * np.abs(means)).sum() * (1 + gamma(roundings, double)))

    of_outputs = gamma(roundings, case.dtype) * magnitude(np.abs(x + step * direction) + np.abs(x)) / step
    return float(of_outputs + gamma(taps + x.size, case.dtype) * magnitude(direction))
