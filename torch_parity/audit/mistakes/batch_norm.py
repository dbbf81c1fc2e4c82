"""Batch normalisation, done wrongly."""

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from torch_parity.audit.mistakes.mistake import (
    INSTEAD,
    Array,
    Arrays,
    Change,
    Forward,
    Mistake,
    Options,
    gradients_instead,
)

READ = ("reference/batch_norm.py: batch_norm", "reference/definition/batch_norm.py: batch_norm")
READ_BACKWARD = (
    "reference/batch_norm.py: batch_norm_backward",
    "reference/standardize.py: standardize_backward",
    "reference/definition/batch_norm.py: batch_norm_backward",
)
READ_RUNNING = (
    "reference/batch_norm.py: running_statistics",
    "reference/definition/batch_norm.py: running_statistics",
)


def per_channel(array: Array) -> tuple[int, ...]:
    """The axes over which a channel lies."""
    return (0, *range(2, array.ndim))


def mean(array: Array, axes: tuple[int, ...]) -> Array:
    """Over ``axes``, which stay; 0 of nothing."""
    count = math.prod(array.shape[axis] for axis in axes)
    return np.asarray(array.sum(axes, keepdims=True) / array.dtype.type(max(1, count)))


def variance(array: Array, axes: tuple[int, ...]) -> Array:
    """Over ``axes``, which stay."""
    return mean(np.square(array - mean(array, axes)), axes)


def broadcast(array: Array, like: Array) -> Array:
    """One number per channel, (1, C, 1, ...)."""
    return array.reshape(1, -1, *[1] * (like.ndim - 2))


def used(a: Arrays, o: Options) -> tuple[Array, Array]:
    """The mean and the variance that are right: the batch's in training, else the running ones."""
    x = a["input"]
    if o["training"]:
        return mean(x, per_channel(x)), variance(x, per_channel(x))
    return broadcast(a["running_mean"], x), broadcast(a["running_var"], x)


def scaled(x_hat: Array, given: Options) -> Array:
    """gamma x_hat + beta."""
    if given.get("weight") is not None:
        x_hat = x_hat * broadcast(given["weight"], x_hat)
    return x_hat + broadcast(given["bias"], x_hat) if given.get("bias") is not None else x_hat


def standardized(a: Arrays, o: Options) -> tuple[Array, Array]:
    """The right x_hat, and 1 / sqrt(v + eps)."""
    mu, v = used(a, o)
    s = 1 / np.sqrt(v + a["input"].dtype.type(o["eps"]))
    return (a["input"] - mu) * s, s


def _output(x_hat: Callable[[Options], Array]) -> Change[Forward]:
    """Another x_hat, scaled rightly; the running statistics stay right."""

    def planted(right: Forward) -> Forward:
        return lambda **given: (scaled(x_hat(given), given), *right(**given)[1:])

    return Change(INSTEAD, planted)


def _running(change: Callable[[Array, Array, Options], tuple[Array, Array]]) -> Change[Forward]:
    """Other running statistics, from the right ones, where there are any."""

    def planted(right: Forward) -> Forward:
        def wrong(**given: Any) -> tuple[Array, Array, Array]:
            output, running_mean, running_var = right(**given)
            if given.get("running_mean") is None or not given["input"].size:
                return output, running_mean, running_var
            return output, *change(running_mean, running_var, given)

        return wrong

    return Change(INSTEAD, planted)


def by(statistics: Callable[[Options], tuple[Array, Array]]) -> Change[Forward]:
    """x_hat by another mean and variance."""

    def x_hat(given: Options) -> Array:
        mu, v = statistics(given)
        return np.asarray((given["input"] - mu) / np.sqrt(v + given["input"].dtype.type(given["eps"])))

    return _output(x_hat)


def always_running(given: Options) -> tuple[Array, Array]:
    """The running statistics, in training too, if there are any."""
    return used(given, {"training": given.get("running_mean") is None})


def always_of_the_batch(given: Options) -> tuple[Array, Array]:
    """The batch's own statistics."""
    return used(given, {"training": True})


def unbiased(given: Options) -> tuple[Array, Array]:
    """In training, the variance divided by n - 1."""
    mu, v = used(given, given)
    n = given["input"].size // max(1, given["input"].shape[1])
    return mu, v * v.dtype.type(n / (n - 1)) if given["training"] and n else v


def over(axes_of: Callable[[Array], tuple[int, ...]]) -> Callable[[Options], tuple[Array, Array]]:
    """In training, the statistics over other axes."""

    def statistics(given: Options) -> tuple[Array, Array]:
        x = given["input"]
        return (mean(x, axes_of(x)), variance(x, axes_of(x))) if given["training"] else used(given, given)

    return statistics


def eps_outside(given: Options) -> Array:
    """(x - mu) / (sqrt(v) + eps)."""
    mu, v = used(given, given)
    return np.asarray((given["input"] - mu) / (np.sqrt(v) + given["input"].dtype.type(given["eps"])))


