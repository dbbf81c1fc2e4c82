"""Bad input: what torch refuses the reference refuses too, and says what was wrong; what torch takes it takes.

The exceptions stand in ``torch_parity.audit.refusals``, one row and one reason each.
"""

import importlib
import linecache
import math
import re
import warnings
from collections.abc import Callable
from functools import partial
from typing import Any

import hypothesis.strategies as st
import numpy as np
import pytest
import torch
from hypothesis import given, settings

from reference.optim import Parameter
from tests.torch_parity.audit.calls import FORMULAS, Call, made_wild, random_call, valid_call
from tests.torch_parity.drawing import HypothesisDraw
from torch_parity.audit.refusals import REFUSALS, mended
from torch_parity.proof.backend import torch_as_measured
from torch_parity.proof.cases import Draw, RandomDraw
from torch_parity.proof.pairs import PAIRS

# Not imported by name: calls of the wrong types are the subject here, and a type checker would refuse them first.
reference: Any = importlib.import_module("reference")
nn, optim, SGD = reference.nn, reference.optim, reference.optim.SGD
clip_grad_norm_ = nn.utils.clip_grad_norm_

Arguments = dict[str, Any]
EVERY_FORMULA = pytest.mark.parametrize("formula", FORMULAS)


def numbered_draw(formula: str, index: int) -> Draw:
    return RandomDraw(np.random.default_rng([int.from_bytes(formula.encode(), "little"), index]))


def outcome(function: Callable[[], Any]) -> tuple[Any, Exception | None]:
    """What ``function`` returns, or the error that it raises."""
    try:
        with torch_as_measured(), warnings.catch_warnings():
            warnings.simplefilter("ignore")  # a warning is no refusal
            return function(), None
    except Exception as error:
        return None, error


def assert_explains(error: Exception, names: set[str], call: Call) -> None:
    """It is a check of the reference's own that fails, not one deep in NumPy, and it names an argument."""
    assert isinstance(error, TypeError | ValueError), f"{call}: {error!r}"
    frame = error.__traceback__
    assert frame is not None
    while frame.tb_next is not None:
        frame = frame.tb_next
    line = linecache.getline(frame.tb_frame.f_code.co_filename, frame.tb_lineno).strip()
    assert line.startswith("raise "), f"{call}: {error!r} comes from {line}"
    assert any(re.search(rf"\b{name}\b", str(error)) for name in names), f"{call}: {error!r} names no argument"


def shapes(result: Any) -> list[tuple[int, ...]]:
    """The shape of each array in what a call returned; none for an optimizer."""
    results = result if isinstance(result, tuple) else (result,)
    return [tuple(array.shape) for array in results if isinstance(array, np.ndarray | np.generic | torch.Tensor)]


def check(call: Call) -> bool:
    """Whether both sides take the call; AssertionError where they disagree."""
    ours, our_error = outcome(call.ours)
    theirs, their_error = outcome(call.theirs)
    if our_error is not None:
        assert_explains(our_error, set(FORMULAS[call.formula].wild), call)
    if their_error is not None:
        assert our_error is not None, f"{call}: only torch refuses: {their_error!r}"
        return False
    rows, arguments = mended(call.formula, call.arguments)
    if our_error is None:
        assert not rows, f"{call}: taken, in spite of {[row.name for row in rows]}"
        assert shapes(ours) == shapes(theirs), str(call)
        return True
    assert rows, f"{call}: only the reference refuses: {our_error!r}"
    instead = Call(call.formula, arguments)  # which has nothing else wrong with it
    for side in (instead.ours, instead.theirs):
        assert outcome(side)[1] is None, f"{call}: {our_error!r}; mended, {instead}: {outcome(side)[1]!r}"
    return False


# Random calls.


@EVERY_FORMULA
def test_acceptance_is_that_of_torch(formula: str) -> None:
    taken = sum(check(random_call(numbered_draw(formula, index), formula)) for index in range(1000))
    assert 250 < taken < 850, "good and bad calls should balance"


@pytest.mark.slow
@EVERY_FORMULA
def test_acceptance_is_that_of_torch_in_many_calls(formula: str) -> None:
    for index in range(1000, 21_000):
        check(random_call(numbered_draw(formula, index), formula))


@EVERY_FORMULA
@settings(max_examples=50, deadline=None, derandomize=True, database=None)
@given(data=st.data())
def test_acceptance_is_that_of_torch_and_failures_shrink(formula: str, data: st.DataObject) -> None:
    check(random_call(HypothesisDraw(data), formula))


def test_every_formula_is_called() -> None:
    assert set(FORMULAS) == {pair.name for pair in PAIRS}


def without(arguments: Arguments, *names: str) -> Arguments:
    return {name: value for name, value in arguments.items() if name not in names}


# The gradients that take the arguments of their formula; they need no bias, constant of a padding, or momentum.
BACKWARD: dict[str, Callable[[Any, Arguments], object]] = {
    "conv2d": lambda g, a: reference.conv2d_backward(g, **a),
    "conv_transpose2d": lambda g, a: reference.conv_transpose2d_backward(g, **a),
    "pad": lambda g, a: reference.pad_backward(g, a["input"].shape, **without(a, "input")),
    "relu": lambda g, a: reference.relu_backward(g, **a),
    "leaky_relu": lambda g, a: reference.leaky_relu_backward(g, **a),
    "sigmoid": lambda g, a: reference.sigmoid_backward(g, a["input"]),
    "tanh": lambda g, a: reference.tanh_backward(g, a["input"]),
    "silu": lambda g, a: reference.silu_backward(g, **a),
    "gelu": lambda g, a: reference.gelu_backward(g, **a),
    "avg_pool2d": lambda g, a: reference.avg_pool2d_backward(g, a["input"].shape, **without(a, "input")),
    "batch_norm": lambda g, a: reference.batch_norm_backward(g, **a),
    "layer_norm": lambda g, a: reference.layer_norm_backward(g, **a),
    "group_norm": lambda g, a: reference.group_norm_backward(g, **a),
    "linear": lambda g, a: reference.linear_backward(g, **a),
    "softmax": lambda g, a: reference.softmax_backward(g, a["input"], a["dim"]),
    "log_softmax": lambda g, a: reference.log_softmax_backward(g, a["input"], a["dim"]),
    "cross_entropy": lambda g, a: reference.cross_entropy_backward(g, **a),
    "nll_loss": lambda g, a: reference.nll_loss_backward(g, **a),
    "mse_loss": lambda g, a: reference.mse_loss_backward(g, **a),
    "binary_cross_entropy_with_logits": lambda g, a: reference.binary_cross_entropy_with_logits_backward(g, **a),
}


@pytest.mark.parametrize("formula", BACKWARD)
def test_gradients_refuse_what_their_formulas_refuse(formula: str) -> None:
    names = {*FORMULAS[formula].wild, "grad_output", "input_shape", "output"}
    refused = 0
    for index in range(1000):
        draw = numbered_draw(formula, index)
        good = valid_call(draw, formula)
        call = Call(formula, without(made_wild(draw, good).arguments, "bias", "value", "momentum"))
        if formula in ("pad", "avg_pool2d"):  # whose gradients get the shape of the input only
            image = np.zeros(np.shape(call.arguments["input"]), good.arguments["input"].dtype)
            call = Call(formula, {**call.arguments, "input": image})
        output, error = outcome(call.ours)
        # The gradient has the shape of the output; of that of the good call, where there is none.
        grad_output = np.zeros_like(good.ours() if output is None else output)
        _, grad_error = outcome(partial(BACKWARD[formula], grad_output, call.arguments))
        assert (error is None) == (grad_error is None), f"{call}: {error!r}, but its gradient: {grad_error!r}"
        if grad_error is not None:
            assert_explains(grad_error, names, call)
            refused += 1
        else:
            taller = np.zeros((*grad_output.shape, 2), grad_output.dtype)
            with pytest.raises(ValueError, match="grad_output must"):
                BACKWARD[formula](taller, call.arguments)
    assert refused > 150


# The table of refusals.


def zeros(*shape: int, dtype: Any = np.float32) -> Any:
    return np.zeros(shape, dtype)


ONE = Parameter(zeros(3))

