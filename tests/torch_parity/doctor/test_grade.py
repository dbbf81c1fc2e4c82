"""Points: in full, in parts, none; what the weights may say; and what Gradescope and GitHub Classroom read."""

import base64
import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests import ROOT
from tests.torch_parity.doctor.entries import HEAD, examined, written
from torch_parity.doctor.examination import Entry
from torch_parity.doctor.grade import Grade, classroom, grade, gradescope, read_weights

# relu is right, its gradient is not; of linear's gradients one of three is wrong; convolution is not written yet.
FILE = """
import numpy as np

def relu_forward(x):
    return np.maximum(x, 0), x

def relu_backward(dout, cache):
    return dout * (cache >= 0)

def affine_forward(x, w, b):
    return x @ w + b, (x, w, b)

def affine_backward(dout, cache):
    x, w, b = cache
    return dout @ w.T, 2 * x.T @ dout, dout.sum(0)

def conv_forward_naive(x, w, b, conv_param):
    raise NotImplementedError

def max_pool_forward_naive(x, pool_param):
    raise TypeError("no pooling today")
"""
WEIGHTS = {"relu": 1.0, "relu_backward": 2.0, "linear": 1.0, "linear_backward": 3.0, "conv2d": 4.0, "max_pool2d": 2.0,
           "softmax": 2.0}  # fmt: skip


@pytest.fixture(scope="module")
def entries(tmp_path_factory: pytest.TempPathFactory) -> list[Entry]:
    return examined(written(tmp_path_factory.mktemp("student"), FILE))


@pytest.fixture
def marks(entries: list[Entry]) -> Grade:
    return grade(entries, WEIGHTS)


def test_points_are_given_in_full_in_parts_and_not_at_all(marks: Grade) -> None:
    assert {mark.name: mark.points for mark in marks.marks} == {
        "relu": 1, "relu_backward": 0, "linear": 1, "linear_backward": 2, "conv2d": 0, "max_pool2d": 0, "softmax": 0,
    }  # fmt: skip
    assert (marks.points, marks.most) == (4, 15)


def test_the_table_says_why(marks: Grade) -> None:
    assert str(marks).splitlines() == [
        "relu              1/1  relu_forward: equal",
        "relu_backward     0/2  relu_backward: dx different [slope-one-at-zero]",
        "linear            1/1  affine_forward: equal",
        "linear_backward   2/3  affine_backward: dw different [factor], dx equal, db equal",
        "conv2d            0/4  conv_forward_naive: not written yet",
        "max_pool2d        0/2  max_pool_forward_naive: raises TypeError",
        "softmax           0/2  not found in the file",
        "all              4/15",
    ]


def test_of_two_functions_for_one_formula_the_better_counts(tmp_path: Path) -> None:
    two = "\n\n".join(
        f"def relu_forward_{name}(x):\n    return {what}" for name, what in (("loops", "x"), ("fast", "x.clip(0)"))
    )
    (mark,) = grade(examined(written(tmp_path, two)), {"relu": 1.0}).marks
    assert (mark.points, mark.reason) == (1, "relu_forward_fast: equal")


def test_a_mistake_of_the_forward_is_not_counted_twice(tmp_path: Path) -> None:
    doubled = """
import numpy as np

def affine_forward(x, w, b):
    return 2 * (x @ w) + b, (x, w, b)

def affine_backward(dout, cache):
    x, w, b = cache
    return 2 * dout @ w.T, 2 * x.T @ dout, dout.sum(0)
"""
    found = grade(examined(written(tmp_path, doubled)), {"linear": 1.0, "linear_backward": 3.0})
    assert [mark.points for mark in found.marks] == [0, 3]
    assert "dw follows from affine_forward" in found.marks[1].reason


def test_an_argument_changed_in_place_costs_the_points(tmp_path: Path) -> None:
    changing = "def relu_forward(x):\n    x[x < 0] = 0\n    return x, x\n"
    (mark,) = grade(examined(written(tmp_path, changing)), {"relu": 2.0}).marks
    assert (mark.points, mark.reason) == (0, "relu_forward: output equal [argument-changed]")


# Weights.


def test_weights_are_read(tmp_path: Path) -> None:
    path = tmp_path / "weights.json"
    path.write_text('{"conv2d": 3, "sgd": 0.5}', encoding="utf-8")
    assert read_weights(path) == {"conv2d": 3.0, "sgd": 0.5}


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ('{"conv2": 3}', "no function is called 'conv2'; did you mean 'conv2d'?"),
        ('{"embedding": 3}', "no function is called 'embedding'; there are conv2d, conv2d_backward, pad"),
        ('{"relu": 1, "relu": 2}', "'relu' is there 2 times"),
        ('{"relu": -1}', "the points for 'relu' must not be below 0, got -1"),
        ('{"relu": "3"}', "the points for 'relu' must be a number, got '3'"),
        ('{"relu": true}', "the points for 'relu' must be a number, got True"),
        ('{"relu": NaN}', "the points for 'relu' must be a number, got nan"),
        ('{"relu": 0}', "all points are 0"),
        ('["relu"]', "must be points by function"),
        ("{}", "must be points by function"),
        ("relu: 3", "Expecting value: line 1"),
        (b"\xff\xfe", "can't decode byte"),
    ],
)
def test_weights_that_say_something_else_are_refused(content: str | bytes, message: str, tmp_path: Path) -> None:
    path = tmp_path / "weights.json"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(ValueError, match=r"weights\.json: ") as error:
        read_weights(path)
    assert message in str(error.value)


