"""The right formulas of standardising, with a part of each to leave out or to change: what wrong ones are made of."""

import math

import numpy as np

from torch_parity.audit.mistakes.mistake import Array

Axes = tuple[int, ...]


def mean(x: Array, axes: Axes, less: int = 0) -> Array:
    """The sum over ``axes``, which stay, divided by ``less`` than how many there are."""
    count = math.prod(x.shape[axis] for axis in axes) - less
    return np.asarray(x.sum(axes, keepdims=True) / x.dtype.type(count))


def standardized(x: Array, axes: Axes, eps: float, less: int = 0, eps_outside: bool = False) -> Array:
    """(x - mean) / sqrt(variance + eps), or / (sqrt(variance) + eps)."""
    distance = x - mean(x, axes)
    variance, eps_of_dtype = mean(np.square(distance), axes, less), x.dtype.type(eps)
    return np.asarray(
        distance / (np.sqrt(variance) + eps_of_dtype if eps_outside else np.sqrt(variance + eps_of_dtype))
    )


def gradient(h: Array, x: Array, axes: Axes, eps: float, mean_path: bool = True, variance_path: bool = True) -> Array:
    """dL/dx from h = dL/dx_hat: s (h - mean(h) - x_hat mean(h x_hat))."""
    x_hat = standardized(x, axes, eps)
    s = 1 / np.sqrt(mean(np.square(x - mean(x, axes)), axes) + x.dtype.type(eps))
    grad = h - mean(h, axes) if mean_path else h
    return np.asarray(s * (grad - x_hat * mean(h * x_hat, axes) if variance_path else grad))


def scaled(x_hat: Array, weight: Array | None, bias: Array | None) -> Array:
    """w x_hat + b, with weight and bias in a shape that repeats."""
    output = x_hat if weight is None else x_hat * weight
    return output if bias is None else output + bias