REFUSED: list[tuple[str, str, Arguments, str]] = [
    ("dtypes other than float32 and float64", "relu", {"input": zeros(3, dtype=np.uint8)},
     "input must be float32 or float64, got uint8; reference.datasets.normalize"),
    *(
        ("dtypes other than float32 and float64", name, {"input": zeros(3, dtype=np.float16)},
         "input must be float32 or float64, got float16")
        for name in ("leaky_relu", "sigmoid", "tanh", "silu", "gelu")
    ),
    ("dtypes other than float32 and float64", "sigmoid", {"input": zeros(3, dtype=np.uint8)},
     "input must be float32 or float64, got uint8; reference.datasets.normalize"),
    ("dtypes other than float32 and float64", "conv2d",
     {"input": zeros(1, 1, 3, 3, dtype=np.int64), "weight": zeros(1, 1, 2, 2, dtype=np.int64)},
     "input must be float32 or float64, got int64; reference.datasets.normalize"),
    ("dtypes other than float32 and float64", "flatten", {"input": zeros(3, 2, dtype=np.bool)},
     "input must be float32 or float64, got bool"),
    ("dtypes other than float32 and float64", "max_pool2d", {"input": zeros(1, 3, 3, dtype=np.int32), "kernel_size": 2},
     "input must be float32 or float64, got int32"),
    ("dtypes other than float32 and float64", "pad", {"input": zeros(3, dtype=np.complex64), "pad": (1, 1)},
     "input must be float32 or float64, got complex64"),
    ("dtypes other than float32 and float64", "linear",
     {"input": zeros(2, 3, dtype=np.float16), "weight": zeros(4, 3, dtype=np.float16)},
     "input must be float32 or float64, got float16"),
    ("dtypes other than float32 and float64", "softmax", {"input": zeros(3, dtype=np.float16), "dim": 0},
     "input must be float32 or float64, got float16"),
    ("mixed dtypes", "cross_entropy", {"input": zeros(2, 3), "target": zeros(2, 3, dtype=np.float64)},
     "target must have the dtype of input, float32, got float64"),
    ("mixed dtypes", "conv2d",
     {"input": zeros(2, 1, 3, 3, dtype=np.float64), "weight": zeros(1, 1, 2, 2, dtype=np.float64), "bias": zeros(1),
      "padding": "valid"}, "bias must have the dtype of input, float64, got float32"),
    ("True or False within a tuple", "avg_pool2d", {"input": zeros(1, 3, 3), "kernel_size": (2, True)},
     "kernel_size must be an integer, got True"),
    ("no input channels", "conv2d", {"input": zeros(2, 0, 3, 3), "weight": zeros(4, 0, 2, 2)},
     r"weight must have no empty dimension, got shape \(4, 0, 2, 2\)"),
    ("an empty batch of what no batch may hold", "conv2d",
     {"input": zeros(0, 1, 3, 3), "weight": zeros(1, 1, 2, 2), "dilation": 0}, "dilation must be at least 1, got 0"),
    ("an empty batch of what no batch may hold", "conv2d",
     {"input": zeros(0, 1, 0, 3), "weight": zeros(1, 1, 1, 1), "padding": 1},
     r"input must have at least 1 channel, row and column, got shape \(0, 1, 0, 3\)"),
    ("mixed dtypes", "batch_norm",
     {"input": zeros(0, 3), "running_mean": zeros(3, dtype=np.float64), "running_var": zeros(3)},
     "running_mean must have the dtype of input, float32, got float64"),
    ("what torch does not check of an input without numbers", "batch_norm",
     {"input": zeros(0, 3), "running_mean": zeros(3), "running_var": zeros(2)},
     r"running_var must have shape \(3,\) \(one number per channel of input\), got \(2,\)"),
    ("what torch does not check of an input without numbers", "batch_norm",
     {"input": zeros(0, 3), "running_mean": None, "running_var": None},
     "running_mean and running_var must be given unless training is True, got None"),
    ("what torch does not check of an input without numbers", "batch_norm",
     {"input": zeros(2, 0), "running_mean": None, "running_var": None, "training": True},
     r"input must have at least 1 channel, got shape \(2, 0\)"),
    ("gamma and beta that are no vectors", "batch_norm",
     {"input": zeros(2, 3), "running_mean": zeros(3), "running_var": zeros(3), "weight": zeros(1, 3)},
     r"weight must have shape \(3,\) \(one number per channel of input\), got \(1, 3\)"),
    ("mixed dtypes", "conv_transpose2d",
     {"input": zeros(0, 1, 3, 3, dtype=np.float64), "weight": zeros(1, 1, 2, 2)},
     "weight must have the dtype of input, float64, got float32"),
    ("a dilation of 0", "conv_transpose2d",
     {"input": zeros(0, 1, 3, 3), "weight": zeros(1, 1, 2, 2), "dilation": (1, 0)},
     r"dilation must be at least 1, got \(1, 0\)"),
    ("an empty batch of what cannot be stamped", "conv_transpose2d",
     {"input": zeros(0, 1, 3, 3), "weight": zeros(1, 1, 2, 2), "output_padding": 1},
     "output_padding must be smaller than stride 1 or dilation 1, got 1"),
    ("an empty batch of what cannot be stamped", "conv_transpose2d",
     {"input": zeros(0, 1, 0, 3), "weight": zeros(1, 1, 2, 2)},
     r"input must have at least 1 channel, row and column, got shape \(0, 1, 0, 3\)"),
    ("an output without pixels", "conv_transpose2d",
     {"input": zeros(0, 1, 3, 3), "weight": zeros(1, 1, 2, 1), "padding": (2, 0)},
     r"padding must leave at least 1 row and column of the output, got \(2, 0\), which leaves 0 x 3"),
    ("a bias of two or more dimensions", "linear",
     {"input": zeros(2, 3), "weight": zeros(4, 3), "bias": zeros(2, 4)},
     r"bias must have shape \(4,\) \(out features\), got \(2, 4\)"),
    ("class weights that are no vector", "cross_entropy",
     {"input": zeros(2, 3, 4), "target": zeros(2, 4, dtype=np.int64), "weight": zeros(1, 3)},
     r"weight must have shape \(3,\) \(one weight per class\), got \(1, 3\)"),
    ("uint8 class indices where there is none to read", "cross_entropy",
     {"input": zeros(0, 3, 4), "target": zeros(0, 4, dtype=np.uint8)}, "target must be int64 .*, got uint8"),
    ("uint8 class indices that look like ignore_index", "cross_entropy",
     {"input": zeros(2, 300), "target": np.array([156, 3], np.uint8), "label_smoothing": 0.1},
     "target must not hold 156 as uint8 with label_smoothing and ignore_index -100"),
    ("images of scores for no classes", "cross_entropy",
     {"input": zeros(2, 0, 3, 4), "target": np.full((2, 3, 4), -100)},
     r"input must have at least 1 class, got shape \(2, 0, 3, 4\)"),
    ("reduction 'elementwise_mean'", "cross_entropy",
     {"input": zeros(2, 3), "target": zeros(2, dtype=np.int64), "reduction": "elementwise_mean"},
     "reduction must be one of none, mean, sum, got 'elementwise_mean'"),
    ("reduction 'elementwise_mean'", "mse_loss",
     {"input": zeros(2, 3), "target": zeros(2, 3), "reduction": "elementwise_mean"},
     "reduction must be one of none, mean, sum, got 'elementwise_mean'"),
    ("reduction 'elementwise_mean'", "binary_cross_entropy_with_logits",
     {"input": zeros(2, 3), "target": zeros(2, 3), "reduction": "elementwise_mean"},
     "reduction must be one of none, mean, sum, got 'elementwise_mean'"),
    ("dtypes other than float32 and float64", "mse_loss", {"input": zeros(3), "target": zeros(3, dtype=np.int64)},
     "target must be float32 or float64, got int64; write target.astype"),
    ("mixed dtypes", "binary_cross_entropy_with_logits", {"input": zeros(3), "target": zeros(3, dtype=np.float64)},
     "target must have the dtype of input, float32, got float64"),
    ("targets of another shape", "mse_loss", {"input": zeros(3, 1), "target": zeros(3)},
     r"target must have shape \(3, 1\) \(as input\), got \(3,\)"),
    ("targets of another shape", "mse_loss", {"input": zeros(3), "target": zeros(2, 3), "weight": zeros(3)},
     r"target must have shape \(3,\) \(as input\), got \(2, 3\)"),
    ("class weights that are no vector", "nll_loss",
     {"input": zeros(2, 3, 4), "target": zeros(2, 4, dtype=np.int64), "weight": zeros(1, 3)},
     r"weight must have shape \(3,\) \(one weight per class\), got \(1, 3\)"),
    ("uint8 class indices where there is none to read", "nll_loss",
     {"input": zeros(0, 3, 4), "target": zeros(0, 4, dtype=np.uint8)}, "target must be int64 .*, got uint8"),
    ("no dimension", "softmax", {"input": zeros(2, 3), "dim": None}, "dim must be an integer, got None"),
    ("no dimension", "log_softmax", {"input": zeros(2, 3), "dim": None}, "dim must be an integer, got None"),
    ("windows wholly in padding", "max_pool2d",
     {"input": zeros(1, 1, 1, 4), "kernel_size": 2, "padding": 1, "dilation": 2},
     "padding 1 with dilation 2 leaves a window of 2 taps that sees no pixel"),
    ("circular padding that wraps more than a cut leaves", "pad",
     {"input": zeros(4, 2), "pad": (-2, 1), "mode": "circular"}, r"pad must not wrap around .*, got \(-2, 1\)"),
    ("cutting more than there is off an empty batch", "pad",
     {"input": zeros(0, 1, 3, 3), "pad": (0, 0, -7, 2), "mode": "reflect"},
     r"pad must not cut off .*, got \(-7, 2\)"),
    ("the mean of no pixels", "adaptive_avg_pool2d", {"input": zeros(2, 3, 0, 4), "output_size": 1},
     r"input must be .* with at least 1 row and column, got \(2, 3, 0, 4\)"),
    ("an image without channels, and more than a batch of images", "adaptive_avg_pool2d",
     {"input": zeros(2, 2, 3, 4, 4), "output_size": (1, 1)}, r"input must be \(C, H, W\) or \(N, C, H, W\), with"),
    ("an image without channels, and more than a batch of images", "adaptive_avg_pool2d",
     {"input": zeros(3, 4), "output_size": 1}, r"input must be \(C, H, W\) or \(N, C, H, W\), with"),
    ("channels of anything but batches of images", "dropout2d", {"input": zeros(3, 4, 4)},
     r"input must be \(N, C, H, W\), got shape \(3, 4, 4\)"),
    ("dtypes other than float32 and float64", "dropout", {"input": zeros(3, dtype=np.int64), "training": False},
     "input must be float32 or float64, got int64"),
    ("plain arrays to optimize", "sgd", {"params": [zeros(3)]}, "params must hold Parameters, got ndarray"),
    ("named parameters to optimize", "sgd", {"params": [("weight", ONE)]}, "params must hold Parameters, got tuple"),
    ("a parameter twice in one group", "sgd", {"params": [ONE, ONE]}, "params must hold each Parameter once"),
    ("flags that are no bools, and dampening that is no number", "sgd", {"params": [ONE], "maximize": 1},
     "maximize must be True or False, got 1"),
    ("flags that are no bools, and dampening that is no number", "sgd", {"params": [ONE], "dampening": "0.1"},
     "dampening must be a real number, got '0.1'"),
    ("bad options of a parameter group", "sgd", {"params": [{"params": [ONE], "lr": -1}]},
     "lr must not be negative, got -1"),
    ("bad options of a parameter group", "sgd", {"params": [{"params": [ONE], "learning_rate": 1}]},
     "takes the options lr, .*, got learning_rate"),
    ("bad options of a group of RMSprop", "rmsprop", {"params": [{"params": [ONE], "alpha": -1}]},
     "alpha must be at least 0, got -1"),
    ("bad options of a group of Adam", "adam", {"params": [{"params": [ONE], "betas": (0.9, 1.0)}]},
     r"betas must be two floats of at least 0 and below 1, got \(0.9, 1.0\)"),
    ("bad options of a group of Adam", "adamw", {"params": [{"params": [ONE], "momentum": 0.9}]},
     "takes the options lr, betas, .*, got momentum"),
    ("more than two betas", "adam", {"params": [ONE], "betas": (0.9, 0.99, 0.999)},
     r"betas must be two floats of at least 0 and below 1, got \(0.9, 0.99, 0.999\)"),
    ("flags that are no bools, and dampening that is no number", "adamw", {"params": [ONE], "amsgrad": 1},
     "amsgrad must be True or False, got 1"),
    ("plain arrays to clip", "clip_grad_norm", {"parameters": [ONE, zeros(3)], "max_norm": 1.0},
     "parameters must hold Parameters, got ndarray"),
]  # fmt: skip


