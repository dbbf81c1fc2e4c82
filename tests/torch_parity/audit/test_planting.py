"""The proof can fail: every known mistake is rejected, alone and with another."""

import numpy as np
import pytest

from torch_parity.audit.mistakes import MISTAKES, Mistake
from torch_parity.audit.planting import EVIDENCE, PlantedMistake, self_test
from torch_parity.proof.pairs import PAIRS, Pair, pair_named
from torch_parity.proof.prove import numbered_case, prove


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


def test_two_mistakes_combine() -> None:
    named = {mistake.name: mistake for mistake in MISTAKES}
    for first, second in (("kernel-flipped", "bias-forgotten"), ("weight-gradient-flipped", "overlap-overwritten")):
        pair = named[second].plant(named[first].plant(pair_named("conv2d")))
        assert sum(rejects(pair, index) for index in range(60)) >= 30
    # Flipping twice is right again: a planted mistake acts on what was planted before.
    twice = named["kernel-flipped"].plant(named["kernel-flipped"].plant(pair_named("conv2d")))
    assert not any(rejects(twice, index) for index in range(60))


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
    harmless = Mistake("harmless", "conv2d", "Nothing is wrong.", "Nothing shows.")
    [row] = self_test(0, 15, [harmless])
    assert not row.caught
    assert not PlantedMistake(harmless, dict.fromkeys(EVIDENCE, 0)).caught
    for formula in ("relu", "avg_pool2d", "cross_entropy", "pad"):
        [row] = self_test(0, 15, [Mistake("harmless", formula, "Nothing is wrong.", "Nothing shows.")])
        assert not row.caught, row