def root_forgotten(given: Options) -> Array:
    """(x - mu) / (v + eps)."""
    mu, v = used(given, given)
    return np.asarray((given["input"] - mu) / (v + given["input"].dtype.type(given["eps"])))


def biased_running(running_mean: Array, running_var: Array, given: Options) -> tuple[Array, Array]:
    """The variance of the batch itself, in training."""
    x, share = given["input"], given["input"].dtype.type(given["momentum"])
    if not given["training"]:
        return running_mean, running_var
    return running_mean, (1 - share) * given["running_var"] + share * variance(x, per_channel(x)).reshape(-1)


def mixed_the_wrong_way(running_mean: Array, running_var: Array, given: Options) -> tuple[Array, Array]:
    """momentum of the old statistics, and the rest of the new ones."""
    if not given["training"]:
        return running_mean, running_var
    return _of_this_batch(given, given["input"].dtype.type(1 - given["momentum"]))


def always_updated(running_mean: Array, running_var: Array, given: Options) -> tuple[Array, Array]:
    """The running statistics learn of every batch, in training or not."""
    single = given["input"].size == given["input"].shape[1]  # has no unbiased variance
    if given["training"] or single:
        return running_mean, running_var
    return _of_this_batch(given, given["input"].dtype.type(given["momentum"]))


def _of_this_batch(given: Options, share: Any) -> tuple[Array, Array]:
    x = given["input"]
    n = x.size // x.shape[1]
    mu, v = mean(x, per_channel(x)).reshape(-1), variance(x, per_channel(x)).reshape(-1) * x.dtype.type(n / (n - 1))
    return (1 - share) * given["running_mean"] + share * mu, (1 - share) * given["running_var"] + share * v


def input_gradient(
    shift: bool = True, stretch: bool = True, gamma: bool = True
) -> Callable[[Array, Arrays, Options, Any], Array]:
    """s (h - mean(h) - x_hat mean(h x_hat)) with h = gamma g, without some of it; in training."""

    def gradient(g: Array, a: Arrays, o: Options, y: Any) -> Array:
        x_hat, s = standardized(a, o)
        h = g * broadcast(a["weight"], g) if gamma and "weight" in a else g
        found = h
        if o["training"]:
            found = found - mean(h, per_channel(h)) if shift else found
            found = found - x_hat * mean(h * x_hat, per_channel(h)) if stretch else found
        return np.asarray(s * found)

    return gradient


def gamma_gradient_from_input(g: Array, a: Arrays, o: Options, y: Any) -> Array:
    """sum g x."""
    return np.asarray((g * a["input"]).sum(per_channel(g)))


def gamma_gradient_not_summed(g: Array, a: Arrays, o: Options, y: Any) -> Array:
    """g x_hat."""
    return np.asarray(g * standardized(a, o)[0])


def beta_gradient_over_the_batch(g: Array, a: Arrays, o: Options, y: Any) -> Array:
    """sum of g over the images, but not over the pixels."""
    return np.asarray(g.sum(0))


