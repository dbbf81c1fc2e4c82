"""What a torch script says to a network, to its parameters and its loss: the same lines on both sides."""

import copy
import pickle
import re
from collections import OrderedDict
from typing import Any

import numpy as np
import pytest
import torch

import reference
from reference import nn, optim
from reference.module import IncompatibleKeys
from tests.reference.comparing import assert_equal, in_torch, random_integers, random_normal
from torch_parity.networks import NETWORKS


def dense(side: Any) -> Any:
    return side.Sequential(side.Flatten(), side.Linear(4, 3), side.ReLU(inplace=True), side.Linear(3, 2, bias=False))


def own(side: Any) -> Any:
    """A class with a parameter of its own, set after its layers, a list, and a layer and a parameter of two names."""

    class Net(side.Module):  # type: ignore[misc]
        def __init__(self) -> None:
            super().__init__()
            self.features = side.Sequential(OrderedDict(conv=side.Conv2d(1, 2, 3), relu=side.ReLU()))
            self.flatten, self.nothing = side.Flatten(), None
            self.flat = self.flatten
            self.heads = side.ModuleList([side.Linear(8, 3), side.Linear(8, 3)])
            self.again = self.heads[0]
            self.heads[1].bias = self.heads[0].bias
            ones = np.ones(3, np.float32)
            self.scale = side.Parameter(ones if side is nn else torch.from_numpy(ones))

    return Net()


def normalised(side: Any) -> Any:
    """A network with buffers, those of one layer by two names, and a buffer that is not saved."""

    class Net(side.Module):  # type: ignore[misc]
        def __init__(self) -> None:
            super().__init__()
            self.body = side.Sequential(side.Conv2d(1, 2, 3), side.BatchNorm2d(2), side.ReLU())
            self.again = self.body[1]
            array = (lambda numbers: numbers) if side is nn else torch.from_numpy
            self.register_buffer("table", array(np.ones((2, 3), np.float32)))
            self.register_buffer("scratch", array(np.zeros(4, np.float32)), persistent=False)
            self.register_buffer("nothing", None)
            self.head = side.BatchNorm1d(3, affine=False, track_running_stats=False)

    return Net()


BUILDS = {**NETWORKS, "dense": dense, "own": own, "normalised": normalised}


# Text.

