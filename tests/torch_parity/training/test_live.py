"""What training shows: read off a terminal of a few lines that knows what rich writes, and off a real one."""

import contextlib
import fcntl
import io
import math
import os
import pty
import re
import signal
import struct
import subprocess
import sys
import termios
import threading
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from reference.datasets import MNIST, mnist
from tests import ROOT
from torch_parity import Progress, Summary, train
from torch_parity.training.live import Live, Plain, Quiet, display, summary_text, title_text

TITLE = "formula on 60,000 images, 3 epochs of batches of 64, float32, 1 thread"
START = Progress(
    epoch=1,
    epochs=3,
    step=1,
    steps=2814,
    lr=0.02,
    loss={"numpy": 2.341194, "torch": 2.341195},
    accuracy={"numpy": 0.125, "torch": 0.140625},
    max_weight_difference=3.0e-8,
    images_per_second={"numpy": 20_400.0, "torch": 12_000.0},
    seconds_left=75.2,
    drift=None,
    test_accuracy=None,
)
LATER = replace(
    START, epoch=2, step=1876, max_weight_difference=1.6e-2, test_accuracy={"numpy": 0.9791, "torch": 0.9785}
)
SUMMARY = Summary(
    accuracy={"numpy": 0.9791, "torch": 0.9785},
    equal_predictions=9991,
    test_images=10_000,
    max_weight_difference=1.9e-2,
    final_loss={"numpy": 0.122, "torch": 0.129},
    seconds={"numpy": 7.3, "torch": 12.7},
    images_per_second={"numpy": 24_637.0, "torch": 14_183.0},
    steps=2814,
)


class Terminal(io.StringIO):
    """A file that says it is a terminal."""

    def isatty(self) -> bool:
        return True


class Screen:
    """What a terminal shows of a text with escape codes, all rows that have scrolled away included."""

    CODE = re.compile(r"\x1b\[(\??)([\d;]*)([A-Za-z])|\r|\n|[^\x1b\r\n]+")

    def __init__(self, width: int, height: int = 24) -> None:
        self.width, self.height = width, height
        self.rows = [""]
        self.row = self.column = 0
        self.cursor = True

    def show(self, text: str) -> None:
        position = 0
        while position < len(text):
            match = self.CODE.match(text, position)
            assert match, f"not known to this terminal: {text[position : position + 20]!r}"
            position = match.end()
            if match[0] == "\r":
                self.column = 0
            elif match[0] == "\n":
                self._down()
                self.column = 0
            elif match[3] and match[3] != "m":  # colours are not looked at
                self._control(match[1], int(match[2] or 1), match[3])
            elif not match[3]:
                for character in match[0]:
                    self._put(character)

    def _control(self, private: str, number: int, code: str) -> None:
        if code == "A":
            self.row = max(self._top(), self.row - number)
        elif code == "H":
            self.row, self.column = self._top(), 0
        elif code == "K":
            assert number == 2
            self.rows[self.row] = ""
        elif code in "hl":
            assert (private, number) == ("?", 25)
            self.cursor = code == "h"
        else:
            raise AssertionError(f"not known to this terminal: {code}")

    def _top(self) -> int:
        return max(0, len(self.rows) - self.height)

    def _down(self) -> None:
        self.row += 1
        if self.row == len(self.rows):
            self.rows.append("")

    def _put(self, character: str) -> None:
        if self.column == self.width:
            self._down()
            self.column = 0
        row = self.rows[self.row].ljust(self.column)
        self.rows[self.row] = row[: self.column] + character + row[self.column + 1 :]
        self.column += 1

    def visible(self) -> str:
        return "\n".join(row.rstrip() for row in self.rows[self._top() :]).rstrip()

    def text(self) -> str:
        return "\n".join(row.rstrip() for row in self.rows).rstrip()


def console(width: int, **options: Any) -> Console:
    return Console(
        file=Terminal(),
        width=width,
        height=24,
        force_terminal=True,
        legacy_windows=False,
        _environ={"TERM": "xterm-256color"},
        **options,
    )


