"""Padding."""

from typing import Any

import numpy as np
import numpy.typing as npt

import reference
from torch_parity.proof import bounds
from torch_parity.proof.cases import Case
from torch_parity.proof.low_precision.arithmetic import Arithmetic, Results
from torch_parity.proof.low_precision.copies import copies

Array = npt.NDArray[Any]


def pad(a: Arithmetic, case: Case, grad_output: Array, ours: dict[str, Array]) -> Results:
    """A border of a constant copies; other borders are filled from the image, whose gradient adds them up."""
    options = case.arguments
    if options["mode"] == "constant":
        return {}
    shape = case.arrays["input"].shape
    magnitude, terms = (
        reference.pad_backward(g, shape, options["pad"], options["mode"])
        for g in (bounds.finite_magnitude(grad_output), np.ones(grad_output.shape))
    )
    return copies(a, ours["grad_input"], case, magnitude, terms)
