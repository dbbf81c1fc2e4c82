"""Gradient descent: what each option of SGD does, groups of parameters, and every optimizer's state, beside torch's."""

import copy
import inspect
import re
from typing import Any

import numpy as np
import pytest
import torch
from torch.optim import lr_scheduler

from reference import optim
from reference.optim.optimizer import NOTES
from tests.reference.comparing import (
    EXACT,
    Array,
    assert_bits,
    assert_equal,
    both_dtypes,
    optimizers_of_both_sides,
    random_integers,
    random_normal,
)
from torch_parity.proof import bounds
from torch_parity.proof.backend import tensor
from torch_parity.proof.cases import Case, RandomDraw
from torch_parity.proof.pairs import pair_named
from torch_parity.proof.prove import reference_results, torch_results


def trajectory(parameter: Array, grads: Array, **options: Any) -> list[Array]:
    """The parameter after each step, by the reference."""
    k = optim.Parameter(parameter.copy())
    optimizer = optim.SGD([k], **options)
    seen = []
    for grad in grads:
        k.grad = grad
        optimizer.step()
        seen.append(k.data.copy())
    return seen


def torch_trajectory(parameter: Array, grads: Array, **options: Any) -> list[Array]:
    """The same, by torch."""
    k = torch.nn.Parameter(tensor(parameter))
    optimizer = torch.optim.SGD([k], **options)
    seen = []
    for grad in grads:
        k.grad = tensor(grad)
        optimizer.step()
        seen.append(k.detach().numpy().copy())
    return seen


@both_dtypes
@pytest.mark.parametrize(
    ("options", "expected"),
    [
        # v = 1, then 0.5*1 + 0.5*1 = 1, then 1.  Dampened at once, v would be 0.5, 0.75, 0.875.
        ({"momentum": 0.5, "dampening": 0.5}, [9, 8, 7]),
        # v = 1, then 0.5 + 0.25 = 0.75, then 0.375 + 0.25 = 0.625.
        ({"momentum": 0.5, "dampening": 0.75}, [9, 8.25, 7.625]),
        ({"momentum": 0.5, "dampening": 1}, [9, 8.5, 8.25]),  # v = 1, 0.5, 0.25: of later gradients, nothing
        ({"momentum": 0.5, "dampening": 0.5, "maximize": True}, [11, 12, 13]),
        # Without momentum there is nothing to dampen.
        ({"dampening": 0.5}, [9, 8, 7]),
        ({"momentum": 0.5}, [9, 7.5, 5.75]),  # v = 1, 1.5, 1.75
        ({"momentum": 0.5, "nesterov": True}, [8.5, 6.75, 4.875]),  # steps of 1 + v/2 = 1.5, 1.75, 1.875
        ({"weight_decay": 0.5}, [4, 1, -0.5]),  # g + k/2 = 1 + 5, 1 + 2, 1 + 0.5
        ({"weight_decay": 0.5, "maximize": True}, [6, 4, 3]),  # -1 + 5, -1 + 3, -1 + 2: decay stays decay
    ],
)
def test_sgd_options_by_hand(options: dict[str, Any], expected: list[float], dtype: Any) -> None:
    parameter, grads = np.array([10.0], dtype), np.ones((3, 1), dtype)
    wanted = np.array(expected, dtype).reshape(3, 1)
    assert_bits(np.stack(trajectory(parameter, grads, lr=1.0, **options)), wanted)
    assert_bits(np.stack(torch_trajectory(parameter, grads, lr=1.0, **options)), wanted)


def test_sgd_dampening_starts_after_a_parameters_own_first_step() -> None:
    # A parameter that gets its first gradient later takes its first step then.
    early, late = optim.Parameter(np.array([10.0])), optim.Parameter(np.array([10.0]))
    optimizer = optim.SGD([early, late], lr=1.0, momentum=0.5, dampening=0.75)
    early.grad = np.array([1.0])
    optimizer.step()
    assert optimizer.momentum_buffers[1] is None
    late.grad = np.array([1.0])
    optimizer.step()
    assert_bits(early.data, [8.25])  # 10 - 1 - 0.75
    assert_bits(late.data, [9.0])


def test_sgd_rounds_twice_where_torch_may_round_once() -> None:
    parameter, grads = random_normal((1000,), np.float32), random_normal((1, 1000), np.float32, 1)
    ours = trajectory(parameter, grads, lr=0.1)[0]
    theirs = torch_trajectory(parameter, grads, lr=0.1)[0]
    lr = np.float32(0.1)
    assert_bits(ours, parameter - lr * grads[0])  # the product rounds, the difference rounds
    fused = (parameter - lr * grads[0].astype(np.float64)).astype(np.float32)  # in float64 the product is exact
    assert (fused != ours).any()
    assert ((theirs == fused) | (theirs == ours)).all()


@both_dtypes
@pytest.mark.parametrize("nesterov", [False, True])
def test_sgd_differs_from_torch_by_no_more_than_rounding(nesterov: bool, dtype: Any) -> None:
    parameter, grads = random_normal((1000,), dtype), random_normal((4, 1000), dtype, 2)
    options: dict[str, Any] = {"lr": 0.1, "momentum": 0.9, "weight_decay": 0.3, "nesterov": nesterov}
    options |= {"dampening": 0.0 if nesterov else 0.1, "maximize": True}
    case = Case("real", np.dtype(dtype), {"parameter": parameter, "grads": grads}, options)
    bound = bounds.sgd(case)["output"]
    assert (bound < 500 * np.finfo(dtype).eps).all()  # the numbers are around 1, so the bound says something
    ours, theirs = trajectory(parameter, grads, **options), torch_trajectory(parameter, grads, **options)
    assert_equal(ours[-1], theirs[-1], bound)


