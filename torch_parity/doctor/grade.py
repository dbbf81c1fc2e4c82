"""Points for a course: so many for each function, in parts where some of its results are right."""

import base64
import difflib
import json
import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from torch_parity.doctor.examination import Entry
from torch_parity.doctor.report import name_of, unwritten
from torch_parity.doctor.stubs import STUBS

Weights = dict[str, float]


@dataclass(frozen=True)
class Mark:
    """The points of one function, and why; ``entry`` is the function that they are for, None where there is none."""

    name: str
    points: float
    most: float
    reason: str
    entry: Entry | None


@dataclass(frozen=True)
class Grade:
    """The marks of a file."""

    marks: tuple[Mark, ...]

    @property
    def points(self) -> float:
        """Those that were reached."""
        return sum(mark.points for mark in self.marks)

    @property
    def most(self) -> float:
        """Those that there are."""
        return sum(mark.most for mark in self.marks)

    def __str__(self) -> str:
        """A table, one line for each function, and the sum."""
        rows = [(mark.name, _of(mark.points, mark.most), mark.reason) for mark in self.marks]
        rows.append(("all", _of(self.points, self.most), ""))
        first, second = (max(len(row[column]) for row in rows) for column in (0, 1))
        return "\n".join(f"{name:<{first}}  {points:>{second}}  {reason}".rstrip() for name, points, reason in rows)


def read_weights(path: Path) -> Weights:
    """The points for each function, from a JSON file such as {"conv2d": 3, "conv2d_backward": 4}.

    OSError where it cannot be read, ValueError, which names the file, where it says something else.
    """
    try:
        said = json.loads(path.read_text(encoding="utf-8"), object_pairs_hook=_without_duplicates)
        return _checked(said)
    except ValueError as error:  # also what is no JSON, or no text
        raise ValueError(f"{path}: {error}") from error


def _without_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    names = [name for name, _ in pairs]
    for name in names:
        if names.count(name) > 1:
            raise ValueError(f"{name!r} is there {names.count(name)} times")
    return dict(pairs)


def _checked(said: Any) -> Weights:
    if not isinstance(said, dict) or not said:
        raise ValueError(f'it must be points by function, such as {{"conv2d": 3, "conv2d_backward": 4}}, got {said!r}')
    for name, points in said.items():
        if name not in STUBS:
            near = difflib.get_close_matches(name, STUBS, 1)
            which = f"did you mean {near[0]!r}?" if near else f"there are {', '.join(STUBS)}"
            raise ValueError(f"no function is called {name!r}; {which}")
        if isinstance(points, bool) or not isinstance(points, int | float) or not math.isfinite(points):
            raise ValueError(f"the points for {name!r} must be a number, got {points!r}")
        if points < 0:
            raise ValueError(f"the points for {name!r} must not be below 0, got {points!r}")
    if not any(said.values()):
        raise ValueError("all points are 0")
    return {name: float(points) for name, points in said.items()}


def grade(entries: Iterable[Entry], weights: Weights) -> Grade:
    """The marks of what was examined, in the order of ``weights``.  Of several functions for one, the best counts."""
    every = list(entries)
    marks = []
    for name, most in weights.items():
        own = [entry for entry in every if entry.subject.name == name]
        if not own:
            marks.append(Mark(name, 0.0, most, "not found in the file", None))
            continue
        best = max(own, key=lambda entry: len(_right(entry)) / max(1, len(entry.results)))
        marks.append(_mark(name, most, best))
    return Grade(tuple(marks))


def _mark(name: str, most: float, entry: Entry) -> Mark:
    found = entry.subject.found
    if entry.equal:
        return Mark(name, most, most, f"{found}: equal", entry)
    if unwritten(entry):
        return Mark(name, 0.0, most, f"{found}: not written yet", entry)
    if entry.verdict != "different":
        what = entry.problem.type or entry.problem.message if entry.verdict == "raises" and entry.problem else ""
        return Mark(name, 0.0, most, f"{found}: {entry.verdict} {what}".rstrip(), entry)
    right = _right(entry)
    wrong_first = sorted(entry.results, key=lambda result: result in right)
    said = ", ".join(f"{name_of(entry.subject, result)} {_verdict(entry, result)}" for result in wrong_first)
    return Mark(name, most * len(right) / len(entry.results), most, f"{found}: {said}", entry)


def _right(entry: Entry) -> list[str]:
    """The results that get their points.

    What follows from a wrong forward gets them: the mistake has cost the forward's.  What is equal, but has a mistake
    all the same, such as an argument changed in place, gets none.
    """
    if entry.verdict not in ("equal", "different"):
        return []
    faulty = {diagnosis.result for diagnosis in entry.diagnoses}
    equal = [name for name, verdict in entry.results.items() if verdict == "equal" and name not in faulty]
    return [*equal, *entry.follows]


def _verdict(entry: Entry, result: str) -> str:
    if result in entry.follows:
        return f"follows from {entry.follows[result]}"
    names = [mistake.name for one in entry.diagnoses if one.result == result for mistake in one.mistakes]
    return entry.results[result] + (f" [{', '.join(names)}]" if names else "")


def _of(points: float, most: float) -> str:
    return f"{points:.4g}/{most:.4g}"


def gradescope(found: Grade, said: Callable[[Entry], str], summary: str, seconds: float) -> dict[str, Any]:
    """What Gradescope reads from results.json.

    ``said`` gives the report of a function, as the student sees it; ``summary`` is about all of them, or about why
    there are none.
    """
    tests = [
        {
            "name": mark.name,
            "score": round(mark.points, 4),
            "max_score": mark.most,
            "status": "passed" if mark.points == mark.most else "failed",
            "output": mark.reason if mark.entry is None else said(mark.entry),
            "output_format": "text",
            "visibility": "visible",
        }
        for mark in found.marks
    ]
    about_all = {"output": summary, "execution_time": round(seconds, 1)}
    return {**about_all, "visibility": "visible", "stdout_visibility": "visible", "tests": tests}


def classroom(found: Grade) -> str:
    """The line that a step of a workflow writes to $GITHUB_OUTPUT, for GitHub Classroom's grading reporter."""
    tests = [
        {
            "name": mark.name,
            "status": "pass" if mark.points == mark.most else "fail",
            "score": round(mark.points, 4),
            "message": mark.reason,
            "test_code": "",
            "filename": "",
            "line_no": 0 if mark.entry is None else mark.entry.subject.line,
            "duration": 0,
        }
        for mark in found.marks
    ]
    status = "pass" if all(test["status"] == "pass" for test in tests) else "fail"
    results = {"version": 1, "status": status, "max_score": found.most, "tests": tests}
    return "result=" + base64.b64encode(json.dumps(results).encode()).decode()
