"""The proof as a page to keep: what was compared, on which machine, how close it came, and that it could have failed.

``result`` gathers everything in one dictionary, ready for JSON; ``page`` turns that into a self-contained HTML page
that a reader who has not seen the project can follow.
"""

import dataclasses
import re
from collections.abc import Iterable, Sequence
from typing import Any

from torch_parity.audit import exactness
from torch_parity.audit.coverage import Coverage
from torch_parity.audit.planting import EVIDENCE, PlantedMistake
from torch_parity.machine import machine
from torch_parity.pages.html_pages import bar, document, escape
from torch_parity.proof.prove import Report

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


STYLE = """
.matrix td.cell { text-align: center; min-width: 4.2rem; } .matrix th.cell { text-align: center; }
.seen { background: var(--good); } .unseen { color: var(--pale); } .none { background: var(--soft); }
"""


def page(found: Result) -> str:
    """The HTML page of a ``result``: one file, no scripts, nothing loaded from elsewhere."""
    sections = [_head(found), _machine(found), _formulas(found)]
    if not found["equal"]:
        sections.append(_failures(found))
    if found["coverage"]:
        sections.append(_coverage(found))
    if found["self_test"]:
        sections.append(_self_test(found))
    if found["exactness"]:
        sections.append(_exactness(found))
    return document("NumPy against torch", sections, STYLE)


def _head(found: Result) -> str:
    cases = sum(formula["cases"] for formula in found["formulas"])
    numbers = sum(tally["elements"] for formula in found["formulas"] for tally in formula["results"].values())
    different = sum(not formula["equal"] for formula in found["formulas"])
    mark, text = ("good", "equal") if found["equal"] else ("bad", f"{different} formulas differ")
    return f"""<h1>Every formula of a convolutional neural network: NumPy against torch</h1>
<p><span class="verdict {mark}">{text}</span></p>
<p>{len(found["formulas"])} formulas were computed twice, by a reference written in NumPy and by torch: outputs, and
gradients under a random gradient from above. {cases:,} random calls gave {numbers:,} pairs of numbers, every one of
which was compared. There is no tolerance that somebody chose: numbers had to be equal bit for bit where a formula does
not round, and where it does, to lie within the bound that the rounding errors of two correct programs cannot
exceed.</p>"""


def _machine(found: Result) -> str:
    facts = {**found["machine"], **found["arguments"]}
    rows = "".join(f"<tr><th>{escape(name)}</th><td>{escape(value)}</td></tr>" for name, value in facts.items())
    return f"<h2>Where and how</h2>\n<table>{rows}</table>\n<p class='quiet'>{found['seconds']:.0f} seconds.</p>"


def _formulas(found: Result) -> str:
    rows = []
    for formula in found["formulas"]:
        for index, (name, tally) in enumerate(formula["results"].items()):
            lead = (
                f"<td><code>{escape(formula['name'])}</code></td><td><code>{escape(formula['twin'])}</code></td>"
                f"<td><code>{escape(formula['formula'])}</code></td><td class='number'>{formula['cases']:,}</td>"
                if index == 0
                else "<td></td><td></td><td></td><td></td>"
            )
            rows.append(
                f"<tr>{lead}<td class='name'>{escape(RESULT_NAMES.get(name, name))}</td>"
                f"<td class='number'>{_exact(tally)}</td><td class='share'>{_share(tally)}</td>"
                f"<td>{_verdict(tally)}</td></tr>"
            )
    return f"""<h2>The formulas</h2>
<p>&ldquo;Equal numbers&rdquo; had to be the same: all bits of them, or for sums of products their values on small
integers, which no order of summation rounds. &ldquo;Largest difference&rdquo; is that on real numbers, as a share of
the proven bound: below 100&nbsp;% it is rounding, above it a bug.</p>
<div class="wide"><table><tr><th>NumPy</th><th>torch</th><th>formula</th><th>calls</th><th>result</th>
<th>equal numbers</th><th>largest difference</th><th>verdict</th></tr>
{"".join(rows)}</table></div>"""


def _exact(tally: Result) -> str:
    if not tally["exact_elements"]:
        return "&ndash;"
    equal = tally["exact_elements"] - tally["exact_different"]
    return f"{equal:,} of {tally['exact_elements']:,}"


def _share(tally: Result) -> str:
    if tally["elements"] == tally["exact_elements"]:
        return "<span class='quiet'>none: bit for bit</span>"
    return bar(tally["largest_share"])


def _verdict(tally: Result) -> str:
    if tally["different"]:
        return f"<span class='verdict bad'>different in {tally['different']:,} calls</span>"
    return "<span class='verdict good'>equal</span>"


def _failures(found: Result) -> str:
    rows = [
        f"<tr><td><code>{escape(formula['name'])}</code></td><td class='number'>{failure['case']}</td>"
        f"<td>{escape(failure['description'])}</td><td>{escape(failure['difference'])}</td></tr>"
        for formula in found["formulas"]
        for failure in formula["failures"][:5]
    ]
    return f"""<h2>What differs</h2>
<p>The first calls of each formula that differ; all are in the JSON report.</p>
<div class="wide"><table><tr><th>formula</th><th>case</th><th>call</th><th>difference</th></tr>
{"".join(rows)}</table></div>"""


