"""Points: in full, in parts, none; what the weights may say; and what Gradescope and GitHub Classroom read."""

import base64
import json
from pathlib import Path

import pytest

from tests.torch_parity.doctor.examined import entries
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
def examined(tmp_path_factory: pytest.TempPathFactory) -> list[Entry]:
    return entries(FILE, tmp_path_factory.mktemp("student"))


@pytest.fixture
def marks(examined: list[Entry]) -> Grade:
    return grade(examined, WEIGHTS)


def test_points_are_given_in_full_in_parts_and_not_at_all(marks: Grade) -> None:
    assert {mark.name: mark.points for mark in marks.marks} == {
        "relu": 1, "relu_backward": 0, "linear": 1, "linear_backward": 2, "conv2d": 0, "max_pool2d": 0, "softmax": 0,
    }  # fmt: skip
    assert (marks.points, marks.most) == (4, 15)


def test_the_table_says_why(marks: Grade) -> None:
    assert str(marks).splitlines() == [
        "relu              1/1  relu_forward: equal",
        "relu_backward     0/2  relu_backward: grad_input different [slope-one-at-zero]",
        "linear            1/1  affine_forward: equal",
        "linear_backward   2/3  affine_backward: grad_weight different [factor], grad_input equal, grad_bias equal",
        "conv2d            0/4  conv_forward_naive: not written yet",
        "max_pool2d        0/2  max_pool_forward_naive: raises TypeError",
        "softmax           0/2  not found in the file",
        "all              4/15",
    ]


def test_of_two_functions_for_one_formula_the_better_counts(tmp_path: Path) -> None:
    two = "\n\n".join(
        f"def relu_forward_{name}(x):\n    return {what}" for name, what in (("loops", "x"), ("fast", "x.clip(0)"))
    )
    (mark,) = grade(entries(two, tmp_path), {"relu": 1.0}).marks
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
    found = grade(entries(doubled, tmp_path), {"linear": 1.0, "linear_backward": 3.0})
    assert [mark.points for mark in found.marks] == [0, 3]
    assert "grad_weight follows from affine_forward" in found.marks[1].reason


def test_an_argument_changed_in_place_costs_the_points(tmp_path: Path) -> None:
    changing = "def relu_forward(x):\n    x[x < 0] = 0\n    return x, x\n"
    (mark,) = grade(entries(changing, tmp_path), {"relu": 2.0}).marks
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
        ('{"dropout": 3}', "no function is called 'dropout'; there are conv2d, conv2d_backward, pad"),
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
    found = gradescope(marks, lambda entry: f"all about {entry.subject.found}", seconds=12.34)
    assert json.loads(json.dumps(found)) == found
    assert (found["execution_time"], found["stdout_visibility"]) == (12.3, "visible")
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
    assert FILE.splitlines()[lines["relu"] - 1] == "def relu_forward(x):"
    assert lines["softmax"] == 0
