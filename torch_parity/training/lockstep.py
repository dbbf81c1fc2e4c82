"""Both sides in lockstep: the same network, weights, batches, optimizer and schedule, in NumPy and in torch.

After every step both sides should hold the same weights.  They do up to rounding; and rounding grows, since each step
starts from the weights that the last one left.  In float64 at a stable learning rate the two stay within 1e-12 of each
other for an epoch.  In float32 no two programs that sum in different orders stay together, torch with one thread and
torch with two included.
"""

import functools
import time
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

import reference
from reference import generator
from reference.arguments import ieee754
from reference.datasets import crop, normalize
from torch_parity.masks import draws_masks
from torch_parity.networks import NETWORKS, OwnNetwork
from torch_parity.training.calls import LayerCall
from torch_parity.training.distributed import Group
from torch_parity.training.replicas import takes_statistics
from torch_parity.training.sides import NumpySide, Schedule, TorchSide

Array = npt.NDArray[Any]
SIDES = ("numpy", "torch")
SIDE_NAMES = {"numpy": "NumPy", "torch": "torch"}  # as a person reads them
PRECISIONS = ("float32", "float64")
TEST_BATCH = 500


class Lockstep:
    """Two networks that take the same steps.

    ``network`` is a name from ``networks.NETWORKS`` or a function that builds one from ``nn``; ``optimizer`` holds the
    options of SGD, or of another optimizer, of which ``method`` is the name.  The weights of both start as
    ``reference.nn`` draws them under ``seed``, which also shuffles.  NumPy's side draws what dropout drops, too, and
    torch's side is handed these masks.  ``schedule`` makes a learning-rate schedule, given a module ``lr_scheduler``
    and an optimizer.  With ``drift_threads`` a second torch takes the same steps with so many threads: how far torch
    drifts from itself.  On NumPy's side ``thread_count`` threads share each step where that is faster than BLAS with as
    many threads.  The processes of a ``group`` draw the same batches, and each takes its share of them.
    """

    def __init__(
        self,
        network: str | Callable[[Any], Any],
        dtype: str = "float32",
        seed: int = 1,
        *,
        classes: int = 10,
        schedule: Schedule | None = None,
        drift_threads: int | None = None,
        thread_count: int = 1,
        group: Group | None = None,
        **optimizer: Any,
    ) -> None:
        """Build both sides.

        ValueError for an unknown network or dtype, a network that is not made from ``nn``, options that the optimizer
        refuses, and for dropout or batch normalisation in a ``group``.
        """
        if isinstance(network, str) and network not in NETWORKS:
            raise ValueError(f"network must be one of {', '.join(NETWORKS)}, got {network!r}")
        if dtype not in PRECISIONS:
            raise ValueError(f"dtype must be float32 or float64, got {dtype!r}")
        if isinstance(network, str | OwnNetwork):
            named = NETWORKS[network] if isinstance(network, str) else network
            build: Callable[[Any], Any] = functools.partial(named, classes=classes)
        else:
            build = network
        reference.nn.manual_seed(seed)
        self.dtype = np.dtype(dtype).type
        self.group = group
        self.numpy = NumpySide(build, dtype, optimizer, schedule, thread_count, group)
        if group is not None and draws_masks(self.numpy.network):
            raise ValueError(
                "a network with dropout must be trained in one process: each of several would draw masks for its share "
                "of a batch, and together they would not take the steps that one takes"
            )
        if group is not None and takes_statistics(self.numpy.network):
            raise ValueError(
                "a network with batch normalisation must be trained in one process: each of several would take the "
                "statistics of its share of a batch"
            )
        weights, masks = self.numpy.network.state_dict(), self.numpy.masks
        self.torch = TorchSide(build, dtype, optimizer, weights, schedule=schedule, group=group, masks=masks)
        self.sides: dict[str, NumpySide | TorchSide] = {"numpy": self.numpy, "torch": self.torch}
        self.drift_threads = drift_threads
        if drift_threads is not None:
            self.drifting = TorchSide(build, dtype, optimizer, weights, schedule=schedule, group=group, masks=masks)
        self.seconds = dict.fromkeys(SIDES, 0.0)
        self.shuffle = np.random.default_rng(seed)
        self.shuffle_before = self.shuffle.bit_generator.state  # what the order of the epoch was drawn from
        self.steps_into_epoch = 0
        self.correct, self.seen = dict.fromkeys(SIDES, 0), 0

    @ieee754  # what a network of one's own computes in NumPy, too
    def step(self, images: Array, labels: Array) -> dict[str, float]:
        """One step of both sides on ``images`` (N, H, W) uint8 and ``labels`` (N,): the losses before it.

        FloatingPointError where a loss is no finite number, before anything is updated from it.
        """
        count = len(images)
        if self.group is not None:
            share = self.group.share(count)
            images, labels = images[share], labels[share]
        batch = normalize(images, dtype=self.dtype)
        losses, correct, blame = {}, {}, []
        for name, side in self.sides.items():
            start = time.perf_counter()
            losses[name], correct[name] = self._forward(side, batch, labels, count)
            if np.isfinite(losses[name]):
                side.backward()
                side.update()
            else:
                blame.append(_blame(name, side, batch, losses[name]))
            self.seconds[name] += time.perf_counter() - start
        # Together, and once both sides are through: a share is never of other images than were looked at.
        self.correct = {name: self.correct[name] + correct[name] for name in SIDES}
        self.seen += count
        if blame:
            raise FloatingPointError("; ".join(blame))
        if self.drift_threads is not None:
            self._drift(batch, labels, count, self.drift_threads)
        return losses

    def _forward(self, side: NumpySide | TorchSide, batch: Array, labels: Array, count: int) -> tuple[float, int]:
        """The loss of the whole batch, of which this process may have a share, and how many were classified right."""
        loss = side.forward(batch, labels, count)
        correct = int((side.guesses() == labels).sum())
        if self.group is None:
            return loss, correct
        [sums] = self.group.sum([np.array([loss, correct])])
        return float(sums[0]), int(sums[1])

    def _drift(self, batch: Array, labels: Array, count: int, thread_count: int) -> None:
        before = torch.get_num_threads()
        torch.set_num_threads(thread_count)
        try:
            self.drifting.forward(batch, labels, count)
            self.drifting.backward()
            self.drifting.update()
        finally:
            torch.set_num_threads(before)

    def epoch(self, images: Array, labels: Array, batch_size: int, random_crop: int = 0) -> Iterator[dict[str, float]]:
        """One pass over the images in random order, the last batch perhaps smaller; yields the losses of each step.

        ``random_crop`` pads each image with so many pixels, and takes a random part of its own size, for both sides.
        After ``load_state`` it goes on where the state was taken.
        """
        if self.steps_into_epoch == 0:
            self.correct, self.seen = dict.fromkeys(SIDES, 0), 0
        self.shuffle_before = self.shuffle.bit_generator.state
        order = self.shuffle.permutation(len(images))
        corners = self.shuffle.integers(0, 2 * random_crop + 1, (len(images), 2)) if random_crop else None
        for first in range(self.steps_into_epoch * batch_size, len(order), batch_size):
            chosen = order[first : first + batch_size]
            batch = images[chosen] if corners is None else crop(images[chosen], random_crop, corners[chosen])
            losses = self.step(batch, labels[chosen])
            self.steps_into_epoch += 1
            yield losses
        self.steps_into_epoch = 0

    def lr(self) -> float:
        """The learning rate of the next step."""
        return float(self.numpy.optimizer.param_groups[0]["lr"])

    def accuracy(self) -> dict[str, float]:
        """Share of the images since the epoch began that were classified correctly, each before its step.

        Those of a ``step`` outside of an epoch count with those of the last one.
        """
        return {name: self.correct[name] / max(self.seen, 1) for name in SIDES}

    def weight_differences(self) -> dict[str, float]:
        """For each parameter, the largest absolute difference between a number here and the same number there."""
        return _differences(self.numpy, self.torch)

    def max_weight_difference(self) -> float:
        """The largest of all of them."""
        return max(self.weight_differences().values())

    def drift(self) -> float | None:
        """The largest difference between torch and torch with ``drift_threads``; None without."""
        return None if self.drift_threads is None else max(_differences(self.torch, self.drifting).values())

    def predict(self, images: Array) -> dict[str, Array]:
        """The class that each side gives to ``images`` (N, H, W) uint8."""
        found: dict[str, list[Array]] = {name: [] for name in SIDES}
        for first in range(0, len(images), TEST_BATCH):
            batch = normalize(images[first : first + TEST_BATCH], dtype=self.dtype)
            for name, side in self.sides.items():
                found[name].append(side.predict(batch))
        return {name: np.concatenate(parts) for name, parts in found.items()}

    def try_out(self, images: Array, classes: int) -> None:
        """Go forward and backward with ``images`` (N, H, W) uint8, and forget it.

        ValueError where the scores are not (N, ``classes``), a layer is called twice, or a parameter has a gradient on
        one side alone.
        """
        batch = normalize(images, dtype=self.dtype)
        reached = {}
        for name, side in self.sides.items():
            called, scores = side.calls(batch)
            titles = [call.title for call in called]
            if again := [title for title in dict.fromkeys(titles) if titles.count(title) > 1]:
                raise ValueError(
                    f"layer {again[0]} is called more than once, and remembers its last input only: its gradient in "
                    "NumPy would be wrong; make a layer for each place"
                )
            if scores.shape != (len(images), classes):
                raise ValueError(
                    f"the network must make scores of shape {(len(images), classes)}, one for each class, from images "
                    f"of shape {batch.shape}; got {scores.shape} in {SIDE_NAMES[name]}"
                )
            before = {key: array.copy() for key, array in side.state_dict().items()}
            side.forward(batch, np.zeros(len(images), np.int64))
            side.backward()
            side.load_state_dict(before)  # running statistics have learned of it
            named = side.network.named_parameters()
            reached[name] = [parameter for parameter, one in named if one.grad is not None]
            side.optimizer.zero_grad()
        for ours, theirs in (SIDES, SIDES[::-1]):
            if lacking := [parameter for parameter in reached[theirs] if parameter not in reached[ours]]:
                raise ValueError(
                    f"{', '.join(lacking)} got a gradient in {SIDE_NAMES[theirs]}, and none in {SIDE_NAMES[ours]}: "
                    "backward must call the backward of every layer that forward calls"
                )

    def close(self) -> None:
        """End the threads of NumPy's side, and let torch's let go of a group; a further step starts new ones."""
        for side in self._all_sides().values():
            side.close()

    def state(self) -> tuple[dict[str, Array], dict[str, Any]]:
        """All that training goes on from, to the same bits: arrays by name, and numbers ready for JSON."""
        arrays: dict[str, Array] = {}
        numbers: dict[str, Any] = {
            "steps_into_epoch": self.steps_into_epoch,
            "shuffle": self.shuffle_before if self.steps_into_epoch else self.shuffle.bit_generator.state,
            "correct": self.correct, "seen": self.seen, "seconds": self.seconds, "generator": generator.state(),
        }  # fmt: skip
        for name, side in self._all_sides().items():
            own, numbers[name] = side.state()
            arrays |= {f"{name}/{key}": array for key, array in own.items()}
        return arrays, numbers

    def load_state(self, arrays: dict[str, Array], numbers: dict[str, Any]) -> None:
        """Go on from there.  ValueError or TypeError where the state is that of another network."""
        for name, side in self._all_sides().items():
            own = {key.removeprefix(f"{name}/"): a for key, a in arrays.items() if key.startswith(f"{name}/")}
            side.load_state(own, numbers[name])
        self.steps_into_epoch = numbers["steps_into_epoch"]
        self.shuffle.bit_generator.state = numbers["shuffle"]
        if "generator" in numbers:  # what runs from before there was dropout do not have, and do not need
            generator.restore(numbers["generator"])
        self.correct, self.seen = dict(numbers["correct"]), numbers["seen"]
        self.seconds = dict(numbers["seconds"])

    def _all_sides(self) -> dict[str, NumpySide | TorchSide]:
        return self.sides if self.drift_threads is None else {**self.sides, "drift": self.drifting}


def _differences(one: NumpySide | TorchSide, other: NumpySide | TorchSide) -> dict[str, float]:
    others = other.weights()
    return {name: float(np.abs(array - others[name]).max(initial=0)) for name, array in one.weights().items()}


def _blame(name: str, side: NumpySide | TorchSide, batch: Array, loss: float) -> str:
    """Where the numbers of a side stopped being finite."""
    for parameter, array in side.weights().items():
        if not np.isfinite(array).all():
            return f"{name}: the step before left {parameter} without finite numbers, and the loss is {loss}"
    return f"{name}: the loss is {loss}; it began {_beginning(*side.calls(batch))}"


def _beginning(calls: list[LayerCall], scores: Array) -> str:
    """The first place where numbers are not finite."""
    for call in calls:
        if not np.isfinite(call.input).all():
            return f"before layer {call.title}"
        if not np.isfinite(call.output).all():
            return f"in layer {call.title}"
    return "in the loss" if np.isfinite(scores).all() else "behind the last layer"
