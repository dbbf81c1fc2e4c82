"""Whole networks: each layer on what torch fed it, both ends, and faults that must be found where they are."""

import copy
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

import reference
from torch_parity.image_networks import IMAGE_NETWORKS, residual_block
from torch_parity.masks import handed
from torch_parity.networks import resnet_small
from torch_parity.proof.recording import Recording, record
from torch_parity.proof.whole import (
    FARTHEST,
    Distance,
    Ends,
    LayerProof,
    distances,
    numpy_calls,
    numpy_network,
    prove_layers,
    randomized,
)

SMALL = (2, 3, 12, 10)
BATCH_NORM_BACKWARD: Callable[..., Any] = reference.batch_norm_backward
CONV2D_BACKWARD: Callable[..., Any] = reference.conv2d_backward


def small(nn: Any) -> Any:
    """A stem and two residual blocks, the second of which halves the image; then, in training, some scores are lost."""
    block = residual_block(nn)
    return nn.Sequential(
        nn.Conv2d(3, 4, 3, bias=False), nn.BatchNorm2d(4), nn.ReLU(), nn.MaxPool2d(2), block(4, 4), block(4, 6, 2),
        nn.AvgPool2d(2), nn.Flatten(), nn.Dropout(0.3), nn.Linear(6, 5),
    )  # fmt: skip


def both(
    build: Callable[[Any], Any], shape: tuple[int, ...], training: bool
) -> tuple[Recording, list[LayerProof], list[Distance]]:
    """The recording of torch's network, the proof of each layer, and how far NumPy's network is from it."""
    torch.manual_seed(0)
    network = randomized(build(nn), seed=1).train(training)
    ours = build(reference.nn).double().train(training)
    ours.load_state_dict({name: tensor.numpy() for name, tensor in network.state_dict().items()})
    image = torch.randn(shape, dtype=torch.float64)
    ends = numpy_network(ours, image.numpy(), seed=2)
    del ours  # a gigabyte of VGG
    with handed(network, ends.masks):
        recording = record(network, image, seed=2)
    layers = [*prove_layers(recording)]
    return recording, layers, distances(recording, ends)


def assert_equal(layers: list[LayerProof], found: list[Distance]) -> None:
    assert {layer.layer: layer.difference for layer in layers if layer.difference} == {}
    assert all(one.near for one in found), found


@pytest.mark.parametrize("training", [True, False])
def test_a_residual_network_is_equal_layer_by_layer_and_from_end_to_end(training: bool) -> None:
    recording, layers, found = both(small, SMALL, training)
    assert_equal(layers, found)
    assert [one.kind for one in found] == ["output", "input gradient", "parameter gradients", "running statistics"]
    assert all(one.share < 1e-13 for one in found)
    assert [layer.formula for layer in layers].count("add") == 2
    norm = next(layer for layer in layers if layer.formula == "batch_norm")
    assert {"output", "running_mean", "running_var", "grad_input", "grad_weight", "grad_bias"} == {*norm.verdicts}
    shares = [verdict.share for layer in layers for verdict in layer.verdicts.values() if verdict.share is not None]
    assert 0 < max(shares) < 1
    # The calls by themselves, of a network that torch alone has.
    assert all(one.share < 1e-13 for one in distances(recording, numpy_calls(recording)))


def without_the_last_term(grad_output: Any, input: Any, mean: Any, var: Any, weight: Any, **options: Any) -> Any:
    """The gradient of batch normalisation as if the variance did not depend on the input."""
    found = BATCH_NORM_BACKWARD(grad_output, input, mean, var, weight, **options)
    axes = (0, 2, 3)
    centred = input - input.mean(axes, keepdims=True)
    x_hat = centred / np.sqrt(input.var(axes, keepdims=True) + options["eps"])
    s = (weight / np.sqrt(input.var(axes) + options["eps"]))[:, None, None]
    return (found[0] + s * x_hat * (grad_output * x_hat).mean(axes, keepdims=True), *found[1:])


