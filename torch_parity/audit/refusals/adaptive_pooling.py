"""What is refused in average pooling to a given size."""

import math

import numpy as np

from torch_parity.audit.refusals.refusal import Arguments, Refusal


def _no_pixels(arguments: Arguments) -> Arguments:
    input = arguments["input"]
    if 0 not in input.shape[-2:]:
        return {}
    *others, height, width = input.shape
    return {"input": np.zeros((*others, max(1, height), max(1, width)), input.dtype)}


def _no_images(arguments: Arguments) -> Arguments:
    input = arguments["input"]
    if input.ndim in (3, 4):
        return {}
    shape: tuple[int, ...] = (1, 1, *input.shape)
    return {"input": input.reshape(math.prod(shape[:-3]), *shape[-3:])}


REFUSALS = (
    Refusal(
        "the mean of no pixels",
        ("adaptive_avg_pool2d",),
        "it is NaN, and torch refuses it for every other size than 1 x 1",
        _no_pixels,
    ),
    Refusal(
        "an image without channels, and more than a batch of images",
        ("adaptive_avg_pool2d",),
        "torch takes them for an output of 1 x 1 alone",
        _no_images,
    ),
)
