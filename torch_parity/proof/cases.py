"""Inputs for the proof: every argument of every formula, on several kinds of numbers.

A case is one call of one formula.  Four kinds of numbers each find what the others let pass:

    lattice   small integers: no sum of their products rounds, in any order, so any difference at all is a bug
    ties      only -1, -0.0, 0.0 and 1: equal maxima, kinks and signed zeros everywhere (exact as well)
    real      normally distributed, of random scale: what networks compute with, and scores of hundreds; these round
    extremes  NaN, infinities, subnormals, the largest and smallest numbers of the dtype

Shapes are unequal (H != W, C != O, kH != kW mostly), so that a swap of two of them shows.  Arrays lie in memory in
every way that NumPy knows: transposed, sliced, reversed, broadcast, read-only.

The odds are such that a few thousand cases meet every pair of properties of two arguments (``coverage`` counts them).
"""

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
        return array if self.plain else _layout(array, generator)

    def __str__(self) -> str:
        """One line: kind, dtype, shapes and arguments."""
        arrays = [f"{name} {array.shape}" for name, array in self.arrays.items()]
        arguments = [f"{name}={value!r}" for name, value in self.arguments.items()]
        return f"{self.kind}, {self.dtype}: {', '.join(arrays + arguments)}"


def numbers(
    generator: np.random.Generator, shape: tuple[int, ...], kind: str, dtype: np.dtype[Any]
) -> npt.NDArray[Any]:
    """Random numbers of one kind (see the top of this file)."""
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


def _layout(array: npt.NDArray[Any], generator: np.random.Generator) -> npt.NDArray[Any]:
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


