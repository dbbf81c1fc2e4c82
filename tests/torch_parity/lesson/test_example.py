"""No number comes to the page that NumPy and torch do not agree on."""

from typing import Any

import numpy as np
import pytest

from torch_parity.audit.mistakes import MISTAKES, Mistake
from torch_parity.audit.mistakes.mistake import result
from torch_parity.lesson import example
from torch_parity.lesson.example import Array, Call, UnequalError, prove, wrong
from torch_parity.proof.pairs import Pair, pair_named

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


def test_a_mistake_makes_wrong_numbers() -> None:
    by_name = {mistake.name: mistake for mistake in MISTAKES}
    found = wrong([convolution()], by_name["kernel-flipped"])["y"]
    flipped = prove([Call("conv2d", {"input": IMAGE, "weight": KERNEL[..., ::-1, ::-1]}, PLAIN, {"output": "y"})])
    assert np.array_equal(found, flipped["y"].numpy)
    assert np.array_equal(wrong([convolution()], by_name["leaky"])["y"], prove([convolution()])["y"].numpy)
