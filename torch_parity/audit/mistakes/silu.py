"""The sigmoid linear unit, done wrongly."""

from typing import Any

import numpy as np

from reference import sigmoid
from torch_parity.audit.mistakes.mistake import Array, Arrays, Mistake, Options, gradients_instead, instead

READ_FORWARD = ("reference/silu.py: silu", "reference/definition/silu.py: silu")
READ_BACKWARD = ("reference/silu.py: silu_backward", "reference/definition/silu.py: silu_backward")


def second_term_only(g: Array, a: Arrays, o: Options, y: Any) -> Array:
    """g s (1 - s)."""
    s = sigmoid(a["input"])
    return np.asarray(g * s * (1 - s))


def slope_of_output(g: Array, a: Arrays, o: Options, y: Any) -> Array:
    """g y (1 - y), as if the output were that of a sigmoid."""
    return np.asarray(g * y * (1 - y))


def without_upstream(g: Array, a: Arrays, o: Options, y: Any) -> Array:
    """s (1 + x (1 - s))."""
    s = sigmoid(a["input"])
    return np.asarray(s * (1 + a["input"] * (1 - s)))


MISTAKES = (
    Mistake(
        "silu-of-1.702", "silu",
        "x sigmoid(1.702 x) is computed, which imitates GELU.",
        "Right at 0 and far out; in between too steep.",
        "x / (1 + np.exp(-x)).",
        READ_FORWARD,
        forward=instead(lambda input: np.asarray(input * sigmoid(input * input.dtype.type(1.702)))),
    ),
    Mistake(
        "silu-without-x", "silu",
        "The sigmoid is given back, without the factor x.",
        "Nothing above 1 comes out, and 1/2 at 0.",
        "x / (1 + np.exp(-x)).",
        READ_FORWARD,
        forward=instead(lambda input: sigmoid(input)),
    ),
    Mistake(
        "silu-slope-of-sigmoid", "silu",
        "The gradient is s (1 - s) g, that of the sigmoid alone: the product rule is forgotten.",
        "1/4 instead of 1/2 at 0; far to the right 0 instead of 1.",
        "s * (1 + x * (1 - s)) * g, with s = 1 / (1 + np.exp(-x)): x stands in both factors.",
        READ_BACKWARD,
        backward=gradients_instead(input=second_term_only),
    ),
    Mistake(
        "silu-sigmoid-as-constant", "silu",
        "The gradient is s g, as if the sigmoid did not depend on x.",
        "Right at 0 and far out; the dip on the left and the excess on the right are missing.",
        "s * (1 + x * (1 - s)) * g, with s = 1 / (1 + np.exp(-x)): x stands in both factors.",
        READ_BACKWARD,
        backward=gradients_instead(input=lambda g, a, o, y: np.asarray(g * sigmoid(a["input"]))),
    ),
    Mistake(
        "silu-slope-of-output", "silu",
        "The gradient is y (1 - y) g, as if the output y were that of a sigmoid.",
        "0 instead of 1/2 at 0; far to the right huge and negative.",
        "s * (1 + x * (1 - s)) * g, with s = 1 / (1 + np.exp(-x)) and the layer's input x.",
        READ_BACKWARD,
        backward=gradients_instead(input=slope_of_output),
    ),
    Mistake(
        "silu-upstream-forgotten", "silu",
        "The slope is given back without the gradient from above.",
        "Right where the upstream gradient is 1.",
        "s * (1 + x * (1 - s)) * g: the chain rule multiplies with g.",
        READ_BACKWARD,
        backward=gradients_instead(input=without_upstream),
    ),
)  # fmt: skip
