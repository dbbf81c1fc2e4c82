"""Measure how fast the reference is: beside torch, beside other implementations in NumPy, and as sizes grow."""

import argparse
import json
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from torch_parity.benchmark import measurements, scaling
from torch_parity.benchmark.processes import Processes
from torch_parity.benchmark.subjects import LAYERS, SUBJECTS
from torch_parity.commands import program
from torch_parity.networks import NETWORKS
from torch_parity.pages import benchmark_plot, benchmark_text

# What --only can name, by what is measured.
NAMES = {
    "comparison": SUBJECTS,
    "peers": tuple(NETWORKS),
    "scaling": tuple(scaling.GROWING_LAYERS),
    "profile": SUBJECTS,
}

EPILOG = f"""\
Names for --only:
  beside torch, --profile   {", ".join(NETWORKS)},
                            {f",{chr(10)}{' ' * 28}".join(LAYERS)}
  --peers                   {", ".join(NETWORKS)}
  --scaling                 {", ".join(scaling.GROWING_LAYERS)}

All sides run in turn in the same fresh processes, and must agree on what they compute before they are timed.  The exit
status is 1 when they do not, 2 when the arguments are wrong.

--json prints one object: arguments, machine, and a list named comparison, peers, scaling or profile.  Its entries:
comparison   name, repetitions, and phases, by name ('total' is the whole): milliseconds, by side (median, quartiles),
             and ratio, NumPy's time divided by that of each other side (median, quartiles)
peers        the same with network
scaling      name, grows, sizes; milliseconds and megabytes, by side (values, exponent).  Beside the list, memory: size,
             megabytes by side, ratio
profile      name, milliseconds, numpy (milliseconds in NumPy), share, instructions, and lines, the slowest first (file,
             function, line, source, milliseconds)"""


def main() -> int:
    """Parse the arguments, measure, report."""
    parser = _parser()
    arguments = parser.parse_args()
    try:
        _check(arguments)
        processes = Processes(
            arguments.processes, arguments.seconds, arguments.threads, arguments.coretype, arguments.seed
        )
        machine = processes.machine()
    except (ValueError, OSError, ImportError) as error:
        parser.error(str(error))
    out = sys.stderr if arguments.json else sys.stdout
    print(benchmark_text.header(machine, processes), file=out)
    title, rows, line = _plan(arguments, processes)
    print(title, file=out, flush=True)
    result: dict[str, Any] = {"arguments": vars(arguments), "machine": machine, arguments.what: []}
    try:
        for row in rows:
            result[arguments.what].append(row)
            print(line(row), file=out, flush=True)
        if arguments.what == "scaling":
            result["memory"] = measurements.large_memory(processes)
            print(benchmark_text.memory_line(result["memory"]), file=out)
    except RuntimeError as error:
        print(f"{program.name()}: {error}", file=sys.stderr)
        return 1
    if arguments.json:
        print(json.dumps(result, indent=2, default=str))
    if arguments.plot is not None:
        benchmark_plot.save(result, arguments.plot)
    return 0


def _check(arguments: argparse.Namespace) -> None:
    """ValueError, OSError or ImportError for what would fail only after long measuring."""
    for name in arguments.only or ():
        if name not in NAMES[arguments.what]:
            raise ValueError(f"--only must name some of {', '.join(NAMES[arguments.what])}, got {name!r}")
    if arguments.batch_size < 1:
        raise ValueError(f"--batch-size must be at least 1, got {arguments.batch_size}")
    if arguments.plot is not None:
        if arguments.what != "comparison":
            raise ValueError(f"--plot shows the comparison with torch, got --{arguments.what} with it")
        benchmark_plot.check(arguments.plot)


def _plan(
    arguments: argparse.Namespace, processes: Processes
) -> tuple[str, Iterator[measurements.Measurement], Callable[[measurements.Measurement], str]]:
    """What to measure: the head of its table, its rows, and how one looks."""
    # Of a large layer the profile takes a minute, and says what its formula's file says.
    names = arguments.only or (NETWORKS if arguments.what == "profile" else NAMES[arguments.what])
    batch_size = arguments.batch_size
    match arguments.what:
        case "peers":
            head = benchmark_text.peers_header(batch_size, processes)
            return head, measurements.beside_peers(processes, names, batch_size), benchmark_text.peers_line
        case "scaling":
            return benchmark_text.growth_header(), measurements.growth(processes, names), benchmark_text.growth_lines
        case "profile":
            return (
                benchmark_text.profile_header(),
                measurements.profiles(processes, names, batch_size),
                benchmark_text.profile_lines,
            )
    head = benchmark_text.comparison_header(batch_size, processes)
    return head, measurements.comparison(processes, names, batch_size), benchmark_text.comparison_line


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        description=__doc__, epilog=EPILOG, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    what = parser.add_mutually_exclusive_group()
    what.add_argument(
        "--peers", dest="what", action="store_const", const="peers", default="comparison",
        help="instead of torch: MyGrad, HIPS autograd, and columns by index arrays as in Stanford's CS231n",
    )  # fmt: skip
    what.add_argument(
        "--scaling", dest="what", action="store_const", const="scaling",
        help="time and peak memory as batch, channels and image double (sizes of its own)",
    )  # fmt: skip
    what.add_argument(
        "--profile", dest="what", action="store_const", const="profile",
        help="where the time of NumPy's side goes: in NumPy or in Python, and in which lines (networks, unless --only)",
    )  # fmt: skip
    add = parser.add_argument
    add("--only", nargs="+", metavar="NAME", help="these alone (names below)")
    add("--batch-size", type=int, default=64, help="images per step (default: 64)")
    add("--threads", type=int, default=1, help="of NumPy and of torch (default: 1)")
    add("--coretype", help="OpenBLAS kernel for NumPy, such as Haswell or SkylakeX (default: OpenBLAS chooses)")
    add("--processes", type=int, default=5, help="fresh processes for each line (default: 5)")
    add("--seconds", type=float, default=3, help="of measuring in each process, at least 5 rounds (default: 3)")
    add("--seed", type=int, default=1, help="of weights and data (default: 1)")
    add("--json", action="store_true", help="print the result as JSON (keys below), the table to standard error")
    add("--plot", type=Path, metavar="FILE", help="draw the ratios to torch (.png, .svg, .pdf)")
    return parser
