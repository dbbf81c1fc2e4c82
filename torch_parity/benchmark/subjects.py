"""What is measured: training steps of whole networks and single layers, each on every side.

The sides are NumPy and torch in both of its memory formats.  Each holds its own copy of the same numbers, in its own
layout: a layer of the reference inside a network gets its batch last in memory, so it does here.
"""

import itertools
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import torch

import reference
from reference.datasets import mnist, normalize
from torch_parity.networks import NETWORKS
from torch_parity.training.sides import NumpySide, TorchSide

Array = npt.NDArray[Any]

NUMPY, TORCH, CHANNELS_LAST = "numpy", "torch", "torch channels_last"
FORMATS = {TORCH: torch.contiguous_format, CHANNELS_LAST: torch.channels_last}
# Batches that the training steps of a network take in turn: on a single one the loss would soon vanish, and numbers
# close to 0 are slow.
BATCHES = 40
# The largest difference between two sides, as a share of the largest number: far above rounding, far below any mistake.
# This makes sure that the same thing is timed; that it is right is proven elsewhere.
TOLERANCE = 1e-3


@dataclass(frozen=True)
class Implementation:
    """One way to compute a subject: ``phases`` in their order, by name, and ``results`` of the first of them."""

    phases: dict[str, Callable[[], object]]
    results: Callable[[], dict[str, Array]]


class Layer(NamedTuple):
    """A layer, written once for both sides, and the shape of one sample of its input."""

    build: Callable[[Any], Any]
    shape: tuple[int, ...]


LAYERS = {
    "conv3x3-64-64-56": Layer(lambda nn: nn.Conv2d(64, 64, 3, padding=1), (64, 56, 56)),
    "conv3x3-256-256-14": Layer(lambda nn: nn.Conv2d(256, 256, 3, padding=1), (256, 14, 14)),
    "conv1x1-256-64-56": Layer(lambda nn: nn.Conv2d(256, 64, 1), (256, 56, 56)),
    "conv7x7-3-64-224-stride2": Layer(lambda nn: nn.Conv2d(3, 64, 7, 2, padding=3), (3, 224, 224)),
    "depthwise3x3-128-56": Layer(lambda nn: nn.Conv2d(128, 128, 3, padding=1, groups=128), (128, 56, 56)),
    "maxpool2x2-64-56": Layer(lambda nn: nn.MaxPool2d(2), (64, 56, 56)),
    "maxpool3x3-64-112-stride2": Layer(lambda nn: nn.MaxPool2d(3, 2, padding=1), (64, 112, 112)),
    "avgpool2x2-64-56": Layer(lambda nn: nn.AvgPool2d(2), (64, 56, 56)),
    "avgpool3x3-64-112-stride2": Layer(lambda nn: nn.AvgPool2d(3, 2, padding=1), (64, 112, 112)),
    "dense-9216-128": Layer(lambda nn: nn.Linear(9216, 128), (9216,)),
    "cross-entropy-1000": Layer(lambda nn: nn.CrossEntropyLoss(), (1000,)),
}
SUBJECTS = (*NETWORKS, *LAYERS)


def checked_sides(name: str, batch_size: int, seed: int, thread_count: int = 1) -> dict[str, Implementation]:
    """The ``sides``, once they were found to compute the same.  ArithmeticError where they do not.

    The gradients of a network are compared in float64.  In float32 they may be far apart although nothing is wrong:
    batch normalisation brings whole backgrounds close to 0, where ReLU has its kink, and rounding decides whether a
    gradient passes.  (Those of a small ResNet differ by 2e-2 in float32, by 2e-13 in float64.)  What dropout drops is
    the same on all sides while they are compared; when they are timed, each draws it itself.
    """
    found = sides(name, batch_size, seed, thread_count)
    if name not in NETWORKS:
        check_equal(found)
        return found
    for dtype in ("float64", "float32"):
        check_equal(network_sides(NETWORKS[name], batch_size, seed, thread_count, dtype, masks_of_numpy=True))
    return found


