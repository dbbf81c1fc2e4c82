"""Every formula equal to torch, to the definition, and to its own derivative."""

from dataclasses import replace
from typing import Any

import hypothesis.strategies as st
import numpy as np
import pytest
from hypothesis import given, settings

from tests.torch_parity.drawing import HypothesisDraw
from torch_parity.proof import bounds
from torch_parity.proof.cases import KINDS, Case, RandomDraw
from torch_parity.proof.compare import compare
from torch_parity.proof.pairs import PAIRS, Pair, pair_named
from torch_parity.proof.prove import DTYPES, expected_of, numbered_case, prove, prove_many, reference_results
from torch_parity.proof.witnesses import adjoint_gap, definition_results

ROWS = [
    pytest.param(pair, kind, dtype, id=f"{pair.name}-{kind}-{dtype}")
    for pair in PAIRS
    for kind in pair.kinds
    for dtype in DTYPES
]
SMOOTH = [pair for pair in PAIRS if pair.smooth and pair.gradients]
LINEAR_IN_PIECES = [pair for pair in PAIRS if pair.gradients and not pair.smooth]
EVERY_PAIR = pytest.mark.parametrize("pair", PAIRS, ids=lambda pair: pair.name)


def check(pair: Pair, kind: str, dtype: np.dtype[Any], data: st.DataObject) -> None:
    case = pair.cases(HypothesisDraw(data), kind, dtype)
    different = {name: verdict.message for name, verdict in prove(pair, case).items() if not verdict.equal}
    assert not different, str(case)


@pytest.mark.parametrize(("pair", "kind", "dtype"), ROWS)
@settings(max_examples=10, deadline=None, derandomize=True, database=None)
@given(data=st.data())
def test_torch_agrees(pair: Pair, kind: str, dtype: np.dtype[Any], data: st.DataObject) -> None:
    check(pair, kind, dtype, data)


@pytest.mark.slow
@pytest.mark.parametrize(("pair", "kind", "dtype"), ROWS)
@settings(max_examples=100, deadline=None, derandomize=True, database=None)
@given(data=st.data())
def test_torch_agrees_at_length(pair: Pair, kind: str, dtype: np.dtype[Any], data: st.DataObject) -> None:
    check(pair, kind, dtype, data)


@EVERY_PAIR
def test_torch_agrees_on_numbered_cases(pair: Pair) -> None:
    report = prove_many(pair, seed=20, indices=range(400))
    assert report.equal, report.smallest_failure()


@EVERY_PAIR
def test_the_definition_agrees(pair: Pair) -> None:
    """float64 only: the definition computes in double precision."""
    compared = 0
    for index in range(120):
        case = numbered_case(pair, 30, index, (np.dtype(np.float64),))
        if case.kind == "extremes":  # where sums overflow, order decides
            continue
        ours, grad_output = reference_results(pair, case)
        theirs = definition_results(pair, case, grad_output)
        if theirs is None:
            continue
        compared += 1
        # A mean rounds on every kind of number, and the definition adds the gradients of the windows in another order.
        allowed = expected_of(pair, case, grad_output, any_order="avg_pool2d" in pair.name)
        assert ours.keys() == theirs.keys()
        for name in ours:
            verdict = compare(ours[name], theirs[name], allowed.get(name, np.zeros(())))
            assert verdict.equal, f"{case}\n{name}: {verdict.message}"
    assert compared >= 20


@pytest.mark.parametrize("pair", LINEAR_IN_PIECES, ids=lambda pair: pair.name)
def test_the_gradient_is_the_derivative(pair: Pair) -> None:
    """On the lattice, exactly but for a mean: what moves the input along d moves <g, output> by <gradient, d>."""
    compared = 0
    for index in range(60):
        case = pair.cases(RandomDraw(np.random.default_rng([40, index])), "lattice", np.dtype(np.float64))
        for name, (change, predicted, bound) in adjoint_gap(pair, case).items():
            assert abs(change - predicted) <= bound, f"{case}\n{name}"
            compared += change != 0
    assert compared >= 20


def steepest_slope(pair: Pair, case: Case) -> float:
    """The largest 1 / sqrt(v + eps) of a normalisation, whose third derivatives have its cube; 1 for other formulas."""
    groups_of = {"layer_norm": bounds.layer_norm_groups, "group_norm": bounds.group_norm_groups}
    if pair.name not in groups_of:
        return 1.0
    return float(groups_of[pair.name](case, case.dtype).s.max(initial=1))


