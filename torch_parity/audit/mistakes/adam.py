"""Adam and AdamW, done wrongly."""

from collections.abc import Callable
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

READ = ("reference/optim/adam.py: _advance", "reference/definition/optim.py: adam_step")
READ_ADAMW = ("reference/optim/adam.py: _advance", "reference/definition/optim.py: adamw_step")

# The old mean of squares, the gradient and the options -> the new mean.
Mean = Callable[[Array, Array, Options], Array]
# m, v and u, the number of the step from 1 on, and the options -> what the learning rate is multiplied with.
Direction = Callable[[Array, Array, Array, int, Options], Array]
# The parameter and the options -> the parameter, decayed.
Decay = Callable[[Array, Options], Array]


def _mean(v: Array, g: Array, o: Options) -> Array:
    return np.asarray(o["betas"][1] * v + (1 - o["betas"][1]) * g * g)


def _corrected(v: Array, t: int, o: Options) -> Array:
    return np.asarray(v / (1 - o["betas"][1] ** t))


def _direction(m: Array, v: Array, u: Array, t: int, o: Options) -> Array:
    size = np.sqrt(_corrected(u if o["amsgrad"] else v, t, o)) + o["eps"]
    return np.asarray(m / (1 - o["betas"][0] ** t) / size)


def _decay(k: Array, o: Options) -> Array:
    return np.asarray(k - o["lr"] * o["weight_decay"] * k) if o["weight_decay"] else k


def _steps(
    parameter: Array,
    grads: Array,
    o: Options,
    mean: Mean = _mean,
    direction: Direction = _direction,
    before: Decay = _decay,
    after: Decay = lambda k, o: k,
    decoupled: bool = True,
) -> Array:
    """Steps of Adam with one part of it exchanged; AdamW has no option that says whether the decay is ``decoupled``."""
    k = parameter
    m = v = u = np.zeros_like(parameter)
    apart = o.get("decoupled_weight_decay", decoupled)
    for t, grad in enumerate(grads, 1):
        g = -grad if o["maximize"] else grad
        if apart:
            k = before(k, o)
        elif o["weight_decay"]:
            g = g + o["weight_decay"] * k
        m = np.asarray(o["betas"][0] * m + (1 - o["betas"][0]) * g)
        v = mean(v, g, o)
        u = np.maximum(u, v)
        k = np.asarray(k - o["lr"] * direction(m, v, u, t, o))
        if apart:
            k = after(k, o)
    return np.asarray(k)


def bias_uncorrected(parameter: Array, grads: Array, **o: Any) -> Array:
    """m and v as they are, too small at first."""

    def direction(m: Array, v: Array, u: Array, t: int, o: Options) -> Array:
        return np.asarray(m / (np.sqrt(u if o["amsgrad"] else v) + o["eps"]))

    return _steps(parameter, grads, o, direction=direction)


def steps_counted_from_zero(parameter: Array, grads: Array, **o: Any) -> Array:
    """1 - beta^0 is 0: the first step divides 0 by 0, or else by 0."""
    return _steps(parameter, grads, o, direction=lambda m, v, u, t, o: _direction(m, v, u, t - 1, o))


def epsilon_in_the_root(parameter: Array, grads: Array, **o: Any) -> Array:
    """sqrt(vhat + epsilon)."""

    def direction(m: Array, v: Array, u: Array, t: int, o: Options) -> Array:
        size = np.sqrt(_corrected(u if o["amsgrad"] else v, t, o) + o["eps"])
        return np.asarray(m / (1 - o["betas"][0] ** t) / size)

    return _steps(parameter, grads, o, direction=direction)


def epsilon_before_the_correction(parameter: Array, grads: Array, **o: Any) -> Array:
    """(sqrt(v) + epsilon) / sqrt(1 - beta_2^t): epsilon is corrected, too."""

    def direction(m: Array, v: Array, u: Array, t: int, o: Options) -> Array:
        size = (np.sqrt(u if o["amsgrad"] else v) + o["eps"]) / (1 - o["betas"][1] ** t) ** 0.5
        return np.asarray(m / (1 - o["betas"][0] ** t) / size)

    return _steps(parameter, grads, o, direction=direction)


