"""ReLU at the edges: minus zero, NaN and infinity, against torch bit for bit."""

from typing import Any

import numpy as np
import pytest
import torch.nn.functional as F

import reference
from tests.reference.comparing import INF, NAN, assert_bits, both_dtypes, differentiate
from torch_parity.proof.backend import tensor


@both_dtypes
def test_relu_keeps_minus_zero(dtype: Any) -> None:
    x = np.array([-0.0, 0.0, -1.0, 1.0, -INF, INF], dtype)
    expected = [-0.0, 0.0, 0.0, 1.0, 0.0, INF]
    assert_bits(reference.relu(x), expected)
    assert_bits(F.relu(tensor(x)).numpy(), expected)


@both_dtypes
def test_relu_keeps_nan(dtype: Any) -> None:
    x = np.array([NAN, -NAN, 1.0], dtype)
    assert_bits(reference.relu(x), [NAN, NAN, 1.0])
    assert_bits(F.relu(tensor(x)).numpy(), [NAN, NAN, 1.0])


@both_dtypes
@pytest.mark.parametrize(
    ("pixel", "passes"),
    [(0.0, False), (-0.0, False), (NAN, True), (1.0, True), (-1.0, False), (INF, True), (-INF, False), (1e-45, True)],
)
def test_relu_gradient_selects(pixel: float, passes: bool, dtype: Any) -> None:
    if pixel == 1e-45:
        pixel = float(np.finfo(dtype).smallest_subnormal)
    upstream = np.array([INF, -INF, NAN, -0.0, 0.0, 2.5, -1e-30], dtype)  # 0 * inf would be NaN
    x = np.full(upstream.shape, pixel, dtype)
    expected = upstream if passes else np.zeros(upstream.shape)
    assert_bits(reference.relu_backward(upstream, x), expected)
    _, (theirs,) = differentiate(F.relu, (x,), upstream)
    assert_bits(theirs, expected)
