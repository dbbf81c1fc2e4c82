"""No number comes to the page that NumPy and torch do not agree on."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from torch_parity.audit.mistakes import MISTAKES, Mistake
from torch_parity.audit.mistakes.mistake import result
from torch_parity.lesson import example
from torch_parity.lesson.example import Array, Call, UnequalError, prove, wrong
from torch_parity.proof.cases import Case
from torch_parity.proof.pairs import Pair, pair_named
from torch_parity.proof.prove import both_sides

IMAGE = np.arange(16).reshape(1, 1, 4, 4)
KERNEL = np.array([[[[1, 2], [0, -1]]]])
PLAIN = {"stride": 1, "padding": 0, "dilation": 1, "groups": 1}


def convolution(image: Array = IMAGE, upstream: Array | None = None, **shows: str) -> Call:
    return Call("conv2d", {"input": image, "weight": KERNEL}, PLAIN, shows or {"output": "y"}, upstream)


def plant(monkeypatch: pytest.MonkeyPatch, change: float) -> None:
    """From now on NumPy's convolution is wrong by ``change`` in its first number."""

    def changed(output: Array, given: dict[str, Any]) -> Array:
        output = output.copy()
        output.flat[0] += change
        return output

    mistake = Mistake("planted", "conv2d", "", "", "", (), forward=result(changed))

    def planted(name: str) -> Pair:
        return mistake.plant(pair_named(name))

    monkeypatch.setattr(example, "pair_named", planted)


def test_whole_numbers_are_equal_to_the_bit() -> None:
    found = prove([convolution(output="y", grad_weight="dK", upstream=np.ones((3, 3), int))])
    assert found["y"].numpy[0, 0].tolist() == [[-3, -1, 1], [5, 7, 9], [13, 15, 17]]
    assert found["dK"].numpy[0, 0].tolist() == [[45, 54], [81, 90]]
    for one in found.values():
        assert one.numpy.dtype == np.float64
        assert np.array_equal(one.numpy, one.torch)
        assert not one.bound.any()


def test_real_numbers_have_a_bound() -> None:
    found = prove([convolution(IMAGE / 10)])["y"]
    assert found.bound.shape == found.numpy.shape
    assert (found.bound > 0).all()
    assert found.bound.max() < 1e-13
    assert (np.abs(found.numpy - found.torch) <= found.bound).all()


def test_without_an_upstream_gradient_it_is_one() -> None:
    given = prove([convolution(grad_weight="dK", upstream=np.ones((3, 3)))])["dK"].numpy
    assert np.array_equal(prove([convolution(grad_weight="dK")])["dK"].numpy, given)


def test_the_upstream_gradient_matters() -> None:
    upstream = np.array([[1, 0, 0], [0, 0, 0], [0, 0, 0]])
    assert prove([convolution(grad_weight="dK", upstream=upstream)])["dK"].numpy[0, 0].tolist() == [[0, 1], [4, 5]]


@pytest.mark.parametrize(("image", "change"), [(IMAGE, 1e-12), (IMAGE / 10, 1e-12), (IMAGE / 10, np.nan)])
def test_a_wrong_number_is_an_error(image: Array, change: float, monkeypatch: pytest.MonkeyPatch) -> None:
    plant(monkeypatch, change)
    with pytest.raises(UnequalError, match=r"^y, the output of conv2d .* 1 of 9 elements differ"):
        prove([convolution(image)])


def test_a_number_within_the_bound_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    plant(monkeypatch, 1e-17)
    prove([convolution(IMAGE / 10)])


# What an earlier result was off by is carried on.

ROUNDED = convolution(IMAGE / 10, output="earlier")
LINKED = [
    Call("relu", {"input": "earlier"}, {}, {"output": "later"}),
    Call("flatten", {"input": "earlier"}, {"start_dim": 1}, {"output": "later"}),
    Call("max_pool2d", {"input": "earlier"}, {"kernel_size": 2, "stride": 1}, {"output": "later"}),
    Call("conv2d", {"input": "earlier", "weight": KERNEL / 7}, {**PLAIN, "padding": 1}, {"output": "later"}),
    Call("conv2d", {"input": IMAGE / 3, "weight": "earlier"}, PLAIN, {"output": "later"}),
    Call("linear", {"input": "earlier", "weight": np.array([[1, -3, 0.3], [0, 2, -1]])}, {}, {"output": "later"}),
    Call("softmax", {"input": "earlier"}, {"dim": 3}, {"output": "later"}),
    Call("relu", {"input": IMAGE[..., :3, :3] - 4}, {}, {"grad_input": "later"}, "earlier"),
]


def off(call: Call, change: Array) -> Array:
    """What a linked call gives where the earlier result is off by ``change``."""

    def changed(given: Array | str | None) -> Any:
        return earlier + change if isinstance(given, str) else given

    earlier = prove([ROUNDED])["earlier"].numpy
    arrays = {name: changed(given) for name, given in call.arrays.items()}
    return prove([replace(call, arrays=arrays, grad_output=changed(call.grad_output))])["later"].numpy