LAYERS: dict[str, Any] = {
    "Conv2d": lambda s: s.Conv2d(1, 2, 3),
    "Conv2d, all": lambda s: s.Conv2d(2, 4, (3, 2), 2, 1, (1, 2), 2, bias=False, padding_mode="reflect"),
    "Conv2d, height": lambda s: s.Conv2d(1, 2, 3, padding=(1, 0), dilation=(2, 1)),
    "Conv2d, width": lambda s: s.Conv2d(1, 2, 3, padding=(0, 1), dilation=(1, 2)),
    "Conv2d, same": lambda s: s.Conv2d(1, 2, 3, padding="same"),
    "ConvTranspose2d": lambda s: s.ConvTranspose2d(1, 2, 3),
    "ConvTranspose2d, all": lambda s: s.ConvTranspose2d(2, 4, (3, 2), 2, 1, 1, 2, bias=False, dilation=(1, 2)),
    "ConvTranspose2d, height": lambda s: s.ConvTranspose2d(1, 2, 3, 2, (1, 0), (1, 0), dilation=(2, 1)),
    "ConvTranspose2d, width": lambda s: s.ConvTranspose2d(1, 2, 3, 2, (0, 1), (0, 1), dilation=(1, 2)),
    "ReLU": lambda s: s.ReLU(),
    "ReLU, inplace": lambda s: s.ReLU(True),
    "MaxPool2d": lambda s: s.MaxPool2d(2),
    "MaxPool2d, all": lambda s: s.MaxPool2d((3, 2), 1, 1, 2, ceil_mode=True),
    "AvgPool2d": lambda s: s.AvgPool2d(2),
    "AvgPool2d, all": lambda s: s.AvgPool2d((3, 2), (1, 2), 1, True, False, 3),
    "ConstantPad2d": lambda s: s.ConstantPad2d((1, 2, 0, 1), 3.5),
    "ZeroPad2d": lambda s: s.ZeroPad2d(1),
    "ReflectionPad2d": lambda s: s.ReflectionPad2d((1, 2, 0, 1)),
    "ReplicationPad2d": lambda s: s.ReplicationPad2d(1),
    "CircularPad2d": lambda s: s.CircularPad2d(1),
    "BatchNorm2d": lambda s: s.BatchNorm2d(3),
    "BatchNorm1d, all": lambda s: s.BatchNorm1d(3, 1e-3, None, affine=False, track_running_stats=False),
    "BatchNorm1d, no bias": lambda s: s.BatchNorm1d(3, bias=False),
    "Flatten": lambda s: s.Flatten(),
    "Flatten, all": lambda s: s.Flatten(0, 2),
    "Linear": lambda s: s.Linear(3, 2),
    "Linear, no bias": lambda s: s.Linear(3, 2, bias=False),
    "Softmax": lambda s: s.Softmax(dim=1),
    "LogSoftmax": lambda s: s.LogSoftmax(-1),
    "Identity": lambda s: s.Identity(54, unused=1),
    "Sequential": lambda s: s.Sequential(),
    "CrossEntropyLoss": lambda s: s.CrossEntropyLoss(label_smoothing=0.1),
    "NLLLoss": lambda s: s.NLLLoss(ignore_index=1),
    "MSELoss": lambda s: s.MSELoss(reduction="sum"),
    "BCEWithLogitsLoss": lambda s: s.BCEWithLogitsLoss(),
    "ModuleList": lambda s: s.ModuleList(),
    "ModuleList, alike": lambda s: s.ModuleList([s.ReLU(), s.ReLU(), dense(s), s.Flatten(), s.ReLU()]),
}


@pytest.mark.parametrize("build", [*LAYERS.values(), *BUILDS.values()], ids=[*LAYERS, *BUILDS])
def test_a_layer_is_printed_as_torch_prints_it(build: Any) -> None:
    assert str(build(nn)) == str(build(torch.nn))


def test_an_own_text_of_arguments_is_printed_as_torch_prints_it() -> None:
    def build(side: Any, text: str, inside: bool) -> Any:
        class Own(side.Module):  # type: ignore[misc]
            def extra_repr(self) -> str:
                return text

        layer = Own()
        if inside:
            layer.one = side.Sequential(side.ReLU())
        return layer

    for text in ("", "width=3", "width=3\nheight=4"):
        for inside in (False, True):
            assert str(build(nn, text, inside)) == str(build(torch.nn, text, inside))


# Parameters and layers by name.


@pytest.mark.parametrize("build", BUILDS.values(), ids=BUILDS)
def test_names_are_those_of_torch_in_their_order(build: Any) -> None:
    def names(side: Any) -> dict[str, Any]:
        net = build(side)
        return {
            "parameters": [(name, tuple(one.shape)) for name, one in net.named_parameters()],
            "prefixed": [name for name, _ in net.named_parameters("net")],
            "own": [name for name, _ in net.named_parameters(recurse=False)],
            "own, prefixed": [name for name, _ in net.named_parameters("net", recurse=False)],
            "with duplicates": [name for name, _ in net.named_parameters(remove_duplicate=False)],
            "count": (len(list(net.parameters())), len(list(net.parameters(recurse=False)))),
            "numbers": sum(p.numel() for p in net.parameters() if p.requires_grad),
            "state_dict": list(net.state_dict()),
            "modules": [(name, type(one).__name__) for name, one in net.named_modules()],
            "modules alone": [type(one).__name__ for one in net.modules()],
            "modules with duplicates": [name for name, _ in net.named_modules(prefix="net", remove_duplicate=False)],
            "children": [(name, type(one).__name__) for name, one in net.named_children()],
            "children alone": [type(one).__name__ for one in net.children()],
            "buffers": [(name, tuple(one.shape)) for name, one in net.named_buffers()],
            "buffers alone": (len(list(net.buffers())), len(list(net.buffers(recurse=False)))),
            "buffers with duplicates": [name for name, _ in net.named_buffers("net", remove_duplicate=False)],
            "own buffers": [name for name, _ in net.named_buffers(recurse=False)],
        }

    assert names(nn) == names(torch.nn)


