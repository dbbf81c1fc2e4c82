"""A measuring process: one job, described in JSON on the command line; its result goes to standard output as JSON.

``processes.measure`` starts it.
"""

import json
import os
import sys
from collections.abc import Callable
from typing import Any

import torch

from torch_parity.benchmark import peers, profile, scaling, subjects
from torch_parity.benchmark.processes import KERNELS
from torch_parity.benchmark.timing import Samples, alternate
from torch_parity.machine import machine, threads


def facts() -> dict[str, str]:
    """The machine, as the measuring processes find it."""
    return {**machine(), KERNELS: torch.backends.cpu.get_cpu_capability()}


def comparison(name: str, batch_size: int, seconds: float, seed: int) -> Samples:
    """The samples of one of the ``subjects``."""
    return alternate(subjects.checked_sides(name, batch_size, seed, torch.get_num_threads()), seconds)


def peer(network: str, layer: str, batch_size: int, seconds: float, seed: int) -> Samples:
    """The samples of one layer of a network, in the reference and in its peers."""
    sides = peers.sides(network, layer, batch_size, seed)
    subjects.check_equal(sides)
    return alternate(sides, seconds)


def growing(layer: str, sizes: list[list[int]], seconds: float, seed: int) -> Samples:
    """The samples of all ``sizes`` of a layer, in turn; named after the side, NumPy or torch, and the size's number."""
    sides: dict[str, subjects.Implementation] = {}
    for number, size in enumerate(sizes):
        same = {name: scaling.side(layer, name, size, seed) for name in (subjects.NUMPY, subjects.TORCH)}
        subjects.check_equal(same)
        sides |= {f"{name} {number}": side for name, side in same.items()}
    return alternate(sides, seconds)


def peak(layer: str, side: str, size: list[int], seed: int) -> int:
    """The peak memory of one size of a layer, in bytes."""
    return scaling.peak_bytes(layer, side, size, seed)


def instructions(name: str, batch_size: int, seed: int) -> dict[str, Any]:
    """Where the time of NumPy's side of one of the ``subjects`` goes; in one thread, which is all that a trace sees."""
    return profile.profile(subjects.sides(name, batch_size, seed)[subjects.NUMPY])


TASKS: dict[str, Callable[..., Any]] = {
    task.__name__: task for task in (facts, comparison, peer, growing, peak, instructions)
}


def main() -> None:
    """Do the job."""
    job = json.loads(sys.argv[1])
    task = TASKS[job.pop("task")]
    with threads(int(os.environ["OMP_NUM_THREADS"])):
        print(json.dumps(task(**job)))


if __name__ == "__main__":
    main()
