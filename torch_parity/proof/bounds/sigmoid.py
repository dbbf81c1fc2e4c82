"""Bounds of the sigmoid, and of what is made of it."""

from typing import Any

import numpy as np

from torch_parity.proof.bounds.rounding import FUNCTION_ULPS, Array, Bounds, gamma, unit_roundoff
from torch_parity.proof.cases import Case


class Sigmoid:
    """s = sigmoid(x) in double precision, and how far float results stray from it.

    With z = exp(-|x|), both sides compute 1 / (1 + z) where x >= 0; else the reference computes z / (1 + z), torch
    1 / (1 + 1/z).  An error in z, of t = FUNCTION_ULPS * 2u relative to z, moves the logarithm of each of the three by
    (1 - s) times as much: d log(1 / (1 + z)) = -z / (1 + z) d log z, and z / (1 + z) = 1 - s, and so on.  The addition
    and the division round, so that s is off by

        s ((1 - s) t + 2u)

    Twice that covers the products of errors.  Where z < u, 1 + z is rounded to 1, and so is s if x > 0: then it is off
    by 1 - s.  (``saturated`` asks for u / 32, where tanh is 1 on both sides, too: a test measures it.)  What is below
    the smallest normal number may be lost altogether: exp(-x) overflows in torch.
    """

    def __init__(self, x: Array, dtype: np.dtype[Any], off: float | Array = 0.0) -> None:
        """Compute all of it, for results of ``dtype`` and an x that is off by ``off`` relative to itself."""
        self.u, info = unit_roundoff(dtype), np.finfo(dtype)
        x = np.asarray(x, np.float64)
        z = np.exp(-np.abs(x))
        self.s = np.where(x > 0, 1, z) / (1 + z)
        self.rest = np.where(x > 0, z, 1) / (1 + z)  # 1 - s, with its digits
        function = FUNCTION_ULPS * 2 * self.u + off * np.abs(np.where(z > 0, x, 0))
        lost = np.minimum(self.s, float(info.tiny)) + float(info.smallest_subnormal)
        error = 2 * self.s * (self.rest * function + 2 * self.u) + lost
        self.saturated = z < self.u / 32
        self.error = np.where(self.saturated & (x > 0), self.rest, error)


def sigmoid(case: Case, grad_output: Array) -> Bounds:
    """sigmoid, and its gradient from a computed y."""
    error = Sigmoid(case.arrays["input"], case.dtype)
    return {"output": 2 * error.error, "grad_input": 2 * sigmoid_grad(error, grad_output, error.error, case.dtype)}


def sigmoid_grad(error: Sigmoid, grad_output: Array, y_error: Array, dtype: np.dtype[Any]) -> Array:
    """Error of g (1 - y) y from a y that is off by ``y_error``.

    y (1 - y) has a slope of at most 1 in y; one subtraction and two products round.
    """
    g = np.abs(np.asarray(grad_output, np.float64))
    product = (error.s + y_error) * (error.rest + y_error)
    return np.asarray(g * (y_error + gamma(3, dtype) * product) + (1 + g) * float(np.finfo(dtype).tiny))