def test_a_weight_decay_of_one_acts() -> None:
    parameter = optim.Parameter(np.array([4.0]))
    parameter.grad = np.array([2.0])
    optim.SGD([parameter], lr=0.5, weight_decay=1.0).step()
    assert parameter.data == 4 - 0.5 * (2 + 4)


# Several parameters.


def parameters_of_both_sides(count: int) -> tuple[list[optim.Parameter], list[torch.nn.Parameter]]:
    arrays = [random_integers((3, 2), np.float32, seed) for seed in range(count)]
    return [optim.Parameter(array.copy()) for array in arrays], [torch.nn.Parameter(tensor(array)) for array in arrays]


def step_both(ours: Any, theirs: Any, optimizer: Any, their_optimizer: Any, seed: int) -> None:
    """One step on the same integers, and the comparison."""
    for i, (k, their_k) in enumerate(zip(ours, theirs, strict=True)):
        grad = random_integers((3, 2), np.float32, 10 * seed + i)
        k.grad, their_k.grad = grad, tensor(grad)
    optimizer.step()
    their_optimizer.step()
    for k, their_k in zip(ours, theirs, strict=True):
        assert_equal(k.data, their_k.detach().numpy(), EXACT)


def test_parameter_groups_have_options_of_their_own() -> None:
    ours, theirs = parameters_of_both_sides(3)

    def groups(parameters: Any) -> list[dict[str, Any]]:
        return [
            {"params": parameters[:2], "lr": 0.5, "momentum": 0.5},
            {"params": parameters[2], "weight_decay": 0.5, "maximize": True},
        ]

    optimizer, their_optimizer = optim.SGD(groups(ours), lr=0.25), torch.optim.SGD(groups(theirs), lr=0.25)
    for seed in range(3):
        step_both(ours, theirs, optimizer, their_optimizer, seed)
    for mine, their in zip(optimizer.param_groups, their_optimizer.param_groups, strict=True):
        for option in ("lr", "momentum", "dampening", "weight_decay", "nesterov", "maximize"):
            assert mine[option] == their[option]


def test_a_schedule_sets_the_learning_rate_of_a_group() -> None:
    ours, theirs = parameters_of_both_sides(2)
    optimizer, their_optimizer = optim.SGD(ours, lr=1.0, momentum=0.5), torch.optim.SGD(theirs, lr=1.0, momentum=0.5)
    before = ours[0].data.copy()
    for seed, lr in enumerate([1.0, 0.5, 0.25, 0.0]):
        for side in (optimizer, their_optimizer):
            side.param_groups[0]["lr"] = lr
        step_both(ours, theirs, optimizer, their_optimizer, seed)
        assert (ours[0].data == before).all() == (lr == 0)
        before = ours[0].data.copy()


@pytest.mark.parametrize("option", ["lr", "momentum", "dampening", "weight_decay"])
def test_a_schedule_may_set_numpys_numbers(option: str) -> None:
    parameters = [optim.Parameter(random_normal((50,), np.float32)) for _ in range(2)]
    optimizers = [optim.SGD([k], lr=0.1, momentum=0.9, dampening=0.1, weight_decay=0.3) for k in parameters]
    optimizers[1].param_groups[0][option] = np.float64(optimizers[1].param_groups[0][option])
    for seed in range(3):
        for k, optimizer in zip(parameters, optimizers, strict=True):
            k.grad = random_normal((50,), np.float32, seed)
            optimizer.step()
    assert_equal(parameters[1].data, parameters[0].data)
    velocity = optimizers[1].momentum_buffers[0]
    assert velocity is not None
    assert velocity.dtype == np.float32


def test_the_optimizer_skips_parameters_without_a_gradient() -> None:
    ours, theirs = parameters_of_both_sides(2)
    options: dict[str, Any] = {"lr": 0.5, "momentum": 0.5, "weight_decay": 0.5}
    optimizer, their_optimizer = optim.SGD(ours, **options), torch.optim.SGD(theirs, **options)
    before = ours[1].data.copy()
    step_both(ours[:1], theirs[:1], optimizer, their_optimizer, 0)
    assert_equal(ours[1].data, before)  # not even weight decay touches it
    assert optimizer.momentum_buffers[1] is None
    step_both(ours, theirs, optimizer, their_optimizer, 1)
    ours[0].grad = theirs[0].grad = None
    step_both(ours[1:], theirs[1:], optimizer, their_optimizer, 2)
    assert_equal(ours[0].data, theirs[0].detach().numpy(), EXACT)


def test_the_optimizer_keeps_the_moving_sums_in_the_order_of_the_parameters() -> None:
    ours = [optim.Parameter(np.zeros(size)) for size in (1, 2, 3)]
    optimizer = optim.SGD([{"params": ours[:1]}, {"params": ours[1:]}], momentum=0.5)
    for k in ours:
        k.grad = np.ones_like(k.data)
    optimizer.step()
    assert [v is not None and v.shape for v in optimizer.momentum_buffers] == [(1,), (2,), (3,)]


def test_a_step_changes_the_array_in_place_and_leaves_the_gradient_alone() -> None:
    every: list[dict[str, Any]] = [{}, {"momentum": 0.5}, {"momentum": 0.5, "nesterov": True}, {"weight_decay": 0.5}]
    for options in every:
        data = random_integers((3, 2))
        k = optim.Parameter(data)
        optimizer = optim.SGD([k], lr=0.5, **options)
        for seed in range(3):
            grad = random_integers((3, 2), seed=seed)
            kept = grad.copy()
            k.grad = grad
            optimizer.step()
            assert_equal(grad, kept)
        assert k.data is data


