"""The grey levels of a picture in a file, whatever its format, its colours and its transparency."""

import warnings
from typing import Any, BinaryIO

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageOps

Array = npt.NDArray[Any]

MAX_PIXELS = 1 << 26  # of a picture; a small file may claim, and unpack to, any number
WORKING_SIDE = 512  # larger pictures are first reduced to about that, which averages noise out
MORE_CONTRAST = 2  # times that of the grey levels, which a channel needs to be taken instead of them
OPAQUE = 255
SAME_COLOUR = 32  # levels of 255 by which one stroke's colour may vary
SOLID = 0.6  # of its box: what an opaque page fills, and strokes do not


def grey_levels(file: BinaryIO) -> Array:
    """Grey levels (H, W), 0 to 255, of the picture in ``file``, upright.

    Where transparency makes the drawing, it is black on white.  Raises ValueError for what cannot be read.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # mostly of metadata, which matter to nobody here; bombs are refused below
        try:
            picture = Image.open(file)
            pixels = picture.width * picture.height
            if pixels <= MAX_PIXELS:
                ImageOps.exif_transpose(picture, in_place=True)
                return _flat(picture)
        except Exception as error:  # decoders of damaged files raise whatever they stumble on
            raise ValueError(f"no picture that can be read ({error})") from error
    raise ValueError(f"got a picture of {pixels} pixels, need at most {MAX_PIXELS}")


def _flat(picture: Image.Image) -> Array:
    """``picture`` as grey levels, reduced to about 512 pixels where it is much larger."""
    if picture.mode.startswith(("I", "F")):  # more than 8 bits, which Pillow would cut off at 255
        levels = np.asarray(picture, np.float32)
        wide = levels / 257 if picture.mode.startswith("I;16") else _stretched(levels)
        return np.asarray(_reduced(Image.fromarray(wide)))
    if picture.mode not in ("L", "RGB"):
        picture = picture.convert("RGBA")
    if picture.mode == "L":
        return np.asarray(_reduced(picture), np.float32)
    layer = _reduced(picture)
    if layer.mode == "RGB":
        return _grey(layer)
    colours, alpha = np.asarray(layer, np.float32)[..., :3], np.asarray(layer, np.float32)[..., 3]
    if alpha.min() == OPAQUE:
        return _grey(layer.convert("RGB"))
    if alpha.max() == 0:
        raise ValueError("it is transparent everywhere")
    if _drawn_by_transparency(colours, alpha):
        return OPAQUE - alpha
    return _grey(_laid_on_its_paper(layer, colours, alpha))


def _drawn_by_transparency(colours: Array, alpha: Array) -> bool:
    """Whether strokes lie on a transparent ground, rather than on an opaque page with, say, round corners.

    Strokes have one colour wherever they are fully there, which says nothing; or, painted with a rainbow, they still
    leave most of the box around them transparent.  ``colours`` (H, W, 3), ``alpha`` (H, W).
    """
    there = alpha >= 0.9 * alpha.max()
    spread = np.ptp(colours[there], axis=0).max()
    rows, columns = np.flatnonzero(there.any(axis=1)), np.flatnonzero(there.any(axis=0))
    solid = there[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1].mean()
    return bool(spread <= SAME_COLOUR or solid < SOLID)


def _laid_on_its_paper(layer: Image.Image, colours: Array, alpha: Array) -> Image.Image:
    """``layer`` on the colour that most of its opaque pixels have."""
    paper = np.median(colours[alpha >= 0.9 * alpha.max()], axis=0)
    ground = Image.new("RGBA", layer.size, tuple(int(level) for level in paper))
    ground.alpha_composite(layer)
    return ground.convert("RGB")


def _grey(picture: Image.Image) -> Array:
    """The grey levels of a picture in colours, or those of the channel that shows far more than they do.

    Yellow on white, or red on an equally bright green, is hardly seen in grey.
    """
    grey = np.asarray(picture.convert("L"), np.float32)
    channels = np.moveaxis(np.asarray(picture, np.float32), 2, 0)
    best = max(channels, key=np.std)
    return best if best.std() > MORE_CONTRAST * grey.std() else grey


def _reduced(picture: Image.Image) -> Image.Image:
    return picture.reduce(max(1, max(picture.size) // WORKING_SIDE))


def _stretched(levels: Array) -> Array:
    """``levels``, which have no known range, from 0 to 255."""
    if not np.isfinite(levels).all():
        raise ValueError("it has levels that are not finite")
    return np.interp(levels, (levels.min(), levels.max()), (0, 255)).astype(np.float32)