@pytest.mark.parametrize(("row", "formula", "arguments", "message"), REFUSED, ids=[f"{r[0]}-{r[1]}" for r in REFUSED])
def test_refusal(row: str, formula: str, arguments: Arguments, message: str) -> None:
    call = Call(formula, arguments)
    with pytest.raises((TypeError, ValueError), match=message):
        call.ours()
    assert outcome(call.theirs)[1] is None
    rows, better = mended(formula, arguments)
    assert [refusal.name for refusal in rows] == [row]
    assert check(Call(formula, better)), "what to write instead"


def test_every_refusal_has_an_example_and_a_reason() -> None:
    names = [row.name for row in REFUSALS]
    assert len(set(names)) == len(names)
    assert {name for name, *_ in REFUSED} == set(names)
    assert all(row.reason and set(row.formulas) <= set(FORMULAS) for row in REFUSALS)


# Bad input by name: of every function that checks it, each mistake that people make.

IMAGE, KERNEL, BIAS = zeros(2, 4, 7, 5), zeros(6, 2, 3, 2), zeros(6)  # two groups
MAPS = zeros(2, 6, 5, 4)  # the output
FOUR = zeros(4)  # one number per channel
SCORES, LABELS = zeros(4, 3), np.array([0, 2, 1, 1])
POOLED, PLACES = zeros(2, 4, 3, 2), np.zeros((2, 4, 3, 2), np.int64)  # IMAGE pooled by 2 x 2
DOUBLE = np.float64


def bad(label: str, error: type[Exception], function: Callable[[], object], *words: str) -> Any:
    return pytest.param(error, function, words, id=label)


def conv2d(input: Any = IMAGE, weight: Any = KERNEL, bias: Any = BIAS, **options: Any) -> object:
    return reference.conv2d(input, weight, bias, **{"groups": 2, **options})


def conv2d_backward(grad_output: Any = MAPS, input: Any = IMAGE, weight: Any = KERNEL, **options: Any) -> object:
    return reference.conv2d_backward(grad_output, input, weight, **{"groups": 2, **options})


# Both directions of convolution refuse the same.
CONVOLUTION = [
    bad(f"{function.__name__}-{label}", error, partial(function, **arguments), *words)
    for function in (conv2d, conv2d_backward)
    for label, error, arguments, words in [
        ("rank", ValueError, {"input": zeros(7, 5)}, ("input", "(C, H, W)", "got shape (7, 5)")),
        ("weight-rank", ValueError, {"weight": zeros(6, 2, 3)}, ("weight", "(O, C/groups, kH, kW)", "(6, 2, 3)")),
        ("channels", ValueError, {"input": zeros(2, 5, 7, 5)}, ("input", "2 * 2 channels", "got shape (2, 5, 7, 5)")),
        ("no channels", ValueError, {"input": zeros(2, 0, 7, 5)}, ("input", "at least 1 channel", "(2, 0, 7, 5)")),
        ("no taps", ValueError, {"weight": zeros(6, 2, 0, 2)}, ("weight", "no empty dimension", "(6, 2, 0, 2)")),
        ("groups", ValueError, {"groups": 4}, ("groups", "divide the 6 output channels", "got 4")),
        ("no groups", ValueError, {"groups": 0}, ("groups", "got 0")),
        ("half a group", TypeError, {"groups": 0.5}, ("groups", "integer", "got 0.5")),
        ("stride 0", ValueError, {"stride": (1, 0)}, ("stride", "at least 1", "got (1, 0)")),
        ("stride below 0", ValueError, {"stride": -2}, ("stride", "at least 1", "got -2")),
        ("stride of 3", ValueError, {"stride": (1, 1, 1)}, ("stride", "pair of integers", "got (1, 1, 1)")),
        ("stride 1.0", TypeError, {"stride": 1.0}, ("stride", "integer", "got 1.0")),
        ("stride True", TypeError, {"stride": True}, ("stride", "integer", "got True")),
        ("stride 2**64", ValueError, {"stride": 2**64}, ("stride", "64 bits", f"got {2**64}")),
        ("dilation 0", ValueError, {"dilation": 0}, ("dilation", "at least 1", "got 0")),
        ("dilation below 0", ValueError, {"dilation": (-1, 1)}, ("dilation", "at least 1", "got (-1, 1)")),
        ("padding below 0", ValueError, {"padding": -1}, ("padding", "at least 0", "got -1")),
        ("padding full", ValueError, {"padding": "full"}, ("padding", "'same' or 'valid'", "got 'full'")),
        ("padding None", TypeError, {"padding": None}, ("padding", "integer", "got None")),
        ("same and stride", ValueError, {"padding": "same", "stride": 2}, ("stride", "1 where padding is 'same'", "2")),
        ("kernel too large", ValueError, {"input": zeros(2, 4, 2, 5)}, ("weight", "3 x 2", "has 2 x 5")),
        ("pixels", TypeError, {"input": zeros(2, 4, 7, 5, dtype=np.uint8)}, ("input", "float32", "uint8", "normalize")),
        ("half", TypeError, {"weight": zeros(6, 2, 3, 2, dtype=np.float16)}, ("weight", "float32", "got float16")),
        ("mixed", TypeError, {"weight": zeros(6, 2, 3, 2, dtype=DOUBLE)}, ("weight", "dtype", "float32", "float64")),
        ("list", TypeError, {"input": [[1.0]]}, ("input", "NumPy array", "got list")),
        ("None", TypeError, {"weight": None}, ("weight", "NumPy array", "got NoneType")),
    ]
]  # fmt: skip


STAMPS, STAMPED = zeros(4, 3, 3, 2), zeros(2, 6, 9, 6)  # two groups again


def conv_transpose2d(input: Any = IMAGE, weight: Any = STAMPS, bias: Any = BIAS, **options: Any) -> object:
    return reference.conv_transpose2d(input, weight, bias, **{"groups": 2, **options})


def conv_transpose2d_backward(
    grad_output: Any = STAMPED, input: Any = IMAGE, weight: Any = STAMPS, **options: Any
) -> object:
    return reference.conv_transpose2d_backward(grad_output, input, weight, **{"groups": 2, **options})


# Both directions of transposed convolution refuse the same.
TRANSPOSED = [
    bad(f"{function.__name__}-{label}", error, partial(function, **arguments), *words)
    for function in (conv_transpose2d, conv_transpose2d_backward)
    for label, error, arguments, words in [
        ("rank", ValueError, {"input": zeros(7, 5)}, ("input", "(C, H, W)", "got shape (7, 5)")),
        ("weight-rank", ValueError, {"weight": zeros(4, 3, 3)}, ("weight", "(C, O/groups, kH, kW)", "(4, 3, 3)")),
        ("channels", ValueError, {"input": zeros(2, 5, 7, 5)}, ("input", "4 channels", "got shape (2, 5, 7, 5)")),
        ("no channels", ValueError, {"input": zeros(2, 0, 7, 5)}, ("input", "at least 1 channel", "(2, 0, 7, 5)")),
        ("no taps", ValueError, {"weight": zeros(4, 3, 0, 2)}, ("weight", "no empty dimension", "(4, 3, 0, 2)")),
        ("groups", ValueError, {"groups": 3}, ("groups", "divide the 4 input channels", "got 3")),
        ("no groups", ValueError, {"groups": 0}, ("groups", "got 0")),
        ("half a group", TypeError, {"groups": 0.5}, ("groups", "integer", "got 0.5")),
        ("stride 0", ValueError, {"stride": (1, 0)}, ("stride", "at least 1", "got (1, 0)")),
        ("stride 1.0", TypeError, {"stride": 1.0}, ("stride", "integer", "got 1.0")),
        ("dilation 0", ValueError, {"dilation": 0}, ("dilation", "at least 1", "got 0")),
        ("padding below 0", ValueError, {"padding": -1}, ("padding", "at least 0", "got -1")),
        ("padding same", TypeError, {"padding": "same"}, ("padding", "integer", "got 'same'")),
        ("padding too large", ValueError, {"padding": (5, 1)}, ("padding", "at least 1 row", "(5, 1)", "-1 x 4")),
        ("padding of all columns", ValueError, {"padding": (1, 3)}, ("padding", "at least 1 row", "(1, 3)", "7 x 0")),
        ("added below 0", ValueError, {"output_padding": -1}, ("output_padding", "at least 0", "got -1")),
        ("added 1", ValueError, {"output_padding": 1}, ("output_padding", "stride 1", "dilation 1", "got 1")),
        ("added columns", ValueError, {"output_padding": (0, 2), "stride": (3, 2)},
         ("output_padding", "stride (3, 2)", "got (0, 2)")),
        ("pixels", TypeError, {"input": zeros(2, 4, 7, 5, dtype=np.uint8)}, ("input", "float32", "uint8", "normalize")),
        ("mixed", TypeError, {"weight": zeros(4, 3, 3, 2, dtype=DOUBLE)}, ("weight", "dtype", "float32", "float64")),
        ("list", TypeError, {"input": [[1.0]]}, ("input", "NumPy array", "got list")),
    ]
]  # fmt: skip


def max_pool2d(input: Any = IMAGE, kernel_size: Any = 2, **options: Any) -> object:
    return reference.max_pool2d(input, kernel_size, **options)


def avg_pool2d(input: Any = IMAGE, kernel_size: Any = 2, **options: Any) -> object:
    return reference.avg_pool2d(input, kernel_size, **options)


def avg_pool2d_backward(input: Any = IMAGE, kernel_size: Any = 2, **options: Any) -> object:
    return reference.avg_pool2d_backward(POOLED.astype(input.dtype), input.shape, kernel_size, **options)


