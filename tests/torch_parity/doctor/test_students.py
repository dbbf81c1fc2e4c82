"""Files as students write them, right and with one mistake each, in three styles, each in a process of its own."""

from pathlib import Path

import pytest

from tests.torch_parity.doctor.students import FILES, WRITTEN, source
from torch_parity.doctor.examination import Entry, examine_all
from torch_parity.doctor.process import Process

# The mistakes of pooling that only overlapping windows show, and so on, are the same in each style.
SAMPLE = [
    ("cs231n", "input-gradient-unflipped"), ("saitoh", "kernel-flipped"), ("reference", "ties-to-all"),
    ("cs231n", "epsilon-in-the-logarithm"), ("saitoh", "dense-bias-gradient-averaged"), ("reference", "climbing"),
]  # fmt: skip


def examined(folder: Path, text: str) -> list[Entry]:
    file = folder / "mine.py"
    file.write_text(text)
    with Process(file) as process:
        found, _ = process.find()
        return list(examine_all(found, process.ask))


@pytest.mark.parametrize("style", FILES)
def test_a_right_file_is_equal_throughout(tmp_path: Path, style: str) -> None:
    entries = examined(tmp_path, source(style))
    assert len(entries) == 11
    assert {entry.subject.style for entry in entries} == {style}
    assert [entry.subject.found for entry in entries if not entry.equal] == []


def check(entries: list[Entry], style: str, mistake: str) -> None:
    formula = WRITTEN[mistake][0]
    for entry in entries:
        for diagnosis in entry.diagnoses:
            assert diagnosis.certainty == "proven"
            assert [one.name for one in diagnosis.mistakes] == [mistake], entry.subject.found
        if not entry.equal:
            assert entry.subject.formula == formula.removesuffix("_backward")
    assert any(entry.diagnoses or entry.follows for entry in entries), f"{mistake} was not seen"


@pytest.mark.parametrize(("style", "mistake"), SAMPLE)
def test_a_mistake_in_the_code_is_named(tmp_path: Path, style: str, mistake: str) -> None:
    check(examined(tmp_path, source(style, mistake)), style, mistake)


@pytest.mark.slow
@pytest.mark.parametrize("style", FILES)
@pytest.mark.parametrize("mistake", WRITTEN)
def test_every_mistake_in_the_code_is_named(tmp_path: Path, style: str, mistake: str) -> None:
    check(examined(tmp_path, source(style, mistake)), style, mistake)
