"""Padding: which constants it takes, what becomes of -0.0 in its gradient, and its layers.

A gradient that accumulates starts from +0, and so an upstream -0.0 arrives as +0.0; one that is copied keeps its sign.
"""

from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F

import reference
from reference import nn
from tests.reference.comparing import (
    EXACT,
    assert_bits,
    assert_equal,
    both_dtypes,
    differentiate,
    forward_and_backward,
    image,
    random_integers,
    random_normal,
)
from torch_parity.proof.backend import tensor


@both_dtypes
@pytest.mark.parametrize("amounts", [(1, 1, 1, 1), (1, 0, 0, 0), (2, 1, 0, 2), (0, -1, 1, 1)])
@pytest.mark.parametrize("mode", ["reflect", "replicate", "circular"])
def test_padding_that_repeats_pixels_turns_an_upstream_minus_zero_into_plus_zero(
    mode: str, amounts: tuple[int, ...], dtype: Any
) -> None:
    x = random_normal((1, 2, 4, 5), dtype)
    upstream = np.full(reference.pad(x, amounts, mode).shape, -0.0, dtype)
    assert_bits(reference.pad_backward(upstream, x.shape, amounts, mode), np.zeros(x.shape))
    if mode != "circular" or amounts == (1, 1, 1, 1):  # torch's circular padding copies where nothing is repeated
        _, (theirs,) = differentiate(lambda x: F.pad(x, amounts, mode), (x,), upstream)
        assert_bits(theirs, np.zeros(x.shape))


@both_dtypes
def test_padding_with_a_constant_copies_an_upstream_minus_zero(dtype: Any) -> None:
    x = random_normal((1, 2, 4, 5), dtype)
    upstream = np.full((1, 2, 5, 7), -0.0, dtype)
    expected = np.full(x.shape, -0.0)
    assert_bits(reference.pad_backward(upstream, x.shape, (1, 1, 1, 0)), expected)
    _, (theirs,) = differentiate(lambda x: F.pad(x, (1, 1, 1, 0)), (x,), upstream)
    assert_bits(theirs, expected)
    # A pixel cut off has no copy, and gets +0.
    cut = image([0, -0.0, -0.0], dtype=dtype)
    assert_bits(reference.pad_backward(cut[..., 1:], (1, 1, 1, 3), (-1, 0)), cut)
    _, (theirs,) = differentiate(lambda x: F.pad(x, (-1, 0)), (image([1, 2, 3], dtype=dtype),), cut[..., 1:])
    assert_bits(theirs, cut)


@both_dtypes
@pytest.mark.parametrize("sign", [1, -1])
def test_padding_takes_constants_up_to_the_largest_number(sign: int, dtype: Any) -> None:
    x, largest = np.zeros((1, 2), dtype), sign * float(np.finfo(dtype).max)
    expected = np.array([[largest, 0, 0]], dtype)
    assert_bits(reference.pad(x, (1, 0), value=largest), expected)
    assert_bits(F.pad(tensor(x), (1, 0), value=largest).numpy(), expected)


@pytest.mark.parametrize("amounts", [(0, 0), (0, -1), (-1, 0)])
def test_padding_that_only_cuts_takes_any_constant(amounts: tuple[int, int]) -> None:
    x = np.arange(3, dtype=np.float32)
    assert_bits(reference.pad(x, amounts, value=1e300), F.pad(tensor(x), amounts, value=1e300).numpy())


@pytest.mark.parametrize("name", ["ZeroPad2d", "ConstantPad2d", "ReflectionPad2d", "ReplicationPad2d", "CircularPad2d"])
@pytest.mark.parametrize("padding", [1, (2, 0, 1, 3), (0, -1, 2, -2), [1, 2, 3, 0]])
def test_padding_layers(name: str, padding: Any) -> None:
    value = (-1.5,) if name == "ConstantPad2d" else ()
    for x in (random_integers((2, 3, 5, 4)), random_integers((3, 5, 4), np.float32)):
        layer, twin = (getattr(side, name)(padding, *value) for side in (nn, torch.nn))
        for ours, theirs in forward_and_backward(layer, twin, x).values():
            assert_equal(ours, theirs, EXACT if name == "CircularPad2d" else None)