POOLING = [
    bad(f"{function.__name__}-{label}", error, partial(function, **arguments), *words)
    for function in (max_pool2d, avg_pool2d, avg_pool2d_backward)
    for label, error, arguments, words in [
        ("rank", ValueError, {"input": zeros(7, 5)}, ("(C, H, W)", "got shape (7, 5)")),
        ("no rows", ValueError, {"input": zeros(2, 4, 0, 5)}, ("input", "at least 1 channel", "(2, 4, 0, 5)")),
        ("kernel 0", ValueError, {"kernel_size": 0}, ("kernel_size", "at least 1", "got 0")),
        ("kernel of 3", ValueError, {"kernel_size": (1, 2, 3)}, ("kernel_size", "pair", "got (1, 2, 3)")),
        ("kernel 2.0", TypeError, {"kernel_size": 2.0}, ("kernel_size", "integer", "got 2.0")),
        ("kernel 2**31", ValueError, {"kernel_size": 2**31}, ("kernel_size", "32 bits", f"got {2**31}")),
        ("kernel 2**31 at stride 1", ValueError, {"kernel_size": 2**31, "stride": 1}, ("kernel_size", "32 bits")),
        ("stride 2**31", ValueError, {"kernel_size": 1, "stride": 2**31}, ("stride", "32 bits", f"{2**31} and")),
        ("kernel too large", ValueError, {"kernel_size": 6}, ("kernel_size", "6 x 6", "has 7 x 5")),
        ("stride 0", ValueError, {"stride": 0}, ("stride", "at least 1", "got 0")),
        ("stride below 0", ValueError, {"stride": (2, -1)}, ("stride", "at least 1", "got (2, -1)")),
        ("padding below 0", ValueError, {"padding": -1}, ("padding", "at least 0", "got -1")),
        ("padding above half", ValueError, {"padding": 2}, ("padding", "at most half the kernel 2", "got 2")),
        ("padding same", TypeError, {"padding": "same"}, ("padding", "integer", "got 'same'")),
        ("ceil_mode 1", TypeError, {"ceil_mode": 1}, ("ceil_mode", "True or False", "got 1")),
        ("pixels", TypeError, {"input": zeros(2, 4, 7, 5, dtype=np.uint8)}, ("float32", "got uint8", "astype")),
    ]
]  # fmt: skip


def batch_norm(input: Any = IMAGE, running_mean: Any = FOUR, running_var: Any = FOUR, **given: Any) -> object:
    return reference.batch_norm(input, running_mean, running_var, **given)


def batch_norm_backward(
    grad_output: Any = IMAGE,
    input: Any = IMAGE,
    running_mean: Any = FOUR,
    running_var: Any = FOUR,
    **given: Any,
) -> object:
    return reference.batch_norm_backward(grad_output, input, running_mean, running_var, **given)


OF_FEATURES: list[tuple[str, type[Exception], Arguments, tuple[str, ...]]] = [
    ("shape", ValueError, {"normalized_shape": (4,)}, ("input", "normalized_shape", "(4,)", "got (4, 3)")),
    ("no shape", ValueError, {"normalized_shape": ()}, ("normalized_shape", "1 dimension", "got ()")),
    ("number", TypeError, {"normalized_shape": 3}, ("normalized_shape", "tuple", "got 3")),
    ("float", TypeError, {"normalized_shape": (3.0,)}, ("normalized_shape", "integer", "got 3.0")),
    ("negative", ValueError, {"normalized_shape": (-3,)}, ("normalized_shape", "at least 0", "got (-3,)")),
    ("weight", ValueError, {"weight": zeros(4)}, ("weight", "(3,)", "normalized_shape", "got (4,)")),
    ("mixed", TypeError, {"weight": zeros(3, dtype=DOUBLE)}, ("weight", "dtype", "float32", "got float64")),
    ("eps", TypeError, {"eps": "0"}, ("eps", "real number", "got '0'")),
    ("labels", TypeError, {"input": LABELS}, ("input", "float32", "got int64")),
]
OF_GROUPS: list[tuple[str, type[Exception], Arguments, tuple[str, ...]]] = [
    ("rank", ValueError, {"input": zeros(4)}, ("input", "(N, C)", "got shape (4,)")),
    ("groups", ValueError, {"num_groups": 3}, ("num_groups", "divide the 4 channels", "got 3")),
    ("no groups", ValueError, {"num_groups": 0}, ("num_groups", "at least 1", "got 0")),
    ("half a group", TypeError, {"num_groups": 0.5}, ("num_groups", "integer", "got 0.5")),
    ("single numbers", ValueError, {"input": zeros(1, 2)}, ("input", "more than one number", "(1, 2)")),
    ("weight", ValueError, {"weight": zeros(2)}, ("weight", "(4,)", "one number per channel", "got (2,)")),
    ("mixed", TypeError, {"weight": zeros(4, dtype=DOUBLE)}, ("weight", "dtype", "float32", "got float64")),
    ("eps", TypeError, {"eps": None}, ("eps", "real number", "got None")),
    ("pixels", TypeError, {"input": PLACES}, ("input", "float32", "got int64")),
]
SCORES_OF_3: Arguments = {"input": SCORES, "normalized_shape": (3,)}
IMAGE_OF_2_GROUPS: Arguments = {"input": IMAGE, "num_groups": 2}

