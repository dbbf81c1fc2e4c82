"""Bounds of losses that are kept, added or averaged."""

from typing import Any

import numpy as np

from torch_parity.proof.bounds.rounding import Array, gamma
from torch_parity.proof.cases import Case


def known(case: Case, finite: Array, magnitude: Array, bound: Array) -> Array:
    """``bound``; infinite where ``magnitude`` may overflow, and NaN, equality, where an argument is not ``finite``."""
    overflow = ~(magnitude <= float(np.finfo(case.dtype).max) / 4)
    return np.where(finite, np.where(overflow, np.inf, bound), np.nan)


def reduced(case: Case, finite: Array, magnitude: Array, error: Array, divisor: Any = None) -> Array:
    """The bound of what ``case.arguments['reduction']`` makes of losses of some ``magnitude``, each off by ``error``.

    A sum of N losses takes part in at most N - 1 additions, and a mean in one division more, by a ``divisor`` (N unless
    given) that is itself the sum of at most N weights:

        error of the sum  <=  sum error + gamma_{2N + 1} sum (magnitude + error)

    Both sides err, hence twice that.  The sum is one number: where one of the losses is not known, neither is the sum;
    where one is NaN or infinite because an argument is, so is the sum, if the others do not overflow.
    """
    if case.arguments["reduction"] == "none":
        return known(case, finite, magnitude, 2 * error)
    size, tiny = magnitude.size, float(np.finfo(case.dtype).tiny)
    total = np.where(finite, magnitude, 0).sum()
    off = 2 * (np.where(finite, error, 0).sum() + gamma(2 * size + 1, case.dtype) * (total + error[finite].sum()))
    off = off + size * tiny
    if case.arguments["reduction"] == "mean":
        with np.errstate(all="ignore"):
            off = np.asarray(off / (size if divisor is None else divisor)) + tiny
    # A sum far from overflow, and one over a divisor below 1.
    if not total <= float(np.finfo(case.dtype).max) / 4:
        return np.asarray(np.inf)
    return np.asarray(off if finite.all() else np.nan)