def root_forgotten(parameter: Array, grads: Array, **o: Any) -> Array:
    """vhat + epsilon."""

    def direction(m: Array, v: Array, u: Array, t: int, o: Options) -> Array:
        size = _corrected(u if o["amsgrad"] else v, t, o) + o["eps"]
        return np.asarray(m / (1 - o["betas"][0] ** t) / size)

    return _steps(parameter, grads, o, direction=direction)


def gradient_not_squared(parameter: Array, grads: Array, **o: Any) -> Array:
    """v is a mean of the gradients themselves, and has no root where it is negative."""
    return _steps(parameter, grads, o, mean=lambda v, g, o: np.asarray(o["betas"][1] * v + (1 - o["betas"][1]) * g))


def absolute_value_for_square(parameter: Array, grads: Array, **o: Any) -> Array:
    """v is a mean of |g|."""

    def mean(v: Array, g: Array, o: Options) -> Array:
        return np.asarray(o["betas"][1] * v + (1 - o["betas"][1]) * np.abs(g))

    return _steps(parameter, grads, o, mean=mean)


def maximum_of_corrected(parameter: Array, grads: Array, **o: Any) -> Array:
    """amsgrad compares v / (1 - beta_2^t) with the largest of those before."""
    largest = [np.zeros_like(parameter)]

    def direction(m: Array, v: Array, u: Array, t: int, o: Options) -> Array:
        largest[0] = np.maximum(largest[0], _corrected(v, t, o))
        size = np.sqrt(largest[0] if o["amsgrad"] else _corrected(v, t, o)) + o["eps"]
        return np.asarray(m / (1 - o["betas"][0] ** t) / size)

    return _steps(parameter, grads, o, direction=direction)


def coupled(parameter: Array, grads: Array, **o: Any) -> Array:
    """The decay is added to the gradient, and divided by its size with it."""
    return _steps(parameter, grads, o, decoupled=False)


def decay_without_learning_rate(parameter: Array, grads: Array, **o: Any) -> Array:
    """K shrinks by weight_decay in every step, whatever the learning rate is."""
    return _steps(parameter, grads, o, before=lambda k, o: np.asarray(k - o["weight_decay"] * k))


def decay_after_the_step(parameter: Array, grads: Array, **o: Any) -> Array:
    """What has just been stepped decays, too."""
    return _steps(parameter, grads, o, before=lambda k, o: k, after=_decay)


