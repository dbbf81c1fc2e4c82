"""The lesson as a Jupyter notebook: each section's idea, formula, picture, numbers on both sides, and exercise.

The code is written out as plain calls, so that a student can read and change it.
"""

import ast
import base64
import inspect
import sys
import textwrap
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from itertools import chain
from types import ModuleType
from typing import Any

import nbformat
import numpy as np
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

import reference
from torch_parity.lesson.example import Array, Call, Example, prove
from torch_parity.lesson.section import Section
from torch_parity.lesson.sections import SECTIONS
from torch_parity.lesson.sources import excerpt
from torch_parity.proof.pairs import pair_named

LARGEST, INLINE = 1000, 6  # numbers of a matrix that are written out: of one that has a name, and of one within a call
WIDTH = 110  # of a line of code
KERNELSPEC = {"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}}
BEGINNING = """\
# The mathematics of a convolutional neural network

Every formula, forward and backward, computed by `reference`, which is NumPy that a person can read, and by torch, and
proven equal. Run the cells from top to bottom; change a number, and run its section's cells again. They need this
project: `pip install ".[lesson]"` in its folder.\
"""
IMPORTS = """\
import numpy as np
import torch

import reference
from torch_parity.lesson.cells import check, section, verdict\
"""


def notebook(pictures: dict[str, bytes]) -> bytes:
    """The notebook's file, with ``pictures``, PNG files by section."""
    cells = [new_markdown_cell(BEGINNING), new_code_cell(IMPORTS)]
    for number, section in enumerate(SECTIONS, 1):
        cells += _cells(section, number, pictures[section.name])
    for number, cell in enumerate(cells):
        cell.id = f"cell-{number}"  # the same each time
    found = new_notebook(cells=cells, metadata=KERNELSPEC)
    nbformat.validate(found)
    text: str = nbformat.writes(found)
    return text.encode()


def _cells(section: Section, number: int, picture: bytes) -> Iterator[Any]:
    formulas = "".join(f"{_plain(caption)}:\n\n$${latex}$$\n\n" for caption, latex in section.formulas.items())
    head = f"## {number}. {_plain(section.title)}\n\n{_plain(section.idea)}\n\n{formulas}"
    attached = {"figure.png": {"image/png": base64.b64encode(picture).decode()}}
    yield new_markdown_cell(f"{head}![{section.title}](attachment:figure.png)", attachments=attached)
    if section.on_paper:
        code = "\n".join(excerpt(function).code for function in section.on_paper)
        yield new_markdown_cell(_unfolds("On paper, as loops", f"```python\n{code}```"))
    yield from (new_code_cell(code.strip()) for code in _Code(section).cells())
    yield new_markdown_cell(_unfolds(_plain(section.question), _plain(section.answer)))
    if section.exercise:
        yield new_markdown_cell(
            "### Write it yourself\n\nComplete this function; the cell below it compares it with the reference."
        )
        yield new_code_cell(section.exercise.strip())
        names = [node.name for node in ast.parse(section.exercise).body if isinstance(node, ast.FunctionDef)]
        yield new_code_cell("\n".join(f'check({name}, "{section.name}")' for name in names))


def _unfolds(summary: str, text: str) -> str:
    return f"<details><summary>{summary}</summary>\n\n{text}\n\n</details>"


def _plain(text: str) -> str:
    """Text in which Markdown finds no signs of its own."""
    for sign in "\\`*_$[]":
        text = text.replace(sign, f"\\{sign}")
    return text.replace("&", "&amp;").replace("<", "&lt;")


class _Code:
    """The code of a section's first example, as plain calls of what the student can import."""

    def __init__(self, section: Section) -> None:
        self.section = section
        self.example: Example = next(iter(section.examples()))
        self.options = self.example.options
        self.given = {name: np.array(matrix, np.float64) for name, matrix in self.example.given.items()}
        self.calls = section.calls(self.given, self.options)
        # Those options that the calls take as they are, and so can be changed; the others stay as they are at first.
        self.variables = [name for name in self.options if name not in self.given and self._is_taken(name)]
        self.fitted = [name for name in self.given if self._is_fitted(name)]
        outputs = [replace(call, shows={"output": f"output {number}"}) for number, call in enumerate(self.calls)]
        proven = prove([*self.calls, *outputs])
        self.results = {
            self._variable(matrix): proven[matrix].numpy for call in self.calls for matrix in call.shows.values()
        }
        self.outputs = [proven[f"output {number}"].numpy for number in range(len(self.calls))]
        self.needs_calls = False

    def cells(self) -> Iterator[str]:
        """The numbers; NumPy's lines; torch's, and the verdict."""
        in_numpy = list(chain.from_iterable(self._call(number) for number in range(len(self.calls))))
        numbers = [self._numbers(name, matrix) for name, matrix in self.given.items()]
        numbers += [f"{name} = {self.options[name]!r}" for name in self.variables]
        numbers.append(f"given = {_dictionary(dict(zip(self.given, self.given, strict=True)))}")
        numbers += self._all_options()
        if self.fitted:
            numbers.append(
                f'given = section("{self.section.name}").fit(given, options)  # sizes follow from the options'
            )
            numbers += [f'{name} = given["{name}"]' for name in self.fitted]
        if self.needs_calls:
            numbers.append(f'calls = section("{self.section.name}").calls(given, options)')
        if self.given:
            yield "\n".join(["# The numbers.", *numbers])
        if in_numpy:
            shown = {matrix: self._variable(matrix) for call in self.calls for matrix in call.shows.values()}
            yield "\n".join(["# In NumPy.", *in_numpy, f"ours = {_dictionary(shown)}"])
        if self.section.on_paper:
            yield self._in_torch()

    def _all_options(self) -> Iterator[str]:
        """The lines that collect the options: to change those that NumPy's lines do not read would do half of it."""
        others = [name for name in self.options if name not in self.variables]
        chosen = dict(zip(self.variables, self.variables, strict=True))
        if not others:
            yield f"options = {_dictionary(chosen)}"
            return
        yield f"# As the page shows it at first: {', '.join(others)}."
        first = f'section("{self.section.name}").first'
        yield f"options = {first} | {_dictionary(chosen)}" if chosen else f"options = {first}"

    def _numbers(self, name: str, matrix: Array) -> str:
        if matrix.size > LARGEST:
            return f'{name} = np.array(section("{self.section.name}").given["{name}"], float)'
        return f"{name} = {_literal(matrix, indent=len(name) + 3)}"

    def _in_torch(self) -> str:
        function = self.section.in_torch
        lines = ["# In torch.", *_imports(function), "", inspect.getsource(function), ""]
        if self.given:
            lines.append("tensors = {name: torch.from_numpy(matrix) for name, matrix in given.items()}")
            lines.append(f"theirs = {function.__name__}(**{{**options, **tensors}})")
        if self.calls:
            lines.append(f'verdict("{self.section.name}", given, options, ours, theirs)')
        return "\n".join(lines)

    # One call of a formula, in NumPy.

    def _call(self, number: int) -> Iterator[str]:
        call = self.calls[number]
        variables = {result: self._variable(matrix) for result, matrix in call.shows.items()}
        if call.formula == "sgd":
            yield from self._sgd(number, variables["output"])
            return
        lines = []
        if any(result.startswith("grad_") for result in variables):
            lines.append(self._backward(number, variables))
        needed = [result for result in ("output", "indices") if any(f"<{result}>" in line for line in lines)]
        if "output" in variables or needed:
            lines.insert(0, self._forward(number, variables, "indices" in (*variables, *needed)))
        for line in lines:
            for result in needed:
                line = line.replace(f"<{result}>", variables.get(result, result))
            yield _broken(line)

    def _sgd(self, number: int, result: str) -> Iterator[str]:
        options = [f"{name}={self._value(number, name)}" for name in self._said(reference.optim.SGD, number)]
        yield f"parameter = reference.optim.Parameter({self._array(number, 'parameter')}.copy())"
        yield f"optimizer = reference.optim.SGD([parameter], {', '.join(options)})"
        yield f"for gradient in {self._array(number, 'grads')}:"
        yield "    parameter.grad = gradient"
        yield "    optimizer.step()"
        yield f"{result} = parameter.data"

    def _forward(self, number: int, variables: dict[str, str], indices: bool) -> str:
        call = self.calls[number]
        function = getattr(reference, call.formula)
        given = [
            self._array(number, name) if by_place else f"{name}={self._array(number, name)}"
            for name, by_place in _in_order(function, call)
        ]
        given += [f"{name}={self._value(number, name)}" for name in self._said(function, number)]
        given += ["return_indices=True"] if indices else []
        left = [variables.get(result, result) for result in (("output", "indices") if indices else ("output",))]
        return f"{', '.join(left)} = reference.{call.formula}({', '.join(given)})"

    def _backward(self, number: int, variables: dict[str, str]) -> str:
        """What it needs of the forward's results stands in angle brackets."""
        call = self.calls[number]
        function = getattr(reference, f"{call.formula}_backward")
        said, given = self._said(function, number), []
        for name, parameter in inspect.signature(function).parameters.items():
            if name == "grad_output":
                given.append(self._upstream(number))
            elif name in call.arrays:
                by_place = parameter.kind is parameter.POSITIONAL_OR_KEYWORD
                given.append(("" if by_place else f"{name}=") + self._array(number, name))
            elif name == "input_shape":
                given.append(f"{self._array(number, 'input')}.shape")
            elif name in ("output", "indices"):
                given.append(f"<{name}>")
            elif name in said:
                given.append(f"{name}={self._value(number, name)}")
        left = [variables.get(f"grad_{name}", "_") for name in pair_named(call.formula).gradients]
        return f"{', '.join(left)} = reference.{call.formula}_backward({', '.join(given)})"

    def _upstream(self, number: int) -> str:
        """In the output's shape, as the formula needs it; a section may leave out axes of length 1."""
        upstream: Any = self.calls[number].grad_output
        if upstream is None:
            return "np.ones_like(<output>)"
        shape = self.outputs[number].shape
        if isinstance(upstream, str):
            return _reshaped(self._variable(upstream), self.results[self._variable(upstream)].shape, shape)
        code = self._expression(upstream.reshape(shape), number, ".grad_output", lambda call: call.grad_output)
        return _reshaped(code, upstream.shape, shape) if code.startswith("calls") else code

    def _array(self, number: int, name: str) -> str:
        array = self.calls[number].arrays[name]
        for option in self.variables:  # a class
            if all(
                _is_single(self._changed(option, choice)[number].arrays[name], choice)
                for choice in self._choices(option)
            ):
                return f"np.array([{option}])"
        return self._expression(array, number, f'.arrays["{name}"]', lambda call: call.arrays[name])

    def _expression(self, array: Any, number: int, place: str, find: Callable[[Call], Any]) -> str:
        """How a call's array is made of a variable; else its numbers; or where to take them, if options change them."""
        if isinstance(array, str):  # what an earlier call gave
            return self._variable(array)
        for name, known in self.given.items():
            if (
                known.size == array.size
                and known.ctypes.data == array.ctypes.data
                and (known.ravel() == array.ravel()).all()
            ):
                return _reshaped(name, known.shape, array.shape)
        for name, known in self.results.items():
            if array.size > 1 and known.shape == array.shape and np.array_equal(known, array):
                return name
        for name, result in self.results.items():
            if array.size > 1 and result.shape == array.shape and np.array_equal(result, array):
                return name
        others = [
            find(self._changed(option, choice)[number]) for option in self.variables for choice in self._choices(option)
        ]
        if array.size <= INLINE and all(np.array_equal(array.ravel(), np.ravel(other)) for other in others):
            return _literal(array)
        self.needs_calls = True
        return f"calls[{number}]{place}"

    def _variable(self, matrix: str) -> str:
        """The name of a result; one that is also given gets another."""
        return matrix if matrix not in self.given else f"new_{matrix}"

    # Options.

    def _said(self, function: Callable[..., Any], number: int) -> list[str]:
        """The arguments that are not what the function takes without them, or that an option chooses."""
        parameters = inspect.signature(function).parameters
        return [
            name
            for name, value in self.calls[number].arguments.items()
            if name in parameters and (parameters[name].default != value or self._option(number, name))
        ]

    def _value(self, number: int, argument: str) -> str:
        return self._option(number, argument) or repr(self.calls[number].arguments[argument])

    def _option(self, number: int, argument: str) -> str | None:
        """The section's option that this argument is, whatever is chosen."""
        for option in self.options:
            choices = self._choices(option)
            found = [self._changed(option, choice) for choice in choices]
            if len(choices) > 1 and all(
                self._has_same(calls, number) and _is(calls[number].arguments.get(argument), choice)
                for calls, choice in zip(found, choices, strict=True)
            ):
                return option
        return None

    def _is_taken(self, option: str) -> bool:
        """Whether some call takes the option as it is: as an argument, or as a class."""
        for number, call in enumerate(self.calls):
            if any(self._option(number, argument) == option for argument in call.arguments):
                return True
            for name in call.arrays:
                changed = [(self._changed(option, choice), choice) for choice in self._choices(option)]
                if all(
                    self._has_same(calls, number) and _is_single(calls[number].arrays[name], choice)
                    for calls, choice in changed
                ):
                    return True
        return False

    def _is_fitted(self, name: str) -> bool:
        """Whether a matrix has another size with other options."""
        others = ({**self.options, option: choice} for option in self.variables for choice in self._choices(option))
        return any(self.section.fit(self.given, other)[name].shape != self.given[name].shape for other in others)

    def _choices(self, option: str) -> tuple[Any, ...]:
        return self.section.options[option]

    def _has_same(self, calls: list[Call], number: int) -> bool:
        """Whether the call is still there with other options, which may bring calls of their own."""
        return number < len(calls) and calls[number].shows == self.calls[number].shows

    def _changed(self, option: str, choice: Any) -> list[Call]:
        """The calls with another choice."""
        options = {**self.options, option: choice}
        return self.section.calls(self.section.fit(self.given, options), options)


def _is(value: Any, choice: Any) -> bool:
    return type(value) is type(choice) and bool(value == choice)


def _is_single(array: Any, choice: Any) -> bool:
    """Whether an array holds this whole number alone."""
    return (
        isinstance(array, np.ndarray) and array.dtype.kind == "i" and array.shape == (1,) and _is(array.item(), choice)
    )


def _in_order(function: Callable[..., Any], call: Call) -> Iterator[tuple[str, bool]]:
    """The arrays of a call in the function's order, and whether they go by their place."""
    parameters = inspect.signature(function).parameters
    for name, parameter in parameters.items():
        if name in call.arrays:
            yield name, parameter.kind is parameter.POSITIONAL_OR_KEYWORD


def _reshaped(name: str, known: tuple[int, ...], wanted: tuple[int, ...]) -> str:
    if known == wanted:
        return name
    axes = len(wanted) - len(known)
    if axes > 0 and wanted == (1,) * axes + known:
        return f"{name}[{', '.join(['None'] * axes)}]"
    return f"{name}.ravel()" if len(wanted) == 1 else f"{name}.reshape{wanted}"


def _literal(array: Array, indent: int = 0) -> str:
    """An array as code, with all digits, where ``indent`` letters stand before it."""
    whole = np.array_equal(array, np.round(array))
    prefix = " " * indent + "np.array("
    numbers = np.array2string(
        array.astype(int) if whole else array, separator=", ", max_line_width=sys.maxsize if whole else WIDTH,
        threshold=sys.maxsize, floatmode="unique", prefix=prefix,
    )  # fmt: skip
    return f"np.array({numbers}, float)" if whole and array.dtype.kind == "f" else f"np.array({numbers})"


def _broken(line: str) -> str:
    """A call's line, in three if it is long."""
    start, bracket, rest = line.partition("(")
    return line if len(line) <= WIDTH else f"{start}{bracket}\n    {rest.removesuffix(')')}\n)"


def _dictionary(variables: Mapping[str, str]) -> str:
    pairs = [f'"{name}": {variable}' for name, variable in variables.items()]
    line = ", ".join(pairs)
    return f"{{{line}}}" if len(line) <= WIDTH - 10 else "{\n    " + ",\n    ".join(pairs) + ",\n}"


def _imports(function: Callable[..., Any]) -> Iterator[str]:
    """The lines that import what a section's function finds in its file."""
    used = {
        node.id
        for node in ast.walk(ast.parse(textwrap.dedent(inspect.getsource(function))))
        if isinstance(node, ast.Name)
    }
    local = function.__code__.co_varnames
    for name in sorted((used & function.__globals__.keys()).difference(("np", "torch"), local)):
        value = function.__globals__[name]
        if isinstance(value, ModuleType):
            yield f"import {value.__name__} as {name}"
        else:
            yield f"from {function.__module__} import {name}"
