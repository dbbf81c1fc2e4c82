"""The lesson's static figures, for slides: a section's matrices as the page shows them at first, drawn by matplotlib.

What is drawn, and in which order, is read from the page itself, so that both show the same numbers.  Lengths are in
inches.
"""

import io
import itertools
import json
import textwrap
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from html.parser import HTMLParser
from typing import Any

import numpy as np
import numpy.typing as npt

from reference import definition
from reference.relu import relu, relu_backward
from torch_parity.lesson.example import prove
from torch_parity.lesson.sections import SECTIONS
from torch_parity.lesson.text import written

try:
    import matplotlib
    from matplotlib.axes import Axes
    from matplotlib.colors import LinearSegmentedColormap, to_rgba
    from matplotlib.figure import Figure
    from matplotlib.patches import Rectangle
except Exception as error:  # a broken one may raise anything
    message = f"the lesson's figures need matplotlib ({error}): pip install 'cnn-reference[lesson]'"
    raise ImportError(message) from error

Array = npt.NDArray[Any]

SLIDE = 12.5  # the width of a slide, which no row of matrices exceeds
EDGE = 0.4
CELL, DIGIT = 0.58, 0.185  # the side of a cell; the width of a digit
PIXEL = 0.125  # of a picture
PICTURE_COLUMNS = 20  # a matrix with more is drawn as a picture
UNLETTERED, SMALLEST = ("grey", "signed"), 2.6  # so are these kinds, and not too small
BETWEEN, BESIDE_SIGN = 0.45, 0.3
CAPTION, CAPTION_LINE = 0.42, 0.27  # a caption's first line, and each further one
TITLE_SIZE, NUMBER_SIZE, CAPTION_SIZE, SIGN_SIZE = 30, 19, 15, 32  # points
DARK, MUTED, BLUE, ORANGE = "#1c2733", "#5b6875", "#2b6db3", "#b5520f"
SIGNED, KEY = LinearSegmentedColormap.from_list("signed", [ORANGE, "white", BLUE]), "blue: positive, orange: negative"
GIVEN, COMPUTED = "#ffffff", "#e4eef9"
SLIDE_LOOK: dict[Any, Any] = {
    "svg.hashsalt": "lesson",  # the same ids each time
    "font.size": CAPTION_SIZE,
    "text.color": DARK,
    "axes.labelcolor": DARK,
    "axes.edgecolor": MUTED,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.axisbelow": True,
    "axes.grid": True,
    "grid.color": "#dde3e9",
    "xtick.color": DARK,
    "ytick.color": DARK,
    "mathtext.fontset": "cm",
}


@dataclass
class Grid:
    """A matrix: its name, caption and rows, whether the reader gives it, and how it is shaded.

    ``picture``: '' not at all; 'grey' from 0 to 255; else with two colours, one for each sign.
    """

    name: str
    given: bool
    picture: str
    caption: str = ""
    worded: bool = False  # a table with headings is no matrix
    least: float = 0.0  # width of a cell, at least
    rows: list[list[float]] = field(default_factory=list)

    @property
    def as_picture(self) -> bool:
        """Whether it is drawn as pixels, not as numbers."""
        return len(self.rows[0]) > PICTURE_COLUMNS or self.picture in UNLETTERED

    @property
    def cell(self) -> tuple[float, float]:
        """Width and height of a cell."""
        if self.as_picture:
            side = max(PIXEL, SMALLEST / len(self.rows[0]))
            return side, side if len(self.rows) > 1 else 3 * side
        return max(
            self.least, CELL, DIGIT * max(len(written(number)) for row in self.rows for number in row) + 0.16
        ), CELL

    @property
    def size(self) -> tuple[float, float]:
        """Width and height, without the caption."""
        width, height = self.cell
        return width * len(self.rows[0]), height * len(self.rows)

    @property
    def lines(self) -> list[str]:
        """The caption, as wide as the matrix if that is not too narrow."""
        return textwrap.wrap(self.caption, max(12, int(self.size[0] / 0.125))) or [""]

    @property
    def width(self) -> float:
        """With the caption."""
        return max(self.size[0], 0.125 * max(map(len, self.lines)))

    @property
    def around(self) -> tuple[float, float]:
        """The heights above and below its middle line, with the caption."""
        half = self.size[1] / 2
        return half + CAPTION + CAPTION_LINE * (len(self.lines) - 1), half