def written(live: Live) -> str:
    assert isinstance(live.console.file, Terminal)
    return live.console.file.getvalue()


def drawn(width: int, *updates: Progress, dtype: str = "float32") -> list[str]:
    """The lines that stand on the screen in the end, below the title."""
    live = Live(console(width), title="a title", dtype=dtype)
    with live:
        for progress in updates:
            live.update(progress)
    screen = Screen(width)
    screen.show(written(live))
    lines = screen.text().splitlines()
    assert lines[:2] == ["a title", ""][: len(lines)]
    assert screen.cursor
    return lines[2:]


def shown(*updates: Progress, dtype: str = "float32", width: int = 80) -> str:
    return "\n".join(drawn(width, *updates, dtype=dtype))


@pytest.fixture
def every_frame(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Live, "seconds_between_frames", 0.0)


# Which display.


def test_a_file_gets_lines_and_a_terminal_a_table(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("FORCE_COLOR", "TTY_COMPATIBLE", "TTY_INTERACTIVE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("TERM", "xterm")
    assert type(display(io.StringIO(), title=TITLE, dtype="float32")) is Plain
    assert type(display(Terminal(), title=TITLE, dtype="float32")) is Live
    assert type(display(Terminal(), title=TITLE, dtype="float32", quiet=True)) is Quiet
    monkeypatch.setenv("FORCE_COLOR", "1")
    assert type(display(io.StringIO(), title=TITLE, dtype="float32")) is Plain
    monkeypatch.delenv("FORCE_COLOR")
    monkeypatch.setenv("TERM", "dumb")
    assert type(display(Terminal(), title=TITLE, dtype="float32")) is Plain


def test_quiet_says_nothing(capfd: pytest.CaptureFixture[str]) -> None:
    with display(sys.stdout, title=TITLE, dtype="float32", quiet=True) as quiet:
        quiet.update(LATER)
        quiet.message("checkpoint written")
    assert capfd.readouterr() == ("", "")


def test_training_calls_it() -> None:
    whole = mnist()
    few = MNIST(whole.train_images[:320], whole.train_labels[:320], whole.test_images[:50], whole.test_labels[:50])
    live = Live(console(80), title=TITLE, dtype="float32")
    with live:
        summary = train("formula", few, epochs=1, on_step=live.update, report_every=live.report_every)
    screen = Screen(80)
    screen.show(written(live))
    assert re.search(rf"^loss +{summary.final_loss['numpy']:.6f} ", screen.text(), re.M)
    assert re.search(r"^losses +2\.\d\d [▁-█]{5} ", screen.text(), re.M)  # of every step


def test_the_title_counts() -> None:
    assert title_text("formula", 60_000, 3, 64, "float32", 1) == TITLE
    assert (
        title_text("lenet5", 1, 1, 1, "float64", 2) == "lenet5 on 1 image, 1 epoch of batches of 1, float64, 2 threads"
    )


# Lines.


def plain(*updates: Progress) -> str:
    stream = io.StringIO()
    with Plain(stream, title=TITLE) as lines:
        for progress in updates:
            lines.update(progress)
        lines.message("checkpoint written")
    return stream.getvalue()


def test_lines_are_aligned_below_a_header() -> None:
    assert plain(START, LATER).splitlines() == [
        TITLE,
        "",
        "epoch        step   loss NumPy loss torch   weights differ by   images/s NumPy   torch",
        "    1     1/2814      2.341194   2.341195             3.0e-08           20,400  12,000",
        "    2  1876/2814      2.341194   2.341195             1.6e-02           20,400  12,000",
        "    2  1876/2814    test accuracy: NumPy 97.91%   torch 97.85%",
        "checkpoint written",
    ]


def test_lines_show_the_drift_of_torch_where_it_is_measured() -> None:
    _, _, header, row, _ = plain(replace(START, drift=2.1e-8)).splitlines()
    assert header[61:81] == "   torch from itself"
    assert row[61:81] == "             2.1e-08"
    assert len(row) == len(header)


@pytest.mark.parametrize("value", [math.nan, math.inf, 1e30, 12.5])
def test_lines_stay_aligned_whatever_the_loss(value: float) -> None:
    rows = plain(START, replace(START, loss={"numpy": value, "torch": value})).splitlines()
    assert len(rows[3]) == len(rows[4])


def test_lines_are_written_at_once() -> None:
    file = io.BytesIO()
    with Plain(io.TextIOWrapper(file), title=TITLE) as lines:
        lines.update(START)
        assert b"3.0e-08" in file.getvalue()


# The table.

WORST = replace(
    LATER,
    epoch=100,
    epochs=100,
    step=1_000_000,
    steps=1_234_567,
    lr=1.234e-5,
    loss={"numpy": 523.456, "torch": 123.456},
    images_per_second={"numpy": 123_456.0, "torch": 999.0},
    seconds_left=360_000.0,
    drift=1.2e-2,
)
BROKEN = replace(
    LATER,
    loss=dict.fromkeys(("numpy", "torch"), math.nan),
    max_weight_difference=math.nan,
    drift=math.nan,
    images_per_second=dict.fromkeys(("numpy", "torch"), 0.0),
    seconds_left=math.inf,
)


@pytest.mark.parametrize("progress", [START, LATER, WORST, BROKEN], ids=["start", "later", "worst", "broken"])
@pytest.mark.parametrize("width", [40, 80, 120])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_no_line_is_too_long(width: int, progress: Progress, dtype: str) -> None:
    lines = drawn(width, replace(START, steps=progress.steps), progress, dtype=dtype)
    # Two columns stay free for the ^C that a terminal echoes.
    assert max(map(len, lines)) <= width - 2
    assert "…" not in "".join(lines)
    for number in (f"{progress.epoch} of {progress.epochs}", f"{progress.step:,} of {progress.steps:,}", "12.50%"):
        assert number in "\n".join(lines)


def test_the_table_has_a_column_for_each_side() -> None:
    lines = drawn(80, START)
    table = "\n".join(lines[lines.index("") + 1 :]).split("\n\n")[0].splitlines()
    assert [re.split(r" {2,}", line) for line in table] == [
        ["", "NumPy", "torch"],
        ["loss", "2.341194", "2.341195", "how wrong on the last batch; 0 is best"],
        ["accuracy so far", "12.50%", "14.06%", "right answers on this epoch's images"],
        ["test accuracy", "-", "-", "measured after each epoch"],
        ["images/s", "20,400", "12,000", "NumPy is 1.7 times as fast"],
    ]
    ends = [re.match(r".{15} +\S+ +\S+", line) for line in table]
    assert {match and match.end() for match in ends} == {35}  # right-aligned


def test_the_last_test_accuracy_stays() -> None:
    text = shown(LATER, replace(LATER, epoch=3, step=1900, test_accuracy=None))
    assert re.search(r"test accuracy +97.91% +97.85%  on images not trained on, after epoch 2$", text, re.M)


def test_notes_are_left_out_where_there_is_no_room_but_not_the_ratio() -> None:
    text = shown(LATER, width=79)
    assert "how wrong" not in text
    assert "NumPy is 1.7 times as fast" in text.splitlines()


@pytest.mark.parametrize(
    ("numpy", "torch", "words"),
    [
        (17.0, 10.0, "NumPy is 1.7 times as fast"),
        (10.0, 25.0, "torch is 2.5 times as fast"),
        (10.4, 10.0, "both are equally fast"),
        (10.0, 10.0, "both are equally fast"),
        (99.4, 10.0, "NumPy is 9.9 times as fast"),
        (99.6, 10.0, "NumPy is 10 times as fast"),
    ],
)
def test_the_ratio_says_who_is_faster(numpy: float, torch: float, words: str) -> None:
    assert words in shown(replace(START, images_per_second={"numpy": numpy, "torch": torch}))


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (0.2, "1 s left"), (59.0, "59 s left"), (59.5, "1 min 00 s left"), (75.2, "1 min 16 s left"),
        (3600.0, "1 h 00 min left"), (7380.0, "2 h 03 min left"), (math.nan, "time left not known yet"),
    ],
)  # fmt: skip
def test_time_left(seconds: float, words: str, every_frame: None) -> None:
    live = Live(console(80), title=TITLE, dtype="float32")
    with live:
        live.update(replace(START, seconds_left=seconds))
        assert f"step 1 of 2,814, {words}, learning rate 0.02" in written(live)


