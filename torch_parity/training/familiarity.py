"""How like the training images a picture is: a network answers whatever it is shown, and may be sure of nonsense.

A picture that is read as a 3 should resemble some 3.  Its resemblance is the cosine between the two images, each
blurred by a Gaussian of one pixel, and the nearest of that class among the bundled MNIST's first 10,000 training images
counts.  Of the 10,000 test images, 99.1 in 100 come up to 0.85 with an image of their own class.
"""

from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from reference.datasets import MNIST, mnist, normalize
from torch_parity.training.predict import Classifier, Pixels, Prediction

Array = npt.NDArray[Any]

KNOWN = 10_000  # training images that are looked at
BLUR = 1.0  # pixels
ALIKE = 0.85  # the least resemblance that is not far
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
            images = self._data.train_images[:KNOWN][self._data.train_labels[:KNOWN] == label]
            self._forms[label] = form(images)
        return float((self._forms[label] @ form(pixels[np.newaxis])[0]).max())

    def doubts(self, pixels: Pixels, prediction: Prediction) -> list[str]:
        """What the probabilities and the resemblance give reason to doubt."""
        found = []
        label = prediction.classes["numpy"]
        sure = min(float(values[label]) for values in prediction.probabilities.values())
        if not sure >= SURE:
            found.append(f"the network is unsure: {sure:.0%} for {label}")
        resemblance = self.resemblance(pixels, label)
        if resemblance is not None and resemblance < ALIKE:
            found.append(
                f"it is unlike MNIST's {label}s, and may be no digit: it resembles the nearest by {resemblance:.2f}, "
                f"and 99 in 100 test images do so by {ALIKE} or more"
            )
        return found


def form(images: Pixels) -> Array:
    """``images`` (N, 28, 28) blurred, each as a row of length 1: (N, 784)."""
    blurred = ndimage.gaussian_filter(images.astype(np.float32), (0, BLUR, BLUR)).reshape(len(images), -1)
    return np.asarray(blurred / np.maximum(np.linalg.norm(blurred, axis=1, keepdims=True), 1e-30))
