"""The house rules: who may import whom, and that no formula stands without its gradient, its proof and its text."""

import ast
import graphlib
import inspect
import pkgutil
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

import reference
from reference import definition
from tests import ROOT
from tests.torch_parity.audit import calls
from torch_parity.audit import coverage
from torch_parity.audit.mistakes import MISTAKES
from torch_parity.proof import low_precision, witnesses
from torch_parity.proof.pairs import PAIRS

FORMULAS = [name for name in reference.__all__ if inspect.isfunction(getattr(reference, name))]
FORWARD = [name for name in FORMULAS if not name.endswith("_backward")]
FORMULA_FILES = sorted({getattr(reference, name).__module__ for name in FORMULAS})
# What is no function of numbers alone: it steps Parameters, or changes their gradients.
OF_PARAMETERS = [f"reference.optim.{name}" for name in ("sgd", "rmsprop", "adam", "adamw")] + [
    "reference.clip_grad_norm"
]
# On paper one step of gradient descent is a formula; in code the optimizer holds what it must remember between steps.
ON_PAPER = {
    "sgd": "sgd_step", "rmsprop": "rmsprop_step", "adam": "adam_step", "adamw": "adamw_step",
    # It has no gradient, and works on Parameters.
    "clip_grad_norm": "clip_grad_norm",
}  # fmt: skip
# What a function and its layer share, and is no formula of its own.
SHARED_WITH_LAYERS = {
    "checked_slope",
    "find_maxima",
    "probability",
    "running_statistics",
    "slopes",
    "normalized_features",
    "normalized_groups",
}


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
    modules = [module.name for module in pkgutil.walk_packages(reference.__path__, "reference.")]
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


@pytest.mark.parametrize("path", sources("reference/definition"), ids=lambda path: path.name)
def test_the_definition_shares_nothing_with_the_rest_of_reference(path: Path) -> None:
    # Else it could not bear witness against it.
    inside = {name for name in modules_imported(path) if name.split(".")[0] == "reference"}
    assert all(name.startswith("reference.definition.") for name in inside), inside


@pytest.mark.parametrize("path", sources("torch_parity"), ids=lambda path: path.name)
def test_torch_parity_imports_neither_scripts_nor_tests(path: Path) -> None:
    assert not imported(path) & {"scripts", "tests", "conftest"}


# The wings of torch_parity, and what each may import: itself, and those below it.

SHARED = {"networks", "image_networks", "beside", "files", "machine", "masks"}
WINGS = {
    "proof": SHARED,
    "audit": SHARED | {"proof"},
    "training": SHARED,
    "doctor": SHARED | {"proof", "audit"},
    "benchmark": SHARED | {"training"},
    "pages": SHARED | {"proof", "audit", "training", "benchmark"},
    "lesson": SHARED | {"proof", "audit", "doctor", "training", "pages"},
    "commands": SHARED | {"proof", "audit", "doctor", "training", "benchmark", "pages", "lesson"},
}


