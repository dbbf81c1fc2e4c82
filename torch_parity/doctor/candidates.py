"""What a wrong answer is compared with: every known mistake, alone and in pairs, and general ones, such as a factor.

A candidate gives, for a question and one of its results, the wrong result that it stands for.
"""

import itertools
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import cache, lru_cache

import numpy as np

from torch_parity.audit.mistakes import MISTAKES, Mistake
from torch_parity.audit.mistakes.cross_entropy import with_clipping, with_epsilon
from torch_parity.doctor.question import Array, Question
from torch_parity.doctor.right import Answer, answer, with_mistakes
from torch_parity.proof.pairs import Pair, pair_named

# The wrong result for a question; None where the wrong formula raises an error.
Wrong = Callable[[Question, str], Array | None]


@dataclass(frozen=True)
class General:
    """A mistake that any formula can have: its name, what was done, and what to do."""

    name: str
    explanation: str
    remedy: str


@dataclass(frozen=True)
class Candidate:
    """Mistakes that together explain a wrong result."""

    mistakes: tuple[Mistake | General, ...]
    wrong: Wrong

    @property
    def names(self) -> frozenset[str]:
        """The names of its mistakes, each with what it says in particular (the factor, the axes)."""
        return frozenset(one.name + one.explanation for one in self.mistakes)


# Other numbers than the 1e-7 of the table that people keep a logarithm finite with.
EPSILONS = (1e-5, 1e-6, 1e-8, 1e-9, 1e-10, 1e-12, 1e-15, 1e-16)


def singles(formula: str, backward: bool) -> list[Candidate]:
    """One known mistake each: those of the output, or those of the gradients and of the output that they need."""
    known = _known(formula, backward)
    if formula == "cross_entropy" and not backward:
        known += _with_other_epsilons(known)
    return [planted(formula, (mistake,)) for mistake in known]


def _with_other_epsilons(known: list[Mistake]) -> list[Mistake]:
    changes = {"epsilon-in-the-logarithm": with_epsilon, "probabilities-clipped": with_clipping}
    return [
        replace(
            mistake,
            explanation=mistake.explanation.replace("1e-7", f"{epsilon:.0e}".replace("e-0", "e-")),
            forward=changes[mistake.name](epsilon),
        )
        for mistake in known
        if mistake.name in changes
        for epsilon in EPSILONS
    ]


def in_one_mode(formula: str) -> Iterator[Candidate]:
    """One known mistake of the output each, where code for training and code for after it are two: made in one."""
    right = planted(formula, ())
    for mistake in _known(formula, backward=False):
        wrong = planted(formula, (mistake,))
        for training, words in ((True, "in training"), (False, "in evaluation")):
            said = replace(mistake, explanation=f"{mistake.explanation} That is so {words} alone.")
            yield Candidate((said,), _where_training(training, wrong.wrong, right.wrong))


def _where_training(training: bool, wrong: Wrong, right: Wrong) -> Wrong:
    def in_one(question: Question, result: str) -> Array | None:
        return (wrong if question.options.get("training") == training else right)(question, result)

    return in_one


def pairs(formula: str, known: list[Mistake]) -> Iterator[Candidate]:
    """Two of the mistakes ``known`` each; in both orders where the order matters."""
    for one, other in itertools.combinations(known, 2):
        yield planted(formula, (one, other))
        if _layers(one) & _layers(other):
            yield planted(formula, (other, one))


def generals(formula: str, backward: bool) -> Iterator[Candidate]:
    """The right result, changed in a general way."""
    for general, change in _changes(formula, backward):
        yield Candidate((general,), _changed(_planted_pair(formula, ()), change))


def known_and_general(formula: str, backward: bool, known: list[Mistake]) -> Iterator[Candidate]:
    """One of the mistakes ``known``, and its result changed in a general way."""
    changes = list(_changes(formula, backward))
    for mistake in known:
        for general, change in changes:
            yield Candidate((mistake, general), _changed(_planted_pair(formula, (mistake,)), change))


def _known(formula: str, backward: bool) -> list[Mistake]:
    # A gradient may differ because of what it was given by a wrong output, such as the indices of the maxima.
    return [m for m in MISTAKES if m.formula == formula and (m.backward or m.forward if backward else m.forward)]


def _layers(mistake: Mistake) -> set[tuple[bool, int]]:
    """How far outside a mistake changes forward and backward."""
    return {(bool(half), change.layer) for half, change in enumerate((mistake.forward, mistake.backward)) if change}


@cache
def _planted_pair(formula: str, mistakes: tuple[Mistake, ...]) -> Pair:
    return with_mistakes(formula, mistakes) if mistakes else pair_named(formula)


def planted(formula: str, mistakes: tuple[Mistake, ...]) -> Candidate:
    """``mistakes`` of ``formula``, one after another."""
    return Candidate(mistakes, _changed(_planted_pair(formula, mistakes), lambda result, question: result))


@lru_cache(maxsize=20_000)
def _answer(pair: Pair, question: Question) -> Answer:
    return answer(pair, question)


def _changed(pair: Pair, change: Callable[[Array, Question], Array | None]) -> Wrong:
    def wrong(question: Question, result: str) -> Array | None:
        results = _answer(pair, question)
        if results is None or result not in results:
            return None
        with np.errstate(all="ignore"):
            return change(results[result], question)

    return wrong


def general_change(change: "Change") -> Wrong:
    """The right result of any formula, changed."""
    return lambda question, result: _changed(pair_named(question.formula), change)(question, result)


Change = Callable[[Array, Question], Array | None]


