"""The other side of ``worker``: starts the process, asks it, and ends it where it takes too long."""

import contextlib
import os
import shutil
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, field
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import torch_parity
from torch_parity.doctor.question import Array, Question, from_bytes, question_to_bytes, to_bytes
from torch_parity.doctor.subject import Found, NotUnderstood, found_from

LOADING = 30.0  # seconds that a file may take to load
CALL = 5.0  # seconds that one call may take
ENDING = 0.5  # seconds that a process may take to end whose socket is closed
MOST_BYTES = 2**28  # of an answer; the largest right one has thousands
PRINTED = 20_000  # characters kept of what a file prints


@dataclass(frozen=True)
class Problem:
    """Why a call gave nothing.  ``kind``: "raises", "too slow", or "ended" (the process did)."""

    kind: str
    type: str = ""
    message: str = ""
    lines: tuple[str, ...] = ()


@dataclass(frozen=True)
class Reply:
    """What came back: arrays by name, what is missing and what there was instead, arguments changed in place."""

    results: dict[str, Array] = field(default_factory=dict)
    missing: dict[str, str] = field(default_factory=dict)
    changed: tuple[str, ...] = ()
    problem: Problem | None = None
    seconds: float = 0.0


class LoadError(Exception):
    """The file cannot be loaded; ``problem`` says why."""

    def __init__(self, problem: Problem) -> None:
        """Keep ``problem``."""
        super().__init__(f"{problem.type}: {problem.message}" if problem.type else problem.message)
        self.problem = problem


class Process:
    """One student's file in a process of its own, in an empty folder that is deleted in the end."""

    def __init__(self, file: Path, wishes: dict[str, Any] | None = None, call: float = CALL) -> None:
        """Start loading ``file``; ``wishes`` are those of ``worker``, ``call`` the seconds that one call may take."""
        self._file, self._wishes, self._call = file.absolute(), wishes or {}, call
        self._folder = Path(tempfile.mkdtemp(prefix="doctor-"))
        (self._folder / "work").mkdir()
        self._printed = self._folder / "printed"
        self._process: subprocess.Popen[bytes] | None = None
        self._connection: Connection | None = None
        self._start()

    def __enter__(self) -> "Process":
        """Itself."""
        return self

    def __exit__(self, *ignored: object) -> None:
        """End the process, delete its folder."""
        self._end()
        shutil.rmtree(self._folder, ignore_errors=True)

    def find(self) -> tuple[list[Found], list[NotUnderstood]]:
        """What was found in the file.  LoadError where it cannot be loaded."""
        said = self._loaded
        if said is None:
            said = self._load()
        try:
            subjects = [found_from(one) for one in said["subjects"]]
            return subjects, [NotUnderstood(**one) for one in said["not_understood"]]
        except (KeyError, TypeError) as error:  # the file has changed what messages are made with
            raise LoadError(self._ended()) from error

    def ask(self, subject: int, reading: int, *questions: Question) -> Reply:
        """The reply to the last of ``questions``, which one instance is asked one after another."""
        if self._process is None:
            self._start()
            try:
                self._load()
            except LoadError as error:
                return Reply(problem=error.problem)
        elif self._loaded is None:
            self._load()
        start = time.perf_counter()
        try:
            assert self._connection is not None
            for question in questions[:-1]:
                self._connection.send_bytes(question_to_bytes(question, do="and"))
            content = question_to_bytes(questions[-1], do="ask", subject=subject, reading=reading)
            self._connection.send_bytes(content)
            arrays, said = self._receive(self._call * len(questions))
            if said.get("problem"):
                return Reply(problem=_raised(said["problem"]), seconds=said["seconds"])
            return Reply(arrays, said["missing"], tuple(said["changed"]), None, said["seconds"])
        except TimeoutError:
            self._end()
            return Reply(problem=Problem("too slow"), seconds=time.perf_counter() - start)
        except (EOFError, OSError, ValueError, TypeError, KeyError, AttributeError):
            return Reply(problem=self._ended(), seconds=time.perf_counter() - start)

    def printed(self) -> str:
        """What the file has printed so far, the beginning of it."""
        with contextlib.suppress(OSError), open(self._printed, "rb") as file:
            return file.read(PRINTED).decode(errors="replace")
        return ""

    def _start(self) -> None:
        ours, theirs = socket.socketpair()
        # What the packages of this project are imported from; the student's own folder comes first later.
        path = str(Path(next(iter(torch_parity.__path__))).parent)
        environment = {**os.environ, "PYTHONPATH": path, "MPLBACKEND": "Agg", "PYTHONDONTWRITEBYTECODE": "1",
                       "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}  # fmt: skip
        with theirs, open(self._printed, "ab") as printed:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "torch_parity.doctor.worker", str(self._file), str(theirs.fileno())],
                cwd=self._folder / "work",
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=printed,
                stderr=printed,
                pass_fds=[theirs.fileno()],
                start_new_session=True,  # so that what it starts can be ended with it
            )
        self._connection = Connection(ours.detach())
        self._loaded: dict[str, Any] | None = None
        with contextlib.suppress(OSError):
            self._connection.send_bytes(to_bytes({}, {"do": "find", "wishes": self._wishes}))

    def _load(self) -> dict[str, Any]:
        try:
            _, said = self._receive(LOADING)
        except TimeoutError as error:
            self._end()
            message = (
                f"loading it takes more than {LOADING:.0f} s: put what trains or tests under if __name__ == '__main__':"
            )
            raise LoadError(Problem("too slow", message=message)) from error
        except (EOFError, OSError, ValueError) as error:
            raise LoadError(self._ended()) from error
        if "error" in said:
            raise LoadError(_raised(said["error"]))
        self._loaded = said
        return said

    def _receive(self, seconds: float) -> tuple[dict[str, Array], dict[str, Any]]:
        """The next message; ValueError for what is none, since the student's code can write there, too."""
        deadline = time.monotonic() + seconds
        (length,) = struct.unpack("!i", self._read(4, deadline))  # as Connection.send_bytes writes it
        if not 0 <= length <= MOST_BYTES:
            raise ValueError(f"a message of {length} bytes")
        content = self._read(length, deadline)
        try:
            return from_bytes(content)
        except Exception as error:  # json's, NumPy's, safetensors' own
            raise ValueError(f"no message: {error}") from error

    def _read(self, count: int, deadline: float) -> bytes:
        """So many bytes.  TimeoutError where they have not come by the deadline: half a message is not waited for."""
        assert self._connection is not None
        content = bytearray()
        while len(content) < count:
            if not self._connection.poll(max(0.0, deadline - time.monotonic())):
                raise TimeoutError
            part = os.read(self._connection.fileno(), min(count - len(content), 2**20))
            if not part:
                raise EOFError
            content += part
        return bytes(content)

    def _ended(self) -> Problem:
        """What ended the process, which is gone now."""
        assert self._process is not None
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(ENDING)
        status = self._process.poll()
        self._end()
        if status is None:
            return Problem("ended", message="its answers could not be read")
        if status < 0:
            return Problem("ended", message=f"the process was ended by {signal.Signals(-status).name}")
        return Problem("ended", message=f"the code ends the process (exit status {status})")

    def _end(self) -> None:
        if self._process is not None:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()
        if self._connection is not None:
            self._connection.close()
        self._process = self._connection = None


def _raised(problem: dict[str, Any]) -> Problem:
    return Problem("raises", problem["type"], problem["message"], tuple(problem["lines"]))
