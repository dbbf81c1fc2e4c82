"""What is said of each function at a terminal."""

import dataclasses
from pathlib import Path

import numpy as np
import pytest

from tests.torch_parity.doctor.entries import (
    AFFINE,
    AFFINE_BACKWARD,
    RELU,
    RELU_BACKWARD,
    examined,
    sheet_of,
    written,
)
from torch_parity.audit.mistakes import MISTAKES, Mistake
from torch_parity.doctor.diagnosis import Diagnosis
from torch_parity.doctor.examination import STATE_KEPT, Entry, Smallest
from torch_parity.doctor.process import Problem
from torch_parity.doctor.question import Question
from torch_parity.doctor.report import described, multiplications, report, summary
from torch_parity.doctor.sheet import Sheet
from torch_parity.doctor.subject import Found, Takes


def said(folder: Path, code: str, width: int = 100) -> str:
    file = written(folder, code)
    return str(sheet_of(examined(file), file, width))


def words(text: str) -> str:
    """Without line breaks."""
    return " ".join(text.split())


def mistake(name: str) -> Mistake:
    return next(one for one in MISTAKES if one.name == name)


def entry_of(name: str, **fields: object) -> Entry:
    """An entry of a function that CS231n's course would have."""
    results = ("grad_input", "grad_weight", "grad_bias") if name.endswith("_backward") else ("output",)
    found = Found(0, name, f"my_{name}", "cs231n", "CS231n's signature", results, Takes(), "", 7, ((),))
    return dataclasses.replace(Entry(found), **fields)  # type: ignore[arg-type]


def told(entry: Entry, width: int = 100) -> str:
    sheet = Sheet(width)
    report(entry, Path("absent.py"), 5.0, sheet)
    return str(sheet)


CONVOLUTION = Question(
    "conv2d",
    "lattice",
    {"input": np.arange(1.0, 10).reshape(1, 1, 3, 3), "weight": np.arange(1.0, 5).reshape(1, 1, 2, 2)},
    {"stride": 1, "padding": 0, "dilation": 1, "groups": 1},
    np.eye(1, 4).reshape(1, 1, 2, 2),
)


def test_what_is_equal_takes_one_line(tmp_path: Path) -> None:
    assert said(tmp_path, RELU + RELU_BACKWARD).splitlines() == [
        "relu_forward  (relu; CS231n's signature)  equal",
        "relu_backward  (CS231n's signature)  equal",
    ]


def test_up_to_rounding_is_said() -> None:
    assert told(entry_of("linear", rounding=True, results={"output": "equal"})).endswith("  equal up to rounding")


def test_results_have_the_names_of_the_course() -> None:
    results = dict.fromkeys(("grad_input", "grad_weight", "grad_bias"), "equal")
    for name, said in (
        ("linear", "dx  equal    dw  equal    db"),
        ("group_norm", "dx  equal    dgamma  equal    dbeta"),
    ):
        assert said in told(entry_of(f"{name}_backward", verdict="raises", results=results))


def test_a_mistake_from_the_verdict_to_the_lesson(tmp_path: Path) -> None:
    text = said(tmp_path, AFFINE + AFFINE_BACKWARD)
    lines = [line for line in text.splitlines() if line and not line.startswith("  convention")]
    assert lines[1] == "affine_backward  (understood as linear_backward; CS231n's signature)"
    assert lines[2] == "  dx  equal    dw  equal    db  DIFFERENT"
    planted = mistake("dense-bias-gradient-averaged")
    flat = words(text)
    for part in (planted.explanation, f"[{planted.name}]", planted.signature, planted.remedy):
        assert words(part) in flat
    assert "Proven: your db is what this mistake gives in 15 of 15 cases, to the last bit where nothing rounds" in flat
    assert "and no other known mistake gives that." in flat
    assert "Look at line 11: db = dout.mean(axis=0)" in flat
    assert lines[-3:] == [
        "  Read on          reference/dense.py, linear_backward",
        f"                   doctor.py --explain {planted.name}",
        f"                   lesson.html#mistake={planted.name}  (make lesson)",
    ]


@pytest.mark.parametrize("width", [60, 80, 120])
def test_it_keeps_to_the_width(tmp_path: Path, width: int) -> None:
    text = said(tmp_path, RELU + RELU_BACKWARD + AFFINE + AFFINE_BACKWARD, width)
    assert max(map(len, text.splitlines())) <= width


def test_a_stub_is_not_written_yet(tmp_path: Path) -> None:
    (line,) = said(tmp_path, "def relu_forward(x):\n    raise NotImplementedError\n").splitlines()
    assert line == "relu_forward  not written yet"


def test_what_needs_a_stub_is_not_asked() -> None:
    lines = ("mine.py, line 5, in my_linear:  raise NotImplementedError",)
    entry = entry_of("linear_backward", verdict="raises", problem=Problem("raises", "NotImplementedError", "", lines))
    assert words(told(entry)).endswith(" not asked, as my_linear is not written yet")


