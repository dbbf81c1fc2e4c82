"""Architectures, each written once and built on both sides: pass ``reference.nn`` or ``torch.nn``.

Images are (N, 1, 28, 28), scores (N, 10).
"""

from collections.abc import Callable
from typing import Any


def formula(nn: Any) -> Any:
    """The video's formula, Y = f(Dense(Flatten(Pool(ReLU(I * K))))), with 8 kernels; f is in the loss."""
    return nn.Sequential(nn.Conv2d(1, 8, 3), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(), nn.Linear(8 * 13 * 13, 10))


def lenet5(nn: Any) -> Any:
    """LeNet-5 (LeCun et al., 1998) with ReLU and max pooling, as it is taught today: the steps repeated twice."""
    return nn.Sequential(
        nn.Conv2d(1, 6, 5, padding=2), nn.ReLU(), nn.MaxPool2d(2),
        nn.Conv2d(6, 16, 5), nn.ReLU(), nn.MaxPool2d(2),
        nn.Flatten(), nn.Linear(400, 120), nn.ReLU(), nn.Linear(120, 84), nn.ReLU(), nn.Linear(84, 10),
    )  # fmt: skip


def mnist_example(nn: Any) -> Any:
    """The network of PyTorch's MNIST example, without dropout."""
    return nn.Sequential(
        nn.Conv2d(1, 32, 3), nn.ReLU(), nn.Conv2d(32, 64, 3), nn.ReLU(), nn.MaxPool2d(2),
        nn.Flatten(), nn.Linear(64 * 12 * 12, 128), nn.ReLU(), nn.Linear(128, 10),
    )  # fmt: skip


NETWORKS: dict[str, Callable[[Any], Any]] = {"formula": formula, "lenet5": lenet5, "mnist-example": mnist_example}
