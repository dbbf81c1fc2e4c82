"""What several styles need to call a student's code."""

import inspect
from typing import Any

import numpy as np

from torch_parity.doctor.question import Array


def line_of(thing: Any) -> int:
    """The line of its file where a function or class begins; 0 where that is not known."""
    try:
        return inspect.getsourcelines(thing)[1]
    except (OSError, TypeError):
        return 0


def parameters(function: Any) -> list[str]:
    """The names of the positional arguments of ``function``, without self."""
    try:
        signature = inspect.signature(function)
    except (ValueError, TypeError):
        return []
    kinds = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    return [name for name, one in signature.parameters.items() if one.kind in kinds and name != "self"]


def images_last(array: Array) -> Array:
    """(N, C, H, W) as (N, H, W, C), or (C, H, W) as (H, W, C): a view."""
    return np.moveaxis(array, -3, -1)


def images_first(array: Any) -> Any:
    """(N, H, W, C) as (N, C, H, W), or (H, W, C) as (C, H, W): a view."""
    return np.moveaxis(np.asarray(array), -1, -3)


def returned(value: Any, *names: str) -> dict[str, Any]:
    """What a call returned, by name; a list too short, or no tuple, leaves the rest None."""
    values = value if isinstance(value, tuple | list) else (value,)
    return dict(zip(names, (*values, *(None,) * len(names)), strict=False))
