"""Weights load on both sides, or not at all, and both read what was drawn."""

import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import safetensors.torch
import torch
from PIL import Image

import reference
from reference.datasets import mnist, normalize
from torch_parity import Lockstep
from torch_parity.files import save_arrays
from torch_parity.machine import threads
from torch_parity.networks import NETWORKS
from torch_parity.training.predict import Classifier, read_picture


def trained(network: str, images: int, path: Path) -> Path:
    """Weights after one epoch of the first ``images`` training images."""
    data, both = mnist(), Lockstep(network, lr=0.02, momentum=0.9)
    with threads(1):
        for _ in both.epoch(data.train_images[:images], data.train_labels[:images], 64):
            pass
    save_arrays(path, both.numpy.network.state_dict(), {"network": network, "classes": "10"})
    return path


@pytest.fixture(scope="session")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Enough to tell most digits."""
    return trained("formula", 3200, tmp_path_factory.mktemp("run") / "weights.safetensors")


@pytest.fixture(scope="session")
def digits() -> Any:
    return mnist().test_images


# Pictures


def draw(digit: Any, rng: Any) -> Image.Image:
    """``digit`` (28, 28) in two random colours, 5 to 15 times as large, somewhere in a picture larger still."""
    side = int(28 * rng.uniform(5, 15))
    large = np.asarray(Image.fromarray(digit).resize((side, side), Image.Resampling.BICUBIC)) / 255
    height, width = rng.integers(side, 2 * side, 2)
    top, left = rng.integers(0, (height - side + 1, width - side + 1))
    ink = np.zeros((height, width, 1))
    ink[top : top + side, left : left + side, 0] = large
    dark, light = np.sort(rng.integers(0, 256, (2, 3)), axis=0)
    dark, light = dark // 3, 255 - (255 - light) // 3
    inks, paper = (dark, light) if rng.random() < 0.5 else (light, dark)
    return Image.fromarray(np.rint(paper + (inks - paper.astype(float)) * ink).astype(np.uint8))


def kept(digits: Any, weights: Path, folder: Path, count: int) -> int:
    """How many of the first ``count`` digits are classified after being drawn as they were before."""
    classifier, rng, kept = Classifier(weights), np.random.default_rng(0), 0
    for digit in digits[:count]:
        draw(digit, rng).save(folder / "digit.png", compress_level=0)
        drawn, plain = (classifier.predict(pixels) for pixels in (read_picture(folder / "digit.png"), digit))
        assert drawn.classes["numpy"] == drawn.classes["torch"]
        assert drawn.largest_difference < 1e-5
        kept += drawn.classes == plain.classes
    return kept


@pytest.mark.slow
def test_digits_drawn_as_pictures_keep_their_class(digits: Any, weights: Path, tmp_path: Path) -> None:
    assert kept(digits, weights, tmp_path, 60) >= 50


@pytest.mark.slow
def test_a_thousand_digits_drawn_as_pictures_keep_their_class(digits: Any, tmp_path: Path) -> None:
    """996 do after an epoch of all images; a network that knows less also wavers more."""
    weights = trained("lenet5", 20_000, tmp_path / "weights")
    assert kept(digits, weights, tmp_path, 1000) >= 970


# Weights


def damaged(content: bytes, rng: random.Random) -> bytes:
    """``content`` with bits flipped, cut off, or with a stretch of it overwritten."""
    copy = bytearray(content)
    kind = rng.randrange(3)
    if kind == 0:
        for bit in rng.sample(range(8 * len(copy)), rng.randint(1, 8)):
            copy[bit // 8] ^= 1 << bit % 8
    elif kind == 1:
        del copy[rng.randrange(len(copy)) :]
    else:
        first = rng.randrange(len(copy))
        copy[first : first + 8] = rng.randbytes(8)
    return bytes(copy)


def state_dict(network: str = "formula", classes: int = 10) -> dict[str, Any]:
    reference.nn.manual_seed(1)
    return dict(NETWORKS[network](reference.nn, classes).state_dict())


def saved(path: Path, arrays: Any, **metadata: str) -> Path:
    save_arrays(path, arrays, metadata)
    return path


@pytest.mark.parametrize("network", NETWORKS)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_both_sides_classify_with_the_weights_in_the_file(
    network: str, dtype: Any, tmp_path: Path, digits: Any
) -> None:
    reference.nn.manual_seed(1)
    arrays = NETWORKS[network](reference.nn, 27).to(dtype).state_dict()
    classifier = Classifier(saved(tmp_path / "weights", arrays, network=network))
    prediction = classifier.predict(digits[0])
    assert (classifier.network, classifier.classes) == (network, 27)
    scores = classifier.torch(torch.from_numpy(normalize(digits[:1], dtype=dtype)))
    expected = torch.softmax(scores, dim=1)[0].detach().numpy()
    for probabilities in prediction.probabilities.values():
        assert probabilities.dtype == dtype
        assert probabilities.shape == (27,)
        np.testing.assert_allclose(probabilities, expected, rtol=1e-4 if dtype == np.float32 else 1e-12)
    assert prediction.classes == dict.fromkeys(("numpy", "torch"), int(expected.argmax()))


def test_a_difference_between_the_sides_is_seen(weights: Path, digits: Any) -> None:
    classifier = Classifier(weights)
    classifier.numpy[-1].bias.data[3] += 100
    prediction = classifier.predict(digits[0])
    assert prediction.classes == {"numpy": 3, "torch": 7}
    assert prediction.largest_difference > 0.5
    ours, theirs = prediction.probabilities.values()
    assert prediction.largest_difference == pytest.approx(np.abs(ours - theirs).max())


def test_the_folder_of_a_run(weights: Path) -> None:
    assert Classifier(weights.parent).network == "formula"
    with pytest.raises(FileNotFoundError, match=r"weights.safetensors"):
        Classifier(weights.parent.parent)


def test_weights_that_torch_saved_need_the_name_of_their_network(tmp_path: Path, digits: Any) -> None:
    path = tmp_path / "model.safetensors"
    network = NETWORKS["lenet5"](torch.nn)
    safetensors.torch.save_file(network.state_dict(), path)
    with pytest.raises(ValueError, match=r"does not say whose weights it holds: name the network, formula, lenet5"):
        Classifier(path)
    assert Classifier(path, "lenet5").predict(digits[0]).largest_difference < 1e-6


def changed(name: str, change: Callable[[Any], Any]) -> dict[str, Any]:
    arrays = state_dict()
    arrays[name] = change(arrays[name])
    return arrays


def not_finite(array: Any) -> Any:
    array[0] = np.nan
    return array


BAD_WEIGHTS: dict[str, tuple[Any, str]] = {
    "another network's": (
        state_dict("vgg-small"),
        "does not fit formula: 0.weight has shape .16, 1, 3, 3., needs .8, 1, 3",
    ),
    "one missing": ({"0.weight": state_dict()["0.weight"]}, "does not fit formula: 0.bias has shape none, needs .8,."),
    "one too many": ({**state_dict(), "5.bias": np.zeros(3, np.float32)}, "5.bias has shape .3,., needs none"),
    "none": ({}, "must hold weights of float32 or of float64, got none"),
    "integers": (changed("0.bias", lambda array: array.astype(int)), "float64, got float32, int64"),
    "two dtypes": (changed("4.bias", lambda array: array.astype(float)), "float64, got float32, float64"),
    "not finite": (changed("0.weight", not_finite), "cannot be used: 0.weight has numbers that are not finite"),
    "many classes": (
        changed("4.bias", lambda array: np.zeros(1 << 20, np.float32)),
        "4.weight has .* needs .1048576, 1352",
    ),
    "no classes": (changed("4.bias", lambda array: array[:0]), "4.weight has shape .10, 1352., needs .1, 1352."),
}


@pytest.mark.parametrize("name", BAD_WEIGHTS)
def test_weights_that_do_not_fit_are_refused(tmp_path: Path, name: str) -> None:
    arrays, text = BAD_WEIGHTS[name]
    with pytest.raises(ValueError, match=rf"weights.safetensors .*{text}"):
        Classifier(saved(tmp_path / "weights.safetensors", arrays, network="formula"))


def test_the_network_must_be_known(tmp_path: Path) -> None:
    path = saved(tmp_path / "weights", state_dict(), network="resnet")
    with pytest.raises(ValueError, match=r"network must be one of formula, lenet5, mnist-example, .*, got 'resnet'"):
        Classifier(path)
    assert Classifier(path, "formula").classes == 10


def test_weights_that_overflow_are_refused(tmp_path: Path, digits: Any) -> None:
    huge = {name: array * np.float32(1e30) for name, array in state_dict().items()}
    classifier = Classifier(saved(tmp_path / "weights", huge, network="formula"))
    with pytest.raises(ValueError, match="scores are not finite"):
        classifier.predict(digits[0])


def read_damaged_weights(folder: Path, count: int, seed: int) -> int:
    """How many of ``count`` damaged files of weights are refused.

    With a checksum, all are but those in which nothing but the layout of the header changed.  Without one, another
    number may pass as a weight, and what is read only has to fit the network.
    """
    rng, refused = random.Random(seed), 0
    arrays = state_dict()
    ours = saved(folder / "weights", arrays, network="formula").read_bytes()
    theirs = safetensors.torch.save({name: torch.from_numpy(array) for name, array in arrays.items()})
    for number in range(count):
        has_checksum = bool(number % 2)
        content = ours if has_checksum else theirs
        end = len(content) if rng.random() < 0.3 else 8 + int.from_bytes(content[:8], "little")
        content = damaged(content[:end], rng) + content[end:]
        if rng.random() < 0.1:
            content = rng.randbytes(8) + content[8:]  # the length of the header
        (folder / "weights").write_bytes(content)
        try:
            classifier = Classifier(folder / "weights", "formula")
        except ValueError as error:
            assert str(folder / "weights") in str(error)  # noqa: PT017  (either outcome is fine)
            refused += 1
        else:
            for name, array in classifier.numpy.state_dict().items():
                assert array.shape == arrays[name].shape
                assert not has_checksum or (array == arrays[name]).all()
    return refused


def test_damaged_weights(tmp_path: Path) -> None:
    assert 20 < read_damaged_weights(tmp_path, 40, seed=0) <= 40


@pytest.mark.slow
def test_many_damaged_weights(tmp_path: Path) -> None:
    assert 400 < read_damaged_weights(tmp_path, 1000, seed=1) <= 1000
