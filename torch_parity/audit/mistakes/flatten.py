"""Flatten, done wrongly."""

import math

import numpy as np

from torch_parity.audit.mistakes.mistake import Array, Mistake, arguments, instead

READ_FORWARD = ("reference/flatten.py: flatten", "reference/definition.py: flatten")


def channels_last(input: Array, start_dim: int, end_dim: int) -> Array:
    """The merged elements with the first of their dimensions running fastest."""
    shape = input.shape or (1,)
    start, end = start_dim % len(shape), end_dim % len(shape)
    merged = math.prod(shape[start : end + 1])
    return np.moveaxis(input.reshape(shape), start, end).reshape(*shape[:start], merged, *shape[end + 1 :])


MISTAKES = (
    Mistake(
        "flattened-channels-last", "flatten",
        "The elements are read with the first of the merged dimensions running fastest, as from N,H,W,C memory.",
        "Right for one channel; else the dense layer's weights meet other pixels.",
        "x.reshape(len(x), -1) of an array (N, C, H, W), not (N, H, W, C).",
        READ_FORWARD,
        forward=instead(channels_last),
    ),
    Mistake(
        "flattened-batch", "flatten",
        "The first dimension is merged too: the images of a batch become one.",
        "One long row where a batch belongs.",
        "x.reshape(len(x), -1), not x.reshape(-1).",
        READ_FORWARD,
        forward=arguments(lambda a: {"start_dim": 0}),
    ),
)  # fmt: skip
