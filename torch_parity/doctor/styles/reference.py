"""Functions called as torch's are, ``conv2d(input, weight, bias, stride, padding)``, or nearly so."""

import inspect
from collections.abc import Callable, Iterator
from typing import Any

from torch_parity.doctor.styles import source, torch
from torch_parity.doctor.styles.arguments import NotUnderstoodError
from torch_parity.doctor.styles.functions import cached_subject, function_subject, kept_of
from torch_parity.doctor.styles.names import formula_of
from torch_parity.doctor.subject import Subject


def find(things: dict[str, Any], layout: str | None = None) -> Iterator[Subject]:
    """The functions among ``things`` whose name is that of a formula, and whose arguments make sense for it."""
    for name, function in things.items():
        formula, result = formula_of(name)
        if not formula or not inspect.isfunction(function) or torch.is_numpys(formula, function):
            continue
        try:
            forward = forward_of(formula, function)
            if forward is not None and not result and kept_of(function, forward):
                yield cached_subject(function, formula, "reference", name, forward, layout)
            else:
                yield function_subject(function, formula, "reference", name, layout, result)
        except NotUnderstoodError:
            continue  # said of what is left in the end


def forward_of(formula: str, function: Any) -> Callable[..., Any] | None:
    """The forward in the file of ``function``, the gradient ``formula``, if it returns something beside its output."""
    forwards = (
        thing
        for name, thing in function.__globals__.items()
        if inspect.isfunction(thing)
        and thing.__module__ == function.__module__
        and f"{formula_of(name)[0]}_backward" == formula
        and source.returns(thing)
    )
    return next(forwards, None)
