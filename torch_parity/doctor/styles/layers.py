"""Layers: a class with ``forward`` and ``backward`` is two subjects, which several styles call in much the same way."""

import inspect
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from types import CodeType
from typing import Any

import numpy as np

from torch_parity.doctor.question import Array, Question
from torch_parity.doctor.styles import source
from torch_parity.doctor.styles.calls import line_of, parameters
from torch_parity.doctor.subject import Reading, Results, Run, Subject, Takes

GRADIENTS_OF = {
    "conv2d": ("grad_input", "grad_weight", "grad_bias"),
    "linear": ("grad_input", "grad_weight", "grad_bias"),
}
# The optional arguments of torch, as constructors call them.
OPTIONS = {
    "stride": ("stride", "strides"),
    "padding": ("padding", "pad"),
    "dilation": ("dilation",),
    "groups": ("groups",),
    "momentum": ("momentum",),
}


@dataclass(frozen=True)
class Way:
    """One way to use a class.

    ``make`` gives an instance for the shapes and options of a question.  ``forward`` sets its arrays to those of a
    question and gives the output, ``backward`` the gradients of the forward before it; both in torch's layouts.
    """

    make: Callable[[Question], Any]
    forward: Callable[[Any, Question], Any]
    backward: Callable[[Any, Question], Results]
    conventions: tuple[str, ...] = ()


def halves(
    layer: type,
    formula: str,
    style: str,
    signature: str,
    ways: Iterable[Way],
    takes: Takes,
    backward_ways: Iterable[Way] = (),
) -> Iterator[Subject]:
    """``layer``'s forward and its backward, as far as it has them; ``backward_ways``: where these differ."""
    ways = tuple(ways)
    name = layer.__name__
    if has(layer, "forward"):
        readings = tuple(forward_reading(way) for way in ways)
        line = line_of(method(layer, "forward"))
        yield Subject(formula, f"{name}.forward", style, signature, ("output",), readings, takes, layer=name, line=line)
    if has(layer, "backward"):
        readings = tuple(_backward_reading(way) for way in tuple(backward_ways) or ways)
        results = GRADIENTS_OF.get(formula, ("grad_input",))
        line = line_of(method(layer, "backward"))
        yield Subject(
            f"{formula}_backward", f"{name}.backward", style, signature, results, readings, takes, layer=name, line=line
        )


def forward_reading(way: Way) -> Reading:
    """The forward alone."""

    def prepare(question: Question) -> Run:
        made = way.make(question)
        return lambda q: {"output": way.forward(made, q)}

    return Reading(prepare, way.conventions)


def _backward_reading(way: Way) -> Reading:
    def prepare(question: Question) -> Run:
        made = way.make(question)

        def run(q: Question) -> Results:
            way.forward(made, q)
            return way.backward(made, q)

        return run

    return Reading(prepare, way.conventions)


def method(layer: type, name: str) -> Any:
    """A method of a class, as it stands there: nothing of the class is run.  None where there is none."""
    found = inspect.getattr_static(layer, name, None)
    return found if callable(found) else None


def has(layer: type, *methods: str) -> bool:
    """Whether a class has methods of these names."""
    return all(method(layer, name) is not None for name in methods)


def takes_from(layer: Any, names: Iterable[str]) -> tuple[str, ...]:
    """Those of torch's options ``names`` for which a function or constructor has a parameter, and which it uses."""
    given = {name.lower() for name in parameters(layer) if not (isinstance(layer, type) and _unused(layer, name))}
    return tuple(name for name in names if given & set(OPTIONS[name]))


def _unused(layer: type, name: str) -> bool:
    """Whether a constructor's parameter is stored at most, as an option for which there is no code yet."""
    text = source.text(layer)
    found, stored = (len(re.findall(pattern, text)) for pattern in (rf"\b{name}\b", rf"self\.{name}\b"))
    return found == 1 or (found == 3 and stored == 1)


def construct(layer: type, values: Mapping[str, Any]) -> Any:
    """An instance, made of those of ``values`` for which there is a parameter, by its name in lower case.

    TypeError where a parameter has no value, and no default either.
    """
    given = {name: values[name.lower()] for name in parameters(layer) if name.lower() in values}
    return layer(**given)


def required(function: Any) -> list[str]:
    """The names of the arguments of a function or constructor that have no default."""
    try:
        signature = inspect.signature(function)
    except (ValueError, TypeError):
        return []
    several = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)
    return [
        name
        for name, one in signature.parameters.items()
        if one.kind not in several and one.default is one.empty and name != "self"
    ]


def spelled(options: Mapping[str, Any]) -> dict[str, Any]:
    """Torch's options under all the names that a constructor may have for them."""
    return {name: value for option, value in options.items() for name in OPTIONS.get(option, ())}


def words(layer: type) -> frozenset[str]:
    """All names that the code of a class's methods uses: arguments, variables, attributes."""
    codes = [getattr(one, "__code__", None) for one in vars(layer).values()]
    return frozenset(word for code in codes if isinstance(code, CodeType) for word in _words_of(code))


def _words_of(code: CodeType) -> Iterator[str]:
    yield from (*code.co_names, *code.co_varnames)
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from _words_of(constant)


def flat(bias: Any) -> Any:
    """A bias or its gradient, stored as (1, O), (O, 1) or with more axes of one, as (O,); others as they are."""
    if bias is None:
        return None
    array = np.asarray(bias)
    return array.reshape(-1) if array.ndim != 1 and array.size == max(array.shape, default=1) else array


def shaped_as(bias: Array, like: Any) -> Array:
    """A bias (O,) in the shape of the one that stands in the layer, a view; (O,) where that has another size."""
    shape = np.shape(like)
    return bias.reshape(shape) if np.prod(shape, dtype=int) == bias.size else bias


def transposed(array: Any) -> Any:
    """A matrix's transpose, a view; what is no matrix as it is."""
    return None if array is None else np.asarray(array).T if np.ndim(array) == 2 else array


def pool_size(question: Question) -> tuple[int, int, int]:
    """The height and width of the window and the stride, which by default is the height."""
    kernel = question.options["kernel_size"]
    height, width = (kernel, kernel) if isinstance(kernel, int) else kernel
    return height, width, question.options["stride"] or height
