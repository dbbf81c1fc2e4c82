"""The layers against their ``torch.nn`` twins: built by one source line, loaded with one set of weights."""

import inspect
import itertools
import math
import warnings
from collections import OrderedDict
from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import torch

import reference
from reference import nn, optim
from torch_parity.networks import NETWORKS
from torch_parity.proof.backend import tensor, torch_as_measured
from torch_parity.proof.cases import Case, numbers
from torch_parity.proof.compare import compare, same_bits
from torch_parity.proof.pairs import PAIRS, Pair, pair_named
from torch_parity.proof.prove import DTYPES, numbered_case

Array = npt.NDArray[Any]

LAYERED = [pair for pair in PAIRS if pair.layer is not None]
CASES = 96  # per layer; every kind of numbers and both dtypes take turns
IMAGES = {"formula": 4, "lenet5": 3, "mnist-example": 2, "vgg-small": 2}  # how many a test feeds to each network


def random(shape: tuple[int, ...], dtype: Any = np.float64, seed: int = 0) -> Array:
    return np.random.default_rng(seed).standard_normal(shape).astype(dtype)


def integers(shape: tuple[int, ...], dtype: Any = np.float64, seed: int = 0) -> Array:
    return np.random.default_rng(seed).integers(-4, 5, shape).astype(dtype)


def in_torch(state_dict: dict[str, Array]) -> dict[str, torch.Tensor]:
    return {name: torch.from_numpy(array) for name, array in state_dict.items()}


def in_numpy(state_dict: dict[str, torch.Tensor]) -> dict[str, Array]:
    return {name: parameter.numpy() for name, parameter in state_dict.items()}


def run(layer: Any, twin: Any, x: Array, grad_output: Array | None = None, seed: int = 0) -> dict[str, list[Array]]:
    """Forward and backward on both sides: [ours, torch's] for the output and every gradient."""
    y = layer(x)
    g = integers(y.shape, y.dtype, seed + 1) if grad_output is None else grad_output
    pixels = tensor(x).requires_grad_()
    with torch_as_measured():
        scores = twin(pixels)
        scores.backward(tensor(g))
    assert pixels.grad is not None
    results = {"output": [y, scores.detach().numpy()], "grad_input": [layer.backward(g), pixels.grad.numpy()]}
    theirs = dict(twin.named_parameters())
    for name, parameter in layer.named_parameters():
        results["grad_" + name] = [parameter.grad, theirs.pop(name).grad.numpy()]
    assert not theirs
    return results


def assert_equal(ours: Array, theirs: Array, bound: Array | None = None) -> None:
    verdict = compare(ours, theirs, bound)
    assert verdict.equal, verdict.message


EXACT = np.zeros(())  # the bound where no sum rounds: only the sign of a zero is free


# Every layer and its twin.


def cases_of(pair: Pair, extra: int = 0) -> Iterator[Case]:
    for index in range(CASES + extra):
        yield numbered_case(pair, 20, index)


@pytest.mark.parametrize("pair", LAYERED, ids=lambda pair: pair.name)
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
        weights = {name: case.arrays[name].copy() for name, _ in layer.named_parameters()}
        if weights and case.dtype == np.float64:
            layer.double(), twin.double()
        layer.load_state_dict(weights)
        twin.load_state_dict(in_torch(weights))
        x = case.arrays["input"]
        with torch_as_measured():
            g = case.upstream(tuple(twin(tensor(x)).shape))
        with np.errstate(all="ignore"):
            expected = pair.expected(case, g)
        for name, (ours, theirs) in run(layer, twin, x, g).items():
            verdict = compare(ours, theirs, expected.get(name))
            assert verdict.equal, f"{name}: {verdict.message}, {case}"
    assert built >= CASES / 4
    assert len(kinds) == len(pair.kinds) * len(DTYPES)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("padding_mode", ["zeros", "reflect", "replicate", "circular"])
@pytest.mark.parametrize("padding", [0, 2, (1, 3), [3, 0], "same", "valid"])
def test_conv2d_with_every_padding_mode(padding: Any, padding_mode: str, dtype: Any) -> None:
    for kernel, dilation, groups, bias in (((2, 3), 1, 1, True), ((3, 4), (2, 1), 2, False), (1, 3, 1, True)):
        for stride in (1,) if padding == "same" else (1, (2, 3)):
            layer, twin = (
                side.Conv2d(4, 6, kernel, stride, padding, dilation, groups, bias, padding_mode)
                for side in (nn, torch.nn)
            )
            if dtype == np.float64:
                layer.double(), twin.double()
            weights = {n: integers(p.data.shape, dtype, i) for i, (n, p) in enumerate(layer.named_parameters())}
            layer.load_state_dict(weights)
            twin.load_state_dict(in_torch(weights))
            for shape in ((3, 4, 8, 7), (4, 8, 7)):
                for name, (ours, theirs) in run(layer, twin, integers(shape, dtype, 9)).items():
                    verdict = compare(ours, theirs, EXACT)
                    assert verdict.equal, f"{name}: {verdict.message}"
                layer.zero_grad(), twin.zero_grad()


