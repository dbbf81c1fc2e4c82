"""Which pixels of a picture are the digit's strokes, and not lines, specks, a table's edge, or another digit."""

from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from torch_parity.training.pictures.lines import without_lines
from torch_parity.training.pictures.paper import light_on, noise_of, on_its_sheet

Array = npt.NDArray[Any]

LEAST_CONTRAST = 24  # of the ink, in grey levels of 255
FAINT = 0.1  # of the strongest ink: what is weaker is background
STEPS = (0.25, 0.35, 0.45, 0.55, 0.65)  # of the strongest ink: what may be parted from weaker lines
MAIN = 0.5  # of all ink: where that much is clear of the border, the rest is a frame, lines or a table
SMALL_SHAPE = 0.06  # of the picture's shorter side: what is smaller is no digit beside lines
NEAR = 30  # to the border: within a side's 30th
STAYS = 0.08  # of the digit's longer side, by which a box may move and count as the same
BRIDGED = 0.025  # of the picture's longer side: a gap within a digit
SPECK = 0.2  # of the digit's longer side; and
SPECK_INK = 0.1  # of its ink: what has less of both is a speck
APART = 0.4  # of the digit's longer side: a gap between it and what is not part of it
TALL = 0.5  # of the digit's height: what may be a digit of its own
EIGHT = np.ones((3, 3))  # pixels that touch at a corner are connected


@dataclass(frozen=True)
class Strokes:
    """The ink of one digit, in its box: (h, w), 0 to 255, and what is unusual about it."""

    ink: Array
    warnings: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Shapes:
    """The connected shapes in a mask (H, W): ``names`` numbers them from 1, by which the lists are indexed less 1."""

    names: Array
    ink: Array  # of each
    boxes: list[tuple[slice, slice]]
    at_border: Array  # which touch it

    @classmethod
    def of(cls, mask: Array, ink: Array, gap: int = 0) -> "Shapes":
        """Of ``mask``; shapes at most ``gap`` pixels apart count as one."""
        wide = mask if gap < 2 else ndimage.distance_transform_edt(~mask) <= gap / 2
        names, count = ndimage.label(wide, EIGHT)
        names = np.where(mask, names, 0)
        numbers = np.arange(1, count + 1)
        at_border = np.isin(numbers, np.concatenate([names[0], names[-1], names[:, 0], names[:, -1]]))
        return cls(
            names, np.bincount(names.ravel(), ink.ravel(), count + 1)[1:], ndimage.find_objects(names), at_border
        )

    def sizes(self) -> Array:
        """Height and width of each, (count, 2)."""
        return np.array([[part.stop - part.start for part in box] for box in self.boxes]).reshape(-1, 2)


def strokes_in(levels: Array) -> Strokes:
    """The digit's ink in any grey levels (H, W), from 0 to 255.  ValueError where there is none."""
    levels = on_its_sheet(levels)
    ink, seen = _ink(levels)
    mask = _clear_of_the_border(ink, seen)
    return _one_digit(ink, mask, seen)


def _ink(levels: Array) -> tuple[Array, Array]:
    """How far every pixel differs from bare paper towards the ink's side, darker or lighter; and where that is seen."""
    paper = levels - light_on(levels)
    noise = noise_of(paper)
    sides = []
    for ink in (np.maximum(-paper, 0), np.maximum(paper, 0)):
        strongest = float(ink.max())
        # Half the strongest at most: a tight crop is mostly ink.
        seen = ink > min(max(FAINT * strongest, noise), strongest / 2)
        shapes = Shapes.of(seen, np.square(ink))
        sides.append(((shapes.ink * ~shapes.at_border).sum(), shapes.ink.sum(), strongest, ink, seen))
    # Shadows and tables touch the border, on either side of the contrast, and a digit seldom does.
    clear = [side for side in sides if side[0] > 0.02 * max(one[1] for one in sides)]
    _, _, strongest, ink, seen = max(clear or sides, key=lambda side: side[0] if clear else side[1])
    if not strongest >= LEAST_CONTRAST:
        raise ValueError(
            f"no ink: grey levels differ from the background by {strongest:.0f}, need {LEAST_CONTRAST} or more"
        )
    return ink, seen


