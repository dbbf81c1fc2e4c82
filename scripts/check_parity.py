"""Prove every formula of the reference equal to torch on random cases: outputs and gradients."""

import argparse
import json
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import torch

from torch_parity.audit import exactness
from torch_parity.audit.coverage import covered
from torch_parity.audit.mistakes import MISTAKES, Mistake
from torch_parity.audit.planting import PlantedMistake, self_test
from torch_parity.pages import proof_text
from torch_parity.pages.proof_page import page, result
from torch_parity.proof.backend import DEVICES, SIXTEEN_BIT, Backend
from torch_parity.proof.pairs import PAIRS, Pair, pair_named
from torch_parity.proof.prove import DTYPES, prove_many

# torch.compile takes seconds for each new combination of arguments.
COMPILED_CASES = 50
# With this many cases, every pair of arguments must have occurred.
COVERING_CASES = 10_000
# Cases of each kind of number that each planted mistake faces.
SELF_TEST_CASES = 60

EPILOG = f"""\
The exit status is 0 when all is equal, 1 when anything differs (or a planted mistake passes, or {COVERING_CASES:,}
cases leave a pair of arguments out), 2 when the arguments are wrong.

--json prints, and --report FILE.json writes, one object: arguments, machine, seconds, equal; formulas, a list with
name, twin, formula, cases, equal, results (per result, such as output or grad_weight: compared, elements, identical,
exact_elements, exact_different, largest_share, different) and failures (case, description, difference); coverage, a
list with name, share and missing; self_test, a list with name, formula, explanation, signature, caught, rejected;
exactness, a list with formula, result, smallest_error_seen, rms_error (both lists are empty without --report)."""


def main() -> int:
    """Parse the arguments, prove, report."""
    parser = _parser()
    arguments = parser.parse_args()
    for name, minimum in {"cases": 1, "threads": 1, "seed": 0, "case": 0}.items():
        value = getattr(arguments, name)
        if value is not None and value < minimum:
            parser.error(f"--{name} must be at least {minimum}, got {value}")
    if arguments.report is not None and arguments.report.suffix not in (".html", ".json"):
        parser.error(f"--report must end in .html or .json, got {arguments.report}")
    if arguments.report is not None:
        try:
            arguments.report.open("a").close()  # before the work, not after it; what it holds stays until then
        except OSError as error:
            parser.error(f"--report: {error}")
    torch.set_num_threads(arguments.threads)
    if arguments.exactness:
        return _exactness(arguments)
    return _self_test(arguments) if arguments.self_test else _prove(arguments, parser)


def _prove(arguments: argparse.Namespace, parser: argparse.ArgumentParser) -> int:
    try:
        backend = Backend(
            device=arguments.device,
            dtype=arguments.dtype if arguments.dtype in SIXTEEN_BIT else None,
            compile=arguments.compile,
            channels_last=arguments.channels_last,
            threads=arguments.threads,
        )
        dtypes = backend.case_dtypes(tuple(dtype for dtype in DTYPES if dtype.name == arguments.dtype) or DTYPES)
    except ValueError as error:
        parser.error(str(error))
    count = min(arguments.cases, COMPILED_CASES) if arguments.compile else arguments.cases
    indices = range(count) if arguments.case is None else [arguments.case]
    pairs = _pairs(arguments)
    out = sys.stderr if arguments.json else sys.stdout
    start = time.perf_counter()
    print(proof_text.header(arguments.seed, backend), file=out)
    reports = []
    for pair in pairs:
        reports.append(prove_many(pair, arguments.seed, indices, dtypes, backend))
        print(proof_text.line(reports[-1]), file=out, flush=True)
    options = {
        "seed": arguments.seed,
        "dtype": arguments.dtype if arguments.dtype != "both" else None,
        "device": arguments.device if arguments.device != "cpu" else None,
        "compile": arguments.compile,
        "channels-last": arguments.channels_last,
    }
    for report in reports:
        if not report.equal:
            print(proof_text.failure(report, options), file=out)
    coverage = [covered(pair, arguments.seed, indices) for pair in pairs]
    print("\n" + proof_text.coverage(coverage), file=out)
    seconds = time.perf_counter() - start
    complete = count < COVERING_CASES or not any(one.missing() for one in coverage)
    equal = all(report.equal for report in reports)
    print(f"{'EQUAL' if equal else 'DIFFERENT'}: {len(reports)} formulas, {seconds:.0f} seconds", file=out)
    rows: list[PlantedMistake] = []
    exact: list[exactness.Exactness] = []
    if arguments.report is not None:
        rows = list(self_test(arguments.seed, SELF_TEST_CASES, _mistakes(arguments)))
        exact = [row for pair in pairs for row in exactness.exactness(pair, arguments.seed)]
    if arguments.json or arguments.report is not None:
        given = {"seed": arguments.seed, "cases": count, "dtype": arguments.dtype, "backend": str(backend)}
        found = result(given, reports, coverage, rows, exact, seconds)
        if arguments.json:
            print(json.dumps(found, indent=2))
        if arguments.report is not None:
            text = page(found) if arguments.report.suffix == ".html" else json.dumps(found, indent=2)
            arguments.report.write_text(text, encoding="utf-8")
    return 0 if equal and complete and all(row.caught for row in rows) else 1


def _self_test(arguments: argparse.Namespace) -> int:
    print(proof_text.self_test_header())
    rows = []
    for row in self_test(arguments.seed, SELF_TEST_CASES, _mistakes(arguments)):
        rows.append(row)
        print(proof_text.self_test_line(row), flush=True)
    caught = sum(row.caught for row in rows)
    print(f"\n{caught} of {len(rows)} planted mistakes rejected")
    return 0 if caught == len(rows) else 1


def _exactness(arguments: argparse.Namespace) -> int:
    print(proof_text.exactness_header())
    for pair in _pairs(arguments):
        for row in exactness.exactness(pair, arguments.seed):
            print(proof_text.exactness_line(row), flush=True)
    return 0


def _pairs(arguments: argparse.Namespace) -> Sequence[Pair]:
    return [pair_named(arguments.only)] if arguments.only else PAIRS


def _mistakes(arguments: argparse.Namespace) -> list[Mistake]:
    return [mistake for mistake in MISTAKES if arguments.only in (None, mistake.formula)]


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        description=__doc__, epilog=EPILOG, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add = parser.add_argument
    add("--cases", type=int, default=200, help="cases per formula (default: 200)")
    add("--seed", type=int, default=0, help="which cases (default: 0)")
    add("--dtype", choices=["both", "float32", "float64", *SIXTEEN_BIT], default="both", help="default: both, in turn")
    add("--device", choices=DEVICES, default="cpu", help="where torch computes (default: cpu)")
    add("--compile", action="store_true", help=f"torch.compile; seconds a case, so at most {COMPILED_CASES} cases")
    add("--channels-last", action="store_true", help="torch's images in this memory format")
    add("--threads", type=int, default=1, help="torch's threads (default: 1; the cases are small)")
    add("--only", choices=[pair.name for pair in PAIRS], help="prove this formula alone")
    add("--case", type=int, help="run this one case of each formula, by its number")
    add("--self-test", action="store_true", help="plant known mistakes in turn: each must be rejected")
    add("--exactness", action="store_true", help="show how small an error is seen, and how well both sides round")
    add("--json", action="store_true", help="print the result as JSON (keys below), the table to standard error")
    add(
        "--report", type=Path, metavar="FILE", help="write a page (.html) or JSON (.json) with all of it, takes minutes"
    )
    return parser


if __name__ == "__main__":
    sys.exit(main())
