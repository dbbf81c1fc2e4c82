"""SiLU at zero, far out, at infinity and at NaN, against torch."""

from typing import Any

import numpy as np
import torch
import torch.nn.functional as F

import reference
from reference import nn
from tests.reference.comparing import INF, NAN, assert_bits, both_dtypes, differentiate, forward_and_backward


@both_dtypes
def test_edges(dtype: Any) -> None:
    """At -infinity 0 times infinity is NaN; in the gradient at infinity as well."""
    largest = np.finfo(dtype).max
    x = np.array([0.0, -0.0, INF, -INF, NAN, largest, -largest, 1000.0, -1000.0], dtype)
    expected = [0.0, -0.0, INF, NAN, NAN, largest, -0.0, 1000.0, -0.0]
    gradient = [1.0, 1.0, NAN, NAN, NAN, 2.0, -0.0, 2.0, -0.0]
    upstream = np.full(x.shape, 2, dtype)
    assert_bits(reference.silu(x), expected)
    assert_bits(reference.silu_backward(upstream, x), gradient)
    y, (theirs,) = differentiate(F.silu, (x,), upstream)
    assert_bits(y, expected)
    assert_bits(theirs, gradient)


@both_dtypes
def test_it_dips_where_its_slope_is_zero(dtype: Any) -> None:
    x = np.array([-1.2784645427610738], dtype)
    assert abs(reference.silu(x)[0] + 0.2784645427610738) < 2 * np.finfo(dtype).eps
    assert abs(reference.silu_backward(np.ones(1, dtype), x)[0]) < 2 * np.finfo(dtype).eps


def test_the_layer() -> None:
    x = np.array([0.0, 40.0, -800.0, NAN])
    results = forward_and_backward(nn.SiLU(), torch.nn.SiLU(), x, np.array([4.0, 1.0, 1.0, 1.0]))
    assert_bits(results["output"][0], [0.0, 40.0, -0.0, NAN])
    assert_bits(results["grad_input"][0], [2.0, 1.0, -0.0, NAN])
    for ours, theirs in results.values():
        assert_bits(ours, theirs)
