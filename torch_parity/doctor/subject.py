"""What a style finds in a file: a function, or half of a layer, and how to call it."""

from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from typing import Any

from torch_parity.doctor.question import Question

# What a call gives: "output", or "grad_input", "grad_weight", "grad_bias"; in torch's layouts, None where missing.
Results = dict[str, Any]
Run = Callable[[Question], Results]


@dataclass(frozen=True)
class Takes:
    """What a signature has room for, in torch's names.  What it has no room for is not asked.

    ``options``: the optional arguments that it has ("stride", "padding", "dilation", "groups", "ceil_mode" ...; also
    "grad_output" where a loss takes one).  ``pairs``: these may be (height, width).  ``square``: kernels must be
    square.  ``batch`` and ``bias``: True for always, False for never, None for either.  ``fixed``: sizes that cannot
    be others, by letter, as {"C": 1}, or {"s": 1} for a stride.  ``ranks``: the numbers of dimensions of an input
    without channels.  ``constants``: numbers that are written into the code, as {"eps": 1e-8}; {"weight": 0} for a
    normalisation without one.
    """

    options: tuple[str, ...] = ()
    pairs: bool = False
    square: bool = False
    batch: bool | None = True
    bias: bool | None = True
    fixed: dict[str, int] = field(default_factory=dict)
    ranks: tuple[int, ...] = (2, 4)
    constants: dict[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class Reading:
    """One way to call a subject.  ``conventions``: what is thereby taken to differ legitimately, for the reader.

    ``prepare`` makes what a question needs (an instance with weights of its shapes, say), and gives back the function
    that answers questions of these shapes and options: called twice, it calls the same instance twice.
    """

    prepare: Callable[[Question], Run]
    conventions: tuple[str, ...] = ()


@dataclass(frozen=True)
class Subject:
    """A function, or half of a layer.

    ``name`` is that of the formula, with "_backward" for the gradient; ``found`` the student's own name; ``style``
    where such signatures come from, and ``signature`` the same in words.  ``results``: what a call gives.
    ``readings``: tried in this order, the first that is right holds.  ``layer`` joins a forward to its backward.
    ``line``: where it stands in the file.
    """

    name: str
    found: str
    style: str
    signature: str
    results: tuple[str, ...]
    readings: tuple[Reading, ...]
    takes: Takes = Takes()
    layer: str = ""
    line: int = 0

    @property
    def formula(self) -> str:
        """The name without "_backward"."""
        return self.name.removesuffix("_backward")

    @property
    def backward(self) -> bool:
        """Whether it gives gradients."""
        return self.name.endswith("_backward")


@dataclass(frozen=True)
class Found:
    """A subject as the other process tells of it: all but the code."""

    index: int
    name: str
    found: str
    style: str
    signature: str
    results: tuple[str, ...]
    takes: Takes
    layer: str
    line: int
    conventions: tuple[tuple[str, ...], ...]  # of each reading

    @property
    def formula(self) -> str:
        """The name without "_backward"."""
        return self.name.removesuffix("_backward")

    @property
    def backward(self) -> bool:
        """Whether it gives gradients."""
        return self.name.endswith("_backward")


@dataclass(frozen=True)
class NotUnderstood:
    """What stands in the file and could not be understood, why, and what would help."""

    found: str
    reason: str
    what_helps: str


def described(index: int, subject: Subject) -> dict[str, Any]:
    """A subject as JSON can say it."""
    said = {name: getattr(subject, name) for name in Found.__dataclass_fields__ if hasattr(subject, name)}
    conventions = [reading.conventions for reading in subject.readings]
    return {**said, "index": index, "takes": asdict(subject.takes), "conventions": conventions}


def found_from(said: dict[str, Any]) -> Found:
    """The subject that ``described`` tells of."""
    takes: dict[str, Any] = {name: tuple(v) if isinstance(v, list) else v for name, v in said["takes"].items()}
    conventions = tuple(tuple(reading) for reading in said["conventions"])
    return Found(**{**said, "results": tuple(said["results"]), "takes": Takes(**takes), "conventions": conventions})