def modules_imported(path: Path) -> set[str]:
    """The modules that a file imports, wherever in the file it does; of ``from a import b`` both a and a.b."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            found |= {str(node.module), *(f"{node.module}.{alias.name}" for alias in node.names)}
    return found


def parts_imported(path: Path) -> set[str]:
    """The wings and shared files of torch_parity that a file imports."""
    modules = {module for module in modules_imported(path) if module.startswith("torch_parity.")}
    return {module.split(".")[1] for module in modules}


def part(path: Path) -> str:
    """The wing, or the shared file, that a file of torch_parity is."""
    return path.relative_to(ROOT / "torch_parity").parts[0].removesuffix(".py")


def test_the_wings_are_all_there_is() -> None:
    assert {part(path) for path in sources("torch_parity")} == {"__init__", *SHARED, *WINGS}


@pytest.mark.parametrize("path", sources("torch_parity"), ids=lambda path: str(path.relative_to(ROOT)))
def test_the_arrows_run_one_way(path: Path) -> None:
    if part(path) == "__init__":
        assert parts_imported(path) <= {"proof", "training"}  # the front door
        return
    allowed = {part(path), *WINGS.get(part(path), SHARED)}
    assert parts_imported(path) <= allowed, f"{part(path)} may import {', '.join(sorted(allowed))}"


def test_no_file_leads_back_to_itself() -> None:
    """No circle of imports, also none that is hidden inside a function."""
    files = {".".join(path.relative_to(ROOT).with_suffix("").parts): path for path in sources("torch_parity")}
    graph: dict[str, set[str]] = {}
    for name, path in files.items():
        if not name.endswith("__init__"):
            graph[name] = {module for module in modules_imported(path) if module in files}
    assert list(graphlib.TopologicalSorter(graph).static_order())  # CycleError names the circle


def test_one_name_is_one_thing() -> None:
    """No two files of torch_parity use one name for two classes, or for two constants.

    The files of the mistakes are alike on purpose, one for each formula, and count as one; so do those of the coverage,
    and of the refusals.  In the lesson's sections the names are those of the numbers that each shows; a style of the
    doctor's, and a command line, stand by themselves.
    """
    found: dict[str, set[str]] = {}
    wings = ROOT / "torch_parity"
    alike = [wings / "audit" / name for name in ("mistakes", "coverage", "refusals")]
    by_themselves = (wings / "lesson" / "sections", wings / "doctor" / "styles", wings / "commands")
    for path in sources("torch_parity"):
        if any(folder in path.parents for folder in by_themselves):
            continue
        for node in ast.parse(path.read_text(encoding="utf-8")).body:
            for name in defined(node):
                found.setdefault(name, set()).add(str(path.parent if path.parent in alike else path))
    assert not {name: files for name, files in found.items() if len(files) > 1}


def defined(node: ast.stmt) -> list[str]:
    """The class, or the constants in capitals, that a statement defines."""
    if isinstance(node, ast.ClassDef):
        return [node.name]
    targets = node.targets if isinstance(node, ast.Assign) else [node.target] if isinstance(node, ast.AnnAssign) else []
    names = (one.id for target in targets for one in ast.walk(target) if isinstance(one, ast.Name))
    return [name for name in names if name.isupper()]


# No formula without its gradient and its proof.


def in_teaching_order(names: list[str]) -> bool:
    """Whether the formulas called ``names`` stand one behind another as in ``PAIRS``."""
    order = [pair.name for pair in PAIRS]
    places = [order.index(name) for name in names]
    return places == sorted(places)


def test_formulas_stand_in_the_order_in_which_they_are_taught() -> None:
    taught = {on_paper: name for name, on_paper in ON_PAPER.items()}
    on_paper = [taught.get(name, name) for name in definition.__all__]
    assert in_teaching_order(FORWARD)
    assert in_teaching_order([name for name in on_paper if name in {*FORWARD, *ON_PAPER}])
    assert in_teaching_order(list(low_precision.SIXTEEN_BIT_RULES))
    assert all(in_teaching_order(list(table)) for table in low_precision.ACCUMULATORS.values())
    assert in_teaching_order(list(witnesses._WITNESSES))
    assert in_teaching_order(list(coverage.VALUES))
    assert in_teaching_order([mistake.formula for mistake in MISTAKES])
    assert in_teaching_order(list(calls.FORMULAS))


def test_the_table_of_the_definition_has_every_file_and_every_function() -> None:
    """Of the functions those that are no gradients, in the order in which they are exported."""
    table = str(definition.__doc__).partition("files on the left:")[2].partition("They share")[0]
    files: list[str] = []
    functions: list[str] = []
    for line in filter(None, table.splitlines()):
        file, names = re.fullmatch(r" {4}(\w*) +(.+?) {2,}\S.*", line).groups()  # type: ignore[union-attr]
        files += [file] if file else []
        functions += [file] if names == "(both)" else names.split(", ")
    every = [name for name in definition.__all__ if inspect.isfunction(getattr(definition, name))]
    assert functions == [name for name in every if not name.endswith("_backward")]
    modules = {path.stem for path in sources("reference/definition")}
    assert sorted(files) == sorted(modules - {"__init__", "numbers", "windows"})


def test_every_public_function_of_a_formula_file_is_exported() -> None:
    for name in FORMULA_FILES:
        module = import_module(name)
        for function in public(module):
            if inspect.isfunction(function) and function.__name__ not in SHARED_WITH_LAYERS:
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
    assert set(names) == {*FORWARD, *ON_PAPER}


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


# Too slow, or about nothing that mutmut changes.
NOT_FOR_MUTANTS = {"test_datasets.py", "test_definition.py", "test_examples.py"}


def test_the_mutants_meet_the_tests_of_every_formula() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    listed = project["tool"]["mutmut"]["pytest_add_cli_args_test_selection"]
    assert all((ROOT / name).is_file() for name in listed)
    found = {path.name for path in (ROOT / "tests" / "reference").glob("test_*.py")}
    assert {Path(name).name for name in listed if name.startswith("tests/reference/")} == found - NOT_FOR_MUTANTS


# Text.


def public(module: ModuleType) -> Iterator[Any]:
    """The public functions and classes that a module defines itself."""
    for name, value in vars(module).items():
        here = getattr(value, "__module__", None) == module.__name__
        if here and not name.startswith("_") and (inspect.isfunction(value) or inspect.isclass(value)):
            yield value


def modules(package: ModuleType) -> list[ModuleType]:
    found = pkgutil.walk_packages(package.__path__, f"{package.__name__}.")
    return [package, *(import_module(module.name) for module in found)]


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


@pytest.mark.parametrize("name", [*FORMULA_FILES, *OF_PARAMETERS])
def test_every_formula_file_names_its_twin_and_its_source(name: str) -> None:
    text = import_module(name).__doc__ or ""
    assert ("Twin: ``torch." in text) or ("Twins: ``torch." in text)
    assert "\nSource: " in text
    assert "\nFormula" in text


def test_every_gradient_says_what_it_is_the_derivative_of() -> None:
    for name in FORMULAS:
        if name.endswith("_backward"):
            assert "dL/dx" in (getattr(reference, name).__doc__ or ""), name
