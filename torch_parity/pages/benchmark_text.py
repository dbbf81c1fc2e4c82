"""Measurements as lines of text."""

from torch_parity.benchmark import peers
from torch_parity.benchmark.measurements import Measurement
from torch_parity.benchmark.processes import Processes
from torch_parity.benchmark.scaling import FITTED
from torch_parity.benchmark.subjects import CHANNELS_LAST, NUMPY, TORCH
from torch_parity.benchmark.timing import TOTAL


def header(machine: dict[str, str], processes: Processes) -> str:
    """The machine, and how it is used."""
    threads = f"{processes.threads} for NumPy, {processes.threads} for torch"
    return "\n".join(f"{name:<16} {value}" for name, value in {**machine, "threads": threads}.items()) + "\n"


def comparison_header(batch_size: int, processes: Processes) -> str:
    """How to read the comparison with torch, and the names of its columns."""
    return (
        f"Whole training steps of networks, forward and all gradients of layers.  Batch {batch_size}, float32.\n"
        f"Milliseconds: medians of {processes.processes} processes.  Ratio: NumPy's time / that of torch in its "
        "default memory format;\nin brackets / that of torch in the faster one.  Quartiles are of the ratios.\n\n"
        f"{'':<26} {'NumPy':>8} {'torch':>8} {'ch.last':>8} {'ratio':>15} {'quartiles':>11}"
        f" {'forward':>15} {'backward':>15} {'update':>15}"
    )


def comparison_line(row: Measurement) -> str:
    """One subject in NumPy and in torch."""
    phases = row["phases"]
    times = phases[TOTAL]["milliseconds"]
    milliseconds = " ".join(
        f"{times[side]['median']:>8.2f}" if side in times else f"{'-':>8}" for side in (NUMPY, TORCH, CHANNELS_LAST)
    )
    low, high = phases[TOTAL]["ratio"][TORCH]["quartiles"]
    cells = " ".join(
        f"{_ratios(phases[name]) if name in phases else '-':>15}" for name in ("forward", "backward", "update")
    )
    return f"{row['name']:<26} {milliseconds} {_ratios(phases[TOTAL]):>15} {f'{low:.2f}-{high:.2f}':>11} {cells}"


def _ratios(phase: Measurement) -> str:
    """Such as '0.70 (0.75)'; the faster format is the one with the larger ratio."""
    found = {side: one["median"] for side, one in phase["ratio"].items()}
    return f"{found[TORCH]:.2f} ({max(found.values()):.2f})"


def peers_header(batch_size: int, processes: Processes) -> str:
    """How to read the comparison with peers, who is missing, and the names of its columns."""
    absent = [f"{name} is left out: pip install 'cnn-reference[peers]'\n" for name in peers.missing()]
    columns = " ".join(f"{name:>9}" for name in peers.PEERS)
    return (
        f"Forward and all gradients of layers.  Batch {batch_size}, float32.  Milliseconds: medians of "
        f"{processes.processes} processes.\nFaster: the time of the fastest peer / that of the reference.\n"
        f"{''.join(absent)}\n{'':<38} {'reference':>9} {columns} {'faster':>7}"
    )


def peers_line(row: Measurement) -> str:
    """One layer in the reference and in its peers."""
    total = row["phases"][TOTAL]
    times = {name: one["median"] for name, one in total["milliseconds"].items()}
    cells = " ".join(f"{times[name]:>9.2f}" if name in times else f"{'-':>9}" for name in (NUMPY, *peers.PEERS))
    faster = 1 / max(one["median"] for one in total["ratio"].values())
    return f"{row['network']:<13} {row['name']:<24} {cells} {faster:>7.1f}"


def growth_header() -> str:
    """How to read the table of growth, and the names of its columns."""
    return (
        "Forward and all gradients, float32, as one size doubles.  Peak memory: beyond layer, input and upstream "
        f"gradient.\nExponent: of the size, fitted to the last {FITTED} doublings; 1 is in proportion.\n\n"
        f"{'':<11} {'grows':<9} {'side':<6} {'milliseconds':>44} {'exponent':>9} {'megabytes':>39} {'exponent':>9}"
    )


def growth_lines(row: Measurement) -> str:
    """One size of one layer, a line for each side."""
    lines = []
    for side in (NUMPY, TORCH):
        times, memory = row["milliseconds"][side], row["megabytes"][side]
        lines.append(
            f"{row['name']:<11} {row['grows']:<9} {side:<6} {''.join(f' {one:>8.2f}' for one in times['values'])} "
            f"{times['exponent']:>9.2f} {''.join(f' {one:>7.1f}' for one in memory['values'])} "
            f"{memory['exponent']:>9.2f}"
        )
    return "\n".join(lines)


def memory_line(row: Measurement) -> str:
    """The memory of a large convolution."""
    size, memory = row["size"], row["megabytes"]
    return (
        f"\nPeak memory of a 3x3 convolution {size['channels']} -> {size['filters']} at {size['height']} x "
        f"{size['width']}, batch {size['batch']}: NumPy {memory[NUMPY]:.0f} MB, torch {memory[TORCH]:.0f} MB "
        f"({memory[CHANNELS_LAST]:.0f} MB channels_last); ratio {row['ratio'][TORCH]:.2f} "
        f"({row['ratio'][CHANNELS_LAST]:.2f})"
    )


def profile_header() -> str:
    """How to read the profiles."""
    return "The median step of NumPy's side; of its lines, those with most time in NumPy.\n"


def profile_lines(row: Measurement) -> str:
    """Where the time of one subject goes."""
    lines = [
        f"{row['name']}: {row['milliseconds']:.2f} ms, of which {row['numpy']:.2f} ms ({row['share']:.0%}) in NumPy; "
        f"{row['instructions']:,} instructions of Python"
    ]
    for one in row["lines"]:
        place = f"{one['file']}:{one['line']}"
        lines.append(f"  {one['milliseconds']:>8.3f} ms  {place:<21} {one['function']:<20} {one['source'][:90]}")
    return "\n".join([*lines, ""])
