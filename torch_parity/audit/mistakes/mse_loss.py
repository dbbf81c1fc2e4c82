"""The mean squared error, done wrongly."""

from typing import Any

import numpy as np

from torch_parity.audit.mistakes.mistake import (
    RESULTS,
    Array,
    Arrays,
    Backward,
    Change,
    Forward,
    Mistake,
    Options,
    arguments,
    gradient_arguments,
    instead,
    result,
)

READ_FORWARD = ("reference/mse_loss.py: mse_loss", "reference/definition/mse_loss.py: mse_loss")
READ_BACKWARD = (
    "reference/mse_loss.py: mse_loss_backward",
    "reference/definition/mse_loss.py: mse_loss_backward",
)


def _both_gradients(factor: float) -> Change[Backward]:
    """The gradients of input and target, multiplied by ``factor``."""

    def planted(right: Backward) -> Backward:
        return lambda g, a, o, y: [np.asarray(grad * g.dtype.type(factor)) for grad in right(g, a, o, y)]

    return Change(RESULTS, planted)


def _target_like_input(right: Backward) -> Backward:
    """The gradient of the target is that of the input."""

    def wrong(g: Array, a: Arrays, o: Options, y: object) -> list[Array]:
        grad_input, grad_target = right(g, a, o, y)
        return [grad_input, -grad_target]

    return wrong


def _summed(options: Options) -> Options:
    return {"reduction": "sum" if options["reduction"] == "mean" else options["reduction"]}


def _over_samples(right: Forward) -> Forward:
    """The sum over all elements, divided by the number of rows."""

    def wrong(**given: Any) -> Array:
        if given["reduction"] != "mean" or "weight" in given or given["input"].ndim < 2 or not given["input"].size:
            return np.asarray(right(**given))
        total = right(**{**given, "reduction": "sum"})
        return np.asarray(total / total.dtype.type(len(given["input"])))

    return wrong


def _absolute(input: Array, target: Array, *, reduction: str = "mean", weight: Array | None = None) -> Array:
    losses = np.abs(input - target) * (np.ones_like(input) if weight is None else weight)
    if reduction == "none":
        return np.asarray(losses)
    total = losses.sum()
    divisor = input.dtype.type(input.size) if weight is None else weight.sum()
    return np.asarray(total / divisor if reduction == "mean" else total)


MISTAKES = (
    Mistake(
        "error-halved", "mse_loss",
        "The loss is (x - t)^2 / 2, as some books have it to make the gradient short.",
        "Half of what it is.",
        "np.mean((x - t) ** 2), without 1/2.",
        READ_FORWARD,
        forward=result(lambda loss, given: np.asarray(loss / 2)),
    ),
    Mistake(
        "squared-error-summed", "mse_loss",
        "The squared errors are summed where their mean is asked for.",
        "Too large by the number of elements.",
        "np.mean((x - t) ** 2), not np.sum.",
        READ_FORWARD,
        forward=arguments(_summed),
    ),
    Mistake(
        "squared-error-averaged-over-rows", "mse_loss",
        "The sum over all elements is divided by the number of samples, len(x).",
        "Right for a vector; else too large by the number of outputs of each sample.",
        "((x - t) ** 2).sum() / x.size, which is np.mean.",
        READ_FORWARD,
        forward=Change(RESULTS, _over_samples),
    ),
    Mistake(
        "absolute-error", "mse_loss",
        "The differences are made positive by abs, not by squaring.",
        "Right for differences of 0 and 1; large ones cost too little.",
        "np.mean((x - t) ** 2), not np.mean(np.abs(x - t)).",
        READ_FORWARD,
        forward=instead(_absolute),
    ),
    Mistake(
        "root-of-the-mean", "mse_loss",
        "The square root is taken of the result.",
        "The loss has the unit of the numbers themselves; right for 0 and 1.",
        "np.mean((x - t) ** 2), without np.sqrt: that is the RMSE.",
        READ_FORWARD,
        forward=result(lambda loss, given: np.asarray(np.sqrt(loss))),
    ),
    Mistake(
        "slope-without-two", "mse_loss",
        "The gradient is (x - t) / N: the factor 2, the slope of a square, is missing.",
        "Half of what it is; right for the loss (x - t)^2 / 2.",
        "2 * (x - t) / x.size.",
        READ_BACKWARD,
        backward=_both_gradients(0.5),
    ),
    Mistake(
        "target-less-input", "mse_loss",
        "The gradient is 2 (t - x) / N.",
        "The loss grows with every step.",
        "2 * (x - t) / x.size: the input first.",
        READ_BACKWARD,
        backward=_both_gradients(-1),
    ),
    Mistake(
        "gradient-of-the-target-not-negated", "mse_loss",
        "The target's gradient is taken to be the input's.",
        "Right where prediction and target agree; else it has the wrong sign.",
        "grad_target = -grad_input: the difference x - t falls as t rises.",
        READ_BACKWARD,
        backward=Change(RESULTS, _target_like_input),
    ),
    Mistake(
        "squared-error-gradient-not-averaged", "mse_loss",
        "The gradient is 2 (x - t), without the division by the number of elements.",
        "Steps are too large by that number.",
        "2 * (x - t) / x.size.",
        READ_BACKWARD,
        backward=gradient_arguments(lambda g, a, o: (g, a, {**o, **_summed(o)})),
    ),
)  # fmt: skip
