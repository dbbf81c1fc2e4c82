"""Entries as the doctor makes them, of students' code that is asked in this process."""

import sys
from pathlib import Path

from torch_parity.doctor.examination import Entry, examine_all
from torch_parity.doctor.here import Here
from torch_parity.doctor.report import report
from torch_parity.doctor.sheet import Sheet
from torch_parity.doctor.styles import understand
from torch_parity.doctor.worker import load

HEAD = "import numpy as np\n\n\n"
RELU = "def relu_forward(x):\n    return np.maximum(x, 0), x\n\n\n"
RELU_BACKWARD = "def relu_backward(dout, cache):\n    return np.where(cache <= 0, 0, dout)\n\n\n"
AFFINE = "def affine_forward(x, w, b):\n    return x @ w + b, (x, w, b)\n\n\n"
# The bias gradient is a mean where it should be a sum.
AFFINE_BACKWARD = """def affine_backward(dout, cache):
    x, w, b = cache
    dx = dout @ w.T
    db = dout.mean(axis=0)
    return dx, x.T @ dout, db
"""


def written(folder: Path, code: str) -> Path:
    """The file in which ``code`` stands."""
    file = folder / "mine.py"
    file.write_text(HEAD + code, encoding="utf-8")
    return file


def examined(file: Path) -> list[Entry]:
    """The entries of what a file defines."""
    path, arguments = list(sys.path), list(sys.argv)
    try:
        module = load(file)
        subjects, _ = understand(module, None, [], {}, None)
        here = Here(subjects)
        return list(examine_all(here.find(), here.ask))
    finally:
        sys.path[:], sys.argv[:] = path, arguments


def sheet_of(entries: list[Entry], file: Path, width: int = 100) -> Sheet:
    """What is said of ``entries``."""
    sheet = Sheet(width)
    for entry in entries:
        report(entry, file, 5.0, sheet)
    return sheet
