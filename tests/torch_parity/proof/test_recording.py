"""What is recorded of a network of torch, and which networks are refused."""

import re
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import nn

from torch_parity.proof.pairs import PAIRS, pair_named
from torch_parity.proof.prove import numbered_case
from torch_parity.proof.recording import INPUT, NoFormulaError, Recording, record
from torch_parity.proof.whole import distances, numpy_calls, prove_layers

IMAGE = torch.randn(2, 3, 6, 6, dtype=torch.float64, generator=torch.Generator().manual_seed(0))


class Written(nn.Module):
    """A network that is a function of its input and itself."""

    def __init__(self, function: Callable[..., object], **layers: nn.Module) -> None:
        super().__init__()
        for name, layer in layers.items():
            self.add_module(name, layer)
        self.function = function

    def forward(self, x: torch.Tensor) -> object:
        return self.function(self, x)


def recorded(function: Callable[..., object], **layers: nn.Module) -> Recording:
    torch.manual_seed(1)
    return record(Written(function, **layers).double(), IMAGE, seed=2)


def plain(network: nn.Module, recording: Recording) -> tuple[torch.Tensor, dict[str, torch.Tensor | None]]:
    """The gradients of the network as it is."""
    image = IMAGE.clone().requires_grad_()
    network(image).backward(torch.from_numpy(recording.grad_output))
    assert image.grad is not None
    return image.grad, {name: parameter.grad for name, parameter in network.named_parameters()}


def test_each_call_knows_its_layer_its_formula_and_where_its_arrays_come_from() -> None:
    network = nn.Sequential(nn.Conv2d(3, 4, 3), nn.Sequential(nn.ReLU(inplace=True), nn.MaxPool2d(2)), nn.Flatten())
    calls = record(network.double(), IMAGE, seed=0).calls
    assert [(call.layer, call.pair.name) for call in calls] == [
        ("0", "conv2d"), ("1.0", "relu"), ("1.1", "max_pool2d"), ("2", "flatten")
    ]  # fmt: skip
    assert calls[0].origins == {"input": INPUT, "weight": "0.weight", "bias": "0.bias"}
    assert [call.origins["input"] for call in calls] == [INPUT, 0, 1, 2]
    assert calls[0].options == {"stride": (1, 1), "padding": (0, 0), "dilation": (1, 1), "groups": 1}
    assert calls[0].case().arrays["input"].shape == (2, 3, 6, 6)


def test_a_call_has_torchs_own_numbers() -> None:
    """The upstream gradient is that of the layer above, and all gradients are those of torch without recording."""
    network = nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU(inplace=True), nn.Flatten(), nn.Linear(64, 5)).double()
    recording = record(network, IMAGE, seed=0)
    grad_input, grads = plain(network, recording)
    results = [call.results() for call in recording.calls]
    assert (results[0]["grad_input"] == recording.grad_input).all()
    assert (recording.grad_input == grad_input.numpy()).all()
    assert all(
        (recording.parameter_grads[name] == grad.numpy()).all() for name, grad in grads.items() if grad is not None
    )
    for before, after in zip(recording.calls, results[1:], strict=False):
        assert (before.case().upstream(()) == after["grad_input"]).all()
    assert (recording.calls[-1].case().upstream(()) == recording.grad_output).all()


def test_a_network_that_parts_and_meets_again() -> None:
    """What is used twice gets both gradients; each way has its own."""
    recording = recorded(lambda net, x: net.a(x) + net.b(x), a=nn.Conv2d(3, 2, 3), b=nn.Conv2d(3, 2, 3))
    a, b, add = (call.results() for call in recording.calls)
    assert recording.calls[2].origins == {"input": 0, "other": 1}
    assert (add["grad_input"] == add["grad_other"]).all()
    assert (recording.grad_input == a["grad_input"] + b["grad_input"]).all()


def test_a_layer_that_is_used_twice_has_the_sum_of_both_gradients() -> None:
    recording = recorded(lambda net, x: net.a(net.a(x)), a=nn.Conv2d(3, 3, 3))
    first, second = (call.results()["grad_weight"] for call in recording.calls)
    assert (recording.parameter_grads["a.weight"] == first + second).all()


