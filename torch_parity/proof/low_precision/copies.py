"""Gradients that add up copies of the upstream gradient."""

from typing import Any

import numpy as np
import numpy.typing as npt

from torch_parity.proof.cases import Case
from torch_parity.proof.low_precision.arithmetic import Arithmetic, Wanted

Array = npt.NDArray[Any]


def copies(a: Arithmetic, exact: Array, case: Case, magnitude: Array, terms: Array) -> dict[str, Wanted]:
    """A gradient that adds up copies of the upstream gradient: a single one is that copy, several round."""
    additions = np.maximum(terms - 1, 0)
    times = np.minimum(additions, 1) if a.accumulator("grad_input") == "float32" else additions
    bound = np.where(additions == 0, 0, a.of_sum(exact, magnitude, additions, times))
    if case.kind in ("lattice", "ties"):
        return {"grad_input": a.on_lattice(exact, magnitude, bound, False)}
    return {"grad_input": (exact, bound)}
