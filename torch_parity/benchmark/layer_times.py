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
from reference.module import is_own
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

    ``networks`` holds the same network, of ``reference.nn`` under 'numpy' and of ``torch.nn`` under 'torch'.  One that
    is no ``Sequential`` calls its layers itself, and is measured as a whole.  They run in turn for at least ``seconds``
    and a few repetitions, after a warm-up.  As in training, nobody asks for the gradient of the images.
    """
    names = [*(f"{name} {type(layer).__name__}".strip() for name, layer in _parts(networks["torch"])), LOSS]
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


def _parts(network: Any) -> list[tuple[str, Any]]:
    """The layers one after another, with their names; the network itself where it is no ``Sequential``."""
    in_order = isinstance(network, reference.nn.Sequential | torch.nn.Sequential)
    return list(network.named_children()) if in_order else [("", network)]


def _shapes(network: Any, images: Array) -> list[tuple[int, ...]]:
    """The shape of every layer's output for one image."""
    shapes, value = [], torch.from_numpy(images[:1])
    with torch.no_grad():
        for _, layer in _parts(network):
            value = layer(value)
            shapes.append(tuple(value.shape[1:]))
    return shapes


class _NumpyStep:
    """The parts of a training step of ``reference.nn``.  Number ``len(layers)`` is the loss."""

    def __init__(self, network: Any, images: Array, labels: Array) -> None:
        self.layers, self.images, self.labels = [layer for _, layer in _parts(network)], images, labels
        self.criterion = reference.nn.CrossEntropyLoss()
        self.value: Any = None  # what the last part gave: an output, or a gradient

    def forward(self, number: int) -> None:
        if number < len(self.layers):
            layer, value = self.layers[number], self.value if number else self.images
            self.value = layer.forward_within(value) if is_own(layer) else layer.forward(value)
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
        self.layers = [layer for _, layer in _parts(network)]
        self.images, self.labels = torch.from_numpy(images), torch.from_numpy(labels)
        self.criterion = torch.nn.CrossEntropyLoss()
        self.ends: list[tuple[Any, Any]] = []  # input and output of the parts that have not gone backward yet
        self.grad: Any = None

    def forward(self, number: int) -> None:
        input = self.ends[-1][1].detach().requires_grad_() if number else self.images
        if number < len(self.layers):
            layer = self.layers[number]
            # What is cut off cannot be changed in place, as ReLU(inplace=True) does: that gets a copy.
            copied = number and any(getattr(one, "inplace", False) for one in layer.modules())
            self.ends.append((input, layer(input.clone() if copied else input)))
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