def test_what_is_used_twice_in_one_call_gets_both_gradients() -> None:
    recording = recorded(lambda net, x: x + x)
    [add] = recording.calls
    assert (add.results()["grad_input"] == recording.grad_output).all()
    assert (recording.grad_input == 2 * recording.grad_output).all()


def test_what_nobody_uses_has_a_gradient_of_zeros() -> None:
    def forward(net: nn.Module, x: torch.Tensor) -> torch.Tensor:
        F.relu(x)
        return F.softmax(x, dim=1)

    recording = recorded(forward)
    assert all(one.share < 1e-14 for one in distances(recording, numpy_calls(recording)))
    unused, _ = recording.calls
    assert not unused.case().upstream(()).any()
    assert not unused.results()["grad_input"].any()


def test_running_statistics_are_those_before_the_call_and_after_it() -> None:
    network = nn.Sequential(nn.BatchNorm2d(3)).double().train()
    recording = record(network, IMAGE, seed=0)
    [call] = recording.calls
    assert (call.case().arrays["running_mean"] == 0).all()
    assert (call.results()["running_mean"] == network.state_dict()["0.running_mean"].numpy()).all()
    assert [*recording.statistics] == ["0.running_mean", "0.running_var"]
    assert network.state_dict()["0.num_batches_tracked"] == 1


def test_a_layer_that_is_used_twice_learns_of_both_batches() -> None:
    """The second call starts from the running statistics that the first one left."""
    recording = recorded(lambda net, x: net.a(F.relu(net.a(x))), a=nn.BatchNorm2d(3))
    first, _, second = recording.calls
    assert (second.case().arrays["running_var"] == first.results()["running_var"]).all()
    assert (recording.statistics["a.running_var"] == second.results()["running_var"]).all()
    assert all(one.share < 1e-14 for one in distances(recording, numpy_calls(recording)))


def test_a_buffer_that_is_no_running_statistic_is_given() -> None:
    network = Written(lambda net, x: net.norm(x) + net.shift)
    network.register_buffer("shift", torch.ones(2, 3, 6, 6, dtype=torch.float64))
    network.add_module("norm", nn.BatchNorm2d(3).double())
    recording = record(network, IMAGE, seed=0)
    assert [*recording.statistics] == ["norm.running_mean", "norm.running_var"]
    assert recording.calls[1].origins == {"input": 0, "other": "shift"}


def test_what_is_given_is_as_it_was_when_it_was_used() -> None:
    def forward(net: Any, x: torch.Tensor) -> Any:
        y = x + net.count
        net.count.add_(1)
        return y

    network = Written(forward)
    network.register_buffer("count", torch.ones((), dtype=torch.float64))
    recording = record(network, IMAGE, seed=0)
    assert recording.calls[0].case().arrays["other"] == 1
    assert not any(layer.difference for layer in prove_layers(recording))


@pytest.mark.parametrize("p", [0.0, 0.4, 1.0])
@pytest.mark.parametrize(("name", "function"), [("dropout", F.dropout), ("dropout2d", F.dropout2d)])
def test_what_dropout_drops_is_what_the_network_drops(name: str, function: Callable[..., Any], p: float) -> None:
    """The numbers of the whole network, too: after it, others are drawn."""

    def forward(net: nn.Module, x: torch.Tensor) -> Any:
        return function(function(F.relu(x), p, net.training), p, net.training)

    network = Written(forward)
    recording = record(network, IMAGE, seed=3)
    _, first, second = recording.calls
    assert first.pair.name == second.pair.name == name
    torch.manual_seed(3)
    assert (recording.output == network(IMAGE).numpy()).all()
    mask = first.case().arrays["mask"]
    kept = np.broadcast_to(mask if name == "dropout" else mask[:, :, None, None], IMAGE.shape)
    results = first.results()
    assert (results["output"][~kept] == 0).all()
    assert (results["grad_input"][~kept] == 0).all()
    assert ((results["grad_input"] != 0) == (kept & (first.case().upstream(()) != 0))).all()
    if p == 0.4:
        assert 0 < mask.mean() < 1
        assert (mask != second.case().arrays["mask"]).any()


