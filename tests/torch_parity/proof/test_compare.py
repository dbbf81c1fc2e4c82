"""Verdicts see what they must: a single bit, a zero's sign, a NaN, a wrong shape or dtype."""

import numpy as np
import pytest

from torch_parity.proof.compare import compare, same_bits

A = np.array([1.0, -2.0, 0.0], np.float32)


def test_equal_arrays_are_identical() -> None:
    verdict = compare(A, A.copy(), None)
    assert verdict.equal
    assert (verdict.elements, verdict.identical, verdict.wrong, verdict.share) == (3, 3, 0, None)


def test_the_last_bit_counts() -> None:
    b = A.copy()
    b[1] = np.nextafter(b[1], np.float32(0))
    verdict = compare(A, b, None)
    assert not verdict.equal
    assert verdict.wrong == 1
    assert "first at (1,)" in verdict.message


def test_the_sign_of_zero_counts_for_bits_and_not_for_values() -> None:
    b = np.array([1.0, -2.0, -0.0], np.float32)
    assert not compare(A, b, None).equal
    assert compare(A, b, np.zeros(())).equal


def test_nan_equals_nan_whatever_its_bits() -> None:
    a = np.array([np.nan], np.float32)
    b = (a.view(np.int32) | 1).view(np.float32)
    assert compare(a, b, None).equal
    assert compare(a, b, np.zeros(1)).equal
    assert not compare(a, np.zeros(1, np.float32), np.ones(1)).equal


def test_infinities_must_agree() -> None:
    a = np.array([np.inf], np.float32)
    assert compare(a, a, np.zeros(1)).equal
    assert not compare(a, -a, np.ones(1)).equal
    assert compare(a, np.ones(1, np.float32), np.array([np.inf])).equal  # nothing is known where sums overflow


@pytest.mark.parametrize("bound", [0.0, np.nan])
@pytest.mark.parametrize("other", [1.0, np.nan, np.inf, -np.inf])
def test_bounds_that_ask_for_equality(bound: float, other: float) -> None:
    for number in (1.0, np.nan, np.inf, -np.inf):
        equal = number == other or (np.isnan(number) and np.isnan(other))
        assert compare(np.array([number]), np.array([other]), np.array([bound])).equal == equal


@pytest.mark.parametrize(("factor", "equal"), [(0.99, True), (1.01, False)])
def test_the_bound_is_sharp(factor: float, equal: bool) -> None:
    a = np.array([1.0, 1.0])
    b = a + np.array([0.0, 1e-6 * factor])
    verdict = compare(a, b, np.full(2, 1e-6))
    assert verdict.equal is equal
    assert verdict.share == pytest.approx(factor, rel=1e-6)


def test_a_bound_of_zero_asks_for_equality() -> None:
    b = A.copy()
    b[0] = np.nextafter(b[0], np.float32(2))
    assert not compare(A, b, np.zeros(())).equal


def test_shape_and_dtype_must_agree() -> None:
    assert "shape" in compare(A, A[None], None).message
    assert "dtype" in compare(A, A.astype(np.float64), None).message


def test_same_bits_of_integers() -> None:
    np.testing.assert_array_equal(same_bits(np.array([1, 2]), np.array([1, 3])), [True, False])
