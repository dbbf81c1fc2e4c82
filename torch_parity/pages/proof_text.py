"""The proof as lines of text: one for each formula, one for each failure, one for each planted mistake."""

from collections.abc import Iterable
from typing import Any

from torch_parity.audit import exactness
from torch_parity.audit.coverage import Coverage
from torch_parity.audit.planting import EVIDENCE, PlantedMistake
from torch_parity.machine import machine
from torch_parity.proof.pairs import PAIRS
from torch_parity.proof.prove import Report

# Of columns.
NAME_WIDTH = max(len(pair.name) for pair in PAIRS)
TWIN_WIDTH = max(len(pair.twin_name) for pair in PAIRS)

# The columns of the table of formulas, and the results that each holds.
COLUMNS = {
    "output": ("output", "indices", "running_mean", "running_var", "other", "norm"),
    "input gradient": ("grad_input",),
    "weight, target": ("grad_weight", "grad_target"),
    "bias gradient": ("grad_bias",),
}


def header(seed: int, backend: object) -> str:
    """What is compared with what, how to read the numbers, and the names of the columns."""
    facts = machine()
    columns = "  ".join(f"{name:>16}" for name in COLUMNS)
    return (
        f"NumPy {facts['NumPy']} against torch {facts['torch']} on {backend}, seed {seed}\n\n"
        "Numbers that must be equal and are, bit for bit (sums of products: on the integer lattice);\n"
        "in per cent, the largest difference on real numbers as a share of the proven rounding bound.\n\n"
        f"{'NumPy':<{NAME_WIDTH}} {'torch':<{TWIN_WIDTH}} {'cases':>6}  {columns}  verdict"
    )


def line(report: Report) -> str:
    """One line for a formula."""
    cells = "  ".join(f"{_cell(report, names):>16}" for names in COLUMNS.values())
    different = len({number for number, _, _ in report.failures})
    verdict = f"DIFFERENT in {different} cases" if different else "equal"
    return (
        f"{report.pair.name:<{NAME_WIDTH}} {report.pair.twin_name:<{TWIN_WIDTH}} {report.cases:>6}  {cells}  {verdict}"
    )


def _cell(report: Report, names: tuple[str, ...]) -> str:
    """What some results of a formula showed together."""
    tallies = [report.results[name] for name in names if name in report.results]
    exact = sum(tally.exact_elements for tally in tallies)
    wrong = sum(tally.exact_different for tally in tallies)
    parts = []
    if exact:
        parts.append(f"{exact - wrong:,}/{exact:,}" if wrong else f"{exact:,}")
    if any(tally.elements > tally.exact_elements for tally in tallies):
        parts.append(f"{max(tally.largest_share for tally in tallies):.1%}")
    return " ".join(parts) or "-"


def failure(report: Report, options: dict[str, Any]) -> str:
    """The smallest case that failed, and how to run it again; ``options`` are those of the command line."""
    number, case, message = report.smallest_failure()
    chosen = {name: value for name, value in options.items() if value is not None and value is not False}
    given = "".join(f" --{name}" if value is True else f" --{name} {value}" for name, value in chosen.items())
    return (
        f"\n{report.pair.name}: {len(report.failures)} failures.  The smallest is case {number}:\n"
        f"    {case}\n"
        f"    {message}\n"
        f"    rerun: python scripts/check_parity.py --only {report.pair.name} --case {number}{given}"
    )


def coverage(covered: Iterable[Coverage]) -> str:
    """How many pairs of properties of arguments the cases covered, and what is missing."""
    covered = list(covered)
    possible = sum(len(one.possible) for one in covered)
    missing = [(one.name, both) for one in covered for both in one.missing()]
    share = (possible - len(missing)) / possible
    lines = [f"pairs of arguments covered: {possible - len(missing):,} of {possible:,} ({share:.1%})"]
    for name, (a, b) in missing[:10]:
        lines.append(f"    missing: {name}: {a.argument} {a.value} with {b.argument} {b.value}")
    if len(missing) > 10:
        lines.append(f"    and {len(missing) - 10} more; more cases cover more")
    return "\n".join(lines)


def self_test_header() -> str:
    """What the matrix shows, and the names of its columns."""
    return (
        "Each mistake is planted in the reference in turn.  The numbers count the cases that rejected it: against\n"
        "torch on each kind of number, against the definition's loops, and against the difference quotient.\n\n"
        f"{'formula':<{NAME_WIDTH}} {'mistake':<32}" + "".join(f"{name:>12}" for name in EVIDENCE)
    )


def self_test_line(row: PlantedMistake) -> str:
    """One line for a mistake; a dot where there is no such evidence."""
    cells = "".join(f"{'.' if count is None else count:>12}" for count in row.rejected.values())
    return f"{row.mistake.formula:<{NAME_WIDTH}} {row.mistake.name:<32}{cells}{'' if row.caught else '  NOT REJECTED'}"


# The columns of the table of exactness: how small an error is seen in numbers of this kind and dtype.
SEEN = ("lattice float32", "real float32", "lattice float64", "real float64")


def exactness_header() -> str:
    """What the table of exactness shows, and the names of its columns."""
    columns = "".join(f" {kind:>16}" for kind in SEEN)
    errors = f"{'NumPy':>8} {'torch':>6} ratio"
    return (
        "Errors seen: the smallest relative error in a single number that is rejected; the median, and (the most).\n"
        "Last bits are 2^-23 and 2^-52.  The most is large where a sum cancels or a probability is next to nothing.\n"
        "RMS errors: of NumPy and of torch, against the truth, in halves of the last bit of a case's largest number.\n"
        "\n"
        f"{'':<{NAME_WIDTH + 13}}{'errors seen':<{len(columns)}}{'RMS float32':<24}RMS float64\n"
        f"{'formula':<{NAME_WIDTH}} {'result':<12}{columns}{errors:>24}{errors:>24}"
    )


def exactness_line(row: exactness.Exactness) -> str:
    """One line for a result."""
    found = exactness.as_result(row)
    seen = "".join(f" {exactness.power(found['smallest_error_seen'].get(kind)):>16}" for kind in SEEN)
    errors = "".join(_rms(found["rms_error"].get(dtype)) for dtype in ("float32", "float64"))
    return f"{row.formula:<{NAME_WIDTH}} {row.result:<12}{seen}{errors}".rstrip()


def _rms(errors: dict[str, float] | None) -> str:
    if errors is None:
        return f"{'-':>18}{'':6}"
    ratio = f"{errors['numpy'] / errors['torch']:.2f}" if errors["torch"] else ""
    return f"{errors['numpy']:>11.3f} {errors['torch']:>6.3f} {ratio:>5}"
