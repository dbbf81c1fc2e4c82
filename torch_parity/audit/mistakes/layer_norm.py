"""Layer normalisation, done wrongly."""

from typing import Any

import numpy as np

from torch_parity.audit.mistakes.mistake import (
    Array,
    Arrays,
    Forward,
    Mistake,
    Options,
    gradient_arguments,
    gradients_instead,
    instead,
)
from torch_parity.audit.mistakes.standardized import Axes, gradient, scaled, standardized

READ_FORWARD = ("reference/layer_norm.py: layer_norm", "reference/definition/layer_norm.py: layer_norm")
READ_BACKWARD = (
    "reference/layer_norm.py: layer_norm_backward",
    "reference/standardize.py: standardize_backward",
    "reference/definition/layer_norm.py: layer_norm_backward",
)


def _features(x: Array, o: Options) -> Axes:
    return tuple(range(x.ndim - len(o["normalized_shape"]), x.ndim))


def over(axes_of: Any, **changes: Any) -> Forward:
    """The formula over other axes, which ``axes_of`` gives for input and options, or with another ``standardized``."""

    def wrong(input: Array, weight: Array | None = None, bias: Array | None = None, **o: Any) -> Array:
        return scaled(standardized(input, axes_of(input, o), o["eps"], **changes), weight, bias)

    return wrong


def _rows(x: Array, o: Options) -> Axes:
    return tuple(range(x.ndim - len(o["normalized_shape"])))


def gradient_with(**paths: bool) -> Any:
    """dL/dx, with some of its paths only."""

    def wrong(g: Array, a: Arrays, o: Options, y: Any) -> Array:
        x, weight = a["input"], a.get("weight")
        return gradient(g if weight is None else g * weight, x, _features(x, o), o["eps"], **paths)

    return wrong


def weight_gradient_from_input(g: Array, a: Arrays, o: Options, y: Any) -> Array:
    """The sum of g x over the rows."""
    return np.asarray((g * a["input"]).sum(_rows(a["input"], o)))


MISTAKES = (
    Mistake(
        "layer-norm-over-batch", "layer_norm",
        "Each feature is normalised over the batch, as in batch normalisation, not each sample over its features.",
        "All features come out with mean 0, but not the samples; a single sample becomes the bias.",
        "x.mean(axis=-1, keepdims=True), and the variance over the same axis.",
        READ_FORWARD,
        forward=instead(over(_rows)),
    ),
    Mistake(
        "layer-norm-over-last-axis-only", "layer_norm",
        "Mean and variance run over the last axis, though normalized_shape has several.",
        "Right where normalized_shape is one number; else every row of an image is normalised by itself.",
        "x.mean(axis=(-3, -2, -1), keepdims=True) for a normalized_shape of (C, H, W).",
        READ_FORWARD,
        forward=instead(over(lambda x, o: (x.ndim - 1,))),
    ),
    Mistake(
        "layer-norm-unbiased-variance", "layer_norm",
        "The variance is divided by n - 1 instead of n, as torch.var and np.var(ddof=1) do.",
        "Too small by sqrt((n - 1) / n); NaN for a single feature.",
        "x.var(axis=-1, keepdims=True), which divides by n.",
        READ_FORWARD,
        forward=instead(over(_features, less=1)),
    ),
    Mistake(
        "layer-norm-eps-outside-root", "layer_norm",
        "eps is added to the deviation instead of the variance.",
        "Nearly right where the variance is far above eps.",
        "(x - mu) / np.sqrt(v + eps).",
        READ_FORWARD,
        forward=instead(over(_features, eps_outside=True)),
    ),
    Mistake(
        "layer-norm-mean-path-forgotten", "layer_norm",
        "The gradient leaves out that every feature moves the mean.",
        "The gradient of a row does not sum to 0.",
        "s * (h - h.mean(-1, keepdims=True) - x_hat * (h * x_hat).mean(-1, keepdims=True)) with h = w * g.",
        READ_BACKWARD,
        backward=gradients_instead(input=gradient_with(mean_path=False)),
    ),
    Mistake(
        "layer-norm-variance-path-forgotten", "layer_norm",
        "The gradient leaves out that every feature moves the variance.",
        "The gradient of a row sums to 0, but stretching the row seems to change the output.",
        "s * (h - h.mean(-1, keepdims=True) - x_hat * (h * x_hat).mean(-1, keepdims=True)) with h = w * g.",
        READ_BACKWARD,
        backward=gradients_instead(input=gradient_with(variance_path=False)),
    ),
    Mistake(
        "layer-norm-constant-statistics", "layer_norm",
        "The gradient is w g / sqrt(v + eps), as if mean and variance were given numbers.",
        "Right for statistics that are not computed from x, as in batch normalisation after training.",
        "s * (h - h.mean(-1, keepdims=True) - x_hat * (h * x_hat).mean(-1, keepdims=True)) with h = w * g.",
        READ_BACKWARD,
        backward=gradients_instead(input=gradient_with(mean_path=False, variance_path=False)),
    ),
    Mistake(
        "layer-norm-weight-gradient-from-input", "layer_norm",
        "The weight's gradient is summed from g x instead of g x_hat.",
        "Right for rows that are standardised already.",
        "dw = (g * x_hat).sum(axis=0).",
        READ_BACKWARD,
        backward=gradients_instead(weight=weight_gradient_from_input),
    ),
    Mistake(
        "layer-norm-weight-forgotten-in-gradient", "layer_norm",
        "The gradient of the input starts from g instead of w g.",
        "Right as long as the weights are 1, which they are before training.",
        "h = w * g, and s * (h - ...) from there.",
        READ_BACKWARD,
        backward=gradient_arguments(lambda g, a, o: (g, {n: x for n, x in a.items() if n != "weight"}, o)),
    ),
)  # fmt: skip
