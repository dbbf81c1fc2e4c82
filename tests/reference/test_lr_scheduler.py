"""Learning-rate schedules and the state of the optimizer, against torch: the same bits after every step."""

import copy
import math
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.optim import lr_scheduler as twins

from reference import lr_scheduler
from reference.optim import SGD, Parameter

RATES = st.lists(st.floats(1e-6, 10), min_size=1, max_size=3)


def both(rates: list[float], **options: Any) -> tuple[SGD, torch.optim.SGD]:
    """An optimizer of either side, with a group for each learning rate."""
    ours = SGD([{"params": [Parameter(np.ones(2, np.float32))], "lr": lr} for lr in rates], **options)
    theirs = torch.optim.SGD([{"params": [torch.nn.Parameter(torch.ones(2))], "lr": lr} for lr in rates], **options)
    return ours, theirs


def assert_same_steps(ours: Any, theirs: Any, steps: int) -> None:
    for _ in range(steps):
        assert ours.get_last_lr() == theirs.get_last_lr()  # not one bit apart
        assert ours.get_last_lr() == [group["lr"] for group in ours.optimizer.param_groups]
        theirs.optimizer.step()
        ours.step()
        theirs.step()


@given(RATES, st.integers(1, 12), st.floats(0, 2), st.integers(1, 40))
@settings(max_examples=60, deadline=None)
def test_step_lr(rates: list[float], step_size: int, gamma: float, steps: int) -> None:
    ours, theirs = both(rates)
    assert_same_steps(
        lr_scheduler.StepLR(ours, step_size, gamma), twins.StepLR(theirs, step_size, gamma), steps
    )  # fmt: skip


@given(RATES, st.integers(1, 30), st.floats(0, 0.1), st.integers(1, 100))
@settings(max_examples=60, deadline=None)
def test_cosine(rates: list[float], period: int, eta_min: float, steps: int) -> None:
    """Beyond T_max too, where the cosine climbs again."""
    ours, theirs = both(rates)
    assert_same_steps(
        lr_scheduler.CosineAnnealingLR(ours, period, eta_min), twins.CosineAnnealingLR(theirs, period, eta_min), steps
    )  # fmt: skip


def test_the_defaults_are_torchs() -> None:
    ours, theirs = both([0.1])
    assert_same_steps(lr_scheduler.StepLR(ours, 2), twins.StepLR(theirs, 2), 7)
    ours, theirs = both([0.1])
    assert_same_steps(lr_scheduler.CosineAnnealingLR(ours, 6), twins.CosineAnnealingLR(theirs, 6), 7)


