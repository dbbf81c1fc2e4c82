"""The shapes that students' code has: one file for each style, each of which finds what it knows in a file.

A style's ``find`` gets what the file defines, by name, and yields subjects; where it has an argument ``layout``, it
gets that wish, too.  The styles are asked in the order below; what one has claimed is not shown to the next.  Nothing
here imports torch.
"""

import inspect
import re
from collections.abc import Iterator
from types import ModuleType
from typing import Any

from torch_parity.doctor.styles import classes, cmu, coursera, cs231n, d2l, nnfs, pixels, reference, saitoh, torch
from torch_parity.doctor.styles import named as by_hand
from torch_parity.doctor.styles.arguments import NotUnderstoodError
from torch_parity.doctor.styles.calls import parameters
from torch_parity.doctor.styles.names import FORMULAS, formula_of
from torch_parity.doctor.subject import NotUnderstood, Subject

# First the courses and books, each with signatures of its own; in the end those that take whatever is called like a
# formula: on tensors, in functions, in classes.
STYLES = {
    "cs231n": cs231n, "coursera": coursera, "d2l": d2l, "saitoh": saitoh, "nnfs": nnfs, "cmu": cmu, "torch": torch,
    "reference": reference, "class": classes, "pixels": pixels,
}  # fmt: skip

HELPS = "a plain function or class, whose arguments are called as torch's"
# What a file has beside formulas and layers: nothing needs to be said of it.
HELPERS = re.compile(
    r"^_|^.$|im2?_?col|col2?_?im|ind(ex|ices)|region|window|patch|one_?hot|init|load|train|test|main|plot|print|show"
    r"|get_|set_|check|numerical|accura|predict|size|shape|random|seed|batch|eval|fit|data|demo|run|helper|util|param"
    r"|version|timer|compare|error|sequential|network|model|^(lenet|cnn|net|layer|module|optimizer|loss|activation)",
    re.IGNORECASE,
)


def understand(
    module: ModuleType, adapter: ModuleType | None, only: list[str], named: dict[str, str], layout: str | None
) -> tuple[list[Subject], list[NotUnderstood]]:
    """The subjects in ``module`` in the order in which they stand there, and what could not be understood.

    ``adapter`` is a style of the student's own, asked first.  ``only``: these names and no others.  ``named`` says by
    hand which formula a name is.  ``layout``: "nhwc" or "nchw", where images are asked in that order alone.
    """
    things = {name: thing for name, thing in vars(module).items() if _own(thing, module) and not name.startswith("__")}
    not_understood = list(_unknown(things, [*only, *named]))
    if only:
        things = {name: thing for name, thing in things.items() if name in only}
    left = dict(things)
    subjects: list[Subject] = []
    for name, formula in named.items():
        if name in left:
            thing = left.pop(name)
            try:
                subjects += _named(thing, name, formula, layout)
            except NotUnderstoodError as error:
                not_understood.append(NotUnderstood(name, f"as {formula}: {error}", error.helps))
    styles: list[Any] = [*([adapter] if adapter else []), *STYLES.values()]
    for style in styles:
        # Modules are nobody else's, whatever they are called.
        shown = left if style in (d2l, torch, adapter) else {n: one for n, one in left.items() if not _is_module(one)}
        found = _found(style, shown, {"layout": layout} if "layout" in parameters(style.find) else {})
        subjects += found
        for subject in found:
            left.pop(re.split(r"\W", subject.found)[0], None)
    not_understood += _not_understood(left, bool(subjects))
    return sorted(subjects, key=lambda subject: subject.line), not_understood


def _is_module(thing: Any) -> bool:
    return inspect.isclass(thing) and torch.is_torch(thing)


def _found(style: Any, things: dict[str, Any], wishes: dict[str, Any]) -> list[Subject]:
    """What a style finds; where looking at something raises an error, what it finds in all else."""
    try:
        return list(style.find(dict(things), **wishes))
    except (Exception, SystemExit):  # a property that raises, say
        if len(things) == 1:
            return []
        return [subject for name, thing in things.items() for subject in _found(style, {name: thing}, wishes)]


def _named(thing: Any, name: str, formula: str, layout: str | None) -> list[Subject]:
    if formula.removesuffix("_backward") not in FORMULAS or formula == "sgd_backward":
        raise NotUnderstoodError("this is no formula", f"one of {', '.join(FORMULAS)}; with _backward for a gradient")
    return by_hand.subject(thing, formula, name, layout)


def _own(thing: Any, module: ModuleType) -> bool:
    """Whether a function or class is defined in the file itself."""
    return (inspect.isfunction(thing) or inspect.isclass(thing)) and thing.__module__ == module.__name__


def _unknown(things: dict[str, Any], asked: list[str]) -> Iterator[NotUnderstood]:
    """Names that were asked for, and are not in the file."""
    for name in dict.fromkeys(asked):
        if name not in things:
            yield NotUnderstood(name, "the file defines no such name", f"one of these: {', '.join(things) or 'none'}")


def _not_understood(left: dict[str, Any], any_found: bool) -> Iterator[NotUnderstood]:
    """What is left, why, and what would help; nothing of helpers, if there is anything else in the file."""
    for name, thing in left.items():
        formula, _ = formula_of(name)
        if formula:
            try:
                by_hand.subject(thing, formula, name)
            except (Exception, SystemExit) as error:
                what = formula.replace("_backward", "'s gradient")
                yield NotUnderstood(name, f"it looks like {what}, but {error}", getattr(error, "helps", HELPS))
                continue
        elif HELPERS.search(name) and any_found:
            continue
        yield NotUnderstood(name, "its name is not that of a formula", f"--as {name}=FORMULA, if it computes one")
