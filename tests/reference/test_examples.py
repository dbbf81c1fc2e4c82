"""The examples in the docstrings print what they say, and nothing public is without one."""

import doctest
import inspect
import pkgutil
from collections.abc import Iterator
from importlib import import_module
from types import ModuleType
from typing import Any

import pytest

import reference
import torch_parity


def examples(module: ModuleType) -> dict[str, doctest.DocTest]:
    """The docstrings of ``module`` that hold examples, by name.

    Each starts from nothing, as in a reader's own Python: it must import what it uses.
    """
    found = doctest.DocTestFinder().find(module, module.__name__, globs={})
    return {test.name: test for test in found if test.examples}


FILES = [import_module(file.name) for file in pkgutil.walk_packages(reference.__path__, "reference.")]
MODULES = [module for module in (reference, *FILES, torch_parity) if examples(module)]


@pytest.mark.parametrize("module", MODULES, ids=lambda module: str(module.__name__))
def test_the_examples_print_what_they_say(module: ModuleType) -> None:
    failures: list[str] = []
    for test in examples(module).values():
        doctest.DocTestRunner().run(test, out=failures.append)
    assert not failures, "".join(failures)


def public() -> Iterator[Any]:
    """What ``reference`` offers: its functions, and the functions and classes of the modules that it names."""
    for offered in (getattr(reference, name) for name in reference.__all__):
        if not inspect.ismodule(offered):
            yield offered
            continue
        for name, member in vars(offered).items():
            here = f"{getattr(member, '__module__', None)}.".startswith(f"{offered.__name__}.")
            if here and not name.startswith("_") and (inspect.isfunction(member) or inspect.isclass(member)):
                yield member


def test_everything_public_has_an_example() -> None:
    shown = {name for module in MODULES for name in examples(module)}
    missing = sorted({f"{thing.__module__}.{thing.__name__}" for thing in public()} - shown)
    assert not missing, f"without an example: {', '.join(missing)}"