def test_the_formulas_on_paper() -> None:
    ours, _ = both([0.5])
    staircase = lr_scheduler.StepLR(ours, 3, 0.5)
    for t in range(10):
        assert ours.param_groups[0]["lr"] == 0.5 ** (t // 3) * 0.5
        staircase.step()
    ours, _ = both([0.5])
    wave = lr_scheduler.CosineAnnealingLR(ours, 7, 0.1)
    for t in range(20):
        assert ours.param_groups[0]["lr"] == pytest.approx(0.1 + 0.4 * (1 + math.cos(math.pi * t / 7)) / 2, rel=1e-13)
        wave.step()


def test_a_schedule_goes_on_from_its_state() -> None:
    ours, _ = both([0.5, 0.1])
    schedule = lr_scheduler.CosineAnnealingLR(ours, 7)
    for _ in range(3):
        schedule.step()
    states = schedule.state_dict(), ours.state_dict()
    again, _ = both([9.0, 9.0])
    resumed = lr_scheduler.CosineAnnealingLR(again, 7)
    resumed.load_state_dict(states[0])
    again.load_state_dict(states[1])
    for _ in range(9):
        assert resumed.get_last_lr() == schedule.get_last_lr()
        schedule.step()
        resumed.step()
    with pytest.raises(ValueError, match="state_dict must have 1 base_lrs, one per group, got 2"):
        lr_scheduler.CosineAnnealingLR(both([0.1])[0], 7).load_state_dict(states[0])


def test_a_schedule_refuses_what_it_cannot_use() -> None:
    ours, _ = both([0.1])
    with pytest.raises(ValueError, match="step_size must be at least 1, got 0"):
        lr_scheduler.StepLR(ours, 0)
    with pytest.raises(ValueError, match="T_max must be at least 1, got -1"):
        lr_scheduler.CosineAnnealingLR(ours, -1)
    with pytest.raises(TypeError, match=r"^T_max must be an integer"):
        lr_scheduler.CosineAnnealingLR(ours, 2.5)  # type: ignore[arg-type]
    with pytest.raises(TypeError, match=r"^step_size must be an integer"):
        lr_scheduler.StepLR(ours, 2.5)  # type: ignore[arg-type]
    with pytest.raises(TypeError, match=r"^gamma must be a real number"):
        lr_scheduler.StepLR(ours, 2, "0.1")  # type: ignore[arg-type]
    with pytest.raises(TypeError, match=r"^eta_min must be a real number"):
        lr_scheduler.CosineAnnealingLR(ours, 2, None)  # type: ignore[arg-type]
    with pytest.raises(TypeError, match=r"^last_epoch must be an integer"):
        lr_scheduler.StepLR(ours, 2).load_state_dict({"last_epoch": 1.5, "base_lrs": [0.1]})
    with pytest.raises(TypeError, match="optimizer must be an SGD, got list"):
        lr_scheduler.StepLR([], 1)  # type: ignore[arg-type]
    with pytest.raises(NotImplementedError, match="LRScheduler must define _next"):
        lr_scheduler.LRScheduler(ours).step()


def train(optimizer: Any, parameters: list[Any], steps: int, wrap: Any) -> None:
    for step in range(steps):
        for number, parameter in enumerate(parameters):
            parameter.grad = wrap(np.array([0.1 * step, number - 0.5], np.float32))
        optimizer.step()


def test_an_optimizers_state_has_torchs_form_and_goes_on_to_the_same_bits() -> None:
    options = {"momentum": 0.9, "weight_decay": 0.01}
    ours, theirs = both([0.1, 0.2], **options)
    parameters = [parameter for group in ours.param_groups for parameter in group["params"]]
    train(ours, parameters, 3, np.copy)
    train(theirs, [parameter for group in theirs.param_groups for parameter in group["params"]], 3, torch.from_numpy)
    state, twin = ours.state_dict(), theirs.state_dict()
    assert state["state"].keys() == twin["state"].keys()
    for index, entry in state["state"].items():
        np.testing.assert_array_equal(entry["momentum_buffer"], twin["state"][index]["momentum_buffer"].numpy())
    for group, twin_group in zip(state["param_groups"], twin["param_groups"], strict=True):
        assert group == {name: twin_group[name] for name in group}

    again, _ = both([7.0, 8.0], momentum=0.1)
    others = [parameter for group in again.param_groups for parameter in group["params"]]
    for other, parameter in zip(others, parameters, strict=True):
        other.data[...] = parameter.data
    again.load_state_dict(copy.deepcopy(state))
    before = copy.deepcopy(state)
    train(ours, parameters, 4, np.copy)
    train(again, others, 4, np.copy)
    for other, parameter in zip(others, parameters, strict=True):
        np.testing.assert_array_equal(other.data, parameter.data)
    np.testing.assert_equal(state, before)  # a snapshot: further steps leave it alone


def test_without_momentum_there_is_no_state() -> None:
    ours, theirs = both([0.1])
    train(ours, ours.param_groups[0]["params"], 2, np.copy)
    train(theirs, theirs.param_groups[0]["params"], 2, torch.from_numpy)
    assert ours.state_dict()["state"] == {}


def buffer(**changes: Any) -> dict[str, Any]:
    return {"state": {0: {"momentum_buffer": np.ones(2, np.float32)}}, "param_groups": [{"params": [0]}], **changes}


@pytest.mark.parametrize(
    ("state", "error", "message"),
    [
        (buffer(param_groups=[]), ValueError, r"state_dict must have parameters \[\[0\]\] in its groups"),
        (buffer(param_groups=[{"params": [0, 1]}]), ValueError, r"must have parameters \[\[0\]\]"),
        (buffer(param_groups=[{"params": [0], "lr": -1.0}]), ValueError, "lr must not be negative"),
        (buffer(param_groups=[{"params": [0], "rate": 1.0}]), ValueError, "got rate"),
        (buffer(state={1: {}}), ValueError, "must number 1 parameters from 0 on, got 1"),
        (buffer(state={0: {"momentum_buffer": np.ones(3, np.float32)}}), ValueError, "momentum_buffer must have shape"),
        (
            buffer(state={0: {"momentum_buffer": np.ones(2)}}),
            TypeError,
            "momentum_buffer must have the dtype of data, float32, got float64",
        ),
    ],
)
def test_an_optimizer_refuses_another_ones_state_and_stays_as_it_was(
    state: dict[str, Any], error: type[Exception], message: str
) -> None:
    ours, _ = both([0.1], momentum=0.9)
    train(ours, ours.param_groups[0]["params"], 2, np.copy)
    before = ours.state_dict()
    with pytest.raises(error, match=message):
        ours.load_state_dict(state)
    np.testing.assert_equal(ours.state_dict(), before)
