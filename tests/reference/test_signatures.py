"""Arguments have torch's names, order and defaults, and a constructor that refuses one names it."""

import inspect
import re
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F

import reference
from reference import nn, optim

# Arguments without a meaning here, and those of torch's past.
LEFT_OUT = {"device", "dtype", "inplace", "size_average", "reduce"}
TWINS: list[Any] = [
    *((getattr(nn, name), getattr(torch.nn, name)) for name in (
        "Conv2d", "ConvTranspose2d", "MaxPool2d", "AvgPool2d", "BatchNorm1d", "BatchNorm2d", "AdaptiveAvgPool2d",
        "Dropout", "Dropout2d", "Flatten", "Linear", "ConstantPad2d", "ZeroPad2d", "ReflectionPad2d",
        "ReplicationPad2d", "CircularPad2d", "CrossEntropyLoss", "LeakyReLU", "GELU", "LayerNorm", "GroupNorm",
        "NLLLoss", "MSELoss", "BCEWithLogitsLoss",
    )),
    *((getattr(optim, name), getattr(torch.optim, name)) for name in ("SGD", "RMSprop", "Adam", "AdamW")),
    (nn.utils.clip_grad_norm_, torch.nn.utils.clip_grad_norm_),
    (reference.adaptive_avg_pool2d, F.adaptive_avg_pool2d),
    (reference.cross_entropy, F.cross_entropy),
    (reference.nll_loss, F.nll_loss),
    (reference.mse_loss, F.mse_loss),
    (reference.binary_cross_entropy_with_logits, F.binary_cross_entropy_with_logits),
    (reference.pad, F.pad),
    (reference.batch_norm, F.batch_norm),
    (reference.leaky_relu, F.leaky_relu),
    (reference.layer_norm, F.layer_norm),
    (reference.group_norm, F.group_norm),
]  # fmt: skip


def defaults(callable_: Any) -> dict[str, Any]:
    parameters = inspect.signature(callable_).parameters.values()
    return {p.name: p.default for p in parameters if p.name not in LEFT_OUT and p.default is not p.empty}


def argument_names(signature: inspect.Signature) -> list[str]:
    return [name for name in signature.parameters if name not in LEFT_OUT]


@pytest.mark.parametrize(
    "name",
    [
        "Conv2d", "ConvTranspose2d", "ReLU", "LeakyReLU", "SiLU", "GELU", "MaxPool2d", "AvgPool2d", "AdaptiveAvgPool2d",
        "Dropout", "Dropout2d", "ConstantPad2d", "ZeroPad2d", "ReflectionPad2d", "ReplicationPad2d", "CircularPad2d",
        "BatchNorm1d", "BatchNorm2d", "Flatten", "Linear", "Softmax", "LogSoftmax", "CrossEntropyLoss", "LayerNorm",
        "GroupNorm", "NLLLoss", "MSELoss", "BCEWithLogitsLoss",
    ],
)  # fmt: skip
def test_constructors_take_torchs_arguments_in_torchs_order(name: str) -> None:
    ours, theirs = (inspect.signature(getattr(side, name)) for side in (nn, torch.nn))
    assert argument_names(ours) == argument_names(theirs)
    if name in ("Softmax", "LogSoftmax"):
        return  # torch guesses a dimension, and warns that one should not let it
    for argument in argument_names(ours):
        assert ours.parameters[argument].default == theirs.parameters[argument].default


def in_order(signature: inspect.Signature) -> list[str]:
    """The arguments that can be given by their place; of those by name alone the order is nobody's matter."""
    by_name = inspect.Parameter.KEYWORD_ONLY
    return [name for name in argument_names(signature) if signature.parameters[name].kind != by_name]


@pytest.mark.parametrize("name", ["SGD", "RMSprop", "Adam", "AdamW"])
def test_optimizers_take_torchs_arguments_in_torchs_order(name: str) -> None:
    ours, theirs = inspect.signature(getattr(optim, name)), inspect.signature(getattr(torch.optim, name))
    assert in_order(ours) == in_order(theirs)
    assert set(argument_names(ours)) == set(argument_names(theirs))
    for argument in argument_names(ours):
        assert ours.parameters[argument].default == theirs.parameters[argument].default


