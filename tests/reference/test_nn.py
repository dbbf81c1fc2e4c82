"""Layers and networks against their ``torch.nn`` twins: built by one source line, loaded with one set of weights.

What concerns one layer alone is in the file of its formula.
"""

import math
import warnings
from collections import OrderedDict
from typing import Any

import numpy as np
import pytest
import torch

import reference
from reference import nn, optim
from tests.reference.comparing import (
    CASES,
    EXACT,
    Array,
    assert_equal,
    cases_of,
    forward_and_backward,
    in_torch,
    random_integers,
    random_normal,
)
from torch_parity.masks import handed, masks_of
from torch_parity.networks import NETWORKS
from torch_parity.proof.backend import tensor, torch_as_measured
from torch_parity.proof.compare import compare, same_bits
from torch_parity.proof.pairs import PAIRS, Pair
from torch_parity.proof.prove import DTYPES

PAIRS_WITH_A_LAYER = [pair for pair in PAIRS if pair.layer is not None]
# How many a test feeds to each network.
IMAGES = {"formula": 4, "lenet5": 3, "mnist-example": 2, "vgg-small": 2, "resnet-small": 2}


def in_numpy(state_dict: dict[str, torch.Tensor]) -> dict[str, Array]:
    return {name: parameter.numpy() for name, parameter in state_dict.items()}


@pytest.mark.parametrize("pair", PAIRS_WITH_A_LAYER, ids=lambda pair: pair.name)
def test_every_layer_equals_its_twin_built_by_the_same_line(pair: Pair) -> None:
    built, kinds = 0, set()
    assert pair.layer is not None
    for case in cases_of(pair):
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", message="Initializing zero-element tensors is a no-op")  # torch's
            layer, twin = (pair.layer(side, case.arrays, case.arguments) for side in (nn, torch.nn))
        if layer is None:
            continue
        built += 1
        kinds.add((case.kind, case.dtype))
        # A count, which is in the state too, is in no case.
        weights = {name: np.array(case.arrays.get(name, array)) for name, array in layer.state_dict().items()}
        if weights and case.dtype == np.float64:
            layer.double(), twin.double()
        x = case.arrays["input"]
        with torch_as_measured():
            g = case.upstream(tuple(twin(tensor(x)).shape))
        layer.load_state_dict(weights)
        twin.load_state_dict(in_torch(weights))  # not before: it may have learned of the batch
        with np.errstate(all="ignore"):
            expected = pair.expected(case, g)
        for name, (ours, theirs) in forward_and_backward(layer, twin, x, g).items():
            verdict = compare(ours, theirs, expected.get(name))
            assert verdict.equal, f"{name}: {verdict.message}, {case}"
        for name, array in layer.named_buffers():
            verdict = compare(array, twin.get_buffer(name).numpy(), expected.get(name))
            assert verdict.equal, f"{name}: {verdict.message}, {case}"
    assert built >= CASES / 4
    assert len(kinds) == len(pair.kinds) * len(DTYPES)


def test_backward_before_forward_is_an_error() -> None:
    layers: list[Any] = [
        nn.Conv2d(1, 1, 2), nn.ReLU(), nn.MaxPool2d(2), nn.AvgPool2d(2), nn.ZeroPad2d(1), nn.BatchNorm1d(1),
        nn.BatchNorm2d(1), nn.Flatten(), nn.Linear(2, 1), nn.LayerNorm(1), nn.GroupNorm(1, 1), nn.Softmax(1),
        nn.LogSoftmax(1), nn.Sequential(nn.ReLU()), nn.CrossEntropyLoss(), nn.LeakyReLU(), nn.Sigmoid(), nn.Tanh(),
        nn.SiLU(), nn.GELU(), nn.AdaptiveAvgPool2d(1), nn.Dropout(), nn.Dropout2d(), nn.NLLLoss(), nn.MSELoss(),
        nn.BCEWithLogitsLoss(),
    ]  # fmt: skip
    for layer in layers:
        with pytest.raises(RuntimeError, match="call forward before backward"):
            layer.backward(np.ones((1, 1), np.float32))


