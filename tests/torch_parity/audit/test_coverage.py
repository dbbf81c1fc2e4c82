"""The cases reach every pair of features, and the tables of ``coverage`` say which pairs there are."""

import numpy as np
import pytest

from torch_parity.audit.coverage import RULES, VALUES, Coverage, Feature, covered, features, impossible
from torch_parity.proof.cases import KINDS, Case, RandomDraw
from torch_parity.proof.pairs import PAIRS, Pair, pair_named
from torch_parity.proof.prove import numbered_case

EVERY_PAIR = pytest.mark.parametrize("pair", PAIRS, ids=lambda pair: pair.name)
F32 = np.dtype(np.float32)


@EVERY_PAIR
def test_two_thousand_cases_meet_every_pair_of_features(pair: Pair) -> None:
    coverage = covered(pair, seed=0, indices=range(2000))
    assert coverage.missing() == []
    assert coverage.share() == 1
    # Else RULES forbid what exists, or a value stands in no list.
    assert coverage.unexpected() == []


@pytest.mark.slow
@EVERY_PAIR
@pytest.mark.parametrize("seed", range(1, 5))
def test_whatever_the_seed(pair: Pair, seed: int) -> None:
    coverage = covered(pair, seed, range(2000))
    assert coverage.missing() == []
    assert coverage.unexpected() == []


@EVERY_PAIR
def test_every_rule_forbids_something_and_gives_its_reason(pair: Pair) -> None:
    values = Coverage(pair).values
    for rule in RULES:
        if pair.name not in rule.formulas.split():
            continue
        assert rule.reason
        for argument, forbidden in (rule.one, rule.other):
            assert set(forbidden.split()) & set(values[argument]), rule


def test_impossible_gives_the_reason_in_either_order() -> None:
    same, unequal = Feature("padding", "same"), Feature("stride", "unequal")
    assert impossible("conv2d", same, unequal) == impossible("conv2d", unequal, same) == "'same' needs stride 1"
    assert impossible("conv2d", same, Feature("stride", "one")) is None
    assert impossible("linear", same, unequal) is None


def conv2d_case(**changes: object) -> dict[str, str]:
    arguments = {"stride": 1, "padding": 0, "dilation": 1, "groups": 1, **changes}
    arrays = {
        "input": np.zeros((2, 4, 7, 6), F32),
        "weight": np.zeros((4, 4 // int(str(arguments["groups"])), 3, 2), F32),
    }
    return features("conv2d", Case("real", F32, arrays, arguments))


def test_features_of_a_convolution() -> None:
    plain = conv2d_case()
    assert plain == {
        "kind": "real", "dtype": "float32", "memory": "contiguous", "batch": "many", "image": "larger",
        "kernel": "rectangle", "stride": "one", "padding": "none", "dilation": "one", "groups": "one",
        "bias": "absent", "windows": "overlap", "edge": "fits",
    }  # fmt: skip

    def changed(**changes: object) -> dict[str, str]:
        return {name: value for name, value in conv2d_case(**changes).items() if value != plain[name]}

    assert changed(groups=4) == {"groups": "depthwise"}
    assert changed(groups=2) == {"groups": "some"}
    assert changed(stride=(3, 2)) == {"stride": "unequal", "windows": "touch", "edge": "left-out"}
    assert changed(stride=[4]) == {"stride": "equal", "windows": "gaps"}
    assert changed(padding="same") == {"padding": "same"}
    assert changed(padding=(0, 1)) == {"padding": "unequal"}
    assert changed(dilation=(2, 2)) == {"dilation": "equal"}


@pytest.mark.parametrize(
    ("size", "kernel", "stride", "padding", "edge"),
    [
        (6, 2, 2, 0, "fits"),
        (7, 2, 2, 0, "covered"),  # the last window hangs over the edge by one pixel
        (3, 2, 2, 1, "dropped"),  # it would start in the padding
    ],
)
def test_edges_of_pooling(size: int, kernel: int, stride: int, padding: int, edge: str) -> None:
    options = {"kernel_size": kernel, "stride": stride, "padding": padding, "dilation": 1}
    arrays = {"input": np.zeros((1, 1, size, size), F32)}
    ceil = features("max_pool2d", Case("real", F32, arrays, {**options, "ceil_mode": True}))
    floor = features("max_pool2d", Case("real", F32, arrays, {**options, "ceil_mode": False}))
    assert ceil["edge"] == edge
    assert floor["edge"] == ("fits" if edge == "fits" else "left-out")


def test_what_was_not_drawn_is_missing() -> None:
    pair = pair_named("cross_entropy")
    coverage = Coverage(pair)
    assert coverage.share() == 0
    assert coverage.missing() == coverage.possible
    for index in range(300):
        case = numbered_case(pair, 0, index)
        if "weight" not in case.arrays:
            coverage.add(case)
    left = [both for both in coverage.missing() if Feature("weight", "absent") not in both]
    assert (Feature("weight", "positive"), Feature("reduction", "sum")) in left
    assert 0.3 < coverage.share() < 0.9
    assert "0 times" in str(coverage)


def test_every_formula_has_its_table() -> None:
    assert VALUES.keys() == {pair.name for pair in PAIRS}
    assert {name for rule in RULES for name in rule.formulas.split()} <= VALUES.keys()


# What cannot be told from arguments alone.


@EVERY_PAIR
def test_contiguous_cases_are_so_throughout(pair: Pair) -> None:
    """Also the upstream gradient: a failure that shrinks to plain memory does not depend on the layout."""
    found = set()
    for index in range(60):
        case = pair.cases(RandomDraw(np.random.default_rng([1, index])), pair.kinds[0], F32)
        arrays = [*case.arrays.values(), case.upstream((3, 4, 5))]
        plain = all(array.flags.c_contiguous and array.flags.writeable for array in arrays)
        assert plain or not case.plain
        found.add(case.plain)
    assert found == {True, False}


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_extremes_hold_every_special_number(dtype: str) -> None:
    info = np.finfo(dtype)
    pair = pair_named("relu")
    drawn = [pair.cases(RandomDraw(np.random.default_rng([2, i])), "extremes", np.dtype(dtype)) for i in range(60)]
    x = np.concatenate([case.arrays["input"].ravel() for case in drawn])
    size = np.abs(x)
    assert np.isnan(x).any()
    assert {np.inf, -np.inf, info.max, info.min} <= set(x)
    assert ((size > 0) & (size < info.tiny)).any()
    assert ((x == 0) & np.signbit(x)).any()
    assert ((x == 0) & ~np.signbit(x)).any()


def test_ties_are_few_values_with_zeros_of_both_signs() -> None:
    case = pair_named("relu").cases(RandomDraw(np.random.default_rng(3)), "ties", F32)
    assert set(case.arrays["input"].ravel()) <= {-1, 0, 1}
    assert "ties" in KINDS


def test_extreme_pixels_leave_other_windows_finite() -> None:
    """One NaN must not spoil a whole convolution, else nothing is compared."""
    pair = pair_named("conv2d")
    finite = total = 0
    for index in range(100):
        case = pair.cases(RandomDraw(np.random.default_rng([4, index])), "extremes", F32)
        output = pair.forward(**case.arrays, **case.arguments)
        finite += int(np.isfinite(output).sum())
        total += output.size
        assert all(np.isfinite(case.arrays[name]).all() for name in case.arrays if name != "input")
    assert 0.3 * total < finite < total
