"""Softmax and its logarithm."""

from typing import Any

import numpy as np
import numpy.typing as npt

from torch_parity.proof import bounds
from torch_parity.proof.bounds import gamma
from torch_parity.proof.cases import Case
from torch_parity.proof.low_precision.arithmetic import FLOAT32, Arithmetic, Results

Array = npt.NDArray[Any]


class StoredProbabilities(bounds.Probabilities):
    """softmax in float32, rounded to 16 bits where torch stores it.

    Some kernels store exp(x - max) in the dtype and divide it there by the sum of the stored ones, so that a
    probability is rounded up to three times.  In log_softmax some store the sum (an error of u in its logarithm), the
    logarithm, and x - max.  The gradient of log_softmax raises the stored result to a power again.
    """

    def __init__(self, scores: Array, axis: int, arithmetic: Arithmetic) -> None:
        """Of ``scores`` along ``axis``."""
        super().__init__(scores, axis, FLOAT32)
        a = arithmetic
        with np.errstate(all="ignore"):
            self.p_error = self.p_error + a.gamma(3) * self.p + 3 * a.spacing
            stored = 1 + np.abs(np.log(self.sum)) + np.abs(self.shifted) + np.abs(self.log_p)
            self.log_p_error = self.log_p_error + a.gamma(1) * stored + a.spacing
            # Scores further apart than the dtype can say.
            self.apart = np.isfinite(self.shifted) & (np.abs(self.shifted) > a.max / 4)
            self.log_p_error = np.where(self.apart, np.inf, self.log_p_error)
            off = self.log_p_error + bounds.FUNCTION_ULPS * 2 * self.u
            self.exp_error = np.where(self.p > 0, self.p * np.expm1(off), 0) + self.tiny


def softmax(a: Arithmetic, case: Case, grad_output: Array, ours: dict[str, Array]) -> Results:
    """y, and y_i (g_i - sum_c g_c y_c) from the rounded y: float32 inside, rounded once."""
    x, axis = case.arrays["input"], case.arguments["dim"]
    error = StoredProbabilities(x, axis, a)
    g = np.abs(np.atleast_1d(grad_output))
    inner = (g * error.p).sum(axis, keepdims=True)
    carried = error.p_error * (g + inner) + error.p * (g * error.p_error).sum(axis, keepdims=True)
    arithmetic = (gamma(error.p.shape[axis] + 2, FLOAT32) + a.u) * error.p * (g + inner)
    grad_error = 2 * carried + arithmetic + a.spacing + error.tiny * (1 + g + g.sum(axis, keepdims=True))
    found = {"output": error.p_error, "grad_input": np.where(g + inner > a.max / 4, np.inf, grad_error)}
    return {name: (ours[name], bound.reshape(x.shape)) for name, bound in found.items()}


def log_softmax(a: Arithmetic, case: Case, grad_output: Array, ours: dict[str, Array]) -> Results:
    """log p, and g_i - p_i sum_c g_c from the rounded log p: float32 inside, rounded once."""
    x, axis = case.arrays["input"], case.arguments["dim"]
    error = StoredProbabilities(x, axis, a)
    g = np.atleast_1d(grad_output)
    grad_error = log_softmax_grad(a, error, g, np.zeros_like(g), axis)
    found = {"output": error.log_p_error, "grad_input": grad_error}
    return {name: (ours[name], bound.reshape(x.shape)) for name, bound in found.items()}


def log_softmax_grad(a: Arithmetic, error: StoredProbabilities, g: Array, g_error: Array, axis: int) -> Array:
    """The bound of the gradient where the upstream gradient ``g`` is off by ``g_error``."""
    size = np.abs(g) + error.p * np.abs(g).sum(axis, keepdims=True)
    grad_error = bounds.log_softmax_grad(error, g, g_error, axis) + a.gamma(1) * size + a.spacing
    return np.where(size > a.max / 4, np.inf, grad_error)
