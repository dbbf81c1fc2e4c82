"""Every known mistake is named, alone and in pairs, and never another one in its place.

Three styles are asked, each with a seed of its own, and of the pairs of a formula's mistakes some are planted.
DOCTOR_ALL=1 runs five seeds for every style, and all pairs: the better part of an hour.
"""

import itertools
import os
import random
from dataclasses import replace
from typing import Any

import pytest

from tests.torch_parity.doctor.planted import TAKES, Planted, results_of, subject
from torch_parity.audit.mistakes import MISTAKES, Mistake
from torch_parity.doctor.diagnosis import Diagnosis
from torch_parity.doctor.examination import Entry, examine_subject
from torch_parity.doctor.questions import questions
from torch_parity.doctor.right import answer, same, with_mistakes
from torch_parity.doctor.subject import Takes
from torch_parity.proof.pairs import PAIRS, pair_named

ALL = bool(os.environ.get("DOCTOR_ALL"))
STYLES = list(TAKES) if ALL else ["reference", "cs231n", "d2l"]
SEEDS = [(style, seed) for i, style in enumerate(STYLES) for seed in (range(5) if ALL else (i + 1,))]
PAIRS_PLANTED = 40  # of each formula, unless all are
FORMULAS = [pair.name for pair in PAIRS]
# What shows in dtype, or for NaN and infinity only: a remark.
REMARKS = {"relu-swallows-nan", "gradient-multiplied-by-mask", "pooling-swallows-nan", "silent-float64"}
# What no signature shows: the indices of maxima are seen in the gradient, a last bit is rounding.
UNSEEN = {("ties-to-last", False), ("reciprocal", False)}


def examined(mistakes: tuple[Mistake, ...], backward: bool, takes: Takes, seed: int = 0) -> Entry:
    formula = mistakes[0].formula
    planted = Planted(with_mistakes(formula, mistakes))
    return examine_subject(subject(formula, backward, takes, results_of(formula, backward)), planted.ask, None, seed)


def halves(mistake: Mistake) -> list[bool]:
    """Whether the mistake is one of the forward (False), of the backward (True), or of both."""
    if mistake.name == "ties-to-last":
        return [False, True]
    return [backward for backward, change in ((False, mistake.forward), (True, mistake.backward)) if change]


def names(diagnosis: Diagnosis) -> list[set[str]]:
    """The explanations that a diagnosis leaves, each as the names in it."""
    return [{one.name for one in mistakes} for mistakes in (diagnosis.mistakes, *diagnosis.instead)]


def never_wrong(entry: Entry, planted: set[str]) -> bool:
    """Whether what is proven was planted, and what is left open has among it what was planted."""
    return all(
        names(d)[0] <= planted if d.certainty == "proven" else any(one <= planted for one in names(d))
        for d in entry.diagnoses
    )


def never_another(entry: Entry, both: tuple[Mistake, ...], backward: bool) -> bool:
    """Whether what is named was planted, or is the same formula as the two that were.

    A kernel turned by 180 degrees, and its rows once more, has its columns turned: that is what it should be called.
    """
    planted = {mistake.name for mistake in both}
    return all(
        never_wrong(replace(entry, diagnoses=[one]), planted)
        or (one.certainty == "proven" and the_same(one.result, both, one.mistakes, backward))
        for one in entry.diagnoses
    )


def the_same(result: str, both: tuple[Mistake, ...], found: tuple[Any, ...], backward: bool) -> bool:
    """Whether the known mistakes ``found`` give the result that ``both`` do, on questions that nobody has asked yet."""
    formula = both[0].formula
    if not all(isinstance(mistake, Mistake) for mistake in found):
        return False
    ours, theirs = with_mistakes(formula, found), with_mistakes(formula, both)
    for seed in range(10, 20):
        for question in questions(formula, backward, TAKES["reference"], seed):
            one, other = answer(ours, question), answer(theirs, question)
            if (one is None) != (other is None):
                return False
            if one is not None and other is not None and not same(one[result], other[result], 1e-9):
                return False
    return True


@pytest.mark.parametrize("name", sorted(REMARKS))
def test_a_remark_says_why_it_is_no_fault(name: str) -> None:
    mistake = next(one for one in MISTAKES if one.name == name)
    ((_, words),) = examined((mistake,), mistake.forward is None, TAKES["reference"]).remarks
    if name == "silent-float64":
        assert words.startswith("Given float32, it returns float64: correct")
    else:
        assert words == f"It differs from torch only where NaN or infinity comes in. {mistake.explanation}"


@pytest.mark.parametrize("mistake", MISTAKES[::5], ids=lambda mistake: str(mistake.name))
def test_some_mistakes_are_named(mistake: Mistake) -> None:
    for backward in halves(mistake):
        entry = examined((mistake,), backward, TAKES["reference"])
        if mistake.forward is not None and backward and entry.verdict == "equal":
            continue  # the gradient copes with an output of another shape, and is right for the right one
        if mistake.name in REMARKS:
            assert (entry.verdict, [name for name, _ in entry.remarks]) == ("equal", [mistake.name])
        elif (mistake.name, backward) not in UNSEEN and entry.verdict != "raises":
            assert entry.verdict == "different"
            assert entry.diagnoses
            assert all(names(d) == [{mistake.name}] and d.certainty == "proven" for d in entry.diagnoses)


@pytest.mark.slow
@pytest.mark.parametrize(("style", "seed"), SEEDS)
def test_every_mistake_that_a_style_can_show_is_named_and_no_other(style: str, seed: int) -> None:
    seen = named = 0
    for mistake in MISTAKES:
        for backward in halves(mistake):
            entry = examined((mistake,), backward, TAKES[style], seed)
            assert never_wrong(entry, {mistake.name}), mistake.name
            if entry.verdict == "different":
                seen += 1
                named += all(names(d) == [{mistake.name}] for d in entry.diagnoses) and bool(entry.diagnoses)
    assert seen > 30
    assert named / seen >= 0.97


@pytest.mark.slow
@pytest.mark.parametrize("formula", FORMULAS)
def test_two_mistakes_are_both_named_or_unknown_but_never_another(formula: str) -> None:
    known = [mistake for mistake in MISTAKES if mistake.formula == formula]
    pairs = list(itertools.combinations(known, 2))
    if not ALL:
        pairs = random.Random(0).sample(pairs, min(len(pairs), PAIRS_PLANTED))
    wrong = []
    for both in pairs:
        for backward in sorted({half for mistake in both for half in halves(mistake)}):
            entry = examined(both, backward, TAKES["reference"])
            if not never_another(entry, both, backward):
                wrong.append((*[mistake.name for mistake in both], backward, [names(d) for d in entry.diagnoses]))
    assert not wrong


@pytest.mark.parametrize("formula", FORMULAS)
@pytest.mark.parametrize("style", TAKES)
def test_what_is_right_is_equal_without_a_remark(formula: str, style: str) -> None:
    planted = Planted(with_mistakes(formula, ()))
    for backward in (False, True)[: 2 if pair_named(formula).gradients else 1]:
        entry = examine_subject(subject(formula, backward, TAKES[style], results_of(formula, backward)), planted.ask)
        assert entry.verdict == "equal"
        assert not entry.rounding
        assert not entry.remarks
        assert not entry.diagnoses
        assert entry.cases >= 8
