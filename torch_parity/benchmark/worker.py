"""A measuring process: one job, described in JSON on the command line; its result goes to standard output as JSON.

``processes.measure`` starts it.
"""

import json
import sys
from collections.abc import Callable
from typing import Any

import torch

from torch_parity.benchmark import subjects
from torch_parity.benchmark.timing import Samples, alternate
from torch_parity.report import machine
from torch_parity.training import threads


def facts() -> dict[str, str]:
    """The machine, as the measuring processes find it."""
    return {**machine(), "torch's kernels": torch.backends.cpu.get_cpu_capability()}


def seconds(name: str, batch_size: int, seconds: float, seed: int) -> Samples:
    """The samples of one subject, which all sides compute alike."""
    sides = subjects.sides(name, batch_size, seed)
    subjects.check_equal(sides)
    return alternate(sides, seconds)


TASKS: dict[str, Callable[..., Any]] = {"facts": facts, "seconds": seconds}


def main() -> None:
    """Do the job."""
    job = json.loads(sys.argv[1])
    task, count = TASKS[job.pop("task")], job.pop("threads")
    with threads(count):
        print(json.dumps(task(**job)))


if __name__ == "__main__":
    main()