BAD = [
    *CONVOLUTION,
    *TRANSPOSED,
    *POOLING,
    bad("conv2d-bias", ValueError, lambda: conv2d(bias=zeros(4)), "bias", "(6,)", "got (4,)"),
    bad("conv2d-mixed bias", TypeError, lambda: conv2d(bias=zeros(6, dtype=DOUBLE)), "bias", "float32", "got float64"),
    bad("conv2d_backward-shape", ValueError, lambda: conv2d_backward(zeros(2, 6, 5, 5)),
        "grad_output", "(2, 6, 5, 4)", "got (2, 6, 5, 5)"),
    bad("conv2d_backward-mixed", TypeError, lambda: conv2d_backward(zeros(2, 6, 5, 4, dtype=DOUBLE)),
        "grad_output", "dtype of input", "float32", "got float64"),
    bad("conv2d_backward-mask", ValueError, lambda: conv2d_backward(output_mask=(True, True)),
        "output_mask", "3", "got (True, True)"),
    bad("conv2d_backward-no mask", TypeError, lambda: conv2d_backward(output_mask=True), "output_mask", "3", "True"),
    bad("conv_transpose2d-bias", ValueError, lambda: conv_transpose2d(bias=zeros(3)), "bias", "(6,)", "got (3,)"),
    bad("conv_transpose2d-mixed bias", TypeError, lambda: conv_transpose2d(bias=zeros(6, dtype=DOUBLE)),
        "bias", "float32", "got float64"),
    bad("conv_transpose2d_backward-shape", ValueError, lambda: conv_transpose2d_backward(zeros(2, 6, 9, 7)),
        "grad_output", "(2, 6, 9, 6)", "transposed convolution", "got (2, 6, 9, 7)"),
    bad("conv_transpose2d_backward-mixed", TypeError, lambda: conv_transpose2d_backward(STAMPED.astype(DOUBLE)),
        "grad_output", "dtype of input", "float32", "got float64"),
    bad("conv_transpose2d_backward-mask", ValueError, lambda: conv_transpose2d_backward(output_mask=(True, True)),
        "output_mask", "3", "got (True, True)"),
    bad("max_pool2d-dilation", ValueError, lambda: max_pool2d(dilation=0), "dilation", "at least 1", "got 0"),
    bad("max_pool2d-dilation too large", ValueError, lambda: max_pool2d(dilation=6), "kernel_size", "7 x 7", "7 x 5"),
    bad("max_pool2d_backward-rank", ValueError, lambda: reference.max_pool2d_backward(SCORES, LABELS, (4, 3)),
        "grad_output", "(C, oH, oW)", "got shape (4, 3)"),
    bad("max_pool2d_backward-shape", ValueError,
        lambda: reference.max_pool2d_backward(zeros(2, 4, 3, 3), PLACES, (2, 4, 7, 5)),
        "indices", "(2, 4, 3, 3)", "got (2, 4, 3, 2)"),
    bad("max_pool2d_backward-image", ValueError, lambda: reference.max_pool2d_backward(POOLED, PLACES, (2, 5, 7, 5)),
        "input_shape", "(2, 4) + (H, W)", "got (2, 5, 7, 5)"),
    bad("max_pool2d_backward-no shape", TypeError, lambda: reference.max_pool2d_backward(POOLED, PLACES, None),
        "input_shape", "got None"),
    bad("max_pool2d_backward-shape of floats", TypeError,
        lambda: reference.max_pool2d_backward(POOLED, PLACES, (2, 4, 7.0, 5)), "input_shape", "integer", "got 7.0"),
    bad("max_pool2d_backward-outside", ValueError,
        lambda: reference.max_pool2d_backward(POOLED, PLACES + 35, (2, 4, 7, 5)),
        "indices", "between 0 and 34", "got 35 to 35"),
    bad("max_pool2d_backward-before", ValueError,
        lambda: reference.max_pool2d_backward(POOLED, PLACES - 1, (2, 4, 7, 5)),
        "indices", "between 0 and 34", "got -1 to -1"),
    bad("max_pool2d_backward-int32", TypeError,
        lambda: reference.max_pool2d_backward(POOLED, PLACES.astype(np.int32), (2, 4, 7, 5)),
        "indices", "int64", "got int32"),
    bad("max_pool2d_backward-integers", TypeError, lambda: reference.max_pool2d_backward(PLACES, PLACES, (2, 4, 7, 5)),
        "grad_output", "float32", "got int64"),
    bad("avg_pool2d-divisor", ValueError, lambda: avg_pool2d(divisor_override=0), "divisor_override", "0"),
    bad("avg_pool2d-count", TypeError, lambda: avg_pool2d(count_include_pad=0), "count_include_pad", "True", "got 0"),
    bad("avg_pool2d_backward-divisor", ValueError, lambda: avg_pool2d_backward(divisor_override=0),
        "divisor_override", "0"),
    bad("avg_pool2d_backward-shape", ValueError,
        lambda: reference.avg_pool2d_backward(zeros(2, 4, 3, 3), (2, 4, 7, 5), 2),
        "grad_output", "(2, 4, 3, 2)", "got (2, 4, 3, 3)"),
    bad("avg_pool2d_backward-no shape", TypeError, lambda: reference.avg_pool2d_backward(POOLED, None, 2),
        "input_shape", "got None"),
    bad("avg_pool2d_backward-negative", ValueError,
        lambda: reference.avg_pool2d_backward(POOLED, (2, 4, -7, 5), 2), "input_shape", "got (2, 4, -7, 5)"),
    *(
        bad(f"{name}-{label}", error, partial(function, **arguments), *words)
        for name, function in (("batch_norm", batch_norm), ("batch_norm_backward", batch_norm_backward))
        for label, error, arguments, words in [
            ("rank", ValueError, {"input": zeros(4)}, ("input", "(N, C, d1, ...)", "got shape (4,)")),
            ("no channels", ValueError, {"input": zeros(2, 0)}, ("input", "at least 1 channel", "(2, 0)")),
            ("no statistics", ValueError, {"running_mean": None, "running_var": None}, ("running_mean", "training")),
            ("no variance", ValueError, {"running_var": None}, ("running_var", "both")),
            ("no mean", ValueError, {"running_mean": None, "training": True}, ("running_mean", "both")),
            ("mean", ValueError, {"running_mean": zeros(3)}, ("running_mean", "(4,)", "got (3,)")),
            ("variance", ValueError, {"running_var": zeros(1, 4)}, ("running_var", "(4,)", "got (1, 4)")),
            ("weight", ValueError, {"weight": zeros(1)}, ("weight", "(4,)", "got (1,)")),
            ("mixed", TypeError, {"weight": zeros(4, dtype=DOUBLE)}, ("weight", "dtype of input", "float64")),
            ("list", TypeError, {"running_mean": [0.0]}, ("running_mean", "NumPy array", "got list")),
            ("training 1", TypeError, {"training": 1}, ("training", "True or False", "got 1")),
            ("eps below 0", ValueError, {"eps": -1e-5}, ("eps", "positive", "got -1e-05")),
            ("eps 0", ValueError, {"eps": 0.0, "training": True}, ("eps", "positive", "got 0.0")),
            ("eps None", TypeError, {"eps": None}, ("eps", "real number", "got None")),
            ("one number", ValueError, {"input": zeros(1, 4, 1, 1), "training": True},
             ("input", "more than 1 number per channel", "(1, 4, 1, 1)")),
        ]
    ),
    bad("batch_norm-bias", ValueError, lambda: batch_norm(bias=zeros(3)), "bias", "(4,)", "got (3,)"),
    bad("batch_norm-momentum", TypeError, lambda: batch_norm(momentum=None), "momentum", "real number", "got None"),
    bad("batch_norm_backward-shape", ValueError, lambda: batch_norm_backward(zeros(2, 4, 7, 4)),
        "grad_output", "(2, 4, 7, 5)", "got (2, 4, 7, 4)"),
    bad("batch_norm_backward-mixed", TypeError, lambda: batch_norm_backward(zeros(2, 4, 7, 5, dtype=DOUBLE)),
        "grad_output", "dtype of input", "float32", "got float64"),
    bad("batch_norm_backward-mask", ValueError, lambda: batch_norm_backward(output_mask=(True, True)),
        "output_mask", "3", "got (True, True)"),
    bad("pad-mode", ValueError, lambda: reference.pad(IMAGE, (1, 1), "zeros"), "mode", "constant", "got 'zeros'"),
    bad("pad-odd", ValueError, lambda: reference.pad(IMAGE, (1, 1, 1)), "pad", "a pair", "got (1, 1, 1)"),
    bad("pad-number", TypeError, lambda: reference.pad(IMAGE, 1), "pad", "tuple", "got 1"),
    bad("pad-float", TypeError, lambda: reference.pad(IMAGE, (1.5, 1)), "pad", "integer", "got 1.5"),
    bad("pad-cut", ValueError, lambda: reference.pad(IMAGE, (-3, -3)), "pad", "cut off", "got (-3, -3)", "of 5"),
    bad("pad-rank", ValueError, lambda: reference.pad(zeros(5), (1, 1), "reflect"), "pad", "(C, W)", "got (1, 1)"),
    bad("pad-reflect", ValueError, lambda: reference.pad(IMAGE, (5, 0, 0, 0), "reflect"),
        "pad", "smaller", "got (5, 0)"),
    *(
        bad(f"pad-{mode} of nothing", ValueError, partial(reference.pad, IMAGE, (-5, 0, 0, -7), mode),
            "pad", "at least one row or column", "got (-5, 0, 0, -7)")
        for mode in ("reflect", "replicate")
    ),
    bad("pad-circular", ValueError, lambda: reference.pad(IMAGE[0], (0, 6, 0, 0), "circular"),
        "pad", "more than once", "got (0, 6)"),
    bad("pad-value", ValueError, lambda: reference.pad(IMAGE[0, 0], (1, 1), "reflect", 2.0), "value", "0", "got 2.0"),
    bad("pad-text", TypeError, lambda: reference.pad(IMAGE, (1, 1), value="0"), "value", "number", "got '0'"),
    bad("pad-complex", TypeError, lambda: reference.pad(IMAGE, (1, 1), value=1j), "value", "real number", "got 1j"),
    bad("pad-overflow", ValueError, lambda: reference.pad(IMAGE, (1, 1), value=1e300), "value", "float32", "1e+300"),
    bad("pad-pixels", TypeError, lambda: reference.pad(PLACES, (1, 1)), "input", "float32", "got int64"),
    bad("pad_backward-mode", ValueError, lambda: reference.pad_backward(IMAGE, (2, 4, 7, 3), (1, 1), "zeros"),
        "mode", "constant", "got 'zeros'"),
    bad("pad_backward-shape", ValueError, lambda: reference.pad_backward(IMAGE, (2, 4, 7, 5), (1, 1, 0, 0), "reflect"),
        "grad_output", "(2, 4, 7, 7)", "got (2, 4, 7, 5)"),
    bad("pad_backward-reflect", ValueError,
        lambda: reference.pad_backward(POOLED, (2, 4, 3, 1), (2, 2, 0, 0), "reflect"), "pad", "smaller", "got (2, 2)"),
    bad("pad_backward-no shape", TypeError, lambda: reference.pad_backward(IMAGE, None, (1, 1)), "input_shape", "None"),
    bad("pad_backward-integers", TypeError, lambda: reference.pad_backward(PLACES, (2, 4, 3, 0), (1, 1)),
        "grad_output", "float32", "got int64"),
    bad("relu-pixels", TypeError, lambda: reference.relu(PLACES), "input", "float32", "got int64"),
    bad("relu-number", TypeError, lambda: reference.relu(1.5), "input", "NumPy array", "got float"),
    bad("relu-None", TypeError, lambda: reference.relu(None), "input", "NumPy array", "got NoneType"),
    bad("relu_backward-shape", ValueError, lambda: reference.relu_backward(POOLED, IMAGE),
        "grad_output", "(2, 4, 7, 5)", "got (2, 4, 3, 2)"),
    bad("relu_backward-mixed", TypeError, lambda: reference.relu_backward(POOLED.astype(DOUBLE), POOLED),
        "input", "dtype of grad_output", "float64", "got float32"),
    *(
        bad(f"{f.__name__}-{label}", TypeError, partial(f, x), *words)
        for f in (reference.leaky_relu, reference.sigmoid, reference.tanh, reference.silu, reference.gelu)
        for label, x, words in [
            ("pixels", PLACES, ("input", "float32", "got int64")),
            ("number", 1.5, ("input", "NumPy array", "got float")),
            ("None", None, ("input", "NumPy array", "got NoneType")),
        ]
    ),
    *(
        bad(f"{f.__name__}-{label}", error, partial(f, *arguments), *words)
        for f, second in [
            (reference.leaky_relu_backward, "input"), (reference.sigmoid_backward, "output"),
            (reference.tanh_backward, "output"), (reference.silu_backward, "input"), (reference.gelu_backward, "input"),
        ]
        for label, error, arguments, words in [
            ("shape", ValueError, (POOLED, IMAGE), ("grad_output", "(2, 4, 7, 5)", f"as {second}", "got (2, 4, 3, 2)")),
            ("mixed", TypeError, (POOLED.astype(DOUBLE), POOLED), (second, "dtype of grad_output", "got float32")),
        ]
    ),
    *(
        bad(f"{name}-{label}", error, partial(f, slope), "negative_slope", *words)
        for name, f in [
            ("leaky_relu", lambda slope: reference.leaky_relu(IMAGE, slope)),
            ("leaky_relu_backward", lambda slope: reference.leaky_relu_backward(IMAGE, IMAGE, slope)),
            ("LeakyReLU", lambda slope: nn.LeakyReLU(slope)(IMAGE)),
        ]
        for label, error, slope, words in [
            ("text", TypeError, "0.1", ("number", "got '0.1'")),
            ("complex", TypeError, 1j, ("real number", "got 1j")),
            ("overflow", ValueError, -1e300, ("float32", "got -1e+300")),
        ]
    ),
    *(
        bad(f"{name}-{label}", error, partial(f, approximate), "approximate", "one of none, tanh", *words)
        for name, f in [
            ("gelu", lambda approximate: reference.gelu(IMAGE, approximate=approximate)),
            ("gelu_backward", lambda approximate: reference.gelu_backward(IMAGE, IMAGE, approximate=approximate)),
            ("GELU", lambda approximate: nn.GELU(approximate)(IMAGE)),
        ]
        for label, error, approximate, words in [
            ("text", ValueError, "erf", ("got 'erf'",)),
            ("flag", TypeError, True, ("got True",)),
        ]
    ),
    *(
        bad(f"{name}-{label}", error, partial(f, **SCORES_OF_3 | options), *words)
        for name, f in [
            ("layer_norm", reference.layer_norm),
            ("layer_norm_backward", partial(reference.layer_norm_backward, SCORES)),
        ]
        for label, error, options, words in OF_FEATURES
    ),
    bad("layer_norm-bias", ValueError, lambda: reference.layer_norm(SCORES, (3,), None, zeros(1)), "bias", "(1,)"),
    bad("layer_norm_backward-shape", ValueError, lambda: reference.layer_norm_backward(zeros(3), SCORES, (3,)),
        "grad_output", "(4, 3)", "got (3,)"),
    bad("layer_norm_backward-mixed", TypeError,
        lambda: reference.layer_norm_backward(SCORES.astype(DOUBLE), SCORES, (3,)),
        "grad_output", "float32", "float64"),
    *(
        bad(f"{name}-{label}", error, partial(f, **IMAGE_OF_2_GROUPS | options), *words)
        for name, f in [
            ("group_norm", reference.group_norm),
            ("group_norm_backward", partial(reference.group_norm_backward, IMAGE)),
        ]
        for label, error, options, words in OF_GROUPS
    ),
    bad("group_norm-bias", ValueError, lambda: reference.group_norm(IMAGE, 2, None, zeros(1)), "bias", "(4,)"),
    bad("group_norm_backward-shape", ValueError, lambda: reference.group_norm_backward(POOLED, IMAGE, 2),
        "grad_output", "(2, 4, 7, 5)", "got (2, 4, 3, 2)"),
    bad("LayerNorm-float", TypeError, lambda: nn.LayerNorm(3.0), "normalized_shape", "integer", "got 3.0"),
    bad("LayerNorm-negative", ValueError, lambda: nn.LayerNorm((2, -3)), "normalized_shape", "got (2, -3)"),
    bad("LayerNorm-input", ValueError, lambda: nn.LayerNorm(4)(SCORES), "input", "(4,)", "got (4, 3)"),
    bad("LayerNorm-double", TypeError, lambda: nn.LayerNorm(3)(SCORES.astype(DOUBLE)), "weight", "dtype", "float32"),
    bad("LayerNorm-list", TypeError, lambda: nn.LayerNorm(3)([1.0]), "input", "NumPy array", "got list"),
    bad("GroupNorm-groups", ValueError, lambda: nn.GroupNorm(3, 4), "num_groups", "divide", "got 3 and 4"),
    bad("GroupNorm-no groups", ValueError, lambda: nn.GroupNorm(0, 4), "num_groups", "at least 1", "got 0 and 4"),
    bad("GroupNorm-channels", ValueError, lambda: nn.GroupNorm(1, -4), "num_channels", "negative", "got -4"),
    bad("GroupNorm-float", TypeError, lambda: nn.GroupNorm(2.0, 4), "num_groups", "integer", "got 2.0"),
    bad("GroupNorm-half", TypeError, lambda: nn.GroupNorm(2, 4.5), "num_channels", "integer", "got 4.5"),
    bad("flatten-dim", ValueError, lambda: reference.flatten(SCORES, 2), "start_dim", "between -2 and 1", "got 2"),
    bad("flatten-end", ValueError, lambda: reference.flatten(SCORES, 0, -3), "end_dim", "between -2 and 1", "got -3"),
    bad("flatten-order", ValueError, lambda: reference.flatten(SCORES, 1, 0), "start_dim", "after end_dim", "1 and 0"),
    bad("flatten-float", TypeError, lambda: reference.flatten(SCORES, 1.0), "start_dim", "integer", "got 1.0"),
    bad("flatten-labels", TypeError, lambda: reference.flatten(LABELS), "input", "float32", "got int64"),
    bad("flatten_backward-shape", ValueError, lambda: reference.flatten_backward(SCORES, (4, 4)),
        "grad_output", "(4, 4)", "got shape (4, 3)"),
    bad("flatten_backward-negative", ValueError, lambda: reference.flatten_backward(SCORES, (-4, -3)),
        "input_shape", "got (-4, -3)"),
    bad("flatten_backward-no shape", TypeError, lambda: reference.flatten_backward(SCORES, None),
        "input_shape", "got None"),
    bad("flatten_backward-labels", TypeError, lambda: reference.flatten_backward(LABELS, (2, 2)),
        "grad_output", "float32", "got int64"),
    bad("linear-rank", ValueError, lambda: reference.linear(zeros(), zeros(5, 3)), "input", "1 dimension", "shape ()"),
    bad("linear-weight", ValueError, lambda: reference.linear(SCORES, zeros(1, 5, 3)), "weight", "got shape (1, 5, 3)"),
    bad("linear-features", ValueError, lambda: reference.linear(SCORES, zeros(3, 5)), "input", "5 features", "(4, 3)"),
    bad("linear-bias", ValueError, lambda: reference.linear(SCORES, zeros(5, 3), zeros(4)), "bias", "(5,)", "got (4,)"),
    bad("linear-mixed", TypeError, lambda: reference.linear(SCORES, zeros(5, 3, dtype=DOUBLE)), "weight", "float64"),
    bad("linear-None", TypeError, lambda: reference.linear(SCORES, None), "weight", "NumPy array", "got NoneType"),
    bad("linear-labels", TypeError, lambda: reference.linear(LABELS, zeros(5, 4)), "input", "float32", "got int64"),
    bad("linear_backward-shape", ValueError, lambda: reference.linear_backward(SCORES, SCORES, zeros(5, 3)),
        "grad_output", "(4, 5)", "got (4, 3)"),
    bad("linear_backward-features", ValueError, lambda: reference.linear_backward(SCORES, SCORES, zeros(3, 5)),
        "input", "5 features", "got (4, 3)"),
    bad("linear_backward-mixed", TypeError, lambda: reference.linear_backward(SCORES, SCORES, SCORES.astype(DOUBLE)),
        "weight", "float32", "got float64"),
    *(
        bad(f"{f.__name__}-{label}", error, partial(f, *arguments), *words)
        for f in (reference.softmax, reference.log_softmax)
        for label, error, arguments, words in [
            ("dim", ValueError, (SCORES, 2), ("dim", "between -2 and 1", "got 2")),
            ("dim 1.0", TypeError, (SCORES, 1.0), ("dim", "integer", "got 1.0")),
            ("labels", TypeError, (LABELS, 0), ("input", "float32", "got int64")),
        ]
    ),
    *(
        bad(f"{f.__name__}-{label}", error, partial(f, *arguments), *words)
        for f in (reference.softmax_backward, reference.log_softmax_backward)
        for label, error, arguments, words in [
            ("dim", ValueError, (SCORES, SCORES, -3), ("dim", "between -2 and 1", "got -3")),
            ("shape", ValueError, (zeros(4), SCORES, 1), ("grad_output", "(4, 3)", "got (4,)")),
            ("mixed", TypeError, (SCORES, SCORES.astype(DOUBLE), 1), ("output", "float32", "got float64")),
        ]
    ),
    *(
        bad(f"{name}-{label}", error, partial(f, input, target, **options), *words)
        for name, f in [
            ("cross_entropy", reference.cross_entropy),
            ("cross_entropy_backward", partial(reference.cross_entropy_backward, zeros())),
        ]
        for label, error, input, target, options, words in [
            ("rank", ValueError, zeros(), LABELS, {}, ("input", "(N, C)", "got shape ()")),
            ("target shape", ValueError, SCORES, LABELS[:3], {}, ("target", "(4,)", "got (3,)")),
            ("one-hot columns", ValueError, SCORES, zeros(4, 2).astype(int), {}, ("target", "(4,)", "got (4, 2)")),
            ("one label in a row, smoothed", ValueError, zeros(3), LABELS[:1], {"label_smoothing": 0.1},
             ("target", "()", "got (1,)")),
            ("label above", ValueError, SCORES, LABELS + 1, {}, ("target", "between 0 and 2", "got 3")),
            ("label below", ValueError, SCORES, LABELS - 1, {}, ("target", "between 0 and 2", "got -1")),
            ("label list", TypeError, SCORES, [0, 1, 2, 0], {}, ("target", "NumPy array", "got list")),
            ("labels of int32", TypeError, SCORES, LABELS.astype(np.int32), {},
             ("target", "int64 or uint8 class indices", "got int32")),
            ("labels of bytes for maps", TypeError, zeros(4, 3, 2), zeros(4, 2, dtype=np.uint8), {},
             ("target", "must be int64 class indices", "got uint8")),
            ("labels of bool", TypeError, SCORES, LABELS > 0, {}, ("target", "int64", "got bool")),
            ("mixed", TypeError, SCORES, SCORES.astype(DOUBLE), {}, ("target", "float32", "got float64")),
            ("integers", TypeError, SCORES.astype(int), LABELS, {}, ("input", "float32", "got int64")),
            ("weight", ValueError, SCORES, LABELS, {"weight": zeros(4)}, ("weight", "(3,)", "got (4,)")),
            ("weights of ints", TypeError, SCORES, LABELS, {"weight": LABELS[:3]}, ("weight", "float32", "got int64")),
            ("reduction", ValueError, SCORES, LABELS, {"reduction": "max"}, ("reduction", "mean", "got 'max'")),
            ("smoothing", ValueError, SCORES, LABELS, {"label_smoothing": 1.5}, ("label_smoothing", "1", "got 1.5")),
            ("smoothing text", TypeError, SCORES, LABELS, {"label_smoothing": "0"}, ("label_smoothing", "real", "'0'")),
            ("ignore", TypeError, SCORES, LABELS, {"ignore_index": None}, ("ignore_index", "integer", "got None")),
            ("ignored beyond int64", ValueError, SCORES, LABELS, {"ignore_index": -(2**63) - 1},
             ("ignore_index", "64 bits", f"got {-(2**63) - 1}")),
            ("ignored class", ValueError, SCORES, SCORES, {"ignore_index": 1}, ("ignore_index", "negative", "got 1")),
        ]
    ),
    bad("cross_entropy_backward-shape", ValueError,
        lambda: reference.cross_entropy_backward(zeros(4), SCORES, LABELS), "grad_output", "()", "got (4,)"),
    bad("cross_entropy_backward-mixed upstream", TypeError,
        lambda: reference.cross_entropy_backward(zeros(dtype=DOUBLE), SCORES, LABELS),
        "input", "dtype of grad_output", "float64", "got float32"),
    bad("cross_entropy_backward-none", ValueError,
        lambda: reference.cross_entropy_backward(zeros(), SCORES, LABELS, reduction="none"),
        "grad_output", "(4,)", "got ()"),
    *(
        bad(f"{name}-{label}", error, partial(f, input, target, **options), *words)
        for name, f in [
            ("nll_loss", reference.nll_loss),
            ("nll_loss_backward", partial(reference.nll_loss_backward, zeros())),
        ]
        for label, error, input, target, options, words in [
            ("rank", ValueError, zeros(), LABELS, {}, ("input", "(N, C)", "got shape ()")),
            ("target shape", ValueError, SCORES, LABELS[:3], {}, ("target", "(4,)", "got (3,)")),
            ("several labels of one sample", ValueError, zeros(3), LABELS[:3], {}, ("target", "()", "got (3,)")),
            ("label above", ValueError, SCORES, LABELS + 1, {}, ("target", "between 0 and 2", "got 3")),
            ("label list", TypeError, SCORES, [0, 1, 2, 0], {}, ("target", "NumPy array", "got list")),
            ("probabilities", TypeError, SCORES, SCORES, {},
             ("target", "int64 or uint8 class indices", "got float32 of shape (4, 3)")),
            ("labels of bytes for maps", TypeError, zeros(4, 3, 2), zeros(4, 2, dtype=np.uint8), {},
             ("target", "must be int64 class indices", "got uint8")),
            ("integers", TypeError, SCORES.astype(int), LABELS, {}, ("input", "float32", "got int64")),
            ("weight", ValueError, SCORES, LABELS, {"weight": zeros(4)}, ("weight", "(3,)", "got (4,)")),
            ("weights of ints", TypeError, SCORES, LABELS, {"weight": LABELS[:3]}, ("weight", "float32", "got int64")),
            ("reduction", ValueError, SCORES, LABELS, {"reduction": "max"}, ("reduction", "mean", "got 'max'")),
            ("ignore", TypeError, SCORES, LABELS, {"ignore_index": None}, ("ignore_index", "integer", "got None")),
        ]
    ),
    *(
        bad(f"{f.__name__}-{label}", error, partial(f, *arguments, SCORES, target, **options), *words)
        for f, arguments in [
            (reference.mse_loss, ()),
            (reference.mse_loss_backward, (zeros(),)),
            (reference.binary_cross_entropy_with_logits, ()),
            (reference.binary_cross_entropy_with_logits_backward, (zeros(),)),
        ]
        for label, error, target, options, words in [
            ("shape", ValueError, zeros(3), {}, ("target", "(4, 3)", "as input", "got (3,)")),
            ("mixed", TypeError, SCORES.astype(DOUBLE), {}, ("target", "float32", "got float64")),
            ("labels", TypeError, SCORES.astype(int), {}, ("target", "float32", "got int64")),
            ("weight", ValueError, SCORES, {"weight": zeros(4)}, ("weight", "(4, 3)", "as input", "got (4,)")),
            ("weights of ints", TypeError, SCORES, {"weight": SCORES.astype(int)}, ("weight", "float32", "got int64")),
            ("reduction", ValueError, SCORES, {"reduction": "max"}, ("reduction", "mean", "got 'max'")),
        ]
    ),
    *(
        bad(f"binary_cross_entropy_with_logits-{label}", error,
            partial(reference.binary_cross_entropy_with_logits, SCORES, SCORES, pos_weight=pos_weight), *words)
        for label, error, pos_weight, words in [
            ("pos_weight", ValueError, zeros(4), ("pos_weight", "broadcasts to (4, 3)", "got (4,)")),
            ("pos_weight of more", ValueError, zeros(1, 4, 3), ("pos_weight", "(4, 3)", "got (1, 4, 3)")),
            ("pos_weight of none", ValueError, zeros(0), ("pos_weight", "(4, 3)", "got (0,)")),
            ("a number", TypeError, 2.0, ("pos_weight", "NumPy array", "got float")),
        ]
    ),
    *(
        bad(f"{f.__name__}-upstream", ValueError, partial(f, zeros(4), SCORES, target), "grad_output", "()", "got (4,)")
        for f, target in [
            (reference.nll_loss_backward, LABELS),
            (reference.mse_loss_backward, SCORES),
            (reference.binary_cross_entropy_with_logits_backward, SCORES),
        ]
    ),
    bad("Conv2d-groups", ValueError, lambda: nn.Conv2d(4, 6, 3, groups=4), "groups", "divide", "got 4"),
    bad("Conv2d-no groups", ValueError, lambda: nn.Conv2d(4, 6, 3, groups=0), "groups", "divide", "got 0"),
    bad("Conv2d-channels", TypeError, lambda: nn.Conv2d(4.0, 6, 3), "in_channels", "integer", "got 4.0"),
    bad("Conv2d-in", ValueError, lambda: nn.Conv2d(-4, 6, 3), "in_channels", "negative", "got -4"),
    bad("Conv2d-out", ValueError, lambda: nn.Conv2d(4, -6, 3), "out_channels", "negative", "4 and -6"),
    bad("Conv2d-kernel", ValueError, lambda: nn.Conv2d(4, 6, 0), "kernel_size", "at least 1", "got 0"),
    bad("Conv2d-kernel of 1", ValueError, lambda: nn.Conv2d(4, 6, (3,)), "kernel_size", "pair", "got (3,)"),
    bad("Conv2d-stride", ValueError, lambda: nn.Conv2d(4, 6, 3, stride=0), "stride", "at least 1", "got 0"),
    bad("Conv2d-padding", ValueError, lambda: nn.Conv2d(4, 6, 3, padding="full"), "padding", "'same'", "got 'full'"),
    bad("Conv2d-same", ValueError, lambda: nn.Conv2d(4, 6, 3, 2, "same"), "stride", "'same'", "got 2"),
    bad("Conv2d-dilation", ValueError, lambda: nn.Conv2d(4, 6, 3, dilation=-1), "dilation", "at least 1", "got -1"),
    bad("Conv2d-padding_mode", ValueError, lambda: nn.Conv2d(4, 6, 3, padding_mode="same"),
        "padding_mode", "reflect", "got 'same'"),
    bad("Conv2d-pixels", TypeError, lambda: nn.Conv2d(4, 6, 3)(PLACES), "input", "float32", "got int64"),
    bad("Conv2d-input", ValueError, lambda: nn.Conv2d(5, 6, 3)(IMAGE), "input", "5 * 1 channels", "(2, 4, 7, 5)"),
    bad("Conv2d-list", TypeError, lambda: nn.Conv2d(5, 6, 3)([1.0]), "input", "NumPy array", "got list"),
    bad("ConvTranspose2d-groups", ValueError, lambda: nn.ConvTranspose2d(4, 6, 3, groups=4),
        "groups", "divide", "got 4"),
    bad("ConvTranspose2d-in", ValueError, lambda: nn.ConvTranspose2d(-4, 6, 3), "in_channels", "negative", "got -4"),
    bad("ConvTranspose2d-kernel", ValueError, lambda: nn.ConvTranspose2d(4, 6, 0), "kernel_size", "at least 1", "0"),
    bad("ConvTranspose2d-kernel of 1", ValueError, lambda: nn.ConvTranspose2d(4, 6, (3,)), "kernel_size", "pair"),
    bad("ConvTranspose2d-padding_mode", ValueError, lambda: nn.ConvTranspose2d(4, 6, 3, padding_mode="reflect"),
        "padding_mode", "zeros", "got 'reflect'"),
    bad("ConvTranspose2d-input", ValueError, lambda: nn.ConvTranspose2d(5, 6, 3)(IMAGE), "input", "5 channels",
        "(2, 4, 7, 5)"),
    bad("ConvTranspose2d-too large", ValueError, lambda: nn.ConvTranspose2d(4, 6, 3, 2)(IMAGE, (17, 11)),
        "output_size", "between 15 x 11 and 16 x 12", "7 x 5", "got (17, 11)"),
    bad("ConvTranspose2d-too small", ValueError, lambda: nn.ConvTranspose2d(4, 6, 3, 2)(IMAGE, [15, 10]),
        "output_size", "between 15 x 11 and 16 x 12", "got [15, 10]"),
    bad("ConvTranspose2d-sizes", ValueError, lambda: nn.ConvTranspose2d(4, 6, 3, 2)(IMAGE, (6, 15, 11)),
        "output_size", "2 or 4 entries", "got (6, 15, 11)"),
    bad("ConvTranspose2d-list", TypeError, lambda: nn.ConvTranspose2d(4, 6, 3, 2)([1.0], (15, 11)),
        "input", "NumPy array", "got list"),
    bad("ConvTranspose2d-size", TypeError, lambda: nn.ConvTranspose2d(4, 6, 3, 2)(IMAGE, 15), "output_size", "tuple"),
    bad("ConvTranspose2d-half a size", TypeError, lambda: nn.ConvTranspose2d(4, 6, 3, 2)(IMAGE, (15.5, 11)),
        "output_size", "integer", "got 15.5"),
    bad("Conv2d-double", TypeError, lambda: nn.Conv2d(4, 6, 3)(IMAGE.astype(DOUBLE)), "weight", "dtype", "float32"),
    bad("Linear-in", ValueError, lambda: nn.Linear(-1, 2), "in_features", "not be negative", "got -1"),
    bad("Linear-out", TypeError, lambda: nn.Linear(1, 2.0), "out_features", "integer", "got 2.0"),
    bad("Linear-input", ValueError, lambda: nn.Linear(4, 2)(SCORES), "input", "4 features", "got (4, 3)"),
    bad("MaxPool2d-indices", ValueError, lambda: nn.MaxPool2d(2, return_indices=True), "return_indices", "False"),
    bad("MaxPool2d-padding", ValueError, lambda: nn.MaxPool2d(2, padding=2)(IMAGE), "padding", "half", "got 2"),
    bad("AvgPool2d-kernel", ValueError, lambda: nn.AvgPool2d(6)(IMAGE), "kernel_size", "6 x 6", "7 x 5"),
    bad("ReflectionPad2d-padding", ValueError, lambda: nn.ReflectionPad2d((1, 1)), "padding", "bottom", "got (1, 1)"),
    bad("ReflectionPad2d-input", ValueError, lambda: nn.ReflectionPad2d(5)(IMAGE), "pad", "smaller", "got (5, 5)"),
    bad("ZeroPad2d-list", TypeError, lambda: nn.ZeroPad2d(1)([1.0]), "input", "NumPy array", "got list"),
    bad("Flatten-dim", ValueError, lambda: nn.Flatten(2)(SCORES), "start_dim", "between -2 and 1", "got 2"),
    bad("Flatten-list", TypeError, lambda: nn.Flatten()([1.0]), "input", "NumPy array", "got list"),
    bad("Softmax-dim", ValueError, lambda: nn.Softmax(2)(SCORES), "dim", "between -2 and 1", "got 2"),
    bad("LogSoftmax-dim", ValueError, lambda: nn.LogSoftmax(2)(SCORES), "dim", "between -2 and 1", "got 2"),
    bad("Sequential-function", TypeError, lambda: nn.Sequential(reference.relu), "layers", "Modules", "relu itself"),
    bad("CrossEntropyLoss-reduction", ValueError, lambda: nn.CrossEntropyLoss(reduction="max")(SCORES, LABELS),
        "reduction", "mean", "got 'max'"),
    bad("SGD-none", ValueError, lambda: SGD([]), "params", "at least one", "got none"),
    bad("SGD-array", TypeError, lambda: SGD(zeros()), "params", "iterable of Parameters", "got ndarray"),
    bad("SGD-parameter", TypeError, lambda: SGD(ONE), "params", "iterable of Parameters", "got Parameter"),
    bad("SGD-group of none", TypeError, lambda: SGD([{"params": None}]), "params", "Parameter", "got NoneType"),
    bad("SGD-group of an array", TypeError, lambda: SGD([{"params": zeros()}]), "params", "Parameter", "got ndarray"),
    bad("SGD-twice", ValueError, lambda: SGD([{"params": [ONE]}, {"params": ONE}]), "params", "once", "twice"),
    bad("SGD-lr", ValueError, lambda: SGD([ONE], lr=-0.1), "lr", "not be negative", "got -0.1"),
    bad("SGD-lr text", TypeError, lambda: SGD([ONE], lr="0.1"), "lr", "number", "got '0.1'"),
    bad("SGD-unused lr", ValueError, lambda: SGD([{"params": ONE, "lr": 0.1}], lr=-1), "lr", "negative", "got -1"),
    bad("SGD-momentum", ValueError, lambda: SGD([ONE], momentum=-1), "momentum", "not be negative", "got -1"),
    bad("SGD-decay", ValueError, lambda: SGD([ONE], weight_decay=-1), "weight_decay", "not be negative", "got -1"),
    bad("RMSprop-lr", ValueError, lambda: optim.RMSprop([ONE], lr=-1), "lr", "at least 0", "got -1"),
    bad("RMSprop-nan", ValueError, lambda: optim.RMSprop([ONE], lr=math.nan), "lr", "at least 0", "got nan"),
    bad("RMSprop-alpha", ValueError, lambda: optim.RMSprop([ONE], alpha=-0.5), "alpha", "at least 0", "got -0.5"),
    bad("RMSprop-eps", ValueError, lambda: optim.RMSprop([ONE], eps=-1e-8), "eps", "at least 0", "got -1e-08"),
    bad("RMSprop-momentum", ValueError, lambda: optim.RMSprop([ONE], momentum=-1), "momentum", "at least 0", "got -1"),
    bad("RMSprop-decay", ValueError, lambda: optim.RMSprop([ONE], weight_decay=-1), "weight_decay", "0", "got -1"),
    bad("Adam-lr", ValueError, lambda: optim.Adam([ONE], lr=-1), "lr", "at least 0", "got -1"),
    bad("Adam-lr text", TypeError, lambda: optim.Adam([ONE], lr="0.1"), "lr", "number", "got '0.1'"),
    bad("Adam-eps", ValueError, lambda: optim.Adam([ONE], eps=-1), "eps", "at least 0", "got -1"),
    bad("Adam-decay", ValueError, lambda: optim.Adam([ONE], weight_decay=-1), "weight_decay", "at least 0", "got -1"),
    *(
        bad(f"Adam-{betas}", ValueError, partial(optim.Adam, [ONE], betas=betas), "betas", "two floats", f"got {betas}")
        for betas in ((0.9, 1.0), (1.0, 0.9), (-0.1, 0.9), (0.9, -0.1), (0, 0.9), (0.9,), (0.9, 0.99, 0.999), 0.9)
    ),
    bad("AdamW-lr", ValueError, lambda: optim.AdamW([ONE], lr=-1), "lr", "at least 0", "got -1"),
    bad("clip-none", TypeError, lambda: clip_grad_norm_(None, 1), "parameters", "iterable", "got NoneType"),
    bad("clip-array", TypeError, lambda: clip_grad_norm_(zeros(3), 1), "parameters", "Parameter", "got ndarray"),
    bad("clip-tuple", TypeError, lambda: clip_grad_norm_([("w", ONE)], 1), "parameters", "Parameters", "got tuple"),
    bad("clip-max_norm", TypeError, lambda: clip_grad_norm_([ONE], None), "max_norm", "number", "got None"),
    bad("clip-norm_type", TypeError, lambda: clip_grad_norm_([ONE], 1, "two"), "norm_type", "number", "got 'two'"),
    bad("clip-flag", TypeError, lambda: clip_grad_norm_([ONE], 1, 2, 1), "error_if_nonfinite", "True or False"),
    bad("SGD-nesterov", ValueError, lambda: SGD([ONE], nesterov=True), "nesterov", "momentum above 0", "momentum 0"),
]  # fmt: skip


