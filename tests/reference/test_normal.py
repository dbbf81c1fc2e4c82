"""The normal distribution against 40 digits, over its whole range."""

import math
from typing import Any

import mpmath
import numpy as np
import pytest

from reference.normal import FAR, density, distribution
from tests.reference.comparing import INF, NAN, assert_bits, both_dtypes


def arguments(dtype: Any) -> Any:
    """Numbers of every size, more of them in the middle; down to where the tail is the smallest normal number."""
    generator = np.random.default_rng(0)
    least = -12.9 if dtype == np.float32 else -37.5
    x = [generator.standard_normal(600) * 2, generator.uniform(least, 9, 600), np.linspace(-6, 6, 193)]
    tiny = 10.0 ** generator.uniform(-30, 0, 100) * generator.choice([-1, 1], 100)
    return np.concatenate([*x, tiny]).astype(dtype)


def largest_error(computed: Any, truth: Any, x: Any) -> float:
    """In units in the last place of the truth."""
    with mpmath.workdps(40):
        exact = [truth(mpmath.mpf(float(value))) for value in x]
        ulps = np.spacing(np.array([float(value) for value in exact], x.dtype))
        errors = [
            abs(mpmath.mpf(float(y)) - z) / mpmath.mpf(float(ulp))
            for y, z, ulp in zip(computed, exact, ulps, strict=True)
        ]
    return float(max(errors))


@both_dtypes
def test_the_distribution_has_its_digits_everywhere(dtype: Any) -> None:
    """Where it is next to 0, too: (1 + erf) / 2 has none there."""
    x = arguments(dtype)
    assert largest_error(distribution(x), mpmath.ncdf, x) < 6
    right = x[x > 1]
    assert largest_error(distribution(right), mpmath.ncdf, right) < 1


@both_dtypes
def test_the_density_has_its_digits_everywhere(dtype: Any) -> None:
    """exp(-x^2 / 2) with the square rounded would be off by 40 units in float32, and by 350 in float64."""
    x = arguments(dtype)
    assert largest_error(density(x), mpmath.npdf, x) < 5


@both_dtypes
def test_far_out_they_are_zero_and_one(dtype: Any) -> None:
    x = np.array([-FAR, -50.0, -1e30, -INF, FAR, 50.0, 1e30, INF, NAN], dtype)
    assert_bits(distribution(x), [0.0] * 4 + [1.0] * 4 + [NAN])
    assert_bits(density(x), [0.0] * 8 + [NAN])


def test_the_smallest_numbers_are_reached() -> None:
    x = np.array([-38.4])
    assert 0 < distribution(x)[0] < 1e-321
    assert 0 < density(x)[0] < 1e-319


@both_dtypes
def test_in_the_middle(dtype: Any) -> None:
    x = np.array([0.0, -0.0], dtype)
    assert np.abs(distribution(x) - 0.5).max() <= np.finfo(dtype).eps / 2
    assert np.abs(density(x) - 1 / math.sqrt(2 * math.pi)).max() <= np.finfo(dtype).eps / 2


@pytest.mark.slow
def test_the_distribution_in_float32_at_length() -> None:
    x = np.linspace(-12.9, 6, 3_000_001, dtype=np.float32)
    truth = distribution(x.astype(np.float64))
    error = np.abs(distribution(x) - truth) / np.spacing(truth.astype(np.float32))
    assert error.max() < 6
