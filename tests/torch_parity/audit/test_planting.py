"""The proof can fail: every known mistake is rejected, alone and with another."""

import itertools
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import pytest

from torch_parity.audit.mistakes import MISTAKES, Mistake
from torch_parity.audit.planting import EVIDENCE, PlantedMistake, self_test
from torch_parity.proof.pairs import PAIRS, Pair, pair_named
from torch_parity.proof.prove import numbered_case, prove, reference_results

ROOT = Path(__file__).parents[3]
NAMED = {mistake.name: mistake for mistake in MISTAKES}
FORMULAS = tuple(dict.fromkeys(mistake.formula for mistake in MISTAKES))
EVERY_FORMULA = pytest.mark.parametrize("formula", FORMULAS)

# Of these two only one can show, whatever the order.
EXCLUSIVE = {
    # Other formulas for the same result.
    frozenset({"overlap-overwritten", "columns-overwritten"}),
    frozenset({"overlap-overwritten", "filters-overwritten"}),
    frozenset({"columns-overwritten", "filters-overwritten"}),
    frozenset({"ties-to-all", "ties-split"}),
    frozenset({"ties-to-all", "pooling-gradient-overwritten"}),
    frozenset({"ties-split", "pooling-gradient-overwritten"}),
    frozenset({"log-of-softmax", "log-with-epsilon"}),
    frozenset({"epsilon-in-the-logarithm", "softmax-over-the-batch"}),
    frozenset({"weight-decay-after-momentum", "dampened-at-once"}),
    # The padding can be put in one place, and its gradient cut off or not.
    frozenset({"padding-on-one-side", "same-padding-before"}),
    frozenset({"padding-gradient-kept", "padding-gradient-wrong-corner"}),
    # The mask is taken of the gradient, and where that is 0 nothing passes.
    frozenset({"slope-one-at-zero", "masked-by-gradient"}),
    # What is divided by kH kW is not divided by a count; what is a sum is no mean of any kind.
    frozenset({"divided-by-kernel", "pad-not-counted"}),
    frozenset({"summed-not-averaged", "averaged-twice"}),
    frozenset({"summed-not-averaged", "weights-not-normalised"}),
    frozenset({"summed-not-averaged", "ignored-samples-counted"}),
}


def rejects(pair: Pair, index: int) -> bool:
    try:
        with np.errstate(all="ignore"):
            return not all(verdict.equal for verdict in prove(pair, numbered_case(pair, 0, index)).values())
    except (ValueError, TypeError, IndexError):
        return True


@pytest.mark.parametrize("mistake", MISTAKES, ids=lambda mistake: mistake.name)
def test_every_mistake_is_rejected(mistake: Mistake) -> None:
    pair = mistake.plant(pair_named(mistake.formula))
    assert any(rejects(pair, index) for index in range(400))


def test_there_are_many_and_each_is_told_apart() -> None:
    assert len(MISTAKES) >= 40
    assert len({mistake.name for mistake in MISTAKES}) == len(MISTAKES)
    assert {mistake.formula for mistake in MISTAKES} == {pair.name for pair in PAIRS}
    assert all(mistake.explanation.endswith(".") and mistake.signature.endswith(".") for mistake in MISTAKES)


def test_each_says_what_to_write_instead_and_where_to_read_on() -> None:
    for mistake in MISTAKES:
        assert mistake.remedy.endswith("."), mistake.name
        assert "\n" not in mistake.remedy, mistake.name
        assert mistake.read, mistake.name
        for place in mistake.read:
            file, function = place.split(": ")
            assert f"def {function}(" in (ROOT / file).read_text(), place


def test_no_two_mistakes_give_the_same_results() -> None:
    """Mistakes of one formula differ on some case, each from each."""
    for formula in {mistake.formula for mistake in MISTAKES}:
        seen: dict[tuple[object, ...], str] = {}
        for mistake in (m for m in MISTAKES if m.formula == formula):
            pair = mistake.plant(pair_named(formula))
            signature: list[object] = []
            for index in range(60):
                try:
                    with np.errstate(all="ignore"):
                        verdicts = prove(pair, numbered_case(pair, 0, index))
                    signature.append(tuple((name, v.wrong, v.identical, v.message) for name, v in verdicts.items()))
                except (ValueError, TypeError, IndexError) as error:
                    signature.append((str(error),))
            assert tuple(signature) not in seen, f"{mistake.name} and {seen[tuple(signature)]}"
            seen[tuple(signature)] = mistake.name


def of_formula(formula: str) -> list[Mistake]:
    return [mistake for mistake in MISTAKES if mistake.formula == formula]


def results(pair: Pair, index: int) -> object:
    """All bits of all results on one case, or the error that a formula breaks down with."""
    try:
        with np.errstate(all="ignore"):
            found, _ = reference_results(pair, numbered_case(pair, 0, index))
    except (ValueError, TypeError, IndexError) as error:
        return type(error)
    return {name: (array.dtype, array.shape, array.tobytes()) for name, array in found.items()}


