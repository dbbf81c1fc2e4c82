"""The trained network with two convolutions: its maps on the page are those of the reference and of torch."""

import base64
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from reference import nn
from reference.datasets import normalize
from tests.torch_parity.lesson.conftest import Visits
from tests.torch_parity.lesson.reader import Reader, number
from torch_parity.audit.mistakes import MISTAKES
from torch_parity.lesson import example
from torch_parity.lesson.digits import LABELS, digit
from torch_parity.lesson.example import Array, UnequalError
from torch_parity.lesson.sections import whole
from torch_parity.lesson.twice import SHOWN, TRAINED, facts, twice
from torch_parity.proof.pairs import Pair, pair_named

DIGIT = digit(LABELS[0])
SEEN = {"first": (1, 3), "pooled": (2, 4), "second": (2, 8)}  # from number to number, and by one number, in pixels


def maps(pixels: Array) -> dict[str, Array]:
    """What the layers of reference.nn give, one after another."""
    network = twice(nn).double()
    network.load_state_dict(TRAINED)
    x = normalize(pixels[None].astype(np.uint8), dtype=np.float64)
    found = [x]
    for layer in network:
        found.append(layer(found[-1]))
    return {"first": found[1], "pooled": found[3], "second": found[4]}


def unpacked(text: str, shape: tuple[int, ...]) -> Array:
    return np.frombuffer(base64.b64decode(text), "<f8").reshape(shape)


def test_it_has_learned_to_read() -> None:
    ours, theirs = twice(nn), twice(torch.nn)
    ours.load_state_dict(TRAINED)
    theirs.load_state_dict({name: torch.from_numpy(array) for name, array in TRAINED.items()})
    images, labels = normalize(whole.TEST_IMAGES[:1000]), whole.TEST_LABELS[:1000]
    right = ours(images).argmax(1) == labels
    assert right.mean() > 0.96
    assert np.array_equal(right, theirs(torch.from_numpy(images)).argmax(1).numpy() == labels)


def test_the_maps_are_those_of_its_layers_on_both_sides() -> None:
    found, expected = facts(DIGIT)["maps"], maps(DIGIT)
    assert tuple(found) == SHOWN
    for name, one in found.items():
        assert tuple(one["shape"]) == expected[name].shape
        assert 0 < one["bound"] < 1e-12
        for side in ("numpy", "torch"):
            assert np.abs(unpacked(one[side], one["shape"]) - expected[name]).max() <= one["bound"]


def test_there_are_no_maps_where_numpy_and_torch_differ(monkeypatch: pytest.MonkeyPatch) -> None:
    mistake = next(mistake for mistake in MISTAKES if mistake.name == "first-channel-only")

    def planted(name: str) -> Pair:
        pair = pair_named(name)
        return mistake.plant(pair) if name == "conv2d" else pair

    monkeypatch.setattr(example, "pair_named", planted)
    with pytest.raises(UnequalError, match=r"^second, the output of conv2d"):  # the first one has one channel
        facts(DIGIT)


# In the page.


def point(reader: Reader, name: str, channel: int, row: int, column: int) -> tuple[float, list[float]]:
    """The number that the page says there, and where it frames the digit: left, top, width, height, in pixels."""
    trained = reader.page.locator(".trained")
    canvas = trained.locator(f"[data-maps={name}] canvas").nth(channel)
    box = canvas.bounding_box()
    assert box is not None
    size = int(canvas.get_attribute("width") or 0)
    canvas.hover(position={"x": (column + 0.5) * box["width"] / size, "y": (row + 0.5) * box["height"] / size})
    said = re.match(r"Map (\d+), row (\d+), column (\d+): (.*), from", trained.locator(".pointed").inner_text())
    assert said is not None
    assert [int(said[n]) for n in (1, 2, 3)] == [channel + 1, row, column]
    style: Any = trained.locator(".frame").evaluate("({ style }) => [style.left, style.top, style.width, style.height]")
    return number(said[4]), [float(text.rstrip("%")) * 28 / 100 for text in style]


@pytest.mark.browser
@pytest.mark.slow
def test_every_map_can_be_pointed_at_and_frames_what_it_sees(visit: Visits) -> None:
    reader, expected = visit("#deeper").ready(), maps(DIGIT)
    draw = np.random.default_rng(0)
    for name, (step, size) in SEEN.items():
        _, channels, height, width = expected[name].shape
        assert reader.page.locator(f".trained [data-maps={name}] canvas").count() == channels
        for channel in range(channels):
            row, column = int(draw.integers(height)), int(draw.integers(width))
            said, frame = point(reader, name, channel, row, column)
            there = expected[name][0, channel, row, column]
            assert said == pytest.approx(there, rel=5e-4 if abs(there) >= 1e-3 else 5e-2, abs=0)
            assert frame == pytest.approx([step * column, step * row, size, size], abs=1e-3)
            other = draw.integers(0, 256, (28, 28))
            seen = slice(step * row, step * row + size), slice(step * column, step * column + size)
            other[seen] = DIGIT[seen]
            assert maps(other)[name][0, channel, row, column] == pytest.approx(there, rel=1e-9)
    reader.page.locator(".trained canvas.digit").hover()
    assert reader.page.locator(".trained .frame").is_hidden()
    assert reader.page.locator(".trained .pointed").inner_text().startswith("Point at a picture")


@pytest.mark.browser
@pytest.mark.slow
def test_check_this_page_finds_a_wrong_map(visit: Visits, lesson: Path, tmp_path: Path) -> None:
    right, wrong = "max_pool2d(relu(first), { kernel: 2 })", "max_pool2d(first, { kernel: 2 })"
    text = lesson.read_text(encoding="utf-8")
    assert text.count(right) == 1
    file = tmp_path / "lesson.html"
    file.write_text(text.replace(right, wrong), encoding="utf-8")
    assert "; first different: deeper: pooled maps and NumPy's, row 0" in visit(file=file).ready().answer()
