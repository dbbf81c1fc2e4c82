"""The Gaussian error linear unit, done wrongly."""

import math
from typing import Any

import numpy as np

from reference import gelu, gelu_backward, sigmoid
from torch_parity.audit.mistakes.mistake import (
    Array,
    Arrays,
    Mistake,
    Options,
    arguments,
    gradient_arguments,
    gradients_instead,
    instead,
)

READ_FORWARD = ("reference/gelu.py: gelu", "reference/definition/gelu.py: gelu")
READ_BACKWARD = ("reference/gelu.py: gelu_backward", "reference/definition/gelu.py: gelu_backward")

_erf = np.vectorize(math.erf, otypes=[float])


def _share(x: Array, approximate: str) -> Array:
    """Phi(x), or the approximation of it."""
    if approximate == "tanh":
        return np.asarray((1 + np.tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * x * x * x))) / 2)
    return np.asarray((1 + _erf(x / math.sqrt(2)).astype(x.dtype)) / 2)


def without_root_of_two(input: Array, approximate: str) -> Array:
    """x (1 + erf(x)) / 2."""
    if approximate == "tanh":
        return gelu(input, approximate=approximate)
    return np.asarray(input * (1 + _erf(input).astype(input.dtype)) / 2)


def without_cube(input: Array, approximate: str) -> Array:
    """x (1 + tanh(sqrt(2 / pi) x)) / 2."""
    if approximate == "none":
        return gelu(input, approximate=approximate)
    return np.asarray(input * (1 + np.tanh(math.sqrt(2 / math.pi) * input)) / 2)


def share_only(g: Array, a: Arrays, o: Options, y: Any) -> Array:
    """g Phi(x)."""
    return np.asarray(g * _share(a["input"], **o))


def without_upstream(g: Array, a: Arrays, o: Options, y: Any) -> Array:
    """Phi(x) + x phi(x)."""
    return gelu_backward(np.ones_like(g), a["input"], **o)


_EXACT = "x * (1 + erf(x / np.sqrt(2))) / 2, unless approximate is 'tanh'."

MISTAKES = (
    Mistake(
        "gelu-always-approximated", "gelu",
        "The approximation by tanh is computed where the exact function is asked for.",
        "Off by up to 0.0005, most of all near 2.7 and -2.7.",
        _EXACT,
        READ_FORWARD,
        forward=arguments(lambda a: {"approximate": "tanh"}),
        backward=gradient_arguments(lambda g, a, o: (g, a, {"approximate": "tanh"})),
    ),
    Mistake(
        "gelu-never-approximated", "gelu",
        "The exact function is computed where the approximation by tanh is asked for.",
        "Off by up to 0.0005, most of all near 2.7 and -2.7: not what networks trained with 'tanh' compute.",
        "x * (1 + np.tanh(np.sqrt(2 / np.pi) * (x + 0.044715 * x ** 3))) / 2, where approximate is 'tanh'.",
        READ_FORWARD,
        forward=arguments(lambda a: {"approximate": "none"}),
        backward=gradient_arguments(lambda g, a, o: (g, a, {"approximate": "none"})),
    ),
    Mistake(
        "gelu-root-of-two-forgotten", "gelu",
        "erf is taken of x instead of x / sqrt 2.",
        "Right at 0 and far out; in between too steep.",
        "x * (1 + erf(x / np.sqrt(2))) / 2.",
        READ_FORWARD,
        forward=instead(without_root_of_two),
    ),
    Mistake(
        "gelu-cube-forgotten", "gelu",
        "The approximation lacks the term 0.044715 x^3.",
        "Right near 0 and far out; off by up to 0.034 in between.",
        "x * (1 + np.tanh(np.sqrt(2 / np.pi) * (x + 0.044715 * x ** 3))) / 2.",
        READ_FORWARD,
        forward=instead(without_cube),
    ),
    Mistake(
        "gelu-by-sigmoid", "gelu",
        "x sigmoid(1.702 x) is computed, another approximation, which torch does not have.",
        "Off by up to 0.0204, most of all near 2.3 and -2.3.",
        _EXACT,
        READ_FORWARD,
        forward=instead(lambda input, approximate: np.asarray(input * sigmoid(input * input.dtype.type(1.702)))),
    ),
    Mistake(
        "gelu-density-forgotten", "gelu",
        "The gradient is Phi(x) g, as if Phi did not depend on x: the product rule is forgotten.",
        "Right at 0 and far out; the dip on the left and the excess on the right are missing.",
        "g * (Phi + x * np.exp(-x ** 2 / 2) / np.sqrt(2 * np.pi)): x stands in both factors.",
        READ_BACKWARD,
        backward=gradients_instead(input=share_only),
    ),
    Mistake(
        "gelu-upstream-forgotten", "gelu",
        "The slope is given back without the gradient from above.",
        "Right where the upstream gradient is 1.",
        "g * (Phi + x * np.exp(-x ** 2 / 2) / np.sqrt(2 * np.pi)): the chain rule multiplies with g.",
        READ_BACKWARD,
        backward=gradients_instead(input=without_upstream),
    ),
)  # fmt: skip
