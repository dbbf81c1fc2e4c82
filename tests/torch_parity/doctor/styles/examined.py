"""A student's file, from text to what the doctor says of it."""

from pathlib import Path

from torch_parity.doctor.examination import Entry, examine_all
from torch_parity.doctor.here import Here
from torch_parity.doctor.styles import understand
from torch_parity.doctor.worker import load


def examined(source: str, folder: Path, only: tuple[str, ...] = ()) -> dict[str, Entry]:
    """The entries of the file ``source``, or of its ``only`` functions and classes, by the student's names."""
    file = folder / "layers.py"
    file.write_text(source)
    subjects, _ = understand(load(file), None, list(only), {}, None)
    here = Here(subjects)
    return {entry.subject.found: entry for entry in examine_all(here.find(), here.ask)}


def named(entry: Entry) -> set[str]:
    """The names of the mistakes that explain an entry; proven ones only."""
    return {m.name for found in entry.diagnoses for m in found.mistakes if found.certainty == "proven"}
