"""What the count of mutants does itself: the rest is mutmut's."""

import ast
import json
import resource
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from scripts import mutants as script
from scripts.mutants import key_and_change, listed, mutants, report, undecorated
from tests import ROOT

DECORATED = """
@ieee754
def f(x):
    return x

class C:
    @property
    def g(self):
        return 1
    @cached_property
    def j(self):
        return 2
    @overload
    def h(self): ...

@lru_cache
def i(x):
    return x
"""

SAMPLES = ("reference/sample.py", "reference/layers/sample.py")

# As mutmut writes them: the original, and each mutant beside it.
MUTATED = """
def x_f__mutmut_orig(x, mode="same"):
    check("x", x, "as long as it is wide")
    return x + 1
def x_f__mutmut_1(x, mode="XXsameXX"):
    check("x", x, "as long as it is wide")
    return x + 1
def x_f__mutmut_2(x, mode="same"):
    check("x", x, None)
    return x + 1
def x_f__mutmut_3(x, mode="same"):
    check("x", x, "as long as it is wide")
    return x - 1
class C:
    def xǁCǁg__mutmut_orig(self):
        return f"{self} is wrong"
    def xǁCǁg__mutmut_1(self):
        return None
    def xǁCǁg__mutmut_2(self):
        return
"""
CODE = {
    "x_f__mutmut_1": "f: def f(x, mode='XXsameXX'):",
    "x_f__mutmut_3": "f: return x - 1",
    "xǁCǁg__mutmut_2": "C.g: return",
}
# The same as lines of docs/mutants.md.
DEFAULT, MINUS, NOTHING = (f"{key}  sample.{change}" for name, key, change, _ in mutants(MUTATED) if name in CODE)


def test_decorators_become_assignments_after_the_function_and_caches_go() -> None:
    expected = """

def f(x):
    return x
f = ieee754(f)

class C:

    def g(self):
        return 1
    g = property(g)

    def j(self):
        return 2
    j = cached_property(j)
    @overload
    def h(self): ...


def i(x):
    return x
"""
    assert undecorated(DECORATED) == expected


def test_message_texts_are_no_code() -> None:
    found = list(mutants(MUTATED))
    assert {name: change for name, _, change, is_code in found if is_code} == CODE
    assert {name for name, _, _, is_code in found if not is_code} == {"x_f__mutmut_2", "xǁCǁg__mutmut_1"}


BEFORE = """
def weigh(input, most=3):
    check(input, most)
    for part in windows.blocks(input.shape, most):
        if part.size > most:
            share = np.maximum(part.size, len(input)) + self.share
            total = sum(np.fmax(share, most, out=share), 1)
    return total
"""


def key(before: str, after: str) -> str:
    """Of the change from one function to the other."""
    functions = []
    for code in (before, after):
        [function] = ast.parse(code).body
        assert isinstance(function, ast.FunctionDef)
        functions.append(function)
    return key_and_change(*functions)[0]


CHANGES = [
    ("most=3", "most=4"),
    ("check(input, most)", "check(input, None)"),
    ("check(input, most)", "check(most)"),
    ("windows.blocks(input.shape, most)", "windows.blocks(input.shape, )"),
    ("windows.blocks(input.shape, most)", "windows.blocks(None, most)"),
    ("size > most", "size >= most"),
    ("np.maximum", "np.minimum"),
    ("len(input)) +", "len(input)) -"),
    ("self.share", "None"),
    ("sum(", "max("),
    ("np.fmax", "np.fmin"),
    ("=share), 1)", "=share), 2)"),
    ("most, out", "share, out"),
    ("return total", "return"),
]  # fmt: skip


@pytest.mark.parametrize("change", CHANGES)
@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("weigh", "weighed"), ("input", "image"), ("most", "limit"), ("part", "piece"), (".share", ".ratio"),
        (".size", ".extent"), ("windows.", "frames."), (".blocks", ".parts"), ("check", "checked"), ("total", "whole"),
    ],
)  # fmt: skip
def test_a_rename_keeps_the_key(old: str, new: str, change: tuple[str, str]) -> None:
    after = BEFORE.replace(*change)
    assert after != BEFORE
    assert key(BEFORE.replace(old, new), after.replace(old, new)) == key(BEFORE, after)


def test_another_change_has_another_key() -> None:
    assert len({key(BEFORE, BEFORE.replace(*change)) for change in CHANGES}) == len(CHANGES)


def test_the_name_of_a_variable_is_not_taken_for_that_of_python() -> None:
    """`sum` is a variable here, and there the function."""
    variable, function = "def f(sum, x):\n    return sum + x", "def f(total, x):\n    return sum + x"
    assert key(variable, variable.replace("+", "-")) != key(function, function.replace("+", "-"))