def test_dropout_keeps_everything_in_eval_mode() -> None:
    [call] = record(nn.Sequential(nn.Dropout(0.9)).eval(), IMAGE, seed=3).calls
    assert call.options == {"p": 0.9, "training": False}
    assert call.case().arrays["mask"].all()


# Every way to write a formula.

WAYS: dict[str, tuple[str, Callable[[torch.Tensor], torch.Tensor]]] = {
    "F.relu": ("relu", F.relu),
    "torch.relu": ("relu", torch.relu),
    "x.relu": ("relu", lambda x: x.relu()),
    "in place": ("relu", lambda x: F.relu(x, inplace=True)),
    "F.relu_": ("relu", lambda x: F.relu_(x)),
    "torch.flatten": ("flatten", lambda x: torch.flatten(x, 1)),
    "x.flatten": ("flatten", lambda x: x.flatten(1)),
    "view of a size": ("reshape", lambda x: x.view(x.size(0), -1)),
    "reshape of a shape": ("reshape", lambda x: x.reshape(x.shape[0], 4, 27)),
    "unsqueeze": ("reshape", lambda x: x.unsqueeze(1)),
    "torch.squeeze": ("reshape", lambda x: torch.squeeze(x)),
    "operator +": ("add", lambda x: x + x),
    "torch.add": ("add", lambda x: torch.add(x, x)),
    "a number more": ("add", lambda x: x + 1),
    "more than a number": ("add", lambda x: 0.3 + x),
    "a number repeated": ("add", lambda x: torch.add(torch.full((3, 1, 1), 0.1, dtype=x.dtype), x)),
    "operator *": ("mul", lambda x: x * x),
    "torch.mul": ("mul", lambda x: torch.mul(x, x)),
    "times a number": ("mul", lambda x: -0.3 * x),
    "in place, times a row": ("mul", lambda x: x.mul_(torch.linspace(1, 2, 6, dtype=x.dtype))),
    "torch.cat": ("cat", lambda x: torch.cat([x, x], 1)),
    "torch.cat by name": ("cat", lambda x: torch.cat((x, x), dim=-1)),
    "F.max_pool2d": ("max_pool2d", lambda x: F.max_pool2d(x, 2)),
    "torch.max_pool2d": ("max_pool2d", lambda x: torch.max_pool2d(x, (2, 3))),
    "F.avg_pool2d": ("avg_pool2d", lambda x: F.avg_pool2d(x, 3, padding=1)),
    "F.adaptive_avg_pool2d": ("adaptive_avg_pool2d", lambda x: F.adaptive_avg_pool2d(x, (2, 5))),
    "F.pad": ("pad", lambda x: F.pad(x, (1, 2, 0, 1))),
    "mean over pixels": ("mean", lambda x: x.mean([2, 3])),
    "torch.mean from the end": ("mean", lambda x: torch.mean(x, (-1, -2), keepdim=True)),
    "x.softmax": ("softmax", lambda x: x.softmax(1)),
    "F.log_softmax": ("log_softmax", lambda x: F.log_softmax(x, dim=-1)),
}


@pytest.mark.parametrize("way", WAYS)
def test_a_formula_may_be_written_in_any_way(way: str) -> None:
    formula, function = WAYS[way]
    recording = recorded(lambda net, x: function(x))
    [call] = recording.calls
    assert call.pair.name == formula
    assert (recording.output == function(IMAGE.clone()).numpy()).all()
    grad_input, _ = plain(Written(lambda net, x: function(x.clone())), recording)
    assert (recording.grad_input == grad_input.numpy()).all()
    assert not any(layer.difference for layer in prove_layers(recording))
    assert all(one.share < 1e-14 for one in distances(recording, numpy_calls(recording)))


LAYERS = [pair.name for pair in PAIRS if pair.layer is not None and "target" not in pair.gradients]