def test_the_optimizer_checks_what_it_steps() -> None:
    parameter = optim.Parameter(np.zeros(3, np.float32))
    optimizer = optim.SGD([parameter], lr=0.5)
    for grad, error, message in (
        (np.zeros(3), TypeError, "grad must have the dtype of data, float32, got float64"),
        (np.zeros(2, np.float32), ValueError, r"grad must have shape \(3,\) \(as data\), got \(2,\)"),
    ):
        parameter.grad = grad
        with pytest.raises(error, match=message):
            optimizer.step()
    np.testing.assert_array_equal(parameter.data, np.zeros(3))


def test_zero_grad_of_the_optimizer_forgets_all_gradients() -> None:
    ours, _ = parameters_of_both_sides(3)
    for k in ours:
        k.grad = k.data
    optim.SGD([{"params": ours[:1]}, {"params": ours[1:]}]).zero_grad()
    assert all(k.grad is None for k in ours)


# The state that a training run is resumed from.


def take_steps(optimizer: Any, parameters: list[Any], steps: int, wrap: Any) -> None:
    """Steps on gradients that change; ``wrap`` turns them into the arrays of the optimizer's side."""
    for step in range(steps):
        for number, parameter in enumerate(parameters):
            parameter.grad = wrap(np.array([0.1 * step, number - 0.5], np.float32))
        optimizer.step()


def test_an_optimizers_state_has_torchs_form_and_goes_on_to_the_same_bits() -> None:
    options = {"momentum": 0.9, "weight_decay": 0.01}
    ours, theirs = optimizers_of_both_sides([0.1, 0.2], **options)
    parameters = [parameter for group in ours.param_groups for parameter in group["params"]]
    take_steps(ours, parameters, 3, np.copy)
    twins = [parameter for group in theirs.param_groups for parameter in group["params"]]
    take_steps(theirs, twins, 3, torch.from_numpy)
    state, twin = ours.state_dict(), theirs.state_dict()
    assert state["state"].keys() == twin["state"].keys()
    for index, entry in state["state"].items():
        np.testing.assert_array_equal(entry["momentum_buffer"], twin["state"][index]["momentum_buffer"].numpy())
    for group, twin_group in zip(state["param_groups"], twin["param_groups"], strict=True):
        assert group == {name: twin_group[name] for name in group}

    again, _ = optimizers_of_both_sides([7.0, 8.0], momentum=0.1)
    others = [parameter for group in again.param_groups for parameter in group["params"]]
    for other, parameter in zip(others, parameters, strict=True):
        other.data[...] = parameter.data
    again.load_state_dict(copy.deepcopy(state))
    before = copy.deepcopy(state)
    take_steps(ours, parameters, 4, np.copy)
    take_steps(again, others, 4, np.copy)
    for other, parameter in zip(others, parameters, strict=True):
        np.testing.assert_array_equal(other.data, parameter.data)
    np.testing.assert_equal(state, before)  # a snapshot: further steps leave it alone


def test_without_momentum_there_is_no_state() -> None:
    ours, theirs = optimizers_of_both_sides([0.1])
    take_steps(ours, ours.param_groups[0]["params"], 2, np.copy)
    take_steps(theirs, theirs.param_groups[0]["params"], 2, torch.from_numpy)
    assert ours.state_dict()["state"] == {}


def numpys(state: Any) -> Any:
    """A state_dict of torch with NumPy's arrays for its tensors."""
    if isinstance(state, dict):
        return {name: numpys(entry) for name, entry in state.items()}
    return state.numpy().copy() if isinstance(state, torch.Tensor) else state


def torchs(state: dict[str, Any]) -> dict[str, Any]:
    """A state_dict of the reference with torch's tensors for its arrays."""
    entries = {
        index: {name: torch.from_numpy(v.copy()) for name, v in entry.items()}
        for index, entry in state["state"].items()
    }
    return {**state, "state": entries}


TORCHS_OPTIONS: list[dict[str, Any]] = [
    {"momentum": 0.9, "dampening": 0.5, "weight_decay": 0.01},
    {"momentum": 0.5, "nesterov": True, "foreach": True},
    {"momentum": 0.5, "maximize": True, "fused": True},
    {"differentiable": False},
]


