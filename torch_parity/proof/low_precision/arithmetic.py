"""The roundings of one formula on one backend."""

from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from torch_parity.proof.backend import SIXTEEN_BIT, Backend
from torch_parity.proof.bounds import gamma
from torch_parity.proof.low_precision.accumulators import accumulator
from torch_parity.proof.low_precision.rounding import round_to
from torch_parity.proof.pairs import Pair

Array = npt.NDArray[Any]
# The result to compare with, and its bound.
Wanted = tuple[Array, Array | None]
Results = dict[str, Wanted]

FLOAT32 = np.dtype(np.float32)


class Arithmetic:
    """The roundings of one formula on one backend."""

    def __init__(self, backend: Backend, pair: Pair) -> None:
        """Look up the dtype's numbers."""
        assert backend.dtype is not None
        self.backend, self.pair, self.precision = backend, pair, backend.dtype
        info = torch.finfo(SIXTEEN_BIT[self.precision])
        self.u, self.max, self.tiny = info.eps / 2, info.max, info.tiny
        self.exact_integers = 2 / info.eps  # up to this every integer is a number of the dtype
        self.spacing = info.tiny * info.eps  # of subnormal numbers

    def gamma(self, roundings: float | Array) -> Any:
        """gamma_n for roundings to the dtype."""
        error = np.asarray(roundings, np.float64) * self.u
        return np.where(error < 1, error / np.where(error < 1, 1 - error, 1), np.inf)

    def accumulator(self, result: str, onednn: bool = True) -> str:
        """What this formula adds up in 16 bits for ``result``."""
        return accumulator(self.backend, self.pair.name, result, onednn)

    def of_sum(self, exact: Array, magnitude: Array, terms: float | Array, roundings: float | Array) -> Array:
        """Largest error of a sum of ``terms`` products in float32 that was rounded to the dtype ``roundings`` times.

        No rounding but the last one is relative to the result itself: those before may be of larger partial sums, whose
        absolute values ``magnitude`` bounds.
        """
        in_float32 = gamma(terms, FLOAT32) * magnitude + np.asarray(terms) * float(np.finfo(np.float32).tiny)
        last = self.u * (np.abs(exact) + in_float32)
        before = self.gamma(roundings) * (magnitude + in_float32)
        bound = in_float32 + np.where(np.asarray(roundings) == 1, last, before) + np.asarray(roundings) * self.spacing
        with np.errstate(invalid="ignore"):
            return np.where(magnitude > self.max / 4, np.inf, bound)

    def on_lattice(self, exact: Array, magnitude: Array, bound: Array, rounds_once: bool) -> Wanted:
        """Sums of integers: the exact sum, rounded once, unless 16-bit partial sums may have rounded already."""
        sure = np.asarray(rounds_once | (magnitude <= self.exact_integers))
        return np.where(sure, round_to(exact, self.precision), exact), np.where(sure, 0, bound)

    def rounded_once(self, exact: Array, error: Array) -> Array:
        """The bound of a result that is off by ``error`` before it is rounded to the dtype, once."""
        bound = error + self.u * (np.abs(exact) + error) + self.spacing
        return np.where(np.isfinite(exact) & (np.abs(exact) > self.max / 4), np.inf, bound)
