"""Losses that are stored one by one, and added up."""

from typing import Any

import numpy as np
import numpy.typing as npt

from torch_parity.proof.bounds import gamma
from torch_parity.proof.cases import Case
from torch_parity.proof.low_precision.arithmetic import FLOAT32, Arithmetic

Array = npt.NDArray[Any]


def reduced(a: Arithmetic, case: Case, known: Array, magnitude: Array, error: Array, divisor: Array | float) -> Array:
    """The bound of losses of some ``magnitude``, each off by ``error``; those that are not ``known`` must be equal.

    The losses are stored in 16 bits, added up in float32 (or in 16 bits, with two roundings for each), and rounded; a
    ``divisor`` is such a sum, too.
    """
    safe = a.max / 4
    if case.arguments["reduction"] == "none":
        return np.where(known, np.where(magnitude > safe, np.inf, error), np.nan)
    in_16_bits = a.accumulator("output") == "samples"
    chain = a.gamma(3 + (4 * magnitude.size if in_16_bits else 0)) + gamma(2 * magnitude.size + 2, FLOAT32)
    total = magnitude[known].sum()
    off = error[known].sum() + chain * (total + error[known].sum())
    if case.arguments["reduction"] == "mean":
        total, off = max(total, total / divisor), off / divisor
    if not total <= safe:
        return np.asarray(np.inf)
    return np.asarray(off + (1 + magnitude.size) * a.spacing if known.all() else np.nan)
