"""Measuring processes get the environment that they need, and say what went wrong."""

import json
import math
import platform
import subprocess
import sys
from typing import Any

import pytest

from torch_parity.benchmark.processes import Processes


def test_the_environment() -> None:
    assert Processes(threads=3, coretype="Haswell").environment() == {
        "OPENBLAS_CORETYPE": "Haswell",
        "OMP_NUM_THREADS": "3",
        "OPENBLAS_NUM_THREADS": "3",
        "MKL_NUM_THREADS": "3",
        "MALLOC_TRIM_THRESHOLD_": "4294967296",
        "MALLOC_MMAP_THRESHOLD_": "4294967296",
    }
    memory = Processes().environment(keep_memory=False)
    assert "OPENBLAS_CORETYPE" not in memory
    assert memory["MALLOC_TRIM_THRESHOLD_"] == memory["MALLOC_MMAP_THRESHOLD_"] == "65536"


def test_a_process_is_started_with_that_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    started: dict[str, Any] = {}

    def run(command: list[str], env: dict[str, str], **options: Any) -> subprocess.CompletedProcess[str]:
        started.update(command=command, env=env)
        return subprocess.CompletedProcess(command, 0, "a line of a library's\n[1, 2]\n", "")

    monkeypatch.setattr(subprocess, "run", run)
    monkeypatch.setenv("OMP_NUM_THREADS", "7")
    monkeypatch.setenv("FROM_THE_USER", "kept")
    assert Processes(threads=2).run("peak", size=(1, 2)) == [1, 2]
    assert started["command"][:3] == [sys.executable, "-m", "torch_parity.benchmark.worker"]
    assert json.loads(started["command"][3]) == {"task": "peak", "size": [1, 2]}
    assert started["env"]["OMP_NUM_THREADS"] == "2"
    assert started["env"]["FROM_THE_USER"] == "kept"


@pytest.mark.slow
@pytest.mark.skipif(platform.machine() not in ("x86_64", "AMD64"), reason="the kernel is one for x86")
def test_the_kernel_can_be_chosen() -> None:
    machine = Processes(coretype="nehalem").machine()
    assert "kernel Nehalem" in machine["BLAS"]
    assert set(machine) >= {"processor", "NumPy", "torch", "torch's kernels"}


@pytest.mark.slow
def test_a_kernel_that_there_is_not_is_refused() -> None:
    with pytest.raises(ValueError, match="coretype must be a kernel that this BLAS has, got 'Abacus'"):
        Processes(coretype="Abacus").machine()


@pytest.mark.slow
def test_a_job_that_fails_says_why() -> None:
    with pytest.raises(RuntimeError, match="name must be one of formula"):
        Processes().run("comparison", name="resnet", batch_size=2, seconds=0, seed=0)


@pytest.mark.parametrize(
    "wrong", [{"processes": 0}, {"seconds": -1}, {"seconds": math.nan}, {"threads": 0}, {"seed": -1}]
)
def test_it_refuses_bad_numbers(wrong: dict[str, float]) -> None:
    [name] = wrong
    with pytest.raises(ValueError, match=f"{name} must be at least"):
        Processes(**wrong)  # type: ignore[arg-type]