@pytest.mark.parametrize(("error", "function", "words"), BAD)
def test_bad_input_is_named(error: type[Exception], function: Callable[[], object], words: tuple[str, ...]) -> None:
    """The message has the argument's name, what it needs and what it got."""
    with pytest.raises(error) as raised:
        function()
    assert raised.type is error
    missing = [word for word in words if not re.search(rf"(?<!\w){re.escape(word)}(?!\w)", str(raised.value))]
    assert not missing, f"{raised.value!s} does not say {missing}"


@pytest.mark.parametrize(
    ("dtype", "is_pixel"), [(np.uint8, True), (np.int64, True), (np.float16, False), (bool, False)]
)
def test_only_who_feeds_pixels_is_sent_to_where_they_become_floats(dtype: Any, is_pixel: bool) -> None:
    with pytest.raises(TypeError) as raised:
        reference.relu(zeros(2, dtype=dtype))
    assert ("reference.datasets.normalize" in str(raised.value)) == is_pixel


def test_good_input_is_taken() -> None:
    """The calls that the mistakes above were made in."""
    conv2d(), conv2d_backward(), max_pool2d(), avg_pool2d(), avg_pool2d_backward(), batch_norm(), batch_norm_backward()
    reference.max_pool2d_backward(POOLED, PLACES, (2, 4, 7, 5))
    reference.cross_entropy(SCORES, LABELS)
    reference.cross_entropy_backward(zeros(), SCORES, LABELS)
    SGD([ONE], momentum=0.9, nesterov=True)


