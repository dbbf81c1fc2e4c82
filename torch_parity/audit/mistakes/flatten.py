"""Flatten, done wrongly."""

import math
from typing import Any

import numpy as np

from torch_parity.audit.mistakes.mistake import (
    Array,
    Arrays,
    Mistake,
    Options,
    arguments,
    gradients_instead,
    instead,
)

READ_FORWARD = ("reference/flatten.py: flatten", "reference/definition/flatten.py: flatten")
READ_BACKWARD = ("reference/flatten.py: flatten_backward", "reference/definition/flatten.py: flatten_backward")


def _merged(input: Array, start_dim: int, end_dim: int) -> tuple[tuple[int, ...], int, tuple[int, ...]]:
    """The sizes before those that are merged, how many elements are merged, and the sizes after."""
    shape = input.shape or (1,)
    start, end = start_dim % len(shape), end_dim % len(shape)
    return shape[:start], math.prod(shape[start : end + 1]), shape[end + 1 :]


def channels_last(input: Array, start_dim: int, end_dim: int) -> Array:
    """The merged elements with the first of their dimensions running fastest."""
    before, merged, after = _merged(input, start_dim, end_dim)
    start = len(before)
    end = (input.ndim or 1) - len(after) - 1
    return np.moveaxis(input.reshape(input.shape or 1), start, end).reshape(*before, merged, *after)


def fortran_order(input: Array, start_dim: int, end_dim: int) -> Array:
    """The merged elements in the order of Fortran, whose first index runs fastest."""
    before, merged, after = _merged(input, start_dim, end_dim)
    return input.reshape(*before, merged, *after, order="F")


def as_columns(input: Array, start_dim: int, end_dim: int) -> Array:
    """All numbers reshaped to columns, one for each image, and transposed to rows."""
    before, merged, after = _merged(input, start_dim, end_dim)
    columns = input.reshape(merged, *before, *after)
    return np.moveaxis(columns, 0, len(before))


def from_channels_last(g: Array, a: Arrays, o: Options, y: Any) -> Array:
    """dL/dx of elements taken to be merged with the first of their dimensions running fastest."""
    shape = a["input"].shape or (1,)
    start, end = o["start_dim"] % len(shape), o["end_dim"] % len(shape)
    turned = (*shape[:start], *shape[start + 1 : end + 1], shape[start], *shape[end + 1 :])
    return np.moveaxis(g.reshape(turned), end, start).reshape(a["input"].shape)


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
    Mistake(
        "flattened-in-fortran-order", "flatten",
        "The elements are read in Fortran's order, channels fastest, then rows: order='F'.",
        "Right for a single row or column of one channel; else the dense layer's weights meet other pixels.",
        "x.reshape(len(x), -1), whose order is 'C': columns fastest.",
        READ_FORWARD,
        forward=instead(fortran_order),
    ),
    Mistake(
        "flattened-as-columns", "flatten",
        "The batch is reshaped to a column for each image and then transposed: x.reshape(-1, N).T.",
        "Right for a batch of one; else every row has pixels of all images.",
        "x.reshape(len(x), -1): the batch stays in front, nothing is transposed.",
        READ_FORWARD,
        forward=instead(as_columns),
    ),
    Mistake(
        "gradient-unflattened-channels-last", "flatten",
        "The gradient is reshaped as if channels ran fastest: to (N, H, W, C), then transposed.",
        "Right for one channel; else pixels get the gradients of others.",
        "g.reshape(x.shape), in the order in which x was flattened.",
        READ_BACKWARD,
        backward=gradients_instead(input=from_channels_last),
    ),
    Mistake(
        "gradient-left-flat", "flatten",
        "The gradient is handed on as it came.",
        "Right numbers in the shape of the output; the layer below breaks down.",
        "g.reshape(x.shape): keep the shape of x in the forward pass.",
        READ_BACKWARD,
        backward=gradients_instead(input=lambda g, a, o, y: g),
    ),
)  # fmt: skip
