"""Clipping by the norm, done wrongly."""

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from torch_parity.audit.mistakes.mistake import Array, Mistake, arguments, instead

READ = (
    "reference/clip_grad_norm.py: clip_grad_norm_", "reference/definition/clip_grad_norm.py: clip_grad_norm",
)  # fmt: skip

Clipped = tuple[Array, Array, Array]  # both gradients, and the norm


def _norm(x: Array, p: float) -> Array:
    sizes = np.abs(x)
    if math.isinf(p):
        return np.asarray(sizes.max(initial=0) if p > 0 else sizes.min(initial=math.inf))
    if p == 0:
        return np.asarray(np.count_nonzero(sizes), x.dtype)
    return np.asarray((sizes**p).sum() ** (1 / p), x.dtype)


def _total(first: Array, second: Array, p: float) -> Array:
    return _norm(np.stack([_norm(first, p), _norm(second, p)]), p)


def _factor(norm: Array, max_norm: float) -> Array:
    return np.minimum(max_norm / (norm + 1e-6), 1)


def _by(factor: Callable[[Array, float], Array], first: Array, second: Array, norm: Array, most: float) -> Clipped:
    dtype = first.dtype
    shorter = [np.asarray(grad * np.asarray(factor(norm, most), dtype)) for grad in (first, second)]
    return shorter[0], shorter[1], norm


def each_by_its_own_norm(first: Array, second: Array, max_norm: float, norm_type: float) -> Clipped:
    """Each gradient is made shorter if it is too long itself."""
    shorter = [np.asarray(grad * _factor(_norm(grad, norm_type), max_norm)) for grad in (first, second)]
    return shorter[0], shorter[1], _total(first, second, norm_type)


def always_scaled(first: Array, second: Array, max_norm: float, norm_type: float) -> Clipped:
    """Gradients that are shorter are made longer."""
    norm = _total(first, second, norm_type)
    return _by(lambda norm, most: np.asarray(most / (norm + 1e-6)), first, second, norm, max_norm)


def values_clipped(first: Array, second: Array, max_norm: float, norm_type: float) -> Clipped:
    """Every number is cut off at max_norm and -max_norm."""
    shorter = [np.minimum(np.maximum(grad, -max_norm), max_norm) for grad in (first, second)]
    return np.asarray(shorter[0]), np.asarray(shorter[1]), _total(first, second, norm_type)


def root_forgotten(first: Array, second: Array, max_norm: float, norm_type: float) -> Clipped:
    """sum |g|^p instead of its p-th root."""
    norm = _total(first, second, norm_type)
    if math.isfinite(norm_type):
        norm = np.asarray(sum((np.abs(grad) ** norm_type).sum() for grad in (first, second)), first.dtype)
    return _by(_factor, first, second, norm, max_norm)


def last_gradient_only(first: Array, second: Array, max_norm: float, norm_type: float) -> Clipped:
    """The norm is overwritten by that of each gradient, instead of adding up."""
    return _by(_factor, first, second, _norm(second, norm_type), max_norm)


def epsilon_forgotten(first: Array, second: Array, max_norm: float, norm_type: float) -> Clipped:
    """max_norm / norm, which is 0 / 0 where both are 0."""
    norm = _total(first, second, norm_type)
    return _by(lambda norm, most: np.minimum(most / norm, 1), first, second, norm, max_norm)


def _as_named(forward: Callable[..., Clipped]) -> Callable[..., Clipped]:
    def wrong(**given: Any) -> Clipped:
        return forward(given["first"], given["second"], given["max_norm"], given["norm_type"])

    return wrong


MISTAKES = (
    Mistake(
        "clipped-each-by-its-own-norm", "clip_grad_norm",
        "Each gradient is clipped by its own norm.",
        "Right for a single gradient; else the step changes its direction, and may be longer than max_norm.",
        "One norm over all gradients: sqrt(sum of the squares of all), and one factor.",
        READ,
        forward=instead(_as_named(each_by_its_own_norm)),
    ),
    Mistake(
        "always-scaled-to-max-norm", "clip_grad_norm",
        "Gradients are scaled to max_norm also where they are shorter.",
        "Right where they are longer; else small gradients become large ones.",
        "g * min(1, max_norm / (norm + 1e-6)).",
        READ,
        forward=instead(_as_named(always_scaled)),
    ),
    Mistake(
        "values-clipped-instead-of-norm", "clip_grad_norm",
        "Every number is cut off at max_norm.",
        "Right where nothing is too long; else the step changes its direction, and may be longer than max_norm.",
        "g * min(1, max_norm / (norm + 1e-6)).",
        READ,
        forward=instead(_as_named(values_clipped)),
    ),
    Mistake(
        "norm-without-root", "clip_grad_norm",
        "The sum of the squares is taken for the norm.",
        "Right for norms of 1 and 0; else long gradients become far too short.",
        "norm = sqrt(sum of the squares).",
        READ,
        forward=instead(_as_named(root_forgotten)),
    ),
    Mistake(
        "norm-of-the-last-gradient", "clip_grad_norm",
        "The norm is overwritten for each gradient instead of adding up.",
        "Right for a single gradient; else gradients stay too long.",
        "total += sum(g**2) for every gradient, then the root.",
        READ,
        forward=instead(_as_named(last_gradient_only)),
    ),
    Mistake(
        "clipping-epsilon-forgotten", "clip_grad_norm",
        "The norm is not made larger by 1e-6 before it divides.",
        "Close, mostly; NaN where max_norm and all gradients are 0.",
        "max_norm / (norm + 1e-6).",
        READ,
        forward=instead(_as_named(epsilon_forgotten)),
    ),
    Mistake(
        "norm-type-ignored", "clip_grad_norm",
        "The norm is the Euclidean one, whatever was asked for.",
        "Right for norm_type 2.",
        "(sum |g|**p)**(1 / p), and for p = inf the largest |g|.",
        READ,
        forward=arguments(lambda a: {"norm_type": 2.0}),
    ),
)  # fmt: skip
