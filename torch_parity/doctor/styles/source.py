"""What the text of a function says about how to call it: cheaper, and safer, than a trial call."""

import ast
import inspect
import re
import textwrap
from collections.abc import Callable, Iterator
from typing import Any


def text(function: Any) -> str:
    """The source of a function or class; "" where there is none."""
    try:
        return textwrap.dedent(inspect.getsource(function))
    except Exception:  # what a metaclass raises, too
        return ""


def _statements(function: Any) -> Iterator[ast.AST]:
    try:
        tree = ast.parse(text(function))
    except (SyntaxError, ValueError, RecursionError):
        return
    outside: list[ast.AST] = list(tree.body)
    while outside:
        node = outside.pop(0)
        yield node
        children = list(ast.iter_child_nodes(node))
        # What an inner function returns is not what the function returns.
        inner = isinstance(node, ast.FunctionDef | ast.Lambda) and node not in tree.body
        outside += [] if inner else children


def returns(function: Any) -> list[str] | None:
    """The names in the last tuple that a function returns, "" for what has none; None where no tuple is in sight."""
    found: list[str] | None = None
    last = -1
    for node in _statements(function):
        if isinstance(node, ast.Return) and isinstance(node.value, ast.Tuple) and node.lineno > last:
            found, last = [_name(one) for one in node.value.elts], node.lineno
    return found


def returns_nothing(function: Any) -> bool:
    """Whether a function whose source is there has no return with a value."""
    nodes = list(_statements(function))
    values = [node.value for node in nodes if isinstance(node, ast.Return)]
    return bool(nodes) and all(v is None or (isinstance(v, ast.Constant) and v.value is None) for v in values)


def attributes(thing: type) -> set[str]:
    """The names of the attributes that a class sets on itself."""
    found = set()
    for one in thing.__mro__[:-1]:
        for match in re.finditer(r"\bself\.(\w+)(?:\s*,\s*self\.\w+)*\s*(?:\[[^=]*\]\s*)?[-+*/]?=(?!=)", text(one)):
            found |= set(re.findall(r"self\.(\w+)", match[0]))
    return found


def ranks(function: Any) -> dict[str, int]:
    """The numbers of dimensions of arguments, from lines such as ``N, C, H, W = x.shape``, or ``x.shape[1]``."""
    found: dict[str, int] = {}
    for name, count in _unpacked(function, ".shape"):
        found.setdefault(name, count)
    for name, depth in _depths(function).items():
        found.setdefault(name, depth)
    sizes = _sizes_used(function)
    every = set().union(*sizes.values())
    for name, used in sizes.items():
        # Two sizes of one argument say little where another argument's fourth size is used, too.
        if used == every and used in ({0, 1}, {0, 1, 2}):
            found.setdefault(name, len(used))
    return found


def _depths(function: Any) -> dict[str, int]:
    """The numbers of dimensions of nested lists, from ``len(image)`` and ``len(image[0])``: 2."""
    found: dict[str, int] = {}
    for node in _statements(function):
        if isinstance(node, ast.Call) and ast.unparse(node.func) == "len" and len(node.args) == 1:
            depth = re.fullmatch(r"(\w+)((?:\[0\])+)", ast.unparse(node.args[0]))
            if depth:
                found[depth[1]] = max(found.get(depth[1], 0), 1 + depth[2].count("["))
    return found


def _sizes_used(function: Any) -> dict[str, set[int]]:
    """Which sizes of arguments are looked at, as 0 and 1 by ``x.shape[0]`` and ``x.shape[1]``; -9: other."""
    found: dict[str, set[int]] = {}
    for node in _statements(function):
        if isinstance(node, ast.Subscript) and isinstance(node.value, ast.Attribute) and node.value.attr == "shape":
            axis = node.slice.value if isinstance(node.slice, ast.Constant) else -9
            found.setdefault(_name(node.value), set()).add(axis if isinstance(axis, int) else -9)
    return found


def taken_apart(function: Any) -> set[str]:
    """The arguments that are taken apart into two: ``h, w = stride``."""
    return {name for name, count in _unpacked(function, "") if count == 2}


def unpacked(function: Any) -> set[str]:
    """The arguments that are taken apart, as pairs are: ``h, w = stride``, or ``stride[0]``."""
    found = {name for name, _ in _unpacked(function, "")}
    for node in _statements(function):
        if isinstance(node, ast.Subscript) and isinstance(node.value, ast.Name):
            found.add(node.value.id)
    return found


def _unpacked(function: Any, attribute: str) -> Iterator[tuple[str, int]]:
    for node in _statements(function):
        if not (isinstance(node, ast.Assign) and len(node.targets) == 1):
            continue
        pairs: list[tuple[ast.expr, ast.expr]] = [(node.targets[0], node.value)]
        if isinstance(node.targets[0], ast.Tuple) and isinstance(node.value, ast.Tuple):
            pairs = list(zip(node.targets[0].elts, node.value.elts, strict=False))
        for target, value in pairs:
            if isinstance(target, ast.Tuple) and not any(isinstance(one, ast.Starred) for one in target.elts):
                name = _name(value)
                if name and ast.unparse(value).removeprefix("self.") == name + attribute:
                    yield name, len(target.elts)


def _name(node: ast.expr) -> str:
    if isinstance(node, ast.Subscript):
        return _name(node.value)
    while isinstance(node, ast.Attribute):
        if isinstance(node.value, ast.Name) and node.value.id == "self":
            return node.attr
        node = node.value
    return node.id if isinstance(node, ast.Name) else ""


def mentions(function: Callable[..., Any], *words: str) -> bool:
    """Whether any of ``words`` stands in the source."""
    source = text(function)
    return any(word in source for word in words)
