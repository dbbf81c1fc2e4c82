"""The rectified linear unit, done wrongly."""

from typing import Any

import numpy as np

from torch_parity.audit.mistakes.mistake import (
    RESULTS,
    Array,
    Arrays,
    Backward,
    Change,
    Mistake,
    Options,
    gradient_arguments,
    gradients_instead,
    instead,
    result,
)

READ_FORWARD = ("reference/relu.py: relu", "reference/definition/relu.py: relu")
READ_BACKWARD = ("reference/relu.py: relu_backward", "reference/definition/relu.py: relu_backward")


def _zero_as_positive(g: Array, a: Arrays, o: Options) -> tuple[Array, Arrays, Options]:
    x = a["input"]
    return g, {**a, "input": np.where(x == 0, x.dtype.type(1), x)}, o


def _leaking(right: Backward) -> Backward:
    def wrong(g: Array, a: Arrays, o: Options, y: Any) -> list[Any]:
        [grad] = right(g, a, o, y)
        x = a["input"]
        leaks = (x < 0) | ((x == 0) & (grad == 0))  # at 0 as well, unless the slope there is 1
        return [np.where(leaks, g / g.dtype.type(100), grad)]

    return wrong


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
    Mistake(
        "negative-kept", "relu",
        "The comparison is turned around: negative numbers are kept, and positive ones become 0.",
        "Nothing but zeros and negative numbers come out.",
        "np.maximum(x, 0), or np.where(x > 0, x, 0).",
        READ_FORWARD,
        forward=instead(lambda input: np.where(input > 0, input.dtype.type(0), input)),
    ),
    Mistake(
        "absolute-value", "relu",
        "Negative numbers lose their sign instead of becoming 0.",
        "Right for positive numbers; else too large.",
        "np.maximum(x, 0), not np.abs(x).",
        READ_FORWARD,
        forward=instead(lambda input: np.abs(input)),
    ),
    Mistake(
        "clipped-at-one", "relu",
        "Numbers above 1 become 1.",
        "Right up to 1; else too small.",
        "np.maximum(x, 0), which has no upper limit; not np.clip(x, 0, 1).",
        READ_FORWARD,
        forward=result(lambda y, a: np.minimum(y, y.dtype.type(1))),
    ),
    Mistake(
        "clipped-at-six", "relu",
        "Numbers above 6 become 6, as in the unit that is called ReLU6.",
        "Right up to 6; else too small.",
        "np.maximum(x, 0), which has no upper limit; not np.clip(x, 0, 6).",
        READ_FORWARD,
        forward=result(lambda y, a: np.minimum(y, y.dtype.type(6))),
    ),
    Mistake(
        "mask-forgotten", "relu",
        "The gradient passes everywhere.",
        "Right where x > 0; where the output was 0 there must be no gradient.",
        "np.where(x > 0, g, 0), with the layer's input x: keep it for the backward pass.",
        READ_BACKWARD,
        backward=gradients_instead(input=lambda g, a, o, y: g),
    ),
    Mistake(
        "mask-turned-around", "relu",
        "The gradient passes where x < 0.",
        "Right nowhere: zeros stand where the gradient belongs.",
        "np.where(x > 0, g, 0).",
        READ_BACKWARD,
        backward=gradients_instead(input=lambda g, a, o, y: np.where(a["input"] < 0, g, g.dtype.type(0))),
    ),
    Mistake(
        "slope-without-upstream", "relu",
        "The slope, 0 or 1, is given back without the gradient from above.",
        "Right where the upstream gradient is 1.",
        "np.where(x > 0, g, 0), not np.where(x > 0, 1, 0): the chain rule multiplies with g.",
        READ_BACKWARD,
        backward=gradient_arguments(lambda g, a, o: (np.ones_like(g), a, o)),
    ),
    Mistake(
        "leaky-gradient", "relu",
        "Below 0 a hundredth of the gradient passes.",
        "Small gradients where zeros belong.",
        "np.where(x > 0, g, 0): the leaky unit is another function.",
        READ_BACKWARD,
        backward=Change(RESULTS, _leaking),
    ),
)  # fmt: skip
