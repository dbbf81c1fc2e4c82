"""Batch normalisation."""

from typing import Any

import numpy as np
import numpy.typing as npt

from torch_parity.proof import bounds
from torch_parity.proof.cases import Case
from torch_parity.proof.low_precision.arithmetic import FLOAT32, Arithmetic, Results, Wanted

Array = npt.NDArray[Any]


def batch_norm(a: Arithmetic, case: Case, grad_output: Array, ours: dict[str, Array]) -> Results:
    """float32 inside; mu and s, which the gradient needs again, are stored in 16 bits, and so is every result.

    Kernels that store x_hat's factor and shift first round those: three roundings of what the results are made of.
    """
    one = bounds.Channels(case, FLOAT32, stored=a.u)
    found = bounds.BatchNormErrors(case, grad_output, one, a.max)
    wanted: dict[str, Wanted] = {}
    for name, error in found.errors.items():
        if name in ours:
            rounded_last = a.gamma(3) * found.sizes[name] + a.spacing * found.factors.max(initial=1)
            unknown = np.isinf(error) | (found.sizes[name] > a.max / 4)
            wanted[name] = ours[name], np.where(unknown, np.inf, error + rounded_last)
    return wanted
