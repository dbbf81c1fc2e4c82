"""A student's file, from text to what the doctor says of its functions."""

from pathlib import Path

from torch_parity.doctor.examination import Entry, examine_all
from torch_parity.doctor.here import Here
from torch_parity.doctor.styles import understand
from torch_parity.doctor.worker import load


def answers(source: str, folder: Path, only: tuple[str, ...] = ()) -> dict[tuple[str, str], Entry]:
    """The entries of the file ``source``, or of its ``only`` functions, by the student's name and the formula's."""
    file = folder / "layers.py"
    file.write_text(source)
    subjects, _ = understand(load(file), None, list(only), {}, None)
    here = Here(subjects)
    return {(entry.subject.found, entry.subject.name): entry for entry in examine_all(here.find(), here.ask)}


def mistaken(source: str, right: str, wrong: str) -> str:
    """``source`` with every ``right`` line, or part of it, written as ``wrong``."""
    assert right in source
    return source.replace(right, wrong)


def proven(entry: Entry) -> dict[str, list[str]]:
    """The names of the mistakes that are proven, for each result of ``entry``."""
    return {
        found.result: [mistake.name for mistake in found.mistakes]
        for found in entry.diagnoses
        if found.certainty == "proven"
    }