def only_with_stride(grad_output: Any, input: Any, weight: Any, **options: Any) -> Any:
    """The gradient of a convolution whose kernel gets too little wherever it leaves out pixels."""
    found = CONV2D_BACKWARD(grad_output, input, weight, **options)
    return found if options["stride"] == (1, 1) else (found[0], found[1] * (1 - 1e-9), found[2])


@pytest.mark.parametrize(
    ("gradient", "wrong", "training", "place", "result"),
    [
        ("batch_norm_backward", without_the_last_term, True, ("1", "batch_norm"), "grad_input"),
        ("conv2d_backward", only_with_stride, True, ("5.conv1", "conv2d"), "grad_weight"),
        ("conv2d_backward", only_with_stride, False, ("5.conv1", "conv2d"), "grad_weight"),
    ],
)
def test_a_planted_fault_is_found_at_the_first_layer_that_has_it(
    gradient: str,
    wrong: Callable[..., Any],
    training: bool,
    place: tuple[str, str],
    result: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(reference, gradient, wrong)
    _, layers, _ = both(small, SMALL, training)
    first = next(layer for layer in layers if layer.difference)
    assert (first.layer, first.formula) == place
    assert first.difference.startswith(f"{result}: ")
    assert {name for name, verdict in first.verdicts.items() if not verdict.equal} == {result}
    assert {layer.formula for layer in layers if layer.difference} == {place[1]}


def test_an_error_of_the_reference_is_a_difference(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*arguments: Any, **options: Any) -> Any:
        raise ValueError("input must be something else")

    monkeypatch.setattr(reference, "conv2d_backward", refuse)
    _, layers, _ = both(small, SMALL, True)
    assert layers[0].difference == "ValueError: input must be something else"


def test_a_gradient_of_another_shape_is_a_difference(monkeypatch: pytest.MonkeyPatch) -> None:
    def first_image(*arguments: Any, **options: Any) -> Any:
        found = BATCH_NORM_BACKWARD(*arguments, **options)
        return found[0][:1], *found[1:]

    monkeypatch.setattr(reference, "batch_norm_backward", first_image)
    _, layers, _ = both(small, SMALL, False)
    assert "shape (1, 4, 10, 8) against torch's (2, 4, 10, 8)" in layers[1].difference


@pytest.mark.parametrize("where", ["output", "grad_input", "grads", "statistics"])
def test_both_ends_are_compared_with_the_largest_number_of_their_kind(where: str) -> None:
    def one(of: str) -> float:
        return 1 + 2e-11 * (where == of)

    recording, _, _ = both(small, SMALL, True)
    ends = Ends(
        recording.output * one("output"),
        recording.grad_input * one("grad_input"),
        {name: grad * one("grads") for name, grad in recording.parameter_grads.items()},
        {name: array * one("statistics") for name, array in recording.statistics.items()},
    )
    far = [found for found in distances(recording, ends) if not found.near]
    assert len(far) == 1
    assert far[0].share == pytest.approx(2e-11, rel=1e-3)
    assert far[0].share > FARTHEST


class Joined(nn.Module):
    """Ways that part and meet in every manner, of a network that torch alone has."""

    def __init__(self) -> None:
        super().__init__()
        self.a, self.b, self.c = nn.Conv2d(3, 4, 1), nn.Conv2d(3, 2, 1), nn.Linear(6, 5)

    def forward(self, x: torch.Tensor) -> Any:
        y = torch.cat([self.a(x), self.b(x)], dim=1)
        y = y * torch.softmax(y.mean((2, 3), keepdim=True), dim=1)  # each channel as much as it counts
        return self.c((y + torch.relu(y)).mean([2, 3]).view(len(x), -1))


def joined() -> tuple[list[LayerProof], list[Distance]]:
    recording = record(Joined().double(), torch.randn(SMALL, dtype=torch.float64), seed=0)
    return [*prove_layers(recording)], distances(recording, numpy_calls(recording))


def test_a_network_that_torch_alone_has_is_equal_from_end_to_end() -> None:
    layers, found = joined()
    assert_equal(layers, found)
    assert [layer.layer for layer in layers] == [
        "a", "b", "(cat)", "(mean)", "(softmax)", "(mul)", "(relu)", "(add)", "(mean)", "(reshape)", "c"
    ]  # fmt: skip
    product = layers[5].verdicts
    assert product["output"].share is product["grad_input"].share is None
    assert 0 < (product["grad_other"].share or 0) < 1
    assert all(one.share < 1e-14 for one in found)


@pytest.mark.parametrize(
    ("function", "result"), [("adaptive_avg_pool2d", "output"), ("adaptive_avg_pool2d_backward", "grad_input")]
)
def test_a_fault_in_a_mean_is_found(function: str, result: str, monkeypatch: pytest.MonkeyPatch) -> None:
    right: Callable[..., Any] = getattr(reference, function)
    monkeypatch.setattr(reference, function, lambda *arguments: right(*arguments) * (1 + 1e-12))
    layers, found = joined()
    different = [(layer.layer, layer.difference.partition(":")[0]) for layer in layers if layer.difference]
    assert different == [("(mean)", result)] * 2
    assert all(one.near for one in found)


def test_what_is_missing_or_no_number_is_infinitely_far() -> None:
    recording, _, _ = both(small, SMALL, True)
    grads = dict(recording.parameter_grads)
    output = recording.output.copy()
    output[1, 2] = np.nan
    del grads["9.bias"]
    found = distances(recording, Ends(output, recording.grad_input[:1], grads, recording.statistics))
    assert [one.share for one in found] == [np.inf, np.inf, np.inf, 0]
    assert found[2].where == "9.bias"


def test_faults_between_the_layers_show_at_the_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    """A block whose gradient forgets the shortcut, though each layer in it is right."""
    block = residual_block(reference.nn)
    backward = block.backward

    def forgetful(self: Any, grad_output: Any, needs_input_grad: bool = True) -> Any:
        grad = backward(self, grad_output)
        return grad - self.relu2.backward(grad_output) if self.downsample is None else grad

    monkeypatch.setattr(block, "backward", forgetful)
    _, layers, found = both(small, SMALL, True)
    assert not any(layer.difference for layer in layers)
    assert [one.near for one in found] == [True, False, False, True]


def test_random_weights_are_nobodys_first_ones() -> None:
    network = randomized(small(nn), seed=0)
    again = randomized(copy.deepcopy(network), seed=0).get_submodule("1")
    other = randomized(copy.deepcopy(network), seed=1).get_submodule("1")
    norm: Any = network.get_submodule("1")
    assert norm.weight.dtype == torch.float64
    assert (norm.weight != 1).all()
    assert (norm.weight > 0).all()
    assert (norm.running_var > 0).all()
    assert (norm.running_mean != 0).all()
    assert torch.equal(norm.bias, again.get_parameter("bias"))
    assert not torch.equal(norm.bias, other.get_parameter("bias"))


def test_the_small_resnet_is_equal() -> None:
    _, layers, found = both(resnet_small, (2, 1, 28, 28), True)
    assert_equal(layers, found)
    assert [layer.shape for layer in layers if layer.formula == "add"] == [
        (2, 32, 14, 14), (2, 64, 7, 7)
    ]  # fmt: skip
    assert layers[-1].shape == (2, 10)


# On images of this size; small ones take a tenth of the time, but leave nothing to VGG's and AlexNet's dense layers.
# In eval mode those two are the same without dropout.
PHOTOGRAPHS = [
    ("alexnet", 224, True), ("vgg11", 224, True),
    ("resnet18", 64, True), ("resnet18", 64, False), ("mobilenet-v1", 64, True), ("mobilenet-v1", 64, False),
]  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize(("name", "size", "training"), PHOTOGRAPHS)
def test_networks_for_photographs_are_equal(name: str, size: int, training: bool) -> None:
    _, layers, found = both(IMAGE_NETWORKS[name], (2, 3, size, size), training)
    assert_equal(layers, found)


def test_all_of_them_are_asked() -> None:
    assert {name for name, _, _ in PHOTOGRAPHS} == {*IMAGE_NETWORKS}
