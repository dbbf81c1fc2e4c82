"""GELU at zero, far out, at infinity and at NaN, against torch; where torch has no digits left, against the truth."""

from typing import Any

import mpmath
import numpy as np
import pytest
import torch
import torch.nn.functional as F

import reference
from reference import nn
from tests.reference.comparing import INF, NAN, assert_bits, both_dtypes, differentiate, forward_and_backward
from torch_parity.proof.backend import tensor


@both_dtypes
def test_edges(dtype: Any) -> None:
    """At -infinity 0 times infinity is NaN; in the gradient at infinity as well."""
    x = np.array([0.0, -0.0, -INF, NAN, 1000.0, -1000.0], dtype)
    expected = [0.0, -0.0, NAN, NAN, 1000.0, -0.0]
    gradient = [1.0, 1.0, NAN, NAN, 2.0, 0.0]
    upstream = np.full(x.shape, 2, dtype)
    for approximate in ("none", "tanh"):
        assert_bits(reference.gelu(x, approximate=approximate), expected)
        assert_bits(reference.gelu_backward(upstream, x, approximate=approximate), gradient)
        y, (theirs,) = differentiate(lambda t, a=approximate: F.gelu(t, approximate=a), (x,), upstream)
        assert_bits(y, expected)
        assert_bits(theirs, gradient)


@both_dtypes
@pytest.mark.parametrize("approximate", ["none", "tanh"])
def test_at_infinity(approximate: str, dtype: Any) -> None:
    """The reference says infinity, as its formula does; torch's float32 finds NaN without the approximation."""
    x, one = np.array([INF], dtype), np.ones(1, dtype)
    assert_bits(reference.gelu(x, approximate=approximate), [INF])
    theirs, (gradient,) = differentiate(lambda t: F.gelu(t, approximate=approximate), (x,), one)
    assert theirs[0] == INF or (approximate == "none" and dtype == np.float32)
    assert_bits(gradient, [NAN])
    assert_bits(reference.gelu_backward(one, x, approximate=approximate), [NAN])


@both_dtypes
def test_at_the_largest_numbers(dtype: Any) -> None:
    """x itself; torch's float32 doubles it on the way, and finds infinity.  x^2 overflows, and 0 times that is NaN."""
    largest = np.finfo(dtype).max
    x, one = np.array([largest, -largest], dtype), np.ones(2, dtype)
    assert_bits(reference.gelu(x), [largest, -0.0])
    assert_bits(reference.gelu_backward(one, x), [1.0, 0.0])
    assert F.gelu(tensor(x))[0].item() in (largest, INF)
    assert_bits(reference.gelu(x, approximate="tanh"), [largest, -0.0])
    assert_bits(F.gelu(tensor(x), approximate="tanh").numpy(), [largest, -0.0])
    assert_bits(reference.gelu_backward(one, x, approximate="tanh"), [NAN, NAN])
    _, (theirs,) = differentiate(lambda t: F.gelu(t, approximate="tanh"), (x,), one)
    assert_bits(theirs, [NAN, NAN])


@both_dtypes
def test_far_to_the_left_it_keeps_the_digits_that_torch_loses(dtype: Any) -> None:
    """1 + erf cancels: GELU(-5) is off by a sixth in torch's float32, GELU(-6) is 0."""
    x = np.linspace(-12, -3, 400).astype(dtype)
    with mpmath.workdps(40):
        truth = np.array([float(value * mpmath.ncdf(value)) for value in map(float, x)])
        slope = np.array([float(mpmath.ncdf(v) + v * mpmath.npdf(v)) for v in map(float, x)])
    eps = np.finfo(dtype).eps
    assert (np.abs(reference.gelu(x) - truth) / np.abs(truth)).max() < 8 * eps
    assert (np.abs(reference.gelu_backward(np.ones_like(x), x) - slope) / np.abs(slope)).max() < 8 * eps
    assert (np.abs(F.gelu(tensor(x)).numpy() - truth) / np.abs(truth)).max() > 0.01


@both_dtypes
def test_the_approximation_keeps_its_digits_too(dtype: Any) -> None:
    """Off by the rounding of 2v, which is at most 50 here, and exp turns into a relative error."""
    x = np.linspace(-6, -3, 400).astype(dtype)
    with mpmath.workdps(40):
        c = mpmath.sqrt(2 / mpmath.pi)
        cubic = mpmath.mpf("0.044715")
        truth = np.array(
            [float(v / (1 + mpmath.exp(-2 * c * (v + cubic * v**3)))) for v in map(mpmath.mpf, map(float, x))]
        )
    assert (np.abs(reference.gelu(x, approximate="tanh") - truth) / np.abs(truth)).max() < 100 * np.finfo(dtype).eps
    assert (np.abs(F.gelu(tensor(x), approximate="tanh").numpy() - truth) / np.abs(truth)).max() > 1e5 * np.finfo(
        dtype
    ).eps


def test_the_two_functions_differ_by_less_than_five_ten_thousandths() -> None:
    x = np.linspace(-10, 10, 20_001)
    apart = np.abs(reference.gelu(x) - reference.gelu(x, approximate="tanh")).max()
    assert 0.0004 < apart < 0.0005


def test_by_hand() -> None:
    """68.27 % of normally distributed numbers are between -1 and 1, so Phi(1) is 0.8413; phi(1) is 0.2420."""
    x = np.array([1.0, -1.0])
    np.testing.assert_allclose(reference.gelu(x), [0.841344746, -0.158655254], atol=1e-9)
    slopes = reference.gelu_backward(np.array([1.0, 1.0]), x)
    np.testing.assert_allclose(slopes, [0.841344746 + 0.241970725, 0.158655254 - 0.241970725], atol=1e-9)


def test_without_an_argument_it_is_exact() -> None:
    x, g = np.array([-2.0, 2.0]), np.array([1.0, 1.0])
    assert_bits(reference.gelu(x), reference.gelu(x, approximate="none"))
    assert_bits(reference.gelu_backward(g, x), reference.gelu_backward(g, x, approximate="none"))
    assert_bits(nn.GELU()(x), reference.gelu(x, approximate="none"))
    assert nn.GELU("tanh")(x)[0] == reference.gelu(x, approximate="tanh")[0] != nn.GELU()(x)[0]


@pytest.mark.parametrize("approximate", ["none", "tanh"])
def test_the_layer(approximate: str) -> None:
    x = np.array([0.0, 40.0, -800.0, NAN])
    layer, twin = nn.GELU(approximate), torch.nn.GELU(approximate)
    results = forward_and_backward(layer, twin, x, np.array([4.0, 1.0, 1.0, 1.0]))
    assert_bits(results["output"][0], [0.0, 40.0, -0.0, NAN])
    assert_bits(results["grad_input"][0], [2.0, 1.0, 0.0, NAN])
    for ours, theirs in results.values():
        assert_bits(ours, theirs)
