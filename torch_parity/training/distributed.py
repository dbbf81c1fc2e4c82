"""Training in several processes, each with a share of every batch, over torch.distributed.

    torchrun --standalone --nproc-per-node 2 scripts/train_mnist.py

Every process holds the whole network and draws the same batches.  The gradient of a batch is the sum of what its shares
contribute, so after each step all processes hold the same weights: those that one process alone would have, up to
rounding.  torch exchanges its gradients by DistributedDataParallel, NumPy by ``Group.sum``, both through gloo.
"""

import contextlib
import gc
import os
import socket
from collections.abc import Iterator, Sequence
from datetime import timedelta
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
import torch.distributed.nn  # before there is a group, which would be its functions' default, and stay for good
from torch import distributed

from torch_parity.training.replicas import shares

Array = npt.NDArray[Any]

# A process that ends is noticed at once; this is for one that hangs.  Between two steps one process may take a while
# for itself, to classify the test images or to write a file.
PATIENCE = timedelta(minutes=5)


class Group:
    """The processes that train one network together: this is number ``rank`` of ``size``, from 0."""

    def __init__(self, rank: int, size: int) -> None:
        """Describe a group whose processes have found each other; see ``from_environment``."""
        self.rank, self.size = rank, size

    @classmethod
    def from_environment(cls) -> "Group | None":
        """Join the group that torchrun describes in the environment; None where it describes none.

        Raises ValueError for variables that are missing or wrong, RuntimeError where the others do not come.
        """
        if "RANK" not in os.environ or "WORLD_SIZE" not in os.environ:
            return None
        if os.environ.get("LOCAL_WORLD_SIZE") == os.environ["WORLD_SIZE"]:
            # All on this machine: nobody else needs to reach them.
            for name in {"lo", "lo0"} & {name for _, name in socket.if_nameindex()}:
                os.environ.setdefault("GLOO_SOCKET_IFNAME", name)
        distributed.init_process_group("gloo", timeout=PATIENCE)
        return cls(distributed.get_rank(), distributed.get_world_size())

    def share(self, count: int) -> slice:
        """This process's share of a batch of ``count`` images; empty where there are too few."""
        return shares(count, self.size)[self.rank]

    def sum(self, arrays: Sequence[Array]) -> list[Array]:
        """The sums of ``arrays`` of one dtype over all processes: the same bits in each, and every time.

        RuntimeError where another process has ended or hangs.
        """
        flat = np.concatenate([array.reshape(-1) for array in arrays])
        with self.exchange():
            distributed.all_reduce(torch.from_numpy(flat))
        ends = np.cumsum([array.size for array in arrays])[:-1]
        return [part.reshape(array.shape) for part, array in zip(np.split(flat, ends), arrays, strict=True)]

    @contextlib.contextmanager
    def exchange(self) -> Iterator[None]:
        """While processes wait for each other: turn torch's RuntimeErrors into one that says what happened."""
        try:
            yield
        except RuntimeError as error:
            reason = str(error).partition(". ")[0]
            raise RuntimeError(
                f"process {self.rank} of {self.size} lost the others: one has ended, or hangs, and may have said why "
                f"({reason})"
            ) from error

    def close(self) -> None:
        """Leave the group; a Lockstep that is not closed yet keeps its threads running.

        C++ may abort a program that still has some when it ends.
        """
        distributed.destroy_process_group()
        gc.collect()  # a DistributedDataParallel, part of reference cycles, holds the group
