"""How long each layer of a network takes on both sides, forward and backward, within whole training steps.

Every layer gets what it gets in training: the output of the layer before it, in its memory layout, and the gradient
from the layer after it.  In torch each layer is cut off from the ones before, so that it can go backward alone; that
costs it some microseconds.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from statistics import median
from typing import Any

import numpy.typing as npt
import torch

import reference
from torch_parity.benchmark.subjects import Implementation
from torch_parity.benchmark.timing import alternate

Array = npt.NDArray[Any]

FORWARD, BACKWARD = "forward", "backward"
LOSS = "loss"


@dataclass(frozen=True)
class LayerTime:
    """What one layer takes, in milliseconds: by side ('numpy', 'torch'), then 'forward' and 'backward'."""

    name: str  # such as '0 Conv2d'
    shape: tuple[int, ...]  # of its output for one image; () for the loss
    milliseconds: dict[str, dict[str, float]]


def measure(networks: dict[str, Any], images: Array, labels: Array, seconds: float) -> list[LayerTime]:
    """The median times of every layer and of the loss, on ``images`` (N, C, H, W) with ``labels`` (N,).

    ``networks`` holds the same ``Sequential``, of ``reference.nn`` under 'numpy' and of ``torch.nn`` under 'torch'.
    They run in turn for at least ``seconds`` and a few repetitions, after a warm-up.  As in training, nobody asks for
    the gradient of the images.
    """
    names = [*(f"{index} {type(layer).__name__}" for index, layer in enumerate(networks["torch"])), LOSS]
    sides = {
        "numpy": Implementation(_phases(_NumpyStep(networks["numpy"], images, labels), names), dict),
        "torch": Implementation(_phases(_TorchStep(networks["torch"], images, labels), names), dict),
    }
    samples = alternate(sides, seconds)

    def milliseconds(side: str, name: str) -> dict[str, float]:
        return {phase: 1e3 * median(samples[side][f"{phase} {name}"]) for phase in (FORWARD, BACKWARD)}

    shapes = [*_shapes(networks["torch"], images), ()]
    return [
        LayerTime(name, shape, {side: milliseconds(side, name) for side in sides})
        for name, shape in zip(names, shapes, strict=True)
    ]


def _shapes(network: Any, images: Array) -> list[tuple[int, ...]]:
    """The shape of every layer's output for one image."""
    shapes, value = [], torch.from_numpy(images[:1])
    with torch.no_grad():
        for layer in network:
            value = layer(value)
            shapes.append(tuple(value.shape[1:]))
    return shapes


class _NumpyStep:
    """The parts of a training step of ``reference.nn``.  Number ``len(layers)`` is the loss."""

    def __init__(self, network: Any, images: Array, labels: Array) -> None:
        self.layers, self.images, self.labels = list(network), images, labels
        self.criterion = reference.nn.CrossEntropyLoss()
        self.value: Any = None  # what the last part gave: an output, or a gradient

    def forward(self, number: int) -> None:
        if number < len(self.layers):
            self.value = self.layers[number].forward_within(self.value if number else self.images)
        else:
            self.criterion(self.value, self.labels)

    def backward(self, number: int) -> None:
        if number < len(self.layers):
            self.layers[number].zero_grad()
            self.value = self.layers[number].backward(self.value, number > 0)
        else:
            self.value = self.criterion.backward()


class _TorchStep:
    """The same of ``torch.nn``."""

    def __init__(self, network: Any, images: Array, labels: Array) -> None:
        self.layers, self.images, self.labels = list(network), torch.from_numpy(images), torch.from_numpy(labels)
        self.criterion = torch.nn.CrossEntropyLoss()
        self.ends: list[tuple[Any, Any]] = []  # input and output of the parts that have not gone backward yet
        self.grad: Any = None

    def forward(self, number: int) -> None:
        input = self.ends[-1][1].detach().requires_grad_() if number else self.images
        if number < len(self.layers):
            self.ends.append((input, self.layers[number](input)))
        else:
            self.ends.append((input, self.criterion(input, self.labels)))
            self.grad = None  # which stands for 1

    def backward(self, number: int) -> None:
        if number < len(self.layers):
            self.layers[number].zero_grad()
        input, output = self.ends.pop()
        if output.requires_grad:  # not of a first layer without weights
            output.backward(self.grad)
            self.grad = input.grad


def _phases(step: _NumpyStep | _TorchStep, names: list[str]) -> dict[str, Callable[[], object]]:
    """All of ``names`` forward, then all backward, last to first."""
    numbers = range(len(names))
    ahead = {f"{FORWARD} {names[number]}": partial(step.forward, number) for number in numbers}
    back = {f"{BACKWARD} {names[number]}": partial(step.backward, number) for number in reversed(numbers)}
    return {**ahead, **back}
