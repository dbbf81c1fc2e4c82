"""Leaky ReLU."""

from typing import Any

import numpy as np
import numpy.typing as npt

from torch_parity.proof.bounds import gamma
from torch_parity.proof.cases import Case
from torch_parity.proof.low_precision.arithmetic import FLOAT32, Arithmetic, Results

Array = npt.NDArray[Any]


def leaky_relu(a: Arithmetic, case: Case, grad_output: Array, ours: dict[str, Array]) -> Results:
    """x, or x times the slope, which is rounded to float32 first, as the product is, and that to the dtype."""
    return {name: (exact, a.rounded_once(exact, gamma(2, FLOAT32) * np.abs(exact))) for name, exact in ours.items()}