@pytest.mark.parametrize("options", TORCHS_OPTIONS)
def test_torchs_state_goes_on_here_and_the_states_from_here_go_on_in_torch(options: dict[str, Any]) -> None:
    """After every step the parameters are torch's; the numbers are such that nothing rounds."""
    ours, _ = optimizers_of_both_sides([9.0, 9.0], momentum=0.25)  # all options come with the state
    groups = [{"params": [torch.nn.Parameter(torch.ones(2))], "lr": lr} for lr in (0.5, 0.25)]
    theirs = torch.optim.SGD(groups, **options)
    lr_scheduler.StepLR(theirs, 2)  # notes initial_lr
    parameters = [parameter for group in ours.param_groups for parameter in group["params"]]
    twins = [parameter for group in theirs.param_groups for parameter in group["params"]]

    def step(optimizer: Any, those: Any, wrap: Any) -> None:
        for number, parameter in enumerate(those):
            parameter.grad = wrap(np.array([0.5, number - 0.25], np.float32))
        optimizer.step()

    def compare() -> None:
        for parameter, twin in zip(parameters, twins, strict=True):
            if "weight_decay" in options:  # where torch may round once
                np.testing.assert_allclose(parameter.data, twin.detach().numpy(), rtol=1e-6)
            else:
                np.testing.assert_array_equal(parameter.data, twin.detach().numpy())

    for _ in range(2):
        step(theirs, twins, torch.from_numpy)
    for parameter, twin in zip(parameters, twins, strict=True):
        parameter.data[...] = twin.detach().numpy()
    ours.load_state_dict(numpys(theirs.state_dict()))
    assert ours.state_dict()["param_groups"] == theirs.state_dict()["param_groups"]
    for _ in range(2):
        step(theirs, twins, torch.from_numpy)
        step(ours, parameters, np.copy)
        compare()

    _, theirs = optimizers_of_both_sides([9.0, 9.0], momentum=0.25)
    twins = [parameter for group in theirs.param_groups for parameter in group["params"]]
    for parameter, twin in zip(parameters, twins, strict=True):
        twin.data = tensor(parameter.data)
    theirs.load_state_dict(torchs(ours.state_dict()))
    for _ in range(2):
        step(theirs, twins, torch.from_numpy)
        step(ours, parameters, np.copy)
        compare()


def test_a_state_may_hold_torchs_own_tensors_and_what_sgd_does_not_read() -> None:
    ours, theirs = optimizers_of_both_sides([0.5], momentum=0.5)
    take_steps(theirs, theirs.param_groups[0]["params"], 2, torch.from_numpy)
    state = theirs.state_dict()
    state["param_groups"][0].update(name="all", lr=torch.tensor(0.25), initial_lr=torch.tensor(0.5), max_lr=1.0)
    ours.load_state_dict(state)
    [group] = ours.state_dict()["param_groups"]
    assert (group["lr"], group["name"], group["max_lr"]) == (0.25, "all", 1.0)
    assert type(group["lr"]) is float
    assert (group["initial_lr"], type(group["initial_lr"])) == (0.5, float)
    v, theirs_v = ours.momentum_buffers[0], state["state"][0]["momentum_buffer"]
    np.testing.assert_array_equal(v, theirs_v.numpy())
    assert v is not None
    v += 1  # a copy
    assert not np.array_equal(v, theirs_v.numpy())


def test_parameters_go_by_their_order_and_no_momentum_is_no_state() -> None:
    """Older versions of torch number parameters otherwise, say None for no momentum, and lack two of the options."""
    ours, _ = optimizers_of_both_sides([0.5, 0.25], momentum=0.5, nesterov=True)
    options = {"lr": 1.0, "momentum": 0.5, "dampening": 0, "weight_decay": 0}
    v = np.array([1.0, 2.0], np.float32)
    for nothing in ({"momentum_buffer": None}, {}):
        ours.load_state_dict(
            {
                "state": {71: {"momentum_buffer": v}, 35: nothing},
                "param_groups": [{**options, "params": [35]}, {**options, "params": [71]}],
            }
        )
        first, second = ours.momentum_buffers
        assert first is None
        np.testing.assert_array_equal(second, v)
        assert [(group["nesterov"], group["maximize"]) for group in ours.param_groups] == [(False, False)] * 2


def test_a_group_keeps_torchs_notes_from_the_start() -> None:
    notes: dict[str, Any] = {
        "initial_lr": 0.5,
        "foreach": None,
        "fused": False,
        "differentiable": False,
        "capturable": False,
    }
    [group] = optim.SGD([{"params": optim.Parameter(np.ones(2)), **notes}]).param_groups
    assert {name: group[name] for name in notes} == notes


SAVED_GROUP = {"params": [0], "lr": 0.1, "momentum": 0.9, "dampening": 0, "weight_decay": 0}


def optimizer_state(**changes: Any) -> dict[str, Any]:
    """The state of an optimizer of one parameter, with some of it replaced."""
    return {"state": {0: {"momentum_buffer": np.ones(2, np.float32)}}, "param_groups": [SAVED_GROUP], **changes}


@pytest.mark.parametrize(
    ("state", "error", "message"),
    [
        (optimizer_state(param_groups=[]), ValueError, r"state_dict must have parameters \[\[0\]\] in its groups"),
        (optimizer_state(param_groups=[{"params": [0, 1]}]), ValueError, r"must have parameters \[\[0\]\]"),
        (optimizer_state(param_groups=[{**SAVED_GROUP, "lr": -1.0}]), ValueError, "lr must not be negative"),
        (optimizer_state(param_groups=[{**SAVED_GROUP, "lr": "0.1"}]), TypeError, "lr must be a real number"),
        (optimizer_state(param_groups=[{**SAVED_GROUP, "maximize": 1}]), TypeError, "maximize must be True or False"),
        (
            optimizer_state(param_groups=[{"params": [0], "lr": 0.1, "betas": (0.9, 0.999), "weight_decay": 0}]),
            ValueError,
            "state_dict must be one of SGD, but a group in it has no momentum, dampening",
        ),
        (optimizer_state(state={1: {}}), ValueError, "state_dict has a state for parameter 1, and no group has that"),
        (
            optimizer_state(state={0: {"momentum_buffer": np.ones(3, np.float32)}}),
            ValueError,
            r"momentum_buffer must have shape \(2,\) \(as parameter 0\)",
        ),
        (
            optimizer_state(state={0: {"momentum_buffer": np.ones(2)}}),
            TypeError,
            "momentum_buffer must have the dtype of data, float32, got float64",
        ),
        (
            optimizer_state(state={0: {"momentum_buffer": [1.0, 1.0]}}),
            TypeError,
            "momentum_buffer must be a NumPy array, got list",
        ),
    ],
)
def test_an_optimizer_refuses_another_ones_state_and_stays_as_it_was(
    state: dict[str, Any], error: type[Exception], message: str
) -> None:
    ours, _ = optimizers_of_both_sides([0.1], momentum=0.9)
    take_steps(ours, ours.param_groups[0]["params"], 2, np.copy)
    before = ours.state_dict()
    with pytest.raises(error, match=message):
        ours.load_state_dict(state)
    np.testing.assert_equal(ours.state_dict(), before)


