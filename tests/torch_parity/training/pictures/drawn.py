"""MNIST's digits drawn again, with a pen of any width, on and among what people's pictures show."""

import functools
from collections.abc import Callable
from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image
from scipy import ndimage

from reference.datasets import mnist

Array = npt.NDArray[Any]
Draw = Callable[[int, np.random.Generator], Array]  # a test image's number: grey levels (H, W), or (H, W, 4)

HEIGHT = 200  # pixels: a digit's longer side
NEIGHBOURS = ((1, 0), (1, -1), (0, -1), (-1, -1), (-1, 0), (-1, 1), (0, 1), (1, 1))


def numbers(each: int = 4) -> list[int]:
    """Of the first ``each`` test images of every digit."""
    labels = mnist().test_labels
    return [int(number) for digit in range(10) for number in np.flatnonzero(labels == digit)[:each]]


def thinned(mask: Array) -> Array:
    """``mask`` worn down from its edges to lines of one pixel (Zhang & Suen, 1984)."""
    mask = np.pad(mask, 1).astype(int)
    while True:
        before = mask.sum()
        for first in (True, False):
            around = [np.roll(mask, shift, (0, 1)) for shift in NEIGHBOURS]
            turns = sum((around[i] == 0) & (around[(i + 1) % 8] == 1) for i in range(8))
            above, right, below, left = around[::2]
            one, other = (right * below, (above, left)) if first else (above * left, (right, below))
            edge = (one * other[0] == 0) & (one * other[1] == 0)
            count = sum(around)
            mask = mask & ~((count >= 2) & (count <= 6) & (turns == 1) & edge).astype(int)
        if mask.sum() == before:
            return mask[1:-1, 1:-1].astype(bool)


