"""The types of the definition's arrays, and its arithmetic."""

from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.floating[Any]]
Integers = npt.NDArray[np.integer[Any]]
Double = npt.NDArray[np.float64]

# IEEE 754 arithmetic: inf - inf is nan and 1 / 0 is inf, without a warning.
ieee754 = np.errstate(all="ignore")
