"""tanh at zero, at infinity and at NaN, against torch."""

from typing import Any

import numpy as np
import torch

import reference
from reference import nn
from tests.reference.comparing import INF, NAN, assert_bits, both_dtypes, forward_and_backward
from torch_parity.proof.backend import tensor


@both_dtypes
def test_edges(dtype: Any) -> None:
    """A small x is its own tanh, the sign of a zero and the smallest number included."""
    info = np.finfo(dtype)
    x = np.array([0.0, -0.0, INF, -INF, NAN, info.max, -info.max, info.tiny, -info.smallest_subnormal], dtype)
    expected = [0.0, -0.0, 1.0, -1.0, NAN, 1.0, -1.0, info.tiny, -info.smallest_subnormal]
    assert_bits(reference.tanh(x), expected)
    assert_bits(torch.tanh(tensor(x)).numpy(), expected)


@both_dtypes
def test_the_gradient_at_the_edges(dtype: Any) -> None:
    y = np.array([0.0, -0.0, 1.0, -1.0, NAN, 0.5, 0.0, 1.0], dtype)
    g = np.array([2.0, -2.0, 3.0, 3.0, 1.0, 4.0, INF, INF], dtype)
    expected = [2.0, -2.0, 0.0, 0.0, NAN, 3.0, INF, NAN]
    assert_bits(reference.tanh_backward(g, y), expected)
    assert_bits(torch.ops.aten.tanh_backward(tensor(g), tensor(y)).numpy(), expected)


def test_float32_is_rounded_from_more_digits() -> None:
    """NumPy's own float32 is off by up to 1.2 units in the last place."""
    x = np.linspace(-10, 10, 20_001, dtype=np.float32)
    truth = np.tanh(x.astype(np.float64))
    error = np.abs(reference.tanh(x) - truth) / np.spacing(np.abs(truth).astype(np.float32))
    assert error.max() <= 0.5001
    assert reference.tanh(x).dtype == np.float32


def test_the_layer() -> None:
    x = np.array([0.0, 40.0, -800.0, NAN])
    results = forward_and_backward(nn.Tanh(), torch.nn.Tanh(), x, np.array([4.0, 1.0, 1.0, 1.0]))
    assert_bits(results["output"][0], [0.0, 1.0, -1.0, NAN])
    assert_bits(results["grad_input"][0], [4.0, 0.0, 0.0, NAN])
    for ours, theirs in results.values():
        assert_bits(ours, theirs)
