"""The hyperbolic tangent, done wrongly."""

import numpy as np

from reference import sigmoid
from torch_parity.audit.mistakes.mistake import Array, Mistake, gradients_instead, instead

READ_FORWARD = ("reference/tanh.py: tanh", "reference/definition/tanh.py: tanh")
READ_BACKWARD = ("reference/tanh.py: tanh_backward", "reference/definition/tanh.py: tanh_backward")


def overflowing(input: Array) -> Array:
    """(exp(x) - exp(-x)) / (exp(x) + exp(-x)) as it stands."""
    up, down = np.exp(input), np.exp(-input)
    return np.asarray((up - down) / (up + down))


MISTAKES = (
    Mistake(
        "tanh-overflows", "tanh",
        "The quotient of powers is computed as it stands.",
        "Right up to 88 (float32), but for small x, whose digits cancel; above, infinity over infinity is NaN.",
        "np.tanh(x).",
        READ_FORWARD,
        forward=instead(overflowing),
    ),
    Mistake(
        "tanh-of-half", "tanh",
        "2 sigmoid(x) - 1 is computed, without the factor 2 of x.",
        "Right at 0 and far out; in between half as steep.",
        "2 / (1 + np.exp(-2 * x)) - 1, or np.tanh(x), which keeps the digits of a small x.",
        READ_FORWARD,
        forward=instead(lambda input: np.asarray(2 * sigmoid(input) - 1)),
    ),
    Mistake(
        "tanh-slope-of-input", "tanh",
        "The gradient is (1 - x^2) g with the layer's input instead of its output.",
        "Right near 0; far out it is huge and negative where it should vanish.",
        "g * (1 - y ** 2), with the layer's output y.",
        READ_BACKWARD,
        backward=gradients_instead(input=lambda g, a, o, y: np.asarray(g * (1 - a["input"] * a["input"]))),
    ),
    Mistake(
        "tanh-slope-not-squared", "tanh",
        "The gradient is (1 - y) g, without the square.",
        "Right at 0 and far to the right; up to 2 g on the left, where it should vanish.",
        "g * (1 - y ** 2).",
        READ_BACKWARD,
        backward=gradients_instead(input=lambda g, a, o, y: np.asarray(g * (1 - y))),
    ),
    Mistake(
        "slope-of-sigmoid-for-tanh", "tanh",
        "The gradient is y (1 - y) g, which is that of the sigmoid.",
        "0 in the middle, where it should be largest, and negative on the left.",
        "g * (1 - y ** 2).",
        READ_BACKWARD,
        backward=gradients_instead(input=lambda g, a, o, y: np.asarray(g * y * (1 - y))),
    ),
    Mistake(
        "tanh-upstream-forgotten", "tanh",
        "The gradient is 1 - y^2, whatever comes from above.",
        "Right where the upstream gradient is 1; never negative.",
        "g * (1 - y ** 2): the chain rule multiplies with g.",
        READ_BACKWARD,
        backward=gradients_instead(input=lambda g, a, o, y: np.asarray(1 - y * y)),
    ),
)  # fmt: skip
