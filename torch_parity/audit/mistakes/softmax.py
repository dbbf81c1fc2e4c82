"""Softmax and its logarithm, done wrongly."""

from typing import Any

import numpy as np

from reference import softmax
from torch_parity.audit.mistakes.mistake import (
    Array,
    Arrays,
    Mistake,
    Options,
    arguments,
    gradients_instead,
    instead,
)

SOFTMAX = ("reference/softmax.py: softmax", "reference/definition/softmax.py: softmax")
SOFTMAX_BACKWARD = ("reference/softmax.py: softmax_backward", "reference/definition/softmax.py: softmax_backward")
LOG_SOFTMAX = ("reference/softmax.py: log_softmax", "reference/definition/softmax.py: log_softmax")
LOG_SOFTMAX_BACKWARD = (
    "reference/softmax.py: log_softmax_backward",
    "reference/definition/softmax.py: log_softmax_backward",
)


def unshifted(input: Array, dim: int) -> Array:
    """exp(x) / sum exp(x) of the scores as they are."""
    powers = np.exp(np.atleast_1d(input))
    return np.asarray(powers / powers.sum(axis=dim, keepdims=True)).reshape(input.shape)


def _next_dim(given: Options) -> Options:
    return {"dim": (given["dim"] + 1) % max(1, given["input"].ndim)}


def diagonal_only(g: Array, a: Arrays, o: Options, y: Any) -> Array:
    """dL/dx as if a score moved its own probability alone."""
    return np.asarray(g * y * (1 - y))


def over_everything(input: Array, dim: int) -> Array:
    """Probabilities that sum to 1 over all of the scores."""
    powers = np.exp(input - input.max(initial=-np.inf))
    return np.asarray(powers / powers.sum())


def shift_kept(input: Array, dim: int) -> Array:
    """x - log sum exp(x - max x): the maximum is subtracted within the sum only."""
    scores = np.atleast_1d(input)
    powers = np.exp(scores - scores.max(axis=dim, keepdims=True, initial=-np.inf))
    return np.asarray(scores - np.log(powers.sum(axis=dim, keepdims=True))).reshape(input.shape)


MISTAKES = (
    Mistake(
        "no-max-subtraction", "softmax",
        "exp is taken of the scores as they are.",
        "Right for small scores; above 88 (float32) infinity over infinity is NaN.",
        "e = np.exp(x - x.max(axis=1, keepdims=True)), then e / e.sum(axis=1, keepdims=True).",
        SOFTMAX,
        forward=instead(unshifted),
    ),
    Mistake(
        "wrong-dimension", "softmax",
        "The probabilities sum to 1 over another dimension.",
        "Columns sum to 1 instead of rows.",
        "Maximum and sum over the classes: axis=1 of scores (N, C).",
        SOFTMAX,
        forward=arguments(_next_dim),
    ),
    Mistake(
        "diagonal-only", "softmax",
        "The gradient is y (1 - y) g, as if each score moved its own probability alone.",
        "Right for the sigmoid; the sum over the other classes is missing.",
        "y * (g - (g * y).sum(axis=1, keepdims=True)).",
        SOFTMAX_BACKWARD,
        backward=gradients_instead(input=diagonal_only),
    ),
    Mistake(
        "normalised-over-everything", "softmax",
        "The powers are divided by the sum of them all.",
        "Right for a single row; else the probabilities of the whole batch sum to 1.",
        "e / e.sum(axis=1, keepdims=True): each row has its own sum.",
        SOFTMAX,
        forward=instead(over_everything),
    ),
    Mistake(
        "negative-exponent", "softmax",
        "exp is taken of -x, as in the sigmoid's 1 / (1 + exp(-x)).",
        "The least likely class becomes the most likely one.",
        "e = np.exp(x - x.max(axis=1, keepdims=True)).",
        SOFTMAX,
        forward=arguments(lambda a: {"input": -a["input"]}),
    ),
    Mistake(
        "softmax-sum-forgotten", "softmax",
        "The gradient is y g, without the sum over the classes.",
        "Right where that sum is 0.",
        "y * (g - (g * y).sum(axis=1, keepdims=True)).",
        SOFTMAX_BACKWARD,
        backward=gradients_instead(input=lambda g, a, o, y: np.asarray(g * y)),
    ),
    Mistake(
        "softmax-upstream-forgotten", "softmax",
        "The gradient is y (1 - y), whatever comes from above.",
        "Never negative: every score is pushed the same way.",
        "y * (g - (g * y).sum(axis=1, keepdims=True)).",
        SOFTMAX_BACKWARD,
        backward=gradients_instead(input=lambda g, a, o, y: np.asarray(y * (1 - y))),
    ),
    Mistake(
        "softmax-gradient-passed-on", "softmax",
        "The gradient is handed on as it came, as if the loss had differentiated the softmax, too.",
        "Right behind a loss that gives y_hat - y; else the slope of the softmax is missing.",
        "y * (g - (g * y).sum(axis=1, keepdims=True)), unless the loss takes the scores.",
        SOFTMAX_BACKWARD,
        backward=gradients_instead(input=lambda g, a, o, y: g),
    ),
    Mistake(
        "log-of-softmax", "log_softmax",
        "The logarithm is taken of the rounded probability.",
        "Right for likely classes; unlikely ones become minus infinity.",
        "s = x - x.max(axis=1, keepdims=True), then s - np.log(np.exp(s).sum(axis=1, keepdims=True)).",
        LOG_SOFTMAX,
        forward=instead(lambda input, dim: np.log(softmax(input, dim))),
    ),
    Mistake(
        "log-with-epsilon", "log_softmax",
        "A small number is added so that the logarithm stays finite: log(p + 1e-7).",
        "Right to 7 digits for likely classes; unlikely ones never get below -16.",
        "s = x - x.max(axis=1, keepdims=True), then s - np.log(np.exp(s).sum(axis=1, keepdims=True)).",
        LOG_SOFTMAX,
        forward=instead(lambda input, dim: np.log(softmax(input, dim) + input.dtype.type(1e-7))),
    ),
    Mistake(
        "sum-of-gradients-forgotten", "log_softmax",
        "The gradient is g - softmax, as it is for the cross-entropy of one class.",
        "Right where the upstream gradients sum to 1.",
        "g - np.exp(y) * g.sum(axis=1, keepdims=True).",
        LOG_SOFTMAX_BACKWARD,
        backward=gradients_instead(input=lambda g, a, o, y: np.asarray(g - np.exp(y))),
    ),
    Mistake(
        "maximum-subtracted-once", "log_softmax",
        "The maximum is subtracted within the sum of powers, but not from the score itself.",
        "Too large by the maximum of the row.",
        "s = x - x.max(axis=1, keepdims=True), then s - np.log(np.exp(s).sum(axis=1, keepdims=True)).",
        LOG_SOFTMAX,
        forward=instead(shift_kept),
    ),
    Mistake(
        "log-diagonal-only", "log_softmax",
        "The gradient is g (1 - p), as if each score moved its own probability alone.",
        "Right for one class; else the sum over the other classes is missing.",
        "g - np.exp(y) * g.sum(axis=1, keepdims=True).",
        LOG_SOFTMAX_BACKWARD,
        backward=gradients_instead(input=lambda g, a, o, y: np.asarray(g * (1 - np.exp(y)))),
    ),
)  # fmt: skip
