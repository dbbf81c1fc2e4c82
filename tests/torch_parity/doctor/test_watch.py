"""Every save is noticed once, whatever the editor does, and Ctrl-C is no error."""

import os
import queue
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import IO

import pytest

from tests import ROOT

# Instead of an examination: what stands in the file, and in the one beside it.
PROGRAM = """
import sys
from pathlib import Path
from torch_parity.doctor.watch import watch

def run():
    print(*[f"{file.name}={file.read_text()}" for file in sorted(Path(sys.argv[1]).parent.glob("*.py"))], flush=True)

watch(Path(sys.argv[1]), run)
"""
LONG = 20  # seconds after which a save has not been noticed
SHORT = 1.5  # seconds in which one that is no save would have been: files are looked at every second


class Watching:
    """The program, and the lines that it has printed: what ``run`` does, without what ``watch`` says."""

    def __init__(self, file: Path) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-c", PROGRAM, str(file)], cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
            text=True,
        )  # fmt: skip
        self.lines: queue.Queue[str] = queue.Queue()
        assert self.process.stdout is not None
        self.reader = threading.Thread(target=self._read, args=[self.process.stdout])
        self.reader.start()

    def __enter__(self) -> "Watching":
        return self

    def __exit__(self, *ignored: object) -> None:
        self.process.kill()
        self.reader.join()
        with self.process:
            pass  # closes what it was read from

    def _read(self, stream: IO[str]) -> None:
        for line in stream:
            if "=" in line:
                self.lines.put(line.strip())

    def line(self) -> str:
        return self.lines.get(timeout=LONG)

    def is_quiet(self) -> bool:
        try:
            self.lines.get(timeout=SHORT)
        except queue.Empty:
            return True
        return False

    def end(self) -> tuple[int, str]:
        """The exit status after Ctrl-C, and what was said of it."""
        self.process.send_signal(signal.SIGINT)
        assert self.process.stderr is not None
        return self.process.wait(LONG), self.process.stderr.read()


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "mine.py"
    path.write_text("1", encoding="utf-8")
    return path


@pytest.fixture
def watching(file: Path) -> Iterator[Watching]:
    with Watching(file) as found:
        assert found.line() == "mine.py=1"  # at once
        yield found


def test_every_save_is_noticed_and_ctrl_c_ends_it_quietly(file: Path, watching: Watching) -> None:
    for content in ("2", "3"):
        file.write_text(content, encoding="utf-8")
        assert watching.line() == f"mine.py={content}"
    assert watching.end() == (0, "")


def test_an_editor_that_puts_a_new_file_in_place(file: Path, watching: Watching) -> None:
    for content in ("2", "3"):
        new = file.with_suffix(".new")
        new.write_text(content, encoding="utf-8")
        os.replace(new, file)
        assert watching.line() == f"mine.py={content}"


def test_an_editor_that_moves_the_old_file_away_first(file: Path, watching: Watching) -> None:
    for content in ("2", "3"):
        os.replace(file, file.with_suffix(".bak"))
        file.write_text(content, encoding="utf-8")
        assert watching.line() == f"mine.py={content}"


def test_a_file_beside_it_that_it_may_import(file: Path, watching: Watching) -> None:
    file.with_name("help.py").write_text("7", encoding="utf-8")
    assert watching.line() == "help.py=7 mine.py=1"


@pytest.mark.slow
def test_half_a_save_is_waited_for(file: Path, watching: Watching) -> None:
    with open(file, "w", encoding="utf-8") as handle:  # empty from here on
        assert watching.is_quiet()
        handle.write("2")
    assert watching.line() == "mine.py=2"
    file.unlink()
    assert watching.is_quiet()
    file.write_text("3", encoding="utf-8")
    assert watching.line() == "mine.py=3"


@pytest.mark.slow
def test_what_is_no_save_is_not_noticed(file: Path, watching: Watching) -> None:
    file.chmod(0o600)
    file.read_text(encoding="utf-8")
    file.with_name("notes.txt").write_text("9", encoding="utf-8")
    assert watching.is_quiet()


@pytest.mark.slow
def test_the_file_itself_where_it_is_watched_through_a_link(file: Path, tmp_path: Path) -> None:
    (tmp_path / "links").mkdir()
    link = tmp_path / "links" / "link.py"
    link.symlink_to(file)
    with Watching(link) as watching:
        assert watching.line() == "link.py=1"
        file.write_text("2", encoding="utf-8")
        assert watching.line() == "link.py=2"
        assert watching.end() == (0, "")
