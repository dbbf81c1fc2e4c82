"""Prove every formula of the reference equal to torch on random cases: outputs and gradients."""

import argparse
import json
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, TextIO

import numpy as np
import torch

from torch_parity.audit import exactness
from torch_parity.audit.coverage import Coverage, covered
from torch_parity.audit.mistakes import MISTAKES, Mistake
from torch_parity.audit.planting import PlantedMistake, self_test
from torch_parity.commands import parity_network, program
from torch_parity.files import check_writable, write_atomically
from torch_parity.pages import proof_text
from torch_parity.pages.proof_page import page, result
from torch_parity.proof.backend import DEVICES, SIXTEEN_BIT, Backend
from torch_parity.proof.pairs import PAIRS, Pair, pair_named
from torch_parity.proof.prove import DTYPES, Report, prove_many

# torch.compile takes seconds for each new combination of arguments.
COMPILED_CASES = 50
# With this many cases, every pair of arguments must have occurred.
COVERING_CASES = 10_000
# Cases of each kind of number that each planted mistake faces.
SELF_TEST_CASES = 60

# Options of random cases, or of audits, of which a network has none; it is proven in float64 on the CPU.
OF_CASES = (
    "cases", "case", "dtype", "device", "compile", "channels_last", "only", "self_test", "exactness", "report"
)  # fmt: skip
# Options that others leave without a meaning.  The audits look at the proof on the backend that all conventions were
# measured on, and have cases of their own.
EXCLUDED = {
    **dict.fromkeys(
        ("self_test", "exactness"), ("cases", "case", "dtype", "device", "compile", "channels_last", "threads")
    ),
    "case": ("cases",),
    "network": ("module", *OF_CASES),
    "module": OF_CASES,
}

EPILOG = f"""\
The exit status is 0 when all is equal, 1 when anything differs (or a planted mistake passes, or {COVERING_CASES:,}
cases leave a pair of arguments out), 2 when the arguments are wrong, a network is made of what is no formula here, or
the report cannot be written.

--json prints, and --report FILE.json writes, one object: arguments, machine, seconds, equal; formulas, a list with
name, twin, formula, cases, equal, results (per result, such as output or grad_weight: compared, elements, identical,
exact_elements, exact_different, largest_share, different) and failures (case, description, difference); coverage, a
list with name, share and missing; self_test, a list with name, formula, explanation, signature, caught, rejected;
exactness, a list with formula, result, smallest_error_seen, rms_error.  A list is empty where nobody asked for it:
--self-test and --exactness fill theirs alone, --report without them fills all.

Of a network, --json prints another object: arguments, machine, seconds, memory (in bytes), equal; passes, a list with
mode, layers (a list with layer, formula, shape, results and difference; per result elements, identical, share,
different) and distances (a list with kind, share, where).  It ends at the first layer that differs."""


def main() -> int:
    """Parse the arguments, prove, report."""
    parser = _parser()
    arguments = parser.parse_args()
    try:
        _check(arguments, parser)
        backend = Backend(
            device=arguments.device,
            dtype=arguments.dtype if arguments.dtype in SIXTEEN_BIT else None,
            compile=arguments.compile,
            channels_last=arguments.channels_last,
            threads=arguments.threads,
        )
        dtypes = backend.case_dtypes(tuple(dtype for dtype in DTYPES if dtype.name == arguments.dtype) or DTYPES)
    except (ValueError, OSError) as error:
        parser.error(str(error))
    torch.set_num_threads(arguments.threads)
    if arguments.network or arguments.module:
        return parity_network.main(arguments, parser)
    out = sys.stderr if arguments.json else sys.stdout
    audits, everything = arguments.self_test or arguments.exactness, arguments.report is not None
    indices = range(0) if audits else _indices(arguments)
    start = time.perf_counter()
    proven, coverage = ([], []) if audits else _prove(arguments, backend, dtypes, indices, out)
    rows = _self_test(arguments, out) if arguments.self_test or (everything and not audits) else []
    exact = _exactness(arguments, out) if arguments.exactness or (everything and not audits) else []
    if arguments.json or everything:
        given = {"seed": arguments.seed, "cases": len(indices), "dtype": arguments.dtype, "backend": str(backend)}
        found = result(given, proven, coverage, rows, exact, time.perf_counter() - start)
        if arguments.json:
            print(json.dumps(found, indent=2))
        if everything:
            text = page(found) if arguments.report.suffix == ".html" else json.dumps(found, indent=2)
            try:
                write_atomically(arguments.report, text.encode())
            except OSError as error:
                print(f"{program.name()}: --report: {error}", file=sys.stderr)
                return 2
    complete = len(indices) < COVERING_CASES or not any(one.missing() for one in coverage)
    return 0 if complete and all(report.equal for report in proven) and all(row.caught for row in rows) else 1


