"""A training step on several threads: replicas of one network, each with its part of the batch.

A replica has the parameters' arrays in common with the others, and everything else of its own: what its layers
remember between forward and backward, and its gradients.  The loss of a batch of ``count`` images is a sum over images,
so the parts add up to it, and so do their gradients, whatever their sizes:

    L = sum_n loss_n / count = sum_parts sum_{n in part} loss_n / count

Sums are taken in the order of the parts, so a step gives the same bits each time.  NumPy lets other threads run while
it computes; BLAS gets one thread in each of them.  A part is a slice of the batch and no copy: the first layer, which
puts the batch last in memory (reference/conv.py), copies it there anyway, and from there on each replica has arrays,
and long contiguous runs, of its own.
"""

import copy
import itertools
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor, wait
from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt

from reference import nn
from torch_parity.machine import thread_pools
from torch_parity.masks import draws_masks

Array = npt.NDArray[Any]

# The multiplications (of convolutions, forward) in a part that make a thread worth its while.  Python runs in one
# thread at a time, so threads wait for each other between any two calls of NumPy, and only where these are long is that
# little.  Measured in float32, with two threads on two cores: replicas took 1.2 to 1.6 times as long as BLAS with two
# threads at 23 million multiplications in the batch (lenet5, 64 images), as long at 150 to 170 million (vgg-small, 32
# images; mnist-example, 16), and 0.7 to 0.9 times as long at 300 to 700 million (both, 64 images).  Dense layers do not
# count: one is a single product, which BLAS shares as well.
LEAST_WORK = 80_000_000


def shares(count: int, parts: int) -> list[slice]:
    """Cut ``count`` images into ``parts`` neighbouring slices, whose sizes differ by one at most."""
    ends = [count * part // parts for part in range(parts + 1)]
    return [slice(first, end) for first, end in itertools.pairwise(ends)]


def multiplications(network: nn.Module, images: Array) -> int:
    """How many the convolutions of ``network``, forward, take for ``images`` (N, C, H, W).

    A weight takes part once in each output pixel of its channel.  Layers are found in ``nn.Sequential`` alone.
    """
    total = 0
    for layer in _layers(network):
        images = layer(images)
        if isinstance(layer, nn.Conv2d):
            total += layer.weight.data.size * images.size // images.shape[1]
    return total


def _layers(network: nn.Module) -> list[nn.Module]:
    if not isinstance(network, nn.Sequential):
        return [network]
    return [layer for inner in network for layer in _layers(inner)]


def takes_statistics(network: nn.Module) -> bool:
    """Whether ``network`` has a layer that takes means over a batch: then no share of it can be computed alone."""
    return any(isinstance(layer, nn.BatchNorm1d | nn.BatchNorm2d) for layer in network.modules())


class Replicas:
    """``network`` and its loss, computed by up to ``threads`` threads: this one, and others that wait for work.

    How many share a batch depends on its size and on the network alone (``parts``).  A network with dropout is computed
    by one thread, since the masks of a batch are drawn one after another; so is one with batch normalisation, which
    needs the whole batch for its statistics.  One thread alone leaves BLAS the threads that it has.  The others start
    with the first batch that is shared, and wait until ``close``.
    """

    def __init__(self, network: nn.Module, threads: int = 1) -> None:
        """Copy the network for each further thread.  ImportError where threadpoolctl is missing for that."""
        self.replicas = [_Replica(network)]
        self.work: int | None = None
        self.others: ThreadPoolExecutor | None = None
        if threads == 1 or draws_masks(network) or takes_statistics(network):
            return
        self.blas = thread_pools().select(user_api="blas")
        for _ in range(threads - 1):
            kept = {id(parameter.data): parameter.data for parameter in network.parameters()}
            self.replicas.append(_Replica(copy.deepcopy(network, kept)))

    def parts(self, images: Array) -> int:
        """How many threads share the batch ``images``: as many as get ``LEAST_WORK`` multiplications each."""
        if len(self.replicas) == 1 or not len(images):
            return 1
        if self.work is None:
            self.work = multiplications(self.replicas[0].network, images[:1])
        return max(1, min(len(self.replicas), len(images), self.work * len(images) // LEAST_WORK))

    def forward(self, images: Array, labels: Array, count: int) -> float:
        """The sum of the losses of ``images`` (N, C, H, W) and ``labels`` (N,), divided by ``count``."""
        self.count, self.busy = count, self.replicas[: self.parts(images)]
        for replica in self.busy[1:]:
            replica.follow(self.busy[0])
        parts = zip(self.busy, shares(len(images), len(self.busy)), strict=True)
        losses = self._together([partial(replica.forward, images[part], labels[part]) for replica, part in parts])
        return float(sum(losses) / count)

    def scores(self) -> Array:
        """What the network made of these images, (N, classes)."""
        return np.concatenate([replica.scores for replica in self.busy])

    def backward(self) -> None:
        """Add the gradients of that to the ``grad`` of the network's parameters."""
        self._together([partial(replica.backward, self.count) for replica in self.busy])
        for replica in self.busy[1:]:
            replica.hand_over(self.busy[0])

    def close(self) -> None:
        """End the other threads; a further batch that is shared starts new ones."""
        if self.others is not None:
            self.others.shutdown()
            self.others = None

    def _together(self, tasks: list[Callable[[], Any]]) -> list[Any]:
        """The results of the tasks, the first done in this thread; the exception of the first that raises one."""
        if len(tasks) == 1:
            return [tasks[0]()]
        if self.others is None:
            self.others = ThreadPoolExecutor(len(self.replicas) - 1, thread_name_prefix="replica")
        with self.blas.limit(limits=1):
            futures = [self.others.submit(task) for task in tasks[1:]]
            try:
                found = [tasks[0]()]
            finally:
                wait(futures)  # even after an exception: no thread may still be at work on the parameters
            return found + [future.result() for future in futures]


class _Replica:
    """A network with what it remembers, and its loss, summed over the images of its part."""

    def __init__(self, network: nn.Module) -> None:
        self.network = network
        self.criterion = nn.CrossEntropyLoss(reduction="sum")
        self.parameters = list(network.parameters())

    def follow(self, first: "_Replica") -> None:
        """Take the parameters' arrays of the ``first`` replica, should they have been replaced, and no gradients."""
        for own, theirs in zip(self.parameters, first.parameters, strict=True):
            own.data, own.grad = theirs.data, None

    def forward(self, images: Array, labels: Array) -> float:
        self.scores = self.network(images)
        self.loss = self.criterion(self.scores, labels)
        return float(self.loss)

    def backward(self, count: int) -> None:
        self.network.backward(self.criterion.backward(np.asarray(1 / count, self.loss.dtype)), needs_input_grad=False)

    def hand_over(self, first: "_Replica") -> None:
        """Add the gradients to those of the ``first`` replica."""
        for own, theirs in zip(self.parameters, first.parameters, strict=True):
            if theirs.grad is None:
                theirs.grad = own.grad
            elif own.grad is not None:
                theirs.grad += own.grad
            own.grad = None
