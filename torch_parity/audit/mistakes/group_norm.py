"""Group normalisation, done wrongly."""

from typing import Any

import numpy as np

from torch_parity.audit.mistakes.mistake import (
    Array,
    Arrays,
    Forward,
    Mistake,
    Options,
    arguments,
    gradient_arguments,
    gradients_instead,
    instead,
)
from torch_parity.audit.mistakes.standardized import Axes, gradient, scaled, standardized

READ_FORWARD = ("reference/group_norm.py: group_norm", "reference/definition/group_norm.py: group_norm")
READ_BACKWARD = (
    "reference/group_norm.py: group_norm_backward",
    "reference/standardize.py: standardize_backward",
    "reference/definition/group_norm.py: group_norm_backward",
)


def _grouped(x: Array, groups: int, interleaved: bool = False) -> tuple[Array, Axes]:
    """(N, G, C/G, ...), and the axes of a group; interleaved, (N, C/G, G, ...)."""
    batch, channels, *pixels = x.shape
    together = channels // groups
    inside = (1 if interleaved else 2, *range(3, 3 + len(pixels)))
    return x.reshape(batch, *((together, groups) if interleaved else (groups, together)), *pixels), inside


def _of_channels(weight: Array | None, x: Array) -> Array | None:
    return None if weight is None else weight.reshape(-1, *[1] * (x.ndim - 2))


def in_groups(interleaved: bool = False, with_batch: bool = False, **changes: Any) -> Forward:
    """The formula over other groups, or with another ``standardized``."""

    def wrong(input: Array, weight: Array | None = None, bias: Array | None = None, **o: Any) -> Array:
        grouped, axes = _grouped(input, o["num_groups"], interleaved)
        x_hat = standardized(grouped, (0, *axes) if with_batch else axes, o["eps"], **changes).reshape(input.shape)
        return scaled(x_hat, _of_channels(weight, input), _of_channels(bias, input))

    return wrong


def _once_per_group(given: Options) -> Options:
    groups, channels = given["num_groups"], given["input"].shape[1]
    names = [name for name in ("weight", "bias") if given.get(name) is not None]
    return {name: np.repeat(given[name][:groups], channels // groups) for name in names}


def gradient_with(**paths: bool) -> Any:
    """dL/dx, with some of its paths only."""

    def wrong(g: Array, a: Arrays, o: Options, y: Any) -> Array:
        x, weight = a["input"], _of_channels(a.get("weight"), a["input"])
        h, axes = _grouped(g if weight is None else g * weight, o["num_groups"])
        return gradient(h, x.reshape(h.shape), axes, o["eps"], **paths).reshape(x.shape)

    return wrong


def weight_gradient_from_input(g: Array, a: Arrays, o: Options, y: Any) -> Array:
    """The sum of g x over images and pixels."""
    return np.asarray((g * a["input"]).sum((0, *range(2, g.ndim))))


MISTAKES = (
    Mistake(
        "group-norm-interleaved", "group_norm",
        "Channel c is put into group c % G.",
        "Right for one group, and for as many as channels; else channels meet that do not belong together.",
        "x.reshape(N, G, C // G, H, W): consecutive channels are a group.",
        READ_FORWARD,
        forward=instead(in_groups(interleaved=True)),
    ),
    Mistake(
        "group-norm-per-channel", "group_norm",
        "Every channel has a mean and a variance of its own: that is instance normalisation.",
        "Right for as many groups as channels.",
        "x.reshape(N, G, C // G, H, W), and mean and variance over the axes (2, 3, 4).",
        READ_FORWARD,
        forward=arguments(lambda a: {"num_groups": max(1, a["input"].shape[1])}),
    ),
    Mistake(
        "group-norm-groups-ignored", "group_norm",
        "All channels of an image are normalised together: that is layer normalisation.",
        "Right for one group.",
        "x.reshape(N, G, C // G, H, W), and mean and variance over the axes (2, 3, 4).",
        READ_FORWARD,
        forward=arguments(lambda a: {"num_groups": 1}),
    ),
    Mistake(
        "group-norm-over-batch", "group_norm",
        "Mean and variance run over the batch, too, as in batch normalisation.",
        "Right for a single image; else an image's result depends on its neighbours in the batch.",
        "x.reshape(N, G, C // G, H, W), and mean and variance over the axes (2, 3, 4), not over axis 0.",
        READ_FORWARD,
        forward=instead(in_groups(with_batch=True)),
    ),
    Mistake(
        "group-norm-unbiased-variance", "group_norm",
        "The variance is divided by n - 1 instead of n, as torch.var and np.var(ddof=1) do.",
        "Too small by sqrt((n - 1) / n); NaN for a group of one number.",
        "x.var(axis=(2, 3, 4), keepdims=True) of the grouped x, which divides by n.",
        READ_FORWARD,
        forward=instead(in_groups(less=1)),
    ),
    Mistake(
        "group-norm-eps-outside-root", "group_norm",
        "eps is added to the deviation instead of the variance.",
        "Nearly right where the variance is far above eps.",
        "(x - mu) / np.sqrt(v + eps).",
        READ_FORWARD,
        forward=instead(in_groups(eps_outside=True)),
    ),
    Mistake(
        "group-norm-weight-per-group", "group_norm",
        "Weight and bias are taken once for each group instead of each channel.",
        "Right for groups of one channel, and before training, when all weights are 1.",
        "w.reshape(1, C, 1, 1) * x_hat.reshape(N, C, H, W) + b.reshape(1, C, 1, 1).",
        READ_FORWARD,
        forward=arguments(_once_per_group),
    ),
    Mistake(
        "group-norm-mean-path-forgotten", "group_norm",
        "The gradient leaves out that every number moves the mean of its group.",
        "The gradient of a group does not sum to 0.",
        "s * (h - mean(h) - x_hat * mean(h * x_hat)) with h = w * g and means over the group.",
        READ_BACKWARD,
        backward=gradients_instead(input=gradient_with(mean_path=False)),
    ),
    Mistake(
        "group-norm-variance-path-forgotten", "group_norm",
        "The gradient leaves out that every number moves the variance of its group.",
        "The gradient of a group sums to 0, but stretching the group seems to change the output.",
        "s * (h - mean(h) - x_hat * mean(h * x_hat)) with h = w * g and means over the group.",
        READ_BACKWARD,
        backward=gradients_instead(input=gradient_with(variance_path=False)),
    ),
    Mistake(
        "group-norm-gradient-per-channel", "group_norm",
        "The means in the gradient run over the channel instead of the group.",
        "Right for groups of one channel.",
        "s * (h - mean(h) - x_hat * mean(h * x_hat)) with h = w * g and means over the group.",
        READ_BACKWARD,
        backward=gradient_arguments(lambda g, a, o: (g, a, {**o, "num_groups": max(1, a["input"].shape[1])})),
    ),
    Mistake(
        "group-norm-weight-gradient-from-input", "group_norm",
        "The weight's gradient is summed from g x instead of g x_hat.",
        "Right for groups that are standardised already.",
        "dw = (g * x_hat).sum(axis=(0, 2, 3)).",
        READ_BACKWARD,
        backward=gradients_instead(weight=weight_gradient_from_input),
    ),
    Mistake(
        "group-norm-weight-forgotten-in-gradient", "group_norm",
        "The gradient of the input starts from g instead of w g.",
        "Right as long as the weights are 1, which they are before training.",
        "h = w * g, and s * (h - ...) from there.",
        READ_BACKWARD,
        backward=gradient_arguments(lambda g, a, o: (g, {n: x for n, x in a.items() if n != "weight"}, o)),
    ),
)  # fmt: skip
