"""Pictures in, classes out: prepared as MNIST's were, and classified by both sides with the same weights.

MNIST's digits were scanned in black and white, scaled to fit into 20 x 20 pixels, which made them grey, and laid into
28 x 28 with their centre of mass in the middle.  A network trained on them has seen nothing else, so a picture must be
brought into that form first.

Source: LeCun, Bottou, Bengio & Haffner, Gradient-based learning applied to document recognition (1998), section III.A.
"""

import os
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from PIL import Image, ImageOps

import reference
from reference.datasets import normalize
from torch_parity.networks import NETWORKS, named
from torch_parity.training.runs import WEIGHTS
from torch_parity.training.weights import SavedWeights, fit, fitting, read_weights

Array = npt.NDArray[Any]
Pixels = npt.NDArray[np.uint8]

SIDE = 28  # of an image of MNIST
BOX = 20  # the longer side of its ink
CENTRE = 14  # row and column of its centre of mass, to the nearest pixel

MAX_PIXELS = 1 << 26  # of a picture; a small file may claim, and unpack to, any number
WORKING_SIDE = 512  # larger pictures are first reduced to about that, which averages noise out
LEAST_CONTRAST = 24  # of the ink, in grey levels of 255
FAINT = 0.1  # of the strongest ink: what is weaker is background
NOISE = 3  # times what nine in ten pixels of the border deviate: likewise


@dataclass(frozen=True)
class Prediction:
    """What both sides make of one picture.  Dictionaries have the keys 'numpy' and 'torch'."""

    probabilities: dict[str, Array]  # (classes,)

    @property
    def classes(self) -> dict[str, int]:
        """The most probable class."""
        return {side: int(values.argmax()) for side, values in self.probabilities.items()}

    @property
    def largest_difference(self) -> float:
        """Between a probability here and the same there."""
        return float(np.abs(self.probabilities["numpy"] - self.probabilities["torch"]).max())


class Classifier:
    """A network with the same weights on both sides."""

    def __init__(self, path: str | os.PathLike[str], network: str | None = None) -> None:
        """Load ``path``: a file of weights as ``read_weights`` takes it, or a run's folder.

        ``network`` is a name from ``NETWORKS``, or FILE.py:FUNCTION of one's own; without it, the file's metadata must
        have one under 'network'.  There may be any number of classes.  ``remarks`` says what a user should know of the
        way the weights were read.
        Raises OSError for a file that cannot be read, ValueError for one that is damaged or does not fit the network.
        """
        folder = Path(path) if Path(path).is_dir() else None
        saved = read_weights(Path(path) if folder is None else folder / WEIGHTS["numpy"])
        self.network = network or _network_in(saved, may_be_own=folder is not None)
        build = named(self.network, folder)
        weights = fit(saved, build, self.network, rename=network is not None)
        self.classes, self.remarks = weights.classes, weights.remarks
        self.numpy, self.torch = build(reference.nn, self.classes), build(torch.nn, self.classes)
        if not isinstance(self.numpy, reference.nn.Module):
            raise ValueError(
                f"{self.network} must make its network from the argument nn: given reference.nn, it made a "
                f"{type(self.numpy).__name__} of something else"
            )
        self.dtype = next(iter(weights.arrays.values())).dtype
        if self.dtype == np.float64:
            self.numpy.double()
            self.torch.double()
        self.numpy.load_state_dict(weights.arrays)
        self.torch.load_state_dict({name: torch.from_numpy(array) for name, array in weights.arrays.items()})

    def predict(self, pixels: Pixels) -> Prediction:
        """The probabilities of all classes for ``pixels`` (28, 28).  ValueError where huge weights overflow."""
        image = normalize(pixels[np.newaxis], dtype=self.dtype)
        with torch.no_grad():
            theirs = torch.softmax(self.torch(torch.from_numpy(image)), dim=1).numpy()
        ours = reference.softmax(self.numpy(image), dim=1)
        if not (np.isfinite(ours).all() and np.isfinite(theirs).all()):
            raise ValueError("the scores are not finite: the weights are far too large")
        return Prediction({"numpy": ours[0], "torch": theirs[0]})