def test_conv2d_padding_mode_without_input_gradient_leaves_the_parameters_gradients() -> None:
    layer = nn.Conv2d(2, 3, 3, padding=2, padding_mode="reflect")
    x, g = random((2, 2, 5, 6), np.float32), random((2, 3, 7, 8), np.float32)
    layer(x)
    layer.backward(g)
    kept = [parameter.grad for parameter in layer.parameters()]
    layer.zero_grad()
    assert layer.backward(g, needs_input_grad=False) is None
    for parameter, grad in zip(layer.parameters(), kept, strict=True):
        assert parameter.grad is not None
        assert grad is not None
        assert same_bits(parameter.grad, grad).all()


@pytest.mark.parametrize("block_bytes", [1, 1000, 3000, 5000])
@pytest.mark.parametrize(("stride", "dilation", "groups"), [(1, 1, 1), (2, 1, 1), ((3, 2), (2, 1), 2)])
def test_conv2d_computes_the_same_in_blocks_of_any_size(
    stride: Any, dilation: Any, groups: int, block_bytes: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    x, weight, bias = integers((3, 4, 17, 6)), integers((6, 4 // groups, 3, 2)), integers((6,))
    options: dict[str, Any] = {"stride": stride, "padding": (2, 1), "dilation": dilation, "groups": groups}
    y = reference.conv2d(x, weight, bias, **options)
    g = integers(y.shape)
    whole = [y, *reference.conv2d_backward(g, x, weight, **options)]
    monkeypatch.setattr(reference.conv, "BLOCK_BYTES", block_bytes)
    monkeypatch.setattr(reference.conv, "ROW_BYTES", block_bytes)
    blocks = [reference.conv2d(x, weight, bias, **options), *reference.conv2d_backward(g, x, weight, **options)]
    for ours, wanted in zip(blocks, whole, strict=True):
        assert ours is not None
        assert wanted is not None
        assert_equal(ours, wanted, EXACT)


@pytest.mark.parametrize("small_product", [1, 200, 5000])
@pytest.mark.parametrize("filters", [1, 3, 64])
def test_conv2d_computes_the_same_whatever_the_product_of_its_matrices(
    filters: int, small_product: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A large one is cut into small ones, where they stay long."""
    x, weight, bias = integers((3, 2, 9, 8)), integers((filters, 2, 3, 3)), integers((filters,))
    y = reference.conv2d(x, weight, bias)
    g = integers(y.shape)
    whole = [y, *reference.conv2d_backward(g, x, weight)]
    monkeypatch.setattr(reference.conv, "SMALL_PRODUCT", small_product)
    monkeypatch.setattr(reference.conv, "LONG_ROW", 3)
    monkeypatch.setattr(reference.conv, "LONG_SUM", 3)
    parts = [reference.conv2d(x, weight, bias), *reference.conv2d_backward(g, x, weight)]
    for ours, wanted in zip(parts, whole, strict=True):
        assert ours is not None
        assert wanted is not None
        assert_equal(ours, wanted, EXACT)


@pytest.mark.parametrize(
    ("turns", "shape", "options"),
    [
        (True, (3, 3, 3, 3), {"padding": 1}),
        (True, (6, 3, 3, 3), {"padding": 2}),  # twice as many filters as channels; more outputs than pixels
        (True, (4, 1, 3, 5), {"padding": "same", "dilation": 2, "groups": 2}),
        (True, (3, 3, 1, 1), {}),
        (False, (7, 3, 3, 3), {"padding": 1}),  # more filters
        (False, (6, 1, 3, 3), {"padding": 1, "groups": 2}),
        (False, (3, 3, 3, 3), {"padding": (0, 1)}),  # fewer outputs than pixels
        (False, (3, 3, 3, 3), {"padding": (1, 0)}),
        (False, (3, 3, 3, 3), {"padding": (3, 1)}),  # windows that see no pixel
        (False, (3, 3, 3, 3), {"padding": (1, 3)}),
        (False, (3, 3, 3, 3), {"padding": 4, "stride": (1, 2)}),
        (False, (3, 3, 3, 3), {"padding": 4, "stride": (2, 1)}),
    ],
)
def test_the_gradient_of_a_convolution_is_one_where_that_is_faster(
    turns: bool, shape: tuple[int, ...], options: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else the gradients of the columns are added up."""
    sums = []
    unslide = reference.windows.unslide

    def spy(*arguments: Any) -> None:
        sums.append(arguments)
        unslide(*arguments)

    monkeypatch.setattr(reference.windows, "unslide", spy)
    x, weight = integers((2, shape[1] * options.get("groups", 1), 5, 6)), integers(shape)
    g = integers(reference.conv2d(x, weight, **options).shape)
    grad, _, _ = reference.conv2d_backward(g, x, weight, **options)
    assert bool(sums) == (not turns)
    pixels = torch.from_numpy(x).requires_grad_()
    theirs = torch.nn.functional.conv2d(pixels, torch.from_numpy(weight), **options)
    theirs.backward(torch.from_numpy(g))  # type: ignore[no-untyped-call]
    assert pixels.grad is not None
    assert grad is not None
    assert_equal(grad, pixels.grad.numpy(), EXACT)


@pytest.mark.parametrize("weight_value", [np.nan, np.inf])
def test_a_weight_that_is_not_finite_reaches_only_the_pixels_it_sees(weight_value: float) -> None:
    """The gradient of a convolution is a convolution, but padding it with 0 must not bring in 0 * inf."""
    weight = np.ones((2, 2, 3, 3))
    weight[0, 0, 0, 0] = weight_value
    grad, _, _ = reference.conv2d_backward(np.ones((1, 2, 3, 3)), np.ones((1, 2, 3, 3)), weight, padding=1)
    assert grad is not None
    pixels = torch.ones((1, 2, 3, 3), dtype=torch.float64, requires_grad=True)
    torch.nn.functional.conv2d(pixels, torch.from_numpy(weight), padding=1).sum().backward()  # type: ignore[no-untyped-call]
    assert pixels.grad is not None
    np.testing.assert_array_equal(grad, pixels.grad.numpy())
    assert np.isfinite(grad).any()


def test_what_makes_a_product_large_is_its_multiplications(monkeypatch: pytest.MonkeyPatch) -> None:
    conv = reference.conv
    found = []
    part_length = conv._part_length

    def spy(length: int, each: int, least: int) -> int:
        found.append((length, each, least))
        return part_length(length, each, least)

    monkeypatch.setattr(conv, "_part_length", spy)
    x, weight = integers((3, 4, 9, 8)), integers((10, 2, 3, 2))  # of a group: 5 filters, 2 * 3 * 2 taps
    y = reference.conv2d(x, weight, integers((10,)), groups=2)
    reference.conv2d_backward(y, x, weight, groups=2)
    outputs = 7 * 7 * 3
    assert set(found) == {
        (outputs, 5 * 13, conv.LONG_ROW),
        (outputs, 5 * 4, conv.LONG_ROW),  # of a row of the kernel: 2 * 2 taps
        (outputs, 13 * 5, conv.LONG_SUM),
    }


def test_products_are_cut_into_equal_parts_that_are_small_but_long() -> None:
    """The fewest such parts, so that they are as long as they can be."""
    for length, each, least in itertools.product((1, 2, 7, 96, 97, 1000, 5040), (1, 30_000, 300_000), (1, 20, 64)):
        parts = [n for n in range(1, length + 1) if length % n == 0 and length // n >= least]
        small = [n for n in parts if length // n * each <= reference.conv.SMALL_PRODUCT]
        wanted = length // min(small) if small else length
        assert reference.conv._part_length(length, each, least) == wanted
    assert reference.conv._part_length(0, 5, 64) == 1  # of an empty batch


@pytest.mark.parametrize("block_bytes", [1, 800, 100_000])
@pytest.mark.parametrize("stride", [1, 2, 3])
def test_max_pooling_is_the_same_in_blocks_of_channels_of_any_size(
    stride: int, block_bytes: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And its two gradients, by taps and by indices, are the same bit for bit, -0.0 and NaN included."""
    monkeypatch.setattr(reference.pooling, "BLOCK_BYTES", block_bytes)
    for kind in ("ties", "extremes", "real"):
        x = numbers(np.random.default_rng(1), (2, 5, 7, 6), kind, np.dtype(np.float32))
        theirs, places = torch.nn.functional.max_pool2d(torch.from_numpy(x), 2, stride, 1, return_indices=True)
        maxima = reference.pooling.Maxima(x, 2, stride, 1, 1, False)
        assert same_bits(maxima.output, theirs.numpy()).all()
        assert (maxima.indices() == places.numpy()).all()
        g = numbers(np.random.default_rng(2), theirs.shape, "ties", np.dtype(np.float32))
        by_taps = maxima.backward(g)
        assert same_bits(by_taps, reference.max_pool2d_backward(g, maxima.indices(), x.shape)).all()


@pytest.mark.parametrize("name", ["ZeroPad2d", "ConstantPad2d", "ReflectionPad2d", "ReplicationPad2d", "CircularPad2d"])
@pytest.mark.parametrize("padding", [1, (2, 0, 1, 3), (0, -1, 2, -2), [1, 2, 3, 0]])
def test_padding_layers(name: str, padding: Any) -> None:
    value = (-1.5,) if name == "ConstantPad2d" else ()
    for x in (integers((2, 3, 5, 4)), integers((3, 5, 4), np.float32)):
        layer, twin = (getattr(side, name)(padding, *value) for side in (nn, torch.nn))
        for ours, theirs in run(layer, twin, x).values():
            assert_equal(ours, theirs, EXACT if name == "CircularPad2d" else None)


def test_cross_entropy_loss_equals_its_twin() -> None:
    pair = pair_named("cross_entropy")
    seen = set()
    for case in cases_of(pair, extra=150):
        weight, x, target = case.arrays.get("weight"), case.arrays["input"], case.arrays["target"]
        reduction, smoothing = case.arguments["reduction"], case.arguments["label_smoothing"]
        seen.add((reduction, smoothing > 0, weight is None, target.dtype.kind, case.dtype))
        criterion = nn.CrossEntropyLoss(weight, **case.arguments)
        twin = torch.nn.CrossEntropyLoss(None if weight is None else tensor(weight), **case.arguments)
        scores = tensor(x).requires_grad_()
        loss, theirs = criterion(x, target), twin(scores, tensor(target))
        g = case.upstream(loss.shape)
        theirs.backward(tensor(g))
        with np.errstate(all="ignore"):
            expected = pair.expected(case, g)
        assert_equal(loss, theirs.detach().numpy(), expected["output"])
        assert scores.grad is not None
        assert_equal(criterion.backward(g), scores.grad.numpy(), expected["grad_input"])
        if reduction != "none":
            implied, given = criterion.backward(), criterion.backward(np.asarray(1, case.dtype))
            assert same_bits(implied, given).all()
    assert len(seen) > 40  # of the 48 combinations


def test_cross_entropy_loss_without_reduction_asks_for_the_upstream_gradient() -> None:
    criterion = nn.CrossEntropyLoss(reduction="none")
    x, target = random((3, 4)), np.array([0, 3, 1])
    criterion(x, target)
    with pytest.raises(ValueError, match="grad_output must be given"):
        criterion.backward()
    scores = tensor(x).requires_grad_()
    torch.nn.CrossEntropyLoss(reduction="none")(scores, tensor(target)).backward(
        torch.tensor([2.0, 0.0, -1.0]).double()
    )
    assert scores.grad is not None
    grad = criterion.backward(np.array([2.0, 0.0, -1.0]))
    np.testing.assert_allclose(grad, scores.grad.numpy(), rtol=1e-14)
    assert (grad[1] == 0).all()


@pytest.mark.parametrize("padding", [0, 1])
def test_max_pooling_keeps_where_the_maxima_stood(padding: int) -> None:
    layer = nn.MaxPool2d(3, 2, padding)
    with pytest.raises(RuntimeError, match="MaxPool2d: call forward before backward"):
        _ = layer.indices
    x = integers((2, 3, 7, 6))
    layer(x)
    _, indices = reference.max_pool2d(x, 3, 2, padding, return_indices=True)
    assert layer.indices.dtype == np.int64
    np.testing.assert_array_equal(layer.indices, indices)


# Interfaces.


def names(signature: inspect.Signature) -> list[str]:
    """The arguments, less those that this project leaves to torch."""
    left_out = {"self", "device", "dtype", "inplace", "size_average", "reduce", "foreach", "differentiable", "fused"}
    return [name for name in signature.parameters if name not in left_out]


@pytest.mark.parametrize(
    "name",
    [
        "Conv2d", "ReLU", "MaxPool2d", "AvgPool2d", "ConstantPad2d", "ZeroPad2d", "ReflectionPad2d",
        "ReplicationPad2d", "CircularPad2d", "Flatten", "Linear", "Softmax", "LogSoftmax", "CrossEntropyLoss",
    ],
)  # fmt: skip
def test_constructors_take_torchs_arguments_in_torchs_order(name: str) -> None:
    ours, theirs = (inspect.signature(getattr(side, name)) for side in (nn, torch.nn))
    assert names(ours) == names(theirs)
    if name in ("Softmax", "LogSoftmax"):
        return  # torch guesses a dimension, and warns that one should not let it
    for argument in names(ours):
        assert ours.parameters[argument].default == theirs.parameters[argument].default


def test_sgd_takes_torchs_arguments_in_torchs_order() -> None:
    ours, theirs = inspect.signature(optim.SGD), inspect.signature(torch.optim.SGD)
    assert names(ours) == names(theirs)
    for argument in names(ours):
        assert ours.parameters[argument].default == theirs.parameters[argument].default


# Weights travel between the sides.


@pytest.mark.parametrize("name", NETWORKS)
def test_a_networks_state_dict_travels_to_torch_and_back(name: str) -> None:
    network, twin = NETWORKS[name](nn), NETWORKS[name](torch.nn)
    assert list(network.state_dict()) == list(twin.state_dict())
    x = random((IMAGES[name], 1, 28, 28), np.float32)

    network.load_state_dict(in_numpy(twin.state_dict()))
    for key, theirs in twin.state_dict().items():
        assert_equal(network.state_dict()[key], theirs.numpy())
    assert np.abs(network(x) - twin(tensor(x)).detach().numpy()).max() < 1e-4  # the same network: scores are around 1

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
    network(random((4, 3), np.float32))
    network.backward(random((4, 2), np.float32))
    optimizer.step()
    for name, array in before.items():
        assert_equal(array, kept[name])
        assert (network.state_dict()[name] != array).any()


def test_loading_a_state_dict_copies_it() -> None:
    given = {"weight": random((2, 3), np.float32), "bias": random((2,), np.float32)}
    kept = {name: array.copy() for name, array in given.items()}
    layer = nn.Linear(3, 2)
    layer.load_state_dict(given)
    layer(random((4, 3), np.float32))
    layer.backward(random((4, 2), np.float32))
    optim.SGD(layer.parameters(), lr=0.5).step()
    for name, array in given.items():
        assert_equal(array, kept[name])


def test_loading_converts_to_the_parameters_dtype() -> None:
    layer, twin = nn.Linear(3, 2), torch.nn.Linear(3, 2)
    given = {"weight": random((2, 3)), "bias": random((2,))}
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
    weights = {n: integers(p.data.shape, np.float32) for n, p in network.named_parameters()}
    network.load_state_dict(weights)
    twin.load_state_dict(in_torch(weights))
    x, g = integers((2, 2, 3, 3), np.float32), integers((2, 4), np.float32, 1)
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
    layer(random((4, 3), np.float32))
    layer.backward(random((4, 2), np.float32))
    taken = layer.weight.grad
    assert taken is not None
    kept = taken.copy()
    layer.backward(random((4, 2), np.float32))
    assert_equal(taken, kept)


def test_needs_input_grad_is_about_the_input_alone() -> None:
    for pair in LAYERED:
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
    monkeypatch.setattr(nn, "pad_backward", spy_on_pad)
    network = nn.Sequential(
        nn.ZeroPad2d(1), nn.Sequential(nn.Conv2d(1, 2, 3), nn.ReLU()), nn.Conv2d(2, 3, 3, bias=False), nn.Flatten()
    )
    y = network(random((2, 1, 6, 6), np.float32))
    grad = network.backward(np.ones_like(y), needs_input_grad=needs_input_grad)
    # The last convolution comes first: the one before it learns, so it must hand its gradient on.
    assert masks == [(True, True, False), (needs_input_grad, True, True)]
    assert len(pads) == needs_input_grad
    assert (grad is not None) == needs_input_grad
    assert all(parameter.grad is not None for parameter in network.parameters())


def test_a_network_that_learns_nothing_computes_no_gradient_that_nobody_asks_for() -> None:
    network = nn.Sequential(nn.ReLU(), nn.Flatten())
    y = network(random((2, 1, 3, 3), np.float32))
    assert network.backward(np.ones_like(y), needs_input_grad=False) is None
    assert network.backward(np.ones_like(y)) is not None


@pytest.mark.parametrize("filters", [1, 2])
def test_the_gradient_of_the_bias_of_a_convolution_may_be_asked_for_alone(filters: int) -> None:
    x, k, g = integers((2, 3, 4, 5)), integers((filters, 3, 2, 2)), integers((2, filters, 3, 4), seed=1)
    grad_input, grad_weight, grad_bias = reference.conv2d_backward(g, x, k, output_mask=(False, False, True))
    assert grad_input is None
    assert grad_weight is None
    assert grad_bias is not None
    assert_equal(grad_bias, g.sum(axis=(0, 2, 3)))


def test_a_masked_gradient_of_a_convolution_is_not_computed(monkeypatch: pytest.MonkeyPatch) -> None:
    x, weight, g = random((2, 1, 6, 6)), random((3, 1, 3, 3)), random((2, 3, 4, 4))
    full = reference.conv2d_backward(g, x, weight)

    def fail(*arguments: Any) -> None:
        raise AssertionError("unslide collects the input's gradient, which nobody asked for")

    monkeypatch.setattr(reference.windows, "unslide", fail)
    for mask in ((False, True, True), (False, True, False), (False, False, True), (False, False, False)):
        for wanted, grad, expected in zip(
            mask, reference.conv2d_backward(g, x, weight, output_mask=mask), full, strict=True
        ):
            assert (grad is not None) == wanted
            if grad is not None:
                assert expected is not None
                np.testing.assert_allclose(grad, expected, rtol=1e-12)


def test_backward_before_forward_is_an_error() -> None:
    layers: list[Any] = [
        nn.Conv2d(1, 1, 2), nn.ReLU(), nn.MaxPool2d(2), nn.AvgPool2d(2), nn.ZeroPad2d(1), nn.Flatten(),
        nn.Linear(2, 1), nn.Softmax(1), nn.LogSoftmax(1), nn.Sequential(nn.ReLU()), nn.CrossEntropyLoss(),
    ]  # fmt: skip
    for layer in layers:
        with pytest.raises(RuntimeError, match="call forward before backward"):
            layer.backward(np.ones((1, 1), np.float32))


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
    y = network(random((2, 1, 28, 28)))
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
        (lambda side: side.Linear(50, 400), 50),
    ],
    ids=["conv2d", "groups", "linear"],
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


def test_the_bias_of_a_layer_without_inputs_is_zero() -> None:
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Initializing zero-element tensors is a no-op")  # torch's
        layer, twin = nn.Linear(0, 3), torch.nn.Linear(0, 3)
    assert layer.bias is not None
    np.testing.assert_array_equal(layer.bias.data, np.zeros(3))
    np.testing.assert_array_equal(twin.bias.detach(), np.zeros(3))


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


def parameters_of_both_sides(count: int) -> tuple[list[optim.Parameter], list[torch.nn.Parameter]]:
    arrays = [integers((3, 2), np.float32, seed) for seed in range(count)]
    return [optim.Parameter(array.copy()) for array in arrays], [torch.nn.Parameter(tensor(array)) for array in arrays]


def step_both(ours: Any, theirs: Any, optimizer: Any, their_optimizer: Any, seed: int) -> None:
    """One step on the same integers, and the comparison."""
    for i, (k, their_k) in enumerate(zip(ours, theirs, strict=True)):
        grad = integers((3, 2), np.float32, 10 * seed + i)
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
    parameters = [optim.Parameter(random((50,), np.float32)) for _ in range(2)]
    optimizers = [optim.SGD([k], lr=0.1, momentum=0.9, dampening=0.1, weight_decay=0.3) for k in parameters]
    optimizers[1].param_groups[0][option] = np.float64(optimizers[1].param_groups[0][option])
    for seed in range(3):
        for k, optimizer in zip(parameters, optimizers, strict=True):
            k.grad = random((50,), np.float32, seed)
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
        data = integers((3, 2))
        k = optim.Parameter(data)
        optimizer = optim.SGD([k], lr=0.5, **options)
        for seed in range(3):
            grad = integers((3, 2), seed=seed)
            kept = grad.copy()
            k.grad = grad
            optimizer.step()
            assert_equal(grad, kept)
        assert k.data is data


def test_zero_grad_of_the_optimizer_forgets_all_gradients() -> None:
    ours, _ = parameters_of_both_sides(3)
    for k in ours:
        k.grad = k.data
    optim.SGD([{"params": ours[:1]}, {"params": ours[1:]}]).zero_grad()
    assert all(k.grad is None for k in ours)
