"""The sigmoid."""

from typing import Any

import numpy as np
import numpy.typing as npt

from torch_parity.proof import bounds
from torch_parity.proof.cases import Case
from torch_parity.proof.low_precision.arithmetic import FLOAT32, Arithmetic, Results

Array = npt.NDArray[Any]


def sigmoid(a: Arithmetic, case: Case, grad_output: Array, ours: dict[str, Array]) -> Results:
    """y, float32 inside, and g (1 - y) y from the rounded y.

    torch's CPU takes its three steps in float16 in the elements that do not fill a vector, and each rounds.
    """
    error = bounds.Sigmoid(case.arrays["input"], FLOAT32)
    output = a.rounded_once(ours["output"], error.error)
    steps = a.gamma(3) * np.abs(grad_output) * (error.s + output) * (error.rest + output)
    grad_error = bounds.sigmoid_grad(error, grad_output, output, FLOAT32) + steps
    grad_error = grad_error + a.spacing * (1 + np.abs(grad_output))
    grad = a.rounded_once(ours["grad_input"], grad_error)
    return {"output": (ours["output"], output), "grad_input": (ours["grad_input"], grad)}
