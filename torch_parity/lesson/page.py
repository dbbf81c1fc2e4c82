"""The page: every section proven, its code and formulas set, all put into one HTML file."""

import json
import math
from collections.abc import Callable, Sequence
from importlib.resources import files
from typing import Any

import latex2mathml.converter
import numpy as np
from jinja2 import ChoiceLoader, PackageLoader
from markupsafe import Markup
from pygments import highlight
from pygments.formatters import HtmlFormatter
from pygments.lexers import PythonLexer

from torch_parity.audit.mistakes import MISTAKES, Mistake
from torch_parity.lesson.example import Array, Example, Matrices, UnequalError
from torch_parity.lesson.section import Demonstration, Section
from torch_parity.lesson.sections import SECTIONS
from torch_parity.lesson.sources import excerpt
from torch_parity.lesson.text import written
from torch_parity.machine import machine
from torch_parity.pages.rendering import ENVIRONMENT

SCRIPTS = files("torch_parity.lesson") / "javascript"
# Said of a mistake that the audit plants in the forward alone.
BY_TORCH = "The gradient shown is the one that such code has: torch's autograd found it of the wrong formula."


def build(chosen: Sequence[Section] | None = None) -> str:
    """The page as HTML, with all sections or those ``chosen``.

    Raises UnequalError where a number on it differs between NumPy and torch.
    """
    chosen = SECTIONS if chosen is None else chosen
    sections = [_set(section) for section in chosen]
    environment = ENVIRONMENT.overlay(
        loader=ChoiceLoader([PackageLoader("torch_parity.lesson"), PackageLoader("torch_parity.pages")])
    )
    environment.filters = {**ENVIRONMENT.filters, "shown_number": written}
    return environment.get_template("lesson.html").render(
        sections=sections,
        scripts=_scripts(),
        facts=_json({section["name"]: section["facts"] for section in sections}),
        machine=machine(),
        mistakes=_by_formula(),
        switchable={demonstration.name for section in chosen for demonstration in section.demonstrations},
        numbers=sum(section["numbers"] for section in sections),
        code_colours=Markup(_code_colours()),
    )


def _by_formula() -> dict[str, list[Mistake]]:
    """All mistakes, in teaching order."""
    found: dict[str, list[Mistake]] = {}
    for mistake in MISTAKES:
        found.setdefault(mistake.formula, []).append(mistake)
    return found


def _set(section: Section) -> dict[str, Any]:
    """What the template shows of a section."""
    examples = list(section.examples())
    if section.demonstrations and not examples:
        raise UnequalError(f"{section.name} has no proven example")
    mistakes = [_mistake(section, demonstration) for demonstration in section.demonstrations]
    facts = {
        "given": {name: _rows(matrix) for name, matrix in section.given.items()},
        "examples": [_example(example) for example in examples],
        "mistakes": mistakes,
        "extra": section.extra(),
    }
    first = examples[0]
    matrices = {**first.given, **{name: result.numpy for name, result in first.results.items()}}
    return {
        "name": section.name,
        "title": section.title,
        "idea": section.idea,
        "formulas": [
            {"caption": caption, "latex": latex, "mathml": _mathml(latex)}
            for caption, latex in section.formulas.items()
        ],
        "on_paper": [_code(function) for function in section.on_paper],
        "fast": [_code(function) for function in section.fast],
        "in_torch": [_code(section.in_torch)] if section.on_paper else [],
        "question": section.question,
        "answer": section.answer,
        "exercise": Markup(_highlighted(section.exercise)) if section.exercise else "",
        "captions": section.captions,
        "matrices": {name: _rows(matrix) for name, matrix in matrices.items()},
        "editable": section.editable,
        "walks": section.walks or next(iter(first.results), ""),
        "options": section.options,
        "results": {name: _results(result.numpy, result.torch) for name, result in first.results.items()},
        "exact": all(not result.bound.any() for result in first.results.values()),
        "examples": len(examples),
        "numbers": sum(result.numpy.size for example in examples for result in example.results.values()),
        "mistakes": mistakes,
        "facts": facts,
    }


def _example(example: Example) -> dict[str, Any]:
    return {
        "options": example.options,
        "given": {name: _rows(matrix) for name, matrix in example.given.items()},
        "results": {
            name: {
                "numpy": _rows(result.numpy),
                "torch": _rows(result.torch),
                "bound": _rows(result.bound) if result.bound.any() else 0,
            }
            for name, result in example.results.items()
        },
    }


