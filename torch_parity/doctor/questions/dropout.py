"""Questions about dropout: with a mask each, since which numbers are drawn is nobody's mistake."""

from collections.abc import Iterator

import numpy as np

from torch_parity.doctor.question import Array, Question
from torch_parity.doctor.questions.asking import Generator, Maker, asked, exact, images, numbers, option
from torch_parity.doctor.subject import Takes

SHAPES: tuple[tuple[int, ...], ...] = ((2, 3, 4, 5), (4, 7), (3, 2, 5, 2), (6, 3), (9,), (3, 3))
DROPPED_IMAGES = ((2, 3, 4, 5), (3, 4, 2, 3), (4, 2, 3, 3), (2, 5, 2, 2))


def dropout(formula: str) -> Maker:
    """The maker for single numbers, or for whole channels."""

    def make(takes: Takes, backward: bool, generator: Generator) -> Iterator[Question]:
        flat = [shape for shape in SHAPES if len(shape) in takes.ranks]
        for index in range(14):
            kind = "real" if index % 4 == 3 else "lattice"
            shape = flat[index % len(flat)] if formula == "dropout" else DROPPED_IMAGES[index % len(DROPPED_IMAGES)]
            if formula == "dropout2d":
                shape = images(Takes(), index, *shape)
            p = float(option(takes, "p", (0.25, 0.5, 0.75, 0.875)[index % 4], takes.constants.get("p", 0.5)))
            # No number is 0, so that where one comes out it was dropped.
            x = exact(shape, generator) if kind == "lattice" else numbers(kind, shape, generator)
            arrays = {"input": x, "mask": _mask(shape if formula == "dropout" else shape[:2], p, generator)}
            options = {"p": p, "training": option(takes, "training", index % 3 != 2, True)}
            yield from asked(formula, kind, arrays, options, backward, generator)

    return make


def _mask(shape: tuple[int, ...], p: float, generator: Generator) -> Array:
    """True where a number is kept; some are and some are not, and not the same ones along every axis."""
    mask = np.asarray(generator.random(shape) >= p)
    flat = mask.reshape(-1)
    flat[0], flat[-1] = True, False
    return mask
