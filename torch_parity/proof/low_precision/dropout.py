"""Dropout."""

from typing import Any

import numpy as np
import numpy.typing as npt

from torch_parity.proof import bounds
from torch_parity.proof.bounds import gamma
from torch_parity.proof.cases import Case
from torch_parity.proof.low_precision.arithmetic import FLOAT32, Arithmetic, Results, Wanted

Array = npt.NDArray[Any]


def dropout(a: Arithmetic, case: Case, grad_output: Array, ours: dict[str, Array]) -> Results:
    """1 / (1 - p) is rounded, and the product with it; nothing is where all is kept, or nothing."""
    if not case.arguments["training"] or case.arguments["p"] in (0, 1):
        return {}
    wanted: dict[str, Wanted] = {}
    for name, exact in ours.items():
        size = bounds.finite_magnitude(exact)
        bound = (a.gamma(2) + gamma(2, FLOAT32)) * size + a.spacing
        wanted[name] = exact, np.where(size > a.max / 4, np.inf, bound)
    return wanted