def test_clipping_takes_torchs_arguments_in_torchs_order() -> None:
    ours, theirs = (inspect.signature(side.utils.clip_grad_norm_) for side in (nn, torch.nn))
    assert argument_names(ours) == argument_names(theirs)
    for argument in argument_names(ours):
        assert ours.parameters[argument].default == theirs.parameters[argument].default


@pytest.mark.parametrize(("ours", "theirs"), TWINS, ids=lambda twin: getattr(twin, "__name__", ""))
def test_defaults_are_those_of_torch(ours: Any, theirs: Any) -> None:
    expected = {name: value for name, value in defaults(theirs).items() if name in inspect.signature(ours).parameters}
    found = defaults(ours)
    if ours is reference.pad:  # torch says None, and means 0
        expected["value"] = 0
    if theirs is torch.nn.AvgPool2d:
        assert found["divisor_override"] is None
    assert {name: found[name] for name in expected} == expected
    assert set(found) <= set(expected)


@pytest.mark.parametrize(
    ("ours", "theirs"), [twin for twin in TWINS if inspect.isfunction(twin[0])], ids=lambda twin: twin.__name__
)
def test_arguments_without_a_name_mean_what_they_mean_in_torch(ours: Any, theirs: Any) -> None:
    places = in_order(inspect.signature(ours))
    assert places == list(inspect.signature(theirs).parameters)[: len(places)]


@pytest.mark.parametrize("function", [reference.gelu, F.gelu])
def test_the_approximation_of_gelu_has_no_place(function: Any) -> None:
    x = np.ones(2)
    with pytest.raises(TypeError, match="positional argument"):
        function(x if function is reference.gelu else torch.from_numpy(x), "tanh")


