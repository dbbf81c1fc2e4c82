"""Dropout, done wrongly."""

from typing import Any

import numpy as np
import numpy.typing as npt

from torch_parity.audit.mistakes.mistake import (
    Array,
    Arrays,
    Mistake,
    Options,
    arguments,
    gradient_arguments,
    gradients_instead,
    instead,
    result,
)

READ_FORWARD = ("reference/dropout.py: dropout", "reference/definition/dropout.py: dropout")
READ_BACKWARD = ("reference/dropout.py: dropout_backward", "reference/definition/dropout.py: dropout_backward")
READ_CHANNELS = ("reference/dropout.py: dropout2d", "reference/definition/dropout.py: dropout2d")
READ_CHANNELS_BACKWARD = (
    "reference/dropout.py: dropout2d_backward", "reference/definition/dropout.py: dropout2d_backward",
)  # fmt: skip


def drawn_anew(shape: tuple[int, ...], p: float) -> npt.NDArray[np.bool]:
    """Another mask than the one that was given: always the same one, so that the mistake can be seen twice."""
    return np.asarray(np.random.default_rng(0).random(shape) >= p)


def _spread(mask: Any, like: Array) -> Any:
    """The mask of single numbers as it is, the one of channels over their pixels."""
    return mask if mask.ndim == like.ndim else mask[..., np.newaxis, np.newaxis]


def _unscaled(input: Array, mask: Any, p: float, training: bool) -> Array:
    return np.multiply(input, _spread(mask, input), dtype=input.dtype) if training else np.array(input)


def _scaled_the_wrong_way(input: Array, mask: Any, p: float, training: bool) -> Array:
    unscaled = _unscaled(input, mask, p, training)
    return np.asarray(unscaled * unscaled.dtype.type(1 - p)) if training else unscaled


def _gradient_unscaled(g: Array, a: Arrays, o: Options, y: Any) -> Array:
    return _unscaled(g, a["mask"], o["p"], o["training"])


def _scaled_when_tested(y: Array, a: Options) -> Array:
    return y if a["training"] else y * y.dtype.type(1 - a["p"])


def _another_mask(g: Array, a: Arrays, o: Options) -> tuple[Array, Arrays, Options]:
    return g, {**a, "mask": drawn_anew(a["mask"].shape, o["p"])}, o


def _single_pixels(input: Array, mask: Any, p: float, training: bool) -> Array:
    if not training or p in (0, 1):
        return np.array(input) if not training or p == 0 else np.asarray(input * input.dtype.type(0))
    return np.asarray(input * (drawn_anew(input.shape, p) / input.dtype.type(1 - p)).astype(input.dtype))


def _like_the_first(mask: Any) -> Any:
    return np.repeat(mask[:1], len(mask), axis=0)


def _whole_images(mask: Any) -> Any:
    return np.repeat(mask[:, :1], mask.shape[1], axis=1)


_KEEP_THE_MASK = "Keep the mask of the forward pass, and write dx = g * mask / (1 - p)."

MISTAKES = (
    Mistake(
        "dropout-not-scaled", "dropout",
        "What is kept is not scaled.",
        "Too small by 1 - p in training, so that the next layer meets larger numbers once nothing is dropped.",
        "y = x * mask / (1 - p).",
        READ_FORWARD,
        forward=instead(_unscaled),
    ),
    Mistake(
        "dropout-scaled-the-wrong-way", "dropout",
        "What is kept is multiplied by 1 - p, as the paper does when the network is used, but in training.",
        "Too small by (1 - p) squared.",
        "y = x * mask / (1 - p) in training, and y = x else.",
        READ_FORWARD,
        forward=instead(_scaled_the_wrong_way),
    ),
    Mistake(
        "dropout-scaled-when-tested", "dropout",
        "The output is multiplied by 1 - p in evaluation, though training has scaled already.",
        "Right in training; too small by 1 - p in evaluation.",
        "y = x in evaluation.",
        READ_FORWARD,
        forward=result(_scaled_when_tested),
    ),
    Mistake(
        "dropout-when-tested", "dropout",
        "Numbers are dropped in evaluation too.",
        "Right in training; in evaluation some numbers are 0, others every time.",
        "y = x unless training: call network.eval() before the network is used.",
        READ_FORWARD,
        forward=arguments(lambda a: {"training": True}),
    ),
    Mistake(
        "p-as-share-kept", "dropout",
        "p is taken for the share that is kept, as in some textbooks, and the rest divided by p.",
        "Right where p is 0.5.",
        "y = x * mask / (1 - p), where mask is random(x.shape) >= p: torch's p is the share that is dropped.",
        READ_FORWARD,
        forward=arguments(lambda a: {"p": 1 - a["p"]}),
    ),
    Mistake(
        "dropout-gradient-not-scaled", "dropout",
        "The gradient is masked, but not scaled as the numbers were.",
        "Too small by 1 - p where something was kept.",
        _KEEP_THE_MASK,
        READ_BACKWARD,
        backward=gradients_instead(input=_gradient_unscaled),
    ),
    Mistake(
        "dropout-gradient-another-mask", "dropout",
        "The gradient is masked by a mask that is drawn anew.",
        "Zeros where something was kept, and gradients where nothing was: with no pattern, and others every time.",
        _KEEP_THE_MASK,
        READ_BACKWARD,
        backward=gradient_arguments(_another_mask),
    ),
    Mistake(
        "dropout-gradient-not-masked", "dropout",
        "The gradient passes as it is.",
        "Right in evaluation; in training what was dropped has a gradient.",
        _KEEP_THE_MASK,
        READ_BACKWARD,
        backward=gradients_instead(input=lambda g, a, o, y: np.array(g)),
    ),
    Mistake(
        "channel-dropout-of-pixels", "dropout2d",
        "Single pixels are dropped instead of whole channels.",
        "Zeros spread over all channels: that is dropout, not dropout2d.",
        "Draw a mask of shape (N, C, 1, 1), and let it spread over the pixels.",
        READ_CHANNELS,
        forward=instead(_single_pixels),
    ),
    Mistake(
        "channel-dropout-same-for-all-images", "dropout2d",
        "The same channels are dropped in all images of the batch.",
        "Right for a batch of one; else every image lacks the channels that the first one lacks.",
        "Draw a mask of shape (N, C, 1, 1), not (1, C, 1, 1).",
        READ_CHANNELS,
        forward=arguments(lambda a: {"mask": _like_the_first(a["mask"])}),
    ),
    Mistake(
        "channel-dropout-of-images", "dropout2d",
        "Whole images are dropped: one number is drawn for all channels of an image.",
        "Right for one channel; else an image keeps all its channels, or none.",
        "Draw a mask of shape (N, C, 1, 1), not (N, 1, 1, 1).",
        READ_CHANNELS,
        forward=arguments(lambda a: {"mask": _whole_images(a["mask"])}),
    ),
    Mistake(
        "channel-dropout-not-scaled", "dropout2d",
        "The channels that are kept are not scaled.",
        "Too small by 1 - p in training.",
        "y = x * mask / (1 - p).",
        READ_CHANNELS,
        forward=instead(_unscaled),
    ),
    Mistake(
        "channel-dropout-gradient-not-scaled", "dropout2d",
        "The gradient is masked, but not scaled as the channels were.",
        "Too small by 1 - p where something was kept.",
        _KEEP_THE_MASK,
        READ_CHANNELS_BACKWARD,
        backward=gradients_instead(input=_gradient_unscaled),
    ),
)  # fmt: skip
