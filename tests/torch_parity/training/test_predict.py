"""Pictures become what MNIST's images are, whatever they are drawn with; weights load on both sides, or not at all."""

import io
import random
import struct
import zlib
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
from torch_parity.training import predict
from torch_parity.training.predict import MAX_PIXELS, Classifier, picture_files, prepare, read_picture


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


def test_digits_drawn_as_pictures_keep_their_class(digits: Any, weights: Path, tmp_path: Path) -> None:
    assert kept(digits, weights, tmp_path, 60) >= 50


@pytest.mark.slow
def test_a_thousand_digits_drawn_as_pictures_keep_their_class(digits: Any, tmp_path: Path) -> None:
    """996 do after an epoch of all images; a network that knows less also wavers more."""
    weights = trained("lenet5", 20_000, tmp_path / "weights")
    assert kept(digits, weights, tmp_path, 1000) >= 970


def test_an_image_of_mnist_is_prepared_already(digits: Any) -> None:
    apart = [np.abs(prepare(digit.astype(np.float32)) - digit.astype(int)).max() for digit in digits[:200]]
    assert np.mean(np.array(apart) <= 26) > 0.95  # 26 is what counts as faint


def test_noise_and_shade_of_the_paper_are_no_ink(digits: Any) -> None:
    """As in a photograph.  Without looking at the border, the box would hold the whole picture."""
    rng, apart = np.random.default_rng(0), []
    for digit in digits[:20]:
        large = 230 - 0.6 * np.pad(np.kron(digit, np.ones((8, 8))), 60)
        shade = np.linspace(-6, 6, len(large))
        photograph = large + shade + shade[:, None] + rng.normal(0, 4, large.shape)
        apart.append(np.abs(prepare(photograph.clip(0, 255)) - prepare(digit.astype(float)).astype(int)))
    assert np.mean(apart) < 10  # of 255


SHAPE = np.zeros((90, 70), np.uint8)
SHAPE[20:60, 30:35] = SHAPE[55:60, 30:50] = 255  # an L, 40 x 20


def box(pixels: Any) -> tuple[int, int, int, int]:
    """Top, left, height and width of the ink."""
    rows, columns = np.flatnonzero(pixels.any(axis=1)), np.flatnonzero(pixels.any(axis=0))
    return rows[0], columns[0], rows[-1] - rows[0] + 1, columns[-1] - columns[0] + 1


def test_ink_fits_into_20_pixels_around_its_centre_of_mass() -> None:
    pixels = prepare(SHAPE.astype(float))
    assert pixels.shape == (28, 28)
    assert pixels.dtype == np.uint8
    assert box(pixels)[2:] == (20, 10)
    assert pixels.max() == 255
    rows, columns = np.indices(pixels.shape)
    for index in (rows, columns):
        assert (index * pixels.astype(float)).sum() / pixels.sum() == pytest.approx(14, abs=0.5)


def test_place_size_and_sides_of_the_contrast_do_not_matter() -> None:
    plain = prepare(SHAPE.astype(float))
    others = [
        255.0 - SHAPE,
        np.pad(SHAPE, ((300, 5), (0, 100))),
        SHAPE[10:60, 30:50],  # cut at the ink, which makes up nearly half of the border
        np.kron(SHAPE, np.ones((4, 4))),
        100 + SHAPE / 255.0 * 30,
        100 - SHAPE / 255.0 * 30,  # on dark paper, but darker
        140 + SHAPE / 255.0 * 30,
    ]
    for levels in others:
        np.testing.assert_allclose(prepare(np.asarray(levels, float)), plain, atol=1)


@pytest.mark.parametrize(("height", "width", "scaled"), [(60, 1, (20, 1)), (1, 60, (1, 20)), (30, 12, (20, 8))])
def test_the_aspect_ratio_is_kept(height: int, width: int, scaled: tuple[int, int]) -> None:
    assert box(prepare(np.pad(np.full((height, width), 255.0), 9)))[2:] == scaled


def test_scaling_averages() -> None:
    """A chequered square becomes grey; sampling would give black, white, or stripes."""
    pixels = prepare(np.pad(np.indices((200, 200)).sum(axis=0) % 2 * 255.0, 20))
    assert pixels[8:20, 8:20].min() > 100
    assert pixels[8:20, 8:20].max() < 155


