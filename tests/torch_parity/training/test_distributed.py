"""Processes that share every batch end up with the weights that one process has, and none outlives the others."""

import contextlib
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from reference.datasets import mnist
from tests import ROOT
from torch_parity import Lockstep
from torch_parity.training.distributed import Group

OPTIONS: dict[str, Any] = {"lr": 0.02, "momentum": 0.9}

# Trains and keeps the losses and weights of both sides.  ACTION is done in RANK before step 3.
WORKER = """
import contextlib, os, signal, sys, time
from pathlib import Path
import numpy as np
from reference.datasets import mnist
from torch_parity import Lockstep
from torch_parity.training.distributed import Group

folder, network, limit, batch_size, action, rank = sys.argv[1:]
with contextlib.ExitStack() as left:
    group = left.enter_context(contextlib.closing(Group.from_environment()))
    data = mnist()
    both = left.enter_context(contextlib.closing(Lockstep(network, "float64", group=group, lr=0.02, momentum=0.9)))
    images, labels = data.train_images[: int(limit)], data.train_labels[: int(limit)]
    losses = []
    for step, found in enumerate(both.epoch(images, labels, int(batch_size)), 1):
        losses.append([found["numpy"], found["torch"]])
        if step == 3 and group.rank == int(rank):
            Path(folder, "acted").write_text(str(time.time()))
            exec(action)
    weights = {f"{name} {n}": array for name, side in (("numpy", both.numpy), ("torch", both.torch))
               for n, array in enumerate(side.weights().values())}
    np.savez(Path(folder, f"{group.rank}.npz"), losses=losses, **weights)
"""
NOBODY = ("pass", "-1")


def worker(folder: Path, *arguments: str) -> list[str]:
    (folder / "worker.py").write_text(WORKER)
    return [str(folder / "worker.py"), str(folder), *arguments]


