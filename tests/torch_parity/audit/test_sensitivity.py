"""Planted errors are seen: of one unit in the last place where nothing rounds, of any single product on the lattice."""

import math

import numpy as np
import pytest

from torch_parity.audit.sensitivity import Sensitivity, hidden_products, nonzero, sensitivity, smallest_error
from torch_parity.proof.cases import Case, RandomDraw
from torch_parity.proof.pairs import PAIRS, Pair, pair_named

F32, F64 = np.dtype(np.float32), np.dtype(np.float64)
# Their results need not have torch's bits: they round, or their sums do.
SUMS = ("conv2d", "adaptive_avg_pool2d", "conv_transpose2d", "linear", "sgd")
EPSILON = {"float32": 2.0**-23, "float64": 2.0**-52}


def check(rows: list[Sensitivity]) -> None:
    assert rows
    for row in rows:
        # An error of one ulp is at most epsilon, relative to the number; of half an ulp it may be rounded away.
        last_bit = 2 * EPSILON[row.dtype]
        if pair_named(row.formula).smooth:
            assert row.median <= 2.0**14 * last_bit, str(row)
        elif row.kind == "lattice" or row.formula not in (*SUMS, "pad"):
            assert row.worst <= last_bit, str(row)
        else:
            assert row.median <= 2.0**9 * last_bit, str(row)


@pytest.mark.parametrize("pair", PAIRS, ids=lambda pair: pair.name)
def test_smallest_errors_that_are_seen(pair: Pair) -> None:
    check(sensitivity(pair, cases=4, seed=0))


@pytest.mark.slow
@pytest.mark.parametrize("pair", PAIRS, ids=lambda pair: pair.name)
def test_smallest_errors_that_are_seen_in_many_cases(pair: Pair) -> None:
    check(sensitivity(pair, cases=50, seed=1))


@pytest.mark.parametrize(
    ("bound", "smallest"),
    [(None, 2.0**-23), (0.0, 2.0**-23), (1e-3, 2.0**-9), (math.inf, math.inf)],
)
def test_smallest_error_of_a_number(bound: float | None, smallest: float) -> None:
    bounds = None if bound is None else np.array([bound])
    assert smallest_error(np.ones(1, np.float32), bounds) == smallest


def small_cases(pair: Pair, count: int, dtype: np.dtype[np.floating]) -> list[Case]:
    """The first cases with some products, but few enough to try each of them in a moment."""
    cases = []
    for index in range(10_000):
        case = pair.cases(RandomDraw(np.random.default_rng([70, index])), "lattice", dtype)
        x, weight = case.arrays["input"], case.arrays["weight"]
        if x.size and weight.size and weight.ndim > 1 and 20 < x.size * weight.size < 2_000:
            cases.append(case)
        if len(cases) == count:
            break
    return cases


@pytest.mark.parametrize("name", ["conv2d", "conv_transpose2d", "linear"])
@pytest.mark.parametrize("dtype", [F32, F64], ids=str)
def test_every_single_product_counts(name: str, dtype: np.dtype[np.floating]) -> None:
    """Dropped, doubled or negated: seen, whichever product it is, in the output and in all gradients."""
    pair, tried = pair_named(name), 0
    for case in small_cases(pair, 12, dtype):
        products, hidden = hidden_products(pair, nonzero(case))
        assert hidden == [], str(case)
        tried += products
    assert tried > 1_000


@pytest.mark.slow
@pytest.mark.parametrize("name", ["conv2d", "conv_transpose2d", "linear"])
def test_every_single_product_counts_in_many_cases(name: str) -> None:
    pair = pair_named(name)
    for case in small_cases(pair, 150, F32):
        assert hidden_products(pair, nonzero(case))[1] == [], str(case)


def test_real_numbers_hide_a_product() -> None:
    """That is why there is a lattice: within the rounding bound of a sum of reals a small product is lost."""
    x = np.ones((1, 100), np.float32)
    x[0, 0] = 1e-6
    case = nonzero(Case("real", F32, {"input": x, "weight": np.ones((1, 100), np.float32)}))
    pair = pair_named("linear")
    g = case.upstream((1, 1))
    bound = pair.expected(case, g)["output"]
    assert bound is not None
    assert bound[0, 0] > 1e-6


def test_products_of_another_formula_are_refused() -> None:
    case = nonzero(small_cases(pair_named("linear"), 1, F32)[0])
    pair = pair_named("linear")
    wrong = Pair(**{**vars(pair), "forward": lambda **arrays: pair.forward(**arrays) + 1})
    with pytest.raises(ValueError, match="must add up"):
        hidden_products(wrong, case)
