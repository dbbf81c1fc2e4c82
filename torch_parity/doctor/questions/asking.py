"""How a question is put together: numbers, sizes and options, as far as a signature has room for them."""

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

import reference
from torch_parity.doctor.question import NONFINITE, Array, Question
from torch_parity.doctor.subject import Takes

Generator = np.random.Generator
Maker = Callable[[Takes, bool, Generator], Iterator[Question]]


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


def exact(shape: tuple[int, ...], generator: Generator) -> Array:
    """Whole numbers without a 0."""
    return np.asarray(generator.integers(1, 5, shape) * generator.choice([-1.0, 1.0], shape))


def upstream_kind(formula: str, kind: str) -> str:
    """That of the upstream gradient: what is summed stays exact, or real; an infinity that meets a 0 shows in ReLU."""
    return kind if kind in ("lattice", "real") or (formula == "relu" and kind == NONFINITE) else "lattice"


def option(takes: Takes, name: str, value: Any, default: Any) -> Any:
    """``value`` as the signature takes it, ``default`` where it has no room for the option."""
    if value == "same":
        return value if "padding 'same'" in takes.options else default
    if name not in takes.options:
        return default
    if isinstance(value, tuple) and not takes.pairs:
        return max(value)
    return value


def square(takes: Takes, kernel: tuple[int, int]) -> tuple[int, int]:
    """``kernel``, as high as wide where it must be."""
    if "k" in takes.fixed:
        return takes.fixed["k"], takes.fixed["k"]
    return (kernel[0], kernel[0]) if takes.square else kernel


def images(takes: Takes, index: int, n: int, *rest: int) -> tuple[int, ...]:
    """(N, C, H, W), or (C, H, W) where there is no batch."""
    single = takes.batch is False or (takes.batch is None and index % 4 == 3)
    sizes = (n, *rest)
    fixed = [takes.fixed.get(letter, size) for letter, size in zip("NCHW", sizes, strict=True)]
    return tuple(fixed[1:] if single else fixed)


def has_bias(takes: Takes, index: int) -> bool:
    """Whether the question with this index has a bias."""
    return index % 3 != 2 if takes.bias is None else takes.bias


def spelled(pair: tuple[int, int]) -> int | tuple[int, int]:
    """A pair as one number where it may be one."""
    return pair[0] if pair[0] == pair[1] else pair


def asked(
    formula: str, kind: str, arrays: dict[str, Array], options: dict[str, Any], backward: bool, generator: Generator
) -> Iterator[Question]:
    """The question for the output, or for the gradients under a random upstream gradient."""
    question = Question(formula, kind, arrays, options)
    if backward:
        upstream = numbers(upstream_kind(formula, kind), output_shape(question), generator)
        question = Question(formula, kind, arrays, options, upstream)
    yield question


def output_shape(question: Question) -> tuple[int, ...]:
    """The shape of the right output."""
    return np.shape(right_output(question))


def right_output(question: Question) -> Array:
    """The right output."""
    function = getattr(reference, question.formula)
    lacks_statistics = question.formula == "batch_norm" and "running_mean" not in question.arrays
    needed = {"running_mean": None, "running_var": None} if lacks_statistics else {}
    with np.errstate(all="ignore"):
        found: Array = function(**needed, **question.arrays, **question.options)
    return found
