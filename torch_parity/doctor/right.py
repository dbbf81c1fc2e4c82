"""The right answers, wrong answers by a known mistake, and when two answers are the same."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np

from torch_parity.audit.mistakes import Mistake
from torch_parity.doctor.question import Array, Question
from torch_parity.proof.pairs import Pair, pair_named

Answer = dict[str, Array] | None  # None: an error was raised

# How far apart two answers may be that are the same but for rounding, in parts of the largest sum of absolute terms:
# thousands of roundings of float64, or hundreds of float32.  An FFT stays below it, any mistake far above.
ROUNDING = {np.dtype(np.float64): 2.0**-40, np.dtype(np.float32): 2.0**-16, np.dtype(np.float16): 2.0**-6}
# Of a candidate and the right formula, on numbers that round: what counts as different.
FAR_APART = 1000.0


# Sums of products: whole numbers show every mistake, so real ones need not be told from those of single precision.
SUMS = ("conv2d", "linear", "avg_pool2d", "conv_transpose2d", "adaptive_avg_pool2d")
# Formulas that give sums of absolute terms for absolute numbers.
SIZED = (*SUMS, "pad", "max_pool2d")


@dataclass(frozen=True)
class Expected:
    """The right results of a question, and for each the size by which roundings are measured."""

    results: dict[str, Array]
    scales: dict[str, float]
    single: bool = False  # whether the roundings of single precision are allowed, whatever the dtype

    def allowed(self, name: str, found: Array, size: float = 0.0) -> float:
        """How far ``found`` may be from what it should be, by the precision in which it was computed.

        ``size`` is what roundings are measured by where that is larger than the right result's.
        """
        dtype = found.dtype if found.dtype in ROUNDING else np.dtype(np.float64)
        with np.errstate(over="ignore"):
            if dtype == np.float64 and (self.single or (found == found.astype(np.float32)).all()):
                dtype = np.dtype(np.float32)  # whole numbers too, but these differ by 1 at least
        return ROUNDING[dtype] * max(self.scales[name], size)


def expected(question: Question) -> Expected:
    """The results of ``reference``."""
    pair = pair_named(question.formula)
    results = answer(pair, question)
    assert results is not None
    single = question.kind == "real" and question.formula in SUMS
    return Expected(results, _scales(pair, question, results), single)


def answer(pair: Pair, question: Question) -> Answer:
    """What ``pair``, right or with mistakes planted, answers: the output, or the gradients."""
    with np.errstate(all="ignore"):
        try:
            returned = pair.forward(**question.arrays, **question.options)
            if question.grad_output is None:
                return outputs(pair, question, returned)
            grads = pair.backward(question.grad_output, question.arrays, question.options, returned)
            named = zip(pair.gradients, grads, strict=False)
            return {"grad_" + name: np.asarray(grad) for name, grad in named if grad is not None}
        except (ValueError, TypeError, IndexError, AssertionError):
            return None


def outputs(pair: Pair, question: Question, returned: Any) -> dict[str, Array]:
    """What ``pair`` returned, by name: of max pooling the maxima alone, and running statistics where there are any."""
    if not isinstance(returned, tuple):
        return {"output": np.asarray(returned)}
    kept = {name: np.asarray(one) for name, one in zip(pair.outputs, returned, strict=True)}
    if pair.name == "batch_norm" and "running_mean" in question.arrays:
        return kept
    return kept if pair.name == "clip_grad_norm" else {"output": kept["output"]}


def with_mistakes(formula: str, mistakes: Iterable[Mistake]) -> Pair:
    """The row of ``formula`` with mistakes planted, one after another."""
    pair = pair_named(formula)
    for mistake in mistakes:
        pair = mistake.plant(pair)
    return pair


def _scales(pair: Pair, question: Question, results: dict[str, Array]) -> dict[str, float]:
    """The largest sum of absolute terms of each result, at least 1."""
    sizes: Answer = results
    if question.formula in SIZED:
        absolute = {name: np.abs(array) for name, array in question.arrays.items()}
        upstream = None if question.grad_output is None else np.abs(question.grad_output)
        sizes = answer(pair, Question(question.formula, question.kind, absolute, question.options, upstream))
    assert sizes is not None
    largest = {name: np.abs(array[np.isfinite(array)]).max(initial=1.0) for name, array in sizes.items()}
    return {name: float(largest[name]) for name in results}


def same(a: Array, b: Array, tolerance: float) -> bool:
    """Whether two results have one shape and, but for rounding, the same numbers; NaN is NaN, and -0 is 0."""
    return a.shape == b.shape and bool(close(a, b, tolerance).all())


def close(a: Array, b: Array, tolerance: float) -> Any:
    """Where two arrays of one shape are the same but for rounding."""
    with np.errstate(all="ignore"):
        return (a == b) | (np.isnan(a) & np.isnan(b)) | (np.abs(a - b) <= tolerance)


def identical(a: Array, b: Array) -> bool:
    """Whether two results have one shape and the same numbers to the last bit, but for the sign of a zero."""
    return a.shape == b.shape and bool(((a == b) | (np.isnan(a) & np.isnan(b))).all())