def test_layers_and_parameters_are_found_by_name() -> None:
    for side in (nn, torch.nn):
        net = own(side)
        assert net.get_submodule("features.conv") is net.features[0]
        assert net.get_submodule("again") is net.get_submodule("heads.0") is net.heads[0]
        assert net.get_submodule("") is net
        assert net.get_parameter("again.weight") is net.heads[0].weight
        with pytest.raises(AttributeError):
            net.get_submodule("features.pool")
    network = nn.Sequential(nn.Linear(1, 1))
    with pytest.raises(AttributeError, match=re.escape("Sequential has no 'x', only 0")):
        network.get_submodule("x")
    with pytest.raises(AttributeError, match=re.escape("Sequential has no '0', only 0.weight, 0.bias")):
        network.get_parameter("0")
    with pytest.raises(AttributeError, match="ReLU has no 'x', only none"):
        nn.ReLU().get_submodule("x")


def test_a_layer_is_added_by_name() -> None:
    for side in (nn, torch.nn):
        net = side.Module()
        net.add_module("conv", side.Conv2d(1, 1, 1))
        net.add_module("conv", side.ReLU())  # in its place
        net.add_module("0", side.Flatten())
        assert [name for name, _ in net.named_children()] == ["conv", "0"]
        with pytest.raises(KeyError if side is torch.nn else ValueError):
            net.add_module("train", side.ReLU())
        with pytest.raises(TypeError):
            net.add_module("other", 3)
        with pytest.raises(TypeError):
            net.add_module(3, side.ReLU())


def test_a_function_is_applied_to_what_is_inside_first() -> None:
    def seen(side: Any) -> list[str]:
        found: list[str] = []
        net = own(side)
        assert net.apply(lambda layer: found.append(type(layer).__name__)) is net
        return found

    assert seen(nn) == seen(torch.nn)


# Training and its opposite.


def test_train_and_eval_reach_every_layer() -> None:
    for side in (nn, torch.nn):
        net = own(side)
        assert all(layer.training for layer in net.modules())
        assert net.eval() is net
        assert not any(layer.training for layer in net.modules())
        assert net.features.train() is net.features
        assert [layer.training for layer in net.children()] == [True, False, False, False]
        assert net.train(True) is net
        assert all(layer.training for layer in net.modules())
        assert side.ReLU().training
        with pytest.raises(ValueError, match="mode"):
            net.train(1)


def trained(side: Any, before: Any, frozen: list[str], steps: int = 3) -> dict[str, Any]:
    """Weights after some steps on integers with powers of two, which do not round."""
    net = side.Sequential(side.Linear(4, 3), side.Linear(3, 2))
    weights = {
        n: random_integers(tuple(p.shape), np.float32, seed=i) for i, (n, p) in enumerate(net.named_parameters())
    }
    net.load_state_dict(weights if side is nn else in_torch(weights))
    for name in frozen:
        net.get_parameter(name).requires_grad_(False)
    sgd = (optim if side is nn else torch.optim).SGD(net.parameters(), lr=0.5, momentum=0.5)
    for step in range(steps):
        before(net, sgd, step)
        x, g = random_integers((2, 4), np.float32, seed=step), random_integers((2, 2), np.float32, seed=9 + step)
        if side is nn:
            net(x)
            net.backward(g, needs_input_grad=False)
        else:
            net(torch.from_numpy(x)).backward(torch.from_numpy(g))
        sgd.step()
    return {name: p.data if side is nn else p.detach().numpy() for name, p in net.named_parameters()}


