"""How like the training images a picture is: a network answers whatever it is shown, and may be sure of nonsense.

A picture that is read as a 3 should resemble some 3, so of the bundled MNIST's first 10,000 training images the one of
that class most like it is found.  Strokes are compared by where they run and in which direction (see ``form``).  Of the
10,000 test images, 99 in 100 come up to 0.77 with an image of their own class.  What is filled is no stroke, and a
tangle has more loops than an 8: both are told by themselves, since among so many images there is one that resembles
almost any shape.
"""

from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from reference.datasets import MNIST, mnist, normalize
from torch_parity.training.predict import Classifier, Pixels, Prediction

Array = npt.NDArray[Any]

KNOWN = 10_000  # training images that are looked at
DIRECTIONS = 4  # that a stroke's edge may run in, 45 degrees apart
SMOOTH = 1.0  # pixels, of the Gaussian under which an edge has a direction
BLUR = 1.0  # pixels, by which two strokes may lie apart and still be alike
ALIKE = 0.77  # the least resemblance that is not far
INKED = 128  # the level of what is inside a stroke
MOST_WIDE = 8  # pixels: 7 in 1,000 test images have a stroke that is wider somewhere
BARE = 100  # the level below which a pixel may belong to a loop
LOOP = 2  # pixels: a smaller one is a gap between two strokes
MOST_LOOPS = 2  # as of an 8; 3 in 1,000 test images have more
SURE = 0.8  # the least probability that is not unsure
TRIED = 100  # test images, of which
RIGHT_AT_LEAST = 80  # so many are read right by a network that was trained on MNIST


class Familiarity:
    """Says what is doubtful about a prediction, for one network."""

    def __init__(self, classifier: Classifier) -> None:
        """A network that was trained on other images than MNIST's is not asked how like MNIST's a picture is."""
        data = mnist()
        scores = classifier.numpy(normalize(data.test_images[:TRIED], dtype=classifier.dtype))
        right = (scores.argmax(axis=1) == data.test_labels[:TRIED]).sum()
        self._data: MNIST | None = data if classifier.classes == 10 and right >= RIGHT_AT_LEAST else None
        self._forms: dict[int, Array] = {}

    def resemblance(self, pixels: Pixels, label: int) -> float | None:
        """Of ``pixels`` (28, 28) to the image of class ``label`` most like them, up to 1; None for unknown classes."""
        if self._data is None:
            return None
        if label not in self._forms:
            images, labels = self._data.train_images[:KNOWN], self._data.train_labels[:KNOWN]
            self._forms[label] = form(images[labels == label])
        return float((self._forms[label] @ form(pixels[np.newaxis])[0]).max())

    def doubts(self, pixels: Pixels, prediction: Prediction) -> list[str]:
        """What the probabilities and the pixels give reason to doubt."""
        found = []
        label = prediction.classes["numpy"]
        sure = min(float(values[label]) for values in prediction.probabilities.values())
        if not sure >= SURE:
            found.append(f"the network is unsure: {sure:.0%} for {label}")
        if self._data is None:
            return found
        resemblance = self.resemblance(pixels, label)
        if resemblance is not None and resemblance < ALIKE:
            found.append(
                f"it is unlike MNIST's {label}s, and may be no digit: it resembles the nearest by {resemblance:.2f}, "
                f"and 99 in 100 test images do so by {ALIKE} or more"
            )
        if (width := widest(pixels)) > MOST_WIDE:
            found.append(
                f"it has a stroke {width:.0f} pixels wide, and may be a blot: MNIST's are seldom wider than {MOST_WIDE}"
            )
        if (loops := loops_in(pixels)) > MOST_LOOPS:
            found.append(f"it has {loops} loops, and may be no digit: an 8 has {MOST_LOOPS}")
        return found


def form(images: Pixels) -> Array:
    """Where the strokes in ``images`` (N, 28, 28) run, and in which direction: (N, 784), rows of length 1.

    For each of four directions there is a map of the edges, on either side of a stroke, that run roughly that way:
    blurred, with every second pixel along each axis left out.  The product of two rows is their cosine, 1 if they are
    the same.
    """
    levels, sizes = images.astype(np.float32), (0, SMOOTH, SMOOTH)
    down, across = (ndimage.gaussian_filter(levels, sizes, order) for order in ((0, 1, 0), (0, 0, 1)))
    strength, angle = np.hypot(down, across), np.arctan2(down, across)
    # Twice the angle is the same for the two sides of a stroke.
    turns = 2 * np.pi * np.arange(DIRECTIONS) / DIRECTIONS
    maps = np.stack([strength * np.maximum(0, np.cos(2 * angle - turn)) for turn in turns], axis=1)
    rows = ndimage.gaussian_filter(maps, (0, 0, BLUR, BLUR))[:, :, ::2, ::2].reshape(len(images), -1)
    return np.asarray(rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-30))


def widest(pixels: Pixels) -> float:
    """How wide the strokes in ``pixels`` (28, 28) are where they are widest, in pixels."""
    return 2 * float(ndimage.distance_transform_edt(np.pad(pixels >= INKED, 1)).max())


def loops_in(pixels: Pixels) -> int:
    """How many areas of ``pixels`` (28, 28) strokes run around."""
    names, _ = ndimage.label(np.pad(pixels < BARE, 1, constant_values=True))
    return int((np.bincount(names.ravel())[1:] >= LOOP).sum()) - 1