def torchrun(folder: Path, processes: int, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", f"--nproc-per-node={processes}"]
    return subprocess.run(
        [*command, *worker(folder, *arguments)], env={**os.environ, "PYTHONPATH": str(ROOT)}, capture_output=True,
        text=True, check=False, timeout=600,
    )  # fmt: skip


def without_torchrun(folder: Path, processes: int, *arguments: str) -> list[tuple[int, str]]:
    """The exit status and standard error of each process, none of which torchrun would end."""
    common = {"WORLD_SIZE": str(processes), "LOCAL_WORLD_SIZE": str(processes), "PYTHONPATH": str(ROOT)}
    common |= {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": free_port()}
    started = []
    for rank in range(processes):
        command = [sys.executable, *worker(folder, *arguments)]
        own = {**os.environ, **common, "RANK": str(rank)}
        started.append(subprocess.Popen(command, env=own, stderr=subprocess.PIPE, text=True))
    try:
        errors = [process.communicate(timeout=300)[1] for process in started]
    finally:
        for process in started:
            process.kill()
    return [(process.returncode, error) for process, error in zip(started, errors, strict=True)]


def free_port() -> str:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return str(probe.getsockname()[1])


def alone(network: str, limit: int, batch_size: int) -> dict[str, Any]:
    """What one process finds with whole batches."""
    data, both = mnist(), Lockstep(network, "float64", **OPTIONS)
    steps = both.epoch(data.train_images[:limit], data.train_labels[:limit], batch_size)
    losses = np.array([[found["numpy"], found["torch"]] for found in steps])
    sides: dict[str, Any] = {"numpy": both.numpy, "torch": both.torch}
    weights = {f"{name} {n}": array for name, side in sides.items() for n, array in enumerate(side.weights().values())}
    return {"losses": losses, **weights}


def results(folder: Path, processes: int) -> list[dict[str, Any]]:
    return [dict(np.load(folder / f"{rank}.npz")) for rank in range(processes)]


def assert_together(found: list[dict[str, Any]], expected: dict[str, Any], most: float) -> None:
    """All processes hold the same bits, and what one process alone would, up to ``most``."""
    for one in found:
        assert one.keys() == expected.keys()
        for name, array in one.items():
            assert np.array_equal(array, found[0][name]), name
            assert np.abs(array - expected[name]).max() <= most, name


@pytest.mark.slow
def test_two_processes_do_what_one_does(tmp_path: Path) -> None:
    """Of the last batch, a single image, the first process gets nothing."""
    for code, error in without_torchrun(tmp_path, 2, "lenet5", "286", "57", *NOBODY):
        assert code == 0, error
    expected = alone("lenet5", 286, 57)
    assert len(expected["losses"]) == 6
    assert_together(results(tmp_path, 2), expected, 1e-13)


@pytest.mark.slow
def test_three_processes_do_what_one_does(tmp_path: Path) -> None:
    done = torchrun(tmp_path, 3, "vgg-small", "200", "49", *NOBODY)
    assert done.returncode == 0, done.stderr
    assert_together(results(tmp_path, 3), alone("vgg-small", 200, 49), 1e-13)


@pytest.mark.slow
def test_two_processes_do_what_one_does_for_an_epoch(tmp_path: Path) -> None:
    done = torchrun(tmp_path, 2, "lenet5", "60000", "64", *NOBODY)
    assert done.returncode == 0, done.stderr
    assert_together(results(tmp_path, 2), alone("lenet5", 60_000, 64), 1e-12)


KILL = "os.kill(os.getpid(), signal.SIGKILL)"
RAISE = "raise ValueError('a fault of its own')"


@pytest.mark.slow
@pytest.mark.parametrize("rank", ["0", "1"])
@pytest.mark.parametrize(("action", "said"), [(KILL, "SIGKILL"), (RAISE, "ValueError: a fault of its own")])
def test_torchrun_ends_when_one_process_does(tmp_path: Path, action: str, said: str, rank: str) -> None:
    done = torchrun(tmp_path, 2, "lenet5", "60000", "64", action, rank)
    assert done.returncode != 0
    assert time.time() - float((tmp_path / "acted").read_text()) < 20
    assert said in done.stderr


@pytest.mark.slow
@pytest.mark.parametrize("rank", [0, 1])
@pytest.mark.parametrize(("action", "code"), [(KILL, -signal.SIGKILL), (RAISE, 1)])
def test_a_process_that_loses_the_others_says_so_and_ends(tmp_path: Path, action: str, code: int, rank: int) -> None:
    """By itself: here is no torchrun that would end it."""
    ended = without_torchrun(tmp_path, 2, "lenet5", "60000", "64", action, str(rank))
    assert time.time() - float((tmp_path / "acted").read_text()) < 20
    assert ended[rank][0] == code
    assert ended[1 - rank][0] == 1
    assert f"RuntimeError: process {1 - rank} of 2 lost the others: one has ended, or hangs" in ended[1 - rank][1]


LEAVES = """
from pathlib import Path
from reference.datasets import mnist
from torch_parity import Lockstep
from torch_parity.training.distributed import Group

group = Group.from_environment()
both = Lockstep("formula", group=group, lr=0.02)
both.step(mnist().train_images[:8], mnist().train_labels[:8])
running = [sum("gloo" in (task / "comm").read_text() for task in Path("/proc/self/task").iterdir())]
both.close()
group.close()
running += [sum("gloo" in (task / "comm").read_text() for task in Path("/proc/self/task").iterdir())]
print(*running)
"""


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/task").is_dir(), reason="threads are listed by Linux alone")
def test_no_thread_of_a_group_is_left_to_the_end_of_the_program() -> None:
    """C++ aborts a program, now and then, that still has some when it ends."""
    variables = {"RANK": "0", "WORLD_SIZE": "1", "LOCAL_WORLD_SIZE": "1", "PYTHONPATH": str(ROOT)}
    own = {**os.environ, **variables, "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": free_port()}
    done = subprocess.run(
        [sys.executable, "-c", LEAVES], env=own, capture_output=True, text=True, check=False, timeout=100
    )
    assert done.returncode == 0, done.stderr
    before, after = map(int, done.stdout.split())
    assert before > after == 0


@pytest.fixture
def group_of_one(monkeypatch: pytest.MonkeyPatch) -> Iterator[Group]:
    variables = {"RANK": "0", "WORLD_SIZE": "1", "LOCAL_WORLD_SIZE": "1", "MASTER_ADDR": "127.0.0.1"}
    for name, value in {**variables, "MASTER_PORT": free_port()}.items():
        monkeypatch.setenv(name, value)
    monkeypatch.delenv("GLOO_SOCKET_IFNAME", raising=False)
    group = Group.from_environment()
    assert group is not None
    with contextlib.closing(group):
        yield group


def test_a_group_of_one_changes_no_bit(group_of_one: Group) -> None:
    assert (group_of_one.rank, group_of_one.size) == (0, 1)
    data = mnist()
    images, labels = data.train_images[:150], data.train_labels[:150]
    for dtype in ("float32", "float64"):
        one, other = Lockstep("formula", dtype, **OPTIONS), Lockstep("formula", dtype, group=group_of_one, **OPTIONS)
        assert list(one.epoch(images, labels, 64)) == list(other.epoch(images, labels, 64))
        for side, same in ((one.numpy, other.numpy), (one.torch, other.torch)):
            assert all(
                np.array_equal(a, b) for a, b in zip(side.weights().values(), same.weights().values(), strict=True)
            )


def test_processes_of_one_machine_talk_over_its_loopback_alone(group_of_one: Group) -> None:
    assert os.environ["GLOO_SOCKET_IFNAME"] in ("lo", "lo0")


def test_sums_keep_shapes_and_arguments(group_of_one: Group) -> None:
    arrays = [np.arange(6.0).reshape(2, 3).T, np.array(2.0), np.zeros((0, 4))]
    found = group_of_one.sum(arrays)
    assert all(np.array_equal(a, b) for a, b in zip(arrays, found, strict=True))
    assert not any(np.shares_memory(a, b) for a, b in zip(arrays, found, strict=True))


def test_there_is_no_group_without_torchrun(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("RANK", "WORLD_SIZE"):
        monkeypatch.delenv(name, raising=False)
    assert Group.from_environment() is None


@pytest.mark.parametrize("variables", [{"RANK": "0", "WORLD_SIZE": "2"}, {"RANK": "first", "WORLD_SIZE": "2"}])
def test_variables_that_are_missing_or_wrong_are_named(
    variables: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("MASTER_ADDR", "MASTER_PORT", "LOCAL_WORLD_SIZE"):
        monkeypatch.delenv(name, raising=False)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(ValueError, match=r"MASTER_ADDR|'first'"):
        Group.from_environment()


def test_shares_cover_the_batch() -> None:
    for count in (0, 1, 2, 63, 64):
        indices = [index for rank in range(3) for index in range(count)[Group(rank, 3).share(count)]]
        assert indices == list(range(count))


def test_errors_of_the_exchange_say_what_happened() -> None:
    message = r"process 1 of 4 lost the others: one has ended.*\(no answer\)"
    with pytest.raises(RuntimeError, match=message) as caught, Group(1, 4).exchange():
        raise RuntimeError("no answer. And much more of it")
    assert isinstance(caught.value.__cause__, RuntimeError)
    with pytest.raises(ValueError, match="mine"), Group(1, 4).exchange():
        raise ValueError("mine")
    assert not torch.distributed.is_initialized()
