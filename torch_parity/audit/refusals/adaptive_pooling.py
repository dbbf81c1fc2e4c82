"""What is refused in average pooling to a given size."""

import math

import numpy as np

from torch_parity.audit.refusals.refusal import Arguments, Refusal


def _no_pixels(arguments: Arguments) -> Arguments:
    input = arguments["input"]
    if 0 not in input.shape[-2:]:
        return {}
    return {"input": np.zeros((*input.shape[:-2], *(max(1, size) for size in input.shape[-2:])), input.dtype)}


def _no_images(arguments: Arguments) -> Arguments:
    input = arguments["input"]
    if input.ndim in (3, 4):
        return {}
    *others, channels = (1, 1, *input.shape[:-2])
    return {"input": input.reshape(math.prod(others), channels, *input.shape[-2:])}


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