def _check(arguments: argparse.Namespace, parser: argparse.ArgumentParser) -> None:
    """ValueError or OSError for what would fail, or be ignored, only after long work."""
    given = {name for name, value in vars(arguments).items() if value != parser.get_default(name)}
    for name, others in EXCLUDED.items():
        for other in others:
            if {name, other} <= given:
                raise ValueError(f"{_option(name)} has no use for {_option(other)}: leave out one of them")
    if arguments.input is not None and not arguments.network and not arguments.module:
        raise ValueError("--input has a use with --network or --module alone")
    for name, minimum in {"cases": 1, "threads": 1, "seed": 0, "case": 0}.items():
        value = getattr(arguments, name)
        if value is not None and value < minimum:
            raise ValueError(f"{_option(name)} must be at least {minimum}, got {value}")
    if arguments.report is not None:
        if arguments.report.suffix not in (".html", ".json"):
            raise ValueError(f"--report must end in .html or .json, got {arguments.report}")
        try:
            check_writable(arguments.report)
        except OSError as error:
            raise OSError(f"--report: {error}") from error


def _option(name: str) -> str:
    return f"--{name.replace('_', '-')}"


def _indices(arguments: argparse.Namespace) -> Sequence[int]:
    """The numbers of the cases."""
    if arguments.case is not None:
        return [arguments.case]
    return range(min(arguments.cases, COMPILED_CASES) if arguments.compile else arguments.cases)


def _prove(
    arguments: argparse.Namespace,
    backend: Backend,
    dtypes: tuple[np.dtype[Any], ...],
    indices: Sequence[int],
    out: TextIO,
) -> tuple[list[Report], list[Coverage]]:
    start = time.perf_counter()
    print(proof_text.header(arguments.seed, backend), file=out)
    reports = []
    pairs = _pairs(arguments)
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
    equal = all(report.equal for report in reports)
    seconds = time.perf_counter() - start
    print(f"{'EQUAL' if equal else 'DIFFERENT'}: {len(reports)} formulas, {seconds:.0f} seconds", file=out, flush=True)
    return reports, coverage


def _self_test(arguments: argparse.Namespace, out: TextIO) -> list[PlantedMistake]:
    print("\n" + proof_text.self_test_header(), file=out)
    rows = []
    for row in self_test(arguments.seed, SELF_TEST_CASES, _mistakes(arguments)):
        rows.append(row)
        print(proof_text.self_test_line(row), file=out, flush=True)
    print(f"\n{sum(row.caught for row in rows)} of {len(rows)} planted mistakes rejected", file=out)
    return rows


def _exactness(arguments: argparse.Namespace, out: TextIO) -> list[exactness.Exactness]:
    print("\n" + proof_text.exactness_header(), file=out)
    rows = []
    for pair in _pairs(arguments):
        for row in exactness.exactness(pair, arguments.seed):
            rows.append(row)
            print(proof_text.exactness_line(row), file=out, flush=True)
    return rows


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
    add(
        "--network",
        metavar="NAME",
        help=f"instead: a whole network, layer by layer: {parity_network.names()}, or FILE.py:FUNCTION",
    )
    add(
        "--module",
        metavar="FILE.py:NAME",
        help="instead: a torch network of your own, layer by layer; NAME is a module, or makes one",
    )
    add("--input", type=parity_network.shape, metavar="N,C,H,W", help="the shape of its input")
    add("--self-test", action="store_true", help="instead: plant known mistakes in turn, each must be rejected")
    add("--exactness", action="store_true", help="instead: how small an error is seen, and how well both sides round")
    add("--json", action="store_true", help="print the result as JSON (keys below), the table to standard error")
    add(
        "--report", type=Path, metavar="FILE", help="write a page (.html) or JSON (.json) with all three, takes minutes"
    )
    return parser