@dataclass
class Sign:
    """What stands between matrices."""

    text: str

    @property
    def width(self) -> float:
        """Of the text."""
        return 0.28 * len(self.text)

    @property
    def around(self) -> tuple[float, float]:
        """The heights above and below its middle line."""
        return CELL / 2, CELL / 2


Row = list[Grid | Sign]


@dataclass
class Content:
    """What a section shows: its title, its idea, its rows of matrices, and what its JavaScript knows besides."""

    title: str = ""
    idea: str = ""
    rows: list[Row] = field(default_factory=list)
    extra: dict[str, Any] = field(default_factory=dict)

    @property
    def parts(self) -> list[Row]:
        """The rows that hold a matrix, each in parts no wider than a slide."""
        rows: list[Row] = []
        self._align()
        for whole in self.rows:
            row = [item for item in whole if isinstance(item, Sign) or (any(item.rows) and not item.worded)]
            while row and isinstance(row[0], Sign) and len(row[0].text) == 1:  # after what is no matrix
                row = row[1:]
            if any(isinstance(item, Grid) for item in row):
                rows += _broken(row)
        return rows

    def _align(self) -> None:
        """Single rows of as many numbers get cells of one width, so that columns stand below one another."""
        lines = [item for row in self.rows for item in row if isinstance(item, Grid) and len(item.rows) == 1]
        widest: dict[int, float] = {}
        for line in lines:
            widest[len(line.rows[0])] = max(line.cell[0], widest.get(len(line.rows[0]), 0.0))
        for line in lines:
            line.least = widest[len(line.rows[0])]


class _Reader(HTMLParser):
    """The contents of the page's sections."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.sections: dict[str, Content] = {}
        self._section = Content()
        self._text: Callable[[str], None] | None = None  # what takes the text that comes next
        self._until, self._inside = "", 0  # the tag that ends it, and how many of these are open
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag == self._until:
            self._inside += 1
            return
        given = dict(attrs)
        classes = (given.get("class") or "").split()
        rows = self._section.rows
        if tag == "section":
            self._section = self.sections.setdefault(str(given["id"]), Content())
        elif tag == "h2":
            self._take(tag, self._add_title)
        elif "idea" in classes:
            self._take(tag, self._add_idea)
        elif tag == "p" or "row" in classes:
            rows.append([])
        elif tag == "table" and "data-matrix" in given:
            name = str(given["data-matrix"]).split(".")[1]
            self._last_row().append(Grid(name, "data-editable" in given, _picture(given)))
        elif tag == "caption" and self._grid():
            self._take(tag, self._add_caption)
        elif tag == "tr" and (grid := self._grid()):
            grid.rows.append([])
        elif tag == "td" and "data-value" in given and (grid := self._grid()):
            grid.rows[-1].append(float(str(given["data-value"])))
        elif tag == "th" and (grid := self._grid()):
            grid.worded = True
        elif tag == "span" and "sign" in classes:
            self._last_row().append(Sign(""))
            self._take(tag, self._add_sign)
        elif tag == "script" and given.get("id") == "facts":
            self._take(tag, self._read_facts)

    def handle_endtag(self, tag: str) -> None:
        if tag == self._until:
            self._inside -= 1
            if not self._inside:
                self._text, self._until = None, ""

    def handle_data(self, data: str) -> None:
        if self._text is not None and data.strip():
            self._text(data)

    def _take(self, tag: str, text: Callable[[str], None]) -> None:
        self._until, self._inside, self._text = tag, 1, text

    def _read_facts(self, text: str) -> None:
        for name, facts in json.loads(text).items():
            self.sections[name].extra = facts["extra"]

    def _add_sign(self, text: str) -> None:
        sign = self._last_row()[-1]
        assert isinstance(sign, Sign)
        sign.text = f"{sign.text} {text.strip()}".strip()

    def _add_title(self, text: str) -> None:
        self._section.title = text.strip()  # after the section's number

    def _add_idea(self, text: str) -> None:
        self._section.idea += " ".join(text.split())

    def _add_caption(self, text: str) -> None:
        grid = self._grid()
        assert grid is not None
        grid.caption += text.strip()

    def _last_row(self) -> Row:
        if not self._section.rows:
            self._section.rows.append([])
        return self._section.rows[-1]

    def _grid(self) -> Grid | None:
        row = self._section.rows[-1] if self._section.rows else []
        return next((item for item in reversed(row) if isinstance(item, Grid)), None)


def _picture(given: dict[str, str | None]) -> str:
    return (given["data-picture"] or "grey") if "data-picture" in given else ""


def draw(page: str) -> dict[str, Figure]:
    """A figure for each section of the lesson's ``page``, by its name."""
    with matplotlib.rc_context(SLIDE_LOOK):
        return {name: _figure(name, content) for name, content in _Reader(page).sections.items()}


