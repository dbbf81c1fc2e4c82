"""The rectified linear unit, done wrongly."""

import numpy as np

from torch_parity.audit.mistakes.mistake import (
    Array,
    Arrays,
    Mistake,
    Options,
    gradient_arguments,
    gradients_instead,
    instead,
    result,
)

READ_FORWARD = ("reference/relu.py: relu", "reference/definition.py: relu")
READ_BACKWARD = ("reference/relu.py: relu_backward", "reference/definition.py: relu_backward")


def _zero_as_positive(g: Array, a: Arrays, o: Options) -> tuple[Array, Arrays, Options]:
    x = a["input"]
    return g, {**a, "input": np.where(x == 0, x.dtype.type(1), x)}, o


MISTAKES = (
    Mistake(
        "slope-one-at-zero", "relu",
        "The gradient passes where x >= 0 instead of x > 0.",
        "Right but at exact zeros, which are frequent after a ReLU or with integer pixels.",
        "np.where(x > 0, g, 0): at 0 the slope is 0.",
        READ_BACKWARD,
        backward=gradient_arguments(_zero_as_positive),
    ),
    Mistake(
        "masked-by-gradient", "relu",
        "The gradient passes where it is positive itself.",
        "Negative gradients vanish: weights move one way only.",
        "np.where(x > 0, g, 0), with the layer's input x: keep it for the backward pass.",
        READ_BACKWARD,
        backward=gradient_arguments(lambda g, a, o: (g, {**a, "input": g}, o)),
    ),
    Mistake(
        "relu-swallows-nan", "relu",
        "NaN becomes 0, since no comparison with it is true.",
        "A broken number disappears, and with it the chance to find where it came from.",
        "np.maximum(x, 0) hands NaN on.",
        READ_FORWARD,
        forward=instead(lambda input: np.where(input > 0, input, input.dtype.type(0))),
    ),
    Mistake(
        "gradient-multiplied-by-mask", "relu",
        "The gradient is multiplied by 0 or 1 instead of selected.",
        "Right for finite numbers; an infinite gradient times 0 is NaN.",
        "np.where(x > 0, g, 0) selects, and multiplies nothing.",
        READ_BACKWARD,
        backward=gradients_instead(input=lambda g, a, o, y: np.multiply(g, ~(a["input"] <= 0), dtype=g.dtype)),
    ),
    Mistake(
        "leaky", "relu",
        "Below 0 a hundredth of x is kept.",
        "Small negative outputs where zeros belong.",
        "np.maximum(x, 0): the leaky unit is another function.",
        READ_FORWARD,
        forward=result(lambda y, a: np.where(a["input"] < 0, a["input"] / y.dtype.type(100), y)),
    ),
)  # fmt: skip
