"""What a digit is written on: a sheet, perhaps on a table or in a frame, under light that need not be even."""

from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import ndimage

Array = npt.NDArray[Any]

LEAST_SHEET = 0.1  # of the picture
SQUARE = 0.85  # of the narrowest rectangle around it: what a sheet fills; a round 0 fills 0.79
LEAST_SIDES = 0.3  # its shorter side to its longer one
MOST_WRITTEN = 0.5  # of a sheet
LEAST_EDGE = 20  # levels between it and what is around it
EVEN = 2  # levels: by which half of the paper may differ from its middle where light is even
BLOCKS = 16  # along an axis, whose medians tell uneven light
NOISE = 3  # times what nine in ten pixels of the paper deviate: what is weaker may be noise


def on_its_sheet(levels: Array) -> Array:
    """``levels`` (H, W) without what lies around the sheet of paper, or the frame, that the digit stands in.

    A sheet is a large area, lighter than all around it or darker, with straight sides, and with something on it.
    Without one, the picture stays as it is.
    """
    threshold = _between_the_classes(levels)
    for kind in (levels > threshold, levels <= threshold):
        names, count = ndimage.label(kind)
        if not count:
            continue
        largest = names == 1 + np.bincount(names.ravel())[1:].argmax()
        sheet = ndimage.binary_fill_holes(largest)
        if (
            LEAST_SHEET * sheet.size < sheet.sum() < sheet.size
            and _is_sheet(largest, sheet)
            and _has_an_edge(levels, sheet)
        ):
            return _cut_out(levels, sheet, largest)
    return levels


def _between_the_classes(levels: Array) -> float:
    """The grey level that parts ``levels`` into two classes that each vary least (Otsu's threshold)."""
    counts, edges = np.histogram(levels, 256)
    middles = (edges[:-1] + edges[1:]) / 2
    below, total = np.cumsum(counts), np.cumsum(counts * middles)
    above = below[-1] - below
    with np.errstate(divide="ignore", invalid="ignore"):
        between = below * above * (total / below - (total[-1] - total) / above) ** 2
    best = np.flatnonzero(between == np.nanmax(between)) if np.isfinite(between).any() else np.array([0])
    return float(edges[best[len(best) // 2] + 1])


def _is_sheet(paper: Array, sheet: Array) -> bool:
    """Whether ``sheet`` (H, W) has the outline of one, and ``paper``, which is it without its holes, is written on."""
    area, written = sheet.sum(), 1 - paper.sum() / sheet.sum()
    if not 0 < written < MOST_WRITTEN:
        return False
    rim = np.argwhere(sheet & ~ndimage.binary_erosion(sheet)).astype(float)
    sides = []
    for turn in np.radians(np.arange(0, 90, 2)):
        along = rim @ np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]])
        sides.append(np.ptp(along, axis=0) + 1)
    height, width = min(sides, key=np.prod)
    return bool(area >= SQUARE * height * width and min(height, width) >= LEAST_SIDES * max(height, width))


def _has_an_edge(levels: Array, sheet: Array) -> bool:
    """Whether levels change at the rim of ``sheet``, and do not just fall off as light does."""
    wide, narrow = ndimage.binary_dilation(sheet, iterations=3), ndimage.binary_erosion(sheet, iterations=3)
    inside = sheet & ~narrow & ndimage.binary_dilation(~sheet, iterations=3)
    outside = wide & ~sheet
    return bool(abs(np.median(levels[inside]) - np.median(levels[outside])) >= LEAST_EDGE)


def _cut_out(levels: Array, sheet: Array, paper: Array) -> Array:
    """The box of ``sheet`` from ``levels``, and around the sheet the paper's own light carried on."""
    rows, columns = np.flatnonzero(sheet.any(axis=1)), np.flatnonzero(sheet.any(axis=0))
    box = (slice(rows[0], rows[-1] + 1), slice(columns[0], columns[-1] + 1))
    margin = 1 + max(sheet.shape) // 100  # where the sheet's edge is blurred or casts a shadow
    inside = ndimage.binary_erosion(np.pad(sheet, 1), iterations=margin)[1:-1, 1:-1]
    light = light_on(np.where(paper & inside, levels, np.nan)[box])
    return np.where(inside[box], levels[box], light)


def light_on(levels: Array) -> Array:
    """How bright bare paper is at every pixel of ``levels`` (H, W), some of which may be NaN, for unknown.

    Even light is one number.  Else it is a polynomial of degree 2 in row and column, fitted to the medians of 16 x 16
    blocks with the least absolute deviation, which ignores ink as the median does.
    """
    flat = _usual_level(levels)
    if np.nanmedian(np.abs(levels - flat)) <= EVEN:
        return np.full(levels.shape, flat)
    rows, columns = (np.linspace(-1, 1, length) for length in levels.shape)
    places, medians = [], []
    for block_rows in np.array_split(np.arange(levels.shape[0]), BLOCKS):
        for block_columns in np.array_split(np.arange(levels.shape[1]), BLOCKS):
            block = levels[np.ix_(block_rows, block_columns)]
            if block.size and np.isfinite(block).any():
                places.append((rows[block_rows].mean(), columns[block_columns].mean()))
                medians.append(np.nanmedian(block))
    terms, values = _terms(*np.array(places).T), np.array(medians)
    weights = np.ones(len(values))
    for _ in range(20):  # least squares, reweighted until they are least absolute deviations
        factors = np.linalg.lstsq(terms * weights[:, np.newaxis], values * weights, rcond=None)[0]
        weights = 1 / np.sqrt(np.maximum(np.abs(values - terms @ factors), 0.5))
    return np.asarray(_terms(*np.meshgrid(rows, columns, indexing="ij")) @ factors)


def _usual_level(levels: Array) -> float:
    """The level of paper that is evenly lit: the middle of the larger of two classes, if in doubt that of the border.

    A bold digit fills more than half of a picture that is cut close to it.
    """
    known = levels[np.isfinite(levels)]
    border = np.concatenate([levels[0], levels[-1], levels[:, 0], levels[:, -1]])
    border = border[np.isfinite(border)] if np.isfinite(border).any() else known
    threshold = _between_the_classes(known)
    votes = 2 * (known > threshold).mean() + (border > threshold).mean()
    return float(np.median(known[(known > threshold) == (votes > 1.5)]))


def _terms(row: Array, column: Array) -> Array:
    return np.stack([np.ones_like(row), row, column, row * row, row * column, column * column], axis=-1)


def noise_of(paper: Array) -> float:
    """By how much levels of bare paper, of which ``paper`` holds the deviations, may differ from it by chance."""
    deviations = np.abs(paper)
    usual = deviations[deviations <= 4 * np.median(deviations) + EVEN]
    return float(NOISE * np.quantile(usual, 0.9))
