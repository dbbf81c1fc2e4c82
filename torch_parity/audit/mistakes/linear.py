"""The dense layer, done wrongly."""

import math
from typing import Any

import numpy as np

from torch_parity.audit.mistakes.mistake import (
    ARGUMENTS,
    Array,
    Arrays,
    Backward,
    Change,
    Mistake,
    Options,
    arguments,
    averaged,
    gradient_arguments,
    gradients,
    gradients_instead,
    result,
)

READ_FORWARD = ("reference/dense.py: linear", "reference/definition/dense.py: linear")
READ_BACKWARD = ("reference/dense.py: linear_backward", "reference/definition/dense.py: linear_backward")


def _in_out(weight: Array) -> Array:
    return weight.reshape(weight.shape[::-1]).T


def _weight_gradient_from_output(right: Backward) -> Backward:
    def wrong(g: Array, a: Arrays, o: Options, y: Any) -> list[Any]:
        grad_input, _, grad_bias = right(g, a, o, y)
        _, grad_weight, _ = right(y, a, o, y)
        return [grad_input, grad_weight, grad_bias]

    return wrong


def over_features(g: Array, a: Arrays, o: Options, y: Any) -> Array:
    """What is left of g summed over its last axis, the features."""
    return np.asarray(g.sum(axis=-1) if a["weight"].ndim == 2 else g)


MISTAKES = (
    Mistake(
        "weights-as-in-out", "linear",
        "The weights are stored (out, in) and read as (in, out).",
        "Right for a single output; else all connections are shuffled.",
        "x @ W.T with W of shape (out, in).",
        READ_FORWARD,
        forward=arguments(lambda a: {"weight": _in_out(a["weight"])}),
    ),
    Mistake(
        "dense-bias-gradient-averaged", "linear",
        "The bias gradient is the mean over the batch instead of the sum.",
        "Right for a batch of one.",
        "db = g.sum(axis=0).",
        READ_BACKWARD,
        backward=gradients(ARGUMENTS, bias=averaged),
    ),
    Mistake(
        "silent-float64", "linear",
        "A constant of double precision turns everything into float64.",
        "Right numbers, twice the memory and half the speed; nothing says so.",
        "Make weights and constants with dtype=np.float32, or of Python's floats, which take the array's dtype.",
        READ_FORWARD,
        forward=result(lambda y, a: y.astype(np.float64)),
    ),
    Mistake(
        "dense-bias-forgotten", "linear",
        "The bias is not added.",
        "Every output is off by one number.",
        "x @ W.T + b.",
        READ_FORWARD,
        forward=arguments(lambda a: {"bias": None}),
    ),
    Mistake(
        "dense-input-gradient-transposed", "linear",
        "The input gradient uses the weights as if they were stored (in, out): g @ W.T.",
        "Right for symmetric weights; a shape error where in and out differ, if W is not reshaped.",
        "dx = g @ W with W of shape (out, in).",
        READ_BACKWARD,
        backward=gradient_arguments(lambda g, a, o: (g, {**a, "weight": _in_out(a["weight"])}, o)),
    ),
    Mistake(
        "dense-weight-gradient-transposed", "linear",
        "The weight gradient is x.T @ g, of shape (in, out).",
        "Right for symmetric gradients; else the transposed, of another shape.",
        "dW = g.T @ x, of the shape of W, (out, in).",
        READ_BACKWARD,
        backward=gradients(weight=lambda grad, g, a, o: grad.T),
    ),
    Mistake(
        "dense-weight-gradient-averaged", "linear",
        "The weight gradient is divided by the batch size, though the loss is a mean already.",
        "Right for a batch of one; else training is slower by the batch size.",
        "dW = g.T @ x, and leave the division to the loss.",
        READ_BACKWARD,
        backward=gradients(
            weight=lambda grad, g, a, o: grad / grad.dtype.type(max(1, math.prod(a["input"].shape[:-1])))
        ),
    ),
    Mistake(
        "dense-weight-gradient-from-output", "linear",
        "The weight gradient is computed from the layer's own output instead of the gradient from above.",
        "Nothing of the loss arrives in the weights.",
        "dW = g.T @ x with the g that comes from the next layer, not the y kept by forward.",
        READ_BACKWARD,
        backward=Change(ARGUMENTS, _weight_gradient_from_output),
    ),
    Mistake(
        "dense-bias-gradient-not-summed", "linear",
        "The bias gradient is the upstream gradient itself, a row for each image.",
        "Right without a batch; else an array (N, out) where (out,) belongs.",
        "db = g.sum(axis=0): the bias is added to every row, so it collects from every row.",
        READ_BACKWARD,
        backward=gradients_instead(bias=lambda g, a, o, y: g),
    ),
    Mistake(
        "dense-bias-gradient-over-features", "linear",
        "The upstream gradient is summed over the features instead of the batch.",
        "An array (N,) where (out,) belongs.",
        "db = g.sum(axis=0).",
        READ_BACKWARD,
        backward=gradients_instead(bias=over_features),
    ),
)  # fmt: skip
