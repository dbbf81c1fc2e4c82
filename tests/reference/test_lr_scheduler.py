"""Learning-rate schedules against torch's: the same bits after every step."""

import json
import math
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.optim import lr_scheduler as twins

from reference import lr_scheduler, optim
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


# Every way to build a schedule, and another way, whose options a loaded state must replace.
SCHEDULES: list[tuple[str, dict[str, Any], dict[str, Any]]] = [
    ("StepLR", {"step_size": 3, "gamma": 0.5}, {"step_size": 2, "gamma": 0.1}),
    ("StepLR", {"step_size": 1}, {"step_size": 5, "gamma": 2.0}),
    ("CosineAnnealingLR", {"T_max": 10}, {"T_max": 40, "eta_min": 0.1}),
    ("CosineAnnealingLR", {"T_max": 4, "eta_min": 0.01}, {"T_max": 7}),  # soon past the lowest point
]
SIDES = {"ours": (0, lr_scheduler), "torch's": (1, twins)}


def of_both(rates: list[float]) -> tuple[Any, Any]:
    return optimizers_of_both_sides(rates)


def built(side: str, name: str, rates: list[float], **options: Any) -> Any:
    number, module = SIDES[side]
    return getattr(module, name)(of_both(rates)[number], **options)


def steps_of(schedule: Any, count: int) -> list[Any]:
    """The rates after each of ``count`` steps."""
    rates = []
    for _ in range(count):
        schedule.optimizer.step()
        schedule.step()
        rates.append((schedule.get_last_lr(), [group["lr"] for group in schedule.optimizer.param_groups]))
    return rates


@pytest.mark.parametrize("with_the_optimizer", [True, False])
@pytest.mark.parametrize("source", SIDES)
@pytest.mark.parametrize(("name", "options", "others"), SCHEDULES)
def test_a_state_of_either_side_goes_on_here_as_in_torch(
    name: str, options: dict[str, Any], others: dict[str, Any], source: str, with_the_optimizer: bool
) -> None:
    """Built with other options and rates, which the state replaces; without the optimizer's state, its rates stay."""
    old = built(source, name, [0.5, 0.25], **options)
    steps_of(old, 5)
    new = {side: built(side, name, [0.125, 0.0625], **others) for side in SIDES}
    state = json.loads(json.dumps(old.state_dict()))  # as a checkpoint holds it
    for schedule in new.values():
        schedule.load_state_dict(state)
        if with_the_optimizer:
            for group, lr in zip(schedule.optimizer.param_groups, old.get_last_lr(), strict=True):
                group["lr"] = lr
    ours, theirs = new.values()
    assert ours.get_last_lr() == theirs.get_last_lr() == old.get_last_lr()
    rates = steps_of(ours, 12)
    assert rates == steps_of(theirs, 12)
    if with_the_optimizer:
        assert rates == steps_of(old, 12)
    assert ours.state_dict() == {name: theirs.state_dict()[name] for name in ours.state_dict()}


@pytest.mark.parametrize("last_epoch", [-1, 0, 1, 2, 5, 9, 10])
@pytest.mark.parametrize(("name", "options", "others"), SCHEDULES)
def test_last_epoch(name: str, options: dict[str, Any], others: dict[str, Any], last_epoch: int) -> None:
    """The optimizer's rates are those of that step, and the ones at the start stand in its groups."""
    found = []
    for side, optimizer in zip(SIDES, of_both([0.5, 0.25]), strict=True):
        if last_epoch >= 0:
            for group in optimizer.param_groups:
                group["initial_lr"] = 2 * group["lr"]
        schedule = getattr(SIDES[side][1], name)(optimizer, **options, last_epoch=last_epoch)
        start = schedule.last_epoch, schedule.base_lrs, schedule.get_last_lr()
        found.append((start, steps_of(schedule, 9), [group["initial_lr"] for group in optimizer.param_groups]))
    assert found[0] == found[1]


def test_last_epoch_needs_the_rates_at_the_start() -> None:
    ours, _ = optimizers_of_both_sides([0.5, 0.25])
    ours.param_groups[0]["initial_lr"] = 0.5
    for last_epoch in (0, 7):
        with pytest.raises(
            ValueError, match=rf"last_epoch={last_epoch} needs .* 'initial_lr' .*, and group 1 has none"
        ):
            lr_scheduler.StepLR(ours, 2, last_epoch=last_epoch)
    with pytest.raises(ValueError, match="last_epoch must be at least -1, got -2"):
        lr_scheduler.StepLR(ours, 2, last_epoch=-2)
    with pytest.raises(TypeError, match="last_epoch must be an integer"):
        lr_scheduler.CosineAnnealingLR(ours, 2, last_epoch=None)  # type: ignore[arg-type]
    assert "initial_lr" not in ours.param_groups[1]


