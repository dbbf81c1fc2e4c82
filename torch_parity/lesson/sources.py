"""The code that the lesson shows: taken from its file, so that it cannot go stale."""

import inspect
import re
import textwrap
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Excerpt:
    """A function's lines as they stand in its file, without decorators and docstring, and where they stand."""

    name: str
    place: str  # from the project's folder
    line: int
    code: str


def excerpt(function: Callable[..., Any]) -> Excerpt:
    """The lines of ``function``."""
    function = inspect.unwrap(function)
    lines, line = inspect.getsourcelines(function)
    code = textwrap.dedent("".join(lines))
    docstring = re.search(r'\n +""".*?"""\n', code, re.S)
    if docstring:
        code = code[: docstring.start() + 1] + code[docstring.end() :]
    code = re.sub(r"\A(@.*\n)+", "", code)
    path = inspect.getfile(function).replace("\\", "/")
    place = path[max(path.rfind("/reference/"), path.rfind("/torch_parity/")) + 1 :]
    return Excerpt(function.__name__, place, line, code)
