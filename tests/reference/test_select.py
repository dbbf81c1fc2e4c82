"""Selection keeps every bit of what it keeps, and leaves +0.0, or another number, of the rest."""

from typing import Any

import numpy as np
import pytest

from reference.select import either, select
from torch_parity.proof.compare import same_bits

NUMBERS = [1.5, -0.0, 0.0, np.nan, np.inf, -np.inf, -2.0, 5e-324]


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_select_is_where(dtype: Any) -> None:
    array = np.repeat(np.array(NUMBERS, dtype), 2).reshape(4, 4)
    mask = np.arange(16).reshape(4, 4) % 2 == 0
    for layout in (array, array.T, array[:, ::-1]):
        found = select(mask, layout)
        assert found.dtype == dtype
        assert same_bits(found, np.where(mask, layout, dtype(0))).all()


def test_select_fills_what_it_is_given() -> None:
    frame = np.full((4, 6), 7.0, np.float32)
    array = np.arange(6, dtype=np.float32).reshape(2, 3)
    found = select(array > 2, array, out=frame[::2, ::2])
    assert np.shares_memory(found, frame)
    np.testing.assert_array_equal(frame[::2, ::2], [[0, 0, 0], [3, 4, 5]])
    assert (frame[1::2] == 7).all()
    assert (frame[:, 1::2] == 7).all()


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_either_is_where_of_two_numbers(dtype: Any) -> None:
    mask = np.arange(12).reshape(3, 4) % 5 < 2
    for yes in np.array(NUMBERS, dtype):
        for no in np.array(NUMBERS, dtype):
            for layout in (mask, mask.T, mask[:, ::-1], mask[0, 0], mask[:0]):
                found = either(layout, np.asarray(yes), np.asarray(no))
                assert found.dtype == dtype
                assert same_bits(found, np.where(layout, yes, no)).all()
