"""Convolution, pooling, ReLU, affine layers and the loss of softmax, as the assignments have them."""

import re
from collections.abc import Iterator
from typing import Any

import numpy as np

from torch_parity.doctor.question import Question
from torch_parity.doctor.styles import source
from torch_parity.doctor.styles.calls import line_of, parameters, returned
from torch_parity.doctor.styles.cs231n.halves import SIGNATURE, Function, Put, forward_of, out_and_cache, reading
from torch_parity.doctor.styles.limits import with_limits
from torch_parity.doctor.subject import Reading, Results, Run, Subject, Takes

FORMULAS = {
    "conv": "conv2d",
    "max_pool": "max_pool2d",
    "avg_pool": "avg_pool2d",
    "average_pool": "avg_pool2d",
    "mean_pool": "avg_pool2d",
    "relu": "relu",
    "affine": "linear",
    "fc": "linear",
    "fully_connected": "linear",
}
LAYER = re.compile(rf"({'|'.join(FORMULAS)})_(forward|backward)(?:_\w+)?")
TAKES = {
    "conv2d": Takes(options=("stride", "padding")),
    "max_pool2d": Takes(options=("stride",)),
    "avg_pool2d": Takes(options=("stride",)),
    "relu": Takes(),
    "linear": Takes(),
}
# A pooling that reshapes the image into its windows.
WINDOWS_SIDE_BY_SIDE = Takes(square=True)
# What is said of a gradient that is asked with a cache of the doctor's.
CACHES = {
    "conv2d": "the cache is (x, w, b, conv_param), as in the assignment",
    "max_pool2d": "the cache is (x, pool_param), as in the assignment",
    "avg_pool2d": "the cache is (x, pool_param)",
    "relu": "the cache is x, as in the assignment",
    "linear": "the cache is (x, w, b), as in the assignment",
}
IN_OUT_WEIGHTS = "the weights are stored (in, out)"
OUT_IN_WEIGHTS = "the weights are stored (out, in)"
MATRICES = "the input is a matrix (N, D); the assignment's may have more dimensions"
BIAS_ROW = "the gradient of the bias has the shape (1, M)"
LOSS_AND_GRADIENT = "the loss returns (loss, dx)"
ONE_HOT = "the targets are one-hot"
LINEAR_LOSS = ("the loss is that of the scores X W and returns (loss, dW)", "the regularisation is asked with 0")


def find(name: str, function: Function, things: dict[str, Any]) -> Iterator[Subject]:
    """The layer, half of one, or loss that ``function`` is."""
    arguments = parameters(function)
    layer = LAYER.fullmatch(name)
    if layer:
        formula = FORMULAS[layer[1]]
        if layer[2] == "forward" and len(arguments) == _count(formula) and _has_param(formula, arguments):
            yield _forward_subject(name, formula, function)
        elif layer[2] == "backward" and _is_backward(formula, arguments) and _has_our_forward(name, formula, things):
            yield _backward_subject(name, formula, function, things)
    elif name == "softmax_loss" and len(arguments) == 2:
        yield from _loss(name, function, ((LOSS_AND_GRADIENT,), _scores), ((LOSS_AND_GRADIENT, ONE_HOT), _one_hot))
    elif re.fullmatch(r"softmax_loss(_\w+)?", name) and len(arguments) == 4:
        yield from _loss(name, function, (LINEAR_LOSS, _identity))


def _has_param(formula: str, arguments: list[str]) -> bool:
    """Whether the options come in a dictionary, where there are any: others have functions of the same names."""
    return formula in ("relu", "linear") or "param" in arguments[-1]


def _has_our_forward(name: str, formula: str, things: dict[str, Any]) -> bool:
    """Whether the forward of a backward is one of ours, if the file has one."""
    forward = things.get(forward_of(name, things))
    if forward is None:
        return True
    arguments = parameters(forward)
    return len(arguments) == _count(formula) and _has_param(formula, arguments)


