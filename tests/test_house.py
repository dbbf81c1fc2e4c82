"""The house rules: who may import whom, and that no formula stands without its gradient, its proof and its text."""

import ast
import inspect
import pkgutil
import subprocess
import sys
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

import reference
from reference import definition
from tests import ROOT
from torch_parity.proof.pairs import PAIRS

FORMULAS = [name for name in reference.__all__ if inspect.isfunction(getattr(reference, name))]
FORWARD = [name for name in FORMULAS if not name.endswith("_backward")]
FORMULA_FILES = sorted({"reference.optim", *(getattr(reference, name).__module__ for name in FORMULAS)})
# On paper one step of gradient descent is a formula; in code the optimizer holds what it must remember between steps.
ON_PAPER = {"sgd": "sgd_step"}


def sources(package: str) -> list[Path]:
    files = sorted((ROOT / package).rglob("*.py"))
    assert files
    return files


def imported(path: Path) -> set[str]:
    """The first names of the modules that a file imports, wherever in the file it does."""
    names = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path.name}: a relative import"
            names.add(str(node.module).split(".")[0])
        elif isinstance(node, ast.Name):
            assert node.id not in ("__import__", "exec", "eval"), f"{path.name}: {node.id}"
    return names


# Imports.


def test_reference_runs_where_torch_cannot_be_imported() -> None:
    modules = [f"reference.{module.name}" for module in pkgutil.iter_modules(reference.__path__)]
    program = f"""
import sys
sys.modules["torch"] = None  # from now on, importing it is an ImportError
import {", ".join(["reference", *modules])}
import numpy
assert sys.modules["torch"] is None
assert not [name for name in sys.modules if name.startswith(("torch.", "torch_parity"))]
network = reference.nn.Sequential(reference.nn.Conv2d(1, 2, 3), reference.nn.Flatten(), reference.nn.Linear(8, 3))
criterion = reference.nn.CrossEntropyLoss()
optimizer = reference.optim.SGD(network.parameters())
loss = criterion(network(numpy.ones((2, 1, 4, 4), numpy.float32)), numpy.array([0, 2]))
network.backward(criterion.backward())
optimizer.step()
assert loss > 0
"""
    ran = subprocess.run(
        [sys.executable, "-W", "error", "-c", program], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert ran.returncode == 0, ran.stderr


def test_importing_reference_does_not_import_torch() -> None:
    program = "import reference, sys; assert 'torch' not in sys.modules"
    ran = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stderr


@pytest.mark.parametrize("path", sources("reference"), ids=lambda path: path.name)
def test_reference_imports_numpy_and_the_standard_library_alone(path: Path) -> None:
    assert imported(path) - set(sys.stdlib_module_names) <= {"numpy", "reference"}


def test_the_definition_shares_nothing_with_the_other_modules() -> None:
    # Else it could not bear witness against them.
    assert imported(ROOT / "reference" / "definition.py") - set(sys.stdlib_module_names) == {"numpy"}


@pytest.mark.parametrize("path", sources("torch_parity"), ids=lambda path: path.name)
def test_torch_parity_imports_neither_scripts_nor_tests(path: Path) -> None:
    assert not imported(path) & {"scripts", "tests", "conftest"}


# No formula without its gradient and its proof.


def test_every_name_is_exported_once() -> None:
    assert len(set(reference.__all__)) == len(reference.__all__)
    assert all(hasattr(reference, name) for name in reference.__all__)


def test_every_public_function_of_a_formula_file_is_exported() -> None:
    for name in FORMULA_FILES:
        module = import_module(name)
        for function in public(module):
            if inspect.isfunction(function):
                assert getattr(reference, function.__name__) is function


@pytest.mark.parametrize("name", FORWARD)
def test_every_formula_has_its_gradient(name: str) -> None:
    backward = getattr(reference, name + "_backward")
    assert next(iter(inspect.signature(backward).parameters)) == "grad_output"
    assert name + "_backward" in FORMULAS


def test_every_gradient_has_its_formula() -> None:
    assert {name.removesuffix("_backward") for name in FORMULAS} == set(FORWARD)


def test_every_formula_has_its_proof_and_every_proof_its_formula() -> None:
    names = [pair.name for pair in PAIRS]
    assert len(set(names)) == len(names)
    assert set(names) == {*FORWARD, "sgd"}


@pytest.mark.parametrize("name", [pair.name for pair in PAIRS])
def test_every_formula_stands_in_the_definition(name: str) -> None:
    assert inspect.isfunction(getattr(definition, ON_PAPER.get(name, name)))
    if name not in ON_PAPER:
        assert inspect.isfunction(getattr(definition, name + "_backward"))


@pytest.mark.parametrize("name", [pair.name for pair in PAIRS if pair.name not in ON_PAPER])
def test_the_definition_calls_the_arguments_by_the_same_names(name: str) -> None:
    for function in (name, name + "_backward"):
        on_paper = list(inspect.signature(getattr(definition, function)).parameters)
        in_code = list(inspect.signature(getattr(reference, function)).parameters)
        assert [argument for argument in in_code if argument in on_paper] == on_paper


# Text.


def public(module: ModuleType) -> Iterator[Any]:
    """The public functions and classes that a module defines itself."""
    for name, value in vars(module).items():
        here = getattr(value, "__module__", None) == module.__name__
        if here and not name.startswith("_") and (inspect.isfunction(value) or inspect.isclass(value)):
            yield value


def modules(package: ModuleType) -> list[ModuleType]:
    found = [import_module(f"{package.__name__}.{module.name}") for module in pkgutil.iter_modules(package.__path__)]
    return [package, *found]


@pytest.mark.parametrize("module", modules(reference), ids=lambda module: str(module.__name__))
def test_everything_public_has_a_docstring(module: ModuleType) -> None:
    assert (module.__doc__ or "").strip()
    for thing in public(module):
        assert (thing.__doc__ or "").strip(), thing
        methods = vars(thing).items() if inspect.isclass(thing) else ()
        for name, method in methods:
            function = method.fget if isinstance(method, property) else method
            if inspect.isfunction(function) and not name.startswith("_"):
                assert (function.__doc__ or "").strip(), f"{thing.__name__}.{name}"


@pytest.mark.parametrize("name", FORMULA_FILES)
def test_every_formula_file_names_its_twin_and_its_source(name: str) -> None:
    text = import_module(name).__doc__ or ""
    assert ("Twin: ``torch." in text) or ("Twins: ``torch." in text)
    assert "\nSource: " in text
    assert "\nFormula" in text


def test_every_gradient_says_what_it_is_the_derivative_of() -> None:
    for name in FORMULAS:
        if name.endswith("_backward"):
            assert "dL/dx" in (getattr(reference, name).__doc__ or ""), name
