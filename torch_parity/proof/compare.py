"""Verdicts: bit-identical, within the proven bound, or different.  There is no tolerance to tune.

Shape and dtype must be equal always.  Then, element by element, one of:

    bits    the very same bits; NaN equals NaN, and -0.0 is told from 0.0.  For all that does not round.
    bound   |a - b| at most the bound of ``bounds``.  A bound of 0, or NaN, asks for equal values, where only the sign
            of a zero is free.  NaN equals NaN and infinity itself, unless the bound is infinite: then nothing is known
            of the element, since some orders of summation overflow and others do not.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]


@dataclass(frozen=True)
class Verdict:
    """The comparison of one result, counted in elements."""

    elements: int
    identical: int  # with the same bits
    wrong: int  # outside what is allowed; all of them where shape or dtype differ
    share: float | None  # the largest |a - b| / bound; None where equality was asked for
    message: str = ""  # what differed

    @property
    def equal(self) -> bool:
        """Whether nothing differed by more than is allowed."""
        return not self.message


def compare(reference: Array, torch_result: Array, bound: Array | None) -> Verdict:
    """Compare two results; ``bound`` None asks for the same bits, 0 for equal values."""
    if reference.shape != torch_result.shape:
        message = f"shape {reference.shape} against torch's {torch_result.shape}"
        return Verdict(reference.size, 0, reference.size, None, message)
    if reference.dtype != torch_result.dtype:
        message = f"dtype {reference.dtype} against torch's {torch_result.dtype}"
        return Verdict(reference.size, 0, reference.size, None, message)
    same = same_bits(reference, torch_result)
    share, wrong = None, ~same
    if bound is not None:
        shares = _shares(reference, torch_result, np.broadcast_to(bound, same.shape))
        wrong = shares > 1
        if np.any(bound):
            share = float(shares.max(initial=0.0))
    return Verdict(same.size, int(same.sum()), int(wrong.sum()), share, _first(reference, torch_result, wrong))


def same_bits(a: Array, b: Array) -> npt.NDArray[np.bool]:
    """Where two arrays of one shape and dtype have the same bits, or both NaN."""
    if a.dtype.kind != "f":
        return np.asarray(a == b)
    bits = f"i{a.dtype.itemsize}"
    return np.asarray((np.asarray(a).view(bits) == np.asarray(b).view(bits)) | (np.isnan(a) & np.isnan(b)))


def _shares(a: Array, b: Array, bound: Array) -> Array:
    """|a - b| / bound; 0 for equal values, also of infinities and NaN, and where the bound is infinite."""
    with np.errstate(all="ignore"):
        equal = (a == b) | (np.isnan(a) & np.isnan(b)) | (bound == np.inf)
        difference = a.astype(np.float64, copy=False) - b.astype(np.float64, copy=False)
        share = np.asarray(np.abs(difference) / bound)
    share[np.isnan(share)] = np.inf
    share[equal] = 0.0
    return share


def _first(a: Array, b: Array, wrong: npt.NDArray[np.bool]) -> str:
    """How many elements are wrong, and the first one, for the reader."""
    if not wrong.any():
        return ""
    index = tuple(int(i) for i in np.argwhere(wrong)[0])
    count = int(wrong.sum())
    return f"{count} of {a.size} elements differ, first at {index}: {a[index]!r} against torch's {b[index]!r}"