def test_a_velocity_of_another_dtype_is_an_error() -> None:
    k = optim.Parameter(np.ones(3, np.float32))
    optimizer = optim.SGD([k], lr=1, momentum=0.5)
    k.grad = np.ones(3, np.float32)
    optimizer.step()
    k.data, k.grad = k.data.astype(np.float64), np.ones(3)
    with pytest.raises(TypeError, match="momentum_buffer must have the dtype of data, float64, got float32"):
        optimizer.step()


# What all optimizers share.

ADAPTIVE: list[Any] = [
    pytest.param(name, options, id=f"{name} {options}")
    for name, options in [
        ("SGD", {"lr": 0.1, "momentum": 0.9, "weight_decay": 0.01}),
        ("RMSprop", {"lr": 0.01}),
        ("RMSprop", {"lr": 0.01, "momentum": 0.9, "weight_decay": 0.01}),
        ("RMSprop", {"lr": 0.01, "centered": True, "maximize": True}),
        ("Adam", {"lr": 0.01}),
        ("Adam", {"lr": 0.01, "weight_decay": 0.01, "amsgrad": True}),
        ("Adam", {"lr": 0.01, "weight_decay": 0.1, "maximize": True, "decoupled_weight_decay": True}),
        ("AdamW", {"lr": 0.01}),
        ("AdamW", {"lr": 0.01, "betas": (0.3, 0.9), "weight_decay": 0.1, "amsgrad": True, "eps": 1e-3}),
    ]
]
EVERY_OPTIMIZER = pytest.mark.parametrize(("name", "options"), ADAPTIVE)
SHAPES = ((3, 2), (5,), (), (2, 1, 3))


class BothSides:
    """An optimizer of either side over parameters of several shapes, in float64."""

    def __init__(self, name: str, options: dict[str, Any], groups: Any = lambda params: params) -> None:
        arrays = [np.array(random_normal(shape, seed=seed)) for seed, shape in enumerate(SHAPES)]
        self.ours = [optim.Parameter(array.copy()) for array in arrays]
        self.theirs = [torch.nn.Parameter(tensor(array)) for array in arrays]
        self.numpy = getattr(optim, name)(groups(self.ours), **options)
        self.torch = getattr(torch.optim, name)(groups(self.theirs), **options)

    def step(self, seed: int, without: tuple[int, ...] = ()) -> None:
        """One step of both sides; parameters ``without`` have no gradient.  Then they must be equal."""
        self.step_numpy(seed, without)
        self.step_torch(seed, without)
        self.compare()

    def step_numpy(self, seed: int, without: tuple[int, ...] = ()) -> None:
        for number, k in enumerate(self.ours):
            k.grad = None if number in without else np.array(random_normal(k.shape, seed=[seed, number]))  # type: ignore[arg-type]
        self.numpy.step()

    def step_torch(self, seed: int, without: tuple[int, ...] = ()) -> None:
        for number, k in enumerate(self.theirs):
            grad = np.array(random_normal(tuple(k.shape), seed=[seed, number]))  # type: ignore[arg-type]
            k.grad = None if number in without else tensor(grad)
        self.torch.step()

    def compare(self) -> None:
        for k, twin in zip(self.ours, self.theirs, strict=True):
            np.testing.assert_allclose(k.data, twin.detach().numpy(), rtol=1e-12, atol=1e-13)


@EVERY_OPTIMIZER
def test_many_steps_are_torchs(name: str, options: dict[str, Any]) -> None:
    both = BothSides(name, options)
    for seed in range(300):
        both.step(seed)


@EVERY_OPTIMIZER
def test_parameters_without_a_gradient_have_steps_of_their_own(name: str, options: dict[str, Any]) -> None:
    """Each counts its own steps: who comes later starts then."""
    both = BothSides(name, options)
    for seed, without in enumerate([(1, 2, 3), (0, 2), (2,), (), (1, 3), ()]):
        both.step(seed, without)
    steps = [entry.get("step") for entry in both.numpy.state]
    assert steps == ([None] * 4 if name == "SGD" else [5, 4, 3, 4])
    assert steps == [entry.get("step") for entry in (both.torch.state[twin] for twin in both.theirs)]


@EVERY_OPTIMIZER
def test_mixed_groups_and_a_group_that_joins_later(name: str, options: dict[str, Any]) -> None:
    both = BothSides(name, options, lambda p: [{"params": p[:1], "lr": 0.5}, {"params": p[1:3], "weight_decay": 0.25}])
    for seed in range(3):
        both.step(seed, without=(3,))
    for side, params in ((both.numpy, both.ours), (both.torch, both.theirs)):
        side.add_param_group({"params": params[3], "lr": 0.0625, "maximize": True})
    assert both.numpy.state[3] == {}
    for seed in range(3, 6):
        both.step(seed)
    for group, twin_group in zip(both.numpy.param_groups, both.torch.param_groups, strict=True):
        assert {option: group[option] for option in both.numpy.defaults} == {
            option: twin_group[option] for option in both.numpy.defaults
        }