@pytest.mark.parametrize(
    ("options", "taken"),
    [
        ({}, True),
        ({"label_smoothing": 0.1}, True),
        ({"weight": zeros(256)}, True),
        ({"weight": zeros(256), "label_smoothing": 0.1}, False),
        ({"weight": zeros(256), "label_smoothing": 0.1, "reduction": "sum"}, True),
        ({"ignore_index": -255}, True),  # which is 1 as a byte
    ],
)
def test_class_indices_may_be_bytes_where_torchs_may(options: Arguments, taken: bool) -> None:
    assert (
        check(Call("cross_entropy", {"input": zeros(3, 256), "target": np.array([0, 1, 255], np.uint8), **options}))
        == taken
    )


# State.


def small_network() -> Any:
    return nn.Sequential(nn.Conv2d(1, 2, 3), nn.ReLU(), nn.Flatten(), nn.Linear(8, 3))


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        ({"3.bias": None}, ValueError, r"state_dict must .*missing: \['3.bias'\]"),
        ({"4.bias": zeros(3)}, ValueError, r"state_dict must .*unexpected: \['4.bias'\]"),
        ({"3.weight": zeros(8, 3)}, ValueError, r"state_dict\['3.weight'\] must have shape \(3, 8\), got \(8, 3\)"),
        ({"3.bias": zeros(3, 1)}, ValueError, r"state_dict\['3.bias'\] must have shape \(3,\), got \(3, 1\)"),
        ({"3.bias": [0, 0, 0]}, TypeError, r"state_dict\['3.bias'\] must be a NumPy array, got list"),
        ({"3.bias": np.arange(3)}, TypeError, r"state_dict\['3.bias'\] must be float32 or float64, got int64"),
    ],
)
def test_a_state_that_does_not_fit_changes_nothing(change: Arguments, error: type[Exception], message: str) -> None:
    network = small_network()
    before = network.state_dict()
    state = {name: array + 1 for name, array in before.items()} | change
    with pytest.raises(error, match=message):
        network.load_state_dict({name: array for name, array in state.items() if array is not None})
    after = network.state_dict()
    assert all(np.array_equal(before[name], after[name]) for name in before)


