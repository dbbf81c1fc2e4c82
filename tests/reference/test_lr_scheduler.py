"""Learning-rate schedules against torch's: the same bits after every step."""

import math
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.optim import lr_scheduler as twins

from reference import lr_scheduler
from tests.reference.comparing import optimizers_of_both_sides

RATES = st.lists(st.floats(1e-6, 10), min_size=1, max_size=3)


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
    ours, theirs = optimizers_of_both_sides(rates)
    assert_same_steps(
        lr_scheduler.StepLR(ours, step_size, gamma), twins.StepLR(theirs, step_size, gamma), steps
    )  # fmt: skip


@given(RATES, st.integers(1, 30), st.floats(0, 0.1), st.integers(1, 100))
@settings(max_examples=60, deadline=None)
def test_cosine(rates: list[float], period: int, eta_min: float, steps: int) -> None:
    """Beyond T_max too, where the cosine climbs again."""
    ours, theirs = optimizers_of_both_sides(rates)
    assert_same_steps(
        lr_scheduler.CosineAnnealingLR(ours, period, eta_min), twins.CosineAnnealingLR(theirs, period, eta_min), steps
    )  # fmt: skip


def test_the_defaults_are_torchs() -> None:
    ours, theirs = optimizers_of_both_sides([0.1])
    assert_same_steps(lr_scheduler.StepLR(ours, 2), twins.StepLR(theirs, 2), 7)
    ours, theirs = optimizers_of_both_sides([0.1])
    assert_same_steps(lr_scheduler.CosineAnnealingLR(ours, 6), twins.CosineAnnealingLR(theirs, 6), 7)


def test_the_formulas_on_paper() -> None:
    ours, _ = optimizers_of_both_sides([0.5])
    staircase = lr_scheduler.StepLR(ours, 3, 0.5)
    for t in range(10):
        assert ours.param_groups[0]["lr"] == 0.5 ** (t // 3) * 0.5
        staircase.step()
    ours, _ = optimizers_of_both_sides([0.5])
    wave = lr_scheduler.CosineAnnealingLR(ours, 7, 0.1)
    for t in range(20):
        assert ours.param_groups[0]["lr"] == pytest.approx(0.1 + 0.4 * (1 + math.cos(math.pi * t / 7)) / 2, rel=1e-13)
        wave.step()


def test_a_schedule_goes_on_from_its_state() -> None:
    ours, _ = optimizers_of_both_sides([0.5, 0.1])
    schedule = lr_scheduler.CosineAnnealingLR(ours, 7)
    for _ in range(3):
        schedule.step()
    states = schedule.state_dict(), ours.state_dict()
    again, _ = optimizers_of_both_sides([9.0, 9.0])
    resumed = lr_scheduler.CosineAnnealingLR(again, 7)
    resumed.load_state_dict(states[0])
    again.load_state_dict(states[1])
    for _ in range(9):
        assert resumed.get_last_lr() == schedule.get_last_lr()
        schedule.step()
        resumed.step()
    with pytest.raises(ValueError, match="state_dict must have 1 base_lrs, one per group, got 2"):
        lr_scheduler.CosineAnnealingLR(optimizers_of_both_sides([0.1])[0], 7).load_state_dict(states[0])


def test_a_schedule_refuses_what_it_cannot_use() -> None:
    ours, _ = optimizers_of_both_sides([0.1])
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
