"""Bounds of tanh."""

from typing import Any

import numpy as np

from torch_parity.proof.bounds.rounding import FUNCTION_ULPS, Array, Bounds, gamma, unit_roundoff
from torch_parity.proof.cases import Case


def tanh(case: Case, grad_output: Array) -> Bounds:
    """tanh, a function of both libraries within FUNCTION_ULPS of the truth, and its gradient from a computed y."""
    y = np.tanh(case.arrays["input"].astype(np.float64))
    error = tanh_error(y, case.dtype)
    return {"output": 2 * error, "grad_input": 2 * tanh_grad(y, grad_output, error, case.dtype)}


def tanh_error(y: Array, dtype: np.dtype[Any]) -> Array:
    """Error of a computed y = tanh(x): some ulps, of at most 2u each, or of the smallest number."""
    info = np.finfo(dtype)
    return FUNCTION_ULPS * (2 * unit_roundoff(dtype) * np.abs(y) + float(info.smallest_subnormal))


def tanh_grad(y: Array, grad_output: Array, y_error: Array, dtype: np.dtype[Any]) -> Array:
    """Error of g (1 - y^2) from a y that is off by ``y_error``.

    y^2 is then off by (2 |y| + y_error) y_error.  Square, subtraction and product round, each by at most u, since
    neither y^2 nor 1 - y^2 is above 1.
    """
    g = np.abs(np.asarray(grad_output, np.float64))
    return np.asarray(g * ((2 * np.abs(y) + y_error) * y_error + gamma(3, dtype)) + float(np.finfo(dtype).tiny))