def saved(figure: Figure, kind: str, dpi: int = 150) -> bytes:
    """``figure`` as a file, 'svg' or 'png': the same bytes each time."""
    file = io.BytesIO()
    with matplotlib.rc_context(SLIDE_LOOK):
        metadata = {"Date": None} if kind == "svg" else {}
        figure.savefig(file, format=kind, dpi=dpi, facecolor="white", metadata=metadata)
    return file.getvalue()


def _figure(name: str, content: Content) -> Figure:
    rows = [] if name in WITHOUT_MATRICES else content.parts
    plot, size = PLOTS.get(name, (None, (0.0, 0.0)))
    title = len(content.title) * 0.27
    width = max([title, *(_width(row) for row in rows), size[0], 0 if rows or plot else 9]) + 2 * EDGE
    idea = [] if rows or plot else textwrap.wrap(content.idea, int((width - 2 * EDGE) / 0.135))
    around = [(max(item.around[0] for item in row), max(item.around[1] for item in row)) for row in rows]
    height = 2 * EDGE + 0.75 + 0.4 * len(idea) + sum(map(sum, around)) + BETWEEN * max(0, len(rows) - 1)
    if plot:
        height += size[1] + (BETWEEN if rows else 0)
    signed = any(
        isinstance(item, Grid) and item.as_picture and item.picture == "signed" for row in rows for item in row
    )
    height += 0.4 * signed
    figure = Figure(figsize=(width, height))
    axes = figure.add_axes((0, 0, 1, 1))
    axes.set(xlim=(0, width), ylim=(height, 0))
    axes.axis("off")
    axes.text(EDGE, EDGE, content.title, fontsize=TITLE_SIZE, fontweight="bold", va="top")
    y = EDGE + 0.75
    for line in idea:
        axes.text(EDGE, y, line, fontsize=NUMBER_SIZE, va="top")
        y += 0.4
    for row, (above, below_middle) in zip(rows, around, strict=True):
        _draw_row(axes, row, y + above)
        y += above + below_middle + BETWEEN
    if signed:
        axes.text(EDGE, y - BETWEEN + 0.35, KEY, fontsize=CAPTION_SIZE, color=MUTED, va="center")
    if plot:
        plot(figure, (EDGE / width, EDGE / height, size[0] / width, size[1] / height), content.extra)
    return figure


def _width(row: Row) -> float:
    return sum(item.width for item in row) + sum(_gap(*two) for two in itertools.pairwise(row))


def _gap(left: Grid | Sign, right: Grid | Sign) -> float:
    return BESIDE_SIGN if isinstance(left, Sign) or isinstance(right, Sign) else BETWEEN


def _broken(row: Row) -> Iterator[Row]:
    """``row`` in parts that are no wider than a slide; a sign begins the next part."""
    part: Row = []
    for item in row:
        lead = part[-1:] if part and isinstance(part[-1], Sign) and isinstance(item, Grid) else []
        if part and len(part) > len(lead) and _width([*part, item]) > SLIDE:
            yield part[: len(part) - len(lead)]
            part = list(lead)
        part.append(item)
    yield part


def _draw_row(axes: Axes, row: Row, middle: float) -> None:
    """Matrices on one middle line, each with its caption above it."""
    x = EDGE
    for item, following in itertools.zip_longest(row, row[1:]):
        if isinstance(item, Sign):
            axes.text(x + item.width / 2, middle, item.text, fontsize=SIGN_SIZE, ha="center", va="center")
        else:
            _draw_grid(axes, item, x + (item.width - item.size[0]) / 2, middle - item.size[1] / 2)
        if following is not None:
            x += item.width + _gap(item, following)


