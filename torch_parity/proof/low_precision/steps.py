"""Steps of an optimizer."""

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

from torch_parity.proof import bounds
from torch_parity.proof.cases import Case
from torch_parity.proof.low_precision.arithmetic import Arithmetic, Results

Array = npt.NDArray[Any]


def sgd(a: Arithmetic, case: Case, grad_output: Array, ours: dict[str, Array]) -> Results:
    """Every operation of a step rounds what it stores to 16 bits: ``bounds.sgd_error`` with that u."""
    bound = bounds.sgd_error(case, a.u, a.spacing)
    return {"output": (ours["output"], np.where(np.abs(ours["output"]) + bound > a.max / 4, np.inf, bound))}


def steps(error: Callable[[Case, bounds.Precision], Array]) -> Any:
    """Every operation of a step rounds what it stores to 16 bits."""

    def rule(a: Arithmetic, case: Case, grad_output: Array, ours: dict[str, Array]) -> Results:
        return {"output": (ours["output"], error(case, bounds.Precision(a.u, a.spacing, a.max)))}

    return rule
