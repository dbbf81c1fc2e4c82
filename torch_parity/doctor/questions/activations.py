"""Questions about activations."""

from collections.abc import Iterator
from typing import Any

from torch_parity.doctor.question import Question
from torch_parity.doctor.questions.asking import Generator, Maker, asked, numbers, option
from torch_parity.doctor.subject import Takes


def relu(takes: Takes, backward: bool, generator: Generator) -> Iterator[Question]:
    """Numbers of every kind: kinks, overflow, NaN and infinity."""
    shapes = [shape for shape in ((2, 3, 4, 5), (4, 7), (3, 2, 5, 2), (6, 3), (9,)) if len(shape) in takes.ranks]
    for index in range(12):
        kind = ("lattice", "ties", "real", "large", "lattice", "nonfinite")[index % 6]
        arrays = {"input": numbers(kind, shapes[index % len(shapes)], generator)}
        yield from asked("relu", kind, arrays, {}, backward, generator)


# What the options are, one question after another.  A slope above 1, or below 0, tells a comparison of x from one of y.
CHOICES: dict[str, dict[str, tuple[Any, ...]]] = {
    "leaky_relu": {"negative_slope": (0.25, 0.5, 2.0, 0.125, -0.5)},
    "gelu": {"approximate": ("none", "tanh", "tanh", "none", "none")},
}
DEFAULTS = {"negative_slope": 0.01, "approximate": "none"}


def pointwise(formula: str) -> Maker:
    """The maker for an activation that looks at each number by itself."""

    def make(takes: Takes, backward: bool, generator: Generator) -> Iterator[Question]:
        shapes = [shape for shape in ((2, 3, 4, 5), (4, 7), (3, 2, 5, 2), (6, 3), (9,)) if len(shape) in takes.ranks]
        for index in range(12):
            kind = ("lattice", "real", "ties", "large", "real", "lattice")[index % 6]
            arrays = {"input": numbers(kind, shapes[index % len(shapes)], generator)}
            choices = CHOICES.get(formula, {})
            options = {
                name: option(takes, name, values[index % len(values)], DEFAULTS[name])
                for name, values in choices.items()
            }
            if "approximated" in takes.options:
                options["approximate"] = "tanh"
            yield from asked(formula, kind, arrays, options, backward, generator)

    return make