MISTAKES = (
    Mistake(
        "running-statistics-in-training", "batch_norm",
        "In training the running mean and variance are used instead of the batch's own.",
        "Right after eval(); in training channels do not get mean 0 and variance 1, at first not at all.",
        "In training mu = x.mean((0, 2, 3)) and v = x.var((0, 2, 3)); the running ones only learn from them.",
        READ,
        forward=by(always_running),
    ),
    Mistake(
        "batch-statistics-in-eval", "batch_norm",
        "The batch's own mean and variance are used always, after the training too.",
        "Right in training; else a prediction depends on which images come with it, and one alone is all 0.",
        "Keep running means of mu and v in training, and use them when it is over.",
        READ,
        forward=by(always_of_the_batch),
    ),
    Mistake(
        "unbiased-variance-in-training", "batch_norm",
        "The numbers are divided by the root of the unbiased variance: its sum was divided by n - 1, not by n.",
        "Too small by sqrt((n - 1) / n): nearly right for large batches.",
        "v = x.var((0, 2, 3)), with ddof=0; n - 1 belongs to the running variance alone.",
        READ,
        forward=by(unbiased),
    ),
    Mistake(
        "statistics-per-pixel", "batch_norm",
        "Mean and variance are taken over the batch alone, for each pixel of a channel by itself.",
        "Right for vectors (N, C); in an image every pixel has statistics of its own.",
        "x.mean((0, 2, 3)) and x.var((0, 2, 3)): one number per channel.",
        READ,
        forward=by(over(lambda x: (0,))),
    ),
    Mistake(
        "statistics-over-channels", "batch_norm",
        "Mean and variance are taken over the channels, axis 1, instead of over all but them.",
        "Channels keep their different means; nothing depends on the other images.",
        "x.mean((0, 2, 3)) and x.var((0, 2, 3)): over every axis but 1.",
        READ,
        forward=by(over(lambda x: (1,))),
    ),
    Mistake(
        "eps-outside-the-root", "batch_norm",
        "eps is added to the root instead of the variance: (x - mu) / (sqrt(v) + eps).",
        "Nearly right where the variance is large; too large by far where it is near 0.",
        "(x - mu) / np.sqrt(v + eps).",
        READ,
        forward=_output(eps_outside),
    ),
    Mistake(
        "root-forgotten", "batch_norm",
        "The numbers are divided by the variance instead of its root.",
        "Right for a variance of 1; else the variance comes out as its own inverse.",
        "(x - mu) / np.sqrt(v + eps).",
        READ,
        forward=_output(root_forgotten),
    ),
    Mistake(
        "biased-running-variance", "batch_norm",
        "The running variance learns the variance of x_hat's formula, whose sum was divided by n, not by n - 1.",
        "Too small by (n - 1) / n: nearly right for large batches, half of it for two numbers.",
        "running_var = (1 - momentum) * running_var + momentum * x.var((0, 2, 3), ddof=1).",
        READ_RUNNING,
        forward=_running(biased_running),
    ),
    Mistake(
        "momentum-the-wrong-way-round", "batch_norm",
        "The shares of the old running statistics and of the batch's own are exchanged.",
        "Right for a momentum of 1/2; else nearly all is forgotten at every batch.",
        "running = (1 - momentum) * running + momentum * batch with torch's 0.1; momentum * running + (1 - momentum) * "
        "batch where, as in other libraries, it is 0.9.",
        READ_RUNNING,
        forward=_running(mixed_the_wrong_way),
    ),
    Mistake(
        "statistics-updated-in-eval", "batch_norm",
        "The running statistics learn of every batch, also when the training is over.",
        "Predictions of the same image change from call to call.",
        "Update them only if training.",
        READ_RUNNING,
        forward=_running(always_updated),
    ),
    Mistake(
        "way-through-mean-forgotten", "batch_norm",
        "The gradient takes the mean of the batch for a constant.",
        "The gradient of a channel does not add up to 0.",
        "dx = s * (h - h.mean((0, 2, 3)) - x_hat * (h * x_hat).mean((0, 2, 3))), with h = gamma * g.",
        READ_BACKWARD,
        backward=gradients_instead(input=input_gradient(shift=False)),
    ),
    Mistake(
        "way-through-variance-forgotten", "batch_norm",
        "The gradient takes the variance of the batch for a constant.",
        "The gradient still stretches the channel, which the division would undo.",
        "dx = s * (h - h.mean((0, 2, 3)) - x_hat * (h * x_hat).mean((0, 2, 3))), with h = gamma * g.",
        READ_BACKWARD,
        backward=gradients_instead(input=input_gradient(stretch=False)),
    ),
    Mistake(
        "statistics-taken-for-constants", "batch_norm",
        "The gradient is gamma g / sqrt(v + eps), as if mean and variance did not move with x.",
        "Right after eval(); in training two terms are missing.",
        "dx = s * (h - h.mean((0, 2, 3)) - x_hat * (h * x_hat).mean((0, 2, 3))), with h = gamma * g.",
        READ_BACKWARD,
        backward=gradients_instead(input=input_gradient(shift=False, stretch=False)),
    ),
    Mistake(
        "gamma-missing-in-the-gradient", "batch_norm",
        "The gradient is that of x_hat: what comes from above is not multiplied by gamma.",
        "Right as long as gamma is 1, as it is at first.",
        "h = gamma * g first, then the gradient of x_hat from h.",
        READ_BACKWARD,
        backward=gradients_instead(input=input_gradient(gamma=False)),
    ),
    Mistake(
        "gamma-gradient-from-the-input", "batch_norm",
        "The gradient of gamma is the sum of g x, with x as it came in.",
        "Right for input of mean 0 and variance 1.",
        "dgamma = (g * x_hat).sum((0, 2, 3)): gamma multiplies x_hat.",
        READ_BACKWARD,
        backward=gradients_instead(weight=gamma_gradient_from_input),
    ),
    Mistake(
        "gamma-gradient-not-summed", "batch_norm",
        "The gradient of gamma is g x_hat, a number for each pixel.",
        "An array of the shape of the images where (C,) belongs.",
        "dgamma = (g * x_hat).sum((0, 2, 3)): one gamma multiplies all of a channel, and collects from all of it.",
        READ_BACKWARD,
        backward=gradients_instead(weight=gamma_gradient_not_summed),
    ),
    Mistake(
        "beta-gradient-over-batch-alone", "batch_norm",
        "The gradient of beta is summed over the images only.",
        "Right for vectors (N, C); else an array (C, H, W) where (C,) belongs.",
        "dbeta = g.sum((0, 2, 3)).",
        READ_BACKWARD,
        backward=gradients_instead(bias=beta_gradient_over_the_batch),
    ),
)  # fmt: skip
