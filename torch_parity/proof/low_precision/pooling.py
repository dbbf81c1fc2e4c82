"""Max and average pooling."""

from typing import Any

import numpy.typing as npt

from torch_parity.proof import bounds
from torch_parity.proof.cases import Case
from torch_parity.proof.low_precision.arithmetic import FLOAT32, Arithmetic, Results, Wanted
from torch_parity.proof.low_precision.copies import copies

Array = npt.NDArray[Any]


def max_pool2d(a: Arithmetic, case: Case, grad_output: Array, ours: dict[str, Array]) -> Results:
    """A maximum is a copy; a pixel that is one of several windows gets the sum of their gradients."""
    return copies(a, ours["grad_input"], case, *bounds.max_pool2d_shares(case, grad_output))


def avg_pool2d(a: Arithmetic, case: Case, grad_output: Array, ours: dict[str, Array]) -> Results:
    """kH * kW terms and a division, or 1/D and a product; in 16 bits each share g / D is rounded, and each sum."""
    magnitude, taps = bounds.avg_pool2d_magnitudes(case, grad_output, FLOAT32)
    wanted: dict[str, Wanted] = {}
    for name, exact in ours.items():
        times = 1 if a.accumulator(name) == "float32" else taps + 2
        wanted[name] = exact, a.of_sum(exact, magnitude[name], taps + 2, times)
    return wanted
