"""People's own pictures, kind by kind: read right or, where that fails, not without a warning."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from reference.datasets import mnist
from tests.torch_parity.training.pictures.drawn import DOUBTFUL, READ, Draw, numbers, pen, picture
from tests.torch_parity.training.test_predict import trained
from torch_parity.training.familiarity import Familiarity, form
from torch_parity.training.pictures import Picture, look
from torch_parity.training.predict import Classifier


def looked_at(draw: Draw, number: int, folder: Path, seed: int = 5) -> Picture:
    path = folder / "picture.png"
    picture(draw(number, np.random.default_rng(seed))).save(path, compress_level=1)
    return look(path)


@pytest.mark.parametrize("name", READ)
def test_a_digit_is_prepared_as_if_it_stood_alone(name: str, tmp_path: Path) -> None:
    plain, found = (looked_at(draw, 4, tmp_path).pixels for draw in (pen(0.08), READ[name]))  # a 4
    alike = float(form(plain[np.newaxis])[0] @ form(found[np.newaxis])[0])
    assert alike > 0.92, f"{alike:.2f}"
    assert np.median(found[found > 0]) > 100  # thin strokes, too, are black and not grey


def measured(
    draw: Draw, classifier: Classifier, familiarity: Familiarity, folder: Path, each: int = 4
) -> dict[str, int]:
    """Of ``each`` pictures of every digit, how many are read right, right with a warning, refused, and wrong unsaid."""
    counts = dict.fromkeys(("right", "warned", "refused", "silent"), 0)
    for seed, number in enumerate(numbers(each)):
        try:
            found = looked_at(draw, number, folder, seed)
        except ValueError:
            counts["refused"] += 1
            continue
        prediction = classifier.predict(found.pixels)
        warned = bool(found.warnings or familiarity.doubts(found.pixels, prediction))
        right = prediction.classes["numpy"] == mnist().test_labels[number]
        counts["right"] += right
        counts["warned"] += right and warned
        counts["silent"] += not right and not warned
    return counts


@pytest.fixture(scope="module")
def lenet5(tmp_path_factory: pytest.TempPathFactory) -> Any:
    path = trained("lenet5", 60_000, tmp_path_factory.mktemp("run") / "weights.safetensors")
    classifier = Classifier(path)
    return classifier, Familiarity(classifier)


@pytest.mark.slow
@pytest.mark.parametrize("name", list(READ)[::2])
def test_nine_of_ten_are_read_and_the_tenth_is_not_wrong_without_a_word(name: str, lenet5: Any, tmp_path: Path) -> None:
    counts = measured(READ[name], lenet5[0], lenet5[1], tmp_path, each=1)
    assert counts["right"] >= 9, counts
    assert counts["silent"] == 0, counts


@pytest.mark.slow
@pytest.mark.parametrize("name", DOUBTFUL)
def test_what_cannot_be_read_is_said(name: str, lenet5: Any, tmp_path: Path) -> None:
    assert measured(DOUBTFUL[name], lenet5[0], lenet5[1], tmp_path, each=1)["silent"] == 0
