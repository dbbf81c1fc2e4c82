"""What is drawn at random, and how a seed fixes it."""

import json
from types import SimpleNamespace

import numpy as np
import pytest

from reference import generator, nn


def test_a_seed_fixes_weights_and_masks() -> None:
    def drawn(seed: int) -> tuple[list[float], list[bool]]:
        nn.manual_seed(seed)
        return nn.Linear(5, 4).weight.data.ravel().tolist(), generator.draw_mask((30,), 0.5).tolist()

    assert drawn(1) == drawn(1)
    weights, mask = drawn(2)
    assert weights != drawn(1)[0]
    assert mask != drawn(1)[1]


def test_the_weights_under_a_seed_are_those_of_numpys_generator() -> None:
    """So a seed names the same weights as ever."""
    nn.manual_seed(3)
    expected = np.random.default_rng(3).uniform(-0.5, 0.5, (2, 4)).astype(np.float32)
    np.testing.assert_array_equal(nn.Linear(4, 2).weight.data, expected)


def test_masks_drop_with_probability_p() -> None:
    """A share of 200,000 draws is off by a thousandth, as a rule; five times that is never seen."""
    nn.manual_seed(0)
    for p in (0.0, 0.1, 0.5, 0.9, 1.0):
        mask = generator.draw_mask((200, 1000), p)
        assert mask.dtype == np.bool
        assert abs(mask.mean() - (1 - p)) < 0.006
    assert generator.draw_mask((200, 1000), 0.0).all()
    assert not generator.draw_mask((200, 1000), 1.0).any()


def test_an_integer_at_the_threshold_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    """So p = 0 drops nothing, and p = 1/2 just half of all integers: chance would show it once in 2^32 draws."""
    halves = np.array([0, 2**31 - 1, 2**31, 2**32 - 1], np.uint32)
    fixed = SimpleNamespace(bit_generator=SimpleNamespace(random_raw=lambda count: halves.view(np.uint64)[:count]))
    monkeypatch.setattr(generator, "_generator", fixed)
    assert generator.draw_mask((4,), 0.0).all()
    assert generator.draw_mask((4,), 0.5).tolist() == [False, False, True, True]


def test_entries_of_a_mask_are_independent() -> None:
    """Neighbours agree as often as chance has it, along every axis."""
    nn.manual_seed(0)
    mask = generator.draw_mask((300, 400), 0.5)
    for axis in range(2):
        assert abs((mask == np.roll(mask, 1, axis)).mean() - 0.5) < 0.01


def test_a_mask_without_dimensions_is_an_array() -> None:
    mask = generator.draw_mask((), 0.5)
    assert isinstance(mask, np.ndarray)
    assert mask.shape == ()


def test_the_state_travels_through_json() -> None:
    before = json.loads(json.dumps(generator.state()))
    first = generator.draw_mask((50,), 0.5)
    assert not np.array_equal(generator.draw_mask((50,), 0.5), first)
    generator.restore(before)
    np.testing.assert_array_equal(generator.draw_mask((50,), 0.5), first)