MISTAKES = (
    Mistake(
        "adam-bias-uncorrected", "adam",
        "m and v are not divided by 1 - beta^t.",
        "Right where both betas are 0; else the first steps have another length: about 3 times too long by default.",
        "m / (1 - beta_1**t) and v / (1 - beta_2**t), t = 1 in the first step.",
        READ,
        forward=instead(bias_uncorrected),
    ),
    Mistake(
        "adam-steps-counted-from-0", "adam",
        "The first step has t = 0, and 1 - beta^0 is 0.",
        "The parameter is NaN, or does not move, after the first step.",
        "t = t + 1 before it is used.",
        READ,
        forward=instead(steps_counted_from_zero),
    ),
    Mistake(
        "adam-epsilon-in-the-root", "adam",
        "Epsilon is added under the root.",
        "Close for large gradients; small ones make smaller steps: sqrt(1e-8) is 1e-4.",
        "sqrt(v_hat) + eps.",
        READ,
        forward=instead(epsilon_in_the_root),
    ),
    Mistake(
        "adam-epsilon-before-the-correction", "adam",
        "Epsilon is added to sqrt(v), before that is corrected.",
        "Close for large gradients; the first steps of small ones are smaller.",
        "sqrt(v / (1 - beta_2**t)) + eps.",
        READ,
        forward=instead(epsilon_before_the_correction),
    ),
    Mistake(
        "adam-root-forgotten", "adam",
        "m is divided by v instead of its root.",
        "Right for gradients of 1 and -1; else small gradients make large steps, and large ones small steps.",
        "m_hat / (sqrt(v_hat) + eps).",
        READ,
        forward=instead(root_forgotten),
    ),
    Mistake(
        "adam-gradient-not-squared", "adam",
        "v is a mean of the gradients, not of their squares.",
        "NaN wherever the gradient is negative.",
        "v = beta_2 * v + (1 - beta_2) * g**2.",
        READ,
        forward=instead(gradient_not_squared),
    ),
    Mistake(
        "adam-absolute-value-for-square", "adam",
        "v is a mean of |g|, not of g^2.",
        "Right for gradients of 1 and -1; else steps grow with the root of the gradient.",
        "v = beta_2 * v + (1 - beta_2) * g**2.",
        READ,
        forward=instead(absolute_value_for_square),
    ),
    Mistake(
        "amsgrad-maximum-of-corrected", "adam",
        "amsgrad takes the maximum of v after its correction.",
        "Right without amsgrad, and in the first step; an early large gradient then counts for more.",
        "u = max(u, v) first, then u / (1 - beta_2**t).",
        READ,
        forward=instead(maximum_of_corrected),
    ),
    Mistake(
        "adam-betas-swapped", "adam",
        "The first beta is used for the squares, the second for the gradients.",
        "Right for equal betas, and in the first step.",
        "m has beta_1 (0.9), v has beta_2 (0.999).",
        READ,
        forward=arguments(lambda a: {"betas": a["betas"][::-1]}),
    ),
    Mistake(
        "adam-decay-the-other-way", "adam",
        "The weight decay is taken off the parameter where it belongs to the gradient, and the other way round.",
        "Right without weight decay; else Adam is AdamW.",
        "g = g + weight_decay * K, and with decoupled_weight_decay K = K - lr * weight_decay * K.",
        READ,
        forward=arguments(lambda a: {"decoupled_weight_decay": not a["decoupled_weight_decay"]}),
    ),
    Mistake(
        "amsgrad-forgotten", "adam",
        "amsgrad has no effect.",
        "Right without amsgrad, and while the gradients grow.",
        "u = max(u, v), and u in the place of v.",
        READ,
        forward=arguments(lambda a: {"amsgrad": False}),
    ),
    Mistake(
        "adam-means-forgotten-between-steps", "adam",
        "m, v and t start anew in every step.",
        "Right in the first step only; every step is lr long.",
        "Keep m, v and t beside their parameter from step to step.",
        READ,
        forward=FORGOTTEN_BETWEEN_STEPS,
    ),
    Mistake(
        "adamw-decay-coupled", "adamw",
        "The decay is added to the gradient, which is Adam.",
        "Right without weight decay; else weights with large gradients hardly decay.",
        "K = K - lr * weight_decay * K, and m and v of the gradient alone.",
        READ_ADAMW,
        forward=instead(coupled),
    ),
    Mistake(
        "adamw-decay-without-learning-rate", "adamw",
        "The decay is subtracted without the learning rate: K = K - weight_decay K.",
        "Right without weight decay, and for a learning rate of 1; else weights shrink too fast.",
        "K = K - lr * weight_decay * K.",
        READ_ADAMW,
        forward=instead(decay_without_learning_rate),
    ),
    Mistake(
        "adamw-decay-after-the-step", "adamw",
        "The decay comes after the step, and takes a part of that.",
        "Right without weight decay; else the difference is as small as lr^2 weight_decay.",
        "K = K - lr * weight_decay * K first, then the step of Adam.",
        READ_ADAMW,
        forward=instead(decay_after_the_step),
    ),
    Mistake(
        "adamw-decay-forgotten", "adamw",
        "weight_decay has no effect.",
        "Right without weight decay, which by default there is.",
        "K = K - lr * weight_decay * K.",
        READ_ADAMW,
        forward=arguments(lambda a: {"weight_decay": 0.0}),
    ),
    Mistake(
        "adamw-parameter-not-updated", "adamw",
        "The new value is given to a name of its own, and the parameter stays as it was.",
        "Nothing is learned; right only for a learning rate of 0.",
        "layer.K -= lr * step, or K[...] = K - lr * step: K = K - lr * step in a function changes its own K only.",
        READ_ADAMW,
        forward=result(lambda k, a: a["parameter"].copy()),
    ),
)  # fmt: skip
