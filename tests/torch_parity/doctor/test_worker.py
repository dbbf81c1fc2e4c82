"""What the student's process says of an error."""

import numpy as np

from tests import ROOT
from torch_parity.doctor.worker import Bench, call


def test_the_frames_of_others_are_left_out_where_the_file_stands_beside_them() -> None:
    """As in the folder of the project, where students begin."""
    bench = Bench(ROOT / "mine.py")
    lines = []
    for fails in (lambda: call(None, 0, []), lambda: np.pad(np.ones(2), "x")):  # type: ignore[arg-type, call-overload]
        try:
            fails()
        except Exception as error:
            lines += bench.problem(error)["lines"]
    assert lines
    assert all(line.startswith("test_worker.py, line ") for line in lines)