@pytest.mark.parametrize(
    ("codes", "explained", "figures", "unexplained"),
    [
        ((1, 1, 1), [], "3 of 3 mutants killed, 100.0%", []),
        ((1, 0, -24), [], "2 of 3 mutants killed, 66.7%", [MINUS]),
        ((33, 0, 1), [MINUS, NOTHING], "1 of 3", [DEFAULT]),
        ((1, 0, None), [MINUS], "1 of 2 mutants killed, 50.0%", []),
        ((1, 0, None), [MINUS.replace("sample.f", "renamed.g")], "1 of 2 mutants killed, 50.0%", []),
    ],
)
def test_the_report_names_the_survivors_that_nobody_explained(
    codes: tuple[int | None, ...],
    explained: list[str],
    figures: str,
    unexplained: list[str],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    write(tmp_path, MUTATED, {**{name: 0 for name, _, _, _ in mutants(MUTATED)}, **dict(zip(CODE, codes, strict=True))})
    assert report(tmp_path, explained) == (not unexplained)
    *lines, summary = capsys.readouterr().out.splitlines()
    assert lines == unexplained
    assert summary.startswith(figures)


def write(folder: Path, mutated: str, codes: dict[str, int | None], module: str = "sample") -> None:
    """What mutmut leaves of a file: the mutants, and how the tests of each ended."""
    path = folder / f"{module.replace('.', '/')}.py"
    path.parent.mkdir(exist_ok=True)
    path.write_text(mutated, encoding="utf-8")
    exits = {f"reference.{module}.{name}": code for name, code in codes.items()}
    path.with_suffix(".py.meta").write_text(json.dumps({"exit_code_by_key": exits}), encoding="utf-8")


def test_the_report_counts_the_files_of_packages(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write(tmp_path, MUTATED, {name: 0 for name, _, _, _ in mutants(MUTATED)}, "layers.sample")
    assert not report(tmp_path, [])
    *lines, summary = capsys.readouterr().out.splitlines()
    assert MINUS.replace("sample", "layers.sample") in lines
    assert summary.startswith("0 of 3 mutants killed")


def test_of_survivors_with_one_key_as_many_are_explained_as_are_listed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Those with a line of their own first."""
    functions = [f"def x_{name}__mutmut_{which}(a):\n    return a {sign} 1\n" for name in "fgh"
                 for which, sign in (("orig", "+"), ("1", "-"))]  # fmt: skip
    names: dict[str, int | None] = {f"x_{name}__mutmut_1": 0 for name in "fgh"}
    write(tmp_path, "".join(functions), names)
    assert not report(tmp_path, [])
    *lines, _ = capsys.readouterr().out.splitlines()
    assert [line.partition("  ")[2] for line in lines] == [f"sample.{name}: return a - 1" for name in "fgh"]
    assert report(tmp_path, lines)
    assert report(tmp_path, [lines[0]] * 3)
    capsys.readouterr()
    assert not report(tmp_path, lines[1:])
    assert capsys.readouterr().out.splitlines()[:-1] == [lines[0]]


def test_the_list_in_the_document_is_read_and_the_rest_is_not() -> None:
    assert listed(f"# Title\n\n    make mutants   # all\n\nabcdef1234  text\n\n    {MINUS}\n") == [MINUS]
    lines = listed((ROOT / "docs" / "mutants.md").read_text(encoding="utf-8"))
    assert len(lines) > 10


def test_without_mutmut_it_says_what_to_do(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, refusal: Callable[..., str]
) -> None:
    monkeypatch.setattr(sys, "executable", str(tmp_path / "python"))
    message = refusal("scripts/mutants.py")
    assert message == "mutants.py: mutmut is needed: run `make mutants`, or pip install 'cnn-reference[dev]'\n"


def test_it_tells_when_mutmut_fails(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "mutmut").write_text("#!/bin/sh\necho $1 $2\nexit 3\n")
    (tmp_path / "mutmut").chmod(0o755)
    (tmp_path / "reference" / "layers").mkdir(parents=True)
    for path in SAMPLES:
        (tmp_path / path).write_text(DECORATED)
    monkeypatch.setattr(sys, "executable", str(tmp_path / "python"))
    monkeypatch.setattr(sys, "argv", ["mutants.py", "some.*"])
    monkeypatch.setattr(script, "ROOT", tmp_path)
    monkeypatch.setattr(script, "COPY", tmp_path / "build" / "mutants")
    monkeypatch.setattr(resource, "setrlimit", lambda *limits: None)
    assert script.main() == 2
    output, errors = capfd.readouterr()
    assert output == "run some.*\n"
    assert errors == "mutants.py: mutmut ended with 3; it says why above\n"
    assert {(script.COPY / path).read_text() for path in SAMPLES} == {undecorated(DECORATED)}
