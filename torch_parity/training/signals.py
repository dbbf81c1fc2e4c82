"""Stopping when asked to, between two steps instead of in the middle of one."""

import contextlib
import signal
import threading
from collections.abc import Callable, Iterator
from types import FrameType
from typing import Any


@contextlib.contextmanager
def stop_on_signals() -> Iterator[Callable[[], int]]:
    """Ctrl-C and SIGTERM no longer end the program: gives a function that tells the signal's number, or 0 before.

    The second signal does what it always did.  In another thread than the main one nothing changes.
    """
    seen: list[int] = []
    before: dict[int, Any] = {}

    def note(number: int, frame: FrameType | None) -> None:
        seen.append(number)
        for each, handler in before.items():
            signal.signal(each, handler)

    if threading.current_thread() is threading.main_thread():
        before = {number: signal.signal(number, note) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield lambda: seen[0] if seen else 0
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