@pytest.mark.parametrize(
    "layer",
    [
        nn.Conv2d(1, 2, 3), nn.ConvTranspose2d(1, 2, 3), nn.ReLU(), nn.MaxPool2d(2), nn.AvgPool2d(2), nn.BatchNorm2d(4),
        nn.BatchNorm1d(4), nn.Flatten(), nn.Linear(3, 2), nn.Softmax(1), nn.LeakyReLU(), nn.Sigmoid(), nn.Tanh(),
        nn.SiLU(), nn.GELU(), nn.LogSoftmax(1), nn.ZeroPad2d(1), nn.ConstantPad2d(1, 2.0), nn.ReflectionPad2d(1),
        nn.ReplicationPad2d(1), nn.CircularPad2d(1), small_network(), nn.CrossEntropyLoss(), nn.AdaptiveAvgPool2d(1),
        nn.Dropout(), nn.Dropout2d(), nn.NLLLoss(), nn.MSELoss(), nn.BCEWithLogitsLoss(),
    ],
    ids=lambda layer: type(layer).__name__,
)  # fmt: skip
def test_backward_before_forward(layer: Any) -> None:
    with pytest.raises(RuntimeError, match="call forward before backward"):
        layer.backward(zeros(2, 3))


LOSSES = [(nn.CrossEntropyLoss, LABELS), (nn.NLLLoss, LABELS), (nn.MSELoss, SCORES), (nn.BCEWithLogitsLoss, SCORES)]


@pytest.mark.parametrize(
    ("grad_output", "message"),
    [
        (zeros(dtype=DOUBLE), "grad_output must have the dtype of input, float32, got float64"),
        (np.zeros((), np.int64), "grad_output must be float32 or float64, got int64"),
        (1.0, "grad_output must be a NumPy array, got float"),
    ],
)
def test_a_loss_refuses_a_gradient_of_another_type(grad_output: Any, message: str) -> None:
    for build, target in LOSSES:
        criterion = build()
        criterion(SCORES, target)
        with pytest.raises(TypeError, match=f"^{message}"):
            criterion.backward(grad_output)


@pytest.mark.parametrize(("build", "target"), LOSSES)
def test_a_loss_per_sample_needs_a_gradient_per_sample(build: Any, target: Any) -> None:
    criterion = build(reduction="none")
    criterion(SCORES, target)
    with pytest.raises(ValueError, match="grad_output must be given for reduction 'none'"):
        criterion.backward()


@pytest.mark.parametrize(
    ("layer", "image"),
    [
        (nn.LeakyReLU(), IMAGE), (nn.Sigmoid(), IMAGE), (nn.Tanh(), IMAGE), (nn.SiLU(), IMAGE), (nn.GELU(), IMAGE),
        (nn.Conv2d(4, 6, 3), IMAGE), (nn.ConvTranspose2d(4, 6, 3), IMAGE), (nn.ReLU(), IMAGE),
        (nn.MaxPool2d(2), IMAGE), (nn.AvgPool2d(2), IMAGE),
        (nn.BatchNorm2d(4), IMAGE), (nn.BatchNorm1d(3).eval(), SCORES),
        (nn.Flatten(), IMAGE), (nn.Linear(3, 5), SCORES), (nn.Softmax(1), SCORES), (nn.LogSoftmax(1), SCORES),
        (nn.AdaptiveAvgPool2d(2), IMAGE), (nn.Dropout(), IMAGE), (nn.Dropout().eval(), IMAGE),
        (nn.Dropout2d(), IMAGE),
        (nn.ZeroPad2d(1), IMAGE), (nn.CircularPad2d(1), IMAGE), (nn.Conv2d(4, 6, 3, padding_mode="reflect"), IMAGE),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, nn.Module) else "",
)  # fmt: skip
def test_layers_refuse_a_gradient_of_another_shape(layer: Any, image: Any) -> None:
    output = layer(image)
    with pytest.raises(ValueError, match=r"grad_output must|indices must have shape"):
        layer.backward(zeros(*output.shape, 2))
    with pytest.raises(TypeError, match="must be float32 or float64, got int64"):
        layer.backward(np.zeros(output.shape, np.int64))
