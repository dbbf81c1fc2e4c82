"""Where an object keeps its arrays: in attributes, in dictionaries and lists of them, in parameters with ``.data``."""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from torch_parity.doctor.styles.names import gradient_of
from torch_parity.doctor.styles.words import BIAS, WEIGHT

MOST = 200  # places that are looked at: a layer has a handful


@dataclass(frozen=True)
class Place:
    """One place: its name, as ``grads.W``, how to read it, how to write it, and its owner if that has a ``.grad``."""

    name: str
    get: Callable[[], Any]
    set: Callable[[Any], None]
    owner: Any = None

    @property
    def last(self) -> str:
        """The last part of its name, in small letters."""
        return self.name.split(".")[-1].lower().strip("_")

    @property
    def gradient(self) -> str:
        """The result that is kept here by its name: "grad_weight" for ``dW`` and ``grads.W``; else ""."""
        parts = self.name.lower().split(".")
        if len(parts) > 1 and re.search("grad|^d", parts[0]):
            return gradient_of("d" + parts[-1]) or {"0": "grad_weight", "1": "grad_bias"}.get(parts[-1], "")
        return gradient_of(parts[-1])

    @property
    def role(self) -> str:
        """ "weight" or "bias" by its name; else ""."""
        plain = re.sub(r"\d+$", "", self.last)
        for role, words in (("weight", WEIGHT), ("bias", BIAS)):
            if plain in words.split():
                return role
        return ""


def places(thing: Any) -> list[Place]:
    """All places of ``thing`` that hold an array, or nothing yet."""
    try:
        attributes = vars(thing)
    except TypeError:
        return []
    return list(_within(attributes, ""))[:MOST]


def _within(holder: Any, prefix: str) -> Iterator[Place]:
    items = holder.items() if isinstance(holder, dict) else enumerate(holder)
    for key, held in list(items)[:MOST]:
        name = f"{prefix}{key}"
        if held is None or _is_array(held):
            yield Place(name, lambda key=key: holder[key], lambda new, key=key: _put(holder, key, new))  # type: ignore[misc]
        elif isinstance(held, dict | list) and prefix.count(".") < 1:
            yield from _within(held, f"{name}.")
        elif _is_array(getattr(held, "data", None)):
            yield Place(name, lambda held=held: held.data, lambda new, held=held: setattr(held, "data", new), held)  # type: ignore[misc]


def _is_array(held: Any) -> bool:
    return isinstance(held, np.ndarray) and held.dtype.kind in "fiu"


def _put(holder: Any, key: Any, new: Any) -> None:
    holder[key] = new