def test_ink_is_not_pushed_over_the_edge() -> None:
    """A heavy end and a long, thin tail: the centre of mass would be in the middle with the tail outside."""
    levels = np.zeros((100, 220))
    levels[10:80, 10:60] = levels[42:46, 60:210] = 255
    for turned in (levels, levels[:, ::-1], levels.T, levels.T[::-1]):
        pixels = prepare(turned)
        assert max(box(pixels)[2:]) == 20
        assert pixels.sum() == pytest.approx(prepare(levels).sum(), rel=0.02)


@pytest.mark.parametrize("levels", [np.zeros((9, 9)), np.full((1, 1), 255.0), np.full((40, 2), 90.0), SHAPE / 255 * 20])
def test_a_picture_without_ink_is_refused(levels: Any) -> None:
    with pytest.raises(ValueError, match=r"no ink: grey levels differ from the background by .*, need 24 or more"):
        prepare(np.asarray(levels, float))


INKED = Image.fromarray(255 - SHAPE)  # black on white
ALPHA = Image.fromarray(SHAPE)


def transparent(mode: str) -> Image.Image:
    picture = Image.new(mode, INKED.size, 0)
    picture.putalpha(ALPHA)
    return picture


def indexed() -> Image.Image:
    picture = Image.fromarray((SHAPE > 0).astype(np.uint8)).convert("P")
    picture.putpalette([200, 30, 30, 0, 0, 0])
    picture.info["transparency"] = 0
    return picture


def turned() -> Image.Image:
    """Lying on its side, with the note that it is to be turned."""
    picture = INKED.transpose(Image.Transpose.ROTATE_90)
    picture.getexif()[0x0112] = 6
    return picture


def frames() -> Any:
    return {"save_all": True, "append_images": [Image.new("L", INKED.size, 99)]}


PICTURES: dict[str, Callable[[Any], None]] = {
    "grey.png": lambda file: INKED.save(file, "PNG"),
    "black and white.png": lambda file: INKED.convert("1").save(file, "PNG"),
    "colour.png": lambda file: INKED.convert("RGB").save(file, "PNG"),
    "colour on transparent.png": lambda file: transparent("RGB").save(file, "PNG"),
    "grey on transparent.png": lambda file: transparent("L").save(file, "PNG"),
    "one transparent colour.png": lambda file: INKED.point(lambda level: level // 2).save(
        file, "PNG", transparency=127
    ),
    "palette on transparent.png": lambda file: indexed().save(file, "PNG", transparency=0),
    "16 bits.png": lambda file: Image.fromarray((255 - SHAPE).astype(np.uint16) * 257).save(file, "PNG"),
    "32 bits.tif": lambda file: Image.fromarray((255 - SHAPE).astype(np.int32) * 70_000).save(file, "TIFF"),
    "floats.tif": lambda file: Image.fromarray(1 - SHAPE.astype(np.float32) / 255).save(file, "TIFF"),
    "four inks.tif": lambda file: INKED.convert("CMYK").save(file, "TIFF"),
    "lying.png": lambda file: turned().save(file, "PNG", exif=turned().getexif()),
    "frames.gif": lambda file: INKED.save(file, "GIF", **frames()),
    "bitmap.bmp": lambda file: INKED.save(file, "BMP"),
    "photograph.jpg": lambda file: INKED.save(file, "JPEG", quality=95),
    "photograph.webp": lambda file: INKED.save(file, "WEBP", lossless=True),
}


@pytest.mark.parametrize("name", PICTURES)
def test_every_kind_of_picture_gives_the_same(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    with path.open("wb") as file:
        PICTURES[name](file)
    apart = np.abs(read_picture(path).astype(int) - prepare(SHAPE.astype(float)))
    assert apart.max() <= (40 if name.endswith(".jpg") else 1)


def test_as_is_takes_an_image_of_a_data_set_unchanged(digits: Any, tmp_path: Path) -> None:
    faint = digits[0] // 20  # without ink, prepare would say
    Image.fromarray(faint).save(tmp_path / "digit.png")
    np.testing.assert_array_equal(read_picture(tmp_path / "digit.png", as_is=True), faint)
    Image.fromarray(faint.astype(np.uint16) * 257 + 100).save(tmp_path / "16 bits.png")
    np.testing.assert_array_equal(read_picture(tmp_path / "16 bits.png", as_is=True), faint)
    INKED.save(tmp_path / "large.png")
    with pytest.raises(ValueError, match=r"large.png: got 70 x 90 pixels, need 28 x 28 to take them as is"):
        read_picture(tmp_path / "large.png", as_is=True)


@pytest.mark.parametrize("mode", ["L", "RGB", "P", "CMYK", "F"])
def test_a_large_picture_is_reduced_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, mode: str) -> None:
    large = Image.fromarray(np.kron(255 - SHAPE, np.ones((30, 30), np.uint8))).convert(mode)
    large.save(tmp_path / "large.tif")
    prepared = []

    def record(levels: Any) -> Any:
        prepared.append(levels.shape)
        return prepare(levels)

    monkeypatch.setattr(predict, "prepare", record)
    assert np.abs(read_picture(tmp_path / "large.tif").astype(int) - prepare(SHAPE.astype(float))).max() < 40
    assert prepared == [(540, 420)]


