"""The proof as a page to keep: what was compared, on which machine, how close it came, and that it could have failed.

``result`` gathers everything in one dictionary, ready for JSON; ``page`` turns that into a self-contained HTML page
that a reader who has not seen the project can follow.
"""

import dataclasses
from collections.abc import Iterable, Sequence
from typing import Any

from torch_parity.audit import exactness
from torch_parity.audit.coverage import Coverage
from torch_parity.audit.planting import EVIDENCE, PlantedMistake
from torch_parity.machine import machine
from torch_parity.pages.rendering import render
from torch_parity.proof.prove import Report
from torch_parity.training.lockstep import SIDES

Result = dict[str, Any]

RESULT_NAMES = {
    "output": "output",
    "indices": "indices",
    "grad_input": "gradient of the input",
    "grad_weight": "gradient of the weights",
    "grad_bias": "gradient of the bias",
    "grad_target": "gradient of the target",
}
EVIDENCE_NAMES = {
    "lattice": "small integers",
    "real": "real numbers",
    "ties": "ties and zeros",
    "extremes": "NaN, infinities",
    "definition": "the definition",
    "derivative": "difference quotient",
}


def result(
    arguments: dict[str, Any],
    reports: Sequence[Report],
    coverage: Iterable[Coverage],
    rows: Iterable[PlantedMistake],
    exact: Iterable[exactness.Exactness],
    seconds: float,
) -> Result:
    """Everything in one dictionary; what nobody asked for is empty.

    Keys: arguments; machine; seconds; equal, whether all formulas are; formulas, a list with name, twin, formula,
    cases, equal, results (per result: compared, elements, identical, exact_elements, exact_different, largest_share,
    different) and failures (case, description, difference); coverage, a list with name, share and missing; self_test, a
    list with name, formula, explanation, signature, caught and rejected (per kind of evidence, null where there is
    none); exactness, a list with formula, result, smallest_error_seen (per kind and dtype: median and largest, null
    where none is) and rms_error (per dtype: cases, numpy, torch).
    """
    return {
        "arguments": arguments,
        "machine": machine(),
        "seconds": seconds,
        "equal": all(report.equal for report in reports),
        "formulas": [_formula(report) for report in reports],
        "coverage": [
            {
                "name": one.name,
                "share": one.share(),
                "missing": [f"{a.argument} {a.value}, {b.argument} {b.value}" for a, b in one.missing()],
            }
            for one in coverage
        ],
        "self_test": [
            {
                "name": row.mistake.name,
                "formula": row.mistake.formula,
                "explanation": row.mistake.explanation,
                "signature": row.mistake.signature,
                "caught": row.caught,
                "rejected": row.rejected,
            }
            for row in rows
        ],
        "exactness": [exactness.as_result(row) for row in exact],
    }


def _formula(report: Report) -> Result:
    return {
        "name": report.pair.name,
        "twin": report.pair.twin_name,
        "formula": report.pair.formula,
        "cases": report.cases,
        "equal": report.equal,
        "results": {name: dataclasses.asdict(tally) for name, tally in report.results.items()},
        "failures": [
            {"case": number, "description": str(case), "difference": message}
            for number, case, message in report.failures
        ],
    }


def page(found: Result) -> str:
    """The HTML page of a ``result``: one file, no scripts, nothing loaded from elsewhere."""
    formulas = found["formulas"]
    errors = [rms[side] for row in found["exactness"] for rms in row["rms_error"].values() for side in SIDES]
    return render(
        "proof.html",
        found=found,
        calls=sum(formula["cases"] for formula in formulas),
        numbers=sum(tally["elements"] for formula in formulas for tally in formula["results"].values()),
        different=sum(not formula["equal"] for formula in formulas),
        result_names=RESULT_NAMES,
        evidence_names={name: EVIDENCE_NAMES[name] for name in EVIDENCE},
        largest_error=max(errors, default=0),
        power=exactness.power,
    )
