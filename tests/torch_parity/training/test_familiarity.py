"""Digits are familiar, and other things are not; a network that knows other images is not asked."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from reference.datasets import mnist
from tests.torch_parity.training.test_predict import saved, state_dict, weights
from torch_parity.training.familiarity import ALIKE, KNOWN, Familiarity, form
from torch_parity.training.predict import Classifier, Prediction

__all__ = ["weights"]  # a fixture


def certain(label: int, probability: float = 1, of: int = 10) -> Prediction:
    probabilities = np.full(of, (1 - probability) / (of - 1))
    probabilities[label] = probability
    return Prediction({"numpy": probabilities, "torch": probabilities})


def test_the_threshold_is_that_of_99_in_100_test_images() -> None:
    data, resemblances = mnist(), []
    images = form(data.test_images[:2000])
    known, labels = form(data.train_images[:KNOWN]), data.train_labels[:KNOWN]
    for label in range(10):
        own = images[data.test_labels[:2000] == label]
        resemblances.extend((own @ known[labels == label].T).max(axis=1))
    assert np.mean(np.array(resemblances) >= ALIKE) == pytest.approx(0.99, abs=0.006)


def test_digits_are_familiar_as_what_they_are(weights: Path) -> None:
    familiarity, data = Familiarity(Classifier(weights)), mnist()
    own, others = 0, 0
    for image, label in zip(data.test_images[:100], data.test_labels[:100].tolist(), strict=True):
        own += not familiarity.doubts(image, certain(label))
        others += not familiarity.doubts(image, certain((label + 1) % 10))
    assert own >= 97
    assert others <= 30
    resemblance = familiarity.resemblance(data.train_images[0], int(data.train_labels[0]))
    assert resemblance == pytest.approx(1, abs=1e-5)


def test_what_is_no_digit_is_far_from_every_class(weights: Path) -> None:
    familiarity = Familiarity(Classifier(weights))
    squares = (np.kron(np.indices((7, 7)).sum(axis=0) % 2, np.ones((4, 4))) * 255).astype(np.uint8)
    for label in range(10):
        (doubt,) = familiarity.doubts(squares, certain(label))
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