@pytest.mark.parametrize("name", LAYERS)
def test_every_formula_that_has_a_layer_may_be_in_a_network(name: str) -> None:
    pair, proven = pair_named(name), 0
    for index in range(60):
        case = numbered_case(pair, 0, index, (np.dtype(np.float64),))
        if case.kind != "real" or not all(array.size for array in case.arrays.values()):
            continue
        layer = pair.layer and pair.layer(torch.nn, case.arrays, case.arguments)
        if layer is None:
            continue
        recording = record(layer.double(), torch.from_numpy(np.array(case.arrays["input"])), seed=index)
        assert recording.calls[-1].pair is pair
        assert not any(found.difference for found in prove_layers(recording))
        proven += 1
    assert proven >= 2


def test_python_between_the_layers_may_look_at_shapes_and_flags() -> None:
    def forward(net: nn.Module, x: torch.Tensor) -> torch.Tensor:
        if x.dim() == 4 and x.is_floating_point() and x.shape[-1] > 1 and len(x) == 2:
            x = F.relu(x)
        return x.view(*x.shape[:2], x.numel() // 6)

    assert [call.pair.name for call in recorded(forward).calls] == ["relu", "reshape"]


# What is refused.


def changed_and_used(net: Any, x: torch.Tensor) -> torch.Tensor:
    x = net.a(x)
    return F.relu(x, inplace=True) + x


def under_no_grad(net: nn.Module, x: torch.Tensor) -> torch.Tensor:
    with torch.no_grad():
        return F.relu(x)


REFUSED: dict[str, tuple[Callable[..., object], str]] = {
    "another function": (lambda net, x: F.hardswish(net.a(x)), r"Written calls torch\.nn\.functional\.hardswish, "),
    "another method": (lambda net, x: x.abs(), r"Written calls torch\.Tensor\.abs, which is none of the form"),
    "an index": (lambda net, x: x[:, :2], "__getitem__, which is none"),
    "cut off": (lambda net, x: x.detach(), "detach, which is none"),
    "of a parameter": (lambda net, x: F.conv2d(x, net.a.weight.abs()), "abs, which is none"),
    "a layer inside": (lambda net, x: net.odd(x), r"odd \(Hardtanh\) calls torch\.nn\.functional\.hardtanh"),
    "another dtype beside it": (lambda net, x: x + torch.ones(6), "add with what is not in the formula here: it must "),
    "a factor": (lambda net, x: torch.add(x, x, alpha=2), "must have two arrays of one dtype, and alpha 1"),
    "a mean over one dimension": (lambda net, x: x.mean(1), "it must be the mean over rows and columns"),
    "another dtype": (lambda net, x: F.softmax(x, 1, dtype=torch.float32), "here: dtype=torch.float32"),
    "without gradients": (under_no_grad, "calls torch.nn.functional.relu without gradients"),
    "changed in place": (changed_and_used, "changes an array in place that it uses again"),
    "two outputs": (lambda net, x: (F.relu(x), x), "must return one array, computed from its input, got tuple"),
    "its input": (lambda net, x: torch.zeros(2), r"must return one array, .* got a tensor of shape \(2,\)"),
}  # fmt: skip


@pytest.mark.parametrize("what", REFUSED)
def test_what_is_no_formula_is_named_with_its_place(what: str) -> None:
    function, message = REFUSED[what]
    with pytest.raises(NoFormulaError, match=message):
        recorded(function, a=nn.Conv2d(3, 2, 3), odd=nn.Hardtanh())


def test_the_error_names_everything_that_may_be_used() -> None:
    with pytest.raises(NoFormulaError, match=re.escape("conv2d")) as found:
        recorded(lambda net, x: x.abs())
    named = str(found.value).rpartition("formulas: ")[2].split(", ")
    assert {"conv2d", "batch_norm", "linear", "add", "cat", "mean", "view"} <= {*named}
    assert not {"sgd", "cross_entropy"} & {*named}


def test_what_is_refused_leaves_the_network_without_hooks() -> None:
    network = Written(lambda net, x: x.abs())
    with pytest.raises(NoFormulaError):
        record(network, IMAGE, seed=0)
    assert not network._forward_hooks
    assert not network._forward_pre_hooks


def test_the_rows_are_found_by_their_names() -> None:
    assert record(nn.Sequential(nn.ReLU()), IMAGE, seed=0).calls[0].pair is pair_named("relu")
