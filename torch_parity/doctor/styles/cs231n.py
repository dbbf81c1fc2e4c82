"""CS231n's assignments: ``conv_forward_naive(x, w, b, conv_param) -> out, cache`` and their like, N,C,H,W."""

import re
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from torch_parity.doctor.question import Question
from torch_parity.doctor.styles.calls import line_of, parameters, returned
from torch_parity.doctor.subject import Reading, Results, Run, Subject, Takes

NAMES = {
    "conv_forward": ("conv2d", 4),
    "conv_backward": ("conv2d_backward", 2),
    "max_pool_forward": ("max_pool2d", 2),
    "max_pool_backward": ("max_pool2d_backward", 2),
    "relu_forward": ("relu", 1),
    "relu_backward": ("relu_backward", 2),
    "affine_forward": ("linear", 3),
    "affine_backward": ("linear_backward", 2),
}
VARIANTS = re.compile(r"_(naive|fast|strides|im2col|loop|loops|vectorized|numpy)$")
SIGNATURE = "CS231n's signature"


def find(things: dict[str, Any]) -> Iterator[Subject]:
    """The functions of CS231n's assignments among ``things``."""
    for name, function in things.items():
        base = VARIANTS.sub("", name)
        formula, count = NAMES.get(base, ("", 0))
        arguments = parameters(function)
        if formula and len(arguments) == count and not isinstance(function, type) and _is_ours(arguments):
            yield _subject(name, formula, function, things)
        elif name == "softmax_loss" and len(arguments) == 2:
            yield from _loss(name, function)
        elif name in ("sgd", "sgd_momentum") and len(arguments) in (2, 3):
            yield _update(name, function)


def _is_ours(arguments: list[str]) -> bool:
    """Not those of the DeepLearning.AI course, whose functions are called alike."""
    return not {"A_prev", "hparameters", "dA", "dZ"} & set(arguments)


def _subject(name: str, formula: str, function: Callable[..., Any], things: dict[str, Any]) -> Subject:
    backward = formula.endswith("_backward")
    own = name.replace("_backward", "_forward")
    readings = []
    if backward:
        if own in things:
            readings.append(Reading(_with_own_cache(formula, function, things[own])))
        said = () if not readings else ("the cache is (x, w, b, conv_param), as the assignment has it",)
        readings.append(Reading(_with_cache(formula, function), said if "conv" in formula else ()))
    else:
        readings.append(Reading(lambda question: lambda q: {"output": _forward(function, q)[0]}))
    takes = {
        "conv2d": Takes(options=("stride", "padding")),
        "max_pool2d": Takes(options=("stride",)),
        "relu": Takes(ranks=(2, 4)),
        "linear": Takes(),
    }[formula.removesuffix("_backward")]
    results: tuple[str, ...] = ("output",)
    if backward:
        products = formula in ("conv2d_backward", "linear_backward")
        results = ("grad_input", "grad_weight", "grad_bias") if products else ("grad_input",)
    return Subject(
        formula,
        name,
        "cs231n",
        SIGNATURE,
        results,
        tuple(readings),
        takes,
        own.replace("_forward", ""),
        line_of(function),
    )


def _arguments(question: Question) -> tuple[Any, ...]:
    x, options = question.arrays["input"], question.options
    if question.formula == "conv2d":
        conv_param = {"stride": options["stride"], "pad": options["padding"]}
        return x, question.arrays["weight"], question.arrays["bias"], conv_param
    if question.formula == "max_pool2d":
        kernel = options["kernel_size"]
        height, width = (kernel, kernel) if isinstance(kernel, int) else kernel
        stride = options["stride"] or height
        return x, {"pool_height": height, "pool_width": width, "stride": stride}
    if question.formula == "linear":
        return x, question.arrays["weight"].T, question.arrays["bias"]
    return (x,)


def _forward(function: Callable[..., Any], question: Question) -> tuple[Any, Any]:
    values = function(*_arguments(question))
    return values if isinstance(values, tuple) and len(values) == 2 else (values, None)


def _with_own_cache(
    formula: str, function: Callable[..., Any], forward: Callable[..., Any]
) -> Callable[[Question], Run]:
    def run(question: Question) -> Results:
        _, cache = _forward(forward, question)
        return _gradients(formula, function(question.grad_output, cache))

    return lambda question: run


def _with_cache(formula: str, function: Callable[..., Any]) -> Callable[[Question], Run]:
    def run(question: Question) -> Results:
        arguments = _arguments(question)
        return _gradients(formula, function(question.grad_output, arguments[0] if len(arguments) == 1 else arguments))

    return lambda question: run


def _gradients(formula: str, value: Any) -> Results:
    found = returned(value, "grad_input", "grad_weight", "grad_bias")
    if formula == "linear_backward" and found["grad_weight"] is not None:
        found["grad_weight"] = np.asarray(found["grad_weight"]).T
    return found


def _loss(name: str, function: Callable[..., Any]) -> Iterator[Subject]:
    def forward(question: Question) -> Results:
        return {"output": returned(function(question.arrays["input"], question.arrays["target"]), "output")["output"]}

    def backward(question: Question) -> Results:
        value = function(question.arrays["input"], question.arrays["target"])
        return {"grad_input": returned(value, "loss", "grad_input")["grad_input"]}

    said = ("the loss returns (loss, dx)",)
    line = line_of(function)
    yield Subject(
        "cross_entropy",
        name,
        "cs231n",
        SIGNATURE,
        ("output",),
        (Reading(lambda q: forward, said),),
        Takes(),
        name,
        line,
    )
    yield Subject(
        "cross_entropy_backward", name, "cs231n", SIGNATURE, ("grad_input",), (Reading(lambda q: backward, said),),
        Takes(), name, line,
    )  # fmt: skip


def _update(name: str, function: Callable[..., Any]) -> Subject:
    def run(question: Question) -> Results:
        w = question.arrays["parameter"]
        config: Any = {"learning_rate": question.options["lr"], "momentum": question.options["momentum"]}
        for grad in question.arrays["grads"]:
            w, config = returned(function(w, grad, config), "w", "config").values()
        return {"output": w}

    takes = Takes(options=("momentum",) if name == "sgd_momentum" else ())
    return Subject(
        "sgd", name, "cs231n", SIGNATURE, ("output",), (Reading(lambda q: run),), takes, name, line_of(function)
    )
