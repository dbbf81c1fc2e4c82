"""Gradients with their norm limited."""

from typing import Any

import numpy as np
import numpy.typing as npt

from torch_parity.proof import bounds
from torch_parity.proof.cases import Case
from torch_parity.proof.low_precision.arithmetic import FLOAT32, Arithmetic, Results

Array = npt.NDArray[Any]


def clip_grad_norm(a: Arithmetic, case: Case, grad_output: Array, ours: dict[str, Array]) -> Results:
    """Norms are added up in float32, and rounded; so are the factor and the products.

    torch multiplies by the norm's reciprocal, which in float16 overflows for a norm near 0, as does a large norm.
    Nothing is known there.
    """
    info = np.finfo(FLOAT32)
    sums = bounds.Precision(float(info.eps) / 2, float(info.tiny), float(info.max))
    errors = bounds.clip_grad_norm_errors(case, sums, bounds.Precision(a.u, a.spacing, a.max))
    if not 2 / a.max <= float(ours["norm"]) <= a.max / 4:
        errors |= dict.fromkeys(("output", "other"), np.asarray(np.inf))
    return {name: (ours[name], error) for name, error in errors.items()}