def _is_backward(formula: str, arguments: list[str]) -> bool:
    """Whether it takes the upstream gradient and a cache, or the upstream gradient and the forward's arguments."""
    if len(arguments) == 2 and "cache" in arguments[1]:
        return True
    return formula in ("conv2d", "linear") and len(arguments) == 1 + _count(formula) and _has_param(formula, arguments)


# Layers.


def _count(formula: str) -> int:
    """How many arguments the forward has."""
    return {"conv2d": 4, "linear": 3, "relu": 1}.get(formula, 2)


def _arguments(question: Question) -> tuple[Any, ...]:
    x, options = question.arrays["input"], question.options
    if question.formula == "conv2d":
        conv_param = {"stride": options["stride"], "pad": options["padding"]}
        return x, question.arrays["weight"], question.arrays["bias"], conv_param
    if question.formula in ("max_pool2d", "avg_pool2d"):
        kernel = options["kernel_size"]
        height, width = (kernel, kernel) if isinstance(kernel, int) else kernel
        return x, {"pool_height": height, "pool_width": width, "stride": options["stride"] or height}
    if question.formula == "linear":
        return x, question.arrays["weight"].T, question.arrays["bias"]
    return (x,)


def _out_in(question: Question) -> tuple[Any, ...]:
    """The arguments of an affine layer whose weights are as torch's."""
    return question.arrays["input"], question.arrays["weight"], question.arrays["bias"]


def _with_images(question: Question) -> tuple[Any, ...]:
    """The arguments of an affine layer, its input (N, d, D/d, 1), which it must flatten: a view of (N, D)."""
    x, w, b = _arguments(question)
    rows = next((d for d in range(2, x.shape[1]) if x.shape[1] % d == 0), 1)
    return x.reshape(len(x), rows, -1, 1), w, b


def _only_matrices(run: Run, forward: Function) -> Run:
    """``run``, for code that does not take images; a product takes those of a single pixel, flattened or not."""

    def of_matrices(question: Question) -> Results:
        if question.arrays["input"].shape[1] > 1 and _goes_through(forward, _with_images(question)):
            raise ValueError("the layer takes images, so it is asked with images")
        return run(question)

    return of_matrices


def _goes_through(function: Function, arguments: tuple[Any, ...]) -> bool:
    try:
        function(*arguments)
    except Exception:  # whatever the code raises
        return False
    return True


def _puts(formula: str, forward: Function | None) -> tuple[tuple[Put, tuple[str, ...]], ...]:
    """How a question is put, and what is said of it, the likeliest first."""
    if formula == "linear" and forward is not None and source.mentions(forward, "w.T", "W.T"):
        return ((_out_in, (OUT_IN_WEIGHTS,)), (_arguments, (IN_OUT_WEIGHTS, MATRICES)))
    if formula == "linear":
        return (_with_images, (IN_OUT_WEIGHTS,)), (_arguments, (IN_OUT_WEIGHTS, MATRICES))
    return ((_arguments, ()),)


def _takes(name: str, formula: str) -> Takes:
    return WINDOWS_SIDE_BY_SIDE if name.endswith("_reshape") and "pool" in formula else TAKES[formula]


def _forward_subject(name: str, formula: str, function: Function) -> Subject:
    readings = []
    for put, said in _puts(formula, function):
        readings += _asked(formula, _output(function, put), said, function)
    takes = _takes(name, formula)
    return Subject(formula, name, "cs231n", SIGNATURE, ("output",), tuple(readings), takes, name, line_of(function))


