"""What training shows: while it runs, and in the end.

``display`` chooses: on a terminal ``Live`` keeps one table up to date in its place, elsewhere ``Plain`` prints lines
without escape codes, and ``Quiet`` shows nothing.  All are used the same way:

    with display(sys.stdout, title=..., dtype="float32") as shown:
        summary = train(..., on_step=shown.update, report_every=shown.report_every)
    print(summary_text(summary, "float32"))

A display draws inside ``update`` and nowhere else, so never while a step is timed.
"""

import contextlib
import math
import os
import signal
import sys
import threading
import time
from collections.abc import Iterator
from types import FrameType
from typing import Self, TextIO

from torch_parity.training.lockstep import SIDE_NAMES, SIDES
from torch_parity.training.loop import Progress, Summary

try:
    from rich.console import Console, ConsoleOptions, Group, RenderableType, RenderResult
    from rich.control import Control
    from rich.live import Live as RichLive
    from rich.progress_bar import ProgressBar
    from rich.segment import Segment
    from rich.table import Table
    from rich.text import Text
except ImportError as error:
    raise ImportError("training needs rich: pip install 'cnn-reference[train]'") from error


class Display:
    """Shows how training goes: of itself, nothing.

    A context manager; what it drew is tidied up on leaving, for whatever reason one leaves.
    """

    report_every = 100  # how many steps may pass between two updates

    def __enter__(self) -> Self:
        """Begin."""
        return self

    def __exit__(self, *_: object) -> None:
        """End."""

    def update(self, progress: Progress) -> None:
        """Show where training stands."""

    def message(self, text: str) -> None:
        """Tell of something that happened, on lines of its own."""


def display(stream: TextIO, *, title: str, dtype: str, quiet: bool = False) -> Display:
    """The display that suits ``stream``; ``title`` says what is trained, ``dtype`` in which precision."""
    if quiet:
        return Quiet()
    console = Console(file=stream, markup=False, emoji=False, highlight=False)
    # rich would also take a file for a terminal where FORCE_COLOR is set; a file gets lines in any case.
    if stream.isatty() and console.is_interactive:
        return Live(console, title=title, dtype=dtype)
    return Plain(stream, title=title)


def title_text(network: str, images: int, epochs: int, batch_size: int, dtype: str, threads: int) -> str:
    """What is trained, in one line."""
    return (
        f"{network} on {_count(images, 'image')}, {_count(epochs, 'epoch')} of batches of {batch_size}, {dtype}, "
        f"{_count(threads, 'thread')}"
    )


class Quiet(Display):
    """Nothing, not even messages.  What must be read in any case is printed after training."""


class Plain(Display):
    """Lines, for a file or a pipe: one for each update, and one with the test accuracy after each epoch."""

    def __init__(self, stream: TextIO, *, title: str) -> None:
        """Lines go to ``stream``, the first is ``title``."""
        self.stream = stream
        self.title = title
        self.with_header = False

    def __enter__(self) -> Self:
        """Print the title."""
        self.message(self.title)
        return self

    def update(self, progress: Progress) -> None:
        """Print a line, and the names of the columns above the first."""
        if not self.with_header:
            self.message("\n" + _header(progress))
            self.with_header = True
        self.message(_row(progress))
        if progress.test_accuracy is not None:
            accuracy = "   ".join(f"{SIDE_NAMES[side]} {_percent(progress.test_accuracy[side])}" for side in SIDES)
            self.message(f"{_place(progress)}   test accuracy: {accuracy}")

    def message(self, text: str) -> None:
        """Print ``text`` at once, so that it can be followed through a pipe."""
        print(text, file=self.stream, flush=True)


def _header(progress: Progress) -> str:
    drift = "" if progress.drift is None else f"   {'torch from itself':>17}"
    return (
        f"{'epoch':>5} {'step':>11}   {'loss NumPy':>10} {'loss torch':>10}   {'weights differ by':>17}{drift}   "
        f"{'images/s NumPy':>14} {'torch':>7}"
    )


def _row(progress: Progress) -> str:
    loss, rate = progress.loss, progress.images_per_second
    drift = "" if progress.drift is None else f"   {progress.drift:>17.1e}"
    return (
        f"{_place(progress)}   {_loss(loss['numpy']):>10} {_loss(loss['torch']):>10}   "
        f"{progress.max_weight_difference:>17.1e}{drift}   {rate['numpy']:>14,.0f} {rate['torch']:>7,.0f}"
    )