def _draw_grid(axes: Axes, grid: Grid, left: float, top: float) -> None:
    (width, height), (cell_width, cell_height) = grid.size, grid.cell
    for number, line in enumerate(reversed(grid.lines)):
        axes.text(
            left + width / 2, top - 0.1 - CAPTION_LINE * number, line, fontsize=CAPTION_SIZE, color=MUTED, ha="center"
        )
    colours = _colours(grid)
    if grid.as_picture:
        extent = (left, left + width, top + height, top)
        limits = axes.get_xlim(), axes.get_ylim()  # a picture would change them
        axes.imshow(colours, extent=extent, interpolation="nearest", aspect="auto")
        axes.set(xlim=limits[0], ylim=limits[1])
    else:
        for (i, row), j in itertools.product(enumerate(grid.rows), range(len(grid.rows[0]))):
            x, y = left + j * cell_width, top + i * cell_height
            ground = colours[i, j]
            axes.add_patch(
                Rectangle((x, y), cell_width, cell_height, facecolor=ground, edgecolor="#9aa7b4", linewidth=1)
            )
            axes.text(
                x + cell_width / 2, y + cell_height / 2, written(row[j]), fontsize=NUMBER_SIZE,
                color="white" if ground[:3].mean() < 0.5 else DARK, ha="center", va="center_baseline",
            )  # fmt: skip
    frame = 1.5 if grid.given else 3  # not by colour alone
    axes.add_patch(Rectangle((left, top), width, height, fill=False, edgecolor=DARK, linewidth=frame, zorder=3))


def _colours(grid: Grid) -> Array:
    """The ground of every cell, (rows, columns, 4)."""
    numbers = np.array(grid.rows)
    if grid.picture == "grey":
        return np.asarray(matplotlib.colormaps["gray"](np.clip(numbers / 255, 0, 1)))
    if grid.picture:
        limit = np.abs(numbers[np.isfinite(numbers)]).max(initial=0) or 1
        return np.asarray(SIGNED(numbers / limit / 2 + 0.5))
    if grid.as_picture:
        low, high = numbers.min(), numbers.max()
        return np.asarray(matplotlib.colormaps["gray"]((numbers - low) / ((high - low) or 1)))
    return np.broadcast_to(to_rgba(GIVEN if grid.given else COMPUTED), (*numbers.shape, 4))


# What those sections show that are about a curve, or about pictures.

Box = tuple[float, float, float, float]  # left, bottom, width and height, as shares of the figure's


def _axes(figure: Figure, box: Box, left: float = 0.09, right: float = 1.0, labels: float = 0.16) -> Axes:
    """Axes in the part of ``box`` between ``left`` and ``right``, with room for ``labels`` below."""
    x, y, width, height = box
    return figure.add_axes((x + left * width, y + labels * height, (right - left) * width, (0.9 - labels) * height))


def _plot_relu(figure: Figure, box: Box, extra: dict[str, Any]) -> None:
    x = np.linspace(-4, 4, 201)
    for left, title, y, colour in (
        (0.05, "f(x) = max(0, x)", relu(x), BLUE),
        (0.58, "its derivative f′(x)", relu_backward(np.ones_like(x), x), ORANGE),
    ):
        axes = _axes(figure, box, left, left + 0.42)
        for part in (x <= 0, x > 0):  # the slope jumps
            axes.plot(x[part], y[part], color=colour, linewidth=4)
        axes.set_title(title, color=colour, fontsize=NUMBER_SIZE)
        axes.set_xlabel("x")
    axes.plot([0], [0], "o", color=ORANGE, markersize=11)
    axes.plot([0], [1], "o", color=ORANGE, markersize=11, markerfacecolor="white", markeredgewidth=2.5)
    axes.annotate("0 at 0", (0, 0), (0.5, 0.1))
    axes.set(ylim=(-0.12, 1.2), yticks=[0, 0.5, 1])