def _backward_subject(name: str, formula: str, function: Function, things: dict[str, Any]) -> Subject:
    """With the cache of the file's own forward; where that gives none, or a wrong one, with the assignment's."""
    forward = forward_of(name, things)
    spread = len(parameters(function)) > 2  # backward(dout, x, w, b, conv_param), with no cache
    readings = []
    if forward and not spread:
        for put, said in _puts(formula, things.get(forward)):
            readings += _asked(formula, _with_own_cache(function, things[forward], put), said, things[forward])
    for put, said in _puts(formula, things.get(forward)):
        run = _with_arguments(function, put) if spread else _with_assignment_cache(function, put)
        readings += _asked(formula, run, said if spread else (*said, CACHES[formula]), things.get(forward))
    products = formula in ("conv2d", "linear")
    results = ("grad_input", "grad_weight", "grad_bias") if products else ("grad_input",)
    return Subject(
        formula + "_backward", name, "cs231n", SIGNATURE, results, tuple(readings), _takes(name, formula), forward,
        line_of(function),
    )  # fmt: skip


def _asked(formula: str, run: Run, said: tuple[str, ...], forward: Function | None) -> list[Reading]:
    """The readings of ``run``, also those for code with common limits, and for a bias gradient that is a row."""
    if MATRICES in said and forward is not None:
        run = _only_matrices(run, forward)
    readings = with_limits(formula, run, said)
    if formula == "linear":
        readings.append(reading(_with_flat_bias(run), (*said, BIAS_ROW)))
    return readings


def _with_flat_bias(run: Run) -> Run:
    def flat(question: Question) -> Results:
        found = run(question)
        db = found.get("grad_bias")
        if db is not None and np.ndim(db) == 2:
            found["grad_bias"] = np.asarray(db)[0]
        return found

    return flat


def _output(function: Function, put: Put) -> Run:
    return lambda question: {"output": out_and_cache(function, put(question))[0]}


def _with_own_cache(function: Function, forward: Function, put: Put) -> Run:
    def run(question: Question) -> Results:
        _, cache = out_and_cache(forward, put(question))
        return _gradients(question, put, function(question.grad_output, cache))

    return run


def _with_assignment_cache(function: Function, put: Put) -> Run:
    def run(question: Question) -> Results:
        arguments = put(question)
        cache = arguments if len(arguments) > 1 else arguments[0]
        return _gradients(question, put, function(question.grad_output, cache))

    return run


def _with_arguments(function: Function, put: Put) -> Run:
    return lambda question: _gradients(question, put, function(question.grad_output, *put(question)))


def _gradients(question: Question, put: Put, value: Any) -> Results:
    found = returned(value, "grad_input", "grad_weight", "grad_bias")
    if question.formula == "linear":
        x, dx, dw = put(question)[0], found["grad_input"], found["grad_weight"]
        if dx is not None and x.ndim == 4:
            if np.shape(dx) != x.shape:
                raise ValueError(f"dx has the shape {np.shape(dx)}, where x has the shape {x.shape}")
            found["grad_input"] = np.reshape(dx, (len(x), -1))
        if dw is not None:
            found["grad_weight"] = dw if put is _out_in else np.asarray(dw).T
    return found


# The loss.


def _scores(question: Question) -> tuple[Any, ...]:
    return question.arrays["input"], question.arrays["target"]


def _one_hot(question: Question) -> tuple[Any, ...]:
    scores, target = _scores(question)
    return scores, np.eye(scores.shape[1], dtype=scores.dtype)[target]


def _identity(question: Question) -> tuple[Any, ...]:
    """W, X, y, reg of a linear classifier: for X = I the scores are W, and dW is their gradient."""
    scores, target = _scores(question)
    return scores, np.eye(len(scores), dtype=scores.dtype), target, 0.0


def _loss(name: str, function: Function, *ways: tuple[tuple[str, ...], Put]) -> Iterator[Subject]:
    """Both halves of a function that returns (loss, gradient)."""
    for formula, result, index in (("cross_entropy", "output", 0), ("cross_entropy_backward", "grad_input", 1)):
        readings = tuple(reading(_half(function, put, result, index), said) for said, put in ways)
        yield Subject(formula, name, "cs231n", SIGNATURE, (result,), readings, Takes(), name, line_of(function))


def _half(function: Function, put: Put, result: str, index: int) -> Run:
    def run(question: Question) -> Results:
        value = function(*put(question))
        return {result: list(returned(value, "loss", "gradient").values())[index]}

    return run