def _network_in(saved: SavedWeights, may_be_own: bool) -> str:
    """The network that the metadata name; ValueError where they name none, or code that no one asked to run."""
    name = saved.metadata.get("network")
    if name is None:
        alike = fitting(saved, NETWORKS)
        hint = f"; its shapes are those of {', '.join(alike)}" if alike else ""
        raise ValueError(
            f"{saved.path} does not say whose weights it holds: name the network, {', '.join(NETWORKS)}, "
            f"or FILE.py:FUNCTION{hint}"
        )
    if name not in NETWORKS and ".py" in name and not may_be_own:
        raise ValueError(
            f"{saved.path} holds weights of {name}, says the file: name the network, if you trust that code"
        )
    return name


def picture_files(path: str | os.PathLike[str]) -> list[Path]:
    """``path`` itself or, where it is a folder, the pictures in it by name, subfolders left out.

    A picture is what has the suffix of one.  Raises ValueError for a folder without any.
    """
    path = Path(path)
    if not path.is_dir():
        return [path]
    Image.init()
    suffixes = {suffix for suffix, kind in Image.registered_extensions().items() if kind in Image.OPEN}
    names = sorted(path.iterdir())
    files = [one for one in names if one.suffix.lower() in suffixes and one.is_file() and not one.name.startswith(".")]
    if not files:
        raise ValueError(f"{path} is a folder without pictures")
    return files


def read_picture(path: str | os.PathLike[str], as_is: bool = False) -> Pixels:
    """The picture in the file ``path`` as (28, 28) pixels, 0 (background) to 255 (ink); see ``prepare``.

    ``as_is`` takes a picture that has that form already, such as an image of Fashion-MNIST, which is scaled otherwise.
    Raises OSError where the file cannot be opened, ValueError, naming it, for what is no picture, is damaged, has too
    many pixels, or has no ink.
    """
    with Path(path).open("rb") as file:
        try:
            levels = _grey_levels(file)
            if not as_is:
                return prepare(levels)
        except ValueError as error:
            raise ValueError(f"{path}: {error}") from error
    if levels.shape != (SIDE, SIDE):
        raise ValueError(
            f"{path}: got {levels.shape[1]} x {levels.shape[0]} pixels, need {SIDE} x {SIDE} to take them as is"
        )
    return _rounded(levels)


def prepare(levels: Array) -> Pixels:
    """Any grey levels (H, W), from 0 to 255, as MNIST has them: (28, 28) pixels, 0 (background) to 255 (ink).

    The border tells the background.  Ink is what differs from it, on the side, darker or lighter, that differs more;
    the strongest becomes 255, and the faint, which may be noise, 0.  The box around the ink is scaled so that its
    longer side is 20 pixels, and its centre of mass moves into the middle.  An image of MNIST stays as it is but for
    the faint, unless that makes up a whole edge of its ink.  ValueError for a picture without ink.
    """
    border = np.concatenate([levels[0], levels[-1], levels[:, 0], levels[:, -1]])
    paper = np.median(border)
    darker, lighter = np.maximum(paper - levels, 0), np.maximum(levels - paper, 0)
    ink = darker if np.square(darker).sum() > np.square(lighter).sum() else lighter
    strongest = ink.max()
    if not strongest >= LEAST_CONTRAST:
        raise ValueError(
            f"no ink: grey levels differ from the background by {strongest:.0f}, need {LEAST_CONTRAST} or more"
        )
    noise = NOISE * np.quantile(np.abs(border - paper), 0.9)
    # Half the strongest at most: ink that runs over the border makes it look noisy.
    seen = ink > min(max(FAINT * strongest, noise), strongest / 2)
    rows, columns = np.flatnonzero(seen.any(axis=1)), np.flatnonzero(seen.any(axis=0))
    box = np.where(seen, ink * (255 / strongest), 0)[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    return _centred(_scaled(box))


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


def _grey_levels(file: Any) -> Array:
    """Grey levels (H, W), 0 (black) to 255 (white), of the picture in ``file``: upright, and on white paper."""
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
    layer = _reduced(picture).convert("RGBA")
    paper = Image.new("RGBA", layer.size, "white")
    paper.alpha_composite(layer)
    return np.asarray(paper.convert("L"), np.float32)


def _reduced(picture: Image.Image) -> Image.Image:
    return picture.reduce(max(1, max(picture.size) // WORKING_SIDE))


def _stretched(levels: Array) -> Array:
    """``levels``, which have no known range, from 0 to 255."""
    if not np.isfinite(levels).all():
        raise ValueError("it has levels that are not finite")
    return np.interp(levels, (levels.min(), levels.max()), (0, 255)).astype(np.float32)
