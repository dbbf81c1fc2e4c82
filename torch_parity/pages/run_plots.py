"""The pictures of a training run: curves as SVG that takes its colours from the page, pixels as PNG.

Curves go into the page itself, so that they are as dark or light as it is.  Nothing is loaded from elsewhere.
"""

import base64
import io
import math
import re
from collections.abc import Iterable, Mapping
from typing import Any

import matplotlib
import numpy as np
import numpy.typing as npt
from markupsafe import Markup
from matplotlib.axes import Axes
from matplotlib.colors import to_hex
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, MaxNLocator, NullFormatter, StrMethodFormatter
from PIL import Image

Array = npt.NDArray[Any]
Pixels = npt.NDArray[np.uint8]

# Placeholders, which the page's own colours replace.
INK, QUIET, LINE, NUMPY_COLOUR, TORCH_COLOUR = "#010101", "#020202", "#030303", "#040404", "#050505"
VARIABLES = {INK: "--ink", QUIET: "--quiet", LINE: "--line", NUMPY_COLOUR: "--numpy", TORCH_COLOUR: "--torch"}
LAYER_COLOURS = ("#2f8fd0", "#e0762f", "#35a06a", "#d6518c", "#8f7fd6", "#a98a2b", "#5aa9b8", "#b5654a")
CURVES = {"numpy": ("NumPy", NUMPY_COLOUR, "-"), "torch": ("torch", TORCH_COLOUR, "--")}
LOOK: dict[Any, Any] = {
    "svg.fonttype": "none",
    "svg.hashsalt": "run",  # the same ids each time
    "font.size": 11,
    "legend.fontsize": 10.5,
    "legend.frameon": False,
    "text.color": INK,
    "axes.labelcolor": INK,
    "axes.edgecolor": QUIET,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.color": LINE,
    "xtick.minor.size": 0,
    "ytick.minor.size": 0,
    "xtick.color": QUIET,
    "ytick.color": QUIET,
    "xtick.labelcolor": INK,
    "ytick.labelcolor": INK,
}
SIZE = (5, 3.5)  # inches; small, for letters that can be read where the picture is as narrow as a phone
POINTS = 300  # of a curve; more cannot be told apart
TILE = 56  # pixels that a kernel or map takes, about
GAP = 5
FRAME = (128, 128, 128, 130)  # half clear, so that tiles stand out from a light page and from a dark one
TILES_IN_A_ROW = 8
NOT_A_NUMBER = "#78be3c"  # green, which neither scale has
DIVERGING, GREY = (matplotlib.colormaps[name].with_extremes(bad=NOT_A_NUMBER) for name in ("RdBu_r", "gray"))


def losses(step: Array, raw: Mapping[str, Array], smooth: Mapping[str, Array], ends: Array) -> Markup:
    """The losses (rows,) of both sides over ``step`` (rows,), raw behind smooth; an epoch ends at each of ``ends``."""
    with matplotlib.rc_context(LOOK):
        figure, axes = _axes("step", "loss of the batch", ends)
        kept = _thinned(len(step))
        finite = np.concatenate([values[np.isfinite(values)] for values in raw.values()])
        for side, (label, color, line) in CURVES.items():
            axes.plot(step[kept], raw[side][kept], color=color, linewidth=0.8, alpha=0.35)
            axes.plot(step[kept], smooth[side][kept], line, color=color, linewidth=2, label=label)
        if len(finite) and finite.min() > 0:
            _log_scale(axes)
        _legend(figure, 2)
        return _svg(figure, "Curves of the loss over the steps, NumPy and torch")


def learning_rate(step: Array, rate: Array, ends: Array) -> Markup:
    """The learning ``rate`` (rows,) over ``step`` (rows,)."""
    with matplotlib.rc_context(LOOK):
        figure, axes = _axes("step", "learning rate", ends)
        kept = _thinned(len(step))
        axes.plot(step[kept], rate[kept], color=INK, linewidth=2)
        axes.set_ylim(bottom=0)
        axes.yaxis.set_major_formatter(StrMethodFormatter("{x:g}"))
        return _svg(figure, "Curve of the learning rate over the steps")


