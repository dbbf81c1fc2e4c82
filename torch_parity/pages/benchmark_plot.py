"""The comparison with torch as a picture: one bar for each subject and memory format."""

import io
from pathlib import Path
from typing import Any

from torch_parity.benchmark.processes import KERNELS
from torch_parity.benchmark.subjects import CHANNELS_LAST, TORCH
from torch_parity.benchmark.timing import TOTAL
from torch_parity.files import check_writable, write_atomically
from torch_parity.machine import threads_each

PICTURE_FORMATS = {
    TORCH: ("torch, default memory format", "#3b6fb6"),
    CHANNELS_LAST: ("torch, channels_last", "#e08a3c"),
}
BAR = 0.38  # the distance of two subjects is 1


def check(path: Path) -> None:
    """ImportError without matplotlib, ValueError for a kind of picture it lacks, OSError for no place to write."""
    try:
        from matplotlib.figure import Figure
    except ImportError as error:
        raise ImportError("--plot needs matplotlib: pip install 'cnn-reference[plot]'") from error
    kinds = Figure().canvas.get_supported_filetypes()
    if path.suffix[1:] not in kinds:
        raise ValueError(f"--plot must end in one of {', '.join(f'.{kind}' for kind in sorted(kinds))}, got {path}")
    check_writable(path)


def save(result: dict[str, Any], path: Path) -> None:
    """Draw ``result``, what the command line prints as JSON, to ``path``, in the format that its name ends in."""
    from matplotlib.figure import Figure

    rows, arguments, machine = result["comparison"], result["arguments"], result["machine"]
    figure = Figure(figsize=(9, 2 + 0.5 * len(rows)), layout="constrained")
    axes = figure.subplots()
    axes.set_xscale("log", base=2)
    for side, (label, color) in PICTURE_FORMATS.items():
        bars = _bars(rows, side)
        axes.barh(
            [place for place, _ in bars],
            [ratio["median"] - 1 for _, ratio in bars],
            BAR, left=1, color=color, label=label, zorder=2,
        )  # fmt: skip
        for place, ratio in bars:
            axes.plot(ratio["quartiles"], [place, place], color="black", linewidth=1, zorder=3)
            slower = ratio["median"] >= 1
            axes.annotate(
                f"{ratio['median']:.2f}", (ratio["quartiles"][slower], place), (5 if slower else -5, 0),
                textcoords="offset points", ha="left" if slower else "right", va="center", fontsize=8,
            )  # fmt: skip
    axes.axvline(1, color="black", linewidth=1, zorder=3)
    axes.grid(axis="x", color="#dddddd", zorder=0)
    axes.xaxis.set_major_formatter("{x:g}")
    axes.set_yticks(range(len(rows)), [row["name"] for row in rows])
    axes.set_ylim(len(rows) - 0.5, -0.5)
    axes.margins(x=0.12)
    axes.set_xlabel(
        "\N{LEFTWARDS ARROW} NumPy faster      time of NumPy / time of torch      torch faster \N{RIGHTWARDS ARROW}"
    )
    axes.spines[["top", "right", "left"]].set_visible(False)
    axes.tick_params(axis="y", length=0)
    figure.suptitle(
        f"Batch {arguments['batch_size']}, float32, {threads_each(arguments['threads'])}; lines: quartiles of "
        f"{arguments['processes']} processes\nNumPy {machine['NumPy']} ({machine['BLAS']}), "
        f"torch {machine['torch']} ({machine[KERNELS]}), {machine['processor']}",
        fontsize=9,
    )
    figure.legend(loc="outside lower center", ncols=len(PICTURE_FORMATS), frameon=False, fontsize=9)
    picture = io.BytesIO()
    figure.savefig(picture, dpi=150, format=path.suffix[1:])
    write_atomically(path, picture.getvalue())


def _bars(rows: list[dict[str, Any]], side: str) -> list[tuple[float, dict[str, Any]]]:
    """Where the bar of each row stands, and its ratio; a row with one bar has it in the middle."""
    bars = []
    for place, row in enumerate(rows):
        ratios = row["phases"][TOTAL]["ratio"]
        if side in ratios:
            shift = list(ratios).index(side) - (len(ratios) - 1) / 2
            bars.append((place + shift * BAR, ratios[side]))
    return bars