@pytest.mark.parametrize(
    ("name", "ways"),
    [
        ("SGD", {"foreach": True}), ("SGD", {"fused": True, "foreach": False}), ("SGD", {"differentiable": False}),
        ("RMSprop", {"foreach": True, "capturable": False}), ("Adam", {"foreach": False, "capturable": False}),
        ("Adam", {"fused": True}), ("AdamW", {"fused": True, "differentiable": False}), ("AdamW", {"foreach": True}),
    ],
)  # fmt: skip
def test_how_torch_is_to_compute_the_step_changes_nothing_and_goes_back_to_it(name: str, ways: dict[str, Any]) -> None:
    both = BothSides(name, {"lr": 0.01, **ways}, lambda p: [{"params": p[:2]}, {"params": p[2:], "foreach": False}])
    for seed in range(3):
        both.step(seed)
    groups = both.numpy.state_dict()["param_groups"]
    assert groups == both.torch.state_dict()["param_groups"]
    fresh = BothSides(name, {"lr": 7.0}, lambda p: [{"params": p[:2]}, {"params": p[2:]}])
    fresh.torch.load_state_dict(torchs(both.numpy.state_dict()))
    assert fresh.torch.state_dict()["param_groups"] == groups


@EVERY_OPTIMIZER
def test_a_state_from_before_these_ways_gets_torchs_defaults(name: str, options: dict[str, Any]) -> None:
    both = BothSides(name, options)
    expected = both.numpy.state_dict()
    older = {n: one for n, one in expected["param_groups"][0].items() if n not in NOTES}
    both.numpy.load_state_dict({"state": {}, "param_groups": [older]})
    assert both.numpy.state_dict() == expected


@pytest.mark.parametrize("name", ["SGD", "RMSprop", "Adam", "AdamW"])
@pytest.mark.parametrize("way", ["foreach", "fused", "differentiable", "capturable"])
def test_a_way_to_compute_the_step_must_be_true_or_false(name: str, way: str) -> None:
    """torch takes anything that Python calls true for some of them, and finds the rest in the first step."""
    k, make, of_torch = optim.Parameter(np.ones(2)), getattr(optim, name), getattr(torch.optim, name)
    if way not in inspect.signature(of_torch).parameters:
        with pytest.raises(TypeError, match=f"unexpected keyword argument '{way}'"):
            make([k], **{way: False})
        return
    for wrong in (1, 0, "yes", [True], np.True_):
        with pytest.raises(TypeError, match=f"^{way} must be True or False, got {re.escape(repr(wrong))}$"):
            make([k], **{way: wrong})
        with pytest.raises(TypeError, match=f"^{way} must be True or False"):
            make([{"params": k, way: wrong}])
    assert make([k]).param_groups[0][way] is inspect.signature(of_torch).parameters[way].default
    if way in ("differentiable", "capturable"):
        with pytest.raises(TypeError, match=f"^{way} must be True or False, got None$"):
            make([k], **{way: None})


@pytest.mark.parametrize("name", ["SGD", "Adam", "AdamW"])
@pytest.mark.parametrize("other", ["foreach", "differentiable"])
def test_fused_excludes_other_ways_as_in_torch(name: str, other: str) -> None:
    with pytest.raises(ValueError, match=f"^fused and {other} exclude each other, got True for both$"):
        getattr(optim, name)([optim.Parameter(np.ones(2))], **{"fused": True, other: True})
    with pytest.raises(RuntimeError, match="`fused`"):
        getattr(torch.optim, name)([torch.nn.Parameter(torch.ones(2))], **{"fused": True, other: True})


def test_groups_of_adam_have_flags_and_betas_of_their_own() -> None:
    both = BothSides(
        "Adam", {"lr": 0.5},
        lambda p: [{"params": p[:2], "betas": (0.5, 0.75)}, {"params": p[2:], "amsgrad": True, "eps": 0.5}],
    )  # fmt: skip
    for seed in range(4):
        both.step(seed)
    assert ["max_exp_avg_sq" in entry for entry in both.numpy.state] == [False, False, True, True]


@EVERY_OPTIMIZER
def test_states_go_from_torch_to_numpy_and_back(name: str, options: dict[str, Any]) -> None:
    """Into optimizers that were made with other options, and had steps of their own."""
    both = BothSides(name, options, lambda p: [{"params": p[:1]}, {"params": p[1:], "lr": 0.0625}])
    torch.optim.lr_scheduler.StepLR(both.torch, 2)  # notes initial_lr
    for seed in range(3):
        both.step_torch(seed, without=(2,))
    fresh = BothSides(name, {"lr": 7.0}, lambda p: [{"params": p[:1]}, {"params": p[1:]}])
    fresh.step_numpy(9)
    for k, twin in zip(fresh.ours, both.theirs, strict=True):
        k.data[...] = twin.detach().numpy()
    both.ours, both.numpy = fresh.ours, fresh.numpy
    both.numpy.load_state_dict(both.torch.state_dict())
    state, twin_state = both.numpy.state_dict(), both.torch.state_dict()
    assert state["param_groups"] == twin_state["param_groups"]
    assert {i: set(entry) for i, entry in state["state"].items()} == {
        i: set(entry) for i, entry in twin_state["state"].items() if i != 2
    }
    for seed in range(3, 6):
        both.step(seed)

    again = BothSides(name, {"lr": 7.0}, lambda p: [{"params": p[:1]}, {"params": p[1:]}])
    again.step_torch(9)
    for twin, k in zip(again.theirs, both.ours, strict=True):
        twin.data = tensor(k.data)
    both.theirs, both.torch = again.theirs, again.torch
    both.torch.load_state_dict(torchs(both.numpy.state_dict()))
    for seed in range(6, 9):
        both.step(seed)


