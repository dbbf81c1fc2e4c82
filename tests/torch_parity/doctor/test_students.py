"""Files as students write them, right and wrong, in three styles: mistakes are named, and never by another name.

What runs is each mistake and each fault in one of the styles, and some pairs; DOCTOR_ALL=1 runs them in every style,
and five times as many pairs.
"""

import itertools
import os
import random
import sys
from pathlib import Path

import pytest

from tests.torch_parity.doctor.composed import COMPOSED
from tests.torch_parity.doctor.students import FILES, WRITTEN, source, with_changes
from torch_parity.doctor.examination import Entry, examine_all
from torch_parity.doctor.here import Here
from torch_parity.doctor.process import Process
from torch_parity.doctor.styles import understand
from torch_parity.doctor.worker import load

ALL = bool(os.environ.get("DOCTOR_ALL"))
STYLES = tuple(FILES)
SAMPLE = [
    ("cs231n", "input-gradient-unflipped"), ("saitoh", "kernel-flipped"), ("reference", "ties-to-all"),
    ("cs231n", "epsilon-in-the-logarithm"), ("saitoh", "dense-bias-gradient-averaged"), ("reference", "climbing"),
]  # fmt: skip
# These are named under the reading that comes first, though a convention that is not the student's looks nearer.
NEARER_ELSEWHERE = ["padding-gradient-kept", "size-without-plus-one", "dense-bias-gradient-not-summed"]
# In loops, a window that lies half outside may still be multiplied, so that no formula stands for all that comes.
MAY_STAY_UNKNOWN = {"width-from-height"}


def examined(folder: Path, text: str) -> list[Entry]:
    """The entries of a file, in a process of its own."""
    file = folder / "mine.py"
    file.write_text(text)
    with Process(file) as process:
        found, _ = process.find()
        return list(examine_all(found, process.ask))


def examined_here(folder: Path, text: str, formulas: set[str], monkeypatch: pytest.MonkeyPatch) -> list[Entry]:
    """Those for ``formulas``, in this process."""
    monkeypatch.setattr("sys.path", list(sys.path))
    monkeypatch.setattr("sys.argv", list(sys.argv))
    file = folder / "mine.py"
    file.write_text(text)
    subjects, _ = understand(load(file), None, [], {}, None)
    here = Here(subjects)
    return list(examine_all([found for found in here.find() if found.formula in formulas], here.ask))


def formulas_of(*mistakes: str) -> set[str]:
    return {WRITTEN[mistake][0].removesuffix("_backward") for mistake in mistakes}


def names(entries: list[Entry]) -> list[set[str]]:
    """The names in each explanation that is given."""
    explanations = [found for entry in entries for d in entry.diagnoses for found in (d.mistakes, *d.instead)]
    return [{one.name for one in mistakes} for mistakes in explanations]


def in_styles(*cases: str) -> list[tuple[str, str]]:
    """Each case in one style after another, or in every style."""
    return [(s, case) for i, case in enumerate(cases) for s in (STYLES if ALL else (STYLES[i % len(STYLES)],))]


@pytest.mark.parametrize("style", FILES)
def test_a_right_file_is_equal_throughout(tmp_path: Path, style: str) -> None:
    entries = examined(tmp_path, source(style))
    assert len(entries) == 11
    assert {entry.subject.style for entry in entries} == {style}
    assert [entry.subject.found for entry in entries if not entry.equal] == []


def check(entries: list[Entry], mistake: str) -> None:
    wrong = [entry for entry in entries if not entry.equal]
    assert wrong, f"{mistake} was not seen"
    if mistake in MAY_STAY_UNKNOWN and not names(wrong):
        return
    assert {entry.subject.formula for entry in wrong} == formulas_of(mistake)
    for diagnosis in [diagnosis for entry in wrong for diagnosis in entry.diagnoses]:
        assert diagnosis.certainty == "proven"
        assert [one.name for one in diagnosis.mistakes] == [mistake]
    assert names(wrong)


@pytest.mark.parametrize(("style", "mistake"), SAMPLE)
def test_a_mistake_in_the_code_is_named(tmp_path: Path, style: str, mistake: str) -> None:
    check(examined(tmp_path, source(style, mistake)), mistake)


@pytest.mark.parametrize("mistake", NEARER_ELSEWHERE)
def test_so_is_one_that_looks_nearer_under_a_convention_of_others(
    tmp_path: Path, mistake: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    entries = examined_here(tmp_path, source("cs231n", mistake), formulas_of(mistake), monkeypatch)
    check(entries, mistake)
    assert {words for entry in entries for words in entry.conventions} <= {"the weights are stored (in, out)"}


@pytest.mark.slow
@pytest.mark.parametrize(("style", "mistake"), in_styles(*WRITTEN))
def test_every_mistake_in_the_code_is_named(
    tmp_path: Path, style: str, mistake: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    check(examined_here(tmp_path, source(style, mistake), formulas_of(mistake), monkeypatch), mistake)


def fitting_pairs() -> list[tuple[str, str]]:
    """Some pairs of mistakes in the same loops that can both be written."""
    every = []
    for one, other in itertools.combinations(WRITTEN, 2):
        if WRITTEN[one][0] == WRITTEN[other][0]:
            try:
                source("cs231n", one, other)
            except AssertionError:
                continue  # both stand on one line
            every.append((one, other))
    return random.Random(0).sample(every, 100 if ALL else 20)


@pytest.mark.slow
@pytest.mark.parametrize("both", fitting_pairs(), ids="+".join)
def test_of_two_mistakes_in_the_code_none_gets_another_name(
    tmp_path: Path, both: tuple[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for style in STYLES if ALL else STYLES[:1]:
        entries = examined_here(tmp_path, source(style, *both), formulas_of(*both), monkeypatch)
        assert not all(entry.equal for entry in entries)
        for entry in entries:
            for diagnosis in entry.diagnoses:
                explanations = [{m.name for m in found} for found in (diagnosis.mistakes, *diagnosis.instead)]
                right = [found for found in explanations if found <= set(both)]
                assert right == explanations if diagnosis.certainty == "proven" else right


@pytest.mark.slow
@pytest.mark.parametrize(("style", "name"), in_styles(*COMPOSED))
def test_a_fault_that_no_entry_describes_gets_no_name(
    tmp_path: Path, style: str, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    change = COMPOSED[name]
    formula = change[0].removesuffix("_backward")
    entries = examined_here(tmp_path, with_changes(style, change), {formula}, monkeypatch)
    assert any(entry.verdict == "different" for entry in entries)
    assert names(entries) == []
