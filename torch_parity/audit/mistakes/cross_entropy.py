"""Cross-entropy, done wrongly."""

from collections.abc import Callable
from typing import Any

import numpy as np

from reference import log_softmax, softmax
from torch_parity.audit.mistakes.mistake import (
    Array,
    Change,
    Forward,
    Mistake,
    Options,
    arguments,
    gradient_arguments,
    instead,
    result,
)

READ_FORWARD = ("reference/cross_entropy.py: cross_entropy", "reference/definition.py: cross_entropy")
READ_BACKWARD = (
    "reference/cross_entropy.py: cross_entropy_backward",
    "reference/definition.py: cross_entropy_backward",
)
STABLE = ("reference/softmax.py: log_softmax", *READ_FORWARD)


def _class_axis(scores: Array) -> int:
    return min(1, scores.ndim - 1)


def _losses(
    log_p: Array,
    target: Array,
    weight: Array | None,
    reduction: str,
    ignore_index: int,
    label_smoothing: float,
) -> Array:
    """-sum_c w_c y_c log p_c, rightly, of whatever ``log_p`` (N, C, ...) is."""
    axis, e = _class_axis(log_p), label_smoothing
    log_p = np.moveaxis(log_p, axis, -1)  # (N, ..., C)
    classes = log_p.shape[-1]
    w = np.ones(classes, log_p.dtype) if weight is None else weight
    if target.dtype.kind == "f":
        y = np.moveaxis(target, axis, -1) * (1 - e) + e / classes
        losses, divisor = -(w * y * log_p).sum(-1), np.asarray(log_p.size / max(1, classes))
    else:
        counts = (target != ignore_index)[..., np.newaxis]
        truth = counts & (target[..., np.newaxis] == np.arange(classes))
        losses = -np.where(truth, w * log_p, 0).sum(-1)
        if e:
            losses = (1 - e) * losses - e / classes * np.where(counts, w * log_p, 0).sum(-1)
        divisor = np.where(truth, w, 0).sum()
    total = losses if reduction == "none" else losses.sum() / (divisor if reduction == "mean" else 1)
    return np.asarray(total, log_p.dtype)


def _from_log(wrong: Callable[[Array], Array]) -> Change[Forward]:
    """The loss of wrong log-probabilities, which ``wrong`` makes of the scores."""

    def loss(input: Array, target: Array, weight: Array | None = None, **options: Any) -> Array:
        return _losses(wrong(input), target, weight, **options)

    return instead(loss)


def _log_with_epsilon(scores: Array) -> Array:
    return np.asarray(np.log(softmax(scores, _class_axis(scores)) + scores.dtype.type(1e-7)))


def _samples(given: Options) -> int:
    x = given["input"]
    return int(x.size // max(1, x.shape[_class_axis(x)]))


def _counted(given: Options) -> int:
    target = given["target"]
    return _samples(given) - (0 if target.dtype.kind == "f" else int((target == given["ignore_index"]).sum()))


def _divided(loss: Array, by: float) -> Array:
    return np.asarray(np.divide(loss, loss.dtype.type(by)))


def _averaged_again(loss: Array, given: Options) -> Array:
    return _divided(loss, _samples(given)) if given["reduction"] == "mean" else loss


def _ignored_counted(loss: Array, given: Options) -> Array:
    if given["reduction"] != "mean" or not _counted(given):
        return loss
    return _divided(loss, _samples(given) / _counted(given))


def _over_samples(loss: Array, given: Options) -> Array:
    """The sum of the losses over the number of samples that count, where the sum of their weights belongs."""
    target, weight = given["target"], given.get("weight")
    if given["reduction"] != "mean" or weight is None or target.dtype.kind == "f" or not _counted(given):
        return loss
    weights = weight[target[target != given["ignore_index"]]].sum()
    return _divided(loss, _counted(given) / weights)


def _smoothing_over_others(given: Options) -> Options:
    """e/(C-1) for the other classes, 1 - e for the target: smoothing by e C/(C-1), of which 1 is the most allowed."""
    classes = given["input"].shape[_class_axis(given["input"])]
    return {"label_smoothing": min(1.0, given["label_smoothing"] * classes / max(1, classes - 1))}


def _summed(options: Options) -> Options:
    return {"reduction": "sum" if options["reduction"] == "mean" else options["reduction"]}


MISTAKES = (
    Mistake(
        "summed-not-averaged", "cross_entropy",
        "The loss is not divided by the number of samples.",
        "Too large by the batch size.",
        "losses.mean(), or losses.sum() / N.",
        READ_FORWARD,
        forward=arguments(_summed),
    ),
    Mistake(
        "averaged-twice", "cross_entropy",
        "The mean over the samples is divided by the number of samples once more.",
        "Right for a batch of one; else too small.",
        "losses.sum() / N, once.",
        READ_FORWARD,
        forward=result(_averaged_again),
    ),
    Mistake(
        "gradient-not-averaged", "cross_entropy",
        "The gradient is y_hat - y without the division by the number of samples.",
        "Steps are too large by the batch size, and training may blow up.",
        "(y_hat - y) / N.",
        READ_BACKWARD,
        backward=gradient_arguments(lambda g, a, o: (g, a, {**o, **_summed(o)})),
    ),
    Mistake(
        "epsilon-in-the-logarithm", "cross_entropy",
        "log(p + 1e-7) keeps the loss finite.",
        "Right to 7 digits for good predictions; bad ones never cost more than 16.",
        "Take log p = s - log(sum exp(s)) with s = x - max(x) straight from the scores; it needs no epsilon.",
        STABLE,
        forward=_from_log(_log_with_epsilon),
    ),
    Mistake(
        "double-softmax", "cross_entropy",
        "The network ends in a softmax, and the loss takes another one.",
        "The loss stays close to log C, and training is slow.",
        "Hand the loss the scores: no softmax at the end of the network.",
        READ_FORWARD,
        forward=arguments(lambda a: {"input": softmax(a["input"], _class_axis(a["input"]))}),
    ),
    Mistake(
        "softmax-over-the-batch", "cross_entropy",
        "The probabilities sum to 1 over the batch instead of the classes.",
        "Right for none; the samples compete with one another.",
        "Maximum and sum over the classes: axis=1 of scores (N, C).",
        STABLE,
        forward=_from_log(lambda scores: log_softmax(scores, 0)),
    ),
    Mistake(
        "smoothing-over-other-classes", "cross_entropy",
        "Label smoothing gives e/(C-1) to the wrong classes and none to the right one.",
        "Close, but the right class gets e/C too little.",
        "y = (1 - e) * one_hot + e / C, for all C classes.",
        READ_FORWARD,
        forward=arguments(_smoothing_over_others),
    ),
    Mistake(
        "weights-not-normalised", "cross_entropy",
        "The weighted losses are divided by the number of samples instead of the sum of their weights.",
        "Right where the weights average to 1.",
        "(w[target] * losses).sum() / w[target].sum().",
        READ_FORWARD,
        forward=result(_over_samples),
    ),
    Mistake(
        "ignored-samples-counted", "cross_entropy",
        "Samples of class ignore_index add nothing to the loss but count in the mean.",
        "Right where nothing is ignored; else too small.",
        "losses[target != ignore_index].mean().",
        READ_FORWARD,
        forward=result(_ignored_counted),
    ),
)  # fmt: skip
