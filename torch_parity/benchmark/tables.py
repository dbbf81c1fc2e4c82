"""Measurements as lines of text."""

from typing import Any

from torch_parity.benchmark.subjects import CHANNELS_LAST, NUMPY, TORCH
from torch_parity.benchmark.timing import TOTAL

Result = dict[str, Any]


def header(machine: dict[str, str], arguments: Result) -> str:
    """The machine, and how it is used."""
    lines = [f"{name:<16} {value}" for name, value in machine.items()]
    threads = arguments["threads"]
    return "\n".join([*lines, f"{'threads':<16} {threads} for NumPy, {threads} for torch"])


def comparison_header(batch_size: int, processes: int) -> str:
    """How to read the comparison with torch, and the names of its columns."""
    return (
        f"Batch {batch_size}, float32; milliseconds, medians of {processes} processes; with all gradients, but in "
        "networks that of the images.\n"
        "Ratio: NumPy's time / torch's in its default memory format; (in brackets: / torch's in the faster one); "
        "quartiles of the processes.\n\n"
        f"{'':<26} {'NumPy':>8} {'torch':>8} {'ch.last':>8}  {'ratio':>13} {'quartiles':>11}"
        f"  {'forward':>13} {'backward':>13} {'update':>13}"
    )


def comparison_line(row: Result) -> str:
    """One subject against torch."""
    phases = row["phases"]
    times = phases[TOTAL]["milliseconds"]
    low, high = phases[TOTAL]["ratio"][TORCH]["quartiles"]
    cells = " ".join(
        f"{ratios(phases[phase]) if phase in phases else '-':>13}" for phase in ("forward", "backward", "update")
    )
    milliseconds = " ".join(
        f"{times[side]['median']:>8.2f}" if side in times else f"{'-':>8}" for side in (NUMPY, TORCH, CHANNELS_LAST)
    )
    return f"{row['name']:<26} {milliseconds}  {ratios(phases[TOTAL]):>13} {low:>5.2f}-{high:<5.2f}  {cells}"


def ratios(phase: Result) -> str:
    """The ratio to torch's default format and, in brackets, to its faster one, such as '0.70 (0.75)'."""
    found = [one["median"] for one in phase["ratio"].values()]
    return f"{phase['ratio'][TORCH]['median']:.2f} ({max(found):.2f})"