def _clear_of_the_border(ink: Array, seen: Array) -> Array:
    """``seen`` without what reaches the border, where something else is left that may be a digit.

    Lines on which the digit stands, as on squared paper, join it with the border.  Straight ones are taken out as
    lines.  What is left of them is weaker than the digit: from some level of ink on, the box around the digit stays.
    """
    if not _reaches_across(seen):
        return seen if (found := _off_the_border(seen, ink)) is None else found
    cleared = without_lines(seen)
    strongest = ink[cleared].max()
    masks = [_off_the_border(cleared & (ink > step * strongest), ink) for step in (0, *STEPS)]
    sure = masks[-1]
    if sure is None:
        return seen if masks[0] is None else masks[0]
    box = _main_box(sure, ink)
    leeway = STAYS * np.ptp(box, axis=0).max()
    stay = (mask for mask in masks if mask is not None and np.abs(_main_box(mask, ink) - box).max() <= leeway)
    return next(stay)


def _reaches_across(mask: Array) -> bool:
    """Whether something in ``mask`` (H, W) comes near to two opposite sides of the border."""
    for axis, length in enumerate(mask.shape):
        used = np.flatnonzero(mask.any(axis=1 - axis))
        if used[0] <= length // NEAR and used[-1] >= length - 1 - length // NEAR:
            return True
    return False


def _main_box(mask: Array, ink: Array) -> Array:
    """First and last row and column of the shape with most ink, [[top, left], [bottom, right]]."""
    shapes = Shapes.of(mask, ink, round(BRIDGED * max(mask.shape)))
    box = shapes.boxes[int(shapes.ink.argmax())]
    return np.array([[part.start for part in box], [part.stop for part in box]])


def _off_the_border(mask: Array, ink: Array) -> Array | None:
    """The shapes of ``mask`` (H, W) that do not touch the border.  None where they are not what the picture shows."""
    shapes = Shapes.of(mask, ink)
    if not len(shapes.ink) or shapes.at_border.all():
        return None
    clear = ~shapes.at_border
    sizes = shapes.sizes()
    large = sizes.max(axis=1) >= SMALL_SHAPE * min(mask.shape)
    if not (clear & large).any():
        return None
    # A line or a table spans a side, or most of it; a digit that is cut off at the border does not.
    spans = (sizes >= 0.6 * np.array(mask.shape)).any(axis=1)
    foreign = shapes.ink[shapes.at_border & spans].sum()
    if shapes.ink[clear].sum() < MAIN * (shapes.ink.sum() - foreign):
        return None
    return np.isin(shapes.names, 1 + np.flatnonzero(clear))


def _one_digit(ink: Array, mask: Array, seen: Array) -> Strokes:
    """The largest shape in ``mask``, with what belongs to it, and warnings about the rest."""
    gap = round(BRIDGED * max(mask.shape))
    shapes = Shapes.of(mask, ink, gap)
    sizes, main = shapes.sizes(), int(shapes.ink.argmax())
    side = sizes[main].max()
    own, others = [main], 0
    for shape, size in enumerate(sizes):
        if shape == main or (size.max() < SPECK * side and shapes.ink[shape] < SPECK_INK * shapes.ink[main]):
            continue
        place, around = shapes.boxes[shape], shapes.boxes[main]
        beside = _distance(place[1:], around[1:]) >= 0 and size[0] >= TALL * sizes[main][0]  # as the next digit stands
        if _distance(place, around) <= APART * side and not beside:
            own.append(shape)
        else:
            others += bool(size.max() >= 2 * SPECK * side)
    kept = np.isin(shapes.names, 1 + np.array(own))
    warnings = []
    if others or (others := _side_by_side(kept, ink)):
        warnings.append(
            f"{others + 1} shapes stand apart, and one was read: if they are digits, give each a picture of its own"
        )
    if any(shapes.at_border[own]):
        warnings.append("it touches the edge of the picture: part of it may be missing")
    kept = ndimage.binary_dilation(kept, EIGHT) & seen  # its soft edges
    rows, columns = np.flatnonzero(kept.any(axis=1)), np.flatnonzero(kept.any(axis=0))
    box = np.where(kept, ink * (255 / ink[kept].max()), 0)[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    return Strokes(box, warnings)


def _distance(box: tuple[slice, ...], other: tuple[slice, ...]) -> int:
    """By how many pixels two boxes are apart, along the axis where that is more; negative where they overlap."""
    return max(int(max(a.start - b.stop, b.start - a.stop)) for a, b in zip(box, other, strict=True))


def _side_by_side(kept: Array, ink: Array) -> int:
    """How many shapes stand beside the first, each tall enough to be a digit."""
    shapes = Shapes.of(kept, ink)
    sizes = shapes.sizes()
    height = sizes[:, 0].max()
    spans = sorted(
        (box[1].start, box[1].stop) for box, size in zip(shapes.boxes, sizes, strict=True) if size[0] >= TALL * height
    )
    return sum(later[0] >= earlier[1] for earlier, later in pairwise(spans))