def sides(name: str, batch_size: int, seed: int, thread_count: int = 1) -> dict[str, Implementation]:
    """The subject ``name``, one of ``SUBJECTS``, on every side, in float32.  ValueError for another name.

    ``thread_count`` threads share NumPy's step of a network where that is faster (``torch_parity.training.replicas``).
    """
    if name in NETWORKS:
        return network_sides(NETWORKS[name], batch_size, seed, thread_count)
    if name not in LAYERS:
        raise ValueError(f"name must be one of {', '.join(SUBJECTS)}, got {name!r}")
    layer = LAYERS[name]
    if name.startswith("cross-entropy"):
        return _loss(layer, batch_size, seed)
    # Without height and width there is one memory format.
    names = (NUMPY, *FORMATS) if len(layer.shape) == 3 else (NUMPY, TORCH)
    return {side: layer_side(layer, side, batch_size, seed) for side in names}


def check_equal(sides: dict[str, Implementation]) -> None:
    """Run each side once; ArithmeticError where one finds other results than the first."""
    found = {}
    for name, side in sides.items():
        for phase in side.phases.values():
            phase()
        found[name] = side.results()
    first, *others = found
    for name in others:
        for what, ours in found[first].items():
            theirs = found[name][what]
            if ours.shape != theirs.shape:
                raise ArithmeticError(f"{what}: {first} has shape {ours.shape}, {name} {theirs.shape}")
            difference, size = np.abs(ours - theirs).max(), np.abs(theirs).max()
            if not difference <= TOLERANCE * size:
                raise ArithmeticError(f"{what}: {first} and {name} differ by {difference:.1e}, at numbers up to {size}")


def random_numbers(generator: np.random.Generator, shape: tuple[int, ...]) -> Array:
    """Normally distributed numbers, float32."""
    return generator.standard_normal(shape, np.float32)


def batch_last(array: Array) -> Array:
    """The same (N, ...), in memory (..., N)."""
    return np.moveaxis(np.ascontiguousarray(np.moveaxis(array, 0, -1)), -1, 0)


def numpy_layer(layer: Any, input: Array, grad: Array) -> Implementation:
    """Forward and all gradients of a layer of ``reference.nn``, as within a network.

    dL/dy ``grad`` is laid out as the layer's output is.
    """
    grad_output = np.empty_like(layer(input))
    grad_output[...] = grad
    found: dict[str, Array] = {}

    def forward() -> None:
        found["output"] = layer.forward_within(input)

    def backward() -> None:
        layer.zero_grad()
        found["grad_input"] = layer.backward(grad_output)

    def results() -> dict[str, Array]:
        return found | {f"grad_{name}": parameter.grad for name, parameter in layer.named_parameters()}

    return Implementation({"forward": forward, "backward": backward}, results)


def torch_layer(
    layer: torch.nn.Module, input: Array, grad: Array, memory_format: torch.memory_format
) -> Implementation:
    """The same for a layer of ``torch.nn``."""

    def arranged(array: Array) -> torch.Tensor:
        tensor = torch.from_numpy(array)
        return tensor.contiguous(memory_format=memory_format) if tensor.ndim == 4 else tensor

    layer.to(memory_format=memory_format)  # type: ignore[call-overload]
    leaf, grad_output = arranged(input).clone().requires_grad_(), arranged(grad)
    found: dict[str, Any] = {}

    def forward() -> None:
        found["output"] = layer(leaf)

    def backward() -> None:
        layer.zero_grad()
        leaf.grad = None
        found["output"].backward(grad_output)

    def results() -> dict[str, Array]:
        assert leaf.grad is not None
        grads = {f"grad_{name}": parameter.grad for name, parameter in layer.named_parameters()}
        tensors = {"output": found["output"].detach(), "grad_input": leaf.grad, **grads}
        return {name: np.asarray(tensor) for name, tensor in tensors.items()}

    return Implementation({"forward": forward, "backward": backward}, results)


