"""Both sides in lockstep: the same network, weights, batches and optimizer, in NumPy and in torch.

After every step both sides should hold the same weights.  They do up to rounding; and rounding grows, since each step
starts from the weights that the last one left.  In float64 at a stable learning rate the two stay within 1e-12 of each
other for an epoch.  In float32 no two programs that sum in different orders stay together, torch with one thread and
torch with two included.
"""

import contextlib
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

import reference
from reference.datasets import MNIST, mnist, normalize
from torch_parity.networks import NETWORKS

Array = npt.NDArray[Any]
SIDES = ("numpy", "torch")
DTYPES: dict[str, Any] = {"float32": np.float32, "float64": np.float64}
TEST_BATCH = 500


@dataclass(frozen=True)
class Progress:
    """Where training stands after a step.  Losses are of the last batch, rates in images per second."""

    epoch: int  # from 1
    step: int  # from 1, over all epochs
    steps: int
    loss: dict[str, float]
    max_weight_difference: float
    images_per_second: dict[str, float]


@dataclass(frozen=True)
class Summary:
    """What came out of it.  Dictionaries have the keys 'numpy' and 'torch'."""

    accuracy: dict[str, float]  # share of the test images that were classified correctly
    equal_predictions: int
    test_images: int
    max_weight_difference: float
    final_loss: dict[str, float]  # of the last batch
    seconds: dict[str, float]  # in training steps, data preparation left out
    images_per_second: dict[str, float]
    steps: int

    def as_dict(self) -> dict[str, Any]:
        """All of it, ready for JSON."""
        return asdict(self)


class NumpySide:
    """A network of ``reference.nn`` with its loss and optimizer.  A step is forward, backward, update."""

    def __init__(self, build: Callable[[Any], Any], dtype: str, optimizer: dict[str, Any]) -> None:
        """``build`` makes the network from ``nn``; ``optimizer`` holds the options of SGD."""
        self.network = build(reference.nn)
        if dtype == "float64":
            self.network.double()
        self.criterion = reference.nn.CrossEntropyLoss()
        self.optimizer = reference.optim.SGD(self.network.parameters(), **optimizer)

    def forward(self, images: Array, labels: Array) -> float:
        """The loss of ``images`` (N, C, H, W) and ``labels`` (N,)."""
        return float(self.criterion(self.network(images), labels))

    def backward(self) -> None:
        """The gradients of that loss, and of it alone."""
        self.optimizer.zero_grad()
        self.network.backward(self.criterion.backward(), needs_input_grad=False)

    def update(self) -> None:
        """One step of the optimizer."""
        self.optimizer.step()

    def predict(self, images: Array) -> Array:
        """The class that each image (N, C, H, W) gets."""
        return np.asarray(self.network(images).argmax(axis=1))

    def weights(self) -> list[Array]:
        """All parameters, as they are."""
        return [parameter.data for parameter in self.network.parameters()]


class TorchSide:
    """The same in ``torch.nn``."""

    def __init__(
        self,
        build: Callable[[Any], Any],
        dtype: str,
        optimizer: dict[str, Any],
        weights: dict[str, Array],
        memory_format: torch.memory_format = torch.contiguous_format,
    ) -> None:
        """``weights`` is the state_dict to start from; ``memory_format`` is that of images and kernels."""
        self.memory_format = memory_format
        self.network = build(torch.nn).to(memory_format=memory_format)
        if dtype == "float64":
            self.network.double()
        self.network.load_state_dict({name: torch.from_numpy(array) for name, array in weights.items()})
        self.criterion = torch.nn.CrossEntropyLoss()
        self.optimizer = torch.optim.SGD(self.network.parameters(), **optimizer)

    def forward(self, images: Array, labels: Array) -> float:
        """The loss of ``images`` (N, C, H, W) and ``labels`` (N,)."""
        batch = torch.from_numpy(images).to(memory_format=self.memory_format)
        self.loss = self.criterion(self.network(batch), torch.from_numpy(labels))
        return float(self.loss.item())

    def backward(self) -> None:
        """The gradients of that loss, and of it alone."""
        self.optimizer.zero_grad()
        self.loss.backward()

    def update(self) -> None:
        """One step of the optimizer."""
        self.optimizer.step()

    def predict(self, images: Array) -> Array:
        """The class that each image (N, C, H, W) gets."""
        with torch.no_grad():
            return np.asarray(self.network(torch.from_numpy(images)).argmax(dim=1).numpy())

    def weights(self) -> list[Array]:
        """All parameters, as they are."""
        return [parameter.detach().numpy() for parameter in self.network.parameters()]


