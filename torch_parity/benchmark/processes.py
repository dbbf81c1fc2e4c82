"""Measuring in fresh processes, whose environment is set before NumPy and torch are loaded.

Libraries read the number of threads and the BLAS kernel when they load, and glibc reads its settings when the process
starts.  One of these matters much: by default, glibc returns every large block to the system as it is freed, and then
each step pays for fresh pages again.  Which side that hurts depends on who else is in the process.  So all sides keep
their memory while time is measured; and return it at once while memory is.
"""

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from typing import Any

from torch_parity.benchmark.timing import summary

KERNELS = "torch's kernels"
# The size from which glibc takes a block from the system, and returns it when it is freed.
NEVER, ALWAYS = 1 << 32, 1 << 16


@dataclass(frozen=True)
class Processes:
    """How to measure: in so many ``processes``, each for ``seconds``; with ``threads`` of NumPy and of torch.

    ``coretype`` names a kernel of OpenBLAS, such as 'Haswell'; None leaves the choice to it.
    """

    processes: int = 5
    seconds: float = 3
    threads: int = 1
    coretype: str | None = None
    seed: int = 1

    def __post_init__(self) -> None:
        """Check the numbers; ValueError names the one that is wrong."""
        for name, minimum in {"processes": 1, "seconds": 0, "threads": 1, "seed": 0}.items():
            if not getattr(self, name) >= minimum:
                raise ValueError(f"{name} must be at least {minimum}, got {getattr(self, name)}")

    def machine(self) -> dict[str, str]:
        """The machine, as a measuring process finds it.  ValueError if its OpenBLAS lacks the kernel ``coretype``."""
        found: dict[str, str] = self.run("facts")
        if self.coretype is not None and f"kernel {self.coretype}".casefold() not in found["BLAS"].casefold():
            raise ValueError(f"coretype must be a kernel that this BLAS has, got {self.coretype!r}: {found['BLAS']}")
        return found

    def compare(self, task: str, **job: Any) -> dict[str, Any]:
        """The ``timing.summary`` of what ``task`` measures in each process."""
        job |= {"seconds": self.seconds, "seed": self.seed}
        return summary([self.run(task, **job) for _ in range(self.processes)])

    def run(self, task: str, keep_memory: bool = True, **job: Any) -> Any:
        """What the function ``task`` of ``worker`` gives for the arguments ``job``, in a process of its own.

        RuntimeError with what the process said last where it fails.
        """
        done = subprocess.run(
            [sys.executable, "-m", "torch_parity.benchmark.worker", json.dumps({"task": task, **job})],
            env={**os.environ, **self.environment(keep_memory)}, capture_output=True, text=True, check=False,
        )  # fmt: skip
        if done.returncode:
            reason = done.stderr.strip().splitlines() or [f"exit status {done.returncode}"]
            raise RuntimeError(f"{task} {job}: {reason[-1]}")
        return json.loads(done.stdout.splitlines()[-1])

    def environment(self, keep_memory: bool = True) -> dict[str, str]:
        """What a measuring process finds in its environment besides ours."""
        chosen = {} if self.coretype is None else {"OPENBLAS_CORETYPE": self.coretype}
        counts = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), str(self.threads))
        limit = str(NEVER if keep_memory else ALWAYS)
        return {**chosen, **counts, **dict.fromkeys(("MALLOC_TRIM_THRESHOLD_", "MALLOC_MMAP_THRESHOLD_"), limit)}
