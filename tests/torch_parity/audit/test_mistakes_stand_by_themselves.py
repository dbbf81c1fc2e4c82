"""The wrong formulas use the reference as anybody can: its public functions, unchanged."""

import ast
import inspect
from pathlib import Path

import pytest

import reference
from torch_parity.audit import mistakes

FILES = sorted(Path(mistakes.__file__).parent.glob("*.py"))
FORMULAS = {name for name in reference.__all__ if inspect.isfunction(getattr(reference, name))}
LIBRARIES = {"collections.abc", "dataclasses", "math", "numpy", "numpy.typing", "typing"}


def foreign(source: str) -> list[str]:
    """What in ``source`` reaches beyond the public functions, or changes anything that is not its own."""
    found = []
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            found += [alias.name for alias in node.names if alias.name not in {*LIBRARIES, "reference"}]
        elif isinstance(node, ast.ImportFrom):
            module = node.module or ""
            if module == "reference":
                found += [alias.name for alias in node.names if alias.name not in FORMULAS]
            elif module not in LIBRARIES and not module.startswith("torch_parity."):
                found.append(module)
            found += [alias.name for alias in node.names if alias.name.startswith("_")]
        elif isinstance(node, ast.Attribute):
            of_reference = isinstance(node.value, ast.Name) and node.value.id == "reference"
            if of_reference and node.attr not in FORMULAS:
                found.append(f"reference.{node.attr}")
            if isinstance(node.ctx, ast.Store | ast.Del):
                found.append(f"{ast.unparse(node)} is assigned to")
        elif isinstance(node, ast.Name) and node.id in ("setattr", "delattr", "globals", "__import__"):
            found.append(node.id)
    return found


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_nothing_but_public_functions_is_used(file: Path) -> None:
    assert not foreign(file.read_text())


@pytest.mark.parametrize(
    "source",
    [
        "import sys",
        "from unittest import mock",
        "from reference import windows",
        "from reference.windows import unslide",
        "import reference.conv",
        "import reference\nreference.windows.unslide(1)",
        "import reference\nreference.pad = None",
        "import reference\nsetattr(reference, 'pad', None)",
        "from torch_parity.proof.pairs import _sgd",
    ],
)
def test_what_reaches_further_is_seen(source: str) -> None:
    assert foreign(source)


def test_every_formula_has_a_file() -> None:
    assert len(FILES) >= 12
    assert {"conv2d", "cross_entropy", "sgd"} <= {file.stem for file in FILES}
