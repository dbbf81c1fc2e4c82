"""Real digits for the lesson, as integers: the first of each kind among MNIST's training images."""

from functools import cache

from reference.datasets import mnist
from torch_parity.lesson.example import Array

LABELS = (5, 0, 4, 1, 9, 2, 3, 6, 7, 8)  # in the order in which they come


@cache
def digit(label: int) -> Array:
    """The first training image, (28, 28), of this label."""
    data = mnist()
    first: Array = data.train_images[data.train_labels == label][0].astype(int)
    return first
