"""Adaptive average pooling."""

from typing import Any

import numpy as np
import numpy.typing as npt

from torch_parity.proof import bounds
from torch_parity.proof.cases import Case
from torch_parity.proof.low_precision.arithmetic import FLOAT32, Arithmetic, Results, Wanted

Array = npt.NDArray[Any]


def adaptive_avg_pool2d(a: Arithmetic, case: Case, grad_output: Array, ours: dict[str, Array]) -> Results:
    """T terms and two divisions.  The sum over all pixels, for an output of 1 x 1, is rounded before it is divided."""
    magnitude, terms = bounds.adaptive_magnitudes(case, grad_output, FLOAT32)
    mean = bounds.adaptive_sizes(case)[1] == (1, 1)
    wanted: dict[str, Wanted] = {}
    for name, exact in ours.items():
        times = 1 if a.accumulator(name) == "float32" else terms + 2
        bound = a.of_sum(exact, magnitude[name], terms + 1, times + mean)
        if mean and name == "output":
            bound = np.where(magnitude[name] * terms > a.max / 4, np.inf, bound)
        wanted[name] = exact, bound
    return wanted