def test_in_the_end_it_says_whether_all_steps_were_taken() -> None:
    assert "step 1,876 of 2,814, stopped," in shown(LATER)
    assert "step 2,814 of 2,814, done," in shown(replace(LATER, epoch=3, step=2814))


# How close the weights are.


@pytest.mark.parametrize(
    ("difference", "words"),
    [
        (6.9e-16, "Weights agree to 14 decimal places: they differ by at most 6.9e-16."),
        (4.9e-16, "Weights agree to 15 decimal places: they differ by at most 4.9e-16."),
        (0.04, "Weights agree to 1 decimal place: they differ by at most 4.0e-02."),
        (0.06, "Weights differ by at most 6.0e-02."),
        (30.0, "Weights differ by at most 3.0e+01."),
        (0.0, "All weights are the same on both sides."),
        (math.nan, "Some weights are no longer finite numbers: training diverged"),
        (math.inf, "Some weights are no longer finite numbers: training diverged"),
    ],
)
def test_float64_counts_decimal_places(difference: float, words: str) -> None:
    text = shown(START, replace(START, step=2, max_weight_difference=difference), dtype="float64")
    assert words in text
    assert ("rounds" in text) == (0 < difference < math.inf)


def test_float32_shows_how_rounding_grew() -> None:
    assert "Weights differ by at most 3.0e-08.\nEach side rounds" in shown(START)
    assert "Weights differ by at most 1.6e-02 now, 3.0e-08 after step 1.\nEach side rounds" in shown(START, LATER)
    resumed = shown(replace(START, step=500), LATER)
    assert "Weights differ by at most 1.6e-02 now, 3.0e-08 after step 500." in resumed


