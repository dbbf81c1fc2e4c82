"""The hyperbolic tangent."""

from typing import Any

import numpy.typing as npt

from torch_parity.proof import bounds
from torch_parity.proof.cases import Case
from torch_parity.proof.low_precision.arithmetic import FLOAT32, Arithmetic, Results

Array = npt.NDArray[Any]


def tanh(a: Arithmetic, case: Case, grad_output: Array, ours: dict[str, Array]) -> Results:
    """y, and g (1 - y^2) from the rounded y: float32 inside, rounded once."""
    y = ours["output"]
    output = a.rounded_once(y, bounds.tanh_error(y, FLOAT32))
    grad_error = bounds.tanh_grad(y, grad_output, output, FLOAT32)
    return {"output": (y, output), "grad_input": (ours["grad_input"], a.rounded_once(ours["grad_input"], grad_error))}
