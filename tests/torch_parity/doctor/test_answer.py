"""The answer as JSON."""

import dataclasses
import json
from pathlib import Path
from typing import Any

import numpy as np

from tests.torch_parity.doctor.entries import AFFINE, AFFINE_BACKWARD, RELU, examined, written
from torch_parity.audit.mistakes import MISTAKES
from torch_parity.doctor.answer import answer, numbers
from torch_parity.doctor.candidates import General
from torch_parity.doctor.diagnosis import Diagnosis
from torch_parity.doctor.examination import Entry, Smallest
from torch_parity.doctor.process import Problem
from torch_parity.doctor.question import Question
from torch_parity.doctor.subject import Found, NotUnderstood, Takes


def strict(entries: list[Entry], *not_understood: NotUnderstood) -> dict[str, Any]:
    """The answer, after a way through JSON that knows no NaN."""
    told = answer(Path("mine.py"), entries, list(not_understood), 1.5, "hello\n")
    found: dict[str, Any] = json.loads(json.dumps(told, allow_nan=False))
    return found


def entry_of(name: str, found: str, **fields: Any) -> Entry:
    subject = Found(0, name, found, "cs231n", "CS231n's signature", ("output",), Takes(), "", 3, ((),))
    return dataclasses.replace(Entry(subject), **fields)


FLIPPED = next(one for one in MISTAKES if one.name == "kernel-flipped")
FORGOTTEN = next(one for one in MISTAKES if one.name == "bias-forgotten")


def test_all_equal(tmp_path: Path) -> None:
    found = strict(examined(written(tmp_path, RELU)))
    assert list(found) == ["file", "equal", "seconds", "functions", "not_understood", "printed"]
    assert (found["file"], found["equal"], found["seconds"]) == ("mine.py", True, 1.5)
    (function,) = found["functions"]
    assert (function["name"], function["found"], function["style"]) == ("relu", "relu_forward", "cs231n")
    assert (function["verdict"], function["rounding"], function["results"]) == ("equal", False, {"output": "equal"})
    assert function["diagnosis"] == function["remarks"] == function["conventions"] == function["read"] == []
    assert function["smallest"] is None


def test_a_mistake(tmp_path: Path) -> None:
    found = strict(examined(written(tmp_path, AFFINE + AFFINE_BACKWARD)))
    assert not found["equal"]
    function = found["functions"][1]
    assert function["results"] == {"grad_input": "equal", "grad_weight": "equal", "grad_bias": "different"}
    (diagnosis,) = function["diagnosis"]
    planted = next(one for one in MISTAKES if one.name == diagnosis["mistake"])
    assert (diagnosis["certainty"], diagnosis["result"], diagnosis["cases"]) == ("proven", "grad_bias", [15, 15])
    assert (diagnosis["explanation"], diagnosis["remedy"]) == (planted.explanation, planted.remedy)
    assert function["read"][: len(planted.read)] == list(planted.read)
    smallest = function["smallest"]
    assert set(smallest["inputs"]) == {"input", "weight", "bias", "grad_output"}
    assert np.shape(smallest["expected"]) == np.shape(smallest["got"]) == np.shape(smallest["inputs"]["bias"])


def test_two_mistakes_and_several_explanations() -> None:
    other = General("sign", "The sign is wrong.", "Turn it.")
    found = Diagnosis("output", (FLIPPED, FORGOTTEN), "consistent", (12, 12), True, ((other,),), "stride 2")
    (function,) = strict([entry_of("conv2d", "conv", verdict="different", diagnoses=[found])])["functions"]
    first, second, third = function["diagnosis"]
    assert [one["mistake"] for one in (first, second, third)] == ["kernel-flipped", "bias-forgotten", "sign"]
    assert (first["with"], second["with"], third["with"]) == (["bias-forgotten"], ["kernel-flipped"], [])
    assert first["instead"] == [["sign"]]
    assert third["instead"] == [["kernel-flipped", "bias-forgotten"]]
    assert third["certainty"] == "consistent"
    assert third["telling"] == "stride 2"
    assert function["read"][-1] == "doctor.py --explain sign"


def test_what_follows_has_the_diagnosis_of_the_forward() -> None:
    found = Diagnosis("output", (FLIPPED,), "proven", (12, 12), True)
    forward = entry_of("conv2d", "conv", verdict="different", diagnoses=[found])
    backward = entry_of("conv2d_backward", "conv_back", verdict="different", follows={"grad_input": "conv"})
    _, function = strict([forward, backward])["functions"]
    (diagnosis,) = function["diagnosis"]
    assert (diagnosis["mistake"], diagnosis["result"]) == ("kernel-flipped", "grad_input")
    assert diagnosis["certainty"] == "proven"
    assert diagnosis["explanation"] == f"Follows from conv: {FLIPPED.explanation}"
    assert function["read"][0] == FLIPPED.read[0]


def test_numbers_that_json_has_not() -> None:
    assert numbers(np.array([[np.nan, np.inf], [-np.inf, 1]])) == [["NaN", "Infinity"], ["-Infinity", 1.0]]
    assert numbers((1, None, "same", np.float64("nan"))) == [1, None, "same", "NaN"]
    question = Question("relu", "nonfinite", {"input": np.array([np.nan])}, {})
    smallest = Smallest(question, "output", np.array([np.nan]), np.array([0.0]))
    (function,) = strict([entry_of("relu", "relu", smallest=smallest)])["functions"]
    assert function["smallest"] == {"result": "output", "inputs": {"input": ["NaN"]}, "expected": ["NaN"], "got": [0.0]}


def test_errors_and_what_was_not_understood() -> None:
    problem = Problem("raises", "ValueError", "no", ("line 3",))
    question = Question("relu", "lattice", {"input": np.ones((2, 3))}, {})
    entry = entry_of("relu", "relu", verdict="raises", problem=problem, problem_question=question)
    left = NotUnderstood("im2col", "no idea", "--as im2col=FORMULA")
    found = strict([entry], left)
    assert found["functions"][0]["problem"] == {
        "kind": "raises", "type": "ValueError", "message": "no", "lines": ["line 3"], "case": "x 2x3",
    }  # fmt: skip
    assert found["not_understood"] == [dataclasses.asdict(left)]
    assert found["printed"] == "hello\n"
    assert not found["equal"]


def test_nothing_is_not_equal() -> None:
    assert not strict([])["equal"]
