"""What a function or class is where somebody says which formula it computes: ``--as NAME=FORMULA``."""

from collections.abc import Callable
from typing import Any

from torch_parity.doctor.styles.functions import function_subject
from torch_parity.doctor.subject import Subject


def subject(function: Callable[..., Any], formula: str) -> list[Subject]:
    """The subjects in ``function``, a function or a class that computes ``formula`` ("conv2d", "conv2d_backward" ...).

    A class has two where it has a gradient.  ValueError says what could not be understood, and what would help.
    """
    name = getattr(function, "__name__", type(function).__name__)
    return [function_subject(function, formula, "reference", name)]