def test_an_error_names_the_case_and_the_students_lines() -> None:
    problem = Problem("raises", "ValueError", "shapes do not fit\x1b[2J", ("mine.py, line 5, in my_linear:  x @ w",))
    question = Question("linear", "lattice", {"input": np.ones((2, 3)), "weight": np.ones((4, 3))}, {})
    text = told(entry_of("linear", verdict="raises", problem=problem, problem_question=question))
    assert "RAISES AN ERROR" in text
    assert "Error            ValueError: shapes do not fit\\x1b[2J" in text
    assert "Where            mine.py, line 5, in my_linear:  x @ w" in text
    assert "First case       x 2x3, w 4x3" in text
    deep = dataclasses.replace(problem, type="RecursionError")
    text = told(entry_of("linear", verdict="raises", problem=deep, problem_question=question))
    assert "A function calls itself without end." in text


def test_an_error_in_the_forward_is_not_blamed_on_the_gradient() -> None:
    problem = Problem("raises", "ValueError", "no", ("mine.py, line 5, in my_linear:  x @ w",))
    question = Question("linear", "lattice", {"input": np.ones((2, 3))}, {}, np.ones((2, 4)))
    text = told(entry_of("linear_backward", verdict="raises", problem=problem, problem_question=question))
    assert "my_linear_backward was not reached: my_linear, which it needs, fails." in text


def test_too_slow_says_how_little_there_was_to_do() -> None:
    entry = entry_of("conv2d_backward", verdict="too slow", problem=Problem("too slow"), problem_question=CONVOLUTION)
    text = words(told(entry))
    assert "TOO SLOW" in text
    assert "A call took more than 5 s and was stopped." in text
    assert "The case x 1x1x3x3, w 1x1x2x2" in text
    assert "This case takes 32 multiplications" in text
    assert "most likely a loop that never ends" in text


def test_too_slow_may_be_too_much_work_for_loops() -> None:
    x = np.zeros((10, 100, 100, 100))
    question = Question("relu", "lattice", {"input": x}, {})
    text = words(told(entry_of("relu", verdict="too slow", problem=Problem("too slow"), problem_question=question)))
    assert "This case takes 10,000,000 multiplications, and Python loops make one or two million steps" in text
    assert "most likely" not in text


def test_multiplications_on_paper() -> None:
    assert multiplications(CONVOLUTION) == 2 * 4 * 4
    assert multiplications(dataclasses.replace(CONVOLUTION, grad_output=None)) == 4 * 4
    x = np.ones((2, 3, 4, 6))
    options = {"kernel_size": (2, 3), "stride": None, "padding": 0, "ceil_mode": False, "dilation": 1}
    assert multiplications(Question("max_pool2d", "lattice", {"input": x}, options)) == x.size
    assert multiplications(Question("relu", "lattice", {"input": x}, {})) == x.size


def test_two_mistakes_together() -> None:
    both = (mistake("kernel-flipped"), mistake("bias-forgotten"))
    text = words(told(_diagnosed(Diagnosis("output", both, "proven", (12, 12), True))))
    assert text.index("Two mistakes together.") < text.index("[kernel-flipped]") < text.index("[bias-forgotten]")
    assert "Proven: your output is what these two mistakes together give in 12 of 12 cases" in text
    assert words(both[0].remedy) in text
    assert words(both[1].remedy) in text
    assert f"Why you may not have noticed {words(both[0].signature)}" in text
    assert f"How it shows {words(both[1].signature)}" in text


def test_what_cannot_be_told_apart_is_not_given_as_certain() -> None:
    first, second = mistake("kernel-flipped"), mistake("kernel-transposed")
    found = Diagnosis("output", (first,), "consistent", (12, 12), False, ((second,),), "x 2x3x5x7, stride 2")
    text = words(told(_diagnosed(found)))
    assert "One of these mistakes, which the cases here cannot tell apart:" in text
    assert "[kernel-flipped]" in text
    assert "[kernel-transposed]" in text
    assert "Your output is what each of these gives in 12 of 12 cases, up to rounding." in text
    assert "A case that would tell: x 2x3x5x7, stride 2." in text
    assert "Proven" not in text


def _diagnosed(found: Diagnosis) -> Entry:
    return entry_of("conv2d", verdict="different", results={"output": "different"}, diagnoses=[found])


def test_what_follows_from_the_forward_is_said_once() -> None:
    entry = entry_of(
        "conv2d_backward",
        verdict="different",
        results={"grad_input": "different", "grad_weight": "different", "grad_bias": "equal"},
        follows={"grad_input": "my_conv2d", "grad_weight": "my_conv2d"},
        smallest=Smallest(CONVOLUTION, "grad_input", np.zeros((1, 1, 3, 3)), np.ones((1, 1, 3, 3))),
    )
    text = told(entry)
    assert "  db  equal    dx  follows    dw  follows" in text
    assert words(text).count("follow from my_conv2d: these are the gradient of your forward, wrong as that is.") == 1
    assert "Smallest case" not in text


