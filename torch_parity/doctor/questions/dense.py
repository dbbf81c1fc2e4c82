"""Questions about flattening, dense layers and the softmax."""

from collections.abc import Iterator

import numpy as np

from torch_parity.doctor.question import Question
from torch_parity.doctor.questions.asking import Generator, Maker, asked, has_bias, images, numbers, option
from torch_parity.doctor.subject import Takes

# N, I, O
PRODUCTS = (
    (2, 3, 4),
    (1, 5, 2),
    (4, 4, 4),
    (3, 3, 3),
    (5, 2, 3),
    (2, 7, 1),
    (3, 1, 2),
    (6, 4, 5),
    (7, 3, 2),
    (2, 6, 6),
)
SCORES = ((3, 5), (2, 4), (4, 4), (1, 3), (5, 2), (6, 7), (7, 3), (3, 3))
IMAGES = ((2, 3, 4, 5), (1, 2, 3, 3), (3, 1, 5, 2), (2, 4, 3, 3), (3, 2, 2, 4), (2, 2, 2, 2))


def flatten(takes: Takes, backward: bool, generator: Generator) -> Iterator[Question]:
    """Images, from any axis to any other."""
    for index in range(2 * len(IMAGES)):
        kind = "lattice" if index % 3 else "real"
        shape = images(takes, 0, *IMAGES[index % len(IMAGES)])
        start = 1 if len(shape) == 4 else 0
        options = {
            "start_dim": option(takes, "start_dim", (1, 0, 2)[index % 3], start),
            "end_dim": option(takes, "end_dim", (-1, 2, -1)[index % 3], -1),
        }
        distinct = generator.permutation(np.prod(shape, dtype=int)).reshape(shape) - 3.0
        arrays = {"input": distinct if kind == "lattice" else numbers(kind, shape, generator)}
        yield from asked("flatten", kind, arrays, options, backward, generator)


def linear(takes: Takes, backward: bool, generator: Generator) -> Iterator[Question]:
    """Vectors, rows of them, and batches of rows."""
    for index in range(15):
        kind = "lattice" if index < 10 else "real"
        n, i, o = PRODUCTS[index % len(PRODUCTS)]
        n, i, o = takes.fixed.get("N", n), takes.fixed.get("I", i), takes.fixed.get("O", o)
        leading: tuple[int, ...] = (n,)
        if takes.batch is False or (takes.batch is None and index % 4 == 3):
            leading = ()
        elif 3 in takes.ranks and index % 5 == 4:
            leading = (2, n)
        arrays = {"input": numbers(kind, (*leading, i), generator), "weight": numbers(kind, (o, i), generator)}
        if has_bias(takes, index):
            arrays["bias"] = numbers(kind, (o,), generator)
        yield from asked("linear", kind, arrays, {}, backward, generator)


def softmaxes(formula: str) -> Maker:
    """The maker for the softmax, or its logarithm, along any axis."""

    def make(takes: Takes, backward: bool, generator: Generator) -> Iterator[Question]:
        for index in range(14):
            kind = ("lattice", "real", "lattice", "large", "real", "lattice", "nonfinite")[index % 7]
            shape: tuple[int, ...] = SCORES[index % len(SCORES)]
            dim = len(shape) - 1
            if takes.ranks == (1,) or (1 in takes.ranks and index % 5 == 4):
                shape, dim = shape[1:], 0
            elif 4 in takes.ranks and index % 5 == 3:
                shape, dim = (2, *shape, 3), 2
            dim = option(takes, "dim", index % len(shape), dim)
            yield from asked(
                formula, kind, {"input": numbers(kind, shape, generator)}, {"dim": dim}, backward, generator
            )

    return make
