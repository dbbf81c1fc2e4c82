"""Any picture of a digit, as MNIST has them.

MNIST's digits were scanned in black and white, scaled to fit into 20 x 20 pixels, which made them grey, and laid into
28 x 28 with their centre of mass in the middle.  A network trained on them has seen nothing else, so a picture must be
brought into that form first.

Source: LeCun, Bottou, Bengio & Haffner, Gradient-based learning applied to document recognition (1998), section III.A.
"""

import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image

from torch_parity.training.pictures.folders import no_picture
from torch_parity.training.pictures.reading import grey_levels
from torch_parity.training.pictures.strokes import strokes_in

Array = npt.NDArray[Any]
Pixels = npt.NDArray[np.uint8]

SIDE = 28  # of an image of MNIST
BOX = 20  # the longer side of its ink
CENTRE = 14  # row and column of its centre of mass, to the nearest pixel
# The level that half of an image's ink reaches, of the 10,000 test images: 252 in the middle, 175 in the 10th lowest.
USUAL, LEAST_USUAL = 252, 175
THIN_PEN = 128  # below this, strokes are narrower than half a pixel, and that is said


@dataclass(frozen=True)
class Picture:
    """A picture as the networks see it, and what is unusual about it."""

    pixels: Pixels  # (28, 28), 0 (background) to 255 (ink)
    warnings: list[str] = field(default_factory=list)


def look(path: str | os.PathLike[str], as_is: bool = False, transposed: bool = False) -> Picture:
    """The picture in the file ``path``, prepared; see ``prepare``.

    ``as_is`` takes a picture that has that form already, such as an image of Fashion-MNIST, which is scaled otherwise.
    One that is ``transposed``, rows for columns, as EMNIST's files have theirs, is turned upright first.
    Raises OSError where the file cannot be opened, ValueError, naming it, for what is no picture, is damaged, has too
    many pixels, or has no ink.
    """
    path = Path(path)
    with path.open("rb") as file:
        try:
            if reason := no_picture(path, file):
                raise ValueError(f"no picture that can be read: {reason}")
            levels = grey_levels(file)
            if transposed:
                levels = np.ascontiguousarray(levels.T)
            if not as_is:
                return prepare(levels)
        except ValueError as error:
            raise ValueError(f"{path}: {error}") from error
    if levels.shape != (SIDE, SIDE):
        raise ValueError(
            f"{path}: got {levels.shape[1]} x {levels.shape[0]} pixels, need {SIDE} x {SIDE} to take them as is"
        )
    return Picture(_rounded(levels))


def save_prepared(picture: Picture, source: Path, folder: str | os.PathLike[str], taken: set[str]) -> Path:
    """Write ``picture`` as NAME.prepared.png into ``folder``, which is made where it is missing.

    ``taken`` are the names that were written before, and gets this one: pictures of one name in two folders stay apart.
    """
    number, name = 1, f"{source.name}.prepared.png"
    while name in taken:
        number += 1
        name = f"{source.name}.{number}.prepared.png"
    taken.add(name)
    path = Path(folder) / name
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(picture.pixels).save(path)
    return path


def prepare(levels: Array) -> Picture:
    """Any grey levels (H, W), from 0 to 255, as MNIST has them.

    What most of the picture shows is paper, under light that may fall off to a side.  Ink is what differs from it, on
    the side, darker or lighter, that differs more; what is faint may be noise, and what touches the border is a frame,
    a line or a table where a digit stands clear of it.  The strongest ink becomes 255.  The box around the digit is
    scaled so that its longer side is 20 pixels, thin strokes, which that makes grey, become black again, and its
    centre of mass moves into the middle.  An image of MNIST stays as it is but for the faint, unless that makes up a
    whole edge of its ink.  ValueError for a picture without ink.
    """
    strokes = strokes_in(levels)
    ink, warnings = _scaled(strokes.ink), list(strokes.warnings)
    reached = _reached_by_half(ink)
    if reached < THIN_PEN:
        warnings.append(
            f"the pen is thin, about {100 * reached / 255 / BOX:.1f} % of the digit's size: "
            "its strokes were made stronger"
        )
    if reached < LEAST_USUAL:
        ink = np.minimum(ink * (USUAL / reached), 255)
    return Picture(_centred(ink), warnings)


def _reached_by_half(ink: Array) -> float:
    """The level that half of the ink is at or above: for strokes thinner than a pixel, 255 times their width."""
    levels = np.sort(ink[ink > 0])
    return float(levels[np.searchsorted(np.cumsum(levels), levels.sum() / 2)])


def _scaled(ink: Array) -> Array:
    """``ink`` (H, W) with its longer side of 20 pixels, the other in proportion; averaged, not sampled."""
    factor = BOX / max(ink.shape)
    height, width = (max(1, round(side * factor)) for side in ink.shape)
    picture = Image.fromarray(ink.astype(np.float32)).resize((width, height), Image.Resampling.BICUBIC)
    return np.asarray(picture).clip(0, 255)  # bicubic interpolation overshoots


def _centred(ink: Array) -> Pixels:
    """``ink`` (at most 20 x 20) in 28 x 28 pixels, its centre of mass in the middle, as far as all of it has room."""
    corner = []
    for axis, length in enumerate(ink.shape):
        centre = (ink.sum(axis=1 - axis) * np.arange(length)).sum() / ink.sum()
        corner.append(min(max(round(CENTRE - centre), 0), SIDE - length))
    pixels = np.zeros((SIDE, SIDE), np.uint8)
    pixels[corner[0] : corner[0] + ink.shape[0], corner[1] : corner[1] + ink.shape[1]] = _rounded(ink)
    return pixels


def _rounded(levels: Array) -> Pixels:
    return np.rint(levels).astype(np.uint8)
