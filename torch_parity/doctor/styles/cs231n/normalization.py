"""The assignments' normalisations: ``batchnorm_forward(x, gamma, beta, bn_param) -> out, cache`` and their like.

``batchnorm`` and ``layernorm`` are of vectors (N, D), ``spatial_batchnorm`` and ``spatial_groupnorm`` of images.  What
they call gamma and beta is torch's weight and bias.  Their caches are for each student to choose, so a gradient is
asked with that of the file's own forward, and with no other.
"""

import re
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np

from torch_parity.doctor.question import Array, Question
from torch_parity.doctor.styles.calls import line_of, parameters, returned
from torch_parity.doctor.styles.cs231n.halves import (
    SIGNATURE,
    Function,
    Put,
    forward_of,
    out_and_cache,
    reading,
    with_globals,
)
from torch_parity.doctor.subject import Reading, Results, Run, Subject, Takes

NORM = re.compile(r"((?:spatial_)?batch|layer|(?:spatial_)?group)_?norm_(forward|backward)(?:_\w+)?")
# The last arguments of the forwards, after x, gamma and beta.
MORE = {"batch_norm": ("bn_param",), "layer_norm": ("ln_param",), "group_norm": ("G", "gn_param")}
OPTIONS = {
    "batch_norm": ("running_mean", "training", "momentum", "eps"),
    "layer_norm": ("eps",),
    "group_norm": ("num_groups", "eps"),
}
# A gradient is taken in training, and does not depend on the momentum.
OF_FORWARDS_ONLY = ("training", "momentum")
RUNNING = ("running_mean", "running_var")
GRADIENTS = ("grad_input", "grad_weight", "grad_bias")
SHARE_KEPT = "momentum is the share of the old running statistics that is kept; torch's is that of the new ones"
BIASED = "the running variance learns the variance of the batch itself; torch's the unbiased one"
OF_IMAGES = "gamma and beta have the shape (1, C, 1, 1)"
GRADIENT_ROWS = "the gradients of gamma and beta have the shape (1, D)"


def find(name: str, function: Function, things: dict[str, Any]) -> Iterator[Subject]:
    """The normalisation, or half of one, that ``function`` is."""
    norm = NORM.fullmatch(name)
    if not norm:
        return
    formula = norm[1].removeprefix("spatial_") + "_norm"
    images = formula == "group_norm" or norm[1].startswith("spatial_")
    takes = Takes(options=OPTIONS[formula], ranks=(4,) if images else (2,))
    if norm[2] == "forward" and _is_ours(function, formula):
        results = ("output", "running_mean", "running_var") if formula == "batch_norm" else ("output",)
        readings = tuple(_forward_readings(formula, function))
        yield Subject(formula, name, "cs231n", SIGNATURE, results, readings, takes, name, line_of(function))
    elif norm[2] == "backward" and len(parameters(function)) == 2:
        every = with_globals(function, things)
        forward = forward_of(name, every)
        if not forward or not _is_ours(every[forward], formula):
            return
        takes = replace(takes, options=tuple(option for option in takes.options if option not in OF_FORWARDS_ONLY))
        readings = tuple(_backward_readings(formula, function, every[forward], images))
        yield Subject(
            formula + "_backward", name, "cs231n", SIGNATURE, GRADIENTS, readings, takes, forward, line_of(function)
        )


def _is_ours(forward: Any, formula: str) -> bool:
    """Whether a forward's last argument is a dictionary of options: others have functions of the same names."""
    arguments = parameters(forward)
    return len(arguments) == 3 + len(MORE[formula]) and "param" in arguments[-1]


def _forward_readings(formula: str, function: Function) -> Iterator[Reading]:
    if formula == "batch_norm":
        yield reading(_with_unbiased_variance(_batch_norm(function)), (SHARE_KEPT, BIASED))
        yield reading(_batch_norm(function), (SHARE_KEPT,))
    elif formula == "layer_norm":
        yield reading(_output(function, _of_vectors))
    else:
        yield reading(_output(function, _in_groups), (OF_IMAGES,))
        yield reading(_output(function, _of_vectors))


