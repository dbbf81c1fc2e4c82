"""The file to complete: every formula is in it, the doctor understands it, and what isn't written yet is no fault."""

import ast
import inspect
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import reference
from reference import definition
from tests.torch_parity.doctor.examined import entries
from torch_parity.doctor.stubs import STUBS, heads, progress, stubs, write_stubs, written
from torch_parity.doctor.styles import STYLES
from torch_parity.lesson.cells import LETTERS
from torch_parity.lesson.sections import SECTIONS
from torch_parity.proof.pairs import PAIRS

FORMULAS = {pair.name for pair in PAIRS} | {f"{pair.name}_backward" for pair in PAIRS if pair.gradients}

CS231N = """
import numpy as np

def relu_forward(x):
    return np.maximum(x, 0), x

def relu_backward(dout, cache):
    return dout

def affine_forward(x, w, b):
    raise ValueError("not this way")

def conv_forward(x, w, b, conv_param):
    raise NotImplementedError
"""


def functions(text: str) -> list[ast.FunctionDef]:
    return [node for node in ast.parse(text).body if isinstance(node, ast.FunctionDef)]


def test_every_formula_and_every_gradient_has_its_stub() -> None:
    assert set(STUBS) == FORMULAS
    assert {function.name for function in functions(stubs("a.py"))} == FORMULAS - {"sgd"} | {"sgd_step"}


def test_a_stub_has_its_formula_its_reason_and_its_place_in_the_lesson() -> None:
    texts = {function.name: ast.get_docstring(function) or "" for function in functions(stubs("a.py"))}
    for pair in PAIRS:
        for name in {pair.name, f"{pair.name}_backward"} & FORMULAS:
            text = texts[STUBS[name].name or name]
            assert pair.formula in text
            assert re.search(rf"#({'|'.join(section.name for section in SECTIONS)})$", text), text
            if not STUBS[name].hint:  # the definition's own words
                (said,) = re.findall(
                    r"\n\n(.*?)\n\n(?:Source: |>>> )", inspect.getdoc(getattr(definition, name)) or "", re.S
                )
                assert said in text


def test_nothing_is_left_of_a_definitions_examples_and_sources() -> None:
    assert not re.search(r">>>|Source:", stubs("a.py"))
    assert max(map(len, stubs("a.py").splitlines())) <= 120


def test_the_lesson_shows_the_same_heads() -> None:
    exercises = [section.exercise for section in SECTIONS]
    for names in (
        ("conv2d",),
        ("relu", "relu_backward"),
        ("linear", "linear_backward"),
        ("conv2d_backward",),
        ("sgd",),
    ):
        assert heads(*names) in exercises


def test_every_argument_is_one_that_the_reference_or_the_letters_know() -> None:
    known = {"grad", "y", "pad", *LETTERS}
    for name in FORMULAS - {"sgd"}:
        known |= set(inspect.signature(getattr(reference, name)).parameters)
    for function in functions(stubs("a.py")):
        assert {argument.arg for argument in function.args.args} <= known | {"lr"}


def test_the_file_is_written_once(tmp_path: Path) -> None:
    path = tmp_path / "mine.py"
    write_stubs(path)
    assert "scripts/doctor.py mine.py" in path.read_text(encoding="utf-8")
    path.write_text("work of a night", encoding="utf-8")
    with pytest.raises(FileExistsError, match=r"mine.py exists already, and stays as it is"):
        write_stubs(path)
    assert path.read_text(encoding="utf-8") == "work of a night"


def test_another_kind_of_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"ends in .py, got .*layers.txt"):
        write_stubs(tmp_path / "layers.txt")
    assert not list(tmp_path.iterdir())


def test_what_is_not_written_yet_is_no_fault(tmp_path: Path) -> None:
    found = {entry.subject.found: entry for entry in entries(CS231N, tmp_path)}
    assert [name for name, entry in found.items() if not written(entry)] == ["conv_forward"]
    assert progress(found.values()) == "1 of 4 right, 2 wrong, 1 not written yet"
    assert progress([found["relu_forward"]]) == "1 of 1 right"


def test_what_is_written_for_some_calls_alone_is_a_fault(tmp_path: Path) -> None:
    partly = """
import numpy as np

def relu_forward(x):
    if x.ndim != 2:
        raise NotImplementedError
    return np.maximum(x, 0), x
"""
    (entry,) = entries(partly, tmp_path)
    assert entry.verdict == "raises"
    assert written(entry)


@pytest.mark.skipif("reference" not in STYLES, reason="needs the style of this project's own functions")
def test_the_doctor_understands_every_stub(tmp_path: Path) -> None:
    found = entries(stubs("layers.py"), tmp_path)
    assert {entry.subject.name for entry in found} == FORMULAS
    assert not any(written(entry) for entry in found)
    assert progress(found) == f"0 of {len(FORMULAS)} right, {len(FORMULAS)} not written yet"


# The stubs, completed.
SOLUTIONS: dict[str, Callable[..., Any]] = {
    "conv2d": lambda x, K, b, stride, padding: reference.conv2d(x, K, b, stride, padding),  # noqa: N803
    "conv2d_backward": lambda g, x, K, stride, padding: reference.conv2d_backward(  # noqa: N803
        g, x, K, stride=stride, padding=padding
    ),
    "pad": reference.pad,
    "pad_backward": reference.pad_backward,
    "relu": reference.relu,
    "relu_backward": reference.relu_backward,
    "max_pool2d": reference.max_pool2d,
    "max_pool2d_backward": lambda g, x, kernel_size, stride: reference.max_pool2d_backward(
        g, reference.max_pool2d(x, kernel_size, stride, return_indices=True)[1], x.shape
    ),
    "avg_pool2d": reference.avg_pool2d,
    "avg_pool2d_backward": lambda g, x, kernel_size, stride: reference.avg_pool2d_backward(
        g, x.shape, kernel_size, stride
    ),
    "flatten": lambda x: reference.flatten(x, 1),
    "flatten_backward": reference.flatten_backward,
    "linear": reference.linear,
    "linear_backward": reference.linear_backward,
    "softmax": reference.softmax,
    "softmax_backward": reference.softmax_backward,
    "log_softmax": reference.log_softmax,
    "log_softmax_backward": reference.log_softmax_backward,
    "cross_entropy": reference.cross_entropy,
    "cross_entropy_backward": lambda x, t: reference.cross_entropy_backward(np.ones(()), x, t)[0],
    "sgd_step": lambda K, grad, lr: K - lr * grad,  # noqa: N803
}


@pytest.mark.skipif("reference" not in STYLES, reason="needs the style of this project's own functions")
def test_the_stubs_completed_are_all_equal(tmp_path: Path) -> None:
    text = stubs("layers.py").replace("import numpy as np", f"from {__name__} import SOLUTIONS")
    for function in functions(text):
        call = f"return SOLUTIONS[{function.name!r}]({', '.join(argument.arg for argument in function.args.args)})"
        text = text.replace("raise NotImplementedError", call, 1)
    found = entries(text, tmp_path)
    assert progress(found) == f"{len(FORMULAS)} of {len(FORMULAS)} right"