@pytest.mark.parametrize(
    "before",
    [
        lambda net, sgd, step: sgd.zero_grad(),
        lambda net, sgd, step: sgd.zero_grad(set_to_none=False),
        lambda net, sgd, step: net.zero_grad(set_to_none=True),
        lambda net, sgd, step: net.zero_grad(False),
        lambda net, sgd, step: None,
        # What has a gradient of zeros still moves with its momentum; what has none stays.
        lambda net, sgd, step: (net.zero_grad(set_to_none=False), net[0].requires_grad_(step == 0)),
        lambda net, sgd, step: (sgd.zero_grad(set_to_none=False), net[0].requires_grad_(step == 0)),
        lambda net, sgd, step: (net.zero_grad(set_to_none=True), net[0].requires_grad_(step == 0)),
    ],
)
@pytest.mark.parametrize("frozen", [[], ["0.weight"], ["0.weight", "0.bias"], ["1.weight"], ["1.bias"]])
def test_gradients_are_forgotten_and_parameters_frozen_as_in_torch(before: Any, frozen: list[str]) -> None:
    ours, theirs = (trained(side, before, frozen) for side in (nn, torch.nn))
    for name, array in ours.items():
        assert_equal(array, theirs[name])


def test_forgotten_gradients_are_none_or_new_zeros() -> None:
    network = nn.Sequential(nn.Linear(4, 2), nn.Linear(2, 1))
    network(random_normal((3, 4), np.float32))
    network.zero_grad(set_to_none=False)
    assert all(parameter.grad is None for parameter in network.parameters())
    network.backward(random_normal((3, 1), np.float32))
    taken = [parameter.grad for parameter in network.parameters()]
    network.zero_grad(set_to_none=False)
    for parameter, before in zip(network.parameters(), taken, strict=True):
        assert parameter.grad is not None
        assert_equal(parameter.grad, np.zeros(parameter.shape, np.float32))
        assert before is not None
        assert before.any()
    network.zero_grad()
    assert all(parameter.grad is None for parameter in network.parameters())


def test_no_gradient_is_computed_for_a_frozen_parameter(monkeypatch: pytest.MonkeyPatch) -> None:
    masks = []
    gradients = reference.conv.Convolution.gradients

    def spy(convolution: Any, grad_output: Any, output_mask: tuple[bool, bool, bool]) -> Any:
        masks.append(output_mask)
        return gradients(convolution, grad_output, output_mask)

    monkeypatch.setattr(reference.conv.Convolution, "gradients", spy)
    network = nn.Sequential(nn.Conv2d(1, 2, 3), nn.Conv2d(2, 2, 3), nn.Conv2d(2, 2, 1))
    network[0].requires_grad_(False)
    network.get_parameter("1.weight").requires_grad_(False)
    network.get_parameter("2.bias").requires_grad = False
    y = network(random_normal((2, 1, 6, 6), np.float32))
    network.backward(np.ones_like(y), needs_input_grad=False)
    assert masks == [(True, True, False), (False, False, True)]
    assert [name for name, one in network.named_parameters() if one.grad is not None] == ["1.bias", "2.weight"]
    linear = nn.Linear(2, 2)
    linear.weight.requires_grad_(False)
    linear.backward(np.ones_like(linear(random_normal((3, 2), np.float32))))
    assert linear.weight.grad is None
    assert linear.bias is not None
    assert linear.bias.grad is not None
    assert linear.requires_grad_() is linear
    assert linear.weight.requires_grad


# Places and kinds of numbers.


@pytest.mark.parametrize(
    ("arguments", "options", "dtype"),
    [
        (("cpu",), {}, "float32"), ((torch.device("cpu"),), {}, "float32"), (("cpu:0",), {}, "float32"),
        ((torch.float64,), {}, "float64"), (("cpu", torch.float64), {"non_blocking": True}, "float64"),
        ((), {"dtype": torch.float64}, "float64"), ((), {"device": "cpu", "dtype": torch.double}, "float64"),
        ((), {"memory_format": torch.channels_last}, "float32"), ((None, torch.float64), {}, "float64"),
    ],
)  # fmt: skip
def test_a_network_goes_where_torchs_goes(arguments: Any, options: Any, dtype: str) -> None:
    network, twin = nn.Sequential(nn.Conv2d(1, 1, 1)), torch.nn.Sequential(torch.nn.Conv2d(1, 1, 1))
    assert network.to(*arguments, **options) is network
    assert twin.to(*arguments, **options) is twin
    for parameter, other in zip(network.parameters(), twin.parameters(), strict=True):
        assert str(parameter.dtype) == str(other.dtype).removeprefix("torch.") == dtype