def _backward_readings(formula: str, function: Function, forward: Function, images: bool) -> Iterator[Reading]:
    puts: list[tuple[Put, tuple[str, ...]]] = [(_of_vectors, ())]
    if formula == "group_norm":
        puts.insert(0, (_in_groups, (OF_IMAGES,)))
    for put, said in puts:
        yield reading(_with_own_cache(function, forward, put), said)
    if not images:
        yield reading(_flat(_with_own_cache(function, forward, _of_vectors)), (GRADIENT_ROWS,))


# How a question is put.


def _of_vectors(question: Question) -> tuple[Any, ...]:
    """With gamma and beta as torch's weight and bias: (D,), or (C,) for images."""
    arrays = question.arrays
    return arrays["input"], arrays["weight"], arrays["bias"], *_options(question)


def _in_groups(question: Question) -> tuple[Any, ...]:
    """With gamma and beta (1, C, 1, 1)."""
    x, gamma, beta, *rest = _of_vectors(question)
    return x, gamma.reshape(1, -1, 1, 1), beta.reshape(1, -1, 1, 1), *rest


def _options(question: Question) -> tuple[Any, ...]:
    options = question.options
    if question.formula == "layer_norm":
        return ({"eps": options["eps"]},)
    if question.formula == "group_norm":
        return options["num_groups"], {"eps": options["eps"]}
    mode = "train" if options["training"] else "test"
    running = {name: question.arrays[name].copy() for name in RUNNING}
    return ({"mode": mode, "eps": options["eps"], "momentum": 1 - options["momentum"], **running},)


# The output, and what is known after it.


def _output(function: Function, put: Put) -> Run:
    return lambda question: {"output": out_and_cache(function, put(question))[0]}


def _batch_norm(function: Function) -> Run:
    """The output, and the running statistics, which stand in bn_param."""

    def run(question: Question) -> Results:
        arguments = _of_vectors(question)
        output, _ = out_and_cache(function, arguments)
        bn_param = arguments[-1]
        return {"output": output, **{name: bn_param.get(name) for name in RUNNING}}

    return run


def _with_unbiased_variance(run: Run) -> Run:
    """``run``, its running variance as it were if the batch's had been the unbiased one, n / (n - 1) times as large.

    The new running variance is a share of the old one and a part that comes from the batch, which is what it is for an
    old one of 0.
    """

    def unbiased(question: Question) -> Results:
        results = run(question)
        x, learned = question.arrays["input"], results["running_var"]
        old = {**question.arrays, "running_var": np.zeros_like(question.arrays["running_var"])}
        of_the_batch = run(replace(question, arrays=old))["running_var"]
        n = x.size // x.shape[1]
        return {**results, "running_var": learned - of_the_batch + of_the_batch * (n / (n - 1))}

    return unbiased


# Gradients.


def _with_own_cache(function: Function, forward: Function, put: Put) -> Run:
    def run(question: Question) -> Results:
        arguments = put(question)
        _, cache = out_and_cache(forward, arguments)
        found = returned(function(question.grad_output, cache), *GRADIENTS)
        if put is _in_groups:
            for name in GRADIENTS[1:]:
                found[name] = _without_ones(found[name], arguments[1].shape)
        return found

    return run


def _flat(run: Run) -> Run:
    def flat(question: Question) -> Results:
        found = run(question)
        row = (1, question.arrays["input"].shape[1])
        return {name: _without_ones(array, row) for name, array in found.items()}

    return flat


def _without_ones(array: Any, shape: tuple[int, ...]) -> Array | Any:
    """An array of ``shape`` as a vector; another one, and what is none, as it is."""
    return np.reshape(array, -1) if np.shape(array) == shape else array