# Weights, which travel between the sides.


@pytest.mark.parametrize("name", NETWORKS)
def test_a_networks_state_dict_travels_to_torch_and_back(name: str) -> None:
    network, twin = NETWORKS[name](nn), NETWORKS[name](torch.nn)
    assert list(network.state_dict()) == list(twin.state_dict())
    x = random_normal((IMAGES[name], 1, 28, 28), np.float32)

    network.load_state_dict(in_numpy(twin.state_dict()))
    for key, theirs in twin.state_dict().items():
        assert_equal(network.state_dict()[key], theirs.numpy())
    scores = network(x)
    with handed(twin, masks_of(network)):
        assert np.abs(scores - twin(tensor(x)).detach().numpy()).max() < 1e-4  # the same network: scores are around 1

    nn.manual_seed(1)
    other = NETWORKS[name](nn)
    twin.load_state_dict(in_torch(other.state_dict()))
    for key, theirs in twin.state_dict().items():
        assert_equal(other.state_dict()[key], theirs.numpy())


def test_a_state_dict_is_a_snapshot() -> None:
    network = nn.Sequential(nn.Linear(3, 2))
    before = network.state_dict()
    kept = {name: array.copy() for name, array in before.items()}
    optimizer = optim.SGD(network.parameters(), lr=0.5)
    network(random_normal((4, 3), np.float32))
    network.backward(random_normal((4, 2), np.float32))
    optimizer.step()
    for name, array in before.items():
        assert_equal(array, kept[name])
        assert (network.state_dict()[name] != array).any()


def test_loading_a_state_dict_copies_it() -> None:
    given = {"weight": random_normal((2, 3), np.float32), "bias": random_normal((2,), np.float32)}
    kept = {name: array.copy() for name, array in given.items()}
    layer = nn.Linear(3, 2)
    layer.load_state_dict(given)
    layer(random_normal((4, 3), np.float32))
    layer.backward(random_normal((4, 2), np.float32))
    optim.SGD(layer.parameters(), lr=0.5).step()
    for name, array in given.items():
        assert_equal(array, kept[name])


def test_loading_converts_to_the_parameters_dtype() -> None:
    layer, twin = nn.Linear(3, 2), torch.nn.Linear(3, 2)
    given = {"weight": random_normal((2, 3)), "bias": random_normal((2,))}
    layer.load_state_dict(given)
    twin.load_state_dict(in_torch(given))
    for name, array in layer.state_dict().items():
        assert array.dtype == np.float32
        assert_equal(array, twin.state_dict()[name].numpy())


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        (lambda state: state.pop("bias"), ValueError, "missing: \\['bias'\\]"),
        (lambda state: state.update(extra=state["bias"]), ValueError, "unexpected: \\['extra'\\]"),
        (lambda state: state.update(bias=state["bias"][:1]), ValueError, "must have shape"),
        (lambda state: state.update(bias=np.arange(2)), TypeError, "float32 or float64"),
    ],
)
def test_a_state_dict_that_does_not_fit_changes_nothing(change: Any, error: type[Exception], message: str) -> None:
    layer = nn.Linear(3, 2)
    before = layer.state_dict()
    given = {name: array + 1 for name, array in before.items()}
    change(given)
    with pytest.raises(error, match=message):
        layer.load_state_dict(given)
    for name, array in layer.state_dict().items():
        assert_equal(array, before[name])


# Sequential.


def test_layers_may_have_names() -> None:
    def build(side: Any) -> Any:
        layers = [("conv", side.Conv2d(1, 2, 3)), ("flat", side.Flatten()), ("dense", side.Linear(8, 3))]
        return side.Sequential(OrderedDict(layers))

    network, twin = build(nn), build(torch.nn)
    assert list(network.state_dict()) == list(twin.state_dict())
    nested, their_nested = nn.Sequential(network, nn.ReLU()), torch.nn.Sequential(twin, torch.nn.ReLU())
    assert list(nested.state_dict()) == list(their_nested.state_dict())
    assert len(network) == len(twin)
    assert network[2] is network.layers[2] is list(network)[2]


