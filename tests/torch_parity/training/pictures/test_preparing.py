"""Pictures become what MNIST's images are, whatever they are drawn with."""

import io
import random
import struct
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from reference.datasets import mnist
from tests.torch_parity.training.test_predict import damaged
from torch_parity.training import pictures
from torch_parity.training.pictures import preparing
from torch_parity.training.pictures.reading import MAX_PIXELS, grey_levels
from torch_parity.training.predict import read_picture


def prepare(levels: Any) -> Any:
    return pictures.prepare(levels).pixels


@pytest.fixture(scope="module")
def digits() -> Any:
    return mnist().test_images


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
    """A chequered square becomes evenly grey, and stronger; sampling would give black, white, or stripes."""
    pixels = prepare(np.pad(np.indices((200, 200)).sum(axis=0) % 2 * 255.0, 20))
    assert pixels[8:20, 8:20].min() > 100
    assert pixels[8:20, 8:20].max() < 255


def test_ink_is_not_pushed_over_the_edge() -> None:
    """A heavy end and a long, thin tail: the centre of mass would be in the middle with the tail outside."""
    levels = np.zeros((100, 220))
    levels[10:80, 10:60] = levels[42:46, 60:210] = 255
    for turned in (levels, levels[:, ::-1], levels.T, levels.T[::-1]):
        pixels = prepare(turned)
        assert max(box(pixels)[2:]) == 20
        assert pixels.sum() == pytest.approx(prepare(levels).sum(), rel=0.02)


def test_a_part_that_stands_apart_belongs_to_its_digit() -> None:
    """The bar of a 5, above it; but not a digit beside, and no speck."""
    levels = np.zeros((200, 300))
    levels[60:160, 100:112] = levels[148:160, 100:150] = 255
    alone = pictures.prepare(levels)
    assert alone.warnings == []
    barred = levels.copy()
    barred[30:42, 100:170] = 255
    found = pictures.prepare(barred)
    assert found.warnings == []
    assert np.ptp(np.flatnonzero(found.pixels.any(axis=1))) == 19
    assert found.pixels.any(axis=1).sum() < 20  # there is a gap below the bar
    beside = levels.copy()
    beside[80:150, 170:182] = 255
    found = pictures.prepare(beside)
    np.testing.assert_array_equal(found.pixels, alone.pixels)
    assert found.warnings == [
        "2 shapes stand apart, and one was read: if they are digits, give each a picture of its own"
    ]
    levels[5:9, 280:284] = 255
    found = pictures.prepare(levels)
    np.testing.assert_array_equal(found.pixels, alone.pixels)
    assert found.warnings == []


def test_what_is_cut_off_is_said() -> None:
    (warning,) = pictures.prepare(SHAPE[:50].astype(float)).warnings
    assert warning == "it touches the edge of the picture: part of it may be missing"
    assert pictures.prepare(SHAPE.astype(float)).warnings == []


def test_a_thin_pen_is_said() -> None:
    levels = np.zeros((300, 300))
    levels[40:240, 80:82] = levels[238:240, 80:180] = 255
    (warning,) = pictures.prepare(levels).warnings
    assert warning.startswith("the pen is thin, about 0.8 % of the digit's size")


def test_a_page_with_round_corners_is_paper_and_no_ink() -> None:
    """The transparency says where the page is, the colours what is on it."""
    page = Image.new("RGBA", (200, 200), (255, 255, 255, 255))
    ink = np.pad(SHAPE, ((50, 60), (60, 70)))
    page.paste((0, 0, 0, 255), mask=Image.fromarray(ink))
    corner = np.add.outer(np.arange(200), np.arange(200)) < 30
    alpha = np.where(corner | corner[::-1] | corner[:, ::-1] | corner[::-1, ::-1], 0, 255).astype(np.uint8)
    page.putalpha(Image.fromarray(alpha))
    file = io.BytesIO()
    page.save(file, "PNG")
    file.seek(0)
    levels = grey_levels(file)
    np.testing.assert_array_equal(pictures.prepare(levels).pixels, prepare(SHAPE.astype(float)))


def test_a_picture_that_is_transparent_everywhere_is_refused(tmp_path: Path) -> None:
    Image.new("RGBA", (20, 20)).save(tmp_path / "empty.png")
    with pytest.raises(ValueError, match=r"empty.png: no picture that can be read \(it is transparent everywhere\)"):
        read_picture(tmp_path / "empty.png")


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
        return pictures.prepare(levels)

    monkeypatch.setattr(preparing, "prepare", record)
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
