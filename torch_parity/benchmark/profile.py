"""Where a training step of the reference goes: how long in NumPy, how long in Python, and in which lines.

Profilers see calls, but most of NumPy is reached by operators: ``a @ b``, ``a += b``, ``a[...] = b``.  So every
instruction of the interpreter that runs in the reference is timed, by the trace that Python has for debuggers.
Operators, indexing and calls that usually take well over what the trace itself takes (that is the time of the median
instruction, which only moves a name) count as NumPy, less that.  Whatever else the undisturbed step takes is Python.

The lines are what this is for.  The share is rough: short calls of NumPy count as Python; and the trace takes room in
the caches, so that NumPy is slower under it, by some per cent, than in the undisturbed step.
"""

import dis
import functools
import gc
import itertools
import linecache
import sys
from collections import Counter, defaultdict
from pathlib import Path
from statistics import median
from time import perf_counter
from types import CodeType, FrameType
from typing import Any

import numpy as np

import reference
from torch_parity.benchmark.subjects import Implementation

# A step in turn with a traced one: for so many seconds, and at least so often.
SECONDS = 5.0
FEWEST_STEPS = 20
FIRST_STEPS = 3
LINES = 15
HOUSE, NUMPY_FOLDER = (str(Path(str(package.__file__)).parent) for package in (reference, np))
# Instructions that may reach NumPy, by the beginning of their names, which differ between versions of Python.
REACHING = ("BINARY", "UNARY", "COMPARE", "STORE_SUBSCR", "STORE_SLICE", "CALL")
# How many median instructions one must take to count as NumPy.  Integer arithmetic, len(), isinstance() and entering a
# function of Python's take less, and almost nothing in NumPy does.
NOTABLE = 3

Place = tuple[str, str, int]  # file, function, line
# An event of the trace: when it came, the code, the instruction about to run (-1 for none), its line, when that began.
Event = tuple[float, CodeType, int, int, float]


def profile(side: Implementation) -> dict[str, Any]:
    """The median step of ``side``.

    Keys: milliseconds of the undisturbed step; numpy, those in NumPy; share, of these in the step; instructions, how
    many Python ran; lines, where most of the time in NumPy went: a list with file, function, line, source,
    milliseconds.
    """
    for _ in range(FIRST_STEPS):
        _seconds(side)
    steps: list[float] = []
    instructions: list[int] = []
    lines: list[Counter[Place]] = []
    end = perf_counter() + SECONDS
    while len(steps) < FEWEST_STEPS or perf_counter() < end:
        steps.append(_seconds(side))
        events = _trace(side)
        instructions.append(len(events))
        lines.append(_in_numpy(events))
    places = {place: median(one[place] for one in lines) for place in set().union(*lines)}
    inside = median(sum(one.values()) for one in lines)
    return {
        "milliseconds": 1e3 * median(steps),
        "numpy": 1e3 * inside,
        "share": inside / median(steps),
        "instructions": round(median(instructions)),
        "lines": [
            {
                "file": Path(file).relative_to(HOUSE).as_posix(),
                "function": function,
                "line": line,
                "source": linecache.getline(file, line).strip(),
                "milliseconds": 1e3 * places[file, function, line],
            }
            for file, function, line in sorted(places, key=lambda place: -places[place])[:LINES]
        ],
    }


def _seconds(side: Implementation) -> float:
    start = perf_counter()
    for phase in side.phases.values():
        phase()
    return perf_counter() - start


def _trace(side: Implementation) -> list[Event]:
    """The events of one step.  What happens inside NumPy and the standard library makes none."""
    events: list[Event] = []

    def call(frame: FrameType, event: str, argument: object) -> Any:
        came = perf_counter()
        file = frame.f_code.co_filename
        if file.startswith(NUMPY_FOLDER):
            return None  # it belongs to the instruction that called it
        events.append((came, frame.f_code, -1, 0, perf_counter()))
        if not file.startswith(HOUSE):
            return None
        frame.f_trace = inside  # Python 3.13 wants to know it before it is asked for instructions
        frame.f_trace_lines, frame.f_trace_opcodes = False, True
        return inside

    def inside(frame: FrameType, event: str, argument: object) -> Any:
        came = perf_counter()
        instruction = frame.f_lasti if event == "opcode" else -1
        events.append((came, frame.f_code, instruction, frame.f_lineno, perf_counter()))
        return inside

    before = sys.gettrace()
    sys._getframe().f_trace_opcodes = True  # Python 3.12 wants to know before it begins to trace
    gc.disable()  # the events would set it off
    sys.settrace(call)
    try:
        for phase in side.phases.values():
            phase()
    finally:
        sys.settrace(before)
        gc.enable()
    return events


def _in_numpy(events: list[Event]) -> Counter[Place]:
    """Seconds in NumPy, by line."""
    cost = median(after[0] - one[4] for one, after in itertools.pairwise(events) if one[2] >= 0)
    runs: dict[tuple[Place, int], list[float]] = defaultdict(list)  # of each instruction, in its line
    for (_, code, instruction, line, begun), after in itertools.pairwise(events):
        if instruction in _reaching(code):
            runs[(code.co_filename, code.co_name, line), instruction].append(after[0] - begun)
    found: Counter[Place] = Counter()
    for (place, _), seconds in runs.items():
        if median(seconds) > NOTABLE * cost:
            found[place] += sum(seconds) - len(seconds) * cost  # type: ignore[assignment]
    return found


@functools.cache
def _reaching(code: CodeType) -> frozenset[int]:
    """Where in ``code`` the instructions stand that may reach NumPy."""
    return frozenset(one.offset for one in dis.get_instructions(code) if one.opname.startswith(REACHING))
