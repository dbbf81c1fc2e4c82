"""What is known of a student's file as one object of strict JSON, for programs.

JSON has no NaN and no infinities: such numbers are the strings "NaN", "Infinity" and "-Infinity", which Python's
``float`` and NumPy read.
"""

import math
from collections.abc import Iterable
from dataclasses import asdict
from pathlib import Path
from typing import Any

from torch_parity.audit.mistakes import Mistake
from torch_parity.doctor.candidates import General
from torch_parity.doctor.diagnosis import Diagnosis
from torch_parity.doctor.examination import Entry, Smallest
from torch_parity.doctor.process import Problem
from torch_parity.doctor.subject import NotUnderstood


def answer(
    file: Path, entries: list[Entry], not_understood: list[NotUnderstood], seconds: float, printed: str
) -> dict[str, Any]:
    """The whole answer; ``printed``: what the file printed, the beginning of it."""
    return {
        "file": str(file),
        "equal": bool(entries) and all(entry.equal for entry in entries),
        "seconds": round(seconds, 3),
        "functions": [_function(entry, entries) for entry in entries],
        "not_understood": [asdict(one) for one in not_understood],
        "printed": printed,
    }


def _function(entry: Entry, entries: list[Entry]) -> dict[str, Any]:
    subject = entry.subject
    diagnosis = [one for found in entry.diagnoses for one in _diagnosis(found)]
    for result, forward in entry.follows.items():
        diagnosis += _following(result, _forward(forward, subject.formula, entries))
    return {
        "name": subject.name,
        "found": subject.found,
        "line": subject.line,
        "style": subject.style,
        "signature": subject.signature,
        "verdict": entry.verdict,
        "rounding": entry.rounding,
        "results": entry.results,
        "conventions": entry.conventions,
        "remarks": [{"mistake": name, "explanation": words} for name, words in dict(entry.remarks).items()],
        "diagnosis": diagnosis,
        "patterns": entry.patterns,
        "missing": entry.missing,
        "follows": entry.follows,
        "smallest": None if entry.smallest is None else _smallest(entry.smallest),
        "problem": None if entry.problem is None else _problem(entry),
        "read": _read(entry, entries),
        "cases": entry.cases,
        "seconds": round(entry.seconds, 6),
    }


def _diagnosis(found: Diagnosis) -> Iterable[dict[str, Any]]:
    """An object for each mistake; "with": the others that were made together with it, "instead": the other ones."""
    explanations = (found.mistakes, *found.instead)
    for mistakes in explanations:
        for mistake in mistakes:
            yield {
                "mistake": mistake.name,
                "certainty": found.certainty,
                "result": found.result,
                "explanation": mistake.explanation,
                "remedy": mistake.remedy,
                "cases": list(found.cases),
                "bit_for_bit": found.bits,
                "with": [other.name for other in mistakes if other is not mistake],
                "instead": [[other.name for other in others] for others in explanations if others is not mistakes],
                "telling": found.telling,
            }


def _forward(found: str, formula: str, entries: list[Entry]) -> Entry | None:
    fitting = (entry for entry in entries if (entry.subject.found, entry.subject.name) == (found, formula))
    return next(fitting, None)


def _following(result: str, forward: Entry | None) -> Iterable[dict[str, Any]]:
    """The mistakes of a forward, told again for the gradient that differs only because the forward does."""
    for found in forward.diagnoses if forward is not None else []:
        for one in _diagnosis(found):
            words = f"Follows from {forward.subject.found if forward else ''}: {one['explanation']}"
            yield {**one, "result": result, "explanation": words}


def _smallest(smallest: Smallest) -> dict[str, Any]:
    question = smallest.question
    inputs: dict[str, Any] = {**question.arrays, **question.options}
    if question.grad_output is not None:
        inputs["grad_output"] = question.grad_output
    return {
        "result": smallest.result,
        "inputs": {name: numbers(value) for name, value in inputs.items()},
        "expected": numbers(smallest.expected),
        "got": numbers(smallest.got),
    }


def numbers(value: Any) -> Any:
    """Arrays as lists, tuples too, and what is not finite as a string."""
    if hasattr(value, "tolist"):
        value = value.tolist()
    if isinstance(value, list | tuple):
        return [numbers(one) for one in value]
    if isinstance(value, float) and not math.isfinite(value):
        return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"
    return value


def _problem(entry: Entry) -> dict[str, Any]:
    assert entry.problem is not None
    return {**problem(entry.problem), "case": str(entry.problem_question or "")}


def problem(raised: Problem) -> dict[str, Any]:
    """Why a call, or the file itself, gave nothing."""
    return {"kind": raised.kind, "type": raised.type, "message": raised.message, "lines": list(raised.lines)}


def _read(entry: Entry, entries: list[Entry]) -> list[str]:
    """Where to read on, each place once."""
    explanations = [mistakes for found in entry.diagnoses for mistakes in (found.mistakes, *found.instead)]
    for forward in filter(None, (_forward(found, entry.subject.formula, entries) for found in entry.follows.values())):
        explanations += [found.mistakes for found in forward.diagnoses]
    return list(dict.fromkeys(place for mistakes in explanations for one in mistakes for place in _places(one)))


def _places(mistake: Mistake | General) -> list[str]:
    if isinstance(mistake, General):
        return [f"doctor.py --explain {mistake.name}"]
    return [*mistake.read, f"doctor.py --explain {mistake.name}", f"lesson.html#mistake={mistake.name}"]