def test_the_drift_of_torch_stands_beside_it() -> None:
    text = shown(START, replace(LATER, drift=2.1e-2))
    assert "torch differs from itself by 2.1e-02 with another number of threads." in text
    assert "itself" not in shown(START, LATER)


# The curve of the loss.


def losses(values: list[float], steps: int) -> str:
    updates = [
        replace(START, step=step, steps=steps, loss={"numpy": value, "torch": 9.0})
        for step, value in enumerate(values, 1)
    ]
    found = re.search(r"^losses +(.*)$", shown(*updates), re.M)
    return found[1] if found else ""


def test_the_curve_shows_means_of_equal_shares_of_all_steps() -> None:
    # 32 steps in 16 cells, of 8, 7.5, 7 ... in the mean.
    falling = [8 - k / 2 + half for k in range(16) for half in (0.25, -0.25)]
    assert losses(falling, 32) == "8.00 ███▇▇▆▆▅▅▄▄▃▃▂▂▁ 0.50"


def test_the_curve_grows_by_whole_cells() -> None:
    assert losses([2.0, 2.0, 1.0], 32) == ""  # one cell is complete
    assert losses([2.0, 2.0, 1.0, 1.0], 32) == ""  # the second will be, when the next begins
    assert losses([2.0, 2.0, 1.0, 1.0, 0.1], 32) == "2.00 █▅ 1.00"
    assert losses([2.0, 1.0], 2) == "2.00 █▅ 1.00"


def test_the_longest_curve_fits_into_forty_columns() -> None:
    updates = [replace(START, step=k, steps=16, loss={"numpy": 999.99, "torch": 1.0}) for k in range(1, 17)]
    assert "losses  999.99 ████████████████ 999.99" in drawn(40, *updates)


