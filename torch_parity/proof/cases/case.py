"""One call of a formula, the numbers it is made of, and the choices that several formulas share."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol, TypeVar

import numpy as np
import numpy.typing as npt

T = TypeVar("T")
KINDS = ("lattice", "real", "ties", "extremes")

# The lattice: products of two such integers, and a bias, summed over fewer than 2**24 / 20 terms, are exact in float32.
LATTICE = 4


class Draw(Protocol):
    """A source of choices: a random generator, or a property-based testing tool that can shrink what it chose."""

    def integer(self, low: int, high: int) -> int:
        """An integer from ``low`` to ``high``, both included."""
        ...

    def choice(self, options: Sequence[T]) -> T:
        """One of ``options``; simpler ones stand first."""
        ...


class RandomDraw:
    """Choices from a NumPy generator."""

    def __init__(self, generator: np.random.Generator) -> None:
        """Draw from ``generator``."""
        self._generator = generator

    def integer(self, low: int, high: int) -> int:
        """An integer from ``low`` to ``high``, both included."""
        return int(self._generator.integers(low, high + 1))

    def choice(self, options: Sequence[T]) -> T:
        """One of ``options``."""
        return options[int(self._generator.integers(len(options)))]


@dataclass(frozen=True)
class Case:
    """One call.  ``arrays``: the array arguments by name, in torch's order; ``arguments``: all others, by name."""

    kind: str
    dtype: np.dtype[Any]
    arrays: dict[str, npt.NDArray[Any]]
    arguments: dict[str, Any] = field(default_factory=dict)
    seed: int = 0
    upstream_kind: str | None = None  # as kind unless given
    plain: bool = False  # whether all arrays, the upstream gradient too, lie contiguous in memory

    def upstream(self, shape: tuple[int, ...]) -> npt.NDArray[Any]:
        """The gradient that comes from above, for an output of ``shape``: random, as everything else."""
        generator = np.random.default_rng([self.seed, 1])
        array = numbers(generator, shape, self.upstream_kind or self.kind, self.dtype)
        return array if self.plain else layout(array, generator)

    def __str__(self) -> str:
        """One line: kind, dtype, shapes and arguments."""
        arrays = [f"{name} {array.shape}" for name, array in self.arrays.items()]
        arguments = [f"{name}={value!r}" for name, value in self.arguments.items()]
        return f"{self.kind}, {self.dtype}: {', '.join(arrays + arguments)}"


Maker = Callable[[Draw, str, "np.dtype[Any]"], Case]


def numbers(
    generator: np.random.Generator, shape: tuple[int, ...], kind: str, dtype: np.dtype[Any]
) -> npt.NDArray[Any]:
    """Random numbers of one kind (see the top of the package)."""
    if kind == "lattice":
        return generator.integers(-LATTICE, LATTICE + 1, shape).astype(dtype)
    if kind == "ties":
        return generator.choice(np.array([-1.0, -0.0, 0.0, 1.0], dtype), shape)
    if kind == "real":
        scale = 10.0 ** generator.integers(-3, 4)
        return (generator.standard_normal(shape) * scale).astype(dtype)
    info = np.finfo(dtype)
    special = [np.nan, np.inf, -np.inf, -0.0, 0.0, 1.0, -1.5, info.max, info.min, info.max / 3]
    special += [info.tiny, -info.tiny / 3, info.smallest_subnormal]
    # Few per array: where half the pixels are NaN, everything is.
    array = generator.standard_normal(shape).astype(dtype)
    rare = generator.random(shape) < generator.choice([0.02, 0.1, 0.5])
    return np.where(rare, generator.choice(np.array(special, dtype), shape), array)


def layout(array: npt.NDArray[Any], generator: np.random.Generator) -> npt.NDArray[Any]:
    """The same shape, in a random memory layout.  (Broadcasting also repeats the first entry.)"""
    layout = generator.integers(10)
    if array.ndim == 0 or layout > 5:
        return array
    if layout == 0:
        return np.ascontiguousarray(array.T).T
    if layout == 1:
        return np.repeat(array, 2, axis=-1)[..., ::2]
    if layout == 2:
        return array[..., ::-1].copy()[..., ::-1]
    if layout == 3:
        return np.moveaxis(np.ascontiguousarray(np.moveaxis(array, 0, -1)), -1, 0)  # batch last
    if layout == 4:
        array.flags.writeable = False
        return array
    return np.broadcast_to(array[:1], array.shape) if len(array) > 1 else array


def make(
    draw: Draw,
    kind: str,
    dtype: np.dtype[Any],
    shapes: dict[str, tuple[int, ...]],
    arguments: dict[str, Any],
    upstream: str | None = None,
) -> Case:
    """A case of random numbers.  ``upstream`` is the kind of the upstream gradient, where it must be another one."""
    seed = draw.integer(0, 2**32 - 1)
    plain = draw.choice([True, False, False])
    generator = np.random.default_rng([seed, 0])
    # Extreme weights would leave no sum finite; one extreme pixel spoils the windows that see it, and no others.
    kinds = {name: kind if name == "input" else rounds(kind) for name in shapes}
    arrays = {name: numbers(generator, shape, kinds[name], dtype) for name, shape in shapes.items()}
    if not plain:
        arrays = {name: layout(array, generator) for name, array in arrays.items()}
    return Case(kind, dtype, arrays, arguments, seed, upstream, plain)


def rounds(kind: str) -> str:
    """The upstream kind of a gradient that rounds: sums of extremes overflow in one order and not in another."""
    return "real" if kind == "extremes" else kind


def pair(draw: Draw, low: int, high: int) -> tuple[int, int]:
    """Two integers from ``low`` to ``high``, both included."""
    return draw.integer(low, high), draw.integer(low, high)


def spelled(draw: Draw, value: tuple[int, int]) -> int | tuple[int, ...] | list[int]:
    """A pair as torch lets one write it: equal numbers as one, others as a tuple or a list."""
    if value[0] == value[1]:
        return (value[0], value, (value[0],))[draw.integer(0, 2)]
    return list(value) if draw.integer(0, 1) else value


def batch(draw: Draw) -> tuple[int, ...]:
    """The dimensions before (C, H, W): a batch of 0 to 5, or none."""
    return draw.choice([(2,), (1,), (3,), (5,), (0,), ()])


def window(draw: Draw) -> tuple[int, int]:
    """Squares, rows, columns, single pixels, and all else."""
    long = draw.integer(2, 5)
    return draw.choice([(2, 2), (3, 3), (1, 1), (1, long), (long, 1), pair(draw, 1, 5), pair(draw, 2, 5)])


def step(draw: Draw, span: tuple[int, int]) -> tuple[int, int]:
    """Windows of ``span`` pixels that overlap, touch, or leave gaps."""
    gaps = (span[0] + draw.integer(1, 2), span[1] + draw.integer(0, 2))
    return draw.choice([(1, 1), (2, 2), span, gaps, pair(draw, 1, 6)])


def image(draw: Draw, smallest: Sequence[int]) -> tuple[int, ...]:
    """Height and width: as small as possible, often a single pixel, or some pixels more."""
    tight = draw.choice([False, False, True])
    return tuple(size if tight else size + draw.choice([0, 1, 2, 3, 5, 8]) for size in smallest)
