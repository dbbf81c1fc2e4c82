"""Choices made by Hypothesis, which shrinks them to the smallest case that fails."""

from collections.abc import Sequence
from typing import TypeVar

import hypothesis.strategies as st

T = TypeVar("T")


class HypothesisDraw:
    """The ``Draw`` of torch_parity.proof.cases."""

    def __init__(self, data: st.DataObject) -> None:
        self._data = data

    def integer(self, low: int, high: int) -> int:
        return self._data.draw(st.integers(low, high))

    def choice(self, options: Sequence[T]) -> T:
        return self._data.draw(st.sampled_from(options))