@pytest.mark.parametrize("value", [math.nan, math.inf, -1.0, 0.0, 1e6])
def test_there_is_no_curve_of_what_has_no_height(value: float) -> None:
    assert losses([2.0, value, 1.0], 3) == ""


@pytest.mark.parametrize("encoding", ["utf-8", "ascii"])
def test_only_what_the_terminal_can_write_is_drawn(encoding: str) -> None:
    file = io.TextIOWrapper(io.BytesIO(), encoding)
    live = Live(Console(file=file, width=80, force_terminal=True), title=TITLE, dtype="float32")
    with live:
        live.update(START)
        live.update(replace(LATER, epoch=3, step=2814))
    file.seek(0)
    assert ("losses" in file.read()) == (encoding == "utf-8")


# Drawing.


def test_it_draws_four_times_a_second_and_at_the_end_of_an_epoch(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = [100.0]
    monkeypatch.setattr(time, "monotonic", lambda: clock[0])
    live = Live(console(80), title=TITLE, dtype="float32")

    def draws(step: int, now: float, test_accuracy: dict[str, float] | None = None) -> bool:
        clock[0] = now
        before = written(live)
        live.update(replace(START, step=step, test_accuracy=test_accuracy))
        return f"step {step} of" in written(live)[len(before) :]

    threads = threading.active_count()
    with live:
        assert threading.active_count() == threads  # none of its own, which would draw while steps are timed
        assert draws(1, 100.0)
        assert not draws(2, 100.2)
        assert draws(3, 100.25)
        assert not draws(4, 100.3)
        assert draws(5, 100.4, LATER.test_accuracy)
        assert not draws(6, 100.5)
    assert "step 6 of" in written(live)  # what was seen last stays


@pytest.mark.parametrize("width", [60, 80])
def test_messages_stand_above_the_table(width: int, every_frame: None) -> None:
    live = Live(console(width), title="a title", dtype="float32")
    long = "stopped; resume with: python scripts/train_mnist.py --resume runs/" + "x" * 50
    with live:
        live.message("[bold]before[/bold] :warning:")
        live.update(START)
        live.message(long)
        for step in range(2, 20):
            live.update(replace(START, step=step))
        live.message("checkpoint written")
        before = Screen(width)
        before.show(written(live))
    screen = Screen(width)
    screen.show(written(live))
    assert before.text().splitlines()[-2:] == screen.text().splitlines()[-2:]  # a message changes nothing below it
    lines = screen.text().splitlines()
    above = ["a title", "", "[bold]before[/bold] :warning:", long[:width], long[width:], "checkpoint written"]
    assert lines[: len(above)] == above
    assert lines[len(above) :] == drawn(width, START, replace(START, step=19))


def test_what_others_print_stands_above_the_table_too(every_frame: None, monkeypatch: pytest.MonkeyPatch) -> None:
    one = console(80)
    monkeypatch.setattr(sys, "stdout", one.file)
    live = Live(one, title=TITLE, dtype="float32")
    with live:
        live.update(START)
        print("something else")
        live.update(START)
    screen = Screen(80)
    screen.show(written(live))
    assert screen.text().splitlines() == [TITLE, "", "something else", *drawn(80, START)]


def test_what_others_print_into_a_file_stays_out_of_it(capsys: pytest.CaptureFixture[str]) -> None:
    live = Live(console(80), title=TITLE, dtype="float32")
    with live:
        live.update(START)
        print("a result")
    assert capsys.readouterr().out == "a result\n"
    assert "a result" not in written(live)


def test_a_narrower_window_gets_a_new_table(every_frame: None) -> None:
    live = Live(console(100), title=TITLE, dtype="float32")
    screen = Screen(100)
    with live:
        live.update(START)
        screen.show(written(live))
        # The terminal breaks the lines it has, then tells of its new width.
        before = len(written(live))
        screen.width = live.console.width = 60
        screen.rows = [row[k : k + 60] for row in screen.rows for k in range(0, max(1, len(row)), 60)]
        screen.row = len(screen.rows) - 1
        broken = screen.text().strip()
        for step in range(2, 5):
            live.update(replace(START, step=step))
    screen.show(written(live)[before:])
    assert screen.visible().splitlines() == [TITLE[:52], TITLE[53:], "", *drawn(60, START, replace(START, step=4))]
    assert screen.text().startswith(broken)  # nothing is lost


def test_a_wider_window_keeps_the_table_in_its_place(every_frame: None) -> None:
    live = Live(console(60), title="a title", dtype="float32")
    screen = Screen(100)
    with live:
        live.update(START)
        live.console.width = 100
        live.update(START)
    screen.show(written(live))
    assert screen.text().splitlines()[2:] == drawn(100, START)


def test_a_table_higher_than_the_window_is_whole_in_the_end(every_frame: None) -> None:
    one = console(80)
    one.height = 6
    live = Live(one, title=TITLE, dtype="float32")
    screen = Screen(80, height=6)
    with live:
        for step in range(1, 5):
            live.update(replace(START, step=step))
        screen.show(written(live))
        assert len(screen.rows) == 8  # title, empty line, and the six
        before = len(written(live))
    screen.show(written(live)[before:])
    assert screen.text().splitlines()[-11:] == drawn(80, START, replace(START, step=4))


def test_ctrl_c_waits_until_a_drawing_is_complete() -> None:
    """Else rich would write it again, over what stands above."""

    class Pressed(Terminal):
        now = False

        def flush(self) -> None:
            if self.now:
                self.now = False
                signal.raise_signal(signal.SIGINT)

    one = console(80)
    one.file = file = Pressed()
    live = Live(one, title=TITLE, dtype="float32")

    def run() -> None:
        with live:
            live.update(START)
            file.now = True
            live.message("checkpoint written")

    before = signal.getsignal(signal.SIGINT)
    with pytest.raises(KeyboardInterrupt):
        run()
    assert signal.getsignal(signal.SIGINT) is before
    screen = Screen(80)
    screen.show(written(live))
    assert screen.text().splitlines() == [TITLE, "", "checkpoint written", *drawn(80, START)]


def test_it_draws_in_another_thread_too() -> None:
    lines: list[str] = []
    thread = threading.Thread(target=lambda: lines.extend(drawn(80, START)))
    thread.start()
    thread.join()
    assert lines == drawn(80, START)


def test_colours_are_left_out_on_request(every_frame: None) -> None:
    def codes(**options: Any) -> set[str]:
        live = Live(console(80, **options), title=TITLE, dtype="float32")
        with live:
            live.update(LATER)
        return {code for codes in re.findall(r"\x1b\[([\d;]+)m", written(live)) for code in codes.split(";")}

    # 0 ends, 1 is bold, 2 dim, 32 the terminal's own green: readable on light and on dark.
    assert codes() == {"0", "1", "2", "32"}
    assert codes(no_color=True) == {"0", "1", "2"}


def test_nothing_is_drawn_before_the_first_step() -> None:
    assert drawn(80) == []


# A real terminal.

PROGRAM = """
import fcntl, sys, termios, time
from torch_parity.training.live import display
from tests.torch_parity.training.test_live import START
from dataclasses import replace

fcntl.ioctl(0, termios.TIOCSCTTY, 0)

def run(title, after=lambda live: None):
    with display(sys.stdout, title=title, dtype="float32") as live:
        for step in range(1, 6):
            live.update(replace(START, step=step, steps=5))
        after(live)

def fail(live):
    raise OSError("disk full")

def wait(live):
    live.message("waiting")
    time.sleep(60)

run("finished")
try:
    run("failed", fail)
except OSError as error:
    print("error:", error)
try:
    run("interrupted", wait)
except KeyboardInterrupt:
    print("Ctrl-C")
print("over")
"""


@pytest.fixture(scope="module")
def real_terminal() -> str:
    """All that a program wrote to a pseudo terminal of 80 columns, on which Ctrl-C was pressed while it waited."""
    main, other = pty.openpty()
    fcntl.ioctl(other, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 80, 0, 0))
    environment = {name: value for name, value in os.environ.items() if name not in ("COLUMNS", "LINES", "NO_COLOR")}
    program = subprocess.Popen(
        [sys.executable, "-c", PROGRAM],
        cwd=ROOT,
        env={**environment, "TERM": "xterm", "PYTHONPATH": str(ROOT)},
        stdin=other,
        stdout=other,
        stderr=other,
        start_new_session=True,
    )
    os.close(other)
    found, pressed = b"", 0
    try:
        with contextlib.suppress(OSError):  # the end of a pseudo terminal
            while piece := os.read(main, 4096):
                found += piece
                # When all of the table has come: a terminal drops on Ctrl-C what has not been read.
                if not pressed and b"amplifies that" in found.partition(b"waiting")[2]:
                    pressed = os.write(main, b"\x03")
        assert program.wait(60) == 0, found.decode()
    finally:
        program.kill()
        program.wait()
        os.close(main)
    return found.decode()


