"""The doctor from Python: a function at hand, in a notebook or in a test of one's own.

>>> import numpy as np
>>> from torch_parity.doctor import examine
>>> def relu(x):
...     return np.maximum(x, 0)
>>> print(examine(relu, "relu"))
relu  (by its name, with x for input)  equal
"""

import difflib
import functools
import inspect
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from io import StringIO
from pathlib import Path
from types import ModuleType
from typing import Any

from rich.console import Console
from rich.terminal_theme import TerminalTheme

from torch_parity.doctor.examination import Entry, examine_all
from torch_parity.doctor.here import Here
from torch_parity.doctor.report import report
from torch_parity.doctor.sheet import Sheet
from torch_parity.doctor.stubs import STUBS
from torch_parity.doctor.styles import understand
from torch_parity.doctor.styles.named import subject
from torch_parity.doctor.subject import Subject

WIDTH_IN_TEXT = 88
# A notebook's ground is light or dark: colours between, which can be read on both.
ON_ANY_GROUND = TerminalTheme(
    (255, 255, 255),
    (0, 0, 0),
    [(0, 0, 0), (215, 58, 73), (40, 145, 75), (160, 120, 0), (60, 110, 220), (165, 90, 200), (0, 140, 140), (128,) * 3],
)
# Fonts and wrapping are a cell's own; the colours above are all that is given.
PRE = '<pre style="line-height: 1.4; overflow-x: auto; white-space: pre">{code}</pre>'


@dataclass(frozen=True)
class Examination:
    """What was found: an entry for each function and for each half of a layer.

    As a string it is the report that ``doctor.py`` gives; a notebook shows the same in colours.
    """

    entries: tuple[Entry, ...]
    file: Path  # in which the code stands

    @property
    def equal(self) -> bool:
        """Whether all is right."""
        return all(entry.equal for entry in self.entries)

    def __iter__(self) -> Iterator[Entry]:
        """The entries."""
        return iter(self.entries)

    def __len__(self) -> int:
        """How many there are."""
        return len(self.entries)

    def __str__(self) -> str:
        """The report."""
        return str(self._sheet()).strip("\n")

    __repr__ = __str__  # what an interactive session shows

    def _repr_html_(self) -> str:
        # Recorded, not printed: no notebook, terminal or setting is to have a say in it.
        console = Console(
            file=StringIO(), record=True, color_system="standard", no_color=False, force_terminal=True,
            force_jupyter=False, markup=False, emoji=False, highlight=False,
        )  # fmt: skip
        self._sheet().show(console)
        return console.export_html(theme=ON_ANY_GROUND, code_format=PRE, inline_styles=True)

    def _sheet(self) -> Sheet:
        sheet = Sheet(WIDTH_IN_TEXT)
        for entry in self.entries:
            report(entry, self.file, float("inf"), sheet)
        return sheet


def examine(thing: Any, formula: str = "", *, seed: int = 0, **arguments: Any) -> Examination:
    """Compare ``thing`` with the reference, on cases that tell mistakes apart, and say of what is wrong why it is so.

    ``thing`` is a function, a class or a module, in NumPy or torch; or anything that can be called, such as a kernel
    in another language, which gets NumPy arrays by position or by torch's names, and is not asked for options that it
    has no argument for.  ``formula`` is its name in ``reference``, such as "conv2d" or "conv2d_backward"; without it,
    names and arguments must say it.  ``arguments`` go to every call besides (a block size, a device).

    It runs in this process, without limits on time and memory.  ValueError where nothing can be understood.
    """
    if formula and formula not in STUBS:
        near = difflib.get_close_matches(formula, STUBS, 1)
        which = f"; did you mean {near[0]!r}?" if near else ""
        raise ValueError(f"formula must be one of {', '.join(STUBS)}, got {formula!r}{which}")
    subjects = _subjects(_with(thing, arguments) if arguments else thing, formula)
    here = Here(subjects)
    return Examination(tuple(examine_all(here.find(), here.ask, seed)), _file(thing))


def assert_parity(thing: Any, formula: str = "", *, seed: int = 0, **arguments: Any) -> None:
    """As ``examine``, for a test: AssertionError, with the report as its message, where anything is wrong."""
    __tracebackhide__ = True  # pytest then shows the test's own line
    found = examine(thing, formula, seed=seed, **arguments)
    if not found.equal:
        wrong = ", ".join(entry.subject.found for entry in found if not entry.equal)
        raise AssertionError(f"{wrong}: not equal to the reference\n\n{found}")


def _subjects(thing: Any, formula: str) -> list[Subject]:
    if formula:
        if isinstance(thing, ModuleType):
            raise ValueError(f"a module holds many formulas: examine it without {formula!r}, or one of its functions")
        return subject(thing, formula)
    module = thing
    if not isinstance(thing, ModuleType):
        name = getattr(thing, "__name__", "")
        if not name:
            raise ValueError('say which formula it is, as in examine(kernel, "conv2d")')
        module = ModuleType(thing.__module__)
        setattr(module, name, thing)
    found, not_understood = understand(module, None, [], {}, None)
    if not found:
        reasons = [f"{one.found}: {one.reason}; what helps: {one.what_helps}" for one in not_understood]
        raise ValueError("\n".join(reasons) or "there is nothing to examine in it")
    return found


def _with(function: Callable[..., Any], arguments: dict[str, Any]) -> Callable[..., Any]:
    """``function``, which gets ``arguments`` in each call, so that nobody need ask for them."""
    if isinstance(function, type | ModuleType):
        raise TypeError(f"only a function gets further arguments, got {', '.join(arguments)} for {function.__name__}")

    @functools.wraps(function)
    def bound(*args: Any, **kwargs: Any) -> Any:
        return function(*args, **kwargs, **arguments)

    signature = inspect.signature(function)
    for name in arguments:
        signature.bind_partial(**{name: None})  # TypeError where there is no such argument
    left = [parameter for name, parameter in signature.parameters.items() if name not in arguments]
    bound.__signature__ = signature.replace(parameters=left)  # type: ignore[attr-defined]
    return bound


def _file(thing: Any) -> Path:
    try:
        return Path(inspect.getsourcefile(thing) or "")
    except TypeError:  # a kernel in another language
        return Path()
