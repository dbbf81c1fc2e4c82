"""A student's file, examined in this process."""

from pathlib import Path

from torch_parity.doctor.examination import Entry, examine_all
from torch_parity.doctor.here import Here
from torch_parity.doctor.styles import understand
from torch_parity.doctor.worker import load


def entries(text: str, folder: Path) -> list[Entry]:
    """What the doctor finds in a file that reads ``text``, all of which it must understand."""
    file = folder / "layers.py"
    file.write_text(text, encoding="utf-8")
    found, not_understood = understand(load(file), None, [], {}, None)
    assert not not_understood
    here = Here(found)
    return list(examine_all(here.find(), here.ask))
