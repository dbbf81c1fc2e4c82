"""The questions for each formula: few, small, and such that different mistakes give different answers.

Sizes are unequal and vary from question to question (N is 2, 1, 3, ...), so that a factor N is not taken for a 2; some
kernels and weights are square, so that a swap of two sizes gives numbers and not only an error.  A question asks only
for what the signature has room for.
"""

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

import reference
from torch_parity.doctor.question import NONFINITE, Array, Question
from torch_parity.doctor.subject import Takes

Generator = np.random.Generator

# N, C, O, H, W, kernel, stride, padding, dilation, groups
CONVOLUTIONS_ASKED: tuple[tuple[Any, ...], ...] = (
    (2, 3, 4, 5, 7, (3, 2), 1, 0, 1, 1),
    (1, 2, 3, 6, 5, (3, 3), 1, 1, 1, 1),
    (3, 2, 2, 7, 6, (2, 3), 2, 1, 1, 1),
    (2, 3, 3, 8, 7, (3, 3), 2, 0, 1, 1),
    (3, 1, 1, 5, 6, (3, 3), 1, 0, 1, 1),
    (2, 2, 5, 7, 9, (3, 3), (2, 1), (1, 0), 1, 1),
    (1, 3, 2, 6, 8, (1, 1), 1, 0, 1, 1),
    (3, 2, 4, 9, 8, (2, 2), 3, 1, 1, 1),
    (2, 4, 6, 7, 6, (3, 3), 1, 1, 2, 2),
    (2, 4, 4, 6, 7, (3, 2), 2, (1, 2), 1, 4),
    (5, 1, 3, 6, 7, (3, 3), 1, 2, 1, 1),
    (2, 3, 2, 7, 7, (3, 3), 1, "same", 1, 1),
    (2, 2, 2, 6, 6, (4, 4), 1, "same", 1, 1),
    (1, 3, 4, 7, 10, (5, 5), 3, 2, 1, 1),
)
# N, C, H, W, kernel, stride, padding, dilation, ceil_mode
POOLS: tuple[tuple[Any, ...], ...] = (
    (2, 3, 6, 8, (2, 2), None, 0, 1, False),
    (1, 2, 5, 7, (2, 2), 2, 0, 1, False),
    (2, 2, 7, 6, (3, 3), 2, 0, 1, False),
    (3, 3, 6, 7, (3, 2), 1, 1, 1, False),
    (3, 1, 8, 6, (2, 3), (2, 1), (1, 0), 1, False),
    (2, 2, 6, 6, (3, 3), 3, 1, 1, False),
    (1, 1, 4, 4, (2, 2), None, 0, 1, False),
    (2, 3, 7, 8, (3, 3), 2, 1, 1, True),
    (2, 2, 9, 8, (2, 2), 1, 0, 2, False),
    (2, 4, 8, 8, (4, 4), None, 0, 1, False),
    (3, 2, 5, 8, (2, 2), 3, 0, 1, False),
    (2, 3, 6, 9, (3, 3), None, 0, 1, True),
)
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


def questions(formula: str, backward: bool, takes: Takes, seed: int = 0) -> list[Question]:
    """The questions for ``formula`` (its gradient if ``backward``) that a signature has room for.

    ValueError for a formula that has none.
    """
    if formula not in MAKERS:
        raise ValueError(f"formula must be one of {', '.join(MAKERS)}, got {formula!r}")
    generator = np.random.default_rng([seed, *formula.encode()])
    return list(MAKERS[formula](takes, backward, generator))