def _coverage(found: Result) -> str:
    rows = [
        f"<tr><td><code>{escape(one['name'])}</code></td>"
        f"<td class='share'>{bar(one['share'])}</td>"
        f"<td class='quiet'>{escape('; '.join(one['missing'][:5]))}</td></tr>"
        for one in found["coverage"]
    ]
    return f"""<h2>What the calls covered</h2>
<p>Bugs hide where two options meet. This is the share of all pairs of properties of two different arguments (dilation
with padding, say, or a class weight with a probability as target) that occurred in the calls, of those that can.</p>
<table><tr><th>formula</th><th>pairs covered</th><th>missing</th></tr>{"".join(rows)}</table>"""


def _self_test(found: Result) -> str:
    heads = "".join(f"<th class='cell'>{escape(EVIDENCE_NAMES[name])}</th>" for name in EVIDENCE)
    rows = []
    for mistake in found["self_test"]:
        cells = "".join(_cell(mistake["rejected"][name]) for name in EVIDENCE)
        rows.append(
            f"<tr><td><code>{escape(mistake['formula'])}</code></td><td><b>{escape(mistake['name'])}</b><br>"
            f"{escape(mistake['explanation'])} <span class='quiet'>{escape(mistake['signature'])}</span></td>"
            f"{cells}</tr>"
        )
    caught = sum(mistake["caught"] for mistake in found["self_test"])
    mark = "good" if caught == len(found["self_test"]) else "bad"
    return f"""<h2>Could it have failed?</h2>
<p><span class="verdict {mark}">{caught} of {len(rows)} planted mistakes rejected</span></p>
<p>Wrong formulas that people really write were planted in the reference, one at a time. Each cell counts the calls that
gave the mistake away, by the kind of numbers compared with torch, and by two witnesses that need no torch: the loops of
the definition, and the difference quotient of the formula itself. An empty column would be evidence of nothing; no
column alone is enough.</p>
<div class="wide"><table class="matrix"><tr><th>formula</th><th>mistake</th>{heads}</tr>{"".join(rows)}</table></div>"""


def _exactness(found: Result) -> str:
    kinds, dtypes = list(found["exactness"][0]["smallest_error_seen"]), ("float32", "float64")
    largest = max(
        rms[side] for row in found["exactness"] for rms in row["rms_error"].values() for side in ("numpy", "torch")
    )
    rows = []
    for row in found["exactness"]:
        seen = "".join(f"<td class='number'>{_power(row['smallest_error_seen'].get(kind))}</td>" for kind in kinds)
        errors = "".join(_errors(row["rms_error"].get(dtype), largest) for dtype in dtypes)
        rows.append(
            f"<tr><td><code>{escape(row['formula'])}</code></td><td class='name'>"
            f"{escape(RESULT_NAMES.get(row['result'], row['result']))}</td>{seen}{errors}</tr>"
        )
    heads = "".join(f"<th>error seen,<br>{escape(kind)}</th>" for kind in kinds)
    heads += "".join(f"<th>rounding errors,<br>{dtype}</th><th>ratio</th>" for dtype in dtypes)
    return f"""<h2>How exact?</h2>
<p>&ldquo;Error seen&rdquo;: a relative error was planted in a single number of a right result. This is the smallest
that was rejected: in the median, and in brackets for the number where it had to be largest. 2<sup>-23</sup> is the last
bit of float32, 2<sup>-52</sup> that of float64. Where a sum cancels or a probability is next to nothing, the number is
smaller than the rounding errors in it, and no relative error of it means anything.</p>
<p>&ldquo;Rounding errors&rdquo;: the root mean square distance of each side from the true results, NumPy above, torch
below, in units of half the last bit of the largest number. The ratio is NumPy's error in errors of torch.</p>
<div class="wide"><table><tr><th>formula</th><th>result</th>{heads}</tr>{"".join(rows)}</table></div>"""


def _power(seen: list[float | None] | None) -> str:
    return re.sub(r"\^(-?\d+)", r"<sup>\1</sup>", exactness.power(seen))


def _errors(rms: Result | None, largest: float) -> str:
    """The errors of both sides as bars, and their ratio."""
    if rms is None:
        return "<td class='quiet'>not measured</td><td></td>"
    if not rms["numpy"] and not rms["torch"]:
        return "<td class='quiet'>none</td><td></td>"
    bars = "<br>".join(bar(rms[side] / largest, f"{rms[side]:.3f}") for side in ("numpy", "torch"))
    return f"<td class='share'>{bars}</td><td class='number'>{rms['numpy'] / rms['torch']:.2f}</td>"


def _cell(count: int | None) -> str:
    if count is None:
        return "<td class='cell none' title='no such cases'></td>"
    return f"<td class='cell {'seen' if count else 'unseen'}'>{count or '&ndash;'}</td>"