def accuracies(epoch: Array, test: Mapping[str, Array], training: Mapping[str, Array]) -> Markup:
    """Accuracies, 0 to 1, of both sides at the end of each ``epoch`` (epochs,), on test and training images."""
    with matplotlib.rc_context(LOOK):
        figure, axes = _axes("epoch", "right class (%)", ())
        for images, values, width in (("test", test, 2.0), ("training", training, 0.8)):
            for side, (label, color, line) in CURVES.items():
                axes.plot(
                    epoch, 100 * values[side], line, color=color, linewidth=width, label=f"{label}, {images}",
                    marker="o" if side == "numpy" else "x", markersize=4 * width, alpha=1 if width > 1 else 0.7,
                )  # fmt: skip
        axes.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
        axes.set_xlim(epoch[0] - 0.5, epoch[-1] + 0.5)
        _legend(figure, 2)
        return _svg(figure, "Accuracy after each epoch on test and training images, NumPy and torch")


def drift(step: Array, layers: Mapping[str, Array], eps: float, dtype: str, ends: Array) -> Markup:
    """The largest weight difference (rows,) of each of the ``layers`` over ``step``, with the dtype's ``eps``."""
    floor, shown = above_zero(layers, eps)
    with matplotlib.rc_context(LOOK):
        figure, axes = _axes("step", "largest difference", ends)
        axes.set_yscale("log")
        kept = _thinned(len(step))
        for (name, values), color in zip(shown.items(), LAYER_COLOURS * len(shown), strict=False):
            axes.plot(step[kept], values[kept], color=color, linewidth=1.6, label=name)
        axes.axhline(eps, color=INK, linewidth=1.2, linestyle=":", label=f"eps of {dtype}")
        axes.set_yticks(*_powers(np.concatenate([[eps], *shown.values()]), floor))
        axes.yaxis.set_minor_formatter(NullFormatter())
        _legend(figure, 3)
        return _svg(figure, "Curves of the largest weight difference between NumPy and torch, by layer")


def above_zero(layers: Mapping[str, Array], eps: float) -> tuple[float, dict[str, Array]]:
    """What a logarithmic axis can show: ``layers`` with a floor in place of 0, and NaN, a gap, in place of infinity.

    The floor is a power of ten, at least ten times smaller than ``eps`` and every other number.
    """
    numbers = np.concatenate([np.array([eps]), *layers.values()])
    smallest = numbers[np.isfinite(numbers) & (numbers > 0)].min()
    floor = 10.0 ** (math.floor(math.log10(smallest)) - 1)
    return floor, {
        name: np.where(np.isfinite(values), np.maximum(values, floor), np.nan) for name, values in layers.items()
    }


def _axes(x: str, y: str, ends: Iterable[float]) -> tuple[Figure, Axes]:
    figure = Figure(figsize=SIZE, layout="constrained")
    axes = figure.subplots()
    axes.set_xlabel(x)
    axes.set_ylabel(y)
    axes.xaxis.set_major_formatter(StrMethodFormatter("{x:,.0f}"))
    axes.grid(axis="x", visible=False)
    for end in ends:
        axes.axvline(end, color=LINE, linewidth=0.8)
    return figure, axes


def _log_scale(axes: Axes) -> None:
    """A logarithmic axis with plain numbers; 2 and 5 are named too where there are few powers of ten."""
    axes.set_yscale("log")
    low, high = axes.get_ylim()
    axes.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5) if high < 1e3 * low else (1,)))
    axes.yaxis.set_major_formatter(StrMethodFormatter("{x:g}"))
    axes.yaxis.set_minor_formatter(NullFormatter())


def _legend(figure: Figure, columns: int) -> None:
    figure.legend(loc="outside upper left", ncols=columns, columnspacing=1.2, handlelength=1.8)