def test_dtypes_may_be_numpys_or_names() -> None:
    layer = nn.Linear(2, 1)
    for number, wanted in enumerate((np.float64, np.float32, np.dtype(np.float64), "float32", "float64")):
        assert layer.to(wanted).weight.dtype == (np.float32 if number % 2 else np.float64)
    assert layer.cpu() is layer


@pytest.mark.parametrize("device", ["cuda", "cuda:1", "mps", torch.device("cuda", 0)])
def test_another_device_is_refused(device: Any) -> None:
    layer = nn.Linear(2, 1)
    with pytest.raises(ValueError, match=f"^device must be 'cpu', got '{device}': .* leave the line out$"):
        layer.to(np.float64, device=device)
    assert layer.weight.dtype == np.float32  # nothing is changed


@pytest.mark.parametrize("dtype", [torch.float16, np.float16, "bfloat16", int, "gpu"])
def test_another_dtype_is_refused(dtype: Any) -> None:
    with pytest.raises(TypeError, match=r"^dtype must be float32 or float64, got '"):
        nn.Linear(2, 1).to(dtype)


def test_a_loss_goes_with_the_network() -> None:
    criterion = nn.CrossEntropyLoss(np.array([1, 2], np.float32)).to("cpu").double().eval()
    assert criterion(random_normal((3, 2)), np.array([0, 1, 1])).dtype == np.float64
    assert nn.CrossEntropyLoss().double().weight is None
    assert list(criterion.parameters()) == []


# Weights.


def test_loading_says_what_matched() -> None:
    weights = {"weight": random_normal((2, 3), np.float32), "extra": random_normal((2,), np.float32)}
    layer, twin = nn.Linear(3, 2), torch.nn.Linear(3, 2)
    kept = layer.state_dict()
    found, theirs = layer.load_state_dict(weights, strict=False), twin.load_state_dict(in_torch(weights), strict=False)
    assert (found.missing_keys, found.unexpected_keys) == (theirs.missing_keys, theirs.unexpected_keys)
    assert str(found) == str(theirs).replace("_IncompatibleKeys", "IncompatibleKeys")
    assert_equal(layer.weight.data, weights["weight"])
    assert_equal(layer.state_dict()["bias"], kept["bias"])
    whole = layer.load_state_dict(layer.state_dict(), strict=True)
    assert str(whole) == str(twin.load_state_dict(twin.state_dict())) == "<All keys matched successfully>"
    assert whole == IncompatibleKeys([], [])
    assert str(IncompatibleKeys([], ["a"])) == "IncompatibleKeys(missing_keys=[], unexpected_keys=['a'])"
    with pytest.raises(ValueError, match=re.escape("missing: ['bias'], unexpected: ['extra']")):
        layer.load_state_dict(weights)
    with pytest.raises(ValueError, match="must have shape"):
        layer.load_state_dict({"weight": kept["weight"][:1]}, strict=False)


def test_tensors_are_refused_with_what_to_write() -> None:
    twin = torch.nn.Linear(3, 2)
    with pytest.raises(TypeError, match=re.escape("load_state_dict({name: tensor.numpy() for name, tensor in")):
        nn.Linear(3, 2).load_state_dict(twin.state_dict())


def test_weights_go_through_a_file_of_numpys(tmp_path: Any) -> None:
    one, other = dense(nn), dense(nn)
    np.savez(tmp_path / "weights.npz", **one.state_dict())
    with np.load(tmp_path / "weights.npz") as file:
        other.load_state_dict(file)
    for name, array in one.state_dict().items():
        assert_equal(other.state_dict()[name], array)


# Parameters.


