"""The leaky rectified linear unit, done wrongly."""

from typing import Any

import numpy as np

from torch_parity.audit.mistakes.mistake import (
    Array,
    Arrays,
    Mistake,
    Options,
    arguments,
    gradients_instead,
    instead,
)

READ_FORWARD = ("reference/leaky_relu.py: leaky_relu", "reference/definition/leaky_relu.py: leaky_relu")
READ_BACKWARD = (
    "reference/leaky_relu.py: leaky_relu_backward",
    "reference/definition/leaky_relu.py: leaky_relu_backward",
)


def _slope(array: Array, negative_slope: float) -> Any:
    return array.dtype.type(negative_slope)


def wrong_side(input: Array, negative_slope: float) -> Array:
    """a x where x > 0, else x."""
    return np.where(input > 0, input * _slope(input, negative_slope), input)


def added(input: Array, negative_slope: float) -> Array:
    """x where x > 0, else x + a."""
    return np.where(input > 0, input, input + _slope(input, negative_slope))


def maximum(input: Array, negative_slope: float) -> Array:
    """max(x, a x)."""
    return np.asarray(np.maximum(input, input * _slope(input, negative_slope)))


def gradient_by_output(g: Array, a: Arrays, o: Options, y: Any) -> Array:
    """g where y > 0, else a g."""
    return np.asarray(np.where(y > 0, g, g * _slope(g, **o)))


def gradient_of_positive_kink(g: Array, a: Arrays, o: Options, y: Any) -> Array:
    """g where x >= 0, else a g."""
    return np.asarray(np.where(a["input"] >= 0, g, g * _slope(g, **o)))


def gradient_without_upstream(g: Array, a: Arrays, o: Options, y: Any) -> Array:
    """1 where x > 0, else a."""
    return np.asarray(np.where(a["input"] > 0, g.dtype.type(1), _slope(g, **o)))


MISTAKES = (
    Mistake(
        "leak-on-the-wrong-side", "leaky_relu",
        "Positive numbers are multiplied by the slope, and negative ones kept.",
        "Right at 0 only: what should pass is small, what should be small passes.",
        "np.where(x > 0, x, slope * x).",
        READ_FORWARD,
        forward=instead(wrong_side),
    ),
    Mistake(
        "leak-added", "leaky_relu",
        "The slope is added to negative numbers instead of multiplied with them.",
        "Negative numbers stay nearly as they were.",
        "np.where(x > 0, x, slope * x).",
        READ_FORWARD,
        forward=instead(added),
    ),
    Mistake(
        "leaky-as-maximum", "leaky_relu",
        "The larger one of x and slope * x is taken.",
        "Right for slopes from 0 to 1; a slope above 1 takes effect on the wrong side.",
        "np.where(x > 0, x, slope * x).",
        READ_FORWARD,
        forward=instead(maximum),
    ),
    Mistake(
        "leak-of-one-hundredth", "leaky_relu",
        "The slope is 0.01, whatever the argument says.",
        "Right as long as nobody asks for another slope.",
        "np.where(x > 0, x, negative_slope * x).",
        READ_FORWARD,
        forward=arguments(lambda a: {"negative_slope": 0.01}),
    ),
    Mistake(
        "leak-left-out-of-the-gradient", "leaky_relu",
        "The gradient passes everywhere.",
        "Right where x > 0; elsewhere the slope is missing.",
        "np.where(x > 0, g, slope * g), with the layer's input x: keep it for the backward pass.",
        READ_BACKWARD,
        backward=gradients_instead(input=lambda g, a, o, y: g),
    ),
    Mistake(
        "gradient-does-not-leak", "leaky_relu",
        "The gradient is that of a ReLU: 0 where x is negative.",
        "Zeros where a small gradient belongs: units that are negative never recover.",
        "np.where(x > 0, g, slope * g), not np.where(x > 0, g, 0).",
        READ_BACKWARD,
        backward=gradients_instead(input=lambda g, a, o, y: np.where(a["input"] > 0, g, g.dtype.type(0))),
    ),
    Mistake(
        "leak-by-the-sign-of-the-output", "leaky_relu",
        "The gradient looks at the output instead of the input.",
        "Right for positive slopes; a negative one makes outputs of negative inputs positive.",
        "np.where(x > 0, g, slope * g), with the layer's input x: keep it for the backward pass.",
        READ_BACKWARD,
        backward=gradients_instead(input=gradient_by_output),
    ),
    Mistake(
        "leaky-slope-one-at-zero", "leaky_relu",
        "The gradient passes where x >= 0 instead of x > 0.",
        "Right but at exact zeros, which are frequent with integer pixels.",
        "np.where(x > 0, g, slope * g): at 0 the slope is negative_slope.",
        READ_BACKWARD,
        backward=gradients_instead(input=gradient_of_positive_kink),
    ),
    Mistake(
        "leaky-slope-without-upstream", "leaky_relu",
        "The slope is given back without the gradient from above.",
        "Right where the upstream gradient is 1.",
        "np.where(x > 0, g, slope * g), not np.where(x > 0, 1, slope): the chain rule multiplies with g.",
        READ_BACKWARD,
        backward=gradients_instead(input=gradient_without_upstream),
    ),
)  # fmt: skip