@pytest.mark.parametrize(
    ("ours", "expected"),
    [
        (reference.conv2d, {"bias": None, "stride": 1, "padding": 0, "dilation": 1, "groups": 1}),
        (
            reference.conv_transpose2d,
            {"bias": None, "stride": 1, "padding": 0, "output_padding": 0, "groups": 1, "dilation": 1},
        ),
        (reference.linear, {"bias": None}),
        (reference.gelu, {"approximate": "none"}),
        (reference.layer_norm_backward, {"weight": None, "eps": 1e-5, "output_mask": (True, True, True)}),
        (reference.group_norm_backward, {"weight": None, "eps": 1e-5, "output_mask": (True, True, True)}),
        (reference.flatten, {"start_dim": 0, "end_dim": -1}),
        (
            reference.avg_pool2d,
            {"stride": None, "padding": 0, "ceil_mode": False, "count_include_pad": True, "divisor_override": None},
        ),
        (
            reference.max_pool2d,
            {"stride": None, "padding": 0, "dilation": 1, "ceil_mode": False, "return_indices": False},
        ),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_defaults_of_functions_that_torch_writes_in_c(ours: Any, expected: dict[str, Any]) -> None:
    """torch's own cannot be inspected; the values are those of its documentation."""
    assert defaults(ours) == expected


@pytest.mark.parametrize(
    "build",
    [
        lambda side: side.MaxPool2d(2), lambda side: side.MaxPool2d((3, 2)), lambda side: side.AvgPool2d(3),
        lambda side: side.AvgPool2d(3, padding=1), lambda side: side.Flatten(), lambda side: side.ZeroPad2d(2),
    ],
)  # fmt: skip
def test_layers_built_with_no_more_than_they_need_compute_the_same(build: Any) -> None:
    """The sides are no multiples of the kernels, and so each default shows in the output."""
    image = np.random.default_rng(0).standard_normal((2, 3, 8, 7))
    layer, twin = build(nn), build(torch.nn)
    np.testing.assert_array_equal(layer(image), twin(torch.from_numpy(image)).numpy())


@pytest.mark.parametrize(("ours", "theirs"), [(reference.dropout, F.dropout), (reference.dropout2d, F.dropout2d)])
def test_dropout_has_torchs_defaults_and_a_mask(ours: Any, theirs: Any) -> None:
    assert defaults(ours) == {**defaults(theirs), "mask": None}
    assert inspect.signature(ours).parameters["mask"].kind is inspect.Parameter.KEYWORD_ONLY


def test_padding_with_zeros_is_padding_with_the_constant_zero() -> None:
    assert nn.ZeroPad2d(1).value == torch.nn.ZeroPad2d(1).value == 0


def test_an_optimizer_built_with_no_more_than_it_needs_takes_the_same_step() -> None:
    """Exactly: the gradients are powers of 2, so lr * grad does not round."""
    parameter, twin = optim.Parameter(np.array([4.0, -1.0])), torch.nn.Parameter(torch.tensor([4.0, -1.0]).double())
    parameter.grad, twin.grad = np.array([2.0, 8.0]), torch.tensor([2.0, 8.0]).double()
    optim.SGD([parameter]).step()
    torch.optim.SGD([twin]).step()
    np.testing.assert_array_equal(parameter.data, twin.detach().numpy())


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda: nn.Conv2d(1.5, 1, 1), "in_channels must be an integer, got 1.5"),  # type: ignore[arg-type]
        (lambda: nn.Conv2d(1, 1.5, 1), "out_channels must be an integer, got 1.5"),  # type: ignore[arg-type]
        (lambda: nn.Conv2d(1, 1, 1.5), "kernel_size must be an integer, got 1.5"),  # type: ignore[arg-type]
        (lambda: nn.Conv2d(1, 1, 1, 1.5), "stride must be an integer, got 1.5"),  # type: ignore[arg-type]
        (lambda: nn.Conv2d(1, 1, 1, 1, 1.5), "padding must be an integer, got 1.5"),  # type: ignore[arg-type]
        (lambda: nn.Conv2d(1, 1, 1, 1, 0, 1.5), "dilation must be an integer, got 1.5"),  # type: ignore[arg-type]
        (lambda: nn.Conv2d(1, 1, 1, groups=1.5), "groups must be an integer, got 1.5"),  # type: ignore[arg-type]
        (lambda: nn.ConvTranspose2d(1.5, 1, 1), "in_channels must be an integer, got 1.5"),  # type: ignore[arg-type]
        (lambda: nn.ConvTranspose2d(1, 1, 1, 1.5), "stride must be an integer, got 1.5"),  # type: ignore[arg-type]
        (lambda: nn.ConvTranspose2d(1, 1, 1, 1, 1.5), "padding must be an integer, got 1.5"),  # type: ignore[arg-type]
        (
            lambda: nn.ConvTranspose2d(1, 1, 1, 1, 0, 1.5),  # type: ignore[arg-type]
            "output_padding must be an integer, got 1.5",
        ),
        (
            lambda: nn.ConvTranspose2d(1, 1, 1, dilation=1.5),  # type: ignore[arg-type]
            "dilation must be an integer, got 1.5",
        ),
        (lambda: nn.Linear(1.5, 1), "in_features must be an integer, got 1.5"),  # type: ignore[arg-type]
        (lambda: nn.Linear(1, 1.5), "out_features must be an integer, got 1.5"),  # type: ignore[arg-type]
        (lambda: nn.MaxPool2d(2, return_indices=1), "return_indices must be True or False, got 1"),  # type: ignore[arg-type]
        (lambda: nn.ReflectionPad2d(1.5), "padding must be an integer, got 1.5"),  # type: ignore[arg-type]
        (lambda: nn.ReflectionPad2d((1, 1, 1, 1.5)), "padding must be an integer, got 1.5"),  # type: ignore[arg-type]
    ],
)
def test_a_constructor_names_the_argument(build: Any, message: str) -> None:
    with pytest.raises(TypeError, match=f"^{re.escape(message)}$"):
        build()


def test_channels_may_be_none_at_all_but_not_negative() -> None:
    with pytest.raises(ValueError, match="in_channels and out_channels must not be negative, got -1 and 1"):
        nn.Conv2d(-1, 1, 1)
    assert nn.Conv2d(0, 0, 1).weight.data.shape == (0, 0, 1, 1)
    with pytest.raises(ValueError, match="in_channels and out_channels must not be negative, got 1 and -1"):
        nn.ConvTranspose2d(1, -1, 1)
    assert nn.ConvTranspose2d(0, 0, 1).weight.data.shape == (0, 0, 1, 1)
