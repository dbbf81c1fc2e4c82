"""A student's file, from text to what the doctor says of it."""

from pathlib import Path

from tests.torch_parity.doctor.styles.answers import answers
from torch_parity.doctor.examination import Entry


def examined(source: str, folder: Path, only: tuple[str, ...] = ()) -> dict[str, Entry]:
    """The entries of the file ``source``, or of its ``only`` functions and classes, by the student's names."""
    return {found: entry for (found, _), entry in answers(source, folder, only).items()}


def named(entry: Entry) -> set[str]:
    """The names of the mistakes that explain an entry; proven ones only."""
    return {m.name for found in entry.diagnoses for m in found.mistakes if found.certainty == "proven"}
