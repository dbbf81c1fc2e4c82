"""Gradient descent, done wrongly."""

from typing import Any

import numpy as np

from torch_parity.audit.mistakes.mistake import RESULTS, Array, Change, Forward, Mistake, arguments, instead

READ = ("reference/optim.py: step", "reference/definition.py: sgd_step")


def late_decay(
    parameter: Array,
    grads: Array,
    lr: float,
    momentum: float,
    dampening: float,
    weight_decay: float,
    nesterov: bool,
    maximize: bool,
) -> Array:
    """Weight decay beside the momentum instead of under it."""
    k, v = parameter, None
    for grad in grads:
        g = -grad if maximize else grad
        v = g if v is None else momentum * v + (1 - dampening) * g
        step = g + momentum * v if nesterov else v if momentum else g
        k = k - lr * (step + weight_decay * k)
    return np.asarray(k)


def dampened_at_once(
    parameter: Array,
    grads: Array,
    lr: float,
    momentum: float,
    dampening: float,
    weight_decay: float,
    nesterov: bool,
    maximize: bool,
) -> Array:
    """The velocity starts at 0, so that dampening holds for the first gradient too."""
    k, v = parameter, np.zeros_like(parameter)
    for grad in grads:
        g = (-grad if maximize else grad) + weight_decay * k
        v = np.asarray(momentum * v + (1 - dampening) * g)
        k = k - lr * (g + momentum * v if nesterov else v if momentum else g)
    return np.asarray(k)


def _a_new_optimizer_each_step(right: Forward) -> Forward:
    def wrong(parameter: Array, grads: Array, **options: Any) -> Array:
        k = parameter
        for grad in grads:
            k = right(parameter=k, grads=grad[np.newaxis], **options)
        return k

    return wrong


MISTAKES = (
    Mistake(
        "weight-decay-after-momentum", "sgd",
        "Weight decay is added to the step instead of the gradient, so momentum does not see it.",
        "Right without momentum, and in the first step.",
        "g = g + weight_decay * K first, then v = momentum * v + g.",
        READ,
        forward=instead(late_decay),
    ),
    Mistake(
        "dampened-at-once", "sgd",
        "Dampening is applied in the first step too.",
        "Right without dampening; else the first steps are too small.",
        "v = g in the first step, v = momentum * v + (1 - dampening) * g after it.",
        READ,
        forward=instead(dampened_at_once),
    ),
    Mistake(
        "nesterov-ignored", "sgd",
        "The look ahead is left out.",
        "Right without nesterov.",
        "K = K - lr * (g + momentum * v) with nesterov.",
        READ,
        forward=arguments(lambda a: {"nesterov": False}),
    ),
    Mistake(
        "climbing", "sgd",
        "The gradient is added instead of subtracted.",
        "The loss grows.",
        "K = K - lr * g.",
        READ,
        forward=arguments(lambda a: {"maximize": not a["maximize"]}),
    ),
    Mistake(
        "momentum-forgotten-between-steps", "sgd",
        "The velocity starts anew in every step.",
        "Right in the first step only.",
        "Keep v beside its parameter from step to step: self.v = momentum * self.v + g.",
        READ,
        forward=Change(RESULTS, _a_new_optimizer_each_step),
    ),
)  # fmt: skip