def _power(exponent: int) -> str:
    return "10" + str(exponent).translate(str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹"))


def _powers(numbers: Array, floor: float) -> tuple[list[float], list[str]]:
    """Up to eight ticks at powers of ten around ``numbers``, and their names; the ``floor`` stands for 0."""
    finite = numbers[np.isfinite(numbers)]
    low, high = math.floor(math.log10(finite.min())), math.ceil(math.log10(finite.max()))
    exponents = range(low, high + 1, max(1, math.ceil((high - low) / 7)))
    return [10.0**one for one in exponents], ["0" if 10.0**one <= floor else _power(one) for one in exponents]


def _thinned(rows: int) -> Array:
    """Which of ``rows`` to draw: evenly spread, with the first and the last."""
    return np.unique(np.linspace(0, rows - 1, min(rows, POINTS)).round().astype(int))


def _svg(figure: Figure, alt: str) -> Markup:
    """``figure`` for the inside of a page: with the page's colours and font, and ids that occur once in it."""
    file = io.StringIO()
    figure.savefig(file, format="svg", transparent=True, metadata=dict.fromkeys(("Date", "Creator", "Format", "Type")))
    drawn = file.getvalue()
    box = re.search(r'viewBox="([^"]*)"', drawn)
    assert box is not None
    inside = drawn[drawn.index(">", drawn.index("<svg")) + 1 :]
    inside = re.sub(r"<style.*?</style>", "", inside, count=1, flags=re.DOTALL)  # it would style the whole page
    inside = re.sub(r"font-family: [^;\"]*;? ?", "", inside)
    inside = re.sub(r'<g id="(?!patch_clip)[a-z_.0-9]*">', "<g>", inside)
    prefix = re.sub(r"\W+", "-", alt.lower())
    inside = re.sub(r'(id="|href="#|url\(#)', rf"\g<1>{prefix}-", inside)
    for placeholder, variable in VARIABLES.items():
        inside = inside.replace(placeholder, f"var({variable})")
    inside = re.sub(r"\s*\n\s*", " ", inside)
    return Markup('<svg viewBox="{}" role="img" aria-label="{}">').format(box[1], alt) + Markup(inside)


def limit_of(arrays: Iterable[Array]) -> float:
    """The end of a common scale: the largest absolute number that is finite; 1 where there is none."""
    numbers = np.concatenate([np.abs(one[np.isfinite(one)]) for one in arrays])
    return float(numbers.max(initial=0)) or 1.0


def kernel_colours(kernels: Array, limit: float) -> Pixels:
    """Weights (...) as RGBA (..., 4): blue at ``-limit``, white at 0, red at ``limit``, green for NaN."""
    return np.asarray(DIVERGING(kernels.astype(np.float64) / limit / 2 + 0.5, bytes=True))


def map_colours(maps: Array, limit: float) -> Pixels:
    """Feature maps (...) as RGBA (..., 4): black at 0 and below, white at ``limit``, green for NaN."""
    return np.asarray(GREY(maps.astype(np.float64) / limit, bytes=True))


def rows_of(tiles: Pixels, columns: int = TILES_IN_A_ROW) -> Pixels:
    """Tiles (n, h, w, 4) in rows of ``columns``, (rows, columns, h, w, 4); what is left of the last row is clear."""
    columns = min(columns, len(tiles))
    rows = -(-len(tiles) // columns)
    clear = np.zeros((rows * columns - len(tiles), *tiles.shape[1:]), np.uint8)
    return np.concatenate([tiles, clear]).reshape(rows, columns, *tiles.shape[1:])


def mosaic(tiles: Pixels) -> Pixels:
    """Tiles (rows, columns, h, w, 4), enlarged to about ``TILE`` pixels, as one picture with frames around them."""
    rows, columns, height, width, _ = tiles.shape
    scale = max(1, round(TILE / max(height, width)))
    down, right = scale * height + GAP, scale * width + GAP
    picture = np.empty((rows * down + GAP, columns * right + GAP, 4), np.uint8)
    picture[:] = FRAME
    for i in range(rows):
        for j in range(columns):
            large = tiles[i, j].repeat(scale, axis=0).repeat(scale, axis=1)
            picture[i * down + GAP : (i + 1) * down, j * right + GAP : (j + 1) * right] = large
    return picture


def image(pixels: Pixels, alt: str) -> Markup:
    """``pixels``, grey (h, w) or RGBA (h, w, 4), as an HTML image that holds its own PNG."""
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "PNG", optimize=True)
    data = base64.b64encode(file.getvalue()).decode()
    height, width = pixels.shape[:2]
    source = f"data:image/png;base64,{data}"
    return Markup('<img src="{}" width="{}" height="{}" alt="{}">').format(source, width, height, alt)


def gradient() -> str:
    """The scale of ``kernel_colours`` from -limit to limit, as a CSS gradient."""
    stops = [to_hex(DIVERGING(place)) for place in np.linspace(0, 1, 11)]
    return f"linear-gradient(to right, {', '.join(stops)})"