def test_levels_that_are_not_finite(tmp_path: Path) -> None:
    for odd in (np.nan, np.inf, -np.inf):
        levels = SHAPE.astype(np.float32)
        levels[0, 0] = odd
        Image.fromarray(levels).save(tmp_path / "levels.tif")
        with pytest.raises(ValueError, match="levels that are not finite"):
            read_picture(tmp_path / "levels.tif")


def test_damaged_notes_in_a_picture_do_not_matter(tmp_path: Path) -> None:
    """Pillow warns of them."""
    INKED.save(tmp_path / "picture.png", exif=b"Exif\0\0II*\0\x08\0\0\0\xff\xff")
    np.testing.assert_array_equal(read_picture(tmp_path / "picture.png"), prepare(SHAPE.astype(float)))


def png(width: int, height: int, data: bytes) -> bytes:
    """A PNG of black and white pixels, as its header claims, with compressed ``data``."""

    def chunk(kind: bytes, content: bytes) -> bytes:
        return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))

    header = struct.pack(">IIBBBBB", width, height, 1, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(data)) + chunk(b"IEND", b"")


BAD_FILES = {
    "empty": (b"", "no picture that can be read"),
    "text": (b"a picture of a seven", "no picture that can be read"),
    "cut": (png(90, 90, bytes(200)), "no picture that can be read"),
    "too large": (png(1 << 13, (1 << 13) + 1, b""), f"got a picture of 67117056 pixels, need at most {MAX_PIXELS}"),
    "bomb for Pillow too": (png(1 << 15, 1 << 15, b""), "no picture that can be read"),
    "blank": (png(64, 64, bytes(64 * 9)), "no ink"),
}


@pytest.mark.parametrize("name", BAD_FILES)
def test_a_bad_file_is_named(tmp_path: Path, name: str) -> None:
    content, text = BAD_FILES[name]
    path = tmp_path / "picture.png"
    path.write_bytes(content)
    with pytest.raises(ValueError, match=f"picture.png: {text}"):
        read_picture(path)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"absent.png"):
        read_picture(tmp_path / "absent.png")


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


def read_damaged_pictures(folder: Path, count: int, seed: int) -> int:
    """How many of ``count`` damaged pictures are refused; what is read has the right form."""
    rng, refused = random.Random(seed), 0
    contents = []
    for save in PICTURES.values():
        file = io.BytesIO()
        save(file)
        contents.append(file.getvalue())
    for number in range(count):
        (folder / "picture").write_bytes(damaged(contents[number % len(contents)], rng))
        try:
            pixels = read_picture(folder / "picture")
        except ValueError:
            refused += 1
        else:
            assert pixels.shape == (28, 28)
            assert pixels.dtype == np.uint8
    return refused


def test_damaged_pictures(tmp_path: Path) -> None:
    assert 10 < read_damaged_pictures(tmp_path, 60, seed=0) < 60


@pytest.mark.slow
def test_many_damaged_pictures(tmp_path: Path) -> None:
    assert 300 < read_damaged_pictures(tmp_path, 1500, seed=1) < 1500


def test_the_pictures_in_a_folder(tmp_path: Path) -> None:
    (tmp_path / "inner.png").mkdir()
    for name in ("b.PNG", "a.jpeg", "c.txt", ".d.png", "e.pdf", "f"):
        (tmp_path / name).touch()
    assert picture_files(tmp_path) == [tmp_path / "a.jpeg", tmp_path / "b.PNG"]
    assert picture_files(tmp_path / "f") == [tmp_path / "f"]
    (tmp_path / "inner.png/notes.txt").touch()
    with pytest.raises(ValueError, match=r"inner.png is a folder without pictures"):
        picture_files(tmp_path / "inner.png")


# Weights


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
    arrays = {name: array.astype(dtype) for name, array in state_dict(network, 27).items()}
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