def _plot_cross_entropy(figure: Figure, box: Box, extra: dict[str, Any]) -> None:
    axes = _axes(figure, box)
    probability = np.linspace(0.005, 1, 400)
    axes.plot(probability, [_loss(p) for p in probability], color=BLUE, linewidth=4)
    for p in (0.1, 0.5, 0.9):
        axes.plot([p], [_loss(p)], "o", color=ORANGE, markersize=9)
        axes.annotate(f"{_loss(p):.2f}", (p, _loss(p)), (9, 9), textcoords="offset points", color=ORANGE)
    axes.set(xlabel="probability of the true class", ylabel="loss", xlim=(0, 1.02), ylim=(0, 5.4))


def _loss(probability: float) -> float:
    return float(definition.paper_cross_entropy(np.array([[probability, 1 - probability]]), np.array([[1.0, 0]])))


def _plot_descent(figure: Figure, box: Box, extra: dict[str, Any]) -> None:
    """The losses that the section shows, by learning rate; those that explode leave the picture."""
    axes = _axes(figure, box, right=0.8)
    paths = sorted(extra["paths"], key=lambda path: float(path["eta"]))
    colours = matplotlib.colormaps["viridis"](np.linspace(0, 0.85, len(paths)))
    for path, colour, line in zip(paths, colours, itertools.cycle(("-", "--", "-.", ":")), strict=False):
        axes.plot(path["numpy"][0], line, color=colour, linewidth=3.5, label=f"η = {path['eta']:g}")
    start, steps = paths[0]["numpy"][0][0], len(paths[0]["numpy"][0]) - 1
    lowest = min(min(path["numpy"][0]) for path in paths)
    axes.set_yscale("log")
    axes.set(
        xlabel="step", ylabel="loss", xlim=(0, steps), ylim=(lowest / 2, 30 * start), xticks=range(0, steps + 1, 5)
    )
    axes.legend(frameon=False, loc="center left", bbox_to_anchor=(1.02, 0.5))


def _plot_whole(figure: Figure, box: Box, extra: dict[str, Any]) -> None:
    """The digit, the maps after each step, and the probabilities."""
    section = next(section for section in SECTIONS if section.name == "whole")
    shown = {name: result.numpy for name, result in prove(section.calls(section.given, {})).items()}
    x, y, width, height = box
    tall = width * figure.get_figwidth() / (height * figure.get_figheight())  # a square's height in the box, per width

    def picture(left: float, bottom: float, side: float, pixels: Array) -> Axes:
        axes = figure.add_axes((x + left * width, y + bottom * height, side * width, side * tall * height))
        axes.imshow(pixels, cmap="gray", interpolation="nearest")
        axes.set(xticks=[], yticks=[])
        axes.grid(visible=False)
        return axes

    picture(0, 0.28, 0.17, section.given["drawn"]).set_title("image I", fontsize=CAPTION_SIZE)
    for row, (name, title) in enumerate((("maps", "I ∗ K"), ("rectified", "ReLU"), ("pooled", "Pool"))):
        for column, pixels in enumerate(shown[name][0]):
            axes = picture(0.21 + 0.066 * column, 0.68 - 0.33 * row, 0.06, pixels)
            if not column:
                axes.set_title(title, fontsize=CAPTION_SIZE, loc="left")
    axes = figure.add_axes((x + 0.8 * width, y + 0.02 * height, 0.2 * width, 0.86 * height))
    probabilities = shown["probabilities"].ravel()
    axes.barh(range(10), probabilities, color=BLUE)
    axes.set(yticks=range(10), xlim=(0, 1), ylim=(9.5, -0.5), xticks=[0, 0.5, 1])
    axes.set_title("probabilities Y", fontsize=CAPTION_SIZE)


PLOTS: dict[str, tuple[Callable[[Figure, Box, dict[str, Any]], None], tuple[float, float]]] = {
    "relu": (_plot_relu, (10.5, 4.2)),
    "cross-entropy": (_plot_cross_entropy, (9.0, 4.4)),
    "descent": (_plot_descent, (11.0, 4.6)),
    "whole": (_plot_whole, (SLIDE, 4.4)),
}
WITHOUT_MATRICES = ("whole",)  # it shows more as pictures


def files(figures: dict[str, Figure], kinds: Iterable[str] = ("svg", "png")) -> dict[str, bytes]:
    """The figures as files by name: each as SVG and as PNG."""
    return {f"{name}.{kind}": saved(figure, kind) for name, figure in figures.items() for kind in kinds}
