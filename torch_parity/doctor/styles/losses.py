"""Losses: what they are handed and what they give differs from course to course, and is found by trying."""

import itertools
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

import reference
from torch_parity.doctor.question import Array, Question
from torch_parity.doctor.styles.layers import Way
from torch_parity.doctor.subject import Results


@dataclass(frozen=True)
class Manner:
    """How a loss is called: with labels or one-hot targets, scores or probabilities; one number or one per sample."""

    one_hot: bool
    probabilities: bool
    each: bool

    @property
    def conventions(self) -> tuple[str, ...]:
        """What is said of it, where torch's loss differs."""
        said = (
            (self.probabilities, "the loss takes probabilities, not scores"),
            (self.one_hot, "the targets are one-hot"),
            (self.each, "the loss is one number per sample, of which the mean is taken"),
        )
        return tuple(sentence for holds, sentence in said if holds)

    def first(self, question: Question) -> Array:
        """Scores, or the right probabilities."""
        return probabilities(question) if self.probabilities else question.arrays["input"]

    def target(self, question: Question) -> Array:
        """Labels (N,), or one-hot (N, C) in the dtype of the scores."""
        labels = question.arrays["target"]
        scores = question.arrays["input"]
        return np.eye(scores.shape[1], dtype=scores.dtype)[labels] if self.one_hot else labels

    def loss(self, value: Any, question: Question) -> Array | None:
        """The loss of the batch; what has another shape than it should have is left as it is."""
        if value is None:
            return None
        array = np.asarray(value)
        if self.each and array.ndim and array.size == len(question.arrays["target"]):
            return np.asarray(array.mean())
        return array.reshape(()) if array.size == 1 else array


def loss_ways(
    way: Callable[[Manner], Way],
    takes_probabilities: tuple[bool, ...] = (False,),
    each: tuple[bool, ...] = (False, True),
    one_hot_first: bool = False,
) -> list[Way]:
    """The ways in which a loss may be called, the likeliest first.

    One that takes labels as well as one-hot targets is asked with both each time.
    """
    ways = []
    for given, numbers in itertools.product(takes_probabilities, each):
        labels, one_hot = (way(Manner(kind, given, numbers)) for kind in (False, True))
        first, second = (one_hot, labels) if one_hot_first else (labels, one_hot)
        ways += [_alone(first, second), _both(labels, one_hot), _alone(second, first)]
    return ways


# A batch of two: labels are not as many as the classes, and the largest one is none.
TWO = Question(
    "cross_entropy",
    "real",
    {"input": np.array([[0.0, 1.0, 3.0], [2.0, 0.0, 1.0]]), "target": np.array([1, 0])},
    {},
)


def _both(labels: Way, one_hot: Way) -> Way:
    """Asked with labels and with one-hot targets: the answer that is further off counts."""

    def make(question: Question) -> Any:
        if not _agree(labels, one_hot):
            raise ValueError("labels and one-hot targets do not give the same")
        return labels.make(question), one_hot.make(question)

    def forward(made: Any, question: Question) -> Any:
        right = reference.cross_entropy(question.arrays["input"], question.arrays["target"])
        found = [way.forward(one, question) for way, one in zip((labels, one_hot), made, strict=True)]
        return _furthest_off(found, np.asarray(right))

    def backward(made: Any, question: Question) -> Results:
        assert question.grad_output is not None
        x, target = question.arrays["input"], question.arrays["target"]
        right, _ = reference.cross_entropy_backward(question.grad_output, x, target)
        found = [way.backward(one, question) for way, one in zip((labels, one_hot), made, strict=True)]
        return {"grad_input": _furthest_off([one["grad_input"] for one in found], right)}

    return Way(make, forward, backward, labels.conventions)


def _alone(way: Way, other: Way) -> Way:
    """``way``, for a loss that takes nothing else: else what is wrong the ``other`` way would not be seen."""

    def make(question: Question) -> Any:
        if _agree(way, other):
            raise ValueError("labels and one-hot targets give the same")
        return way.make(question)

    return Way(make, way.forward, way.backward, way.conventions)


def _agree(*ways: Way) -> bool:
    """Whether a loss takes both kinds of targets, and gives the same."""
    try:
        one, other = (way.forward(way.make(TWO), TWO) for way in ways)
        return bool(np.shape(one) == np.shape(other) and np.allclose(one, other))
    except Exception:  # whatever the student's code raises
        return False


def _furthest_off(found: list[Any], right: Array) -> Any:
    def off(one: Any) -> float:
        if one is None or np.shape(one) != right.shape:
            return np.inf
        distance = float(np.abs(np.asarray(one) - right).max(initial=0.0))
        return np.inf if np.isnan(distance) else distance

    return max(found, key=off)


def probabilities(question: Question) -> Array:
    """The right ones, (N, C)."""
    return reference.softmax(question.arrays["input"], 1)


def to_scores(grad: Any, question: Question) -> Any:
    """dL/d scores, from a student's dL/d probabilities."""
    right = probabilities(question)
    if np.shape(grad) != right.shape:
        return grad
    return reference.softmax_backward(np.asarray(grad, right.dtype), right, 1)
