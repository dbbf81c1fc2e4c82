"""Measuring in fresh processes, whose environment is set before NumPy and torch are loaded.

Libraries read the number of threads and the BLAS kernel when they load, and glibc reads its settings when the process
starts.  One of these matters much: by default, glibc returns every large block to the system as it is freed, and then
each step pays for fresh pages again.  Which side that hurts depends on who else is in the process.  So all sides keep
their memory.
"""

import json
import os
import subprocess
import sys
from typing import Any

# More than any array here.
KEEP_BYTES = 1 << 32


def environment(threads: int, coretype: str | None = None) -> dict[str, str]:
    """The environment of a measuring process.  ``coretype`` names an OpenBLAS kernel, such as 'Haswell'."""
    chosen = {} if coretype is None else {"OPENBLAS_CORETYPE": coretype}
    counts = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), str(threads))
    keep = dict.fromkeys(("MALLOC_TRIM_THRESHOLD_", "MALLOC_MMAP_THRESHOLD_"), str(KEEP_BYTES))
    return {**os.environ, **counts, **keep, **chosen}


def measure(task: str, environment: dict[str, str], **arguments: Any) -> Any:
    """What the function ``task`` of ``worker`` gives for ``arguments``, in a process of its own.

    RuntimeError with what the process said where it fails.
    """
    job = json.dumps({"task": task, **arguments})
    done = subprocess.run(
        [sys.executable, "-m", "torch_parity.benchmark.worker", job],
        env=environment, capture_output=True, text=True, check=False,
    )  # fmt: skip
    if done.returncode:
        reason = done.stderr.strip().splitlines() or [f"exit status {done.returncode}"]
        raise RuntimeError(f"{task} {arguments}: {reason[-1]}")
    return json.loads(done.stdout.splitlines()[-1])
