"""What the count of mutants does itself: the rest is mutmut's."""

import json
from pathlib import Path

import pytest

from scripts.mutants import mutants, report, undecorated

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
    assert {name: change for name, change, is_code in found if is_code} == CODE
    assert {name for name, _, is_code in found if not is_code} == {"x_f__mutmut_2", "xǁCǁg__mutmut_1"}


@pytest.mark.parametrize(
    ("codes", "explained", "figures", "unexplained"),
    [
        ((1, 1, 1), [], "3 of 3 mutants killed, 100.0%", []),
        ((1, 0, -24), [], "2 of 3 mutants killed, 66.7%", ["sample.f: return x - 1"]),
        (
            (33, 0, 1),
            ["sample.f: return x - 1", "sample.C.g: return x"],
            "1 of 3",
            ["sample.f: def f(x, mode='XXsameXX'):"],
        ),
        ((1, 0, None), ["sample.f: return x - 1"], "1 of 2 mutants killed, 50.0%", []),
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
    exits: dict[str, int | None] = {f"reference.sample.{name}": 0 for name, _, _ in mutants(MUTATED)}
    exits |= {f"reference.sample.{name}": code for name, code in zip(CODE, codes, strict=True)}
    (tmp_path / "sample.py").write_text(MUTATED, encoding="utf-8")
    (tmp_path / "sample.py.meta").write_text(json.dumps({"exit_code_by_key": exits}), encoding="utf-8")
    assert report(tmp_path, explained) == (not unexplained)
    *lines, summary = capsys.readouterr().out.splitlines()
    assert lines == unexplained
    assert summary.startswith(figures)
