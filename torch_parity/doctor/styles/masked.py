"""Dropout that draws its own mask: judged by what it makes of that, and by the share that it keeps.

Which numbers are dropped is nobody's mistake.  So what was kept and what was dropped is looked up in what came back,
and told for the question's own mask.
"""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np

from torch_parity.doctor.question import Array, Question

ENTRIES = 1500  # of the masks from which a share is told
NEAR = 0.1  # of a share: six standard deviations at least
MOST_DRAWN = 20  # how often it is drawn again until something was kept and something was not


def share_of_unscaled(question: Question, forward: Callable[[Array], Any]) -> float:
    """What a gradient is to be divided by after a ``forward`` that scales nothing; ValueError after one that does."""
    asked = larger(question)
    x = asked.arrays["input"]
    found = drawn(question, forward, x)
    if found.shape != x.shape or not np.array_equal(found[found != 0], x[found != 0]):
        raise ValueError("the forward scales what it keeps")
    return float(1 - question.options["p"])


def drawn(question: Question, forward: Callable[[Array], Any], x: Array) -> Array:
    """What ``forward`` makes of ``x``, drawn anew where by chance everything was kept, or nothing."""
    found = np.asarray(forward(x.copy()))
    for _ in range(MOST_DRAWN):
        if not question.options["training"] or (found.any() and not found.all()):
            break
        found = np.asarray(forward(x.copy()))
    return found


def larger(question: Question) -> Question:
    """The question with its samples repeated."""
    mask = question.arrays["mask"]
    times = -(-ENTRIES // mask.size)
    again = {name: np.concatenate([array] * times) for name, array in question.arrays.items()}
    upstream = question.grad_output
    upstream = None if upstream is None else np.concatenate([upstream] * times)
    return replace(question, arrays=again, grad_output=upstream)


def output(question: Question, forward: Callable[[Array], Any]) -> Any:
    """What ``forward``, which draws, makes of the input: as if it had drawn the question's mask."""
    asked = larger(question)
    x = asked.arrays["input"]
    found = drawn(question, forward, x)
    return np.asarray(told(question, asked, x, found, found != 0), found.dtype)


def gradient(question: Question, forward: Callable[[Array], Any], backward: Callable[[Array], Any]) -> Any:
    """What ``backward`` makes of the upstream gradient after ``forward``: as if that had drawn the question's mask."""
    asked = larger(question)
    x, g = asked.arrays["input"], asked.grad_output
    assert g is not None
    g = np.where(g == 0, 1.0, g)  # so that where a 0 comes out it was dropped
    kept = drawn(question, forward, x) != 0
    found = np.asarray(backward(g.copy()))
    if found.shape != g.shape or kept.shape != g.shape:
        return found
    return np.asarray(_told_of_gradient(question, g, found, kept), found.dtype)


def _told_of_gradient(question: Question, g: Array, found: Array, kept: Array) -> Any:
    """The gradient that was ``found`` where ``kept`` numbers had been kept, told for the question's mask."""
    if not uniform(found[kept] / g[kept]) or not uniform(found[~kept] / g[~kept]):
        # It follows another mask than the forward's.
        scale = _first(found[found != 0] / g[found != 0])
        another = np.random.default_rng(0).random(question.arrays["mask"].shape) >= question.options["p"]
        return _like(question.grad_output, np.where(_over(another, question), scale, 0.0))
    if not question.options["training"] and kept.all():
        return _like(question.grad_output, np.asarray(_first(found / g)))
    mask = _over(question.arrays["mask"], question)
    return _like(question.grad_output, np.where(mask, _first(found[kept] / g[kept]), _first(found[~kept] / g[~kept])))


def told(question: Question, asked: Question, x: Array, found: Array, kept: Array) -> Any:
    """What was found for ``asked``, which has the samples of ``question`` many times, told for its mask."""
    if found.shape != x.shape or not uniform(found[kept] / x[kept]):
        return found[: len(question.arrays["input"])] if found.ndim else found
    scale, given = _first(found[kept] / x[kept]), question.arrays["input"]
    if kept.all():
        return given * scale
    mask = question.arrays["mask"]
    if question.formula == "dropout2d":
        every = kept.reshape(*kept.shape[:2], -1)
        if (every.any(2) != every.all(2)).any():
            another = np.random.default_rng(0).random(given.shape) >= question.options["p"]
            return given * np.where(another, scale, 0.0)
        channels = np.asarray(every.all(2))
        if (channels == channels[:1]).all() and len(channels) > 1:
            return given * np.where(_over(np.repeat(mask[:1], len(mask), axis=0), question), scale, 0.0)
        if (channels == channels[:, :1]).all() and channels.shape[1] > 1:
            return given * np.where(_over(np.repeat(mask[:, :1], mask.shape[1], axis=1), question), scale, 0.0)
    p = question.options["p"]
    share, expected = float(kept.mean()), 1 - p
    if question.options["training"] and abs(scale * p - 1) < 1e-6:
        expected = p  # who takes p for the share that is kept divides by it, too
    if abs(share - expected) > NEAR:
        # Another share is kept than the scale says: no mask that was drawn rightly looks so.
        return given * np.where(np.random.default_rng(1).random(given.shape) < round(share, 1), scale, 0.0)
    return given * np.where(_over(mask, question), scale, 0.0)


def _over(mask: Array, question: Question) -> Array:
    """A mask of channels over their pixels."""
    return mask if mask.ndim == question.arrays["input"].ndim else mask[..., None, None]


def _like(upstream: Array | None, factors: Array) -> Array:
    assert upstream is not None
    return upstream * factors


def uniform(ratios: Array) -> bool:
    """Whether all are one number, but for rounding."""
    return bool(ratios.size == 0 or np.allclose(ratios, ratios.flat[0], 1e-5, 1e-9))


def _first(ratios: Array) -> float:
    return float(ratios.flat[0]) if ratios.size else 0.0
