"""The profile finds the lines that call NumPy, counts what is NumPy and nothing else, and cleans up."""

import dis
import gc
import sys
from pathlib import Path
from types import CodeType

import numpy as np
import pytest

import reference
from torch_parity.benchmark import profile
from torch_parity.benchmark.subjects import Implementation


def test_it_finds_the_lines_of_the_reference(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(profile, "SECONDS", 0.0)
    a, b = np.ones((300, 300)), np.ones((300, 300))
    before = sys.gettrace()
    found = profile.profile(
        Implementation({"forward": lambda: reference.linear(a, b), "sum": lambda: np.ones(9) @ np.ones(9)}, dict)
    )
    assert set(found) == {"milliseconds", "numpy", "share", "instructions", "lines"}
    assert found["instructions"] > 20
    folder = Path(reference.__file__).parent
    house = {path.relative_to(folder).as_posix() for path in folder.rglob("*.py")}
    assert {line["file"] for line in found["lines"]} <= house
    [product] = [line for line in found["lines"] if "matmul" in line["source"]]
    assert (product["file"], product["function"]) == ("dense.py", "linear")
    assert sys.gettrace() is before
    assert gc.isenabled()


def test_a_line_of_a_layer_is_told_from_one_of_its_formula(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(profile, "SECONDS", 0.0)
    monkeypatch.setattr(profile, "LINES", 99)
    layer, x = reference.nn.Conv2d(1, 1, 2), np.ones((1, 3, 3), np.float32)
    found = profile.profile(Implementation({"forward": lambda: layer(x)}, dict))
    files = {line["function"]: line["file"] for line in found["lines"]}
    assert (files["forward"], files["_as_rows"]) == ("nn/conv.py", "conv.py")


def test_it_cleans_up_after_a_failure() -> None:
    before = sys.gettrace()
    with pytest.raises(TypeError):
        profile._trace(Implementation({"forward": lambda: reference.relu("no array")}, dict))  # type: ignore[arg-type]
    assert sys.gettrace() is before
    assert gc.isenabled()


SOURCE = """\
def work(a, b):
    c = a @ b
    d = 1 + 1 * len(a)
    c[0] = d
    return c
"""


def code() -> CodeType:
    scope: dict[str, object] = {}
    exec(compile(SOURCE, "work.py", "exec"), scope)
    made = scope["work"]
    return made.__code__  # type: ignore[attr-defined, no-any-return]


def test_it_counts_what_reaches_numpy_less_the_cost_of_the_trace() -> None:
    work = code()
    # Each instruction takes 2 units; so does the trace.  Those that reach an array take more, on lines 2 and 4.
    slow = {(2, "BINARY_OP"): 102.0, (4, "STORE_SUBSCR"): 52.0}
    events: list[profile.Event] = []
    now = 0.0
    for one in dis.get_instructions(work):
        line = one.positions.lineno if one.positions and one.positions.lineno else 1
        events.append((now, work, one.offset, line, now))
        now += slow.get((line, one.opname), 2.0)
    events.append((now, work, -1, 0, now))
    assert profile._in_numpy(events) == {("work.py", "work", 2): 100.0, ("work.py", "work", 4): 50.0}
