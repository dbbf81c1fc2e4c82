"""The bounds hold, are not empty, and rest on what was measured."""

import dataclasses
import math
from collections.abc import Callable
from typing import Any

import mpmath
import numpy as np
import pytest
import torch

from torch_parity.proof import bounds
from torch_parity.proof.cases import LATTICE, Case, RandomDraw
from torch_parity.proof.compare import compare
from torch_parity.proof.pairs import PAIRS, Pair, pair_named
from torch_parity.proof.prove import numbered_case, prove, reference_results
from torch_parity.proof.witnesses import adjoint_gap

F32, F64 = np.dtype(np.float32), np.dtype(np.float64)
# All their results, or nearly all, have torch's bits.
WITHOUT_BOUNDS = (
    "relu",
    "leaky_relu",
    "max_pool2d",
    "avg_pool2d",
    "adaptive_avg_pool2d",
    "dropout",
    "dropout2d",
    "flatten",
)


def test_gamma() -> None:
    assert bounds.gamma(10, F32) == pytest.approx(10 * 2.0**-24 / (1 - 10 * 2.0**-24))
    assert bounds.gamma(2.0**24, F32) == np.inf


def functions() -> list[Any]:
    tensors = {name: getattr(torch, name) for name in ("exp", "log", "log1p", "tanh")}
    both = [
        pytest.param(name, side, call, id=f"{side}-{name}")
        for name in tensors
        for side, call in (
            ("numpy", getattr(np, name)),
            ("torch", lambda x, f=tensors[name]: f(torch.from_numpy(x)).numpy()),
        )
    ]
    return [*both, pytest.param("erf", "torch", lambda x: torch.erf(torch.from_numpy(x)).numpy(), id="torch-erf")]


def samples(name: str, dtype: np.dtype[Any], count: int) -> np.ndarray[Any, np.dtype[Any]]:
    """Arguments as the formulas have them: powers below 1, logarithms of sums above 1, scores of any size."""
    generator = np.random.default_rng(0)
    if name in ("tanh", "erf"):
        return (generator.standard_normal(count) * 10.0 ** generator.integers(-6, 2, count)).astype(dtype)
    if name == "exp":
        return (-generator.exponential(10, count)).clip(-80, 0).astype(dtype)
    rest = generator.exponential(30, count) * 10.0 ** generator.integers(-6, 3, count)
    return (rest if name == "log1p" else 1 + rest).astype(dtype)


@pytest.mark.parametrize(("name", "side", "call"), functions())
def test_functions_are_as_accurate_as_the_bounds_take_them_to_be(
    name: str, side: str, call: Callable[..., Any]
) -> None:
    """In float32 against double precision; in float64 against 40 digits."""
    x = samples(name, F32, 500_000)
    truth = getattr(torch, name)(torch.from_numpy(x.astype(np.float64))).numpy()
    error = np.abs(call(x) - truth) / np.spacing(np.abs(truth).astype(np.float32))
    assert error.max() <= bounds.FUNCTION_ULPS
    x = samples(name, F64, 2_000)
    computed = call(x)
    with mpmath.workdps(40):
        exact = [getattr(mpmath, name)(mpmath.mpf(float(value))) for value in x]
        worst = max(
            abs((mpmath.mpf(float(y)) - z) / mpmath.mpf(float(np.spacing(abs(float(z)))))) if z else mpmath.mpf(0)
            for y, z in zip(computed, exact, strict=True)
        )
    assert worst <= bounds.FUNCTION_ULPS


@pytest.mark.parametrize("dtype", [F32, F64], ids=str)
def test_far_out_tanh_is_one_on_both_sides(dtype: np.dtype[Any]) -> None:
    """As the bounds of GELU take it to be, where exp(-2 |x|) is below a 32nd of the unit roundoff."""
    least = -np.log(bounds.unit_roundoff(dtype) / 32) / 2
    x = np.concatenate([np.linspace(least, 4 * least, 100_000), [1e3, np.finfo(dtype).max, np.inf]]).astype(dtype)
    for signed in (x, -x):
        assert (np.abs(np.tanh(signed)) == 1).all()
        assert (torch.tanh(torch.from_numpy(signed)).abs() == 1).all()


