"""Measure the reference beside torch: training steps of whole networks, and single layers."""

import argparse
import json
import sys
from typing import Any

from torch_parity.benchmark import tables
from torch_parity.benchmark.processes import environment, measure
from torch_parity.benchmark.subjects import SUBJECTS
from torch_parity.benchmark.timing import summary

EPILOG = """\
All sides run in turn in the same fresh processes, and must agree on what they compute before they are timed.

--json prints one object: arguments; machine; comparison, a list with name, repetitions and phases, by name:
milliseconds, by side (median, quartiles), and ratio, NumPy's time divided by that of each other side (median,
quartiles)."""


def main() -> int:
    """Parse the arguments, measure, report."""
    parser = _parser()
    arguments = parser.parse_args()
    for name, minimum in {"batch_size": 1, "threads": 1, "processes": 1, "seconds": 0, "seed": 0}.items():
        if getattr(arguments, name) < minimum:
            parser.error(f"--{name.replace('_', '-')} must be at least {minimum}, got {getattr(arguments, name)}")
    out = sys.stderr if arguments.json else sys.stdout
    variables = environment(arguments.threads, arguments.coretype)
    try:
        machine = measure("facts", variables, threads=arguments.threads)
        print(tables.header(machine, vars(arguments)), end="\n\n", file=out)
        print(tables.comparison_header(arguments.batch_size, arguments.processes), file=out, flush=True)
        rows = []
        for name in arguments.only or SUBJECTS:
            job: dict[str, Any] = {"name": name, "batch_size": arguments.batch_size, "seconds": arguments.seconds}
            samples = [
                measure("seconds", variables, threads=arguments.threads, seed=arguments.seed, **job)
                for _ in range(arguments.processes)
            ]
            rows.append({"name": name, **summary(samples)})
            print(tables.comparison_line(rows[-1]), file=out, flush=True)
    except RuntimeError as error:
        print(f"benchmark.py: {error}", file=sys.stderr)
        return 1
    if arguments.json:
        print(json.dumps({"arguments": vars(arguments), "machine": machine, "comparison": rows}, indent=2))
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        description=__doc__, epilog=EPILOG, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add = parser.add_argument
    add("--only", choices=SUBJECTS, nargs="+", metavar="NAME", help=f"these alone: {', '.join(SUBJECTS)}")
    add("--batch-size", type=int, default=64, help="images per step (default: 64)")
    add("--threads", type=int, default=1, help="of NumPy's BLAS and of torch (default: 1)")
    add("--coretype", help="OpenBLAS kernel for NumPy, such as Haswell or SkylakeX (default: OpenBLAS chooses)")
    add("--processes", type=int, default=5, help="fresh processes for each subject (default: 5)")
    add("--seconds", type=float, default=3, help="of measuring in each process (default: 3)")
    add("--seed", type=int, default=1, help="of weights and data (default: 1)")
    add("--json", action="store_true", help="print the result as JSON (keys below), the table to standard error")
    return parser


if __name__ == "__main__":
    sys.exit(main())
