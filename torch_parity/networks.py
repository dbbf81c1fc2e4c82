"""Architectures, each written once and built on both sides: pass ``reference.nn`` or ``torch.nn``.

Images are (N, 1, 28, 28), scores (N, classes).
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any


def formula(nn: Any, classes: int = 10) -> Any:
    """The video's formula, Y = f(Dense(Flatten(Pool(ReLU(I * K))))), with 8 kernels; f is in the loss."""
    return nn.Sequential(nn.Conv2d(1, 8, 3), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(), nn.Linear(8 * 13 * 13, classes))


def lenet5(nn: Any, classes: int = 10) -> Any:
    """LeNet-5 (LeCun et al., 1998) with ReLU and max pooling, as it is taught today: the steps repeated twice."""
    return nn.Sequential(
        nn.Conv2d(1, 6, 5, padding=2), nn.ReLU(), nn.MaxPool2d(2),
        nn.Conv2d(6, 16, 5), nn.ReLU(), nn.MaxPool2d(2),
        nn.Flatten(), nn.Linear(400, 120), nn.ReLU(), nn.Linear(120, 84), nn.ReLU(), nn.Linear(84, classes),
    )  # fmt: skip


def mnist_example(nn: Any, classes: int = 10) -> Any:
    """The network of PyTorch's MNIST example, without dropout."""
    return nn.Sequential(
        nn.Conv2d(1, 32, 3), nn.ReLU(), nn.Conv2d(32, 64, 3), nn.ReLU(), nn.MaxPool2d(2),
        nn.Flatten(), nn.Linear(64 * 12 * 12, 128), nn.ReLU(), nn.Linear(128, classes),
    )  # fmt: skip


def vgg_small(nn: Any, classes: int = 10) -> Any:
    """The steps repeated, as VGG (Simonyan & Zisserman, 2015) does: two convolutions and a pooling, twice.

    In the end each channel is averaged over the whole image, and one dense layer scores the averages.
    """
    return nn.Sequential(
        nn.Conv2d(1, 16, 3, padding=1), nn.ReLU(), nn.Conv2d(16, 16, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2),
        nn.Conv2d(16, 32, 3, padding=1), nn.ReLU(), nn.Conv2d(32, 32, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2),
        nn.AvgPool2d(7), nn.Flatten(), nn.Linear(32, classes),
    )  # fmt: skip


NETWORKS: dict[str, Callable[..., Any]] = {
    "formula": formula, "lenet5": lenet5, "mnist-example": mnist_example, "vgg-small": vgg_small,
}  # fmt: skip


@dataclass(frozen=True)
class Recipe:
    """How a network is trained unless one says otherwise; the learning rate falls along a cosine."""

    epochs: int = 3
    batch_size: int = 64
    schedule: str = "cosine"
    lr: float = 0.02
    momentum: float = 0.9


RECIPES = {
    "formula": Recipe(),
    "lenet5": Recipe(epochs=5),
    "mnist-example": Recipe(batch_size=32),
    "vgg-small": Recipe(epochs=5),
}
