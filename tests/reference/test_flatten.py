"""Flatten: the order of the elements, the shapes that it makes, and that its result is a view where it can be."""

import numpy as np
import pytest
import torch

import reference
from tests.reference.comparing import assert_bits, random_integers, random_normal
from torch_parity.proof.backend import tensor


def test_the_last_dimension_runs_fastest() -> None:
    x = np.zeros((1, 2, 2, 3), np.float32)
    x[0, 1, 0, 2] = 5
    vector = np.zeros((1, 12))
    vector[0, 8] = 5  # (1*2 + 0)*3 + 2
    assert_bits(reference.flatten(x, 1), vector)
    assert_bits(torch.flatten(tensor(x), 1).numpy(), vector)
    assert_bits(reference.flatten_backward(vector.astype(np.float32), x.shape), x)


@pytest.mark.parametrize(
    ("shape", "dims", "flat"),
    [
        ((2, 3, 4), (), (24,)),
        ((2, 3, 4), (1,), (2, 12)),
        ((2, 3, 4), (0, 1), (6, 4)),
        ((2, 3, 4), (-2, -2), (2, 3, 4)),
        ((0, 3, 4), (1,), (0, 12)),
        ((), (), (1,)),  # a number is a vector of one
    ],
)
def test_the_dimensions_from_start_to_end_become_one(
    shape: tuple[int, ...], dims: tuple[int, ...], flat: tuple[int, ...]
) -> None:
    x = random_normal(shape)
    y = reference.flatten(x, *dims)
    assert y.shape == torch.flatten(tensor(x), *dims).shape == flat
    assert_bits(reference.flatten_backward(y, shape), x)


def test_flatten_is_a_view_where_the_layout_allows_it() -> None:
    x = random_integers((2, 3, 4), np.float32)
    assert np.shares_memory(reference.flatten(x, 1), x)
    assert np.shares_memory(reference.flatten_backward(x, (2, 12)), x)
    assert not np.shares_memory(reference.flatten(x.transpose(0, 2, 1), 1), x)
