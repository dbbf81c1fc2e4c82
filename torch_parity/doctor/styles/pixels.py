"""Functions that turn pixels 0..255 into numbers for a network: ``normalize(images)``, ``preprocess(x)``.

Only what is recognised is claimed; a function that does not divide is left alone where the file may do it elsewhere.
"""

import inspect
import re
import sys
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from torch_parity.doctor.pixel_values import NOT_DIVIDED, PIXELS, STAY_UINT8, meaning, questions
from torch_parity.doctor.question import Array, Question
from torch_parity.doctor.styles import source
from torch_parity.doctor.styles.calls import line_of
from torch_parity.doctor.subject import Reading, Results, Run, Subject

SIGNATURE = "pixels 0..255 to numbers for a network"
OF_IMAGES = r"(_(images?|imgs?|pixels?|data|dataset|inputs?|x|mnist|digits?|batch))*"
NAME = re.compile(
    rf"(my_)?(normali[sz](e|ed|er|ation)|standardi[sz](e|ation)|re_?scale|scale|pre_?process(ing)?|prepare|to_floats?)"
    rf"{OF_IMAGES}|(images?|imgs?|pixels?)_(to|as)_(floats?|inputs?|tensors?)"
)
# What code has that brings pixels to the size of 1.
DIVIDES = re.compile(r"25[56]|12[78]|\bstd\b|\.std\(|normali[sz]e|\bmax\(", re.IGNORECASE)
TENSORS = "it is given tensors of torch"


def find(things: dict[str, Any]) -> Iterator[Subject]:
    """The functions of one argument among ``things`` that are called so, and whose results are recognised."""
    for name, function in things.items():
        if NAME.fullmatch(re.sub(r"([a-z])([A-Z])", r"\1_\2", name).lower().strip("_")) and _takes_one(function):
            for said, run in _ways(function):
                if _is_recognised(function, run):
                    reading = Reading(_always(run), said)
                    yield Subject(PIXELS, name, "pixels", SIGNATURE, ("output",), (reading,), line=line_of(function))
                    break


def _takes_one(function: Any) -> bool:
    if not inspect.isfunction(function):
        return False
    required = [p for p in inspect.signature(function).parameters.values() if p.default is p.empty]
    return len(required) == 1 and required[0].kind in (required[0].POSITIONAL_ONLY, required[0].POSITIONAL_OR_KEYWORD)


def _always(run: Run) -> Callable[[Question], Run]:
    return lambda question: run


def _ways(function: Callable[..., Any]) -> Iterator[tuple[tuple[str, ...], Run]]:
    """Asked with arrays, and where the file computes with torch, with tensors."""

    def of_arrays(question: Question) -> Results:
        return {"output": function(question.arrays["input"])}

    def of_tensors(question: Question) -> Results:
        return {"output": function(sys.modules["torch"].from_numpy(question.arrays["input"]))}

    yield (), of_arrays
    if "torch" in sys.modules:
        yield (TENSORS,), of_tensors


def _is_recognised(function: Callable[..., Any], run: Run) -> bool:
    given = [question.arrays["input"] for question in questions()]
    try:
        with np.errstate(all="ignore"):
            results: list[Array] = [np.asarray(run(question)["output"]) for question in questions()]
        found, _ = meaning(given, results)
    except Exception:  # whatever the student's code raises
        return False
    if found is None:
        return False
    return found.mistake not in (NOT_DIVIDED, STAY_UINT8) or not _divided_elsewhere(function)


def _divided_elsewhere(function: Callable[..., Any]) -> bool:
    """Whether the rest of the file may divide; True where it cannot be read."""
    try:
        whole = inspect.getsource(sys.modules[function.__module__])
    except (OSError, TypeError, KeyError):
        return True
    own = source.text(function)
    without = whole.replace(own, "") if own else whole
    # A call by the function's own name says nothing.
    return DIVIDES.search(re.sub(rf"\b{re.escape(function.__name__)}\b", "", without)) is not None