def test_a_real_terminal_keeps_each_table_once(real_terminal: str) -> None:
    screen = Screen(80)
    screen.show(real_terminal)
    table = drawn(80, replace(START, steps=5), *(replace(START, step=step, steps=5) for step in range(2, 6)))
    assert screen.text().splitlines() == [
        "finished", "", *table,
        "failed", "", *table, "error: disk full",
        "interrupted", "", "waiting", *table, "Ctrl-C",
        "over",
    ]  # fmt: skip


def test_a_real_terminal_gets_its_cursor_back(real_terminal: str) -> None:
    """Whether training finished, failed or was stopped."""
    assert re.findall(r"\x1b\[\?25[hl]", real_terminal) == ["\x1b[?25l", "\x1b[?25h"] * 3
    for word in ("error: disk full", "Ctrl-C", "over"):
        assert real_terminal.rindex("\x1b[?25h", 0, real_terminal.index(word)) > real_terminal.rindex(
            "\x1b[?25l", 0, real_terminal.index(word)
        )


# The end.


def test_the_summary_in_float32() -> None:
    assert (
        summary_text(SUMMARY, "float32")
        == """
test accuracy        NumPy 97.91%   torch 97.85%
equal predictions    9,991 of 10,000
weights differ by    at most 1.9e-02
time in steps        NumPy 7.3   torch 12.7 seconds; NumPy is 1.7 times as fast

Both sides start from the same weights and take the same steps; but each rounds
its sums in its own order, and in float32 training amplifies that.
torch differs as much from itself with another number of threads.
With --dtype float64 the two stay together (at a stable learning rate)."""
    )


