"""Bounds of the sigmoid linear unit."""

from typing import Any

import numpy as np

from torch_parity.proof.bounds.rounding import Array, Bounds, gamma
from torch_parity.proof.bounds.sigmoid import Sigmoid
from torch_parity.proof.cases import Case


def silu(case: Case, grad_output: Array) -> Bounds:
    """x s, s = sigmoid(x), and its gradient g s (1 + x (1 - s))."""
    output, grad_input = silu_errors(case.arrays["input"], grad_output, case.dtype)
    return {"output": 2 * output, "grad_input": 2 * grad_input}


def silu_errors(input: Array, grad_output: Array, dtype: np.dtype[Any]) -> tuple[Array, Array]:
    """How far computed results stray from the truth; NaN where x is not finite, and both sides must say the same.

    The output carries the error of s, and is rounded; torch's x / (1 + exp(-x)) rounds once less.  In the gradient
    1 - s is off by the error of s and one rounding, and so is the bracket by |x| times that, a product and a sum; the
    two factors carry their errors into the product, which is rounded twice.
    """
    error, tiny = Sigmoid(input, dtype), float(np.finfo(dtype).tiny)
    x, g = np.asarray(input, np.float64), np.abs(np.asarray(grad_output, np.float64))
    s, off, size = error.s, error.error, np.abs(x)
    output = size * off + gamma(2, dtype) * size * (s + off) + tiny
    rest = error.rest + off
    bracket = 1 + x * error.rest
    bracket_off = size * (off + gamma(2, dtype) * rest) + error.u * (1 + size * rest)
    product = off * np.abs(bracket) + (s + off) * bracket_off
    grad = g * (product + gamma(3, dtype) * (s + off) * (np.abs(bracket) + bracket_off)) + (1 + g) * tiny
    known = np.isfinite(x)
    return np.where(known, output, np.nan), np.where(known, grad, np.nan)
