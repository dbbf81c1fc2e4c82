"""A student's file, from text to what the doctor says of it, and of what it could not understand."""

from pathlib import Path

from torch_parity.doctor.examination import Entry, examine_all
from torch_parity.doctor.here import Here
from torch_parity.doctor.styles import understand
from torch_parity.doctor.subject import NotUnderstood
from torch_parity.doctor.worker import load

Entries = dict[tuple[str, str], Entry]


def understood(
    source: str,
    folder: Path,
    only: tuple[str, ...] = (),
    named: dict[str, str] | None = None,
    layout: str | None = None,
    adapter: str = "",
) -> tuple[Here, list[NotUnderstood]]:
    """The subjects of the file ``source``, ready to be asked, and what was not understood.

    The rest are the wishes of a command line; ``adapter`` is a file's text.
    """
    file = folder / "layers.py"
    file.write_text(source)
    style = None
    if adapter:
        (folder / "adapter.py").write_text(adapter)
        style = load(folder / "adapter.py")
    subjects, not_understood = understand(load(file), style, list(only), named or {}, layout)
    return Here(subjects), not_understood


def answers(source: str, folder: Path, only: tuple[str, ...] = ()) -> Entries:
    """The entries of ``source``, or of its ``only`` functions and classes, by the student's name and the formula's."""
    here, _ = understood(source, folder, only)
    return {(entry.subject.found, entry.subject.name): entry for entry in examine_all(here.find(), here.ask)}


def mistaken(source: str, right: str, wrong: str) -> str:
    """``source`` with ``right``, which stands there once, written as ``wrong``."""
    assert source.count(right) == 1, f"{right!r} must stand once in the file"
    return source.replace(right, wrong)


def check_right(entries: Entries) -> None:
    """All are equal."""
    assert entries
    for entry in entries.values():
        assert entry.verdict == "equal", (entry.subject.found, entry.results, entry.problem, entry.diagnoses)


def check_mistake(entries: Entries, mistake: str) -> None:
    """``mistake``, and nothing else, is proven; what it is not in is equal, or follows."""
    names = [(m.name, d.certainty) for entry in entries.values() for d in entry.diagnoses for m in d.mistakes]
    assert set(names) == {(mistake, "proven")}, [(e.subject.found, e.verdict, e.problem) for e in entries.values()]
    assert all(entry.equal or entry.diagnoses or entry.follows for entry in entries.values())
