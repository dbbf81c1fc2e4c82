"""Binary cross-entropy of scores, done wrongly."""

from collections.abc import Callable

import numpy as np

from torch_parity.audit.mistakes.mistake import (
    Array,
    Change,
    Forward,
    Mistake,
    Options,
    arguments,
    gradient_arguments,
    gradients,
    instead,
    result,
)

_NAME = "binary_cross_entropy_with_logits"
READ_FORWARD = (f"reference/{_NAME}.py: {_NAME}", f"reference/definition/{_NAME}.py: {_NAME}")
READ_BACKWARD = (f"reference/{_NAME}.py: {_NAME}_backward", f"reference/definition/{_NAME}.py: {_NAME}_backward")


def _sigmoid(x: Array) -> Array:
    return np.asarray(1 / (1 + np.exp(-x)))


def _from_logs(wrong: Callable[[Array], tuple[Array, Array]]) -> Change[Forward]:
    """The loss of wrong logarithms, which ``wrong`` makes of the scores: log p and log(1 - p)."""

    def loss(
        input: Array,
        target: Array,
        weight: Array | None = None,
        *,
        reduction: str = "mean",
        pos_weight: Array | None = None,
    ) -> Array:
        yes, no = wrong(input)
        one = np.ones((), input.dtype)
        losses = -target * yes * (one if pos_weight is None else pos_weight) - (1 - target) * no
        losses = losses * (one if weight is None else weight)
        if reduction == "none":
            return np.asarray(losses)
        return np.asarray(losses.sum() / input.dtype.type(input.size if reduction == "mean" else 1))

    return instead(loss)


def _with_epsilon(x: Array) -> tuple[Array, Array]:
    p, epsilon = _sigmoid(x), x.dtype.type(1e-7)
    return np.asarray(np.log(p + epsilon)), np.asarray(np.log(1 - p + epsilon))


def _of_probabilities(x: Array) -> tuple[Array, Array]:
    p = _sigmoid(x)
    return np.asarray(np.log(p)), np.asarray(np.log(1 - p))


def _no_forgotten(x: Array) -> tuple[Array, Array]:
    return np.asarray(-np.logaddexp(0, -x).astype(x.dtype)), np.zeros_like(x)


def _weighs_both(given: Options) -> Options:
    """``pos_weight`` as a part of ``weight``."""
    pos_weight, weight = given.get("pos_weight"), given.get("weight")
    if pos_weight is None:
        return {}
    return {"weight": pos_weight if weight is None else np.asarray(weight * pos_weight), "pos_weight": None}


def _summed(options: Options) -> Options:
    return {"reduction": "sum" if options["reduction"] == "mean" else options["reduction"]}


def _over_samples(loss: Array, given: Options) -> Array:
    x = given["input"]
    if given["reduction"] != "mean" or x.ndim < 2:
        return loss
    return np.asarray(loss * loss.dtype.type(np.prod(x.shape[1:])))


MISTAKES = (
    Mistake(
        "sigmoid-applied-twice", _NAME,
        "The network ends in a sigmoid, and the loss takes another one.",
        "No probability is below 1/2 or above 0.73, and training is slow.",
        "Hand the loss the scores: no sigmoid at the end of the network.",
        READ_FORWARD,
        forward=arguments(lambda given: {"input": _sigmoid(given["input"])}),
    ),
    Mistake(
        "logarithm-of-the-sigmoid", _NAME,
        "The sigmoid is computed first, and then the logarithms of p and 1 - p.",
        "Right for small scores; beyond 17 (float32) 1 - p is 0, and the loss infinite or NaN.",
        "np.maximum(x, 0) - x * t + np.log1p(np.exp(-np.abs(x))), straight from the scores.",
        READ_FORWARD,
        forward=_from_logs(_of_probabilities),
    ),
    Mistake(
        "epsilon-beside-the-sigmoid", _NAME,
        "log(p + 1e-7) and log(1 - p + 1e-7) keep the loss finite.",
        "Right to 7 digits for middling predictions; bad ones never cost more than 16.",
        "np.maximum(x, 0) - x * t + np.log1p(np.exp(-np.abs(x))); it needs no epsilon.",
        READ_FORWARD,
        forward=_from_logs(_with_epsilon),
    ),
    Mistake(
        "second-answer-forgotten", _NAME,
        "The loss is -t log p, as for classes that exclude one another; (1 - t) log(1 - p) is missing.",
        "Nothing is lost where t is 0, and so the network learns to say yes to everything.",
        "-(t * log(p) + (1 - t) * log(1 - p)).",
        READ_FORWARD,
        forward=_from_logs(_no_forgotten),
    ),
    Mistake(
        "pos-weight-on-both-answers", _NAME,
        "pos_weight multiplies the whole loss.",
        "Right where t is 1; where it is 0 the loss is too large, and the balance between the two as before.",
        "-(pos_weight * t * log(p) + (1 - t) * log(1 - p)).",
        READ_FORWARD,
        forward=arguments(_weighs_both),
    ),
    Mistake(
        "binary-losses-averaged-over-rows", _NAME,
        "The sum over all elements is divided by the number of samples, len(x).",
        "Right for a vector; else too large by the number of outputs of each sample.",
        "losses.sum() / x.size, which is np.mean.",
        READ_FORWARD,
        forward=result(_over_samples),
    ),
    Mistake(
        "slope-of-the-sigmoid-once-more", _NAME,
        "The gradient is (p - t) p (1 - p).",
        "Too small, and next to 0 where the network is sure, and wrong: it stops learning there.",
        "(p - t) / x.size: the logarithm has taken p (1 - p) away.",
        READ_BACKWARD,
        backward=gradients(
            input=lambda grad, g, a, o: np.asarray(grad * _sigmoid(a["input"]) * (1 - _sigmoid(a["input"])))
        ),
    ),
    Mistake(
        "truth-less-prediction", _NAME,
        "The gradient is t - p.",
        "The loss grows with every step.",
        "(p - t) / x.size.",
        READ_BACKWARD,
        backward=gradients(input=lambda grad, g, a, o: -grad),
    ),
    Mistake(
        "binary-gradient-not-averaged", _NAME,
        "The gradient is p - t, without the division by the number of elements.",
        "Steps are too large by that number.",
        "(p - t) / x.size.",
        READ_BACKWARD,
        backward=gradient_arguments(lambda g, a, o: (g, a, {**o, **_summed(o)})),
    ),
)  # fmt: skip
