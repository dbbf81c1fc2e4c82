"""The assignments' updates: ``sgd(w, dw, config) -> next_w, config``, with momentum, ``rmsprop`` and ``adam``."""

from collections.abc import Iterator
from typing import Any

import numpy as np

from torch_parity.doctor.question import Array, Question
from torch_parity.doctor.styles.calls import line_of, parameters, returned
from torch_parity.doctor.styles.cs231n.halves import SIGNATURE, Function, reading
from torch_parity.doctor.styles.rates import set_rate, steps
from torch_parity.doctor.subject import Results, Run, Subject, Takes

TAKES = {
    "sgd": Takes(),
    "sgd_momentum": Takes(options=("momentum",)),
    "rmsprop": Takes(options=("alpha", "eps")),
    "adam": Takes(options=("betas", "eps"), pairs=True),
}
# What is said of an update that does not make what it keeps from step to step.
MEMORY_GIVEN = {
    "rmsprop": "the config has a cache of zeros from the beginning",
    "adam": "the config has m, v and t from the beginning: zeros, t too",
}


def find(name: str, function: Function, things: dict[str, Any]) -> Iterator[Subject]:
    """The update that ``function`` is."""
    arguments = parameters(function)
    if name not in TAKES or len(arguments) != 3 or arguments[2] != "config":
        return
    readings = [reading(_steps(function, name))]
    if name in MEMORY_GIVEN:
        readings.append(reading(_steps(function, name, from_zero=True), (MEMORY_GIVEN[name],)))
    formula = "sgd" if name == "sgd_momentum" else name
    yield Subject(
        formula, name, "cs231n", SIGNATURE, ("output",), tuple(readings), TAKES[name], name, line_of(function)
    )  # fmt: skip


def _steps(function: Function, name: str, from_zero: bool = False) -> Run:
    """One step for each gradient, with the config that the step before gave back."""

    def run(question: Question) -> Results:
        w = question.arrays["parameter"]
        config: Any = _config(name, question.options)
        if from_zero:
            config |= _zeros(name, w)
        for grad, asked in steps(question):
            set_rate(config, asked)
            next_w, next_config = returned(function(w, grad, config), "w", "config").values()
            w, config = (w if next_w is None else next_w), (config if next_config is None else next_config)
        return {"output": w}

    return run


def _config(name: str, options: dict[str, Any]) -> dict[str, Any]:
    """The options under the assignment's names."""
    config = {"learning_rate": options["lr"]}
    if name in ("sgd", "sgd_momentum"):
        return {**config, "momentum": options["momentum"]}
    if name == "rmsprop":
        return {**config, "decay_rate": options["alpha"], "epsilon": options["eps"]}
    beta1, beta2 = options["betas"]
    return {**config, "beta1": beta1, "beta2": beta2, "epsilon": options["eps"]}


def _zeros(name: str, w: Array) -> dict[str, Any]:
    """What is kept from step to step, as it is at first."""
    if name == "rmsprop":
        return {"cache": np.zeros_like(w)}
    return {"m": np.zeros_like(w), "v": np.zeros_like(w), "t": 0}