@pytest.mark.parametrize("pair", SMOOTH, ids=lambda pair: pair.name)
def test_smooth_gradients_are_difference_quotients(pair: Pair) -> None:
    """Central differences are off by h^2/6 of the third derivative: below 2 |d|^3 |g|, but for ``steepness``."""
    h = 1e-4
    compared = 0
    for index in range(60):
        case = pair.cases(RandomDraw(np.random.default_rng([50, index])), "lattice", np.dtype(np.float64))
        results, g = reference_results(pair, case)
        for name in pair.differentiable(case):
            x = case.arrays[name]
            d = np.random.default_rng(index).uniform(-1, 1, x.shape)
            ahead, behind = (first_result(pair, case, {name: x + s * d}) for s in (h, -h))
            change = float((g * (ahead - behind)).sum()) / (2 * h)
            predicted = float((results["grad_" + name] * d).sum())
            steepest = steepest_slope(pair, case)
            # The mean over no samples is NaN, its gradient 0; equal numbers with an eps of 0 are 0/0, until they move.
            if np.isnan(change) or not g.size or np.isinf(steepest):
                continue
            largest = 1 + np.abs(g).sum() * (1 + np.abs(case.arrays.get("weight", np.ones(1))).max(initial=1))
            truncation = steepest**3 * h**2 * largest * (1 + np.abs(d).sum()) * steepness(case)
            rounding = steepest * 1e-15 / h * largest * (1 + np.abs(results["output"]).max(initial=0)) * steepness(case)
            allowed = truncation + rounding
            assert abs(change - predicted) <= allowed, f"{case}\n{name}"
            compared += 1
    assert compared >= 20


def first_result(pair: Pair, case: Case, changed: dict[str, Any]) -> Any:
    """The output, which comes first where a formula returns more."""
    returned = pair.forward(**{**case.arrays, **changed}, **case.arguments)
    return returned[0] if isinstance(returned, tuple) else returned


def steepness(case: Case) -> float:
    """1; of batch normalisation a bound of h^2/6 times the third derivative, relative to h^2 |g| |d|.

    Along d, x_hat is z q^(-1/2), with z = x - mu, q = v + eps, and n numbers in the channel; |d| is at most 1.  Then z'
    is at most 2, |z| at most sqrt(n q), q' = 2 mean(z z') at most 2 sqrt(q), q'' at most 2, and so

        |3 z' (q^(-1/2))'' + z (q^(-1/2))'''|  <=  3 * 2 * 4 q^(-3/2) + sqrt(n q) 24 q^(-2)
                                               =   24 (1 + sqrt(n)) q^(-3/2)
    """
    if not {"training", "eps"} <= case.arguments.keys():
        return 1.0
    x, eps = case.arrays["input"], case.arguments["eps"]
    axes = (0, *range(2, x.ndim))
    variance = x.var(axes) if case.arguments["training"] and x.size else case.arrays.get("running_var", np.ones(1))
    numbers = x.size / x.shape[1]
    return max(1.0, float(4 * (1 + np.sqrt(numbers)) * (variance.min() + eps) ** -1.5))


def test_every_kind_of_number_is_used() -> None:
    assert {kind for pair in PAIRS for kind in pair.kinds} == set(KINDS)


def test_a_numbered_case_is_always_the_same() -> None:
    for pair in PAIRS:
        first, again, other = (numbered_case(pair, 7, i) for i in (11, 11, 12))
        assert str(first) == str(again)
        for name, array in first.arrays.items():
            np.testing.assert_array_equal(array, again.arrays[name])
        assert first.seed == again.seed != other.seed


def test_another_shape_is_a_difference_and_no_breakdown() -> None:
    """A formula whose output has another shape, and whose gradient copes with it."""
    right = pair_named("conv2d")
    wrong = replace(
        right,
        forward=lambda **given: right.forward(**given)[..., :-1, :-1],
        backward=lambda g, a, o, y: right.backward(np.pad(g, [(0, 0)] * (g.ndim - 2) + [(0, 1)] * 2), a, o, y),
    )
    verdict = prove(wrong, numbered_case(right, 0, 1))["output"]
    assert not verdict.equal
    assert verdict.message.startswith("shape")