def test_what_is_unknown_gets_no_name(tmp_path: Path) -> None:
    text = said(tmp_path, AFFINE.replace("+ b", "+ np.sin(b)"))
    flat = words(text)
    count = sum(one.formula == "linear" for one in MISTAKES)
    assert f"Your output is different, and none of the {count} known mistakes of linear explains it" in flat
    assert "What is wrong" in text
    assert "Smallest case x 1x1 = 1; w 1x1 = 1; b 1 = 10" in flat
    assert "[11.]" in flat
    assert "Look at line 5: return x @ w + np.sin(b), (x, w, b)" in flat
    assert "Read on reference/dense.py, linear" in flat
    assert "--explain" not in flat


def test_what_is_missing_is_said(tmp_path: Path) -> None:
    text = said(
        tmp_path, AFFINE + "def affine_backward(dout, cache):\n    x, w, b = cache\n    return dout @ w.T, None\n"
    )
    assert "dx  equal    dw  MISSING    db  MISSING" in text
    assert "dw is missing: None came where an array was expected." in text


def test_an_argument_changed_in_place_is_no_wrong_number(tmp_path: Path) -> None:
    text = said(tmp_path, RELU + "def relu_backward(dout, cache):\n    dout[cache <= 0] = 0\n    return dout\n")
    assert "dx  equal    arguments  CHANGED" in text
    assert "[argument-changed]" in text
    assert "Here it is the upstream gradient." in text
    assert "this mistake gives" not in text


def test_what_is_kept_from_call_to_call_is_no_wrong_number() -> None:
    found = Diagnosis("output", (STATE_KEPT,), "proven", (12, 12), True)
    text = told(entry_of("relu", verdict="different", results={"output": "equal"}, diagnoses=[found]))
    assert "  output  equal    called again  DIFFERENT" in text
    assert "[state-kept]" in text


def test_conventions_and_remarks_take_a_line_each(tmp_path: Path) -> None:
    entry = entry_of(
        "linear", conventions=["the bias has shape (1, O)"], remarks=[("silent-float64", "All is float64.")]
    )
    sheet = Sheet(100)
    for one in (entry, entry_of("relu")):
        report(one, Path("absent.py"), 5.0, sheet)
    assert str(sheet).splitlines()[1:4] == [
        "  convention: the bias has shape (1, O)",
        "  remark: All is float64.  [silent-float64]",
        "",  # or they would seem to be said of the next
    ]


def test_a_remark_is_made_at_length_once() -> None:
    remark = [("silent-float64", "All is float64.")]
    sheet = Sheet(100)
    for name in ("linear", "relu"):
        report(entry_of(name, remarks=remark), Path("absent.py"), 5.0, sheet)
    assert [line.strip() for line in str(sheet).splitlines() if "remark" in line] == [
        "remark: All is float64.  [silent-float64]",
        "remark: as above  [silent-float64]",
    ]


def test_a_zero_has_no_sign() -> None:
    zero = np.array([[-0.0, -300.0]])
    question = Question("log_softmax", "extreme", {"input": zero}, {"dim": 1})
    smallest = Smallest(question, "output", zero, np.array([[0.0, 5.0]]))
    text = told(entry_of("log_softmax", verdict="different", patterns={"output": ""}, smallest=smallest))
    assert "-300" in text
    assert "-0" not in text
    assert "x 1x2 = 0, -300" in text


def test_cases_in_words() -> None:
    assert described(CONVOLUTION, "cs231n") == (
        "x 1x1x3x3 = 1, 2, ... 9;  w 1x1x2x2 = 1, 2, 3, 4;  dout 1x1x2x2 = 1, 0, 0, 0"
    )
    single = np.zeros((1, 1, 3, 3))
    single[0, 0, 1, 2] = 1
    options = {**CONVOLUTION.options, "stride": 2, "padding": (1, 0)}
    other = dataclasses.replace(CONVOLUTION, grad_output=single, options=options)
    end = "grad_output 1x1x3x3 all 0 but a single 1 at (1, 2);  stride 2;  padding (1, 0)"
    assert described(other).endswith(end)
    ones = dataclasses.replace(CONVOLUTION, grad_output=np.ones((1, 1, 3, 3)))
    assert described(ones).endswith("grad_output 1x1x3x3 all 1")
    loss = Question("cross_entropy", "lattice", {"input": np.ones((1, 2))}, {"reduction": "mean"}, np.ones(()))
    assert described(loss) == "x 1x2 = 1, 1"


def test_the_summary_counts_each_kind() -> None:
    stub = entry_of("relu", verdict="raises", problem=Problem("raises", "NotImplementedError"))
    broken = entry_of("relu", verdict="raises", problem=Problem("raises", "ValueError"))
    assert summary([entry_of("relu"), entry_of("linear")]) == "2 of 2 right"
    entries = [
        entry_of("relu"),
        stub,
        broken,
        entry_of("pad", verdict="different"),
        entry_of("pad", verdict="too slow"),
    ]
    assert summary(entries) == "1 of 5 right, 1 different, 1 with errors, 1 too slow, 1 not written yet"
