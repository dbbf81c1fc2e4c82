"""RMSprop, done wrongly."""

from collections.abc import Callable
from typing import Any

import numpy as np

from torch_parity.audit.mistakes.mistake import Array, Mistake, Options, arguments, instead
from torch_parity.audit.mistakes.steps import FORGOTTEN_BETWEEN_STEPS

READ = ("reference/optim/rmsprop.py: _advance", "reference/definition/optim.py: rmsprop_step")

# The old mean of squares, the gradient and the options -> the new one.
Mean = Callable[[Array, Array, Options], Array]
# What is under the root, and the options -> what the gradient is divided by.
Size = Callable[[Array, Options], Array]
# The old b, the gradient, its size and the options -> the new b, and what the learning rate is multiplied with.
Move = Callable[[Array, Array, Array, Options], tuple[Array, Array]]


def _mean(v: Array, g: Array, o: Options) -> Array:
    return np.asarray(o["alpha"] * v + (1 - o["alpha"]) * g * g)


def _size(v: Array, o: Options) -> Array:
    return np.asarray(np.sqrt(v) + o["eps"])


def _move(b: Array, g: Array, size: Array, o: Options) -> tuple[Array, Array]:
    b = np.asarray(o["momentum"] * b + g / size)
    return b, b


def _steps(
    parameter: Array, grads: Array, o: Options, mean: Mean = _mean, size: Size = _size, move: Move = _move
) -> Array:
    """Steps of RMSprop with one part of it exchanged."""
    k = parameter
    v = a = b = np.zeros_like(parameter)
    for grad in grads:
        g = -grad if o["maximize"] else grad
        if o["weight_decay"]:
            g = g + o["weight_decay"] * k
        v = mean(v, g, o)
        a = np.asarray(o["alpha"] * a + (1 - o["alpha"]) * g)
        b, direction = move(b, g, size(np.asarray(v - a * a) if o["centered"] else v, o), o)
        k = np.asarray(k - o["lr"] * direction)
    return np.asarray(k)


def epsilon_in_the_root(parameter: Array, grads: Array, **o: Any) -> Array:
    """sqrt(v + epsilon)."""
    return _steps(parameter, grads, o, size=lambda v, o: np.asarray(np.sqrt(v + o["eps"])))


def root_forgotten(parameter: Array, grads: Array, **o: Any) -> Array:
    """v + epsilon."""
    return _steps(parameter, grads, o, size=lambda v, o: np.asarray(v + o["eps"]))


def momentum_before_scaling(parameter: Array, grads: Array, **o: Any) -> Array:
    """A velocity of gradients as they are, which is then divided by their size."""

    def move(b: Array, g: Array, size: Array, o: Options) -> tuple[Array, Array]:
        b = np.asarray(o["momentum"] * b + g)
        return b, np.asarray(b / size)

    return _steps(parameter, grads, o, move=move)


def alpha_on_the_wrong_term(parameter: Array, grads: Array, **o: Any) -> Array:
    """v = (1 - alpha) v + alpha g^2."""
    return _steps(parameter, grads, o, mean=lambda v, g, o: np.asarray((1 - o["alpha"]) * v + o["alpha"] * g * g))


def squares_added_up(parameter: Array, grads: Array, **o: Any) -> Array:
    """v = alpha v + g^2."""
    return _steps(parameter, grads, o, mean=lambda v, g, o: np.asarray(o["alpha"] * v + g * g))


def absolute_value_for_square(parameter: Array, grads: Array, **o: Any) -> Array:
    """v is a mean of |g|."""
    return _steps(parameter, grads, o, mean=lambda v, g, o: np.asarray(o["alpha"] * v + (1 - o["alpha"]) * np.abs(g)))


MISTAKES = (
    Mistake(
        "rmsprop-epsilon-in-the-root", "rmsprop",
        "Epsilon is added under the root.",
        "Close for large gradients; small ones make smaller steps: sqrt(1e-8) is 1e-4.",
        "sqrt(v) + eps.",
        READ,
        forward=instead(epsilon_in_the_root),
    ),
    Mistake(
        "rmsprop-root-forgotten", "rmsprop",
        "The gradient is divided by v instead of its root.",
        "Small gradients make large steps, and large ones small steps.",
        "g / (sqrt(v) + eps).",
        READ,
        forward=instead(root_forgotten),
    ),
    Mistake(
        "rmsprop-momentum-before-scaling", "rmsprop",
        "Momentum adds up the gradients, before they are divided by their size.",
        "Right without momentum, and in the first step; else old gradients are measured by the size of the new one.",
        "b = momentum * b + g / (sqrt(v) + eps), then K = K - lr * b.",
        READ,
        forward=instead(momentum_before_scaling),
    ),
    Mistake(
        "rmsprop-alpha-on-the-wrong-term", "rmsprop",
        "alpha multiplies the new square, 1 - alpha the old mean.",
        "Right for an alpha of 1/2; else v forgets at once, and the first steps are too short.",
        "v = alpha * v + (1 - alpha) * g**2.",
        READ,
        forward=instead(alpha_on_the_wrong_term),
    ),
    Mistake(
        "rmsprop-squares-added-up", "rmsprop",
        "The new square is not multiplied by 1 - alpha.",
        "Right for an alpha of 0; else v is too large, and steps are too short: by 10 times for 0.99.",
        "v = alpha * v + (1 - alpha) * g**2.",
        READ,
        forward=instead(squares_added_up),
    ),
    Mistake(
        "rmsprop-absolute-value-for-square", "rmsprop",
        "v is a mean of |g|, not of g^2.",
        "Right for gradients of 1 and -1, if it is not centered; else steps grow with the root of the gradient.",
        "v = alpha * v + (1 - alpha) * g**2.",
        READ,
        forward=instead(absolute_value_for_square),
    ),
    Mistake(
        "rmsprop-centered-forgotten", "rmsprop",
        "centered has no effect.",
        "Right where it is off; else steps along steady gradients are too short.",
        "sqrt(v - a**2) with a = alpha * a + (1 - alpha) * g.",
        READ,
        forward=arguments(lambda a: {"centered": False}),
    ),
    Mistake(
        "rmsprop-momentum-forgotten", "rmsprop",
        "momentum has no effect.",
        "Right without momentum, and in the first step.",
        "b = momentum * b + g / (sqrt(v) + eps), then K = K - lr * b.",
        READ,
        forward=arguments(lambda a: {"momentum": 0.0}),
    ),
    Mistake(
        "rmsprop-mean-forgotten-between-steps", "rmsprop",
        "v starts anew in every step.",
        "Right in the first step, and for an alpha of 0; every step has one length.",
        "Keep v beside its parameter from step to step.",
        READ,
        forward=FORGOTTEN_BETWEEN_STEPS,
    ),
)  # fmt: skip