def gives_way(pairs: Iterable[tuple[Mistake, Mistake]], cases: int) -> set[frozenset[str]]:
    """The mistakes of which one does not show beside the other; all that are planted must be rejected."""
    silent = set()
    for first, second in pairs:
        right = pair_named(first.formula)
        alone, also, both = first.plant(right), second.plant(right), second.plant(first.plant(right))
        shows = {first.name: False, second.name: False}
        rejected = False
        for index in range(cases):
            together = results(both, index)
            shows[first.name] |= together != results(also, index)
            shows[second.name] |= together != results(alone, index)
            rejected = rejected or rejects(both, index)
            if rejected and all(shows.values()):
                break
        assert rejected, shows
        if not all(shows.values()):
            silent.add(frozenset(shows))
    return silent


@EVERY_FORMULA
def test_two_mistakes_combine_in_either_order(formula: str) -> None:
    """Each with the next, unless only one of the two can show."""
    mistakes = of_formula(formula)
    for first, second in itertools.pairwise([*mistakes, mistakes[0]]):
        if {first.name, second.name} not in EXCLUSIVE:
            assert not gives_way([(first, second), (second, first)], 200)


@pytest.mark.slow
@EVERY_FORMULA
def test_any_two_mistakes_combine_in_either_order(formula: str) -> None:
    found = gives_way(itertools.permutations(of_formula(formula), 2), 400)
    assert found == {names for names in EXCLUSIVE if NAMED[min(names)].formula == formula}


def test_a_change_of_arguments_reaches_another_formula_in_either_order() -> None:
    """A formula of its own lies innermost: what was planted before it still holds."""
    for first, second in itertools.permutations((NAMED["overlap-overwritten"], NAMED["input-gradient-unflipped"])):
        both = second.plant(first.plant(pair_named("conv2d")))
        assert sum(rejects(both, index) for index in range(60)) >= 30
        other = first.plant(second.plant(pair_named("conv2d")))
        assert all(results(both, index) == results(other, index) for index in range(60))


def test_two_mistakes_can_cancel() -> None:
    """Flipping twice is right again: a planted mistake acts on what was planted before."""
    twice = NAMED["kernel-flipped"].plant(NAMED["kernel-flipped"].plant(pair_named("conv2d")))
    assert not any(rejects(twice, index) for index in range(60))


def test_of_two_formulas_for_one_result_the_last_one_stands() -> None:
    first, second = NAMED["ties-to-all"], NAMED["ties-split"]
    both, alone = second.plant(first.plant(pair_named("max_pool2d"))), second.plant(pair_named("max_pool2d"))
    assert all(results(both, index) == results(alone, index) for index in range(60))


def test_where_windows_overlap_the_last_write_wins_also_at_stride_one() -> None:
    """Three pixels under two windows of two: the middle one gets 10 * 3 from the first and 20 * 1 from the second."""
    g, x, weight = np.array([[[[10.0, 20.0]]]]), np.zeros((1, 1, 1, 3)), np.array([[[[1.0, 3.0]]]])
    options = {"stride": 1, "padding": 0, "dilation": 1, "groups": 1}

    def gradient(pair: Pair) -> list[float]:
        grad_input, _, _ = pair.backward(g, {"input": x, "weight": weight}, options, None)
        assert grad_input is not None
        row: list[float] = grad_input.ravel().tolist()
        return row

    right = pair_named("conv2d")
    assert gradient(right) == [10, 50, 60]
    assert gradient(NAMED["overlap-overwritten"].plant(right)) == [10, 20, 60]
    assert gradient(NAMED["columns-overwritten"].plant(right)) == [10, 30, 60]


def test_the_matrix_says_what_each_kind_of_evidence_is_for() -> None:
    [ties] = self_test(0, 30, [mistake for mistake in MISTAKES if mistake.name == "ties-to-last"])
    assert list(ties.rejected) == list(EVIDENCE)
    assert ties.rejected["real"] == 0  # random numbers are never tied
    assert ties.rejected["ties"]
    assert ties.rejected["definition"]
    [nan] = self_test(0, 30, [mistake for mistake in MISTAKES if mistake.name == "pooling-swallows-nan"])
    assert not any(nan.rejected[kind] for kind in ("lattice", "real", "ties"))
    assert nan.rejected["extremes"]
    assert ties.caught
    assert nan.caught


def test_a_mistake_that_is_none_is_not_caught() -> None:
    harmless = Mistake("harmless", "conv2d", "Nothing is wrong.", "Nothing shows.", "Nothing.", ())
    [row] = self_test(0, 15, [harmless])
    assert not row.caught
    assert not PlantedMistake(harmless, dict.fromkeys(EVIDENCE, 0)).caught
    for formula in ("relu", "avg_pool2d", "cross_entropy", "pad"):
        [row] = self_test(0, 15, [Mistake("harmless", formula, "Nothing is wrong.", "Nothing shows.", "Nothing.", ())])
        assert not row.caught, row