@functools.cache
def distances(number: int) -> Array:
    """How far each pixel is from the line in the middle of the digit's strokes."""
    image = mnist().test_images[number]
    large = Image.fromarray(image).resize((10 * 28, 10 * 28), Image.Resampling.BICUBIC)
    line = thinned(ndimage.gaussian_filter(np.asarray(large, float), 3) > 110)
    rows, columns = np.flatnonzero(line.any(axis=1)), np.flatnonzero(line.any(axis=0))
    line = line[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    return np.asarray(ndimage.distance_transform_edt(~np.pad(line, 24)))


def inked(number: int, pen: float = 0.08, side: int = 400, height: int = HEIGHT, at: Any = (0.5, 0.5)) -> Array:
    """How much of each pixel (side, side) the ink covers, 0 to 1; ``pen`` is its width as a share of the height."""
    radius = pen * HEIGHT / 2
    ink = (radius + 0.5 - distances(number)).clip(0, 1) * min(1, 2 * radius)
    shape = [round(length * height / HEIGHT) for length in ink.shape[::-1]]
    ink = np.asarray(Image.fromarray(ink.astype(np.float32)).resize((shape[0], shape[1]), Image.Resampling.BOX))
    top, left = (round(side * place - length / 2) for place, length in zip(at, ink.shape, strict=True))
    picture = np.zeros((side, side))
    picture[top : top + ink.shape[0], left : left + ink.shape[1]] = ink
    return picture


def written(ink: Array, paper: float = 245, black: float = 20) -> Array:
    return paper + (black - paper) * ink


def cropped(ink: Array) -> Array:
    rows, columns = np.flatnonzero(ink.any(axis=1)), np.flatnonzero(ink.any(axis=0))
    return ink[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]


def pen(share: float, height: int = HEIGHT) -> Draw:
    return lambda number, rng: written(inked(number, share, height=height))


def lined(level: float, width: int, sides: str = "tblr", inset: int = 0, share: float = 0.08) -> Draw:
    """Lines along ``sides``, of which two are drawn by lot where they are given as '2'."""

    def draw(number: int, rng: np.random.Generator) -> Array:
        levels = written(inked(number, share))
        chosen = ("tl", "tb", "br", "lr")[rng.integers(4)] if sides == "2" else sides
        for side in chosen:
            along = levels if side in "tb" else levels.T
            line = slice(inset, inset + width) if side in "tl" else slice(-inset - width, len(levels) - inset)
            along[line] = np.minimum(along[line], level)
        return levels

    return draw


def on_table(share: float, turn: float) -> Draw:
    """A sheet, of a share of the picture's side, turned by degrees, on a dark table."""

    def draw(number: int, rng: np.random.Generator) -> Array:
        along, across = turned(500, turn)
        sheet = (abs(along) < 250 * share) & (abs(across) < 225 * share)
        levels = np.where(sheet, written(inked(number, side=500, height=150), 230), 60 + 10 * np.sin(across / 9))
        return np.asarray(ndimage.gaussian_filter(levels, 1) + rng.normal(0, 3, levels.shape))

    return draw


def beside_table(number: int, rng: np.random.Generator) -> Array:
    levels = written(inked(number, side=500, height=180, at=(0.55, 0.55)), 230)
    levels[:, :60] = levels[:50] = 70
    return np.asarray(ndimage.gaussian_filter(levels, 1) + rng.normal(0, 3, levels.shape))


def turned(side: int, degrees: float) -> tuple[Array, Array]:
    """Coordinates of all pixels, from the middle, along axes that are turned."""
    y, x = np.indices((side, side)) - side / 2
    angle = np.radians(degrees)
    return x * np.cos(angle) + y * np.sin(angle), y * np.cos(angle) - x * np.sin(angle)


def photograph(ruling: str, line: float = 170, share: float = 0.05, pitch: int = 40) -> Draw:
    """Paper in uneven light, with noise: 'squared', 'ruled' or 'blank'."""

    def draw(number: int, rng: np.random.Generator) -> Array:
        side = 600
        ink = inked(number, share, side, int(rng.integers(150, 260)), rng.uniform(0.42, 0.58, 2))
        along, across = turned(side, rng.uniform(-4, 4))
        lines = [(1.5 - abs(axis % pitch - pitch / 2)).clip(0, 1) for axis in (across + 13, along + 7)]
        ruled = {"squared": np.maximum(*lines), "ruled": lines[0], "blank": 0 * lines[0]}[ruling]
        levels = (235 + (line - 235) * ruled) * (1 - ink) + 35 * ink
        towards = turned(side, rng.uniform(0, 360))[0] / side
        light = 0.85 - 0.2 * towards - 0.3 * np.square(towards)
        return np.asarray(ndimage.gaussian_filter(levels, 0.8) * light + rng.normal(0, 5, levels.shape))

    return draw


def specked(number: int, rng: np.random.Generator) -> Array:
    levels = written(inked(number, height=60, at=rng.uniform(0.35, 0.65, 2)))
    for place in ((12, 12), (380, 20), (15, 370), (370, 380), (10, 200)):
        levels[place[0] : place[0] + 4, place[1] : place[1] + 4] = 20
    return levels


def transparent(*colour: float, share: float = 0.08) -> Draw:
    """Strokes of one colour on a transparent ground."""

    def draw(number: int, rng: np.random.Generator) -> Array:
        ink = inked(number, share)
        return np.dstack([*(np.full(ink.shape, level) for level in colour), 255 * ink])

    return draw


def doubled(number: int, rng: np.random.Generator) -> Array:
    """White strokes whose soft edges stand in the colours as well as in the transparency."""
    return np.dstack([255 * inked(number)] * 4)


def coloured(ink: tuple[int, int, int], ground: tuple[int, int, int]) -> Draw:
    def draw(number: int, rng: np.random.Generator) -> Array:
        covered = inked(number)[..., np.newaxis]
        return np.asarray(np.array(ground) * (1 - covered) + np.array(ink) * covered)

    return draw


def inverted(draw: Draw) -> Draw:
    return lambda number, rng: 255 - draw(number, rng)


READ: dict[str, Draw] = {
    **{f"pen of {share:.1%}": pen(share) for share in (0.004, 0.008, 0.013, 0.021, 0.033, 0.05, 0.1)},
    "pen of 0.8%, small": pen(0.008, 100),
    **{f"frame of 1 pixel, grey {level}": lined(level, 1) for level in (230, 180, 100, 0)},
    "frame of 1 pixel, pen of 1%": lined(120, 1, share=0.01),
    "black frame of 12 pixels": lined(0, 12),
    "frame inside the picture": lined(60, 3, inset=15),
    "lines on 2 sides": lined(90, 2, "2"),
    "lines on 3 sides": lined(90, 3, "tlr", 3),
    "line on 1 side": lined(90, 2, "l"),
    "sheet on a dark table": on_table(0.7, 0),
    "turned sheet on a table": on_table(0.7, 12),
    "small sheet on a table": on_table(0.45, 5),
    "table on 2 sides": beside_table,
    "specks, small digit": specked,
    "black on transparent": transparent(0, 0, 0),
    "white on transparent": transparent(255, 255, 255),
    "red on transparent": transparent(220, 30, 30),
    "white, pen of 1%, on transparent": transparent(255, 255, 255, share=0.01),
    "grey in colour and alpha": doubled,
    "photo, squared paper": photograph("squared"),
    "photo, squared, black lines": photograph("squared", 60),
    "photo, ruled paper": photograph("ruled"),
    "photo, ruled, dark lines": photograph("ruled", 100, pitch=60),
    "photo, blank paper": photograph("blank"),
    "inverted": inverted(pen(0.08)),
    "inverted photo, squared": inverted(photograph("squared")),
    "yellow on white": coloured((230, 220, 60), (250, 250, 250)),
    "red on equally bright green": coloured((200, 60, 60), (60, 131, 60)),
    "cut close": lambda number, rng: written(cropped(inked(number))),
}


def cut(number: int, rng: np.random.Generator) -> Array:
    ink = cropped(inked(number))
    ink = ink[len(ink) // 4 :] if rng.random() < 0.5 else ink[:, : -ink.shape[1] // 4]
    return written(np.pad(ink, ((0, 60), (60, 0))))


def two_digits(number: int, rng: np.random.Generator) -> Array:
    other = int(rng.choice(numbers()))
    return written(np.hstack([inked(number, side=300), inked(other, side=300)]))


def nothing(number: int, rng: np.random.Generator) -> Array:
    """Blank paper, blobs, a wavy texture, or a tangle."""
    if number % 4 == 0:
        return 240 + rng.normal(0, 4, (300, 300))
    if number % 4 == 3:
        points = rng.uniform(30, 270, (12, 2))
        y, x = np.indices((300, 300))
        near = np.full((300, 300), np.inf)
        for (y0, x0), (y1, x1) in pairwise(points):
            along = (((y - y0) * (y1 - y0) + (x - x0) * (x1 - x0)) / ((y1 - y0) ** 2 + (x1 - x0) ** 2)).clip(0, 1)
            near = np.minimum(near, np.hypot(y - y0 - along * (y1 - y0), x - x0 - along * (x1 - x0)))
        return written((7 - near).clip(0, 1))
    soft = ndimage.gaussian_filter(rng.normal(size=(300, 300)), 20 if number % 4 == 1 else 6)
    return np.asarray(255.0 - 200 * (soft > 0.02) if number % 4 == 1 else 128 + 100 * soft / abs(soft).max())


DOUBTFUL: dict[str, Draw] = {"cut at the edge": cut, "two digits": two_digits, "no digit": nothing}


def picture(levels: Array) -> Image.Image:
    return Image.fromarray(np.rint(levels).clip(0, 255).astype(np.uint8))
