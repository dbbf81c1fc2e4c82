"""Prove every formula of the reference equal to torch on random cases: outputs and gradients."""

import argparse
import dataclasses
import json
import platform
import sys
import time
from typing import Any

import numpy as np
import torch

from torch_parity.pairs import PAIRS
from torch_parity.proof import DTYPES, Report, pair_named, prove_many

# The columns of the table, and the results that each holds.
COLUMNS = {
    "output": ("output", "indices"),
    "input gradient": ("grad_input",),
    "weight, target": ("grad_weight", "grad_target"),
    "bias gradient": ("grad_bias",),
}

JSON_HELP = """\
--json prints one object: seed, cases, dtypes, numpy, torch, python, seconds, equal, and formulas, a list with one
object per formula: name, twin, cases, equal, results (per result, such as output or grad_weight: compared, elements,
identical, exact_elements, exact_different, largest_share, different) and failures (case, description, difference)."""


def main() -> int:
    """Parse the arguments, prove, report; 1 when anything differs."""
    arguments = _parser().parse_args()
    least = {"cases": 1, "threads": 1, "seed": 0, "case": 0}
    for name, minimum in least.items():
        value = getattr(arguments, name)
        if value is not None and value < minimum:
            print(f"check_parity.py: --{name} must be at least {minimum}, got {value}", file=sys.stderr)
            return 2
    pairs = [pair_named(arguments.only)] if arguments.only else PAIRS
    dtypes = DTYPES if arguments.dtype == "both" else (np.dtype(arguments.dtype),)
    indices = range(arguments.cases) if arguments.case is None else [arguments.case]
    torch.set_num_threads(arguments.threads)
    start = time.perf_counter()
    if not arguments.json:
        print(_header(arguments))
    reports = []
    for pair in pairs:
        report = prove_many(pair, arguments.seed, indices, dtypes)
        reports.append(report)
        if not arguments.json:
            print(_line(report), flush=True)
    seconds = time.perf_counter() - start
    equal = all(report.equal for report in reports)
    if arguments.json:
        print(json.dumps(_as_dict(arguments, reports, seconds, equal), indent=2))
    else:
        for report in reports:
            if not report.equal:
                print(_failure(report, arguments))
        print(f"\n{'EQUAL' if equal else 'DIFFERENT'}: {len(reports)} formulas, {seconds:.0f} seconds")
    return 0 if equal else 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        description=__doc__, epilog=JSON_HELP, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--cases", type=int, default=200, help="cases per formula (default: 200)")
    parser.add_argument("--seed", type=int, default=0, help="which cases (default: 0)")
    parser.add_argument("--dtype", choices=["float32", "float64", "both"], default="both", help="default: both in turn")
    parser.add_argument("--only", choices=[pair.name for pair in PAIRS], help="prove this formula alone")
    parser.add_argument("--case", type=int, help="run this one case of each formula, by its number")
    parser.add_argument("--threads", type=int, default=1, help="torch's threads (default: 1; the cases are small)")
    parser.add_argument("--json", action="store_true", help="print the result as JSON (keys below)")
    return parser


def _header(arguments: argparse.Namespace) -> str:
    columns = "  ".join(f"{name:>16}" for name in COLUMNS)
    return (
        f"NumPy {np.__version__} against torch {torch.__version__}, {platform.machine()}, seed {arguments.seed}\n\n"
        "Numbers that must be equal and are, bit for bit (sums of products: on the integer lattice);\n"
        "in per cent, the largest difference on real numbers as a share of the proven rounding bound.\n\n"
        f"{'NumPy':<13} {'torch':<25} {'cases':>6}  {columns}  verdict"
    )


def _line(report: Report) -> str:
    """One line for the formula."""
    cells = "  ".join(f"{_cell(report, names):>16}" for names in COLUMNS.values())
    different = len({number for number, _, _ in report.failures})
    verdict = f"DIFFERENT in {different} cases" if different else "equal"
    return f"{report.pair.name:<13} {report.pair.twin_name:<25} {report.cases:>6}  {cells}  {verdict}"


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


def _failure(report: Report, arguments: argparse.Namespace) -> str:
    number, case, message = report.smallest_failure()
    dtype = "" if arguments.dtype == "both" else f" --dtype {arguments.dtype}"
    return (
        f"\n{report.pair.name}: {len(report.failures)} failures.  The smallest is case {number}:\n"
        f"    {case}\n"
        f"    {message}\n"
        f"    rerun: python scripts/check_parity.py --only {report.pair.name} --seed {arguments.seed} "
        f"--case {number}{dtype}"
    )


def _as_dict(arguments: argparse.Namespace, reports: list[Report], seconds: float, equal: bool) -> dict[str, Any]:
    return {
        "seed": arguments.seed,
        "cases": arguments.cases,
        "dtypes": arguments.dtype,
        "numpy": np.__version__,
        "torch": torch.__version__,
        "python": platform.python_version(),
        "seconds": seconds,
        "equal": equal,
        "formulas": [
            {
                "name": report.pair.name,
                "twin": report.pair.twin_name,
                "cases": report.cases,
                "equal": report.equal,
                "results": {name: dataclasses.asdict(tally) for name, tally in report.results.items()},
                "failures": [
                    {"case": number, "description": str(case), "difference": message}
                    for number, case, message in report.failures
                ],
            }
            for report in reports
        ],
    }


if __name__ == "__main__":
    sys.exit(main())
