"""From Python: what can be examined, what is shown of it, and a test of one's own."""

import doctest
import os
import re
import subprocess
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
import torch

import reference
import torch_parity.doctor
from tests import ROOT
from torch_parity.doctor import api, assert_parity, examine
from torch_parity.doctor.worker import load

GUIDE = (ROOT / "docs" / "doctor.md").read_text(encoding="utf-8")


def my_relu(x: Any) -> Any:
    return np.maximum(x, 0)


def my_convolution(x: Any, K: Any, b: Any, stride: int = 1) -> Any:  # noqa: N803
    return reference.conv2d(x, K[..., ::-1, ::-1].copy(), b, stride)  # turned


class Kernel:
    """Called as one that is bound from another language: no function, by position."""

    def __init__(self, factor: float) -> None:
        self.factor = factor

    def __call__(self, *arrays: Any) -> Any:
        return self.factor * reference.linear(*arrays)


def test_the_example_says_what_comes() -> None:
    found = doctest.testmod(api)
    assert found.attempted == 4
    assert not found.failed


def test_what_is_right_is_equal() -> None:
    found = examine(my_relu, "relu")
    assert found.equal
    assert len(found) == 1
    assert re.fullmatch(r"my_relu  \(relu; .*\)  equal", str(found))
    assert repr(found) == str(found)


def test_what_is_wrong_is_diagnosed() -> None:
    found = examine(my_convolution, "conv2d")
    assert not found.equal
    (entry,) = found
    assert [mistake.name for one in entry.diagnoses for mistake in one.mistakes] == ["kernel-flipped"]
    assert "[kernel-flipped]" in str(found)
    assert "K[..., ::-1, ::-1].copy()" in str(found)  # the line to look at


def test_a_function_whose_name_says_it_needs_no_formula() -> None:
    (entry,) = examine(reference.avg_pool2d)
    assert (entry.subject.name, entry.verdict) == ("avg_pool2d", "equal")


def test_a_module_is_examined_as_a_file_is(tmp_path: Path) -> None:
    file = tmp_path / "layers.py"
    file.write_text("def relu_forward(x):\n    return x.clip(0), x\n\ndef helper(x):\n    return x\n", encoding="utf-8")
    (entry,) = examine(load(file))
    assert (entry.subject.found, entry.subject.style, entry.verdict) == ("relu_forward", "cs231n", "equal")


@pytest.mark.parametrize("thing", [torch.nn.functional.conv2d, torch.conv2d])
def test_torchs_own_functions_are_equal(thing: Any) -> None:
    assert examine(thing, "conv2d").equal


def test_a_module_of_torch_is_examined_with_its_gradients() -> None:
    found = examine(torch.nn.Conv2d, "conv2d")
    assert [entry.subject.name for entry in found] == ["conv2d", "conv2d_backward"]
    assert found.equal, str(found)


def test_a_kernel_behind_a_callable() -> None:
    assert examine(Kernel(1.0), "linear").equal
    (entry,) = examine(Kernel(2.0), "linear")
    assert [mistake.name for one in entry.diagnoses for mistake in one.mistakes] == ["factor"]


def test_further_arguments_go_to_every_call() -> None:
    def relu(x: Any, block: int, *, slope: float = 0.0) -> Any:
        assert block == 64
        return np.where(x > 0, x, slope * x)

    assert examine(relu, "relu", block=64).equal
    assert not examine(relu, "relu", block=64, slope=0.5).equal


def test_the_seed_chooses_the_numbers() -> None:
    seen: list[Any] = []

    def relu(x: Any) -> Any:
        seen.append(x.copy())
        return np.maximum(x, 0)

    firsts = []
    for seed in (0, 0, 1):
        seen.clear()
        examine(relu, "relu", seed=seed)
        firsts.append(seen[0])
    assert np.array_equal(firsts[0], firsts[1])
    assert not np.array_equal(firsts[0], firsts[2])