def numbers(kind: str, shape: tuple[int, ...], generator: Generator) -> Array:
    """Numbers of one kind, float64 (see ``question``)."""
    if kind == "lattice":
        return generator.integers(-4, 5, shape).astype(float)
    if kind == "ties":
        return generator.integers(-1, 2, shape).astype(float)
    if kind == "near":
        return generator.integers(1, 3, shape) + 1e-9 * generator.permutation(np.prod(shape, dtype=int)).reshape(shape)
    if kind == "negative":
        return -(1.0 + generator.permutation(np.prod(shape, dtype=int)).reshape(shape))
    if kind == "large":
        return 250.0 * generator.integers(-4, 5, shape)
    array = generator.standard_normal(shape)
    if kind == "nonfinite" and array.size:
        special = generator.choice([np.nan, np.inf, -np.inf], max(1, array.size // 6))
        array.ravel()[generator.permutation(array.size)[: len(special)]] = special
    return array


def _upstream_kind(formula: str, kind: str) -> str:
    """That of the upstream gradient: what is summed stays exact, or real; an infinity that meets a 0 shows in ReLU."""
    return kind if kind in ("lattice", "real") or (formula == "relu" and kind == NONFINITE) else "lattice"


def _option(takes: Takes, name: str, value: Any, default: Any) -> Any:
    if value == "same":
        return value if "padding 'same'" in takes.options else default
    if name not in takes.options:
        return default
    if isinstance(value, tuple) and not takes.pairs:
        return max(value)
    return value


def _square(takes: Takes, kernel: tuple[int, int]) -> tuple[int, int]:
    if "k" in takes.fixed:
        return takes.fixed["k"], takes.fixed["k"]
    return (kernel[0], kernel[0]) if takes.square else kernel


def _images(takes: Takes, index: int, n: int, *rest: int) -> tuple[int, ...]:
    """(N, C, H, W), or (C, H, W) where there is no batch."""
    single = takes.batch is False or (takes.batch is None and index % 4 == 3)
    sizes = (n, *rest)
    fixed = [takes.fixed.get(letter, size) for letter, size in zip("NCHW", sizes, strict=True)]
    return tuple(fixed[1:] if single else fixed)


def _has_bias(takes: Takes, index: int) -> bool:
    return index % 3 != 2 if takes.bias is None else takes.bias


def _convolutions(takes: Takes, backward: bool, generator: Generator) -> Iterator[Question]:
    kinds = ["lattice"] * len(CONVOLUTIONS_ASKED) + ["real"] * 5
    for index, kind in enumerate(kinds):
        n, c, o, h, w, kernel, stride, padding, dilation, groups = CONVOLUTIONS_ASKED[index % len(CONVOLUTIONS_ASKED)]
        groups = _option(takes, "groups", groups, 1)
        c, o = takes.fixed.get("C", c), takes.fixed.get("O", o)
        kernel = _square(takes, kernel)
        arrays = {
            "input": numbers(kind, _images(takes, index, n, c, h, w), generator),
            "weight": numbers(kind, (o, c // groups, *kernel), generator),
        }
        if _has_bias(takes, index):
            arrays["bias"] = numbers(kind, (o,), generator)
        options = {
            "stride": _option(takes, "stride", stride, 1),
            "padding": _option(takes, "padding", padding, 1 if padding == "same" and "padding" in takes.options else 0),
            "dilation": _option(takes, "dilation", dilation, 1),
            "groups": groups,
        }
        yield from _asked("conv2d", kind, arrays, options, backward, generator)


def _pools(formula: str, kinds: tuple[str, ...]) -> "Maker":
    def make(takes: Takes, backward: bool, generator: Generator) -> Iterator[Question]:
        for index in range(2 * len(POOLS)):
            n, c, h, w, kernel, stride, padding, dilation, ceil_mode = POOLS[index % len(POOLS)]
            kind = kinds[index % len(kinds)] if index >= len(kinds) else kinds[index]
            if kind == "nonfinite":
                padding = 0
            options: dict[str, Any] = {
                "kernel_size": _spelled(_square(takes, kernel)),
                "stride": _option(takes, "stride", stride, takes.fixed.get("s")),
                "padding": _option(takes, "padding", padding, 0),
                "ceil_mode": _option(takes, "ceil_mode", ceil_mode, False),
            }
            if formula == "max_pool2d":
                options["dilation"] = _option(takes, "dilation", dilation, 1)
            else:
                options["count_include_pad"] = _option(takes, "count_include_pad", index % 3 != 1, True)
                options["divisor_override"] = _option(takes, "divisor_override", None if index % 4 else 3, None)
            arrays = {"input": numbers(kind, _images(takes, index, n, c, h, w), generator)}
            yield from _asked(formula, kind, arrays, options, backward, generator)

    return make


def _spelled(pair: tuple[int, int]) -> int | tuple[int, int]:
    """A pair as one number where it may be one."""
    return pair[0] if pair[0] == pair[1] else pair


def _relu(takes: Takes, backward: bool, generator: Generator) -> Iterator[Question]:
    shapes = [shape for shape in ((2, 3, 4, 5), (4, 7), (3, 2, 5, 2), (6, 3), (9,)) if len(shape) in takes.ranks]
    for index in range(12):
        kind = ("lattice", "ties", "real", "large", "lattice", "nonfinite")[index % 6]
        arrays = {"input": numbers(kind, shapes[index % len(shapes)], generator)}
        yield from _asked("relu", kind, arrays, {}, backward, generator)


def _flatten(takes: Takes, backward: bool, generator: Generator) -> Iterator[Question]:
    for index in range(2 * len(IMAGES)):
        kind = "lattice" if index % 3 else "real"
        shape = _images(takes, 0, *IMAGES[index % len(IMAGES)])
        start = 1 if len(shape) == 4 else 0
        options = {
            "start_dim": _option(takes, "start_dim", (1, 0, 2)[index % 3], start),
            "end_dim": _option(takes, "end_dim", (-1, 2, -1)[index % 3], -1),
        }
        distinct = generator.permutation(np.prod(shape, dtype=int)).reshape(shape) - 3.0
        arrays = {"input": distinct if kind == "lattice" else numbers(kind, shape, generator)}
        yield from _asked("flatten", kind, arrays, options, backward, generator)


def _linear(takes: Takes, backward: bool, generator: Generator) -> Iterator[Question]:
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
        if _has_bias(takes, index):
            arrays["bias"] = numbers(kind, (o,), generator)
        yield from _asked("linear", kind, arrays, {}, backward, generator)


def _softmaxes(formula: str) -> "Maker":
    def make(takes: Takes, backward: bool, generator: Generator) -> Iterator[Question]:
        for index in range(14):
            kind = ("lattice", "real", "lattice", "large", "real", "lattice", "nonfinite")[index % 7]
            shape: tuple[int, ...] = SCORES[index % len(SCORES)]
            dim = len(shape) - 1
            if takes.ranks == (1,) or (1 in takes.ranks and index % 5 == 4):
                shape, dim = shape[1:], 0
            elif 4 in takes.ranks and index % 5 == 3:
                shape, dim = (2, *shape, 3), 2
            dim = _option(takes, "dim", index % len(shape), dim)
            yield from _asked(
                formula, kind, {"input": numbers(kind, shape, generator)}, {"dim": dim}, backward, generator
            )

    return make


def _cross_entropy(takes: Takes, backward: bool, generator: Generator) -> Iterator[Question]:
    for index in range(16):
        kind = ("lattice", "real", "lattice", "large", "real")[index % 5]
        samples, classes = SCORES[index % len(SCORES)]
        samples = takes.fixed.get("N", samples)
        scores = numbers(kind, (samples, classes), generator)
        target = generator.integers(0, classes, samples)
        if kind == "large":
            # Far apart, and the true class far below: a logarithm with an epsilon shows here.
            scores = scores / 10
        arrays: dict[str, Array] = {"input": scores, "target": target}
        if "weight" in takes.options and index % 3 == 1:
            arrays["weight"] = generator.integers(1, 5, classes) / 2
        if "ignore_index" in takes.options and index % 4 == 2 and samples > 1:
            target[0] = -100
        options = {
            "ignore_index": -100,
            "reduction": _option(takes, "reduction", ("mean", "sum", "mean", "none")[index % 4], "mean"),
            "label_smoothing": _option(takes, "label_smoothing", 0.25 if index % 3 == 2 else 0.0, 0.0),
        }
        if not backward:
            yield Question("cross_entropy", kind, arrays, options)
            continue
        shape = (samples,) if options["reduction"] == "none" else ()
        upstream = numbers("lattice", shape, generator) if "grad_output" in takes.options else np.ones(shape)
        yield Question("cross_entropy", kind, arrays, options, np.asarray(upstream))


def _sgd(takes: Takes, backward: bool, generator: Generator) -> Iterator[Question]:
    for index in range(12):
        kind = "lattice" if index < 8 else "real"
        shape = ((3, 4), (5,), (2, 3), (4, 4))[index % 4]
        steps = (1, 2, 3, 2)[index % 4]
        momentum = _option(takes, "momentum", (0.0, 0.75, 0.5, 0.25)[index % 4], 0.0)
        if takes.fixed.get("momentum"):
            momentum = 0.5
        options = {
            "lr": (0.5, 0.25, 0.125)[index % 3] if kind == "lattice" else 0.1,
            "momentum": momentum,
            "dampening": _option(takes, "dampening", 0.5 if index % 4 == 2 else 0.0, 0.0),
            "weight_decay": _option(takes, "weight_decay", 0.25 if index % 3 == 1 else 0.0, 0.0),
            "nesterov": _option(takes, "nesterov", index % 4 == 1, False),
            "maximize": _option(takes, "maximize", index % 5 == 4, False),
        }
        arrays = {"parameter": numbers(kind, shape, generator), "grads": numbers(kind, (steps, *shape), generator)}
        yield Question("sgd", kind, arrays, options)


def _pad(takes: Takes, backward: bool, generator: Generator) -> Iterator[Question]:
    for index in range(12):
        amount = (1, 2, 1, 3)[index % 4]
        amounts = (1, 2, 0, 3) if takes.pairs and index % 2 else (amount,) * 4
        mode = _option(takes, "mode", ("constant", "reflect", "replicate", "circular")[index % 4], "constant")
        shape = _images(takes, index, *((2, 3, 5, 4), (1, 2, 4, 6), (3, 1, 4, 4))[index % 3])
        options: dict[str, Any] = {"pad": amounts, "mode": mode}
        if mode == "constant":
            options["value"] = _option(takes, "value", float(index % 3), 0.0)
        yield from _asked(
            "pad", "lattice", {"input": numbers("lattice", shape, generator)}, options, backward, generator
        )


def _asked(
    formula: str, kind: str, arrays: dict[str, Array], options: dict[str, Any], backward: bool, generator: Generator
) -> Iterator[Question]:
    """The question for the output, or for the gradients under a random upstream gradient."""
    question = Question(formula, kind, arrays, options)
    if backward:
        upstream = numbers(_upstream_kind(formula, kind), output_shape(question), generator)
        question = Question(formula, kind, arrays, options, upstream)
    yield question


def output_shape(question: Question) -> tuple[int, ...]:
    """The shape of the right output."""
    return np.shape(right_output(question))


def right_output(question: Question) -> Array:
    """The right output."""
    function = getattr(reference, question.formula)
    with np.errstate(all="ignore"):
        found: Array = function(**question.arrays, **question.options)
    return found


Maker = Callable[[Takes, bool, Generator], Iterator[Question]]
# Of max pooling, the first questions must tell its mistakes apart: ties, near ties, negative numbers.
MAKERS: dict[str, Maker] = {
    "conv2d": _convolutions,
    "pad": _pad,
    "relu": _relu,
    "max_pool2d": _pools("max_pool2d", ("lattice", "ties", "near", "negative", "real", "lattice", "ties", "nonfinite")),
    "avg_pool2d": _pools("avg_pool2d", ("lattice", "lattice", "real", "lattice")),
    "flatten": _flatten,
    "linear": _linear,
    "softmax": _softmaxes("softmax"),
    "log_softmax": _softmaxes("log_softmax"),
    "cross_entropy": _cross_entropy,
    "sgd": _sgd,
}