@EVERY_OPTIMIZER
def test_a_snapshot_goes_on_to_the_same_bits(name: str, options: dict[str, Any]) -> None:
    both, again = BothSides(name, options), BothSides(name, {"lr": 7.0})
    for seed in range(3):
        both.step_numpy(seed)
    state = both.numpy.state_dict()
    before = copy.deepcopy(state)
    again.numpy.load_state_dict(state)
    for k, other in zip(both.ours, again.ours, strict=True):
        other.data[...] = k.data
    for seed in range(3, 6):
        both.step_numpy(seed)
        again.step_numpy(seed)
    for k, other in zip(both.ours, again.ours, strict=True):
        assert_bits(other.data, k.data)
    np.testing.assert_equal(state, before)


@pytest.mark.parametrize("name", ["RMSprop", "Adam", "AdamW"])
def test_the_number_of_steps_is_torchs_number(name: str) -> None:
    both = BothSides(name, {})
    both.step(0)
    both.step(1)
    for side in (both.numpy, both.torch):
        for entry in side.state_dict()["state"].values():
            assert entry["step"] == 2
            assert entry["step"].shape == ()
            assert str(entry["step"].dtype).endswith("float32")
    for steps in (2, 2.0, np.float64(2), np.array(2.0, np.float32), torch.tensor(2.0)):
        state = both.numpy.state_dict()
        state["state"][1]["step"] = steps
        both.numpy.load_state_dict(state)
        assert both.numpy.state[1]["step"] == 2
        assert type(both.numpy.state[1]["step"]) is int


def test_adamw_stays_adamw_whatever_its_state_says() -> None:
    """As in torch: states of older versions do not say it."""
    for side, parameter in ((optim, optim.Parameter(np.ones(2))), (torch.optim, torch.nn.Parameter(torch.ones(2)))):
        optimizer = side.AdamW([parameter])
        optimizer.load_state_dict(side.Adam([parameter], weight_decay=0.5).state_dict())
        [group] = optimizer.param_groups
        assert (group["decoupled_weight_decay"], group["weight_decay"]) == (True, 0.5)
    adam = optim.Adam([optim.Parameter(np.ones(2))])
    adam.load_state_dict(optim.AdamW([optim.Parameter(np.ones(2))]).state_dict())
    assert adam.param_groups[0]["decoupled_weight_decay"]


def test_a_state_of_an_older_torch_lacks_what_was_not_there_yet() -> None:
    adam = optim.Adam([optim.Parameter(np.ones(2))], amsgrad=True, maximize=True)
    adam.load_state_dict(
        {"state": {}, "param_groups": [{"params": [3], "lr": 1.0, "betas": [0.5, 0.5], "eps": 0, "weight_decay": 0}]}
    )
    [group] = adam.param_groups
    assert [group[name] for name in ("amsgrad", "maximize", "decoupled_weight_decay")] == [False] * 3
    rmsprop = optim.RMSprop([optim.Parameter(np.ones(2))], momentum=0.5, centered=True, maximize=True)
    rmsprop.load_state_dict(
        {"state": {}, "param_groups": [{"params": [3], "lr": 1.0, "alpha": 0.5, "eps": 0, "weight_decay": 0}]}
    )
    [group] = rmsprop.param_groups
    assert [group[name] for name in ("momentum", "centered", "maximize")] == [0, False, False]


def test_numbers_that_torch_keeps_in_tensors_are_numbers_here() -> None:
    parameter = optim.Parameter(np.ones(2, np.float32))
    adam = optim.Adam([parameter])
    state = adam.state_dict()
    state["param_groups"][0].update(lr=torch.tensor(0.25), betas=(torch.tensor(0.5), torch.tensor(0.75)))
    adam.load_state_dict(state)
    [group] = adam.param_groups
    assert (group["lr"], group["betas"]) == (0.25, (0.5, 0.75))
    assert [type(number) for number in (group["lr"], *group["betas"])] == [float] * 3
    group["lr"], group["betas"] = np.float64(0.25), (np.float64(0.5), np.float64(0.75))  # a schedule may
    parameter.grad = np.ones(2, np.float32)
    adam.step()
    assert parameter.dtype == adam.state[0]["exp_avg"].dtype == np.float32