def _place(progress: Progress) -> str:
    return f"{progress.epoch:>5} {progress.step:>5}/{progress.steps:<5}"


class Live(Display):
    """One table on a terminal, kept up to date in its place; the last one stays."""

    report_every = 1
    seconds_between_frames = 0.25  # calm to look at, and cheap beside the steps

    def __init__(self, console: Console, *, title: str, dtype: str) -> None:
        """Draw on ``console`` below ``title``."""
        self.console = console
        self.title = title
        self.frame = _Frame(dtype)
        self.drawn = -math.inf
        self.live = RichLive(
            self.frame,
            console=console,
            auto_refresh=False,  # a thread would draw while steps are timed
            redirect_stdout=sys.stdout.isatty(),  # what others print goes above the table, unless it goes to a file
            redirect_stderr=sys.stderr.isatty(),
        )

    def __enter__(self) -> Self:
        """Print the title and hide the cursor."""
        with _undisturbed():
            self._print_title()
            self.live.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Draw the last table and show the cursor again."""
        self.frame.closed = True
        with _undisturbed():
            self._start_afresh_if_broken()
            self.live.stop()

    def update(self, progress: Progress) -> None:
        """Take in ``progress``; draw it if the last drawing is old enough, or an epoch ended."""
        self.frame.add(progress)
        now = time.monotonic()
        if now - self.drawn >= self.seconds_between_frames or progress.test_accuracy is not None:
            self.drawn = now
            with _undisturbed():
                self._start_afresh_if_broken()
                self.live.refresh()

    def message(self, text: str) -> None:
        """Print ``text`` above the table.  The terminal breaks long lines, so that they can be copied whole."""
        with _undisturbed():
            self._start_afresh_if_broken()
            self.console.print(Text(text), soft_wrap=True)

    def _print_title(self) -> None:
        self.console.print(Text(f"{self.title}\n", style="bold"))

    def _start_afresh_if_broken(self) -> None:
        """Scroll away a table whose lines a narrower window broke, and begin again at the top.

        How many rows it takes by now cannot be known: some terminals wrap such lines, some cut them, and some tell of
        their new width only later.  So everything goes into the scrollback, and nothing is lost.
        """
        if max(self.frame.widths, default=0) > self.console.width:
            self.console.file.write("\n" * self.console.height)
            self.console.control(Control.home())
            self._print_title()


@contextlib.contextmanager
def _undisturbed() -> Iterator[None]:
    """Let Ctrl-C wait until a drawing is complete: rich writes one again that was interrupted, and in a wrong place."""
    if threading.current_thread() is not threading.main_thread():  # the only one that is interrupted
        yield
        return
    pressed: list[tuple[int, FrameType | None]] = []
    before = signal.signal(signal.SIGINT, lambda number, frame: pressed.append((number, frame)))
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
        if pressed and callable(before):
            before(*pressed[0])


class _Frame:
    """What ``Live`` draws, for any width from 40 columns."""

    WIDEST = 100  # longer lines are hard to read
    FOR_NOTES = 78  # columns that the table needs with its notes
    CELLS = 16  # of the curve

    def __init__(self, dtype: str) -> None:
        """A table for training in ``dtype``, empty until something is added."""
        self.dtype = dtype
        self.closed = False
        self.progress: Progress | None = None
        self.first = (0, 0.0)  # the first step seen and the largest difference of weights after it
        self.test: tuple[int, dict[str, float]] | None = None  # the epoch it was measured after, and the accuracy
        self.losses: list[list[float]] = [[0.0, 0.0] for _ in range(self.CELLS)]  # sum and number in each cell
        self.widths: list[int] = []  # of the lines as last drawn

    def add(self, progress: Progress) -> None:
        """Take in where training stands."""
        if self.progress is None:
            self.first = progress.step, progress.max_weight_difference
        if progress.test_accuracy is not None:
            self.test = progress.epoch, progress.test_accuracy
        cell = self.losses[self._cell(progress)]
        cell[0] += progress.loss["numpy"]
        cell[1] += 1
        self.progress = progress

    def __rich_console__(self, console: Console, _: ConsoleOptions) -> RenderResult:
        """Draw, and remember how wide the lines are.

        The options are ignored: while a message is printed they are the message's, which breaks no lines.
        """
        if self.progress is None:
            return
        # Two columns stay free, so that a ^C echoed behind the last line does not begin a new one.
        options = console.options.update(width=max(1, min(self.WIDEST, console.width - 2)))
        lines = console.render_lines(self._content(self.progress, options), options, pad=False)
        self.widths = [Segment.get_line_length(line) for line in lines]
        for line in lines:
            yield from line
            yield Segment.line()

    def _content(self, progress: Progress, options: ConsoleOptions) -> RenderableType:
        wide = options.max_width >= self.FOR_NOTES
        parts: list[RenderableType] = [self._bar(progress), self._position(progress), "", self._table(progress, wide)]
        if not wide:
            parts.append(Text(_faster(progress.images_per_second)))
        curve = self._curve(progress)
        if curve and not options.ascii_only:
            parts.append(Text(f"{'losses':<{15 if wide else 6}}  {curve}"))
        return Group(*parts, "", *self._weights(progress))

    def _bar(self, progress: Progress) -> RenderableType:
        bar = Table.grid(padding=(0, 1), expand=True)
        bar.add_column(no_wrap=True)
        bar.add_column(ratio=1)
        bar.add_column(no_wrap=True, justify="right", min_width=4)
        bar.add_row(
            Text(f"epoch {progress.epoch} of {progress.epochs}", style="bold"),
            ProgressBar(progress.steps, progress.step, style="dim", complete_style="green", finished_style="green"),
            Text(f"{100 * progress.step // progress.steps}%"),
        )
        return bar

    def _position(self, progress: Progress) -> Text:
        if progress.step == progress.steps:
            state = "done"
        else:
            state = "stopped" if self.closed else _left(progress.seconds_left)
        return Text(f"step {progress.step:,} of {progress.steps:,}, {state}, learning rate {progress.lr:.2g}")

    def _table(self, progress: Progress, wide: bool) -> Table:
        table = Table.grid(padding=(0, 2))
        table.add_column(no_wrap=True)
        for _ in SIDES:
            table.add_column(no_wrap=True, justify="right", min_width=8)
        if wide:
            table.add_column(no_wrap=True, overflow="ellipsis", style="dim")
        epoch, test = self.test or (0, dict.fromkeys(SIDES, math.nan))
        rate = progress.images_per_second
        rows = {
            "loss": ([_loss(progress.loss[side]) for side in SIDES], "how wrong on the last batch; 0 is best"),
            "accuracy so far": (
                [_percent(progress.accuracy[side]) for side in SIDES],
                "right answers on this epoch's images",
            ),
            "test accuracy": (
                [_percent(test[side]) for side in SIDES],
                f"on images not trained on, after epoch {epoch}" if epoch else "measured after each epoch",
            ),
            "images/s": ([f"{rate[side]:,.0f}" for side in SIDES], _faster(rate)),
        }
        table.add_row("", *(Text(SIDE_NAMES[side], style="bold") for side in SIDES))
        for name, (values, note) in rows.items():
            table.add_row(name, *values, *([note] if wide else []))
        return table

    def _weights(self, progress: Progress) -> Iterator[Text]:
        """How close the weights are, and why they are no closer."""
        difference, (step, at_first) = progress.max_weight_difference, self.first
        now = self.dtype == "float32" and progress.step > step and 0 < difference < math.inf
        since = f" now, {at_first:.1e} after step {step:,}" if now else ""
        yield Text(f"{_agreement(self.dtype, difference)}{since}.")
        if progress.drift is not None:
            yield Text(f"torch differs from itself by {progress.drift:.1e} with another number of threads.")
        if 0 < difference < math.inf:
            yield Text("Each side rounds its sums in its own order, and training amplifies that.", style="dim")

    def _cell(self, progress: Progress) -> int:
        return (progress.step - 1) * self.CELLS // progress.steps

    def _curve(self, progress: Progress) -> str:
        """Mean losses as a curve above 0, between the first and the last as numbers; empty if there is nothing to draw.

        Each cell stands for an equal share of all steps, and appears when that has passed: what is drawn stays.
        """
        complete = self.CELLS if progress.step == progress.steps else self._cell(progress)
        means = [total / count for total, count in self.losses[:complete] if count]
        if len(means) < 2 or not all(0 < mean < 1000 for mean in means):  # diverged, or --maximize
            return ""
        cells = "".join("▁▂▃▄▅▆▇█"[min(7, int(8 * mean / max(means)))] for mean in means)
        return f"{means[0]:.2f} {cells} {means[-1]:.2f}"


def summary_text(
    summary: Summary, dtype: str, *, drift: float | None = None, run_folder: str | os.PathLike[str] | None = None
) -> str:
    """What came out of training, and how to read it.

    ``drift`` is the largest difference of torch's weights from those it has with another number of threads, if that was
    measured; ``run_folder`` is where files were written, if any were.
    """

    def sides(values: dict[str, float], form: str) -> str:
        return f"NumPy {values['numpy']:{form}}   torch {values['torch']:{form}}"

    lines = [
        "",
        f"test accuracy        {sides(summary.accuracy, '.2%')}",
        f"equal predictions    {summary.equal_predictions:,} of {summary.test_images:,}",
        f"weights differ by    at most {summary.max_weight_difference:.1e}",
    ]
    if drift is not None:
        lines.append(f"torch from itself    at most {drift:.1e}, with another number of threads")
    lines.append(f"time in steps        {sides(summary.seconds, '.1f')} seconds; {_faster(summary.images_per_second)}")
    if summary.weights_sha256 is not None:
        lines.append(f"weights' SHA-256     {SIDE_NAMES['numpy']} {summary.weights_sha256['numpy']}")
        lines.append(f"                     {SIDE_NAMES['torch']} {summary.weights_sha256['torch']}")
    if run_folder is not None:
        lines.append(f"files of this run    {os.fspath(run_folder)}")
    return "\n".join([*lines, "", _explanation(dtype, summary.max_weight_difference, drift)])


def _explanation(dtype: str, difference: float, drift: float | None) -> str:
    """Why the weights are no closer, or how close they are where that says it all."""
    if dtype != "float32" or not 0 < difference < math.inf:
        return f"{_agreement(dtype, difference)}."
    sentences = [
        "Both sides start from the same weights and take the same steps; but each rounds",
        "its sums in its own order, and in float32 training amplifies that.",
        "With --dtype float64 the two stay together (at a stable learning rate).",
    ]
    if drift is None:
        sentences.insert(2, "torch differs as much from itself with another number of threads.")
    return "\n".join(sentences)


def _agreement(dtype: str, difference: float) -> str:
    """How close the weights of both sides are."""
    if not math.isfinite(difference):
        return "Some weights are no longer finite numbers: training diverged, a lower learning rate may help"
    if difference == 0:
        return "All weights are the same on both sides"
    # Numbers agree to n decimal places if they differ by at most half a unit of the last.
    places = math.floor(-math.log10(2 * difference))
    if dtype == "float64" and places > 0:
        return f"Weights agree to {_count(places, 'decimal place')}: they differ by at most {difference:.1e}"
    return f"Weights differ by at most {difference:.1e}"


def _faster(rate: dict[str, float]) -> str:
    slow, fast = sorted(SIDES, key=lambda side: rate[side])
    if not 0 < rate[slow] <= rate[fast] < math.inf:
        return ""
    ratio = rate[fast] / rate[slow]
    times = f"{ratio:.1f}" if ratio < 9.95 else f"{ratio:,.0f}"
    return "both are equally fast" if times == "1.0" else f"{SIDE_NAMES[fast]} is {times} times as fast"


def _left(seconds: float) -> str:
    if not math.isfinite(seconds):
        return "time left not known yet"
    minutes, rest = divmod(math.ceil(seconds), 60)
    if minutes >= 60:
        return f"{minutes // 60} h {minutes % 60:02} min left"
    return f"{minutes} min {rest:02} s left" if minutes else f"{rest} s left"


def _loss(value: float) -> str:
    return f"{value:.6f}" if abs(value) < 10 or not math.isfinite(value) else f"{value:.2e}"


def _percent(share: float) -> str:
    return "-" if math.isnan(share) else f"{share:.2%}"


def _count(number: int, thing: str) -> str:
    return f"{number:,} {thing}" if number == 1 else f"{number:,} {thing}s"
