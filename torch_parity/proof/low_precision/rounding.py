"""Cases and numbers rounded to float16 or bfloat16."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from torch_parity.proof.backend import SIXTEEN_BIT, tensor
from torch_parity.proof.cases import Case

Array = npt.NDArray[Any]


@dataclass(frozen=True)
class Rounded(Case):
    """A case whose numbers, the upstream gradient's too, are those of a 16-bit dtype, in float64 arrays."""

    precision: str = "bfloat16"

    def upstream(self, shape: tuple[int, ...]) -> npt.NDArray[Any]:
        """The gradient that comes from above, rounded."""
        return round_to(super().upstream(shape), self.precision)

    def __str__(self) -> str:
        """One line, with the 16-bit dtype."""
        return super().__str__().replace(f"{self.dtype}:", f"{self.precision}:", 1)


def rounded(case: Case, precision: str) -> Rounded:
    """``case`` with its numbers rounded to ``precision``; its extremes become those of that dtype."""
    if isinstance(case, Rounded) and case.precision == precision:
        return case
    arrays = {n: round_to(a, precision) if a.dtype.kind == "f" else a for n, a in case.arrays.items()}
    return Rounded(**{**vars(case), "dtype": np.dtype(np.float64), "arrays": arrays, "precision": precision})


def round_to(array: Array, precision: str) -> Array:
    """``array`` rounded to the nearest numbers of a 16-bit dtype, as float64.

    The smallest and largest numbers of its own dtype stand for what they are in their dtype: they are scaled.
    """
    own, info = np.finfo(array.dtype), torch.finfo(SIXTEEN_BIT[precision])
    numbers = np.array(array, np.float64, order="C")
    finite, size = np.isfinite(numbers), np.abs(numbers)
    huge, minute = finite & (size > float(own.max) / 8), (size > 0) & (size <= float(own.tiny))
    with np.errstate(all="ignore"):
        numbers = np.where(huge, numbers / float(own.max) * info.max, numbers)
        small = np.copysign(np.maximum(size / float(own.tiny) * info.tiny, info.smallest_normal * info.eps), numbers)
    numbers = np.where(minute, small, numbers)
    return np.asarray(tensor(numbers).to(SIXTEEN_BIT[precision]).double().numpy())
