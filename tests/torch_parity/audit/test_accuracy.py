"""The reference rounds as well as torch does, and the truth that both are measured by is true."""

import dataclasses
import decimal
from collections.abc import Callable, Iterator
from fractions import Fraction
from typing import Any

import mpmath
import numpy as np
import pytest

from tests.torch_parity.proof.real_networks import HISTORIC_NETWORKS, network_cases
from torch_parity.audit.accuracy import ALLOWED, EXACT, F32, F64, Errors, NormalCase, accuracy, errors_over, normal
from torch_parity.proof.cases import Case, RandomDraw
from torch_parity.proof.pairs import PAIRS, Pair, pair_named
from torch_parity.proof.prove import reference_results

EVERY_PAIR = pytest.mark.parametrize("pair", PAIRS, ids=lambda pair: pair.name)
KNOWN_EXACTLY = pytest.mark.parametrize("pair", [pair_named(name) for name in EXACT], ids=lambda pair: pair.name)
SCORES = [pair_named(name) for name in ("softmax", "log_softmax", "cross_entropy")]
# The ratio of two root mean squares over some hundred cases is itself off by some tenths.
NOISE = 1.15


@EVERY_PAIR
def test_as_accurate_as_torch(pair: Pair) -> None:
    found = accuracy(pair, F32, seed=1, count=100)
    assert found.worst() <= NOISE * ALLOWED, str(found)


@KNOWN_EXACTLY
def test_as_accurate_as_torch_in_float64(pair: Pair) -> None:
    found = accuracy(pair, F64, seed=1, count=60)
    assert found.worst() <= NOISE * ALLOWED, str(found)


@pytest.mark.slow
@EVERY_PAIR
def test_as_accurate_as_torch_in_many_cases(pair: Pair) -> None:
    found = accuracy(pair, F32, seed=0, count=1800)
    assert found.results["output"].cases >= 1000
    assert found.worst() <= ALLOWED, str(found)


@pytest.mark.slow
@KNOWN_EXACTLY
def test_as_accurate_as_torch_in_many_cases_of_float64(pair: Pair) -> None:
    found = accuracy(pair, F64, seed=0, count=1800)
    assert found.results["output"].cases >= 1000
    assert found.worst() <= ALLOWED, str(found)


@pytest.mark.slow
@pytest.mark.parametrize("pair", SCORES, ids=lambda pair: pair.name)
@pytest.mark.parametrize("dtype", [F32, F64], ids=str)
def test_confident_predictions(pair: Pair, dtype: np.dtype[Any]) -> None:
    found = accuracy(pair, dtype, seed=0, count=1800, scores=30)
    assert found.worst() <= ALLOWED, str(found)


@pytest.mark.slow
@pytest.mark.parametrize("formula", ["conv2d", "linear"])
def test_long_sums(formula: str) -> None:
    """Of real networks: hundreds and thousands of terms, where the order of summation matters most."""
    layers: Iterator[Case] = (
        normal(case)
        for network in HISTORIC_NETWORKS
        for _, name, case in network_cases(network, ("real",), largest=60_000_000)
        if name == formula
    )
    found = errors_over(pair_named(formula), F32, layers)
    assert found.worst() <= ALLOWED, str(found)


@pytest.mark.parametrize("name", ["conv2d", "conv_transpose2d", "linear", "softmax", "cross_entropy"])
def test_a_less_accurate_formula_is_seen(name: str) -> None:
    """One whose results have lost four of 24 bits."""
    pair = pair_named(name)

    def rounded(result: Any) -> Any:
        mantissa, exponent = np.frexp(result)
        return np.ldexp(np.round(np.ldexp(mantissa, 20)), exponent - 20).astype(result.dtype)

    def forward(**given: Any) -> Any:
        return rounded(pair.forward(**given))

    worse = dataclasses.replace(pair, forward=forward)
    found = accuracy(worse, F32, seed=1, count=100).results["output"]
    assert found.ratio() > NOISE * ALLOWED


def drawn(name: str, choose: Callable[[Case], bool]) -> Case:
    pair = pair_named(name)
    cases = (pair.cases(RandomDraw(np.random.default_rng([80, i])), "real", F64) for i in range(1000))
    return normal(next(case for case in cases if choose(case)))


def test_the_truth_of_a_dense_layer_is_exact() -> None:
    """Against fractions, which never round."""
    case = drawn("linear", lambda c: c.arrays["input"].shape == (2, 40) and c.arrays["weight"].ndim == 2)
    pair = pair_named("linear")
    results, g = reference_results(pair, case)
    minus = EXACT["linear"](pair, case, g)
    x, w = ([[Fraction(float(v)) for v in row] for row in case.arrays[n]] for n in ("input", "weight"))
    bias = [Fraction(float(v)) for v in case.arrays.get("bias", np.zeros(len(w)))]
    errors = [
        float(Fraction(float(results["output"][n, o])) - bias[o] - sum(a * b for a, b in zip(x[n], w[o], strict=True)))
        for n in range(2)
        for o in range(len(w))
    ]
    assert minus("output", results["output"]).tolist() == errors
    assert any(errors)


def test_the_truth_of_softmax_agrees_with_mpmath() -> None:
    case = drawn("softmax", lambda c: c.arrays["input"].ndim == 1 and 1 < c.arrays["input"].size < 50)
    pair = pair_named("softmax")
    results, g = reference_results(pair, case)
    errors = EXACT["softmax"](pair, case, g)("output", results["output"])
    with mpmath.workdps(40):
        powers = [mpmath.exp(float(x)) for x in case.arrays["input"]]
        expected = [float(float(y) - p / sum(powers)) for y, p in zip(results["output"], powers, strict=True)]
    np.testing.assert_allclose(errors, expected, rtol=1e-12, atol=0)


def test_decimals_do_not_change_the_context_of_others() -> None:
    before = decimal.getcontext().prec
    accuracy(pair_named("softmax"), F64, seed=2, count=3)
    assert decimal.getcontext().prec == before


def test_numbers_are_of_the_order_of_one() -> None:
    case = drawn("conv2d", lambda c: c.arrays["input"].size > 500)
    assert isinstance(case, NormalCase)
    assert 0.8 < np.std(case.arrays["input"]) < 1.2
    assert 0.9 < np.std(case.upstream((40, 50))) < 1.1


def test_errors_are_root_mean_squares() -> None:
    errors = Errors()
    errors.add(np.array([3.0, -3.0]), np.array([1.0, 1.0]))
    errors.add(np.array([]), np.array([]))
    errors.add(np.array([0.0]), np.array([1.0]))
    assert errors.cases == 2
    assert errors.rms() == pytest.approx((4.5**0.5, 1))
    assert errors.ratio() == pytest.approx(4.5**0.5)
    assert Errors().ratio() == 1
