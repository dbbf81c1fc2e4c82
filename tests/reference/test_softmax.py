"""Softmax and its logarithm: scores that are equal, and scores that are not finite."""

import math

import numpy as np

import reference
from tests.reference.comparing import INF, NAN


def test_log_softmax_of_ties_and_of_numbers_that_are_not_finite() -> None:
    """Of several maxima one is taken out of the sum, not all; and NaN or infinity is not taken out with it."""
    np.testing.assert_allclose(reference.log_softmax(np.array([3.0, 3.0, 3.0]), 0), [-math.log(3)] * 3, rtol=1e-15)
    for bad in ([NAN, 0.0, 1.0], [0.0, INF, 1.0], [-INF, -INF, -INF], [NAN]):
        assert np.isnan(reference.log_softmax(np.array(bad), 0)).all()
    np.testing.assert_array_equal(reference.log_softmax(np.array([-INF, 0.0]), 0), [-INF, 0])
