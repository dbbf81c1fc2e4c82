"""Straight lines across a picture, such as those of squared paper or of a form's cell, taken out of the ink."""

from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import ndimage

Array = npt.NDArray[Any]

TURNS = np.radians(np.arange(-6, 6.1, 0.25))  # by which a line may be off the picture's axes
LINE_OF_PAPER = 0.35  # of the picture's side: what a line covers
THIN = 0.03  # of the picture's shorter side; or
THINNEST = 2  # pixels: how thick a line may be
LEFT = 0.1  # of the ink: where less is left, the lines were the digit


def without_lines(mask: Array) -> Array:
    """``mask`` (H, W) itself or, where two or more thin straight lines run across it, a copy without them.

    Of a line goes what is as thin as it is; a stroke that crosses it is longer, and stays whole.
    """
    thickest = max(THINNEST, round(THIN * min(mask.shape)))
    across, rows = _taken_out(mask, thickest)
    down, columns = _taken_out(mask.T, thickest)
    left = mask & ~across & ~down.T
    return left if rows + columns >= 2 and left.sum() >= LEFT * mask.sum() else mask


def _taken_out(mask: Array, thickest: int) -> tuple[Array, int]:
    """The pixels of the lines that run from left to right, and how many lines there are."""
    width = mask.shape[1]
    padding = int(np.ceil(np.tan(TURNS[-1]) * width / 2)) + 1
    padded = np.pad(mask, ((padding, padding), (0, 0)))
    rows, columns = np.ogrid[: padded.shape[0], : padded.shape[1]]
    row, column = np.nonzero(padded)
    away = column - width // 2

    def gathered(turn: float) -> int:
        """The sum of the squares of all rows' sums: most where the lines lie along the rows."""
        return int(np.square(np.bincount(row + padding - _shifts(away, turn))).sum())

    best = max(TURNS, key=gathered)
    level = _sheared(padded, rows, columns, best)
    bands = ndimage.label(level.mean(axis=1) >= LINE_OF_PAPER)[0]
    lines = np.zeros_like(level)
    found = 0
    for (band,) in ndimage.find_objects(bands):
        thickness = band.stop - band.start
        if thickness <= thickest:
            found += 1
            around = slice(max(0, band.start - 2), band.stop + 2)
            longer = ndimage.binary_opening(level, np.ones((thickness + 3, 1)))
            lines[around] |= (level & ~longer)[around]
    back = _sheared(lines, rows, columns, -best)
    return back[padding : padding + mask.shape[0]], found


def _sheared(mask: Array, rows: Array, columns: Array, turn: float) -> Array:
    """Every column moved up by its distance from the middle times tan(turn)."""
    shifts = _shifts(columns - mask.shape[1] // 2, turn)
    return np.asarray(mask[(rows + shifts) % mask.shape[0], columns])


def _shifts(away: Array, turn: float) -> Array:
    return np.asarray(np.rint(away * np.tan(turn)).astype(int))
