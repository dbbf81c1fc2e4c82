"""Cases of dropout, of single numbers and of whole channels."""

import dataclasses
from typing import Any

import numpy as np

from torch_parity.proof.cases.case import Case, Draw, layout, make

# On the lattice 1 / (1 - p) is a power of 2, so that nothing rounds.
_DYADIC = (0.75, 0.875)
_OTHER = (0.25, 0.1, 0.3, 0.9, 0.8, 1 / 3)


def _dropout(draw: Draw, kind: str, dtype: np.dtype[Any], shape: tuple[int, ...], mask: tuple[int, ...]) -> Case:
    """A mask as such a p draws it: rates of 0 and 1 keep everything and nothing."""
    p = draw.choice([0.5, 0.0, 1.0, 0.75, draw.choice(_DYADIC if kind == "lattice" else _OTHER)])
    training = draw.choice([True, True, False])
    case = make(draw, kind, dtype, {"input": shape}, {"p": p, "training": training})
    generator = np.random.default_rng([case.seed, 2])
    kept = np.asarray(generator.random(mask) >= p)
    return dataclasses.replace(case, arrays={**case.arrays, "mask": kept if case.plain else layout(kept, generator)})


def dropout(draw: Draw, kind: str, dtype: np.dtype[Any]) -> Case:
    """Any shape, numbers without dimensions and long rows included."""
    shape = draw.choice([(2, 3, 5, 4), (), (0,), (1,), (67,), (3, 0, 2), (draw.integer(1, 300),)])
    return _dropout(draw, kind, dtype, shape, shape)


def dropout2d(draw: Draw, kind: str, dtype: np.dtype[Any]) -> Case:
    """Batches of images, none, one and several of them, with an entry of the mask for each channel."""
    images, channels = draw.choice([2, 1, 3, 5, 0]), draw.choice([3, 1, 2, 4])
    shape = images, channels, draw.choice([1, 2, 3, 5]), draw.choice([1, 2, 4])
    return _dropout(draw, kind, dtype, shape, shape[:2])
