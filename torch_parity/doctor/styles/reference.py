"""Functions called as torch's are, ``conv2d(input, weight, bias, stride, padding)``, or nearly so."""

import inspect
from collections.abc import Iterator
from typing import Any

from torch_parity.doctor.styles.arguments import NotUnderstoodError
from torch_parity.doctor.styles.functions import function_subject
from torch_parity.doctor.styles.names import formula_of
from torch_parity.doctor.subject import Subject


def find(things: dict[str, Any], layout: str | None = None) -> Iterator[Subject]:
    """The functions among ``things`` whose name is that of a formula, and whose arguments make sense for it."""
    for name, function in things.items():
        formula, result = formula_of(name)
        if not formula or not inspect.isfunction(function):
            continue
        try:
            yield function_subject(function, formula, "reference", name, layout, result)
        except NotUnderstoodError:
            continue  # said of what is left in the end