def network_sides(
    build: Callable[[Any], Any],
    batch_size: int,
    seed: int,
    thread_count: int = 1,
    dtype: str = "float32",
    *,
    masks_of_numpy: bool = False,
) -> dict[str, Implementation]:
    """Training steps of the network that ``build`` makes from ``nn``, on every side.

    The results are the scores and the loss; in float64 the gradients of all parameters, too (``checked_sides`` says
    why).  With ``masks_of_numpy`` torch drops what NumPy dropped in its last step.  ValueError for a batch larger than
    the training set.
    """
    data = mnist()
    order = np.random.default_rng(seed).permutation(len(data.train_images))
    if batch_size > len(order):
        raise ValueError(f"batch_size must be at most {len(order)}, the training images, got {batch_size}")
    batches = []
    for number in range(min(BATCHES, len(order) // batch_size)):
        chosen = order[number * batch_size : (number + 1) * batch_size]
        batches.append((normalize(data.train_images[chosen], dtype=dtype), data.train_labels[chosen]))
    optimizer = {"lr": 0.02, "momentum": 0.9}
    reference.nn.manual_seed(seed)
    numpy = NumpySide(build, dtype, optimizer, thread_count=thread_count)
    weights = numpy.network.state_dict()
    found = {NUMPY: _steps(numpy, batches)}
    for name, memory_format in FORMATS.items():
        masks = numpy.masks if masks_of_numpy else dict
        found[name] = _steps(TorchSide(build, dtype, optimizer, weights, memory_format, masks=masks), batches)
    return found


def _steps(side: NumpySide | TorchSide, batches: list[tuple[Array, Array]]) -> Implementation:
    """Training steps, with one batch after another."""
    forever = itertools.cycle(batches)
    losses: list[float] = []

    def forward() -> None:
        losses[:] = [side.forward(*next(forever))]

    def results() -> dict[str, Array]:
        found = {"loss": np.array(losses), "scores": side.scores()}
        if found["scores"].dtype == np.float64:
            found |= {f"grad_{name}": np.asarray(parameter.grad) for name, parameter in side.network.named_parameters()}
        return found

    return Implementation({"forward": forward, "backward": side.backward, "update": side.update}, results)


def layer_side(layer: Layer, name: str, batch_size: int, seed: int) -> Implementation:
    """Forward and all gradients of ``layer`` on the side ``name``; of the same numbers, whatever the side."""
    generator = np.random.default_rng(seed)
    reference.nn.manual_seed(seed)
    ours = layer.build(reference.nn)
    input = random_numbers(generator, (batch_size, *layer.shape))
    theirs = layer.build(torch.nn)
    theirs.load_state_dict({key: torch.from_numpy(array) for key, array in ours.state_dict().items()})
    with torch.no_grad():
        shape = tuple(theirs(torch.from_numpy(input[:1])).shape[1:])
    grad = random_numbers(generator, (batch_size, *shape))
    if name == NUMPY:
        return numpy_layer(ours, batch_last(input), grad)
    return torch_layer(theirs, input, grad, FORMATS[name])


def _loss(layer: Layer, batch_size: int, seed: int) -> dict[str, Implementation]:
    generator = np.random.default_rng(seed)
    # Laid out as a dense layer leaves them to the loss, which is the reference's own choice.
    features, weight = random_numbers(generator, (batch_size, 1)), random_numbers(generator, (*layer.shape, 1))
    scores = reference.linear(batch_last(features), weight)
    target = generator.integers(0, layer.shape[0], batch_size)
    theirs = torch.from_numpy(scores).contiguous(), torch.from_numpy(target)
    return {
        NUMPY: _numpy_loss(layer.build(reference.nn), scores, target),
        TORCH: _torch_loss(layer.build(torch.nn), *theirs),
    }


def _numpy_loss(criterion: Any, scores: Array, target: Array) -> Implementation:
    found: dict[str, Array] = {}

    def forward() -> None:
        found["output"] = criterion(scores, target)

    def backward() -> None:
        found["grad_input"] = criterion.backward()

    return Implementation({"forward": forward, "backward": backward}, lambda: found)


def _torch_loss(criterion: Any, scores: torch.Tensor, target: torch.Tensor) -> Implementation:
    leaf = scores.clone().requires_grad_()
    found: dict[str, Any] = {}

    def forward() -> None:
        found["output"] = criterion(leaf, target)

    def backward() -> None:
        leaf.grad = None
        found["output"].backward()

    def results() -> dict[str, Array]:
        assert leaf.grad is not None
        return {"output": found["output"].detach().numpy(), "grad_input": leaf.grad.numpy()}

    return Implementation({"forward": forward, "backward": backward}, results)