def _changes(formula: str, backward: bool) -> Iterator[tuple[General, Change]]:
    """The general mistakes, and what each makes of a right result (None: nothing that could be compared)."""
    yield (
        General(
            "sign",
            "The sign is wrong: each number is the negative of the right one.",
            "Look for a minus too many, or too few.",
        ),
        (lambda r, q: -r),
    )
    for letter in ("N", "C", "I", "O", "H", "W", "H W", "kH kW", "oH oW", "N oH oW"):
        yield _factor(letter, True), (lambda r, q, letter=letter: _times(r, q, letter, 1))  # type: ignore[misc]
        yield _factor(letter, False), (lambda r, q, letter=letter: _times(r, q, letter, -1))  # type: ignore[misc]
    for number in (2.0, 255.0):
        for factor, words in ((number, f"{number:.0f} times"), (1 / number, f"1/{number:.0f} of")):
            general = General(
                "factor",
                f"Every number is {words} what it should be.",
                f"Look for a {'factor' if factor > 1 else 'division by'} {number:.0f} that does not belong there.",
            )
            yield general, (lambda r, q, factor=factor: r * factor)  # type: ignore[misc]
    for swapped, words in (
        ((-2, -1), "The last two axes are exchanged: rows and columns are swapped."),
        (None, "The axes are in reverse order."),
    ):
        general = General(
            "transposed",
            words,
            "Compare the shape and the order of the axes with what is wanted.",
        )
        yield general, (lambda r, q, swapped=swapped: _transposed(r, swapped))  # type: ignore[misc]
    turns: tuple[tuple[tuple[int, ...], str], ...] = (
        ((-2, -1), "by 180 degrees"),
        ((-1,), "left for right"),
        ((-2,), "top for bottom"),
    )
    for axes, words in turns:
        general = General(
            "flipped", f"The result is turned {words}.", "Look for a [::-1], or an index that falls where it must rise."
        )
        yield general, (lambda r, q, axes=axes: np.flip(r, axes) if r.ndim >= 2 else None)  # type: ignore[misc]
    for axis, step in itertools.product((-2, -1), (1, -1)):
        way = {(-2, 1): "down", (-2, -1): "up", (-1, 1): "to the right", (-1, -1): "to the left"}[axis, step]
        general = General(
            "shifted",
            f"The result is shifted by one {way}; zeros come in at the border.",
            "Look for an index that is off by one.",
        )
        yield general, (lambda r, q, axis=axis, step=step: _shifted(r, axis, step))  # type: ignore[misc]
    cuts: tuple[tuple[tuple[int, ...], str], ...] = (((-2, -1), "row and column"), ((-2,), "row"), ((-1,), "column"))
    for axes, words in cuts:
        for end, cut in (("last", slice(None, -1)), ("first", slice(1, None))):
            general = General(
                "cropped",
                f"The {end} {words} of the result is missing.",
                "Check the size of the output, and where its loops end.",
            )
            yield general, (lambda r, q, axes=axes, cut=cut: _cropped(r, axes, cut))  # type: ignore[misc]
    for axis, words in ((0, "first"), (1, "second")):
        general = General(
            "doubled-sum",
            f"The result is summed over its {words} axis once too often.",
            "Leave this sum out: that axis belongs to the result.",
        )
        yield general, (lambda r, q, axis=axis: r.sum(axis) if r.ndim > axis else None)  # type: ignore[misc]
    for function, words in ((np.trunc, "cut to whole numbers"), (np.floor, "rounded down to whole numbers")):
        general = General(
            "dtype",
            f"The results are {words}, as where an array of integers takes them in.",
            "Make arrays of floats: np.zeros(shape), not np.zeros(shape, int) or np.zeros_like(integers).",
        )
        yield general, (lambda r, q, function=function: function(r))  # type: ignore[misc]


def _factor(letter: str, times: bool) -> General:
    meaning = {
        "N": "the batch size N", "C": "the number of channels C", "I": "the number of inputs I",
        "O": "the number of outputs O", "H": "the height H", "W": "the width W", "H W": "the number of pixels H W",
        "kH kW": "the size of the window kH kW", "oH oW": "the number of windows oH oW",
        "N oH oW": "the number of images and windows N oH oW",
    }[letter]  # fmt: skip
    if times:
        remedy = f"Look for a factor {letter}, or a sum where a mean is meant."
        return General("factor", f"Every number is multiplied by {meaning}.", remedy)
    remedy = f"Look for a division by {letter}, or a mean where a sum is meant."
    return General("factor", f"Every number is divided by {meaning}.", remedy)


def _times(result: Array, question: Question, letter: str, power: int) -> Array | None:
    sizes = question.sizes
    return np.asarray(result * float(sizes[letter]) ** power) if letter in sizes else None


def _transposed(result: Array, axes: tuple[int, int] | None) -> Array | None:
    if result.ndim < 2 or (axes is None and result.ndim == 2):
        return None
    return result.swapaxes(*axes) if axes else result.transpose()


def _shifted(result: Array, axis: int, step: int) -> Array | None:
    if result.ndim < 2:
        return None
    moved = np.roll(result, step, axis)
    border = [slice(None)] * result.ndim
    border[axis] = slice(0, 1) if step == 1 else slice(-1, None)
    moved[tuple(border)] = 0
    return moved


def _cropped(result: Array, axes: tuple[int, ...], cut: slice) -> Array | None:
    if result.ndim < 2:
        return None
    kept = [slice(None)] * result.ndim
    for axis in axes:
        kept[axis] = cut
    return result[tuple(kept)]
