"""Whatever is drawn at random, initial weights and what dropout drops: from one generator, which a seed fixes."""

import math
from typing import Any

import numpy as np
import numpy.typing as npt

from reference.arguments import Array

_generator = np.random.default_rng()


def manual_seed(seed: int) -> None:
    """Fix what is drawn from now on: initial weights, and dropout's masks.  (The numbers are not torch's.)

    >>> from reference import nn
    >>> nn.manual_seed(0)
    >>> first = nn.Linear(3, 2).weight.data
    >>> nn.manual_seed(0)
    >>> print((nn.Linear(3, 2).weight.data == first).all())
    True
    """
    global _generator
    _generator = np.random.default_rng(seed)


def uniform(bound: float, shape: tuple[int, ...]) -> Array:
    """Numbers (float32) between -``bound`` and ``bound``, each as probable as the others.

    >>> from reference.generator import uniform
    >>> print(abs(uniform(0.5, (2, 3))).max() <= 0.5)
    True
    """
    return _generator.uniform(-bound, bound, shape).astype(np.float32)


def draw_mask(shape: tuple[int, ...], p: float) -> npt.NDArray[np.bool]:
    """A mask for dropout: each entry is False, dropped, with the probability ``p``, whatever the others are.

    >>> from reference.generator import draw_mask
    >>> print(draw_mask((3,), 0.0), draw_mask((2,), 1.0))
    [ True  True  True] [False False]
    """
    count = math.prod(shape)
    # Integers below 2^32, two in each word: a tenth of the time that as many numbers in [0, 1) take.
    words = _generator.bit_generator.random_raw(-(-count // 2))
    return (words.view(np.uint32)[:count] >= round(p * 2**32)).reshape(shape)


def state() -> dict[str, Any]:
    """Where the generator stands, ready for JSON: ``restore`` takes it there again.

    >>> from reference.generator import draw_mask, restore, state
    >>> before = state()
    >>> first = draw_mask((9,), 0.5)
    >>> restore(before)
    >>> print((draw_mask((9,), 0.5) == first).all())
    True
    """
    return dict(_generator.bit_generator.state)


def restore(before: dict[str, Any]) -> None:
    """Go on from where the generator stood ``before``.

    >>> from reference.generator import restore, state
    >>> restore(state())
    """
    _generator.bit_generator.state = before
