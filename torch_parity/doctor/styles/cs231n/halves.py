"""A forward that returns (out, cache), and the backward that takes the cache: how they are told and called."""

from collections.abc import Callable
from typing import Any

from torch_parity.doctor.question import Question
from torch_parity.doctor.subject import Reading, Run

Function = Callable[..., Any]
# How a question is put: the arguments of a forward.
Put = Callable[[Question], tuple[Any, ...]]

SIGNATURE = "CS231n's signature"


def forward_of(name: str, things: dict[str, Any]) -> str:
    """The name of the forward that belongs to a backward, "" where there is none: that of the same ending if any."""
    own = name.replace("_backward", "_forward")
    kind = own[: own.index("_forward") + len("_forward")]
    return next((other for other in (own, *things) if other in things and other.startswith(kind)), "")


def with_globals(function: Function, things: dict[str, Any]) -> dict[str, Any]:
    """``things``, and what else stands in the file of ``function``, where it alone is asked."""
    return {**getattr(function, "__globals__", {}), **things}


def out_and_cache(function: Function, arguments: tuple[Any, ...]) -> tuple[Any, Any]:
    """What a forward returns; no cache where it returns the output alone."""
    values = function(*arguments)
    return values if isinstance(values, tuple) and len(values) == 2 else (values, None)


def reading(run: Run, said: tuple[str, ...] = ()) -> Reading:
    """A function keeps nothing from call to call: one ``run`` for all questions."""
    return Reading(lambda question: run, said)
