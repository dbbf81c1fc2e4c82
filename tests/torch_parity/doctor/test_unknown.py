"""Faults that no entry of the table describes: different, and never given a name."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from tests.torch_parity.doctor.planted import TAKES, results_of, subject
from torch_parity.doctor.examination import Entry, examine_subject
from torch_parity.doctor.process import Reply
from torch_parity.doctor.question import Question
from torch_parity.doctor.right import answer
from torch_parity.proof.pairs import pair_named

Array = Any
Fault = Callable[[Array, Question], Array]


def weighted(result: Array, axis: int) -> Array:
    """1 times the first, 2 times the second ... along an axis."""
    shape = [1] * result.ndim
    shape[axis] = -1
    return result * np.arange(1, result.shape[axis] + 1).reshape(shape)


def with_element(result: Array, place: int, change: Callable[[float], float]) -> Array:
    changed = result.copy()
    changed.ravel()[place] = change(changed.ravel()[place])
    return changed


def exchanged(result: Array) -> Array:
    """The first element and the last one change places."""
    changed = result.copy()
    changed.ravel()[[0, -1]] = changed.ravel()[[-1, 0]]
    return changed


FAULTS: dict[str, Fault] = {
    "rows weighted": lambda r, q: weighted(r, -2) if r.ndim > 1 else weighted(r, -1),
    "columns weighted": lambda r, q: weighted(r, -1),
    "first axis weighted": lambda r, q: weighted(r, 0),
    "squared": lambda r, q: r * r,
    "cubed": lambda r, q: r**3,
    "sine": lambda r, q: np.sin(r),
    "square root of the size": lambda r, q: np.sign(r) * np.sqrt(np.abs(r)),
    "a power of the size": lambda r, q: r * 1.5**r.ndim + 0.25,
    "first element doubled": lambda r, q: with_element(r, 0, lambda v: 2 * v + 1),
    "last element lost": lambda r, q: with_element(r, -1, lambda v: v + 3),
    "middle element turned": lambda r, q: with_element(r, r.size // 2, lambda v: 1 - v),
    "ends exchanged": lambda r, q: exchanged(r + np.arange(r.size).reshape(r.shape)),
    "sorted": lambda r, q: np.sort(r.ravel()).reshape(r.shape) + 0.5,
    "accumulated": lambda r, q: np.cumsum(r, axis=-1),
    "differences": lambda r, q: r - np.roll(r, 1, axis=-1),
    "averaged with its neighbour": lambda r, q: (r + np.roll(r, 1, axis=-1)) / 2 + 0.125,
    "averaged with its mirror image": lambda r, q: (r + r[..., ::-1]) / 2 + r.max(),
    "minus its mean": lambda r, q: r - r.mean(),
    "divided by its maximum": lambda r, q: r / (1 + np.abs(r).max()),
    "normalised": lambda r, q: (r - r.mean()) / (1 + r.std()),
}
WHERE = [
    ("conv2d", False), ("conv2d", True), ("linear", True), ("avg_pool2d", False), ("max_pool2d", True),
    ("cross_entropy", True), ("softmax", False), ("sgd", False),
]  # fmt: skip


def examined(formula: str, backward: bool, fault: Fault) -> Entry:
    def ask(index: int, reading: int, *questions: Question) -> Reply:
        results = answer(pair_named(formula), questions[-1])
        assert results is not None
        return Reply({name: np.asarray(fault(result, questions[-1])) for name, result in results.items()})

    return examine_subject(subject(formula, backward, TAKES["cs231n"], results_of(formula, backward)), ask)


@pytest.mark.parametrize("name", FAULTS)
@pytest.mark.parametrize(("formula", "backward"), WHERE[:1])
def test_a_fault_that_is_not_in_the_table_gets_no_name(formula: str, backward: bool, name: str) -> None:
    entry = examined(formula, backward, FAULTS[name])
    assert entry.verdict == "different"
    assert entry.diagnoses == []
    assert set(entry.patterns) == set(entry.results)
    assert all(entry.patterns.values())
    assert entry.smallest is not None


@pytest.mark.slow
@pytest.mark.parametrize(("formula", "backward"), WHERE[1:])
def test_so_in_the_other_formulas(formula: str, backward: bool) -> None:
    for name, fault in FAULTS.items():
        if (formula, name) == ("cross_entropy", "minus its mean"):
            continue  # p - y adds up to 0, so that this is no fault
        entry = examined(formula, backward, fault)
        assert entry.verdict == "different", name
        assert entry.diagnoses == [], name


@pytest.mark.parametrize(
    ("fault", "region"),
    [
        (lambda r, q: np.concatenate([r[:1] + 1, r[1:]]), "the first image"),
        (lambda r, q: r + (np.arange(r.shape[1]) == r.shape[1] - 1).reshape(1, -1, 1, 1) * 0.5, "the last channel"),
        (lambda r, q: r + (np.arange(r.shape[2]) == 0).reshape(-1, 1) * 0.5, "the first row"),
        (lambda r, q: r + np.pad(np.zeros(np.maximum(0, np.array(r.shape[2:]) - 2)), 1, constant_values=0.5)
         if min(r.shape[2:]) > 2 else r, "the border"),
        (lambda r, q: r + r.size, "every element"),
    ],
)  # fmt: skip
def test_what_is_wrong_where_is_said(fault: Fault, region: str) -> None:
    entry = examined("conv2d", False, fault)
    assert entry.diagnoses == []
    assert region in entry.patterns["output"]


GENERAL: dict[str, Fault] = {
    "factor": lambda r, q: r * 3.0,
    "offset": lambda r, q: r + 0.75,
    "sign": lambda r, q: -r,
    "transposed": lambda r, q: r.swapaxes(-1, -2),
    "flipped": lambda r, q: r[..., ::-1],
    "cropped": lambda r, q: r[..., :-1, :-1],
    "doubled-sum": lambda r, q: r.sum(0),
}


@pytest.mark.parametrize("name", GENERAL)
def test_general_mistakes_are_named(name: str) -> None:
    # Of a convolution, a result transposed or cropped is in the table.
    entry = examined("avg_pool2d" if name in ("transposed", "cropped") else "conv2d", False, GENERAL[name])
    (diagnosis,) = entry.diagnoses
    assert diagnosis.certainty == "proven"
    assert [mistake.name for mistake in diagnosis.mistakes] == [name]


@pytest.mark.parametrize(
    ("size", "words"),
    [(lambda q: q.sizes["N"], "batch size N"), (lambda q: q.sizes["C"], "channels C"), (lambda q: 255.0, "255")],
)
def test_a_factor_is_named_by_the_size_that_it_is(size: Callable[[Question], float], words: str) -> None:
    for fault in (lambda r, q: r * size(q), lambda r, q: r / size(q)):
        entry = examined("conv2d", False, fault)
        (diagnosis,) = entry.diagnoses
        (mistake,) = diagnosis.mistakes
        assert mistake.name == "factor"
        assert words in mistake.explanation
        assert diagnosis.certainty == "proven"