@pytest.mark.parametrize("call", LINKED, ids=lambda call: f"{call.formula} of {'-'.join(call.arrays)}")
def test_a_rounding_is_carried_on_as_far_as_it_can_get(call: Call, monkeypatch: pytest.MonkeyPatch) -> None:
    """With an earlier bound so large that nothing else counts, the later one is reached, and never passed."""
    large = 2.0**-20

    def coarse(pair: Pair, case: Case, *others: Any, **options: Any) -> Any:
        case, ours, theirs, expected, upstream = both_sides(pair, case, *others, **options)
        first = case.arrays.get("weight") is not None and np.array_equal(case.arrays["weight"], KERNEL)
        return case, ours, theirs, {"output": np.full((1, 1, 3, 3), large)} if first else expected, upstream

    monkeypatch.setattr("torch_parity.lesson.example.both_sides", coarse)
    bound = prove([ROUNDED, call])["later"].bound
    monkeypatch.undo()
    exact = off(call, np.zeros((1, 1, 3, 3)))
    assert bound.shape == exact.shape
    generator = np.random.default_rng(0)
    signs = [generator.choice([-1.0, 1.0], (1, 1, 3, 3)) for _ in range(100)]
    farthest = np.max([np.abs(off(call, large * sign) - exact) for sign in signs], axis=0)
    assert (farthest <= bound * (1 + 1e-6)).all()
    assert (farthest >= bound / 3 - 1e-300).all() or call.formula == "relu"


def test_what_is_exact_carries_nothing_on() -> None:
    earlier = convolution(output="earlier")
    assert not any(prove([earlier, call])["later"].bound.any() for call in LINKED[:3])


def test_a_chain_forgets_no_link() -> None:
    """Of three links each adds its own bound, and what came before."""
    double = Call("conv2d", {"input": "earlier", "weight": np.full((1, 1, 1, 1), 2.0)}, PLAIN, {"output": "earlier"})
    alone, once, twice = (prove([ROUNDED, *[double] * links])["earlier"].bound for links in range(3))
    own = prove([replace(double, arrays={**double.arrays, "input": prove([ROUNDED, double])["earlier"].numpy})])
    assert (once > 2 * alone).all()
    assert np.allclose(twice, 2 * once + own["earlier"].bound, rtol=1e-12, atol=0)


def test_a_rounding_that_nobody_can_carry_on_is_refused() -> None:
    average = {"kernel_size": 2, "stride": 1, "padding": 0, "ceil_mode": False, "count_include_pad": True,
               "divisor_override": None}  # fmt: skip
    with pytest.raises(ValueError, match="no bound is known for the output of avg_pool2d where its input is rounded"):
        prove([ROUNDED, Call("avg_pool2d", {"input": "earlier"}, average, {"output": "later"})])
    with pytest.raises(ValueError, match="for the grad_weight of conv2d where its input is rounded"):
        prove([ROUNDED, Call("conv2d", {"input": "earlier", "weight": KERNEL}, PLAIN, {"grad_weight": "later"})])


# What is given is proven in float64: as whole numbers to the bit, or up to rounding.


@pytest.mark.parametrize(
    ("arrays", "arguments", "upstream", "kind"),
    [
        ({"input": IMAGE, "weight": KERNEL}, {}, None, "lattice"),
        ({"input": IMAGE, "weight": KERNEL / 2}, {}, None, "real"),
        ({"input": IMAGE * 10**6, "weight": KERNEL}, {}, None, "real"),
        ({"input": IMAGE, "weight": KERNEL}, {}, np.ones((1, 1, 3, 3)) / 2, "real"),
        ({"input": IMAGE, "weight": KERNEL}, {"lr": 0.5}, None, "real"),
        ({"input": IMAGE, "weight": "earlier"}, {}, None, "lattice"),
        ({"input": IMAGE, "weight": KERNEL}, {}, "upstream", "lattice"),
    ],
)
def test_whole_numbers_are_a_lattice(arrays: Any, arguments: Any, upstream: Any, kind: str) -> None:
    earlier = {"earlier": KERNEL, "upstream": np.ones((1, 1, 3, 3))}
    case = example._case(Call("conv2d", arrays, arguments, {}, upstream), earlier)
    assert case.kind == kind
    assert {array.dtype for array in case.arrays.values()} == {np.dtype(np.float64)}


def test_classes_stay_integers() -> None:
    case = example._case(Call("cross_entropy", {"input": IMAGE, "target": np.array([1])}, {}, {}), {})
    assert {name: array.dtype.kind for name, array in case.arrays.items()} == {"input": "f", "target": "i"}


def test_a_mistake_makes_wrong_numbers() -> None:
    by_name = {mistake.name: mistake for mistake in MISTAKES}
    found = wrong([convolution()], by_name["kernel-flipped"])["y"]
    flipped = prove([Call("conv2d", {"input": IMAGE, "weight": KERNEL[..., ::-1, ::-1]}, PLAIN, {"output": "y"})])
    assert np.array_equal(found, flipped["y"].numpy)
    assert np.array_equal(wrong([convolution()], by_name["leaky"])["y"], prove([convolution()])["y"].numpy)
