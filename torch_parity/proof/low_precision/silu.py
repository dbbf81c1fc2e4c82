"""SiLU."""

from typing import Any

import numpy.typing as npt

from torch_parity.proof import bounds
from torch_parity.proof.cases import Case
from torch_parity.proof.low_precision.arithmetic import FLOAT32, Arithmetic, Results

Array = npt.NDArray[Any]


def silu(a: Arithmetic, case: Case, grad_output: Array, ours: dict[str, Array]) -> Results:
    """Output and gradient from x: float32 inside, rounded once."""
    errors = bounds.silu_errors(case.arrays["input"], grad_output, FLOAT32)
    return {name: (ours[name], a.rounded_once(ours[name], error)) for name, error in zip(ours, errors, strict=True)}