@pytest.mark.parametrize("name", ["", "a.b", "forward", "parameters"])
def test_a_layers_name_may_not_hide_anything(name: str) -> None:
    with pytest.raises(ValueError, match="layers must have names"):
        nn.Sequential(OrderedDict([(name, nn.ReLU())]))
    with pytest.raises(KeyError):
        torch.nn.Sequential(OrderedDict([(name, torch.nn.ReLU())]))


def test_a_layer_used_twice_is_an_error() -> None:
    # torch takes it.  Here a layer remembers one input, the last, so the gradient of the first use would be wrong.
    layer = nn.ReLU()
    for layers in ((layer, layer), (layer, nn.Linear(2, 2), layer), (nn.Sequential(layer), layer)):
        with pytest.raises(ValueError, match="layers must hold each Module once"):
            nn.Sequential(*layers)


# Gradients.


def test_gradients_add_up_until_they_are_forgotten() -> None:
    network, twin = (
        side.Sequential(side.Conv2d(2, 3, 2), side.Flatten(), side.Linear(12, 4)) for side in (nn, torch.nn)
    )
    weights = {n: random_integers(p.data.shape, np.float32) for n, p in network.named_parameters()}
    network.load_state_dict(weights)
    twin.load_state_dict(in_torch(weights))
    x, g = random_integers((2, 2, 3, 3), np.float32), random_integers((2, 4), np.float32, 1)
    for times in (1, 2, 3):
        network(x), network.backward(g)
        twin(tensor(x)).backward(tensor(g))
        theirs = dict(twin.named_parameters())
        for name, parameter in network.named_parameters():
            assert_equal(parameter.grad, theirs[name].grad.numpy(), EXACT)
        if times == 1:
            first = [parameter.grad.copy() for parameter in network.parameters()]
    network.zero_grad()
    assert all(parameter.grad is None for parameter in network.parameters())
    network(x), network.backward(g)
    for parameter, grad in zip(network.parameters(), first, strict=True):
        assert_equal(parameter.grad, grad)


def test_a_gradient_that_was_taken_out_does_not_change_when_more_is_added() -> None:
    layer = nn.Linear(3, 2)
    layer(random_normal((4, 3), np.float32))
    layer.backward(random_normal((4, 2), np.float32))
    taken = layer.weight.grad
    assert taken is not None
    kept = taken.copy()
    layer.backward(random_normal((4, 2), np.float32))
    assert_equal(taken, kept)


def test_needs_input_grad_is_about_the_input_alone() -> None:
    for pair in PAIRS_WITH_A_LAYER:
        assert pair.layer is not None
        for case in cases_of(pair):
            layer = pair.layer(nn, case.arrays, case.arguments)
            if layer is None:
                continue
            if case.dtype == np.float64:
                layer.double()
            y = layer(case.arrays["input"])
            g = case.upstream(y.shape)
            assert layer.backward(g) is not None
            kept = [parameter.grad for parameter in layer.parameters()]
            layer.zero_grad()
            assert layer.backward(g, needs_input_grad=False) is None
            for parameter, grad in zip(layer.parameters(), kept, strict=True):
                assert_equal(parameter.grad, grad)


