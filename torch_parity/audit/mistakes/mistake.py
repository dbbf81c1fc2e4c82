"""What a mistake is, and how it is planted: alone, or with others.

A change turns a right function into a wrong one.  There are four kinds, and that is how they lie around one another:

    arguments    the function inside is called with other arguments: they are misread
    prepared     so it is, because the arguments are carried out before it is called: the image comes padded already
    results      what the function inside gives back is changed
    instead      another formula altogether, innermost: whatever it is handed and gives back can still be changed

So of two mistakes both take effect, in whichever order they were planted, unless both are other formulas for the same
result: then the one planted last stands.
"""

import dataclasses
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

import numpy as np
import numpy.typing as npt

from torch_parity.proof.pairs import Pair

Array = npt.NDArray[Any]
Arrays = dict[str, Array]
Options = dict[str, Any]
Forward = Callable[..., Any]  # the arguments by name -> output
Backward = Callable[[Array, Arrays, Options, Any], Any]  # (g, arrays, options, output) -> gradients
Function = TypeVar("Function", bound=Callable[..., Any])

INSTEAD, RESULTS, PREPARED, ARGUMENTS = range(4)  # from the inside out
GRADIENTS = ("input", "weight", "bias")  # in the order in which gradients are returned


@dataclass(frozen=True)
class Change(Generic[Function]):
    """Turns a right function into a wrong one; ``layer`` says how far outside."""

    layer: int
    wrap: Callable[[Function], Function]

    def __call__(self, right: Function) -> Function:
        """The wrong function."""
        return self.wrap(right)


@dataclass(frozen=True)
class Mistake:
    """One wrong formula.

    ``explanation`` says what was done wrong, ``signature`` what one sees, ``remedy`` what to write instead, and
    ``read`` where to read on ("file: function").  ``forward`` and ``backward`` turn the right function into the wrong
    one; None leaves it.
    """

    name: str
    formula: str
    explanation: str
    signature: str
    remedy: str
    read: tuple[str, ...]
    forward: Change[Forward] | None = None
    backward: Change[Backward] | None = None

    def plant(self, pair: Pair) -> Pair:
        """The pair with this mistake, beside those already planted, on the reference's side."""
        right, planted = (pair.right, pair.mistakes) if isinstance(pair, _Planted) else (pair, ())
        mistakes = (*planted, self)
        fields = {field.name: getattr(right, field.name) for field in dataclasses.fields(Pair)}
        fields["forward"] = _wrong(right.forward, [mistake.forward for mistake in mistakes])
        fields["backward"] = _wrong(right.backward, [mistake.backward for mistake in mistakes])
        return _Planted(**fields, right=right, mistakes=mistakes)


@dataclass(frozen=True, kw_only=True)
class _Planted(Pair):
    """A pair with mistakes, which remembers what it was without them: the next one may belong further inside."""

    right: Pair
    mistakes: tuple[Mistake, ...]


def _wrong(right: Function, changes: list[Change[Function] | None]) -> Function:
    """``right`` with all changes, from the inside out; those of one layer in their order."""
    for change in sorted(filter(None, changes), key=lambda change: change.layer):
        right = change(right)
    return right


def arguments(change: Callable[[Options], Options], layer: int = ARGUMENTS) -> Change[Forward]:
    """Call the formula with wrong arguments: ``change`` gets them by name, gives back those to replace."""
    return Change(layer, lambda right: lambda **given: right(**{**given, **change(given)}))


def result(change: Callable[[Any, Options], Any]) -> Change[Forward]:
    """Change the formula's result: ``change`` gets it and the arguments."""
    return Change(RESULTS, lambda right: lambda **given: change(right(**given), given))


def instead(wrong: Forward) -> Change[Forward]:
    """Another formula altogether."""
    return Change(INSTEAD, lambda right: wrong)


def gradient_arguments(
    change: Callable[[Array, Arrays, Options], tuple[Array, Arrays, Options]],
) -> Change[Backward]:
    """Call the gradient with wrong arguments: ``change`` gets g, arrays and options, and gives them back."""
    return Change(ARGUMENTS, lambda right: lambda g, a, o, y: right(*change(g, a, o), y))


def single_gradient(
    name: str, change: Callable[[Array, Arrays, Options], tuple[Array, Arrays, Options]], layer: int = PREPARED
) -> Change[Backward]:
    """Call the gradient with wrong arguments for 'input', 'weight' or 'bias', and rightly for the others."""

    def planted(right: Backward) -> Backward:
        def wrong(g: Array, a: Arrays, o: Options, y: Any) -> list[Any]:
            found, index = list(right(g, a, o, y)), GRADIENTS.index(name)
            found[index] = list(right(*change(g, a, o), y))[index]
            return found

        return wrong

    return Change(layer, planted)


def gradients(layer: int = RESULTS, **changes: Callable[[Array, Array, Arrays, Options], Array]) -> Change[Backward]:
    """Change single gradients, 'input', 'weight' or 'bias': each from the gradient, g, arrays and options."""

    def planted(right: Backward) -> Backward:
        def wrong(g: Array, a: Arrays, o: Options, y: Any) -> list[Any]:
            found = list(right(g, a, o, y))
            for name, change in changes.items():
                index = GRADIENTS.index(name)
                found[index] = np.asarray(change(found[index], g, a, o))
            return found

        return wrong

    return Change(layer, planted)


def gradients_instead(**formulas: Callable[[Array, Arrays, Options, Any], Array]) -> Change[Backward]:
    """Other formulas for single gradients, 'input', 'weight' or 'bias', from g, arrays, options and output."""

    def planted(right: Backward) -> Backward:
        def wrong(g: Array, a: Arrays, o: Options, y: Any) -> list[Any]:
            found = list(right(g, a, o, y))
            for name, formula in formulas.items():
                found[GRADIENTS.index(name)] = np.asarray(formula(g, a, o, y))
            return found

        return wrong

    return Change(INSTEAD, planted)


def averaged(grad: Array, g: Array, a: Arrays, o: Options) -> Array:
    """The mean of the upstream gradients that ``grad`` sums: a change for ``gradients``, where g is whole."""
    return np.asarray(grad / grad.dtype.type(max(1, g.size // max(1, grad.size))))