@pytest.mark.parametrize("pair", [p for p in PAIRS if "real" in p.kinds], ids=lambda pair: pair.name)
def test_a_result_of_another_magnitude_is_out_of_bounds(pair: Pair) -> None:
    """Each bound is small beside the results: moving the largest element by a thousandth of itself is seen."""
    seen = 0
    for index in range(pair.kinds.index("real"), 60 * len(pair.kinds), len(pair.kinds)):
        case = numbered_case(pair, 60, index, (F32,))
        ours, grad_output = reference_results(pair, case)
        expected = pair.expected(case, grad_output)
        for name, result in ours.items():
            bound = expected.get(name)
            if bound is None or not result.size or not np.abs(result).max() or result.dtype.kind != "f":
                continue
            moved = np.array(result)
            worst = np.unravel_index(np.abs(result).argmax(), result.shape)
            moved[worst] *= np.float32(1.001)
            seen += not compare(moved, result, bound).equal
    assert seen >= 15 or pair.name in WITHOUT_BOUNDS


def test_a_mean_over_all_pixels_of_another_magnitude_is_out_of_bounds() -> None:
    pair, seen = pair_named("adaptive_avg_pool2d"), 0
    for seed in range(100):
        case = pair.cases(RandomDraw(np.random.default_rng([61, seed])), "real", F32)
        ours, grad_output = reference_results(pair, case)
        bound = pair.expected(case, grad_output)
        if bound and ours["output"].size:
            assert bounds.adaptive_sizes(case)[1] == (1, 1)
            assert bound.keys() == {"output"}
            moved = ours["output"] * np.float32(1.001)
            seen += not compare(moved, ours["output"], bound["output"]).equal
    assert seen >= 15


def lattice_case(pair: Pair, seed: int) -> Case:
    return pair.cases(RandomDraw(np.random.default_rng(seed)), "lattice", F32)


@pytest.mark.parametrize("name", ["conv2d", "conv_transpose2d", "linear"])
def test_the_lattice_is_exact(name: str) -> None:
    """No sum of absolute products reaches 2^24, so float32 rounds none of them."""
    pair = pair_named(name)
    for seed in range(300):
        case = lattice_case(pair, seed)
        assert max(np.abs(array).max(initial=0) for array in case.arrays.values()) <= LATTICE
        _, grad_output = reference_results(pair, case)
        names = tuple(n for n in pair.gradients if n in case.arrays)
        magnitude = bounds.magnitudes(pair.twin, case, grad_output, names)
        assert max(result.max(initial=0) for result in magnitude.values()) < 2**24


def test_the_lattice_sees_one_missing_product() -> None:
    """Zeroing any single weight that meets a pixel changes the output exactly by its products: never hidden."""
    pair = pair_named("conv2d")
    case = next(
        c for c in (lattice_case(pair, seed) for seed in range(100))
        if c.arrays["input"].size > 40 and c.arrays["weight"].size > 10 and c.arguments["padding"] in (0, "valid")
    )  # fmt: skip
    output = pair.forward(**case.arrays, **case.arguments)
    weight = np.array(case.arrays["weight"])
    for index in np.ndindex(weight.shape):
        if weight[index] == 0:
            continue
        without = weight.copy()
        without[index] = 0
        changed = pair.forward(**{**case.arrays, "weight": without}, **case.arguments)
        assert not compare(changed, output, np.zeros(())).equal


@pytest.mark.parametrize("name", ["conv2d", "conv_transpose2d", "linear"])
@pytest.mark.parametrize("number", [np.nan, np.inf, -np.inf])
def test_numbers_that_are_not_finite_must_arrive(name: str, number: float) -> None:
    """Such a pixel makes every sum that it enters NaN or infinite: a side that swallows it is wrong."""
    pair = pair_named(name)
    cases = (pair.cases(RandomDraw(np.random.default_rng(seed)), "real", F32) for seed in range(100))
    case = next(case for case in cases if case.arrays["input"].size > 20 and case.arrays["weight"].size > 20)
    shape = case.arrays["input"].shape
    x = np.where(np.arange(math.prod(shape)) % 15 == 0, F32.type(number), 1).reshape(shape)
    case = dataclasses.replace(case, kind="extremes", arrays={**case.arrays, "input": x})
    assert all(verdict.equal for verdict in prove(pair, case).values())

    def swallows(input: Any, **given: Any) -> Any:
        return pair.forward(np.nan_to_num(input, posinf=0, neginf=0), **given)

    assert not prove(dataclasses.replace(pair, forward=swallows), case)["output"].equal


def test_the_terms_of_a_transposed_convolution_are_counted_pixel_by_pixel() -> None:
    """Where all numbers are 1, a result is the number of its terms; gradients have no more than is said."""
    pair = pair_named("conv_transpose2d")
    for seed in range(100):
        case = lattice_case(pair, seed)
        ones = dataclasses.replace(case, arrays={name: np.ones_like(array) for name, array in case.arrays.items()})
        output = pair.twin(**{name: torch.from_numpy(array) for name, array in ones.arrays.items()}, **case.arguments)
        g = np.ones(tuple(output.shape), F32)
        terms = bounds.conv_transpose2d_terms(case, g)
        counted = bounds.magnitudes(pair.twin, ones, g, tuple(n for n in pair.gradients if n in case.arrays))
        with_bias = terms["output"] - ("bias" not in case.arrays)
        np.testing.assert_array_equal(counted["output"], np.broadcast_to(with_bias, counted["output"].shape))
        for name, count in counted.items():
            assert name == "output" or count.max(initial=0) <= terms[name]
        if not np.any(case.arguments["padding"]):
            assert counted["grad_weight"].max(initial=0) == terms["grad_weight"]


