"""The machine that numbers are computed on, and the threads that libraries use there.

Without it, neither times nor last bits can be compared.
"""

import contextlib
import platform
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch


def machine() -> dict[str, str]:
    """What the numbers were computed on: versions, processor, and the BLAS library with the kernel it chose."""
    facts = {
        "Python": platform.python_version(),
        "NumPy": np.__version__,
        "torch": torch.__version__,
        "system": f"{platform.system()} {platform.machine()}",
        "processor": _processor(),
    }
    try:
        from threadpoolctl import threadpool_info
    except ImportError:
        return {**facts, "BLAS": "not known: threadpoolctl is not installed"}
    pools = [pool for pool in threadpool_info() if pool["user_api"] == "blas"]
    named = [f"{pool['internal_api']} {pool['version']}, kernel {pool.get('architecture', '?')}" for pool in pools]
    return {**facts, "BLAS": "; ".join(named) or "none found"}


def threads_each(count: int) -> str:
    """The threads of each side, in words."""
    return "1 thread each" if count == 1 else f"{count} threads each"


def thread_pools() -> Any:
    """The thread pools of the libraries in this process.  ImportError names the extra that is missing."""
    try:
        from threadpoolctl import ThreadpoolController
    except ImportError as error:
        raise ImportError("training needs threadpoolctl: pip install 'cnn-reference[train]'") from error
    return ThreadpoolController()


@contextlib.contextmanager
def threads(count: int) -> Iterator[None]:
    """Let NumPy's BLAS and torch use ``count`` threads each.  ImportError names the extra that is missing."""
    limit = thread_pools().limit
    before = torch.get_num_threads()
    torch.set_num_threads(count)
    try:
        with limit(limits=count):
            yield
    finally:
        torch.set_num_threads(before)


def _processor() -> str:
    info = Path("/proc/cpuinfo")
    if info.exists():
        for line in info.read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or "unknown"
