"""Where in a student's file a result is made: the lines that give it its numbers, read from the source alone."""

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

# What students call the results, by style; a style that is not here has no names of its own.
NAMES_BY_STYLE = {
    "cs231n": {"grad_input": "dx", "grad_weight": "dw", "grad_bias": "db"},
    "coursera": {"grad_input": "dA_prev", "grad_weight": "dW", "grad_bias": "db"},
    "saitoh": {"grad_input": "dx", "grad_weight": "dW", "grad_bias": "db"},
    "nnfs": {"grad_input": "dinputs", "grad_weight": "dweights", "grad_bias": "dbiases"},
    "cmu": {"grad_input": "dLdA", "grad_weight": "dLdW", "grad_bias": "dLdb"},
}
# Of a normalisation, which has other names for weight and bias.
NAMES_IN_NORMS = {"cs231n": {"grad_weight": "dgamma", "grad_bias": "dbeta"}}
# The gradient from above, likewise.
UPSTREAM_NAMES = {"cs231n": "dout", "coursera": "dZ", "saitoh": "dout", "nnfs": "dvalues", "cmu": "dLdZ"}

# Calls that make room for numbers and are no formula.
ROOM = {"zeros", "zeros_like", "empty", "empty_like", "ones", "ones_like", "full", "full_like"}
MOST_LINES = 3


@dataclass(frozen=True)
class Line:
    """A line of a file: its number and what stands there."""

    number: int
    text: str


def lines_of(file: Path, found: str, results: tuple[str, ...], result: str) -> list[Line]:
    """The lines of ``file`` where the function or method ``found`` makes ``result``, one of its ``results``.

    At most ``MOST_LINES``, the last; empty where the source does not say.
    """
    try:
        source = file.read_text(encoding="utf-8")
        function = _definition(ast.parse(source), found.split("."))
    except (OSError, ValueError, SyntaxError, RecursionError):
        return []
    if function is None:
        return []
    made = _made(function, results, result)
    rows = source.splitlines()
    numbers = sorted({node.lineno for node in made})[-MOST_LINES:]
    return [Line(number, rows[number - 1].strip()) for number in numbers]


def _definition(tree: ast.AST, path: list[str]) -> ast.FunctionDef | None:
    """The function of this name; of a class, its method.  Of several, Python takes the last."""
    for name in path:
        kinds = (ast.FunctionDef, ast.ClassDef)
        found = [n for n in ast.iter_child_nodes(tree) if isinstance(n, kinds) and n.name == name]
        if not found:
            return None
        tree = found[-1]
    return tree if isinstance(tree, ast.FunctionDef) else None


def _made(function: ast.FunctionDef, results: tuple[str, ...], result: str) -> list[ast.stmt]:
    returns = [n for n in ast.walk(function) if isinstance(n, ast.Return) and n.value is not None]
    for statement in returns[-1:]:
        value = _returned(statement.value, results, result)
        if value is None:
            continue
        name = _viewed(value)
        found = _assignments(function, name, {name}) if name else []
        return found if isinstance(value, ast.Name) else [*found, statement]
    for name in [result, *_usual_names(result)]:
        found = _assignments(function, name, {name})
        if found:
            return found
    return []


def _usual_names(result: str) -> list[str]:
    """What students call ``result``, in any style."""
    return [names[result] for every in (NAMES_BY_STYLE, NAMES_IN_NORMS) for names in every.values() if result in names]


def _returned(value: ast.expr | None, results: tuple[str, ...], result: str) -> ast.expr | None:
    """What is returned for ``result``: by its name where it has a usual one, else by its place."""
    if not isinstance(value, ast.Tuple):
        return value if len(results) == 1 else None
    usual = set(_usual_names(result))
    for element in value.elts:
        if isinstance(element, ast.Name) and element.id in usual:
            return element
    if len(value.elts) == len(results):
        return value.elts[results.index(result)]
    if result.startswith("running_"):  # that is in an argument
        return None
    return value.elts[0 if result == "output" else -1]


def _assignments(function: ast.FunctionDef, name: str, seen: set[str]) -> list[ast.stmt]:
    """The statements that give ``name`` its numbers; where it is only a part of another array, those of that, too."""
    found: list[ast.stmt] = []
    for statement in ast.walk(function):
        if isinstance(statement, ast.Assign | ast.AugAssign | ast.AnnAssign) and name in _targets(statement):
            value = statement.value
            if value is None or (_is_room(value) and not isinstance(statement, ast.AugAssign)):
                continue
            found.append(statement)
            other = _viewed(value) if isinstance(statement, ast.Assign) else ""
            if other and other not in seen:
                found += _assignments(function, other, seen | {other})
    return found


def _targets(statement: ast.Assign | ast.AugAssign | ast.AnnAssign) -> Iterator[str]:
    """The names that a statement assigns to, as a whole or in part, as variables or attributes."""
    targets: list[ast.expr] = [*statement.targets] if isinstance(statement, ast.Assign) else [statement.target]
    while targets:
        target = targets.pop()
        if isinstance(target, ast.Tuple | ast.List):
            targets += target.elts
        elif isinstance(target, ast.Subscript | ast.Starred):
            targets.append(target.value)
            if isinstance(target, ast.Subscript) and isinstance(target.slice, ast.Constant):
                yield str(target.slice.value)
        elif isinstance(target, ast.Name):
            yield target.id
        elif isinstance(target, ast.Attribute):
            yield target.attr


def _is_room(value: ast.expr) -> bool:
    """Whether ``value`` only makes room for numbers that come later."""
    if isinstance(value, ast.Constant):
        return True
    if isinstance(value, ast.Tuple):
        return all(map(_is_room, value.elts))
    if not isinstance(value, ast.Call):
        return False
    function = value.func
    return (function.attr if isinstance(function, ast.Attribute) else getattr(function, "id", "")) in ROOM


def _viewed(value: ast.expr) -> str:
    """The name of the array of which ``value`` is a part, or which it is in another shape; "" if it is neither."""
    while True:
        if isinstance(value, ast.Name):
            return value.id
        if isinstance(value, ast.Attribute) and value.attr == "T":
            value = value.value
        elif isinstance(value, ast.Attribute):
            return value.attr
        elif isinstance(value, ast.Subscript):
            value = value.value
        elif isinstance(value, ast.Call) and isinstance(value.func, ast.Attribute):
            if value.func.attr not in ("reshape", "transpose", "copy", "squeeze", "astype"):
                return ""
            value = value.func.value
        else:
            return ""
