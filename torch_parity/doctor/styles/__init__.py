"""The shapes that students' code has: one file for each style, each of which finds what it knows in a file.

A style's ``find`` gets what the file defines, by name, and yields subjects.  The styles are asked in the order below;
what one has claimed is not shown to the next.  Nothing here imports torch.
"""

import inspect
from collections.abc import Iterator
from types import ModuleType
from typing import Any

from torch_parity.doctor.styles import coursera, cs231n, d2l
from torch_parity.doctor.subject import NotUnderstood, Subject

STYLES = {"cs231n": cs231n, "coursera": coursera, "d2l": d2l}


def understand(
    module: ModuleType, adapter: ModuleType | None, only: list[str], named: dict[str, str], layout: str | None
) -> tuple[list[Subject], list[NotUnderstood]]:
    """The subjects in ``module`` in the order in which they stand there, and what could not be understood.

    ``adapter`` is a style of the student's own, asked first.  ``only``: these names and no others.  ``named`` says by
    hand which formula a name is.  ``layout``: "nhwc" or "nchw", where images are asked in that order alone.
    """
    things = {name: thing for name, thing in vars(module).items() if _own(thing, module) and not name.startswith("__")}
    if only:
        things = {name: thing for name, thing in things.items() if name in only}
    subjects: list[Subject] = []
    left = dict(things)
    styles: list[Any] = [*([adapter] if adapter else []), *STYLES.values()]
    for style in styles:
        found = list(style.find(left))
        subjects += found
        for subject in found:
            left.pop(subject.found.split(".")[0], None)
    return sorted(subjects, key=lambda subject: subject.line), list(_not_understood(left))


def _own(thing: Any, module: ModuleType) -> bool:
    """Whether a function or class is defined in the file itself."""
    return (inspect.isfunction(thing) or inspect.isclass(thing)) and thing.__module__ == module.__name__


def _not_understood(left: dict[str, Any]) -> Iterator[NotUnderstood]:
    for name in left:
        yield NotUnderstood(name, "no style knows a formula of this name with these arguments", f"--as {name}=FORMULA")