def test_a_parameter_answers_as_a_tensor_does() -> None:
    ours, theirs = nn.Conv2d(2, 3, (5, 4)).weight, torch.nn.Conv2d(2, 3, (5, 4)).weight
    for ask in (
        lambda p: tuple(p.shape), lambda p: tuple(p.size()), lambda p: p.size(2), lambda p: p.size(0),
        lambda p: p.size(-1), lambda p: p.numel(), lambda p: p.ndim, lambda p: p.dim(), lambda p: len(p),
        lambda p: p.requires_grad, lambda p: p.requires_grad_(False) is p, lambda p: p.requires_grad, lambda p: p.grad,
    ):  # fmt: skip
        assert ask(ours) == ask(theirs)
    assert ours.dtype == np.float32
    assert str(nn.Parameter(np.array([1.0, 2.5]))) == "Parameter containing:\narray([1. , 2.5])"
    assert not nn.Parameter(np.ones(1), requires_grad=False).requires_grad
    with pytest.raises(TypeError, match="requires_grad must be True or False, got 1"):
        ours.requires_grad_(1)  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="requires_grad must be True or False, got 0"):
        nn.Parameter(np.ones(1), requires_grad=0)  # type: ignore[arg-type]


def test_a_further_group_is_trained_as_in_torch() -> None:
    found = []
    for side, sgd in ((nn, optim.SGD), (torch.nn, torch.optim.SGD)):
        make: Any = (lambda a: nn.Parameter(a)) if side is nn else (lambda a: torch.nn.Parameter(torch.tensor(a)))
        first, second, third = (make(np.array([number, 8.0])) for number in (1.0, 2.0, 4.0))
        optimizer = sgd([first], lr=0.5, momentum=0.5)
        for step in range(3):
            if step == 1:
                optimizer.add_param_group({"params": second, "lr": 0.25})
                optimizer.add_param_group({"params": [third], "momentum": 0.0})
            for parameter in (first, second, third):
                grad = np.array([4.0, 2.0 * step])
                parameter.grad = grad if side is nn else torch.tensor(grad)
            optimizer.step()
        rates = [(group["lr"], group["momentum"]) for group in optimizer.param_groups]
        found.append([rates, *(np.asarray(p.data).tolist() for p in (first, second, third))])
        wrongs: Any = (({"params": first}, ValueError), ([first], TypeError))
        for wrong, kind in wrongs:
            with pytest.raises(kind):
                optimizer.add_param_group(wrong)
        assert len(optimizer.param_groups) == 3
    assert found[0] == found[1]


def test_a_group_that_is_refused_changes_nothing() -> None:
    first, other = nn.Parameter(np.ones(1)), nn.Parameter(np.ones(1))
    optimizer = optim.SGD([first], lr=0.5)
    for wrong in ({"params": [other, first]}, {"params": other, "lr": -1.0}, {"params": other, "rate": 1.0}):
        with pytest.raises(ValueError, match=r"once|must not be negative|takes the options"):
            optimizer.add_param_group(wrong)
    assert [group["params"] for group in optimizer.param_groups] == [[first]]
    assert optimizer.momentum_buffers == [None]


# The loss.


def test_a_loss_is_an_array_like_any_other() -> None:
    criterion, x = nn.CrossEntropyLoss(), random_normal((3, 2), np.float32)
    loss: Any = criterion(x, np.array([0, 1, 1]))
    assert issubclass(type(loss), np.ndarray)
    assert (loss.shape, loss.dtype) == ((), np.float32)
    assert loss.item() == float(loss) == reference.cross_entropy(x, np.array([0, 1, 1]))
    assert f"{loss:.3f}" == f"{loss.item():.3f}"
    for number in (loss / 2, loss + loss, sum([loss, loss])):
        assert type(number) is np.float32
    each: Any = nn.CrossEntropyLoss(reduction="none")(x, np.array([0, 1, 1]))
    assert type(each * 2) is np.ndarray
    assert loss.detach().cpu() is loss
    plain = loss.detach().cpu().numpy()
    assert type(plain) is np.ndarray
    assert plain == loss
    with pytest.raises(RuntimeError, match=re.escape("write network.backward(criterion.backward())")):
        loss.backward()
    with pytest.raises(RuntimeError, match=re.escape("loss.backward()")):
        loss.backward(retain_graph=True)


