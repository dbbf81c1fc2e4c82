"""Softmax and its logarithm: scores that are large, equal or not finite, and gradients that cancel."""

import math
from typing import Any

import numpy as np
import pytest
import torch.nn.functional as F

import reference
from tests.reference.comparing import INF, NAN, assert_bits, both_dtypes, differentiate
from torch_parity.proof.backend import tensor


@both_dtypes
@pytest.mark.parametrize(
    ("scores", "probabilities"),
    [
        ([1000, 1000], [0.5, 0.5]),  # the exponential of 1000 is infinite
        ([-1e30, 1e30], [0, 1]),
        ([0, -INF], [1, 0]),
        ([-INF, -INF], [NAN, NAN]),
        ([INF, 0], [NAN, NAN]),
        ([NAN, 0], [NAN, NAN]),
    ],
)
def test_softmax_of_scores_that_are_large_or_not_finite(
    scores: list[float], probabilities: list[float], dtype: Any
) -> None:
    x = np.array(scores, dtype)
    assert_bits(reference.softmax(x, 0), probabilities)
    assert_bits(F.softmax(tensor(x), 0).numpy(), probabilities)


@both_dtypes
def test_a_gradient_that_is_the_same_for_all_classes_moves_no_score(dtype: Any) -> None:
    """The probabilities sum to 1, whatever the scores."""
    x, grad_output = np.zeros(4, dtype), np.full(4, 3, dtype)
    y, (theirs,) = differentiate(lambda x: F.softmax(x, 0), (x,), grad_output)
    assert_bits(reference.softmax_backward(grad_output, y, 0), np.zeros(4))
    assert_bits(theirs, np.zeros(4))


def test_log_softmax_of_ties_and_of_numbers_that_are_not_finite() -> None:
    """Of several maxima one is taken out of the sum, not all; and NaN or infinity is not taken out with it."""
    np.testing.assert_allclose(reference.log_softmax(np.array([3.0, 3.0, 3.0]), 0), [-math.log(3)] * 3, rtol=1e-15)
    for bad in ([NAN, 0.0, 1.0], [0.0, INF, 1.0], [-INF, -INF, -INF], [NAN]):
        assert np.isnan(reference.log_softmax(np.array(bad), 0)).all()
    np.testing.assert_array_equal(reference.log_softmax(np.array([-INF, 0.0]), 0), [-INF, 0])