def test_a_second_schedule_starts_from_the_rates_that_the_first_one_noted() -> None:
    found = []
    for side, optimizer in zip(SIDES, of_both([0.5]), strict=True):
        module = SIDES[side][1]
        steps_of(module.StepLR(optimizer, 1), 2)
        second = module.CosineAnnealingLR(optimizer, 2)
        found.append((second.base_lrs, steps_of(second, 5)))
    assert found[0] == found[1]


def test_what_was_saved_before_the_options_were_goes_on_with_those_of_the_schedule() -> None:
    schedule = built("ours", "StepLR", [0.5], step_size=2, gamma=0.5)
    schedule.load_state_dict({"last_epoch": 3, "base_lrs": [1.0], "verbose": False, "_step_count": 4})
    assert [lr for [lr], _ in steps_of(schedule, 3)] == [0.25, 0.25, 0.125]
    assert schedule.state_dict() == {
        "step_size": 2, "gamma": 0.5, "last_epoch": 6, "base_lrs": [1.0], "_last_lr": [0.125],
    }  # fmt: skip


def test_a_state_is_a_snapshot_in_both_directions() -> None:
    """Also of what a schedule of one's own keeps."""

    class Marking(lr_scheduler.StepLR):
        def __init__(self, optimizer: Any) -> None:
            super().__init__(optimizer, 1)
            self.marks = [1]

    schedule = Marking(of_both([0.5])[0])
    state = schedule.state_dict()
    schedule.base_lrs[0] = schedule.marks[0] = 7
    assert (state["base_lrs"], state["marks"]) == ([0.5], [1])
    before = json.dumps(state)
    schedule.load_state_dict(state)
    assert schedule.marks == [1]
    schedule.base_lrs[0] = schedule.get_last_lr()[0] = schedule.marks[0] = 7
    steps_of(schedule, 1)
    assert json.dumps(state) == before
    assert schedule.get_last_lr() == [0.5 * 0.1]


@pytest.mark.parametrize(
    ("changes", "error", "message"),
    [
        ({"T_max": 0}, ValueError, "T_max must be at least 1, got 0"),
        ({"T_max": 2.5}, TypeError, "T_max must be an integer"),
        ({"eta_min": "0"}, TypeError, "eta_min must be a real number"),
        ({"last_epoch": 1.5}, TypeError, "last_epoch must be an integer"),
        ({"base_lrs": []}, ValueError, "must have 1 base_lrs, one per group, got 0"),
        ({"_last_lr": [1, 2]}, ValueError, "must have 1 _last_lr, one per group, got 2"),
        (
            {"step_size": 3, "gamma": 2},
            ValueError,
            "must be that of a CosineAnnealingLR, got one with step_size, gamma",
        ),
    ],
)
def test_a_schedule_refuses_another_ones_state_and_stays_as_it_was(
    changes: dict[str, Any], error: type[Exception], message: str
) -> None:
    schedule = built("ours", "CosineAnnealingLR", [0.5], T_max=7)
    before = schedule.state_dict()
    with pytest.raises(error, match=message):
        schedule.load_state_dict({**before, "last_epoch": 3, **changes})
    assert schedule.state_dict() == before
    with pytest.raises(ValueError, match=r"with last_epoch and base_lrs, got \['state', 'param_groups'\]"):
        schedule.load_state_dict(schedule.optimizer.state_dict())


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
    with pytest.raises(TypeError, match="optimizer must be an Optimizer, got list"):
        lr_scheduler.StepLR([], 1)  # type: ignore[arg-type]
    with pytest.raises(NotImplementedError, match="LRScheduler must define _next"):
        lr_scheduler.LRScheduler(ours).step()


@pytest.mark.parametrize("name", ["SGD", "RMSprop", "Adam", "AdamW"])
def test_every_optimizer_is_scheduled_as_in_torch(name: str) -> None:
    """The rates, and what the parameter becomes by them."""
    k, twin = optim.Parameter(np.ones(3)), torch.nn.Parameter(torch.ones(3).double())
    ours, theirs = getattr(optim, name)([k], lr=0.5), getattr(torch.optim, name)([twin], lr=0.5)
    schedule, their_schedule = (
        side.CosineAnnealingLR(optimizer, 4) for side, optimizer in ((lr_scheduler, ours), (twins, theirs))
    )
    for step in range(6):
        grad = np.array([1.0, -0.5, 0.25 * step])
        k.grad, twin.grad = grad, torch.from_numpy(grad.copy())
        for one in (ours, theirs, schedule, their_schedule):
            one.step()
        assert schedule.get_last_lr() == pytest.approx(their_schedule.get_last_lr(), rel=1e-15)
        np.testing.assert_allclose(k.data, twin.detach().numpy(), rtol=1e-12)