@pytest.mark.parametrize("needs_input_grad", [True, False])
def test_the_gradient_of_the_images_is_computed_only_on_demand(
    needs_input_grad: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    masks, pads = [], []

    gradients = reference.conv.Convolution.gradients

    def spy(convolution: Any, grad_output: Array, output_mask: tuple[bool, bool, bool]) -> Any:
        masks.append(output_mask)
        return gradients(convolution, grad_output, output_mask)

    def spy_on_pad(*arguments: Any) -> Array:
        pads.append(arguments)
        return reference.pad_backward(*arguments)

    monkeypatch.setattr(reference.conv.Convolution, "gradients", spy)
    monkeypatch.setattr(nn.padding, "pad_backward", spy_on_pad)
    network = nn.Sequential(
        nn.ZeroPad2d(1), nn.Sequential(nn.Conv2d(1, 2, 3), nn.ReLU()), nn.Conv2d(2, 3, 3, bias=False), nn.Flatten()
    )
    y = network(random_normal((2, 1, 6, 6), np.float32))
    grad = network.backward(np.ones_like(y), needs_input_grad=needs_input_grad)
    # The last convolution comes first: the one before it learns, so it must hand its gradient on.
    assert masks == [(True, True, False), (needs_input_grad, True, True)]
    assert len(pads) == needs_input_grad
    assert (grad is not None) == needs_input_grad
    assert all(parameter.grad is not None for parameter in network.parameters())


def test_a_network_that_learns_nothing_computes_no_gradient_that_nobody_asks_for() -> None:
    network = nn.Sequential(nn.ReLU(), nn.Flatten())
    y = network(random_normal((2, 1, 3, 3), np.float32))
    assert network.backward(np.ones_like(y), needs_input_grad=False) is None
    assert network.backward(np.ones_like(y)) is not None


# Parameters.


@pytest.mark.parametrize("name", NETWORKS)
def test_double_and_float_convert_every_parameter(name: str) -> None:
    network, twin = NETWORKS[name](nn), NETWORKS[name](torch.nn)
    before = network.state_dict()
    twin.load_state_dict(in_torch(before))
    assert network.double() is network
    twin.double()
    for key, array in network.state_dict().items():
        assert_equal(array, twin.state_dict()[key].numpy())
    y = network.eval()(random_normal((2, 1, 28, 28)))  # in training, running statistics would learn of it
    network.backward(np.ones_like(y))
    assert all(p.data.dtype == p.grad.dtype == np.float64 for p in network.parameters())
    assert network.float() is network
    assert all(p.data.dtype == p.grad.dtype == np.float32 for p in network.parameters())
    for key, array in network.state_dict().items():
        assert_equal(array, before[key])


def test_manual_seed_repeats_the_initial_weights() -> None:
    states = []
    for seed in (3, 3, 4):
        nn.manual_seed(seed)
        states.append(nn.Sequential(nn.Conv2d(2, 3, 3), nn.Linear(5, 4)).state_dict())
    for name, array in states[0].items():
        assert_equal(array, states[1][name])
        assert (array != states[2][name]).any()


@pytest.mark.parametrize(
    ("build", "fan_in"),
    [
        (lambda side: side.Conv2d(6, 64, (3, 5)), 6 * 3 * 5),
        (lambda side: side.Conv2d(60, 120, (3, 5), groups=20), 3 * 3 * 5),
        (lambda side: side.ConvTranspose2d(64, 6, (3, 5)), 6 * 3 * 5),
        (lambda side: side.ConvTranspose2d(120, 60, (3, 5), groups=20), 3 * 3 * 5),
        (lambda side: side.Linear(50, 400), 50),
    ],
    ids=["conv2d", "groups", "conv_transpose2d", "conv_transpose2d, groups", "linear"],
)
def test_initial_weights_have_torchs_default_distribution(build: Any, fan_in: int) -> None:
    bound = 1 / math.sqrt(fan_in)
    nn.manual_seed(5)
    torch.manual_seed(5)
    layers, twins = [build(nn) for _ in range(5)], [build(torch.nn) for _ in range(5)]
    for name in ("weight", "bias"):
        ours = np.concatenate([getattr(layer, name).data.ravel() for layer in layers])
        theirs = np.concatenate([getattr(twin, name).detach().numpy().ravel() for twin in twins])
        for sample in (ours, theirs):
            # Uniform: mean 0, variance bound^2/3, fourth moment bound^4/5; five standard errors of the two estimates.
            assert np.abs(sample).max() <= bound * (1 + 1e-7)
            assert np.abs(sample).max() > bound * (1 - 10 / sample.size)
            assert abs(sample.mean()) < 5 * bound / math.sqrt(3 * sample.size)
            error = math.sqrt((1 / 5 - 1 / 9) / sample.size) * bound**2
            assert abs((sample.astype(np.float64) ** 2).mean() - bound**2 / 3) < 5 * error
    assert layers[0].weight.data.dtype == np.float32


# Training.


@pytest.mark.parametrize("name", ["formula", "lenet5"])
def test_twenty_training_steps_in_torchs_form_stay_within_1e_12(name: str) -> None:
    network, twin = NETWORKS[name](nn), NETWORKS[name](torch.nn)
    network.double(), twin.double()
    initial = network.state_dict()
    snapshot = {key: array.copy() for key, array in initial.items()}
    twin.load_state_dict(in_torch(network.state_dict()))
    options: dict[str, Any] = {"lr": 0.02, "momentum": 0.9, "weight_decay": 1e-4, "nesterov": True}
    data = reference.datasets.mnist()
    criterion, optimizer = nn.CrossEntropyLoss(), optim.SGD(network.parameters(), **options)
    their_criterion, their_optimizer = torch.nn.CrossEntropyLoss(), torch.optim.SGD(twin.parameters(), **options)
    for step in range(20):
        batch = slice(step * 16, step * 16 + 16)
        images = reference.datasets.normalize(data.train_images[batch], dtype=np.float64)
        labels = data.train_labels[batch]

        optimizer.zero_grad()
        loss = criterion(network(images), labels)
        network.backward(criterion.backward(), needs_input_grad=False)
        optimizer.step()

        their_optimizer.zero_grad()
        their_loss = their_criterion(twin(tensor(images)), tensor(labels))
        their_loss.backward()
        their_optimizer.step()

        assert abs(loss - their_loss.item()) < 1e-12
    theirs = twin.state_dict()
    for key, array in network.state_dict().items():
        assert np.abs(array - theirs[key].numpy()).max() < 1e-12
        assert np.abs(array - initial[key]).max() > 1e-3  # it did learn,
        assert_equal(initial[key], snapshot[key])  # and left the snapshot alone


# What a layer keeps is its own.

BATCH_LAST = random_integers((3, 5, 5, 4)).transpose(3, 0, 1, 2)  # (4, 3, 5, 5), as the layers leave it
KEEPERS: dict[str, tuple[Any, Array]] = {
    "Conv2d": (lambda: nn.Conv2d(3, 2, 3), random_integers((4, 3, 5, 5))),
    "Conv2d, batch last": (lambda: nn.Conv2d(3, 2, 3), BATCH_LAST),
    "Conv2d, batch last, 1x1": (lambda: nn.Conv2d(3, 2, 1), BATCH_LAST),
    "Conv2d, reflect": (lambda: nn.Conv2d(3, 2, 3, padding=1, padding_mode="reflect"), BATCH_LAST),
    "Conv2d, unbatched": (lambda: nn.Conv2d(3, 2, 3), random_integers((3, 5, 5))),
    "ConvTranspose2d": (lambda: nn.ConvTranspose2d(3, 2, 3), random_integers((4, 3, 5, 5))),
    "ConvTranspose2d, batch last": (lambda: nn.ConvTranspose2d(3, 2, 3, 2), BATCH_LAST),
    "ConvTranspose2d, batch last, 1x1": (lambda: nn.ConvTranspose2d(3, 2, 1), BATCH_LAST),
    "ConvTranspose2d, unbatched": (lambda: nn.ConvTranspose2d(3, 2, 3, 2), random_integers((3, 5, 5))),
    "ReLU": (nn.ReLU, BATCH_LAST),
    "LeakyReLU": (lambda: nn.LeakyReLU(0.5), BATCH_LAST),
    "Sigmoid": (nn.Sigmoid, BATCH_LAST),
    "Tanh": (nn.Tanh, BATCH_LAST),
    "SiLU": (nn.SiLU, BATCH_LAST),
    "GELU": (nn.GELU, BATCH_LAST),
    "MaxPool2d": (lambda: nn.MaxPool2d(2, 1), BATCH_LAST),
    "AvgPool2d": (lambda: nn.AvgPool2d(2, 1), BATCH_LAST),
    "ReflectionPad2d": (lambda: nn.ReflectionPad2d(1), BATCH_LAST),
    "ZeroPad2d": (lambda: nn.ZeroPad2d(0), BATCH_LAST),
    "BatchNorm2d": (lambda: nn.BatchNorm2d(3), BATCH_LAST),
    "BatchNorm2d, eval": (lambda: nn.BatchNorm2d(3).eval(), BATCH_LAST),
    "BatchNorm2d, not affine": (lambda: nn.BatchNorm2d(3, affine=False), BATCH_LAST),
    "BatchNorm2d, no bias": (lambda: nn.BatchNorm2d(3, bias=False), BATCH_LAST),
    "BatchNorm1d": (lambda: nn.BatchNorm1d(5), random_integers((4, 5))),
    "Flatten": (nn.Flatten, BATCH_LAST),
    "Linear": (lambda: nn.Linear(5, 2), random_integers((4, 5))),
    "LayerNorm": (lambda: nn.LayerNorm(5), random_integers((4, 5))),
    "LayerNorm, without scales": (lambda: nn.LayerNorm(5, elementwise_affine=False), random_integers((4, 5))),
    "LayerNorm, without bias": (lambda: nn.LayerNorm((5, 5), bias=False), BATCH_LAST),
    "GroupNorm": (lambda: nn.GroupNorm(1, 3), BATCH_LAST),
    "GroupNorm, without scales": (lambda: nn.GroupNorm(3, 3, affine=False), BATCH_LAST),
    "Softmax": (lambda: nn.Softmax(1), random_integers((4, 5))),
    "LogSoftmax": (lambda: nn.LogSoftmax(1), random_integers((4, 5))),
    "Sequential": (lambda: nn.Sequential(nn.Flatten(), nn.Linear(75, 2), nn.ReLU()), BATCH_LAST),
    "Sequential of one": (lambda: nn.Sequential(nn.Linear(5, 2)), random_integers((4, 5))),
    "Sequential of Sequentials": (
        lambda: nn.Sequential(nn.Sequential(nn.Flatten()), nn.Sequential(nn.Linear(75, 5), nn.LogSoftmax(1))),
        BATCH_LAST,
    ),
}  # fmt: skip


@pytest.mark.parametrize("what", ["output", "input"])
@pytest.mark.parametrize("name", KEEPERS)
def test_the_gradient_stays_right_when_the_caller_changes_what_is_his(name: str, what: str) -> None:
    build, x = KEEPERS[name]
    found = []
    for change in (False, True):
        nn.manual_seed(1)
        layer = build().double()
        given = np.array(x)  # in the same memory order
        output = layer(given)
        if change:
            changed = output if what == "output" else given
            changed *= -3
            changed += 5
        grad_input = layer.backward(random_integers(output.shape, seed=2))
        found.append([grad_input, *(parameter.grad for parameter in layer.parameters())])
    for unchanged, changed in zip(*found, strict=True):
        assert same_bits(unchanged, changed).all()


def test_inside_a_network_nothing_is_copied(monkeypatch: pytest.MonkeyPatch) -> None:
    given = []
    right = nn.Linear.forward_within

    def watched(self: nn.Linear, input: Array) -> Array:
        given.append(input)
        return right(self, input)

    monkeypatch.setattr(nn.Linear, "forward_within", watched)
    first, second, third = nn.Linear(5, 4), nn.Linear(4, 3), nn.Linear(3, 2)
    network = nn.Sequential(first, nn.Sequential(nn.ReLU(), second), third).double()
    network(random_integers((4, 5)))
    assert first.input is not given[0]
    assert second.input is given[1]
    assert third.input is given[2]


class Spy(nn.Module):
    """Keeps what it sees, and hands it on."""

    def forward(self, input: Array) -> Array:
        self.seen = input
        return input

    def backward(self, grad_output: Array, needs_input_grad: bool = True) -> Array:
        return grad_output


class Larger(nn.Linear):
    """A layer derived from one of the reference."""

    def forward(self, input: Array) -> Array:
        return 100 * super().forward(input)


class LargerNetwork(nn.Sequential):
    def forward(self, input: Array) -> Array:
        return 100 * super().forward(input)


def test_what_a_layer_of_ones_own_keeps_may_be_changed() -> None:
    weights: list[Any] = []
    for change in (False, True):
        nn.manual_seed(1)
        spy, spy_inside, first, second = Spy(), Spy(), nn.Linear(5, 3), nn.Linear(3, 2)
        network = nn.Sequential(nn.ReLU(), spy, nn.Flatten(), first, nn.Sequential(spy_inside), second).double()
        network(random_integers((4, 5)))
        if change:
            spy.seen += 3
            spy_inside.seen += 5
        network.backward(random_integers((4, 2), seed=3))
        weights.append([first.weight.grad, second.weight.grad])
    for unchanged, changed in zip(*weights, strict=True):
        assert same_bits(unchanged, changed).all()


def test_a_derived_layer_computes_by_its_own_forward_inside_a_network() -> None:
    x = random_integers((4, 5)) ** 2
    alone = Larger(5, 2).double()
    nested = LargerNetwork(nn.Linear(5, 2)).double()
    plain = nn.Linear(5, 2).double()
    plain.forward = lambda input: input + 1  # type: ignore[method-assign]
    for layer in (alone, nested, plain):
        for network in (nn.Sequential(nn.ReLU(), layer), nn.Sequential(nn.ReLU(), nn.Sequential(nn.ReLU(), layer))):
            assert same_bits(network(x), layer(x)).all()


def test_relu_refuses_a_gradient_of_another_dtype_or_shape() -> None:
    layer = nn.ReLU()
    layer(random_integers((2, 3), np.float32))
    with pytest.raises(TypeError, match="grad_output must have the dtype of input, float32, got float64"):
        layer.backward(random_integers((2, 3), np.float64))
    with pytest.raises(ValueError, match=r"grad_output must have shape \(2, 3\)"):
        layer.backward(random_integers((3, 2), np.float32))


@pytest.mark.parametrize("probabilities", [False, True])
@pytest.mark.parametrize("weighted", [False, True])
def test_the_gradient_of_the_loss_stays_right_when_the_caller_changes_what_is_his(
    probabilities: bool, weighted: bool
) -> None:
    x, found = random_normal((4, 3)), []
    for change in (False, True):
        target = np.full((4, 3), 1 / 3) if probabilities else np.array([0, 2, 1, 1])
        weight = np.array([1.0, 2.0, 4.0]) if weighted else None
        criterion, scores = nn.CrossEntropyLoss(weight), x.copy()
        loss = criterion(scores, target)
        if change:
            scores += 1
            target *= 0
            loss += 7
            if weight is not None:
                weight += 1
        found.append(criterion.backward())
    assert same_bits(*found).all()


@pytest.mark.parametrize(
    "build",
    [
        lambda: nn.Conv2d(2, 3, 2),
        lambda: nn.ConvTranspose2d(2, 3, 2),
        lambda: nn.Linear(4, 3),
        lambda: nn.BatchNorm2d(2),
        lambda: nn.BatchNorm2d(2).eval(),
        lambda: nn.LayerNorm(4),
        lambda: nn.GroupNorm(1, 2),
    ],
)
def test_a_weight_that_was_changed_before_backward_is_an_error(build: Any) -> None:
    x = random_integers((2, 2, 4, 4), np.float32)
    for change in ("step", "load_state_dict", "double", "-=", "another"):
        layer = build()
        optimizer = optim.SGD(layer.parameters(), lr=1)
        output = layer(x)
        layer.backward(np.ones_like(output))
        if change == "step":
            optimizer.step()
        elif change == "-=":
            layer.weight.data -= 1
        elif change == "double":
            layer.double()
        elif change == "another":
            layer.weight = optim.Parameter(np.zeros_like(layer.weight.data))
        else:
            layer.load_state_dict(layer.state_dict())
        with pytest.raises(RuntimeError, match=rf"^{type(layer).__name__}: the weight was changed between forward and"):
            layer.backward(np.ones_like(output))
        if change == "step":  # the weight's own gradient does not depend on the weight
            layer.backward(np.ones_like(output), needs_input_grad=False)
        x = x.astype(layer.weight.data.dtype)
        output = layer(x)
        layer.backward(np.ones_like(output))
        x = x.astype(np.float32)