# Identity.


def test_identity_gives_on_what_it_gets() -> None:
    layer, x, g = nn.Identity(), random_normal((2, 3), np.float32), random_normal((2, 3), np.float32)
    assert layer(x) is x
    assert layer.backward(g) is g
    assert layer.backward(g, needs_input_grad=False) is None
    with pytest.raises(TypeError, match="grad_output must have the dtype of input, float32, got float64"):
        layer.backward(g.astype(np.float64))
    with pytest.raises(ValueError, match=r"grad_output must have shape \(2, 3\)"):
        layer.backward(g[:1])
    with pytest.raises(TypeError, match="input must be float32 or float64, got int64"):
        layer(np.array([1]))
    with pytest.raises(RuntimeError, match="call forward before backward"):
        nn.Identity().backward(g)
    network = nn.Sequential(nn.Identity(), nn.Linear(3, 2))
    given = x.copy()
    y = network(given)
    network.backward(np.ones_like(y))
    grad: Any = network.get_parameter("1.weight").grad
    network.zero_grad()
    given *= 0  # the caller's own: the layer behind keeps a copy
    network.backward(np.ones_like(y))
    again: Any = network.get_parameter("1.weight").grad
    assert_equal(again, grad)


# A network of one's own.


def test_a_class_without_its_halves_is_told_what_to_write() -> None:
    class Net(nn.Module):
        pass

    with pytest.raises(NotImplementedError, match=r"^Net must define forward$"):
        Net()(np.ones(1))
    with pytest.raises(NotImplementedError, match=r"^Net must define backward\(self, grad_output, needs_input_grad=T"):
        Net().backward(np.ones(1))


def test_a_class_may_take_several_inputs() -> None:
    for side in (nn, torch.nn):

        class Sum(side.Module):  # type: ignore[misc, name-defined]
            def forward(self, one: Any, other: Any, factor: int = 1) -> Any:
                return one + factor * other

        assert Sum()(1, 2, factor=3) == 7
        with pytest.raises(TypeError, match="takes 2 positional arguments but 3 were given"):
            side.ReLU()(1, 2)


def test_a_network_is_copied_with_what_it_was_told() -> None:
    network = dense(nn).eval()
    network[1].requires_grad_(False)
    other = copy.deepcopy(network)
    assert not other.training
    assert [one.requires_grad for one in other.parameters()] == [False, False, True]
    assert other[1].weight is not network[1].weight
    through_a_file = pickle.loads(pickle.dumps(network))
    assert not through_a_file.training
    assert str(through_a_file) == str(network)


# Buffers.


def test_buffers_go_with_the_parameters() -> None:
    for side in (nn, torch.nn):
        network = normalised(side)
        assert network.double() is network
        kinds = {name: str(one.dtype).removeprefix("torch.") for name, one in network.named_buffers()}
        assert kinds.pop("body.1.num_batches_tracked") == "int64"
        assert set(kinds.values()) == {"float64"}
        assert len(kinds) == 4
        assert str(network.float().body[1].running_var.dtype).removeprefix("torch.") == "float32"


def test_a_state_with_buffers_travels_to_torch_and_back() -> None:
    network, twin = normalised(nn), normalised(torch.nn)
    twin.body(torch.randn(3, 1, 4, 4))  # which moves the statistics
    theirs = {name: one.numpy() for name, one in twin.state_dict().items()}
    assert str(network.load_state_dict(theirs)) == "<All keys matched successfully>"
    for name, array in network.state_dict().items():
        assert_equal(array, theirs[name])
        assert array.shape == theirs[name].shape
    assert network.body[1].num_batches_tracked == 1
    network.body[1].running_mean = network.body[1].running_mean + 1
    twin.load_state_dict(in_torch(network.state_dict()))
    for name, array in twin.state_dict().items():
        assert_equal(network.state_dict()[name], array.numpy())


