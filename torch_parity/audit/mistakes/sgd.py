"""Gradient descent, done wrongly."""

from typing import Any

import numpy as np

from torch_parity.audit.mistakes.mistake import (
    Array,
    Mistake,
    Options,
    arguments,
    instead,
    result,
)
from torch_parity.audit.mistakes.steps import FORGOTTEN_BETWEEN_STEPS

READ = ("reference/optim/sgd.py: _update", "reference/definition/optim.py: sgd_step")


def late_decay(parameter: Array, grads: Array, **o: Any) -> Array:
    """Weight decay beside the momentum instead of under it."""
    k, v = parameter, None
    for grad in grads:
        g = _downhill(grad, o)
        v = g if v is None else o["momentum"] * v + (1 - o["dampening"]) * g
        k = k - o["lr"] * (_step(g, v, o) + o["weight_decay"] * k)
    return np.asarray(k)


def dampened_at_once(parameter: Array, grads: Array, **o: Any) -> Array:
    """The velocity starts at 0, so that dampening holds for the first gradient too."""
    k, v = parameter, np.zeros_like(parameter)
    for grad in grads:
        g = _downhill(grad, o) + o["weight_decay"] * k
        v = np.asarray(o["momentum"] * v + (1 - o["dampening"]) * g)
        k = k - o["lr"] * _step(g, v, o)
    return np.asarray(k)


def exponential_average(parameter: Array, grads: Array, **o: Any) -> Array:
    """The velocity is the running mean v = m v + (1 - m) g, from 0 on; dampening has no place in it."""
    return dampened_at_once(parameter, grads, **{**o, "dampening": o["momentum"]})


def velocity_subtracted(parameter: Array, grads: Array, **o: Any) -> Array:
    """v = g - m v."""
    k, v = parameter, None
    for grad in grads:
        g = _downhill(grad, o) + o["weight_decay"] * k
        v = g if v is None else (1 - o["dampening"]) * g - o["momentum"] * v
        k = k - o["lr"] * _step(g, v, o)
    return np.asarray(k)


def velocity_late(parameter: Array, grads: Array, **o: Any) -> Array:
    """The step is taken with the velocity from before, 0 at first; then the velocity learns of the gradient."""
    k, v, started = parameter, np.zeros_like(parameter), False
    for grad in grads:
        g = _downhill(grad, o) + o["weight_decay"] * k
        k = k - o["lr"] * _step(g, v, o)
        v = np.asarray(o["momentum"] * v + (1 - o["dampening"]) * g if started else g)
        started = True
    return np.asarray(k)


def decay_negated(parameter: Array, grads: Array, **o: Any) -> Array:
    """g - lambda K, as if the penalty were a reward."""
    k, v = parameter, None
    for grad in grads:
        g = _downhill(grad, o) - o["weight_decay"] * k
        v = g if v is None else o["momentum"] * v + (1 - o["dampening"]) * g
        k = k - o["lr"] * _step(g, v, o)
    return np.asarray(k)


def decay_without_learning_rate(parameter: Array, grads: Array, **o: Any) -> Array:
    """K shrinks by lambda in every step, whatever the learning rate is."""
    k, v = parameter, None
    for grad in grads:
        g = _downhill(grad, o)
        v = g if v is None else o["momentum"] * v + (1 - o["dampening"]) * g
        k = k - o["lr"] * _step(g, v, o) - o["weight_decay"] * k
    return np.asarray(k)


def _downhill(grad: Array, o: Options) -> Array:
    return -grad if o["maximize"] else grad


def _step(g: Array, v: Array, o: Options) -> Array:
    """What the learning rate is multiplied with."""
    if o["nesterov"]:
        return np.asarray(g + o["momentum"] * v)
    return v if o["momentum"] else g


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
        forward=FORGOTTEN_BETWEEN_STEPS,
    ),
    Mistake(
        "exponential-average", "sgd",
        "The velocity is a running mean: v = m v + (1 - m) g.",
        "Right without momentum; else steps are too small, by 1 - m in the long run.",
        "v = momentum * v + g, from v = g on.",
        READ,
        forward=instead(exponential_average),
    ),
    Mistake(
        "velocity-subtracted", "sgd",
        "The old velocity is subtracted: v = g - m v.",
        "Right without momentum, and in the first step; else the momentum brakes.",
        "v = momentum * v + g.",
        READ,
        forward=instead(velocity_subtracted),
    ),
    Mistake(
        "velocity-updated-late", "sgd",
        "The step is taken before the velocity is updated.",
        "Right without momentum; else every step comes one too late, and the first does nothing.",
        "v = momentum * v + g first, then K = K - lr * v.",
        READ,
        forward=instead(velocity_late),
    ),
    Mistake(
        "parameter-not-updated", "sgd",
        "The new value is given to a name of its own, and the parameter stays as it was.",
        "Nothing is learned; right only for a learning rate of 0.",
        "layer.K -= lr * layer.dK, or K[...] = K - lr * dK: K = K - lr * dK in a function changes its own K only.",
        READ,
        forward=result(lambda k, a: a["parameter"].copy()),
    ),
    Mistake(
        "learning-rate-forgotten", "sgd",
        "The gradient is subtracted as it is.",
        "Right for a learning rate of 1; else steps are too large, and the loss blows up.",
        "K = K - lr * g.",
        READ,
        forward=arguments(lambda a: {"lr": 1.0}),
    ),
    Mistake(
        "learning-rate-applied-twice", "sgd",
        "The learning rate is in the velocity and in the step: v = m v + lr g, K = K - lr v.",
        "Right for a learning rate of 1; else steps are too small by the learning rate.",
        "v = momentum * v + g, then K = K - lr * v.",
        READ,
        forward=arguments(lambda a: {"lr": a["lr"] ** 2}),
    ),
    Mistake(
        "weight-decay-forgotten", "sgd",
        "weight_decay has no effect.",
        "Right without weight decay.",
        "g = g + weight_decay * K.",
        READ,
        forward=arguments(lambda a: {"weight_decay": 0.0}),
    ),
    Mistake(
        "weight-decay-negated", "sgd",
        "The decay is subtracted from the gradient.",
        "Right without weight decay; else weights grow instead of shrinking.",
        "g = g + weight_decay * K, then K = K - lr * g.",
        READ,
        forward=instead(decay_negated),
    ),
    Mistake(
        "weight-decay-doubled", "sgd",
        "The gradient of the penalty weight_decay K^2 is added, 2 weight_decay K: torch's penalty is half of that.",
        "Right without weight decay; else weights shrink twice as fast.",
        "g = g + weight_decay * K.",
        READ,
        forward=arguments(lambda a: {"weight_decay": 2 * a["weight_decay"]}),
    ),
    Mistake(
        "weight-decay-without-learning-rate", "sgd",
        "The decay is subtracted from the parameter without the learning rate: K = K - weight_decay K.",
        "Right without weight decay; else weights shrink too fast.",
        "g = g + weight_decay * K, then K = K - lr * g.",
        READ,
        forward=instead(decay_without_learning_rate),
    ),
    Mistake(
        "dampening-forgotten", "sgd",
        "dampening has no effect.",
        "Right without dampening, and in the first step.",
        "v = momentum * v + (1 - dampening) * g.",
        READ,
        forward=arguments(lambda a: {"dampening": 0.0}),
    ),
)  # fmt: skip
