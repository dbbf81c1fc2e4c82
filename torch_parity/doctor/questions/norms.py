"""Questions about normalisation."""

from collections.abc import Iterator
from typing import Any

import numpy as np

from torch_parity.doctor.question import Array, Question
from torch_parity.doctor.questions.asking import Generator, asked, numbers, option
from torch_parity.doctor.subject import Takes

# Each axis has two numbers at least, so that there is a variance, and they are unequal, so that none is another.
CHANNELLED: tuple[tuple[int, ...], ...] = (
    (2, 3, 4, 5), (4, 3), (3, 2, 2, 3), (5, 4), (2, 4, 3, 3), (3, 3), (4, 2, 2, 2), (2, 5), (3, 3, 3, 3), (6, 2),
)  # fmt: skip
# The input, and over how many axes it is normalised.
NORMALISED: tuple[tuple[tuple[int, ...], int], ...] = (
    ((3, 5), 1), ((2, 3, 4), 2), ((4, 4), 1), ((2, 4, 3), 1), ((5, 2), 1), ((2, 3, 2, 3), 3), ((3, 3, 3), 2),
    ((2, 6), 1),
)  # fmt: skip
# N, C, groups, pixels
GROUPED: tuple[tuple[int, int, int, tuple[int, ...]], ...] = (
    (2, 4, 2, (3, 4)), (3, 6, 3, (2, 2)), (2, 6, 2, (2, 3)), (1, 4, 2, (4, 3)), (3, 4, 4, (3, 2)), (2, 3, 1, (3, 3)),
    (4, 4, 2, (2, 2)), (2, 9, 3, (2, 2)),
)  # fmt: skip
EPS = (0.5, 1e-3, 2.0, 1e-5, 0.25)


def batch_norm(takes: Takes, backward: bool, generator: Generator) -> Iterator[Question]:
    """In training, and after it where there are running statistics.  Small variances tell where eps belongs."""
    tracked = "running_mean" in takes.options
    shapes = [shape for shape in CHANNELLED if len(shape) in takes.ranks] or CHANNELLED[::2]
    for index in range(16):
        kind = ("lattice", "real", "lattice")[index % 3]
        shape = shapes[index % len(shapes)]
        training = bool(not tracked or "training" not in takes.options or index % 3 != 2)
        arrays = {"input": numbers(kind, shape, generator)}
        if tracked:
            arrays["running_mean"] = numbers(kind, shape[1:2], generator)
            arrays["running_var"] = generator.integers(1, 9, shape[1:2]) / 2
        arrays |= _scale(takes, index, kind, shape[1:2], generator)
        options = {
            "training": training,
            "momentum": option(takes, "momentum", (0.25, 0.125, 0.75, 0.5)[index % 4], 0.1),
            "eps": _eps(takes, index),
        }
        yield from asked("batch_norm", kind, arrays, options, backward, generator)


def layer_norm(takes: Takes, backward: bool, generator: Generator) -> Iterator[Question]:
    """Rows of one axis, and of more where there is room for them."""
    several = "normalized_shape" in takes.options
    shapes = [one for one in NORMALISED if several or (one[1] == 1 and len(one[0]) in takes.ranks)] or NORMALISED[::4]
    for index in range(14):
        kind = ("lattice", "real", "lattice")[index % 3]
        shape, axes = shapes[index % len(shapes)]
        arrays = {"input": numbers(kind, shape, generator)}
        arrays |= _scale(takes, index, kind, shape[-axes:], generator)
        options = {"normalized_shape": shape[-axes:], "eps": _eps(takes, index)}
        yield from asked("layer_norm", kind, arrays, options, backward, generator)


def group_norm(takes: Takes, backward: bool, generator: Generator) -> Iterator[Question]:
    """Groups of one channel, of some, and of all."""
    for index in range(16):
        kind = ("lattice", "real", "lattice")[index % 3]
        n, c, groups, pixels = GROUPED[index % len(GROUPED)]
        arrays = {"input": numbers(kind, (n, c, *pixels), generator)}
        arrays |= _scale(takes, index, kind, (c,), generator)
        options = {"num_groups": groups, "eps": _eps(takes, index)}
        yield from asked("group_norm", kind, arrays, options, backward, generator)


def _eps(takes: Takes, index: int) -> float:
    return float(option(takes, "eps", EPS[index % len(EPS)], takes.constants.get("eps", 1e-5)))


def _scale(takes: Takes, index: int, kind: str, shape: tuple[int, ...], generator: Generator) -> dict[str, Array]:
    """Weight and bias, or the weight alone: some formulas have no bias, and torch none without a weight."""
    found: dict[str, Array] = {}
    if takes.constants.get("weight") == 0:
        return found
    found["weight"] = _distinct(shape, generator) if kind == "lattice" else numbers(kind, shape, generator)
    if takes.bias or (takes.bias is None and index % 4 != 3):
        found["bias"] = numbers(kind, shape, generator)
    return found


def _distinct(shape: tuple[int, ...], generator: Generator) -> Array:
    """1, 2, 3, ... in any order: no channel has another one's weight."""
    size = int(np.prod(shape))
    found: Any = 1.0 + generator.permutation(size)
    return np.asarray(found.reshape(shape))