def test_the_summary_shows_what_was_measured_instead_of_claiming_it(tmp_path: Path) -> None:
    text = summary_text(SUMMARY, "float32", drift=2.1e-2, run_folder=tmp_path)
    assert "\ntorch from itself    at most 2.1e-02, with another number of threads\n" in text
    assert f"\nfiles of this run    {tmp_path}\n" in text
    assert "as much" not in text


def test_the_summary_says_what_the_weights_hash_to() -> None:
    digests = {"numpy": "0f" * 32, "torch": "a7" * 32}
    text = summary_text(replace(SUMMARY, weights_sha256=digests), "float32", run_folder="runs/x")
    assert (
        f"\nweights' SHA-256     NumPy {'0f' * 32}\n{' ' * 21}torch {'a7' * 32}\nfiles of this run    runs/x\n" in text
    )


def test_the_summary_in_float64() -> None:
    text = summary_text(replace(SUMMARY, max_weight_difference=3.1e-15), "float64")
    assert text.endswith("\n\nWeights agree to 14 decimal places: they differ by at most 3.1e-15.")


@pytest.mark.parametrize(("difference", "words"), [(0.0, "All weights are the same"), (math.nan, "training diverged")])
def test_the_summary_does_not_blame_rounding_for_what_it_did_not_do(difference: float, words: str) -> None:
    text = summary_text(replace(SUMMARY, max_weight_difference=difference), "float32")
    assert words in text
    assert "rounds" not in text