def test_a_state_with_buffers_is_a_snapshot() -> None:
    layer = nn.BatchNorm1d(2)
    before = layer.state_dict()
    given = {name: array + 1 for name, array in before.items()}
    layer.load_state_dict(given)
    for name in given:
        given[name] *= 0
    assert layer.running_mean is not None
    assert layer.running_mean.tolist() == [1, 1]
    layer(random_normal((3, 2), np.float32))
    assert before["running_mean"].tolist() == [0, 0]
    assert before["num_batches_tracked"] == 0


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        ({"running_mean": None}, ValueError, r"state_dict must .*missing: \['running_mean'\]"),
        ({"running_var": np.ones(3, np.float32)}, ValueError, r"'running_var'\] must have shape \(2,\), got \(3,\)"),
        ({"running_var": np.ones(2, int)}, TypeError, r"'running_var'\] must be float32 or float64, got int64"),
        ({"num_batches_tracked": np.array(1.0)}, TypeError, r"must be a NumPy array of integers, got float64"),
        ({"num_batches_tracked": 1}, TypeError, r"must be a NumPy array of integers, got int"),
        ({"num_batches_tracked": np.ones(1, int)}, ValueError, r"must have shape \(\), got \(1,\)"),
    ],
)
def test_a_state_whose_buffers_do_not_fit_changes_nothing(
    change: dict[str, Any], error: type[Exception], message: str
) -> None:
    layer = nn.BatchNorm1d(2)
    before = layer.state_dict()
    state = {name: array + 1 for name, array in before.items()} | change
    with pytest.raises(error, match=message):
        layer.load_state_dict({name: array for name, array in state.items() if array is not None})
    for name, array in layer.state_dict().items():
        assert_equal(array, before[name])
    if change == {"running_mean": None}:
        state.pop("running_mean")
        assert layer.load_state_dict(state, strict=False).missing_keys == ["running_mean"]
        assert layer.num_batches_tracked == 1


def test_counts_of_other_integers_are_taken() -> None:
    layer = nn.BatchNorm1d(2)
    layer.load_state_dict({**layer.state_dict(), "num_batches_tracked": np.uint8(3)})  # type: ignore[dict-item]
    assert layer.num_batches_tracked == 3
    assert layer.num_batches_tracked.dtype == np.int64
    assert type(layer.num_batches_tracked) is np.ndarray


def test_a_buffer_is_what_is_set_as_the_attribute() -> None:
    for side in (nn, torch.nn):
        array = (lambda numbers: numbers) if side is nn else torch.from_numpy
        net = side.Module()
        net.register_buffer("table", array(np.zeros(2, np.float32)))
        net.register_buffer("later", None)
        assert [name for name, _ in net.named_buffers()] == ["table"]
        net.later = array(np.ones(3, np.float32))
        net.table = array(np.ones(4, np.float32))
        assert [tuple(one.shape) for one in net.buffers()] == [(4,), (3,)]
        net.table = None
        assert list(net.state_dict()) == ["later"]
        net.register_buffer("later", array(np.ones(1, np.float32)), persistent=False)
        assert list(net.state_dict()) == []
        assert len(list(net.buffers())) == 1
        for wrong in ("", "a.b", "forward"):
            with pytest.raises(KeyError if side is torch.nn else ValueError):
                net.register_buffer(wrong, array(np.zeros(2, np.float32)))
        with pytest.raises(TypeError):
            net.register_buffer("list", [1.0])


def test_a_network_is_copied_with_its_buffers() -> None:
    network = normalised(nn).body
    network(random_normal((2, 1, 4, 4), np.float32))
    for other in (copy.deepcopy(network), pickle.loads(pickle.dumps(network))):
        for name, array in other.state_dict().items():
            assert_equal(array, network.state_dict()[name])
        other(random_normal((2, 1, 4, 4), np.float32))
        assert (other[1].num_batches_tracked, network[1].num_batches_tracked) == (2, 1)
