"""Bounds of clipping by the norm."""

import math

import numpy as np

from torch_parity.proof.bounds.rounding import FUNCTION_ULPS, Array, Bounds
from torch_parity.proof.bounds.running_error import Computed, Precision, precision_of
from torch_parity.proof.cases import Case


def clip_grad_norm(case: Case) -> Bounds:
    """The clipped gradients and the norm, on both sides."""
    precision = precision_of(case.dtype)
    return {name: 2 * error for name, error in clip_grad_norm_errors(case, precision, precision).items()}


@np.errstate(all="ignore")
def clip_grad_norm_errors(case: Case, sums: Precision, results: Precision) -> dict[str, Array]:
    """The errors on one side, which adds up with one precision and keeps its results in another, or the same.

    K numbers of one sign are summed with a relative error of at most gamma_K, in whatever order.  A power and a root
    are off by FUNCTION_ULPS units in the last place each, relative to themselves; the root divides the error of what
    is under it by |p|, and a power of a root multiplies its error by |p|, which is what happens where each gradient's
    own norm is computed first.  Twice the total covers the products of errors.  Each power may lose the smallest normal
    number.  The norm is rounded twice: each gradient's, and that of all; near zero these are three roundings, each by a
    part of the smallest normal number at most, or of the spacing there.  The largest number does not round.
    """
    p, most = case.arguments["norm_type"], case.arguments["max_norm"]
    sizes = np.concatenate([np.abs(case.arrays[name]).astype(np.float64).ravel() for name in ("first", "second")])
    length = Computed(np.asarray(_norm(case, sizes, p)), np.zeros(()), results)
    if np.isfinite(p) and p != 0:
        length = Computed(length.value, _norm_error(float(length.value), sizes, p, sums, results), results)
    factor = results.number(min(most, 1e300)) / (length + results.number(1e-6))
    certain = (factor.value - factor.error > 1) | np.isposinf(most)  # then both sides multiply by 1
    factor = Computed(np.minimum(factor.value, 1), factor.error, results)
    clipped = {
        result: np.where(certain, 0, (results.array(case.arrays[name]) * factor).error)
        for result, name in (("output", "first"), ("other", "second"))
    }
    return {**clipped, "norm": length.error}


def _norm_error(norm: float, sizes: Array, p: float, sums: Precision, results: Precision) -> Array:
    function = 2 * FUNCTION_ULPS * sums.u
    relative = sizes.size * sums.u / (1 - sizes.size * sums.u) + (2 + abs(p)) * function
    lost = sizes.size * sums.tiny if sizes.any() else 0.0
    total = norm**p if norm else 0.0
    if total > 2 * lost:
        error = 2 * norm * ((relative + lost / total) / abs(p) + function + 2 * results.u)
    else:  # what is lost may be all there is; the reciprocal of 0 is no sum
        error = lost ** (1 / p) if p > 0 else np.inf
    error += 3 * results.tiny
    return np.asarray(np.inf if norm + error > results.largest / 4 else error)


def _norm(case: Case, sizes: Array, p: float) -> float:
    """The norm of order p of all ``sizes``; for p = 0 the number of gradients that are not 0 everywhere."""
    if p == 0:
        return float(sum(bool(case.arrays[name].any()) for name in ("first", "second")))
    if math.isinf(p):
        return float(sizes.max() if p > 0 else sizes.min())
    return float((sizes**p).sum() ** (1 / p))
