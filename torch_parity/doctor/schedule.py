"""Where the learning rate stands: in the velocity, or outside of it.

Both give the same steps as long as the rate stays the same, so that no question at a fixed rate tells them apart.
"""

from collections.abc import Callable

import numpy as np

from torch_parity.doctor.process import Reply
from torch_parity.doctor.question import Array, Question
from torch_parity.doctor.questions import numbers
from torch_parity.doctor.right import same
from torch_parity.doctor.styles.rates import EVERY
from torch_parity.doctor.subject import Found

RATE_IN_VELOCITY = (
    "the learning rate is inside the velocity, v = momentum v - lr g, K = K + v: the same as torch's v = momentum v + "
    "g, K = K - lr v as long as the rate does not change; with a schedule the steps differ, as what is in v moves on "
    "at the rates of its own time"
)
# Each half of the one before: neither they nor their products round, and none is the momentum.
RATES, MOMENTUM = (0.5, 0.25, 0.125), 0.75


def rate_conventions(subject: Found, reading: int, ask: Callable[..., Reply]) -> list[str]:
    """What there is to say of an update, right at a fixed rate, whose rate is halved from step to step.

    Nothing where it does as torch, and where the rate cannot be changed.
    """
    if subject.formula != "sgd" or "momentum" not in subject.takes.options:
        return []
    question = halving()
    got = ask(subject.index, reading, question).results.get("output")
    if got is None:
        return []
    return [RATE_IN_VELOCITY] if same(got, rate_inside(question), 0.0) else []


def halving() -> Question:
    """Three steps with momentum, the rate halved after each."""
    generator = np.random.default_rng(7)
    arrays = {
        "parameter": numbers("lattice", (3, 4), generator),
        "grads": numbers("lattice", (len(RATES), 3, 4), generator),
    }
    plain = {"dampening": 0.0, "weight_decay": 0.0, "nesterov": False, "maximize": False}
    return Question("sgd", "lattice", arrays, {"lr": RATES[0], EVERY: RATES, "momentum": MOMENTUM, **plain})


def rate_inside(question: Question) -> Array:
    """The parameter after the steps v = momentum v + lr g, K = K - v."""
    parameter = question.arrays["parameter"]
    velocity = np.zeros_like(parameter)
    for grad, lr in zip(question.arrays["grads"], question.options[EVERY], strict=True):
        velocity = question.options["momentum"] * velocity + lr * grad
        parameter = parameter - velocity
    return parameter