def _make(
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
    kinds = {name: kind if name == "input" else _rounds(kind) for name in shapes}
    arrays = {name: numbers(generator, shape, kinds[name], dtype) for name, shape in shapes.items()}
    if not plain:
        arrays = {name: _layout(array, generator) for name, array in arrays.items()}
    return Case(kind, dtype, arrays, arguments, seed, upstream, plain)


def _rounds(kind: str) -> str:
    """The upstream kind of a gradient that rounds: sums of extremes overflow in one order and not in another."""
    return "real" if kind == "extremes" else kind


def _pair(draw: Draw, low: int, high: int) -> tuple[int, int]:
    return draw.integer(low, high), draw.integer(low, high)


def _spelled(draw: Draw, value: tuple[int, int]) -> int | tuple[int, ...] | list[int]:
    """A pair as torch lets one write it: equal numbers as one, others as a tuple or a list."""
    if value[0] == value[1]:
        return (value[0], value, (value[0],))[draw.integer(0, 2)]
    return list(value) if draw.integer(0, 1) else value


def _batch(draw: Draw) -> tuple[int, ...]:
    """The dimensions before (C, H, W): a batch of 0 to 5, or none."""
    return draw.choice([(2,), (1,), (3,), (5,), (0,), ()])


def _kernel(draw: Draw) -> tuple[int, int]:
    """Squares, rows, columns, single pixels, and all else."""
    long = draw.integer(2, 5)
    return draw.choice([(2, 2), (3, 3), (1, 1), (1, long), (long, 1), _pair(draw, 1, 5), _pair(draw, 2, 5)])


def _stride(draw: Draw, span: tuple[int, int]) -> tuple[int, int]:
    """Windows of ``span`` pixels that overlap, touch, or leave gaps."""
    gaps = (span[0] + draw.integer(1, 2), span[1] + draw.integer(0, 2))
    return draw.choice([(1, 1), (2, 2), span, gaps, _pair(draw, 1, 6)])


def _image(draw: Draw, smallest: Sequence[int]) -> tuple[int, ...]:
    """Height and width: as small as possible, often a single pixel, or some pixels more."""
    tight = draw.choice([False, False, True])
    return tuple(size if tight else size + draw.choice([0, 1, 2, 3, 5, 8]) for size in smallest)


def conv2d(draw: Draw, kind: str, dtype: np.dtype[Any]) -> Case:
    """Every argument of a convolution, depthwise ones and 'same' padding included."""
    groups = draw.choice([1, 1, 1, 2, 3, 4])
    channels = draw.choice([1, 2, 3, 5]) if groups < 4 else 1
    filters = draw.choice([1, 2, 3, 4])
    kernel = _kernel(draw)
    dilation = draw.choice([(1, 1), (1, 1), (2, 2), _pair(draw, 1, 3)])
    span = (dilation[0] * (kernel[0] - 1) + 1, dilation[1] * (kernel[1] - 1) + 1)
    padding: Any = draw.choice([(0, 0), (1, 1), _pair(draw, 0, 4), "same", "valid"])
    stride = (1, 1) if padding == "same" else _stride(draw, span)
    added = {"same": span, "valid": (0, 0)}.get(padding) or (2 * padding[0], 2 * padding[1])
    size = _image(draw, [max(1, s - a) for s, a in zip(span, added, strict=True)])  # at least one window
    shapes = {
        "input": (*_batch(draw), channels * groups, *size),
        "weight": (filters * groups, channels, *kernel),
    }
    if draw.integer(0, 3):
        shapes["bias"] = (filters * groups,)
    arguments: dict[str, Any] = {
        "stride": _spelled(draw, stride),
        "padding": padding if isinstance(padding, str) else _spelled(draw, padding),
        "dilation": _spelled(draw, dilation),
        "groups": groups,
    }
    return _make(draw, kind, dtype, shapes, arguments, _rounds(kind))


def pad(draw: Draw, kind: str, dtype: np.dtype[Any]) -> Case:
    """Four modes, one to three padded axes, crops too."""
    mode = draw.choice(["constant", "reflect", "replicate", "circular"])
    axes = draw.integer(1, 3)
    leading = draw.choice([(2, 3), (3,), (1, 2), (0, 3)] + [(2,), ()] * (mode == "constant"))
    shape = (*leading, *(draw.integer(1, 6) for _ in range(axes)))
    everywhere = draw.choice([None, 0, 1, None, 2, -1])  # the same amount on all sides
    amounts = []
    for size in shape[: -axes - 1 : -1]:
        before, after = draw.choice([0, 1, 2, -1, 3]), draw.choice([0, 2, 1, -1, 4])
        if everywhere is not None:
            before = after = everywhere
        if size + min(before, 0) + min(after, 0) < 1:
            before, after = max(before, 0), max(after, 0)
        kept = size + min(before, 0) + min(after, 0)
        room = {"reflect": size - 1, "circular": kept}.get(mode, 9)
        amounts += [min(before, room), min(after, room)]
    arguments: dict[str, Any] = {"pad": tuple(amounts), "mode": mode}
    if mode == "constant":
        arguments["value"] = draw.choice([0.0, -2.0, None, float("inf"), -0.0])
    return _make(draw, kind, dtype, {"input": shape}, arguments, _rounds(kind))


def relu(draw: Draw, kind: str, dtype: np.dtype[Any]) -> Case:
    """Any shape, numbers without dimensions and long rows included."""
    shape = draw.choice([(2, 3, 5, 4), (), (0,), (1,), (67,), (3, 0, 2), (draw.integer(1, 300),)])
    return _make(draw, kind, dtype, {"input": shape}, {})


def _pooling(draw: Draw, dilated: bool) -> tuple[tuple[int, ...], dict[str, Any]]:
    """The shape of an image and the arguments that both kinds of pooling share."""
    kernel = _kernel(draw)
    dilation = draw.choice([(1, 1), (2, 2), _pair(draw, 1, 3)]) if dilated else (1, 1)
    span = (dilation[0] * (kernel[0] - 1) + 1, dilation[1] * (kernel[1] - 1) + 1)
    stride = draw.choice([None, _stride(draw, span), _stride(draw, span)])
    most = (kernel[0] // 2, kernel[1] // 2)
    padding = draw.choice([(0, 0), most, (draw.integer(0, most[0]), draw.integer(0, most[1]))])
    if draw.integer(0, 15) == 15:  # windows that hang over the edge of a single pixel are rarely met by chance
        kernel = span = (4, 4)
        stride, padding, dilation = draw.choice([(2, 2), (3, 3)]), (2, 2), (1, 1)
    smallest = []
    for s, p, d in zip(span, padding, dilation, strict=True):
        # A window that is dilated and padded might see padding alone, which is refused.
        smallest.append(s if d > 1 and p else max(1, s - 2 * p))
    arguments: dict[str, Any] = {
        "kernel_size": _spelled(draw, kernel),
        "stride": None if stride is None else _spelled(draw, stride),
        "padding": _spelled(draw, padding),
        "ceil_mode": draw.choice([False, True]),
    }
    if dilated:
        arguments["dilation"] = _spelled(draw, dilation)
    return (*_batch(draw), draw.integer(1, 4), *_image(draw, smallest)), arguments


def max_pool2d(draw: Draw, kind: str, dtype: np.dtype[Any]) -> Case:
    """Windows that overlap, touch, leave gaps or hang over the edge."""
    shape, arguments = _pooling(draw, dilated=True)
    return _make(draw, kind, dtype, {"input": shape}, arguments)


def avg_pool2d(draw: Draw, kind: str, dtype: np.dtype[Any]) -> Case:
    """The windows of max pooling, and every way to count."""
    shape, arguments = _pooling(draw, dilated=False)
    arguments["count_include_pad"] = draw.choice([True, False])
    arguments["divisor_override"] = draw.choice([None, None, 3, -7])
    return _make(draw, kind, dtype, {"input": shape}, arguments)


def flatten(draw: Draw, kind: str, dtype: np.dtype[Any]) -> Case:
    """Any range of dimensions, counted from either end."""
    shape = tuple(draw.choice([2, 1, 3, 5, 2, 3, 0]) for _ in range(draw.integer(0, 5)))
    ndim = max(1, len(shape))
    start = draw.choice([0, draw.integer(0, ndim - 1)])
    end = draw.choice([ndim - 1, draw.integer(start, ndim - 1)])
    arguments = {"start_dim": start - draw.choice([0, ndim]), "end_dim": end - draw.choice([0, ndim])}
    return _make(draw, kind, dtype, {"input": shape}, arguments)


def linear(draw: Draw, kind: str, dtype: np.dtype[Any]) -> Case:
    """Inputs of one to four dimensions, no bias, a single row of weights, and empty everything."""
    features = draw.choice([3, 1, 7, 40, 0])
    outputs = draw.choice([(5,), (1,), (13,), (0,), ()])
    leading = draw.choice([(2,), (1,), (), (7,), (0,), (2, 3), (2, 1, 4)])
    shapes = {"input": (*leading, features), "weight": (*outputs, features)}
    if draw.integer(0, 3) and (outputs or len(leading) != 1):  # torch has no such product
        shapes["bias"] = outputs
    return _make(draw, kind, dtype, shapes, {}, _rounds(kind))


def softmax(draw: Draw, kind: str, dtype: np.dtype[Any]) -> Case:
    """Any dimension of any shape; no classes to 1000; scores up to thousands."""
    others = [draw.choice([2, 3, 1, 2, 3, 1, 4, 0]) for _ in range(draw.integer(0, 3))]
    axis = draw.integer(0, len(others))
    classes = draw.choice([10, draw.integer(1, 50), 1, draw.integer(1, 50), 1000, 0])
    shape = draw.choice([(*others[:axis], classes, *others[axis:])] * 7 + [()])
    ndim = max(1, len(shape))
    arguments = {"dim": min(axis, ndim - 1) - draw.choice([0, ndim])}
    return _make(draw, kind, dtype, {"input": shape}, arguments, _rounds(kind))


def cross_entropy(draw: Draw, kind: str, dtype: np.dtype[Any]) -> Case:
    """Class indices and probabilities, weights, ignored samples, smoothing, and images of scores."""
    targets = draw.choice(["int64", "probabilities", "uint8"])
    classes = draw.choice([3, 10, 2, 1, draw.integer(1, 200), 200 if targets == "uint8" else 1000])
    samples = draw.choice([(4,), (), (1,), (7,), (0,)] + [(2, 3), (2, 3, 2), (2, 0)] * (targets != "uint8"))
    shape = (*samples[:1], classes, *samples[1:])
    weights = draw.choice(["none", "some", "some zero"])
    arguments: dict[str, Any] = {
        "reduction": draw.choice(["mean", "sum", "none"]),
        "label_smoothing": draw.choice([0.0, 0.1, 0.0, 1.0, 0.37]),
        "ignore_index": draw.choice([-100, -1] if targets == "probabilities" else [-100, -1, 0]),
    }
    left_out = draw.choice([0.0, 0.3, 1.0])  # of the samples, where targets are class indices
    case = _make(draw, kind, dtype, {"input": shape}, arguments)
    generator = np.random.default_rng([case.seed, 2])
    if targets == "probabilities":
        parts = generator.exponential(size=shape) * (generator.random(shape) < 0.7)
        target: npt.NDArray[Any] = (parts / max(parts.sum(), 1)).astype(dtype)
    else:
        target = generator.integers(0, classes, samples)
        target = np.where(generator.random(samples) < left_out, arguments["ignore_index"], target)
        # torch reads bytes in its plainest losses only; where it smooths, it takes 156 for -100.
        smoothed = arguments["label_smoothing"] > 0
        refused = smoothed and weights != "none" and arguments["reduction"] == "mean"
        confused = smoothed and (target == arguments["ignore_index"] % 256).any() and arguments["ignore_index"] < 0
        if targets == "uint8" and not refused and not confused and target.min(initial=0) >= 0:
            target = target.astype(np.uint8)
    arrays = {**case.arrays, "target": target if case.plain else _layout(target, generator)}
    if weights != "none":
        weight = generator.uniform(0.1, 2, classes).astype(dtype)
        if weights == "some zero":
            weight[generator.random(classes) < 0.4] = 0
        arrays["weight"] = weight if case.plain else _layout(weight, generator)
    return Case(kind, dtype, arrays, arguments, case.seed, _rounds(kind), case.plain)


def sgd(draw: Draw, kind: str, dtype: np.dtype[Any]) -> Case:
    """One to four steps with every option.  On the lattice the options are dyadic, so that nothing rounds."""
    shape = draw.choice([(3, 5), (1,), (), (40,), (0, 3)])
    exact = kind in ("lattice", "ties")
    arguments: dict[str, Any] = {
        "lr": draw.choice([0.5, 0.0] if exact else [0.001, 0.1, 0.02, 1.0, 0.0]),
        "momentum": draw.choice([0.0, 0.75, 0.5] if exact else [0.0, 0.9, 0.5]),
        "dampening": draw.choice([0.0, 0.5] if exact else [0.0, 0.1]),
        "weight_decay": draw.choice([0.0, 0.25] if exact else [0.0, 1e-4, 0.3]),
        "nesterov": draw.choice([False, True]),
        "maximize": draw.choice([False, True]),
    }
    if arguments["momentum"] == 0 or arguments["dampening"] != 0:
        arguments["nesterov"] = False
    steps = draw.integer(1, 2 if exact else 4)  # a third exact step would need more than 24 bits
    return _make(draw, kind, dtype, {"parameter": shape, "grads": (steps, *shape)}, arguments)


Maker = Callable[[Draw, str, "np.dtype[Any]"], Case]