class Lockstep:
    """Two networks that take the same steps.

    ``network`` is a name from ``networks.NETWORKS`` or a function that builds one from ``nn``; ``optimizer`` holds the
    options of SGD.  The weights of both start as ``reference.nn`` draws them under ``seed``, which also shuffles.
    """

    def __init__(
        self, network: str | Callable[[Any], Any], dtype: str = "float32", seed: int = 1, **optimizer: Any
    ) -> None:
        """Build both sides.  ValueError for an unknown network or dtype, or options that SGD refuses."""
        if isinstance(network, str) and network not in NETWORKS:
            raise ValueError(f"network must be one of {', '.join(NETWORKS)}, got {network!r}")
        if dtype not in DTYPES:
            raise ValueError(f"dtype must be float32 or float64, got {dtype!r}")
        build = NETWORKS[network] if isinstance(network, str) else network
        reference.nn.manual_seed(seed)
        self.dtype = DTYPES[dtype]
        self.numpy = NumpySide(build, dtype, optimizer)
        self.torch = TorchSide(build, dtype, optimizer, self.numpy.network.state_dict())
        self.seconds = dict.fromkeys(SIDES, 0.0)
        self.shuffle = np.random.default_rng(seed)

    def step(self, images: Array, labels: Array) -> dict[str, float]:
        """One step of both sides on ``images`` (N, H, W) uint8 and ``labels`` (N,): the losses before it."""
        batch = normalize(images, dtype=self.dtype)
        losses = {}
        sides: dict[str, NumpySide | TorchSide] = {"numpy": self.numpy, "torch": self.torch}
        for name, side in sides.items():
            start = time.perf_counter()
            losses[name] = side.forward(batch, labels)
            side.backward()
            side.update()
            self.seconds[name] += time.perf_counter() - start
        return losses

    def epoch(self, images: Array, labels: Array, batch_size: int) -> Iterator[dict[str, float]]:
        """One pass over the images in random order, the last batch perhaps smaller; yields the losses of each step."""
        order = self.shuffle.permutation(len(images))
        for first in range(0, len(order), batch_size):
            chosen = order[first : first + batch_size]
            yield self.step(images[chosen], labels[chosen])

    def max_weight_difference(self) -> float:
        """The largest absolute difference between a weight here and the same weight there."""
        pairs = zip(self.numpy.weights(), self.torch.weights(), strict=True)
        return max(float(np.abs(a - b).max(initial=0)) for a, b in pairs)

    def predict(self, images: Array) -> dict[str, Array]:
        """The class that each side gives to ``images`` (N, H, W) uint8."""
        found: dict[str, list[Array]] = {name: [] for name in SIDES}
        for first in range(0, len(images), TEST_BATCH):
            batch = normalize(images[first : first + TEST_BATCH], dtype=self.dtype)
            found["numpy"].append(self.numpy.predict(batch))
            found["torch"].append(self.torch.predict(batch))
        return {name: np.concatenate(parts) for name, parts in found.items()}


@contextlib.contextmanager
def threads(count: int) -> Iterator[None]:
    """Let NumPy's BLAS and torch use ``count`` threads each.  ImportError names the extra that is missing."""
    try:
        from threadpoolctl import threadpool_limits
    except ImportError as error:
        raise ImportError("training needs threadpoolctl: pip install 'cnn-reference[train]'") from error
    before = torch.get_num_threads()
    torch.set_num_threads(count)
    try:
        with threadpool_limits(count):
            yield
    finally:
        torch.set_num_threads(before)


def train(
    network: str | Callable[[Any], Any] = "formula",
    data: MNIST | None = None,
    *,
    epochs: int = 3,
    batch_size: int = 64,
    lr: float = 0.02,
    momentum: float = 0.9,
    dtype: str = "float32",
    thread_count: int = 1,
    seed: int = 1,
    limit: int | None = None,
    on_step: Callable[[Progress], None] | None = None,
    report_every: int = 100,
    **optimizer: Any,
) -> Summary:
    """Train both sides on ``data`` (the bundled MNIST unless given), then compare them on its test images.

    ``limit`` takes only the first images of the training set.  ``on_step`` is called after the first step, every
    ``report_every`` steps and after the last; ``optimizer`` holds further options of SGD.
    Raises ValueError for counts below 1 and whatever ``Lockstep`` refuses.
    """
    counts = {"epochs": epochs, "batch_size": batch_size, "thread_count": thread_count, "limit": limit}
    for name, count in counts.items():
        if count is not None and count < 1:
            raise ValueError(f"{name} must be at least 1, got {count}")
    data = mnist() if data is None else data
    images, labels = data.train_images[:limit], data.train_labels[:limit]
    both = Lockstep(network, dtype, seed, lr=lr, momentum=momentum, **optimizer)
    steps = epochs * -(-len(images) // batch_size)
    step = 0
    losses: dict[str, float] = {}
    with threads(thread_count):
        for epoch in range(1, epochs + 1):
            for losses in both.epoch(images, labels, batch_size):
                step += 1
                if on_step is not None and (step in (1, steps) or step % report_every == 0):
                    rates = {name: step * batch_size / max(both.seconds[name], 1e-9) for name in SIDES}
                    on_step(Progress(epoch, step, steps, losses, both.max_weight_difference(), rates))
        predictions = both.predict(data.test_images)
    trained = epochs * len(images)
    return Summary(
        accuracy={name: float((predictions[name] == data.test_labels).mean()) for name in SIDES},
        equal_predictions=int((predictions["numpy"] == predictions["torch"]).sum()),
        test_images=len(data.test_images),
        max_weight_difference=both.max_weight_difference(),
        final_loss=losses,
        seconds=dict(both.seconds),
        images_per_second={name: trained / both.seconds[name] for name in SIDES},
        steps=step,
    )
