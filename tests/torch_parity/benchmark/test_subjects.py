"""What is timed is the same on all sides, in the layouts that each is said to have."""

import dataclasses
import functools
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch

from reference import nn
from torch_parity.benchmark import profile, worker
from torch_parity.benchmark.subjects import (
    CHANNELS_LAST,
    LAYERS,
    NUMPY,
    SUBJECTS,
    TORCH,
    batch_last,
    check_equal,
    checked_sides,
    network_sides,
    sides,
)
from torch_parity.machine import threads
from torch_parity.networks import NETWORKS
from torch_parity.training import sides as sides_module
from torch_parity.training.replicas import Replicas


@pytest.mark.parametrize("name", SUBJECTS)
def test_all_sides_compute_the_same(name: str) -> None:
    found = checked_sides(name, 2, seed=3)
    for side in found.values():
        for phase in side.phases.values():
            phase()
    one_format = name.startswith(("dense", "cross-entropy"))
    assert list(found) == ([NUMPY, TORCH] if one_format else [NUMPY, TORCH, CHANNELS_LAST])
    results = [side.results() for side in found.values()]
    assert all(one.keys() == results[0].keys() for one in results)
    phases = ["forward", "backward", "update"] if name in NETWORKS else ["forward", "backward"]
    assert all(list(side.phases) == phases for side in found.values())


def test_a_layer_gives_its_output_and_all_gradients() -> None:
    found = sides("conv3x3-256-256-14", 2, seed=0)
    check_equal(found)
    assert set(found[NUMPY].results()) == {"output", "grad_input", "grad_weight", "grad_bias"}


def test_a_network_has_the_next_batch_for_every_step() -> None:
    side = sides("formula", 2, seed=0)[NUMPY]
    losses = []
    for _ in range(3):
        for phase in side.phases.values():
            phase()
        losses.append(float(side.results()["loss"][0]))
    assert len(set(losses)) == 3


def test_a_network_gives_its_scores_and_in_float64_the_gradients_of_all_parameters() -> None:
    gradients = {"grad_0.weight", "grad_0.bias", "grad_4.weight", "grad_4.bias"}
    for dtype, wanted in (("float32", set()), ("float64", gradients)):
        found = network_sides(NETWORKS["formula"], 2, seed=0, dtype=dtype)
        check_equal(found)
        for side in found.values():
            results = side.results()
            assert results.keys() == {"loss", "scores"} | wanted
            assert results["scores"].shape == (2, 10)
            assert results["scores"].dtype == dtype


def test_the_masks_of_dropout_are_numpys_where_sides_are_compared_and_their_own_where_they_are_timed() -> None:
    def build(nn: Any) -> Any:
        return nn.Sequential(nn.Flatten(), nn.Dropout(0.5), nn.Linear(784, 10))

    check_equal(network_sides(build, 4, seed=0, masks_of_numpy=True))
    with pytest.raises(ArithmeticError, match="numpy and torch differ by"):
        check_equal(network_sides(build, 4, seed=0))


def _other_slope(build: Callable[[Any], Any], nn: Any) -> Any:
    """On torch's side the first ReLU lets a little of what is negative through."""
    network = build(nn)
    if nn is torch.nn:
        network.relu = nn.LeakyReLU(5e-3)
    return network


def _steeper(build: Callable[[Any], Any], nn: Any) -> Any:
    """On torch's side the scores are the same, and one gradient is too large by 1 %: in float32 it may be by more."""
    network = build(nn)
    if nn is torch.nn:
        network.conv1.weight.register_hook(lambda grad: 1.01 * grad)
    return network


def _other_in_float32(build: Callable[[Any], Any], nn: Any) -> Any:
    """On torch's side the scores are 1 % larger, in float32 alone."""
    network = build(nn)
    if nn is torch.nn:
        network.register_forward_hook(lambda layer, images, y: y * 1.01 if y.dtype == torch.float32 else y)
    return network


@pytest.mark.parametrize("build", [_other_slope, _steeper, _other_in_float32])
def test_two_networks_that_are_not_the_same_are_not_timed(
    build: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not even where float32 alone could not tell them from one."""
    monkeypatch.setitem(NETWORKS, "resnet-small", functools.partial(build, NETWORKS["resnet-small"]))
    with pytest.raises(ArithmeticError, match="numpy and torch differ by"):
        checked_sides("resnet-small", 2, seed=3)


def test_threads_share_numpys_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    """Those that torch has; a profile, which sees one thread only, has one."""
    made = []

    def alone(network: nn.Module, threads: int) -> Replicas:
        made.append(threads)
        return Replicas(network)

    monkeypatch.setattr(sides_module, "Replicas", alone)
    monkeypatch.setattr(profile, "profile", lambda side: {})
    with threads(2):
        worker.comparison("formula", batch_size=2, seconds=0, seed=0)
        worker.instructions("formula", batch_size=2, seed=0)
    assert made == [2, 2, 2, 1]  # a comparison is preceded by a check in float64 and one in float32


@pytest.mark.parametrize("name", ["conv1x1-256-64-56", "maxpool2x2-64-56"])
def test_each_side_has_its_own_layout(name: str) -> None:
    found = sides(name, 2, seed=0)
    check_equal(found)
    orders = {}
    for side in found:
        output = found[side].results()["output"]  # (N, C, H, W)
        orders[side] = sorted(range(4), key=lambda axis: -output.strides[axis])
    assert orders == {NUMPY: [1, 2, 3, 0], TORCH: [0, 1, 2, 3], CHANNELS_LAST: [0, 2, 3, 1]}


def test_a_side_that_computes_something_else_is_not_timed() -> None:
    found = sides("dense-9216-128", 3, seed=0)
    right = found[TORCH].results

    found[TORCH] = dataclasses.replace(found[TORCH], results=lambda: right() | {"grad_bias": np.zeros(128)})
    with pytest.raises(ArithmeticError, match="grad_bias: numpy and torch differ by"):
        check_equal(found)
    found[TORCH] = dataclasses.replace(found[TORCH], results=lambda: right() | {"output": np.zeros((3, 1))})
    with pytest.raises(ArithmeticError, match="output: numpy has shape"):
        check_equal(found)
    found[TORCH] = dataclasses.replace(found[TORCH], results=lambda: right() | {"output": np.full((3, 128), np.nan)})
    with pytest.raises(ArithmeticError, match="output: numpy and torch differ by nan"):
        check_equal(found)


def test_it_refuses_what_there_is_not() -> None:
    with pytest.raises(ValueError, match="name must be one of formula, lenet5"):
        sides("resnet", 2, seed=0)
    with pytest.raises(ValueError, match="batch_size must be at most 60000"):
        sides("formula", 60001, seed=0)


def test_batch_last_changes_memory_alone() -> None:
    array = np.arange(24.0).reshape(2, 3, 4)
    assert (batch_last(array) == array).all()
    assert batch_last(array).strides == (8, 64, 16)


def test_the_layers_that_were_asked_for_are_there() -> None:
    shapes = {name: layer.shape for name, layer in LAYERS.items()}
    assert shapes["conv7x7-3-64-224-stride2"] == (3, 224, 224)
    assert shapes["dense-9216-128"] == (9216,)
    assert shapes["cross-entropy-1000"] == (1000,)