def test_a_channel_that_is_not_finite_must_arrive() -> None:
    """And one that is merely large is not known, in training where squares are added up."""
    pair = pair_named("batch_norm")

    def swallows(input: Any, **given: Any) -> Any:
        return pair.forward(np.nan_to_num(input, posinf=0, neginf=0), **given)

    wrong = dataclasses.replace(pair, forward=swallows)
    spoiled = np.array([[np.nan, np.inf, 1e30, 1], [1, 2, 3, 4], [5, 7, 6, 8]], F32)
    arrays = {"input": spoiled, "running_mean": np.zeros(4, F32), "running_var": np.ones(4, F32)}
    for training, known in ((True, [1, 1, 0, 1]), (False, [1, 1, 1, 1])):
        arguments = {"training": training, "momentum": 0.5, "eps": 1e-5}
        case = Case("extremes", F32, arrays, arguments, plain=True)
        assert all(verdict.equal for verdict in prove(pair, case).values())
        assert prove(wrong, case)["output"].wrong == (6 if training else 2)
        with np.errstate(all="ignore"):
            bound = pair.expected(case, np.ones((3, 4), F32))["output"]
        assert bound is not None
        assert (~np.isinf(bound[0])).tolist() == [bool(one) for one in known]
        assert np.isnan(bound[0, :2]).all()


def test_what_overflows_in_one_order_only_is_not_known() -> None:
    """Neither is what is infinite besides."""
    x = np.array([[1e38, 3e38, 1.0, 1.0], [1.0, 3e38, np.inf, 1.0], [1.0, 1.0, np.inf, 1.0], [1.0, 1.0, 1.0, 1.0]], F32)
    case = Case("extremes", F32, {"input": x, "weight": np.ones((1, 4), F32)}, plain=True)
    pair = pair_named("linear")
    bound = pair.expected(case, np.ones((4, 1), F32))["output"]
    assert bound is not None
    assert bound[:2].tolist() == [[np.inf], [np.inf]]
    assert np.isnan(bound[2, 0])
    assert 0 < bound[3, 0] < 1e-5


def adjoint_gaps_of_means(pair: Pair, seeds: range) -> list[tuple[float, float, float]]:
    """Both sides of the identity and their bound, over cases of float64."""
    cases = (pair.cases(RandomDraw(np.random.default_rng([70, seed])), "lattice", F64) for seed in seeds)
    return [gap for case in cases for gap in adjoint_gap(pair, case).values()]


def test_the_adjoint_identity_of_means_holds_within_its_bound() -> None:
    """The bound is needed, and it is a small part of what is compared."""
    gaps = adjoint_gaps_of_means(pair_named("avg_pool2d"), range(1000))
    assert all(abs(change - said) <= bound for change, said, bound in gaps)
    assert any(change != said for change, said, _ in gaps)
    # So a mistake of a millionth would be seen in nearly every case.
    compared = [bound <= 1e-6 * abs(said) for _, said, bound in gaps if said]
    assert np.mean(compared) > 0.9


@pytest.mark.slow
def test_the_adjoint_identity_of_means_holds_within_its_bound_at_length() -> None:
    gaps = adjoint_gaps_of_means(pair_named("avg_pool2d"), range(1000, 20_000))
    assert all(abs(change - said) <= bound for change, said, bound in gaps)


def test_the_adjoint_identity_of_means_notices_a_gradient_that_is_not_divided() -> None:
    """Wherever a window has more than one pixel and something comes from above, unless two zeros round differently."""
    right = pair_named("avg_pool2d")

    def undivided(g: Any, a: Any, o: Any, y: Any) -> Any:
        return right.backward(g, a, {**o, "divisor_override": 1}, y)

    seeds = range(500)
    wrong = adjoint_gaps_of_means(dataclasses.replace(right, backward=undivided), seeds)
    truth = adjoint_gaps_of_means(right, seeds)
    noticed = [
        abs(change - said) > bound
        for (change, said, bound), (_, true, _) in zip(wrong, truth, strict=True)
        if said != true
    ]
    assert len(noticed) > 300
    assert np.mean(noticed) > 0.99