def wrong_states() -> list[Any]:
    """Snapshots of another optimizer, or damaged ones, each for one of a parameter of two numbers."""

    def snapshot(name: str, **options: Any) -> dict[str, Any]:
        parameter = optim.Parameter(np.ones(2))
        optimizer = getattr(optim, name)([parameter], **options)
        parameter.grad = np.ones(2)
        optimizer.step()
        return optimizer.state_dict()  # type: ignore[no-any-return]

    def changed(name: str, **entries: Any) -> dict[str, Any]:
        state = snapshot(name)
        state["state"][0].update(entries)
        return state

    lacking = "state_dict must be one of {}, but parameter 0 in it has no {}"
    return [
        ("Adam", snapshot("SGD"), ValueError, "must be one of Adam, but a group in it has no betas, eps"),
        ("AdamW", snapshot("RMSprop"), ValueError, "must be one of AdamW, but a group in it has no betas"),
        ("RMSprop", snapshot("Adam"), ValueError, "must be one of RMSprop, but a group in it has no alpha"),
        ("SGD", snapshot("Adam"), ValueError, "must be one of SGD, but a group in it has no momentum, dampening"),
        ("Adam", changed("Adam", exp_avg=None), ValueError, lacking.format("Adam", "exp_avg")),
        ("Adam", changed("Adam", step=None, exp_avg_sq=None), ValueError, lacking.format("Adam", "step, exp_avg_sq")),
        ("RMSprop", changed("RMSprop", square_avg=None), ValueError, lacking.format("RMSprop", "square_avg")),
        ("Adam", changed("Adam", step=-1), ValueError, "step must be a number of steps, got -1"),
        ("Adam", changed("Adam", step=1.5), ValueError, "step must be a number of steps, got 1.5"),
        ("Adam", changed("Adam", step=np.nan), ValueError, "step must be a number of steps, got nan"),
        ("Adam", changed("Adam", step="1"), TypeError, "step must be a real number, got '1'"),
        ("Adam", changed("Adam", exp_avg=np.ones(3)), ValueError, r"exp_avg must have shape \(2,\) \(as parameter 0"),
        ("Adam", changed("Adam", exp_avg_sq=np.ones(2, np.float32)), TypeError, "exp_avg_sq must have the dtype of"),
        ("Adam", changed("Adam", exp_avg=[1.0, 1.0]), TypeError, "exp_avg must be a NumPy array, got list"),
    ]  # fmt: skip


@pytest.mark.parametrize(("name", "state", "error", "message"), wrong_states())
def test_every_optimizer_refuses_another_ones_state_and_stays_as_it_was(
    name: str, state: dict[str, Any], error: type[Exception], message: str
) -> None:
    parameter = optim.Parameter(np.ones(2))
    optimizer = getattr(optim, name)([parameter])
    parameter.grad = np.full(2, 3.0)
    optimizer.step()
    before = optimizer.state_dict()
    with pytest.raises(error, match=message):
        optimizer.load_state_dict(state)
    np.testing.assert_equal(optimizer.state_dict(), before)


@pytest.mark.parametrize(
    ("name", "option", "value", "lacking"),
    [
        ("Adam", "amsgrad", True, "max_exp_avg_sq"),
        ("RMSprop", "momentum", 0.5, "momentum_buffer"),
        ("RMSprop", "centered", True, "grad_avg"),
    ],
)
def test_what_must_be_remembered_from_the_first_step_cannot_be_switched_on_later(
    name: str, option: str, value: Any, lacking: str
) -> None:
    both = BothSides(name, {})
    both.step(0)
    for side in (both.numpy, both.torch):
        side.param_groups[0][option] = value
    message = f"state has no {lacking}: options that need it must be set from the first step on"
    with pytest.raises(ValueError, match=message):
        both.step_numpy(1)
    with pytest.raises(KeyError):
        both.step_torch(1)


@pytest.mark.parametrize("name", ["RMSprop", "Adam", "AdamW"])
def test_means_of_another_dtype_are_an_error(name: str) -> None:
    k = optim.Parameter(np.ones(3, np.float32))
    optimizer = getattr(optim, name)([k])
    k.grad = np.ones(3, np.float32)
    optimizer.step()
    k.data, k.grad = k.data.astype(np.float64), np.ones(3)
    with pytest.raises(TypeError, match="avg must have the dtype of data, float64, got float32"):
        optimizer.step()


@pytest.mark.parametrize("name", ["SGD", "RMSprop", "Adam", "AdamW"])
def test_zero_grad_and_the_options_of_a_group_are_those_of_every_optimizer(name: str) -> None:
    both = BothSides(name, {})
    both.step(0)
    both.numpy.zero_grad(set_to_none=False)
    assert all(k.grad is not None and not k.grad.any() for k in both.ours)
    both.numpy.zero_grad()
    assert all(k.grad is None for k in both.ours)
    with pytest.raises(ValueError, match=r"a parameter group takes the options lr, .*, got learning_rate"):
        both.numpy.add_param_group({"params": optim.Parameter(np.ones(1)), "learning_rate": 1})
    with pytest.raises(ValueError, match="params must hold each Parameter once"):
        both.numpy.add_param_group({"params": both.ours[0]})
    assert len(both.numpy.param_groups) == 1
    assert len(both.numpy.state) == len(SHAPES)


def test_an_optimizer_must_say_what_a_step_is() -> None:
    k = optim.Parameter(np.ones(1))
    k.grad = np.ones(1)
    with pytest.raises(NotImplementedError, match="Optimizer must define _advance"):
        optim.Optimizer([k], {"lr": 1.0, "maximize": False}).step()


@pytest.mark.parametrize("name", ["rmsprop", "adam", "adamw"])
def test_on_perfect_squares_nothing_but_the_last_division_rounds_and_every_bit_is_torchs(name: str) -> None:
    """Without a mean of squares: the root of g^2 is g, exactly, and both sides divide alike."""
    pair, compared = pair_named(name), 0
    for index in range(600):
        case = pair.cases(RandomDraw(np.random.default_rng([90, index])), "lattice", np.dtype(np.float32))
        o = case.arguments
        of_squares = o["alpha"] if "alpha" in o else o["betas"][1]
        decayed = o["weight_decay"] and not o.get("decoupled_weight_decay", name == "adamw")
        if of_squares == 0 and not decayed and not o.get("amsgrad") and not o.get("momentum"):
            (ours, _), (theirs, _) = reference_results(pair, case), torch_results(pair, case)
            assert_bits(ours["output"], theirs["output"])
            compared += 1
    assert compared > 40
