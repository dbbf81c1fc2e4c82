"""The file to complete: every formula is in it, and the doctor understands it, empty and complete."""

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
from tests.torch_parity.doctor.entries import examined, written
from torch_parity.doctor.report import summary, unwritten
from torch_parity.doctor.stubs import STUBS, heads, stubs, write_stubs
from torch_parity.lesson.cells import LETTERS
from torch_parity.lesson.sections import SECTIONS
from torch_parity.proof.pairs import PAIRS

FORMULAS = {pair.name for pair in PAIRS} | {f"{pair.name}_backward" for pair in PAIRS if pair.gradients}


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


def test_the_doctor_understands_every_stub_and_finds_it_not_written_yet(tmp_path: Path) -> None:
    found = examined(written(tmp_path, stubs("layers.py")))
    assert {entry.subject.name for entry in found} == FORMULAS
    assert all(unwritten(entry) for entry in found)
    assert summary(found) == f"0 of {len(FORMULAS)} right, {len(FORMULAS)} not written yet"


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


def test_the_stubs_completed_are_all_equal(tmp_path: Path) -> None:
    text = stubs("layers.py").replace("import numpy as np", f"from {__name__} import SOLUTIONS")
    for function in functions(text):
        call = f"return SOLUTIONS[{function.name!r}]({', '.join(argument.arg for argument in function.args.args)})"
        text = text.replace("raise NotImplementedError", call, 1)
    found = examined(written(tmp_path, text))
    assert summary(found) == f"{len(FORMULAS)} of {len(FORMULAS)} right"
