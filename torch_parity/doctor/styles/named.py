"""What a function or class is where somebody says which formula it computes: ``--as NAME=FORMULA``."""

import inspect
from collections.abc import Callable
from typing import Any

from torch_parity.doctor.styles import classes, torch
from torch_parity.doctor.styles.functions import function_subject
from torch_parity.doctor.styles.names import formula_of
from torch_parity.doctor.subject import Subject


def subject(function: Callable[..., Any], formula: str, name: str = "", layout: str | None = None) -> list[Subject]:
    """The subjects in ``function``, a function or a class that computes ``formula`` ("conv2d", "conv2d_backward" ...).

    A class has two where it has a gradient.  ``name``: what it is called, where it does not say so itself; ``layout``:
    as for ``understand``.  NotUnderstoodError, which is a ValueError, where it cannot be called.
    """
    name = name or getattr(function, "__name__", type(function).__name__)
    if torch.is_torch(function):
        return torch.subjects(function, formula, name)
    if inspect.isclass(function):
        return classes.subjects(function, formula.removesuffix("_backward"), name, layout)
    result = formula_of(name)[1] if formula_of(name)[0] == formula else ""
    return [function_subject(function, formula, "reference", name, layout, result)]