# What others read.


def test_gradescope_gets_a_test_for_each_function(marks: Grade) -> None:
    found = gradescope(marks, lambda entry: f"all about {entry.subject.found}", "2 right", seconds=12.34)
    assert json.loads(json.dumps(found)) == found
    assert (found["output"], found["execution_time"], found["stdout_visibility"]) == ("2 right", 12.3, "visible")
    assert "score" not in found  # it is the sum of the tests'
    tests = {test["name"]: test for test in found["tests"]}
    assert [(test["score"], test["max_score"]) for test in tests.values()] == [
        (mark.points, mark.most) for mark in marks.marks
    ]
    assert {name for name, test in tests.items() if test["status"] == "passed"} == {"relu", "linear"}
    assert tests["linear_backward"]["output"] == "all about affine_backward"
    assert tests["softmax"]["output"] == "not found in the file"


def test_github_classroom_gets_a_line(marks: Grade) -> None:
    name, _, value = classroom(marks).partition("=")
    assert name == "result"
    found = json.loads(base64.b64decode(value))
    assert (found["status"], found["max_score"]) == ("fail", 15)
    assert sum(test["score"] for test in found["tests"]) == 4
    lines = {test["name"]: test["line_no"] for test in found["tests"]}
    assert (HEAD + FILE).splitlines()[lines["relu"] - 1] == "def relu_forward(x):"
    assert lines["softmax"] == 0


# The examples in the docs.

EXAMPLES = ROOT / "docs" / "doctor"
GUIDE = (ROOT / "docs" / "doctor.md").read_text(encoding="utf-8")
(LAYERS,) = re.findall(r"```python\n# my_layers\.py\n(.*?)```", GUIDE, re.DOTALL)


def test_the_table_in_the_docs_is_what_comes(tmp_path: Path) -> None:
    (weights,) = re.findall(r"```json\n(.*?)```", GUIDE, re.DOTALL)
    found = grade(examined(written(tmp_path, LAYERS)), json.loads(weights))
    assert f"```\n{found}\n```" in GUIDE


def test_the_weights_of_the_example_are_valid() -> None:
    assert sum(read_weights(EXAMPLES / "weights.json").values()) == 20


@pytest.fixture
def autograder(tmp_path: Path) -> Path:
    """A folder as Gradescope has it, but for what setup.sh installs: that is this environment."""
    for name in ("source", "results", "submission", "venv/bin"):
        (tmp_path / name).mkdir(parents=True)
    (tmp_path / "source" / "cnn-reference").symlink_to(ROOT)
    shutil.copy(EXAMPLES / "weights.json", tmp_path / "source")
    python = tmp_path / "venv" / "bin" / "python"
    python.write_text(f'#!/bin/sh\nexec "{sys.executable}" "$@"\n', encoding="utf-8")
    python.chmod(0o755)
    return tmp_path


def autograded(folder: Path) -> dict[str, Any]:
    environment = {**os.environ, "AUTOGRADER": str(folder), "PYTHONPATH": str(ROOT)}
    subprocess.run([EXAMPLES / "run_autograder"], cwd=folder, env=environment, capture_output=True, check=True)
    found: dict[str, Any] = json.loads((folder / "results" / "results.json").read_text(encoding="utf-8"))
    return found


@pytest.mark.slow
def test_gradescopes_script_grades_a_submission(autograder: Path) -> None:
    (autograder / "submission" / "my_layers.py").write_text(LAYERS, encoding="utf-8")
    scores = {test["name"]: test["score"] for test in autograded(autograder)["tests"]}
    assert scores["relu"] == 1
    assert scores["conv2d_backward"] == 4
    assert sum(scores.values()) == 5


@pytest.mark.slow
def test_a_submission_that_cannot_be_loaded_gets_no_points_and_is_told_why(autograder: Path) -> None:
    (autograder / "submission" / "my_layers.py").write_text("x = (", encoding="utf-8")
    found = autograded(autograder)
    assert "was never closed" in found["output"]
    assert not any(test["score"] for test in found["tests"])
    (autograder / "submission" / "my_layers.py").unlink()
    assert "is not there" in autograded(autograder)["output"]


@pytest.mark.slow
def test_github_classrooms_step_writes_its_line(tmp_path: Path) -> None:
    workflow = (EXAMPLES / "classroom.yml").read_text(encoding="utf-8")
    (step,) = re.findall(r"run: >\n((?: +.*\n)+?) +- uses", workflow)
    (tmp_path / ".course" / "points").mkdir(parents=True)
    (tmp_path / ".course" / "cnn-reference").symlink_to(ROOT)
    shutil.copy(EXAMPLES / "weights.json", tmp_path / ".course" / "points")
    (tmp_path / "my_layers.py").write_text(LAYERS, encoding="utf-8")
    output = tmp_path / "output"
    environment = {**os.environ, "GITHUB_OUTPUT": str(output), "PYTHONPATH": str(ROOT)}
    command = " ".join(step.split()).replace("python ", f'"{sys.executable}" ', 1)
    subprocess.run(["bash", "-e", "-c", command], cwd=tmp_path, env=environment, capture_output=True, check=True)
    name, _, value = output.read_text(encoding="utf-8").strip().partition("=")
    assert name == "result"
    assert json.loads(base64.b64decode(value))["max_score"] == 20
    (runner,) = re.findall(r"runners: (\w+)", workflow)
    assert f"{runner.upper()}_RESULTS: ${{{{ steps.{runner}.outputs.{name} }}}}" in workflow
