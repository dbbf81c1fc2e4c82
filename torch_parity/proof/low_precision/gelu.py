"""GELU."""

import math
from typing import Any

import numpy as np
import numpy.typing as npt

from torch_parity.proof import bounds
from torch_parity.proof.cases import Case
from torch_parity.proof.low_precision.arithmetic import FLOAT32, Arithmetic, Results

Array = npt.NDArray[Any]


def gelu(a: Arithmetic, case: Case, grad_output: Array, ours: dict[str, Array]) -> Results:
    """Output and gradient from x: float32 inside, rounded once.

    Where the square of x overflows float32, 0 times it is NaN in the gradient of the approximation.
    """
    x = case.arrays["input"]
    output, grad = bounds.gelu_errors(x, grad_output, case.arguments["approximate"], FLOAT32)
    grad = np.where(np.isfinite(x) & (np.abs(x) > math.sqrt(np.finfo(np.float32).max) / 4), np.inf, grad)
    return {
        name: (ours[name], a.rounded_once(ours[name], error)) for name, error in zip(ours, (output, grad), strict=True)
    }
