"""The negative log-likelihood, done wrongly."""

from collections.abc import Callable
from typing import Any

import numpy as np

from reference import log_softmax_backward
from torch_parity.audit.mistakes.mistake import (
    RESULTS,
    Array,
    Arrays,
    Change,
    Forward,
    Mistake,
    Options,
    arguments,
    gradient_arguments,
    gradients,
    result,
)

READ_FORWARD = ("reference/nll_loss.py: nll_loss", "reference/definition/nll_loss.py: nll_loss")
READ_BACKWARD = (
    "reference/nll_loss.py: nll_loss_backward",
    "reference/definition/nll_loss.py: nll_loss_backward",
)
READ_LOG = ("reference/softmax.py: log_softmax", *READ_FORWARD)


def _class_axis(log_p: Array) -> int:
    return min(1, log_p.ndim - 1)


def _summed(options: Options) -> Options:
    return {"reduction": "sum" if options["reduction"] == "mean" else options["reduction"]}


def _mean_over(count: Callable[[Options], int]) -> Change[Forward]:
    """The mean of the losses as their sum over ``count``; where that is 0, there is nothing to be wrong."""

    def planted(right: Forward) -> Forward:
        def wrong(**given: Any) -> Array:
            divisor = count(given)
            if given["reduction"] != "mean" or not divisor:
                return np.asarray(right(**given))
            total = right(**{**given, "reduction": "sum"})
            return np.asarray(total / total.dtype.type(divisor))

        return wrong

    return Change(RESULTS, planted)


def _counted(given: Options) -> int:
    return int((given["target"] != given["ignore_index"]).sum())


def _all_if_any_counts(given: Options) -> int:
    """The number of all samples; 0 where there are weights, which stand in the divisor then."""
    return int(given["target"].size) if _counted(given) and given.get("weight") is None else 0


def _on_every_class(grad: Array, g: Array, a: Arrays, o: Options) -> Array:
    return np.array(np.broadcast_to(grad.sum(_class_axis(grad), keepdims=True), grad.shape))


MISTAKES = (
    Mistake(
        "logarithm-taken-twice", "nll_loss",
        "The logarithm is taken of the input, which is one already.",
        "NaN: log-probabilities are negative.",
        "-log_p[np.arange(N), target].mean(), without np.log.",
        READ_FORWARD,
        forward=arguments(lambda given: {"input": np.asarray(np.log(given["input"]))}),
    ),
    Mistake(
        "likelihood-not-negated", "nll_loss",
        "The minus is missing: the loss is the mean of the log-probabilities.",
        "The loss is negative, and grows as the network learns.",
        "-log_p[np.arange(N), target].mean().",
        READ_FORWARD,
        forward=result(lambda loss, given: -loss),
    ),
    Mistake(
        "probabilities-given", "nll_loss",
        "The network ends in a softmax, and the loss gets probabilities: it is -p.",
        "Between -1 and 0, and training is slow.",
        "Hand the loss log_softmax(x), or take the cross-entropy of x itself.",
        READ_LOG,
        forward=arguments(lambda given: {"input": np.asarray(np.exp(given["input"]))}),
    ),
    Mistake(
        "likelihoods-divided-by-their-number", "nll_loss",
        "The weighted losses are divided by the number of samples instead of the sum of their weights.",
        "Right where the weights average to 1.",
        "(w[target] * losses).sum() / w[target].sum().",
        READ_FORWARD,
        forward=_mean_over(_counted),
    ),
    Mistake(
        "ignored-likelihoods-counted", "nll_loss",
        "Samples of class ignore_index add nothing to the loss but count in the mean.",
        "Right where nothing is ignored; else too small.",
        "losses[target != ignore_index].mean().",
        READ_FORWARD,
        forward=_mean_over(_all_if_any_counts),
    ),
    Mistake(
        "likelihood-gradient-on-every-class", "nll_loss",
        "The gradient is -1/N for all classes.",
        "Right for the class of the sample; the others do not enter the loss, and get 0.",
        "d = np.zeros_like(log_p), d[np.arange(N), target] = -1 / N.",
        READ_BACKWARD,
        backward=gradients(input=_on_every_class),
    ),
    Mistake(
        "softmax-in-the-likelihoods-gradient", "nll_loss",
        "The gradient is (p - y) / N, which is cross-entropy's, for the scores.",
        "Right for the scores; but the log-softmax before this loss brings in p once more.",
        "-y / N here, and its log_softmax_backward in the layer before.",
        READ_BACKWARD,
        backward=gradients(
            input=lambda grad, g, a, o: log_softmax_backward(grad, a["input"], _class_axis(grad))
        ),
    ),
    Mistake(
        "likelihood-gradient-not-averaged", "nll_loss",
        "The gradient is -1 at each sample's class, without the division by the number of samples.",
        "Steps are too large by the batch size.",
        "d[np.arange(N), target] = -1 / N.",
        READ_BACKWARD,
        backward=gradient_arguments(lambda g, a, o: (g, a, {**o, **_summed(o)})),
    ),
)  # fmt: skip
