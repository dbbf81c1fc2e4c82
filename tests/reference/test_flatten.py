"""Flatten: a matter of shapes, so its result is a view of its input where it can be."""

import numpy as np

import reference
from tests.reference.comparing import random_integers


def test_flatten_is_a_view_where_the_layout_allows_it() -> None:
    x = random_integers((2, 3, 4), np.float32)
    assert np.shares_memory(reference.flatten(x, 1), x)
    assert np.shares_memory(reference.flatten_backward(x, (2, 12)), x)
    assert not np.shares_memory(reference.flatten(x.transpose(0, 2, 1), 1), x)
