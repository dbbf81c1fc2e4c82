"""What a section of the lesson consists of."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import product
from typing import Any

import numpy as np
import torch

from torch_parity.audit.mistakes import MISTAKES, Mistake
from torch_parity.lesson.example import Call, Example, Matrices, UnequalError, prove, wrong

BY_NAME = {mistake.name: mistake for mistake in MISTAKES}


@dataclass(frozen=True)
class Demonstration:
    """A mistake that the reader can switch in: its name in ``audit/mistakes``, and where nobody would notice it.

    ``hidden_by`` says it in words, as in "a kernel that looks the same after half a turn"; ``hidden`` are the matrices
    and options that make it so; None where nothing hides it altogether.  ``shown`` are those that make it seen, where
    what the section shows at first does not.

    A mistake in ``audit`` may be in the forward alone.  Whoever makes it and has no gradient of their own gets that of
    the wrong formula: ``in_torch`` is the section's code in torch with the mistake in it, by which torch finds it.
    """

    name: str
    hidden_by: str
    hidden: dict[str, Any] | None
    shown: dict[str, Any] = field(default_factory=dict)
    in_torch: Callable[..., dict[str, torch.Tensor]] | None = None

    @property
    def mistake(self) -> Mistake:
        """The wrong formula."""
        return BY_NAME[self.name]


@dataclass(frozen=True)
class Section:
    """One section of the page.

    ``given`` are the matrices that the figure starts from, ``options`` the choices of its controls; the first of each
    is what the page shows at first.  ``calls`` says what is computed of them: it is proven, and put into the page to be
    checked again, for every combination of options, with ``given`` and with each of ``also`` in its place.
    """

    name: str  # its id in the page
    title: str
    idea: str  # two sentences
    question: str
    answer: str
    formulas: dict[str, str] = field(default_factory=dict)  # what it says -> LaTeX, one line
    on_paper: tuple[Callable[..., Any], ...] = ()  # of reference/definition/
    fast: tuple[Callable[..., Any], ...] = ()  # of the other files of reference/
    # Tensors and options by name -> the same matrices.
    in_torch: Callable[..., dict[str, torch.Tensor]] = lambda **state: {}
    captions: dict[str, str] = field(default_factory=dict)  # matrix -> what it is; empty: there is no figure
    given: Matrices = field(default_factory=dict)
    editable: tuple[str, ...] = ()
    options: dict[str, tuple[Any, ...]] = field(default_factory=dict)
    also: tuple[Matrices, ...] = ()
    calls: Callable[[Matrices, dict[str, Any]], list[Call]] = lambda given, options: []
    # The given matrices, cut or extended to the sizes that the options ask for, as an upstream gradient must be.
    fit: Callable[[Matrices, dict[str, Any]], Matrices] = lambda given, options: given
    # What the figure's JavaScript needs besides, in the page's JSON.
    extra: Callable[[], dict[str, Any]] = dict
    walks: str = ""  # the matrix that "Next number" goes through; the first result if none is named
    exercise: str = ""  # the head of a function to write
    demonstrations: tuple[Demonstration, ...] = ()

    @property
    def first(self) -> dict[str, Any]:
        """The options that the page shows at first."""
        return {name: choices[0] for name, choices in self.options.items()}

    def examples(self) -> Iterator[Example]:
        """All of them, proven; the first is what the page shows at first."""
        for given in (self.given, *({**self.given, **more} for more in self.also)):
            for values in product(*self.options.values()):
                yield self.example(given, dict(zip(self.options, values, strict=True)))

    def example(self, given: Matrices, options: dict[str, Any]) -> Example:
        """One of them, proven: by ``calls``, and by the code that the page shows as "the same in torch"."""
        given = self.fit(given, options)
        results = prove(self.calls(given, options))
        # An option may choose a matrix of its name.
        shown = self.in_torch(**{**options, **_tensors(given)})
        for name, found in shown.items():
            other, proven = found.detach().numpy().ravel(), results[name]
            near = np.abs(other - proven.torch.ravel()) <= proven.bound.ravel()  # another way through torch may round
            if not (near | (other == proven.torch.ravel())).all():
                raise UnequalError(f"{self.name}.{name}: the code shown gives {found}, the proof {results[name].torch}")
        return Example(options, given, results)

    def with_mistake(self, demonstration: Demonstration, state: dict[str, Any]) -> tuple[Example, Matrices]:
        """The section with ``state``, matrices and options, in place of what is shown at first: right, and wrong."""
        given = {name: np.asarray(state.get(name, matrix)) for name, matrix in self.given.items()}
        options = {name: state.get(name, choice) for name, choice in self.first.items()}
        right = self.example(given, options)
        planted = wrong(self.calls(right.given, options), demonstration.mistake)
        planted = {name: planted[name] for name in right.results if name in planted}
        if demonstration.in_torch is None:
            return right, planted
        for name, found in demonstration.in_torch(**{**options, **_tensors(right.given)}).items():
            matrix = found.detach().numpy().reshape(planted[name].shape)
            if not name.startswith("grad_") and not (abs(matrix - planted[name]) <= right.results[name].bound).all():
                raise UnequalError(
                    f"{self.name}.{name} with {demonstration.name}: torch gives {matrix}, the audit {planted[name]}"
                )
            planted[name] = matrix
        return right, planted


def _tensors(given: Matrices) -> dict[str, torch.Tensor]:
    return {name: torch.from_numpy(np.array(matrix, np.float64)) for name, matrix in given.items()}