def _mistake(section: Section, demonstration: Demonstration) -> dict[str, Any]:
    """A mistake that can be switched in, proven to be seen where it is shown, and not seen where it is hidden."""
    states = {}
    for name, state, seen in (("shown", demonstration.shown, True), ("hidden", demonstration.hidden, False)):
        if state is None:
            continue
        right, wrong = section.with_mistake(demonstration, state)
        if _differ(right, wrong) != seen:
            raise UnequalError(
                f"{section.name}: {demonstration.name} is {'not ' if seen else ''}seen where it is {name}"
            )
        states[name] = {
            **_example(right),
            "results": {
                matrix: {
                    "numpy": _rows(wrong[matrix]),
                    "bound": _rows(right.results[matrix].bound) if right.results[matrix].bound.any() else 0,
                }
                for matrix in wrong
            },
        }
    mistake = demonstration.mistake
    return {
        "name": mistake.name,
        "explanation": mistake.explanation if demonstration.in_torch is None else f"{mistake.explanation} {BY_TORCH}",
        "signature": mistake.signature,
        "remedy": mistake.remedy,
        "hidden_by": demonstration.hidden_by,
        **states,
    }


def _differ(right: Example, wrong: Matrices) -> bool:
    """Whether a wrong formula's results are told from the right one's."""
    return any(
        matrix.shape != right.results[name].numpy.shape
        or not bool(
            (np.abs(matrix - right.results[name].numpy) <= right.results[name].bound).all()
        )  # NaN, too, differs
        for name, matrix in wrong.items()
    )


def _results(ours: Array, torch: Array) -> dict[str, str]:
    with np.printoptions(precision=6, threshold=150):  # of a picture the corners
        return {"numpy": str(_matrix(ours)), "torch": str(_matrix(torch))}


def _matrix(array: Array) -> Array:
    """An array as a matrix: of an image with one channel its rows, of a vector or a number one row."""
    array = np.asarray(array)
    return array.reshape(-1, array.shape[-1]) if array.ndim else array.reshape(1, 1)


def _rows(array: Array) -> list[list[float | str]]:
    """For JSON, which has no NaN and no infinities: those as JavaScript's Number() reads them."""
    return [[_number(number) for number in row] for row in _matrix(array).tolist()]


def _number(number: float) -> float | str:
    """A whole number without its ".0"; -0.0 as it is."""
    if not math.isfinite(number):
        return "NaN" if math.isnan(number) else "Infinity" if number > 0 else "-Infinity"
    return int(number) if number == int(number) and str(number) != "-0.0" else float(number)


def _json(data: Any) -> Markup:
    """For a <script>: no text may end it."""
    return Markup(json.dumps(data, separators=(",", ":"), allow_nan=False).replace("<", "\\u003c"))


def _scripts() -> dict[str, Markup]:
    """The JavaScript modules by name, as they stand in their files."""
    found = {}
    for folder, prefix in ((SCRIPTS, ""), (SCRIPTS / "sections", "sections/")):
        for file in sorted(folder.iterdir(), key=lambda file: file.name):
            if file.name.endswith(".js"):
                text = file.read_text(encoding="utf-8")
                assert "</script" not in text
                found[prefix + file.name] = Markup(text)
    return found


def _mathml(latex: str) -> Markup:
    return Markup(latex2mathml.converter.convert(latex, display="block"))


def _code(function: Callable[..., Any]) -> dict[str, Any]:
    """A function's lines as they stand in its file, coloured, and where they stand."""
    found = excerpt(function)
    return {"name": found.name, "place": found.place, "line": found.line, "html": Markup(_highlighted(found.code))}


def _highlighted(code: str) -> str:
    coloured: str = highlight(code, PythonLexer(), HtmlFormatter(nowrap=True))
    return coloured


def _code_colours() -> str:
    """Pygments' styles for light and dark."""
    light = HtmlFormatter(style="xcode").get_style_defs(".code")
    dark = HtmlFormatter(style="github-dark").get_style_defs(".code")
    return f"{light}\n@media (prefers-color-scheme: dark) {{\n{dark}\n}}"
