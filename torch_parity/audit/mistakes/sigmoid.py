"""The sigmoid, done wrongly."""

from typing import Any

import numpy as np

from reference import sigmoid
from torch_parity.audit.mistakes.mistake import (
    Array,
    Arrays,
    Mistake,
    Options,
    arguments,
    gradients_instead,
    instead,
)

READ_FORWARD = ("reference/sigmoid.py: sigmoid", "reference/definition/sigmoid.py: sigmoid")
READ_BACKWARD = ("reference/sigmoid.py: sigmoid_backward", "reference/definition/sigmoid.py: sigmoid_backward")


def overflowing(input: Array) -> Array:
    """exp(x) / (1 + exp(x))."""
    power = np.exp(input)
    return np.asarray(power / (1 + power))


def slope_of_input(g: Array, a: Arrays, o: Options, y: Any) -> Array:
    """g x (1 - x)."""
    x = a["input"]
    return np.asarray(g * x * (1 - x))


def slope_of_sigmoid_twice(g: Array, a: Arrays, o: Options, y: Any) -> Array:
    """g s (1 - s) with s = sigmoid(y)."""
    s = sigmoid(y)
    return np.asarray(g * s * (1 - s))


MISTAKES = (
    Mistake(
        "sigmoid-overflows", "sigmoid",
        "exp(x) / (1 + exp(x)) is computed, whatever the sign of x.",
        "Right up to 88 (float32); above, infinity over infinity is NaN.",
        "1 / (1 + np.exp(-x)) where x >= 0, np.exp(x) / (1 + np.exp(x)) elsewhere.",
        READ_FORWARD,
        forward=instead(overflowing),
    ),
    Mistake(
        "sigmoid-falls", "sigmoid",
        "exp is taken of x instead of -x: 1 / (1 + exp(x)).",
        "Each probability is 1 minus the right one; right at 0.",
        "1 / (1 + np.exp(-x)), which grows with x.",
        READ_FORWARD,
        forward=arguments(lambda a: {"input": -a["input"]}),
    ),
    Mistake(
        "sigmoid-slope-of-input", "sigmoid",
        "The gradient is x (1 - x) g with the layer's input instead of its output.",
        "Right where x equals its sigmoid, or 1 minus that; far out it is huge where it should vanish.",
        "g * y * (1 - y), with the layer's output y.",
        READ_BACKWARD,
        backward=gradients_instead(input=slope_of_input),
    ),
    Mistake(
        "sigmoid-taken-twice", "sigmoid",
        "The slope is computed by a function that takes the sigmoid of its argument, and gets the output.",
        "The gradient is nearly the same everywhere, between 0.19 and 0.25 of what comes from above.",
        "g * y * (1 - y), with the layer's output y: it is a sigmoid already.",
        READ_BACKWARD,
        backward=gradients_instead(input=slope_of_sigmoid_twice),
    ),
    Mistake(
        "sigmoid-upstream-forgotten", "sigmoid",
        "The gradient is y (1 - y), whatever comes from above.",
        "Right where the upstream gradient is 1; never negative.",
        "g * y * (1 - y): the chain rule multiplies with g.",
        READ_BACKWARD,
        backward=gradients_instead(input=lambda g, a, o, y: np.asarray(y * (1 - y))),
    ),
    Mistake(
        "sigmoid-gradient-passed-on", "sigmoid",
        "The gradient is handed on as it came, as if the loss had differentiated the sigmoid, too.",
        "Right behind a loss that gives y_hat - y; else four times too large, or more.",
        "g * y * (1 - y), unless the loss takes the scores.",
        READ_BACKWARD,
        backward=gradients_instead(input=lambda g, a, o, y: g),
    ),
)  # fmt: skip