@pytest.mark.parametrize(
    ("thing", "formula", "message"),
    [
        (my_relu, "rellu", "formula must be one of conv2d, .*, got 'rellu'; did you mean 'relu'?"),
        (Kernel(1.0), "", r"say which formula it is, as in examine\(kernel, \"conv2d\"\)"),
        (my_relu, "linear", "weight"),
        (ModuleType("empty"), "", "nothing to examine"),
        (ModuleType("empty"), "relu", "a module holds many formulas"),
    ],
)
def test_what_cannot_be_examined_is_an_error_that_says_why(thing: Any, formula: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        examine(thing, formula)


def test_arguments_that_nobody_has_are_an_error() -> None:
    with pytest.raises(TypeError, match="block"):
        examine(my_relu, "relu", block=3)
    with pytest.raises(TypeError, match="only a function gets further arguments, got block for Conv2d"):
        examine(torch.nn.Conv2d, "conv2d", block=3)


# In a notebook.


def test_a_notebook_shows_the_report_in_colours(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_COLOR", "1")  # of terminals
    found = examine(my_convolution, "conv2d")
    html = found._repr_html_()
    plain = re.sub(r"<[^>]*>", "", html).replace("&#x27;", "'").replace("&lt;", "<").replace("&gt;", ">")
    assert plain.strip() == str(found)
    assert re.search(r'<span style="[^"]*color: #d73a49[^"]*">DIFFERENT</span>', html)
    assert "background" not in html  # the page's own


def test_code_of_a_student_is_no_html() -> None:
    def relu(x: Any) -> Any:
        raise TypeError("<script>alert(1)</script>")

    assert "<script>" not in examine(relu, "relu")._repr_html_()


# In a test.


def test_parity_is_asserted() -> None:
    assert_parity(my_relu, "relu")
    with pytest.raises(AssertionError, match=r"\[kernel-flipped\]"):
        assert_parity(my_convolution, "conv2d")


@pytest.mark.slow
def test_the_guides_own_test_fails_with_the_diagnosis(tmp_path: Path) -> None:
    """The example of the docs, as pytest runs it for a reader: one function is right, one is not."""
    layers, tests = re.findall(r"```python\n# (?:my_layers|test_my_layers)\.py\n(.*?)```", GUIDE, re.DOTALL)
    (tmp_path / "my_layers.py").write_text(layers, encoding="utf-8")
    (tmp_path / "test_my_layers.py").write_text(tests, encoding="utf-8")
    ran = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider"], cwd=tmp_path, capture_output=True, text=True,
        env={**os.environ, "PYTHONPATH": str(ROOT)}, check=False,
    )  # fmt: skip
    assert ran.returncode == 1
    assert "1 failed, 1 passed" in ran.stdout
    (shown,) = re.findall(r"```\n(E .*?)```", GUIDE, re.DOTALL)
    assert set(shown.splitlines()) <= set(ran.stdout.splitlines())
    assert "torch_parity/doctor/api.py" not in ran.stdout  # the traceback ends in the reader's own test


def test_the_package_is_imported_without_torch() -> None:
    program = "import sys, torch_parity.doctor; assert not {'torch', 'rich'} & set(sys.modules)"
    subprocess.run([sys.executable, "-c", program], cwd=ROOT, check=True)


@pytest.mark.slow
@pytest.mark.parametrize("package", ["rich", "safetensors"])
def test_what_is_missing_is_said(package: str) -> None:
    program = f"import sys; sys.modules['{package}'] = None; from torch_parity.doctor import examine"
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=False)
    said = f"ImportError: the doctor needs {package}: pip install 'cnn-reference[doctor]'"
    assert done.stderr.splitlines()[-1] == said


def test_there_is_nothing_else_in_it() -> None:
    with pytest.raises(AttributeError, match="has no attribute 'examin'"):
        _ = torch_parity.doctor.examin
