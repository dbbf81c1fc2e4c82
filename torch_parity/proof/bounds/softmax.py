"""Bounds of softmax and of its logarithm."""

from typing import Any

import numpy as np

from torch_parity.proof.bounds.rounding import FUNCTION_ULPS, Array, Bounds, gamma, unit_roundoff
from torch_parity.proof.cases import Case


class Probabilities:
    """softmax of ``scores`` along ``axis`` in double precision, and how far float results stray from it.

    A computed difference s_c = x_c - max is off by u |s_c|, which exp turns into a relative error of u |s_c|; exp adds
    its own, t = FUNCTION_ULPS * 2u (an ulp is up to 2u of the number).  So the power e_c is off by a relative

        epsilon_c = u |s_c| + t

    their sum by the weighted mean of epsilon plus gamma_C, the division by u.  (The reference adds up what is left of
    the sum without its largest term, r, and takes log1p(r): an error of r moves that by as much as it moves log(1 + r),
    and the rounding of 1 + r falls away.)  Twice the total covers the products of errors, which are far smaller than
    the errors themselves while all are below 1/4.  Powers that underflow add the smallest normal number, relative to a
    sum of at least 1.
    """

    def __init__(self, scores: Array, axis: int, dtype: np.dtype[Any]) -> None:
        """Compute all of it, for results of ``dtype``."""
        self.dtype, self.u, self.tiny = dtype, unit_roundoff(dtype), float(np.finfo(dtype).tiny)
        x = np.atleast_1d(scores).astype(np.float64)
        with np.errstate(all="ignore"):
            self.shifted = x - x.max(axis, keepdims=True, initial=-np.inf)
            powers = np.exp(self.shifted)
            self.sum = powers.sum(axis, keepdims=True)
            self.p = powers / self.sum
            self.log_p = self.shifted - np.log(self.sum)
            function = FUNCTION_ULPS * 2 * self.u
            distance = np.where(powers > 0, np.abs(self.shifted), 0)
            epsilon = distance * self.u + function
            classes = x.shape[axis]
            self.sum_error = (self.p * epsilon).sum(axis, keepdims=True) + gamma(classes, dtype) + classes * self.tiny
            # of softmax
            self.p_error = 2 * self.p * (epsilon + self.sum_error + self.u) + self.tiny
            # of log_softmax: the log's argument, the log, the difference s_c and the subtraction
            self.log_p_error = (
                2
                * (
                    self.sum_error
                    + function * np.abs(np.log(self.sum))
                    + self.u * (np.abs(self.shifted) + np.abs(self.log_p))
                )
                + self.tiny
            )
            # of exp(log_softmax), as the gradient uses it
            self.exp_error = np.where(self.p > 0, 2 * self.p * (self.log_p_error + function), 0) + self.tiny


def softmax(case: Case, grad_output: Array) -> Bounds:
    """softmax, and its gradient y_i (g_i - sum_c g_c y_c) from a computed y.

    An error in y_c moves the sum by |g_c| times it, and so does one in y_i the whole; the arithmetic adds gamma_{C+2}
    of the absolute values.
    """
    x = case.arrays["input"]
    axis = case.arguments["dim"]
    error = Probabilities(x, axis, case.dtype)
    g = np.abs(np.atleast_1d(grad_output).astype(np.float64))
    inner = (g * error.p).sum(axis, keepdims=True)
    arithmetic = gamma(error.p.shape[axis] + 2, case.dtype) * error.p * (g + inner)
    carried = error.p_error * (g + inner) + error.p * (g * error.p_error).sum(axis, keepdims=True)
    underflow = error.tiny * (1 + g + g.sum(axis, keepdims=True))
    bounds = {"output": 2 * error.p_error, "grad_input": 2 * (arithmetic + 2 * carried + underflow)}
    return {name: bound.reshape(x.shape) for name, bound in bounds.items()}


def log_softmax(case: Case, grad_output: Array) -> Bounds:
    """log_softmax, and its gradient g_i - exp(y_i) sum_c g_c from a computed y."""
    x = case.arrays["input"]
    axis = case.arguments["dim"]
    error = Probabilities(x, axis, case.dtype)
    g = np.atleast_1d(grad_output).astype(np.float64)
    grad_error = log_softmax_grad(error, g, np.zeros_like(g), axis)
    bounds = {"output": 2 * error.log_p_error, "grad_input": 2 * grad_error}
    return {name: bound.reshape(x.shape) for name, bound in bounds.items()}


def log_softmax_grad(error: Probabilities, g: Array, g_error: Array, axis: int) -> Array:
    """Error of g_i - exp(y_i) sum_c g_c, where g itself is off by ``g_error``."""
    total = np.abs(g).sum(axis, keepdims=True)
    carried = g_error + error.p * g_error.sum(axis, keepdims=True) + error.exp_error * total
    arithmetic = gamma(error.p.shape[axis] + 2, error.dtype) * (np.abs(g) + error.p * total)
    return np.asarray(2 * carried + arithmetic + error.tiny * (1 + total))
