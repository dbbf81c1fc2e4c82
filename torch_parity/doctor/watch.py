"""Asking again on every save, until Ctrl-C."""

import time
from collections.abc import Callable
from itertools import chain
from pathlib import Path

import watchfiles

# Milliseconds: a save is over when nothing has changed for so long, and at the latest after so long.
SETTLED, LATEST = 100, 1000
# So often the files are looked at in any case: not every file system tells of changes.
LOOK_EVERY = 1000

# Of each Python file: when it was changed, how long it is, and which file it is: editors put a new one in its place.
State = dict[Path, tuple[int, int, int]]


def watch(path: Path, run: Callable[[], object]) -> None:
    """Call ``run`` now, and again whenever ``path``, or a Python file beside it, which it may import, has been saved.

    Ends with Ctrl-C, quietly.  While ``path`` is away or empty, as editors leave it for a moment, it waits.  What is
    saved while ``run`` runs is not missed.  OSError where the folder cannot be watched.
    """
    path = path.absolute()
    changes = watchfiles.watch(
        path.parent,
        watch_filter=lambda change, name: name.endswith(".py"),
        debounce=LATEST,
        step=SETTLED,
        rust_timeout=LOOK_EVERY,
        yield_on_timeout=True,
        recursive=False,
    )
    last: State | None = None
    try:
        for _ in chain([None], changes):
            state = _state(path)
            if state is None or state == last:
                continue
            if last is not None:
                print(f"\n{time.strftime('%H:%M:%S')}  {path.name} was saved\n", flush=True)
            last = state
            run()
            print("\nSave the file, and it is examined again. Ctrl-C ends this.", flush=True)
    except KeyboardInterrupt:
        print(flush=True)


def _state(path: Path) -> State | None:
    """What stands in the folder; None while ``path`` is away, or half saved."""
    found = {}
    for file in path.parent.glob("*.py"):
        try:
            known = file.stat()
        except OSError:  # gone since it was listed
            continue
        found[file] = (known.st_mtime_ns, known.st_size, known.st_ino)
    return found if path in found and found[path][1] > 0 else None
