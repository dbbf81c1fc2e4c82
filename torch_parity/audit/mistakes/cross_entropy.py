"""Cross-entropy, done wrongly."""

from collections.abc import Callable
from typing import Any

import numpy as np

from reference import log_softmax, softmax
from torch_parity.audit.mistakes.mistake import (
    Array,
    Arrays,
    Backward,
    Change,
    Forward,
    Mistake,
    Options,
    arguments,
    gradient_arguments,
    gradients,
    gradients_instead,
    instead,
    result,
)

READ_FORWARD = ("reference/cross_entropy.py: cross_entropy", "reference/definition/cross_entropy.py: cross_entropy")
READ_BACKWARD = (
    "reference/cross_entropy.py: cross_entropy_backward",
    "reference/definition/cross_entropy.py: cross_entropy_backward",
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


def with_epsilon(epsilon: float) -> Change[Forward]:
    """The loss of log(p + epsilon)."""
    return _from_log(lambda x: np.asarray(np.log(softmax(x, _class_axis(x)) + x.dtype.type(epsilon))))


def with_clipping(epsilon: float) -> Change[Forward]:
    """The loss of log(p), where p is kept between epsilon and 1 - epsilon."""

    def clipped(scores: Array) -> Array:
        low, high = scores.dtype.type(epsilon), scores.dtype.type(1 - epsilon)
        return np.asarray(np.log(np.clip(softmax(scores, _class_axis(scores)), low, high)))

    return _from_log(clipped)


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


def _per_class(loss: Array, given: Options) -> Array:
    classes = given["input"].shape[_class_axis(given["input"])]
    return _divided(loss, max(1, classes)) if given["reduction"] == "mean" else loss


def _all_classes(given: Options) -> Options:
    """Each class counts as if it were the target; there is no class then that could be ignored."""
    return {"target": np.ones_like(given["input"]), "ignore_index": -100}


def _weighted_truth(g: Array, a: Arrays, o: Options) -> Array:
    """dL/d(-log p), rightly: the upstream gradient times w_c y_c, over the divisor of the mean; as (N, ..., C)."""
    scores, axis, e = a["input"], _class_axis(a["input"]), o["label_smoothing"]
    target, classes = a["target"], scores.shape[axis]
    w = np.asarray(a.get("weight", np.ones(classes, scores.dtype)))
    if target.dtype.kind == "f":
        y = np.moveaxis(target, axis, -1) * (1 - e) + e / max(1, classes)
        divisor = float(scores.size // max(1, classes))
    else:
        counts = (target != o["ignore_index"])[..., np.newaxis]
        truth = counts & (target[..., np.newaxis] == np.arange(classes))
        y = truth * (1 - e) + counts * (e / max(1, classes))
        divisor = float(np.where(truth, w, 0).sum())
    upstream = g[..., np.newaxis] if o["reduction"] == "none" else g
    return np.asarray(upstream * w * y / ((divisor or 1) if o["reduction"] == "mean" else 1), scores.dtype)


def _from_truth(wrong: Callable[[Array, Array, Array], Array]) -> Change[Backward]:
    """The gradient that ``wrong`` makes of the probabilities p, y weighted as in the loss, and its sum over classes."""

    def gradient(g: Array, a: Arrays, o: Options, output: Any) -> Array:
        axis = _class_axis(a["input"])
        p, y = np.moveaxis(softmax(a["input"], axis), axis, -1), _weighted_truth(g, a, o)
        return np.moveaxis(wrong(p, y, y.sum(axis=-1, keepdims=True)), -1, axis)

    return gradients_instead(input=gradient)


def _mean_divided_by(count: Callable[[Options], int]) -> Change[Backward]:
    """The gradient of a mean, divided by ``count`` once more."""

    def change(grad: Array, g: Array, a: Arrays, o: Options) -> Array:
        return _divided(grad, max(1, count(a))) if o["reduction"] == "mean" else grad

    return gradients(input=change)


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
        forward=with_epsilon(1e-7),
    ),
    Mistake(
        "probabilities-clipped", "cross_entropy",
        "log(clip(p, 1e-7, 1 - 1e-7)) keeps the loss finite.",
        "Right for middling predictions; bad ones never cost more than 16, and sure ones never nothing.",
        "Take log p = s - log(sum exp(s)) with s = x - max(x) straight from the scores; it needs no clipping.",
        STABLE,
        forward=with_clipping(1e-7),
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
    Mistake(
        "averaged-over-classes", "cross_entropy",
        "np.mean divides by the number of classes, too.",
        "Too small by the number of classes.",
        "-(y * log_p).sum() / N, not -np.mean(y * log_p).",
        READ_FORWARD,
        forward=result(_per_class),
    ),
    Mistake(
        "minus-forgotten", "cross_entropy",
        "The minus before the sum is missing.",
        "The loss is negative, and grows as the network learns.",
        "-(y * log_p).sum() / N.",
        READ_FORWARD,
        forward=result(lambda loss, a: -loss),
    ),
    Mistake(
        "labels-forgotten", "cross_entropy",
        "The logarithms of all classes are summed, whatever the target is.",
        "The loss is the same for every target.",
        "-log_p[np.arange(N), target].mean(), or y * log_p with y one-hot.",
        READ_FORWARD,
        forward=arguments(_all_classes),
    ),
    Mistake(
        "logarithm-to-base-2", "cross_entropy",
        "The logarithm is the one to base 2.",
        "Too large by 1 / log 2 = 1.44: bits for nats.",
        "np.log, not np.log2.",
        READ_FORWARD,
        forward=result(lambda loss, a: _divided(loss, np.log(2))),
    ),
    Mistake(
        "logarithm-to-base-10", "cross_entropy",
        "The logarithm is the one to base 10.",
        "Too small by log 10 = 2.30.",
        "np.log, not np.log10.",
        READ_FORWARD,
        forward=result(lambda loss, a: _divided(loss, np.log(10))),
    ),
    Mistake(
        "scores-as-probabilities", "cross_entropy",
        "The logarithm is taken of the scores, which are no probabilities.",
        "NaN for negative scores; the loss can be negative.",
        "Take log p = s - log(sum exp(s)) with s = x - max(x) from the scores x.",
        STABLE,
        forward=_from_log(lambda scores: np.asarray(np.log(scores))),
    ),
    Mistake(
        "scores-as-log-probabilities", "cross_entropy",
        "The scores are taken for log-probabilities: the loss is -x[target].",
        "Right after a log-softmax; else the loss sinks without limit.",
        "Take log p = s - log(sum exp(s)) with s = x - max(x) from the scores x.",
        STABLE,
        forward=_from_log(lambda scores: scores),
    ),
    Mistake(
        "one-hot-not-subtracted", "cross_entropy",
        "The gradient is y_hat / N: 1 is not subtracted for the right class.",
        "Right for the wrong classes; the right one is pushed down with them.",
        "d = y_hat.copy(), d[np.arange(N), target] -= 1, d / N.",
        READ_BACKWARD,
        backward=_from_truth(lambda p, y, total: p * total),
    ),
    Mistake(
        "one-subtracted-from-every-class", "cross_entropy",
        "The gradient is (y_hat - 1) / N for all classes.",
        "Right for the right class; the wrong ones are pushed up with it.",
        "d[np.arange(N), target] -= 1, not d -= 1.",
        READ_BACKWARD,
        backward=_from_truth(lambda p, y, total: p * total - total),
    ),
    Mistake(
        "gradient-for-probabilities", "cross_entropy",
        "The gradient is -y / y_hat, which is that for the probabilities, not for the scores.",
        "Zero for the wrong classes, and huge where the right one is unlikely.",
        "(y_hat - y) / N; or hand -y / y_hat / N to the gradient of the softmax.",
        READ_BACKWARD,
        backward=_from_truth(lambda p, y, total: -y / p),
    ),
    Mistake(
        "cross-entropy-gradient-negated", "cross_entropy",
        "The gradient is y - y_hat.",
        "The loss grows with every step.",
        "(y_hat - y) / N.",
        READ_BACKWARD,
        backward=gradients(input=lambda grad, g, a, o: -grad),
    ),
    Mistake(
        "gradient-averaged-twice", "cross_entropy",
        "The gradient is divided by the number of samples twice.",
        "Right for a batch of one; else steps are too small by the batch size.",
        "(y_hat - y) / N in the loss, and no division by N in the layers.",
        READ_BACKWARD,
        backward=_mean_divided_by(_samples),
    ),
    Mistake(
        "gradient-averaged-over-classes", "cross_entropy",
        "The gradient is divided by the number of classes, too.",
        "Steps are too small by the number of classes.",
        "(y_hat - y) / N, with N = len(x) and not x.size.",
        READ_BACKWARD,
        backward=_mean_divided_by(lambda a: int(a["input"].shape[_class_axis(a["input"])])),
    ),
)  # fmt: skip
