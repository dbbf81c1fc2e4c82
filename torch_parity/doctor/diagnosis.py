"""Which mistake it is.

A wrong result that equals, on all questions, the right formula with one mistake is explained by it.  If nothing else
explains it, that is a proof, since the questions were chosen to tell mistakes apart.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from functools import cache

import numpy as np

from torch_parity.audit.mistakes import Mistake
from torch_parity.doctor import candidates, questions
from torch_parity.doctor.candidates import Candidate, General
from torch_parity.doctor.question import JUDGED, Array, Question
from torch_parity.doctor.right import FAR_APART, Expected, identical, same
from torch_parity.doctor.subject import Takes


@dataclass(frozen=True)
class Evidence:
    """One question, what was right, and what came back (None: an error was raised, or no array came)."""

    question: Question
    expected: Expected
    got: dict[str, Array] | None


@dataclass(frozen=True)
class Diagnosis:
    """The mistakes that explain one wrong result.

    ``certainty``: "proven" if no others do, else "consistent": then ``instead`` are the other explanations, and
    ``telling`` the question that would tell them apart, in words.  ``cases``: on how many questions the result was
    equal to the wrong formula's, of how many.  ``bits``: whether to the last bit.
    """

    result: str
    mistakes: tuple[Mistake | General, ...]
    certainty: str
    cases: tuple[int, int]
    bits: bool
    instead: tuple[tuple[Mistake | General, ...], ...] = ()
    telling: str = ""


def diagnose(formula: str, backward: bool, result: str, evidence: list[Evidence]) -> Diagnosis | None:
    """The diagnosis of ``result``; None where no known mistake explains it."""
    asked = [one for one in _with(result, evidence) if one.question.kind in JUDGED]
    judged = _most_telling_first(asked, result)
    if not any(one.got is not None and result in one.got for one in judged):
        return None
    singles = candidates.singles(formula, backward)
    found = [c for c in singles if _explains(c, result, judged)]
    # Of two mistakes, both must change this result.
    known = [c.mistakes[0] for c in singles if _changes(c, result, judged)]
    mistakes = [mistake for mistake in known if isinstance(mistake, Mistake)]
    found += [c for c in candidates.pairs(formula, mistakes) if _explains(c, result, judged)]
    if not found and any("training" in one.question.options for one in judged) and not backward:
        found = [c for c in candidates.in_one_mode(formula) if _explains(c, result, judged)]
    if not found:
        found = [c for c in candidates.generals(formula, backward) if _explains(c, result, judged)]
        found = found or list(_constant(result, judged))
    if not found:
        found = [c for c in candidates.known_and_general(formula, backward, mistakes) if _explains(c, result, judged)]
    found = _simplest(formula, backward, result, _fewest(found))
    if not found:
        return None
    first = found[0]
    bits = all(_bits(first, result, one) for one in judged if one.question.kind != "real")
    telling = _telling(formula, backward, result, found) if len(found) > 1 else ""
    return Diagnosis(
        result,
        first.mistakes,
        "proven" if len(found) == 1 else "consistent",
        (len(judged), len(judged)),
        bits,
        tuple(other.mistakes for other in found[1:]),
        telling,
    )


def narrowed(
    found: list[Diagnosis], formula: str, backward: bool, right: set[str], evidence: list[Evidence]
) -> list[Diagnosis]:
    """``found``, where what is left open for one result is settled by the others: one function has one mistake.

    An explanation that explains everything goes before all that do not, and one that changes a result which is
    ``right`` is none.
    """
    judged = [one for one in evidence if one.question.kind in JUDGED]
    wrong = {one.result for one in found}

    def holds(mistakes: tuple[Mistake | General, ...], results: set[str]) -> bool:
        known = tuple(one for one in mistakes if isinstance(one, Mistake))
        if len(known) < len(mistakes):
            return not results
        candidate = candidates.planted(formula, known)
        return all(_explains(candidate, name, _with(name, judged)) for name in results)

    def settled(one: Diagnosis) -> Diagnosis:
        every = (one.mistakes, *one.instead)
        for results in (right | wrong, right):
            kept = [mistakes for mistakes in every if holds(mistakes, results)]
            if kept and one.instead:
                certainty = "proven" if len(kept) == 1 else one.certainty
                telling = one.telling if len(kept) > 1 else ""
                return replace(one, mistakes=kept[0], instead=tuple(kept[1:]), certainty=certainty, telling=telling)
        return one

    return [settled(one) for one in found]


def _with(result: str, evidence: list[Evidence]) -> list[Evidence]:
    """What says anything of ``result``, which not every question asks for."""
    return [one for one in evidence if result in one.expected.results]


def _most_telling_first(evidence: list[Evidence], result: str) -> list[Evidence]:
    """What differs from the right result first: there most candidates fail, and need no further question."""

    def right(one: Evidence) -> bool:
        if one.got is None or result not in one.got:
            return True
        return same(one.got[result], one.expected.results[result], one.expected.allowed(result, one.got[result]))

    return sorted(evidence, key=right)


def _explains(candidate: Candidate, result: str, evidence: Iterable[Evidence]) -> bool:
    """Whether the candidate gives what was got, on every question.

    An error stands for an error, or for a result of another shape than the right one: arrays that do not fit together
    in one way of writing it make another shape in another way.
    """
    for one in evidence:
        wrong = candidate.wrong(one.question, result)
        if one.got is None:
            if wrong is not None and wrong.shape == one.expected.results[result].shape:
                return False
            continue
        if result not in one.got:
            return False
        if wrong is None:
            return False
        if not same(one.got[result], _fitted(wrong, one, result), _tolerance(one, result, wrong)):
            return False
    return True


def _fitted(wrong: Array, one: Evidence, result: str) -> Array:
    """In the shape in which it came, if its rank is right and only sizes of 1 differ: styles take (1, O) for (O,)."""
    assert one.got is not None
    got = one.got[result].shape
    sizes, others = ([n for n in shape if n != 1] for shape in (wrong.shape, got))
    right_rank = len(got) == one.expected.results[result].ndim
    return wrong.reshape(got) if right_rank and sizes == others else wrong


def _changes(candidate: Candidate, result: str, evidence: Iterable[Evidence]) -> bool:
    """Whether the candidate gives another result than the right one on any question."""
    for one in evidence:
        wrong = candidate.wrong(one.question, result)
        if wrong is None or not same(wrong, one.expected.results[result], 0.0):
            return True
    return False


def _tolerance(one: Evidence, result: str, wrong: Array) -> float:
    """That of the rounding; by the size of the wrong result where that is larger."""
    assert one.got is not None
    finite = np.abs(wrong[np.isfinite(wrong)]).max(initial=0.0) if wrong.dtype.kind == "f" else 0.0
    return one.expected.allowed(result, one.got[result], float(finite))


def _bits(candidate: Candidate, result: str, one: Evidence) -> bool:
    wrong = candidate.wrong(one.question, result)
    return (
        one.got is None
        or result not in one.got
        or (wrong is not None and identical(one.got[result], _fitted(wrong, one, result)))
    )


def _fewest(found: list[Candidate]) -> list[Candidate]:
    """Without those that contain the mistakes of another: what these add changes nothing."""
    kept: list[Candidate] = []
    for candidate in sorted(found, key=lambda c: len(c.mistakes)):
        if not any(other.names <= candidate.names for other in kept):
            kept.append(candidate)
    return kept


def _simplest(formula: str, backward: bool, result: str, found: list[Candidate]) -> list[Candidate]:
    """Without two mistakes that together are one: a kernel flipped in both directions is one turned by 180 degrees."""
    alone = [candidate for candidate in found if len(candidate.mistakes) == 1]
    return alone + [
        candidate
        for candidate in found
        if candidate not in alone and all(_telling(formula, backward, result, [one, candidate]) for one in alone)
    ]


def _constant(result: str, evidence: list[Evidence]) -> Iterator[Candidate]:
    """A factor or an offset that is the same on all questions, whatever it is."""
    pairs = []
    for one in evidence:
        if one.got is not None and result in one.got:
            pairs.append((one.got[result].astype(float), one.expected.results[result]))
    if any(got.shape != right.shape for got, right in pairs):
        return
    got, right = (np.concatenate([side.ravel() for side in sides]) for sides in zip(*pairs, strict=True))
    if not (np.isfinite(got).all() and np.isfinite(right).all()) or not right.any():
        return
    largest = int(np.abs(right).argmax())
    factor = float(got[largest] / right[largest])
    general = General("factor", f"Every number is {factor:.6g} times what it should be.", "Look for a factor too many.")
    scaled = Candidate((general,), candidates.general_change(lambda r, q: r * factor))
    offset = float(got[largest] - right[largest])
    general = General("offset", f"Every number is {offset:+.6g} off.", "Look for a number that is added to everything.")
    moved = Candidate((general,), candidates.general_change(lambda r, q: r + offset))
    for candidate, wrong in ((scaled, right * factor), (moved, right + offset)):
        if factor and np.allclose(got, wrong, rtol=1e-12, atol=1e-12):
            yield candidate


def _telling(formula: str, backward: bool, result: str, found: list[Candidate]) -> str:
    """A question beyond those that were asked which tells the first two apart, in words."""
    for question in _every_question(formula, backward):
        one, other = (candidate.wrong(question, result) for candidate in found[:2])
        if (one is None) != (other is None):
            return str(question)
        if one is not None and other is not None and not same(one, other, FAR_APART * 2.0**-40):
            return str(question)
    return ""


@cache
def _every_question(formula: str, backward: bool) -> list[Question]:
    """Those for a signature that takes all that torch's does."""
    everything = Takes(EVERY_OPTION, pairs=True, batch=None, bias=None)
    asked = [q for seed in (1, 2) for q in questions.questions(formula, backward, everything, seed)]
    return [question for question in asked if question.kind in JUDGED]


EVERY_OPTION = (
    "stride", "padding", "padding 'same'", "dilation", "groups", "ceil_mode", "count_include_pad", "divisor_override",
    "start_dim", "end_dim", "dim", "reduction", "weight", "ignore_index", "label_smoothing", "grad_output", "momentum",
    "dampening", "weight_decay", "nesterov", "maximize", "mode", "value", "output_padding", "negative_slope",
    "approximate", "running_mean", "training", "eps", "normalized_shape", "p", "pos_weight", "alpha", "centered",
    "betas", "amsgrad", "decoupled_weight_decay", "norm_type",
)  # fmt: skip
