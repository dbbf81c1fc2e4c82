"""Digits are familiar, and other things are not; a network that knows other images is not asked."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from reference.datasets import mnist
from tests.torch_parity.training.test_predict import saved, state_dict, weights
from torch_parity.training.familiarity import ALIKE, KNOWN, MOST_LOOPS, MOST_WIDE, Familiarity, form, loops_in, widest
from torch_parity.training.predict import Classifier, Prediction

__all__ = ["weights"]  # a fixture


def certain(label: int, probability: float = 1, of: int = 10) -> Prediction:
    probabilities = np.full(of, (1 - probability) / (of - 1))
    probabilities[label] = probability
    return Prediction({"numpy": probabilities, "torch": probabilities})


@pytest.mark.slow
def test_few_test_images_are_beyond_the_limits() -> None:
    data, resemblances = mnist(), []
    images = form(data.test_images)
    for label in range(10):
        known = form(data.train_images[:KNOWN][data.train_labels[:KNOWN] == label])
        resemblances.extend((images[data.test_labels == label] @ known.T).max(axis=1))
    assert np.mean(np.array(resemblances) >= ALIKE) == pytest.approx(0.99, abs=0.003)
    assert np.mean([widest(image) > MOST_WIDE for image in data.test_images]) == pytest.approx(0.007, abs=0.001)
    assert np.mean([loops_in(image) > MOST_LOOPS for image in data.test_images]) == pytest.approx(0.003, abs=0.001)


def drawn(*boxes: tuple[int, int, int, int]) -> Any:
    """Rectangles, the inside of each bare, in strokes 2 pixels wide: top, left, bottom, right."""
    pixels = np.zeros((28, 28), np.uint8)
    for top, left, bottom, right in boxes:
        pixels[top:bottom, left:right] = 255
        pixels[top + 2 : bottom - 2, left + 2 : right - 2] = 0
    return pixels


def test_loops_are_counted_and_strokes_measured() -> None:
    ring = drawn((4, 9, 24, 19))
    assert loops_in(ring) == 1
    assert 2 <= widest(ring) < 3  # at its corners
    assert loops_in(drawn((4, 9, 14, 19), (14, 9, 24, 19))) == 2
    assert loops_in(np.zeros((28, 28), np.uint8)) == 0
    holes = drawn((4, 9, 24, 19))
    holes[4:24, 9:19] = 255
    holes[10, 12] = holes[15, 12:14] = 99  # of one pixel, which does not count, and of two
    assert loops_in(holes) == 1
    holes[15, 9:12] = 99  # reaches the outside
    assert loops_in(holes) == 0
    ring[4:24, 9:19] = 255
    assert widest(ring) == 10
    assert widest(np.full((28, 28), 127, np.uint8)) == 0


def test_a_blot_and_a_tangle_are_doubted(weights: Path) -> None:
    familiarity = Familiarity(Classifier(weights))
    blot = drawn((4, 9, 24, 19))
    blot[4:24, 9:19] = 255
    said = familiarity.doubts(blot, certain(1))
    assert "it has a stroke 10 pixels wide, and may be a blot: MNIST's are seldom wider than 8" in said
    grid = drawn((4, 4, 14, 14), (4, 12, 14, 22), (12, 4, 22, 14), (12, 12, 22, 22))
    assert "it has 4 loops, and may be no digit: an 8 has 2" in familiarity.doubts(grid, certain(8))


def test_digits_are_familiar_as_what_they_are(weights: Path) -> None:
    familiarity, data = Familiarity(Classifier(weights)), mnist()
    own, others = 0, 0
    for image, label in zip(data.test_images[:100], data.test_labels[:100].tolist(), strict=True):
        own += not familiarity.doubts(image, certain(label))
        others += not familiarity.doubts(image, certain((label + 1) % 10))
    assert own >= 97
    assert others <= 10
    resemblance = familiarity.resemblance(data.train_images[0], int(data.train_labels[0]))
    assert resemblance == pytest.approx(1, abs=1e-5)


def test_what_is_no_digit_is_far_from_every_class(weights: Path) -> None:
    familiarity = Familiarity(Classifier(weights))
    squares = (np.kron(np.indices((7, 7)).sum(axis=0) % 2, np.ones((4, 4))) * 255).astype(np.uint8)
    for label in range(10):
        doubt, _ = familiarity.doubts(squares, certain(label))  # the other speaks of loops
        assert doubt.startswith(f"it is unlike MNIST's {label}s, and may be no digit: it resembles the nearest by 0.")


def test_an_unsure_network_is_said(weights: Path) -> None:
    familiarity, data = Familiarity(Classifier(weights)), mnist()
    image, label = data.train_images[0], int(data.train_labels[0])
    assert familiarity.doubts(image, certain(label, 0.8)) == []
    assert familiarity.doubts(image, certain(label, 0.79)) == [f"the network is unsure: 79% for {label}"]
    torn = Prediction(
        {"numpy": certain(label).probabilities["numpy"], "torch": certain(label, 0.3).probabilities["torch"]}
    )
    assert familiarity.doubts(image, torn) == [f"the network is unsure: 30% for {label}"]


@pytest.mark.parametrize("classes", [10, 27])
def test_a_network_of_other_images_is_not_asked(classes: int, tmp_path: Path) -> None:
    """Untrained, or of letters: MNIST's images say nothing about it."""
    arrays: Any = state_dict("formula", classes)
    familiarity = Familiarity(Classifier(saved(tmp_path / "weights", arrays, network="formula")))
    block = np.full((28, 28), 255, np.uint8)
    assert familiarity.resemblance(block, 3) is None
    assert familiarity.doubts(block, certain(3, of=classes)) == []
