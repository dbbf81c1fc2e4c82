"""What a function is where somebody says which formula it computes."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F

import reference
from reference import definition
from torch_parity.doctor.examination import Entry, examine_all
from torch_parity.doctor.here import Here
from torch_parity.doctor.styles import named
from torch_parity.doctor.styles.arguments import NotUnderstoodError
from torch_parity.proof.pairs import PAIRS

Function = Callable[..., Any]


def examined(function: Function, formula: str) -> Entry:
    """The one entry of a function that is said to compute ``formula``."""
    here = Here(named.subject(function, formula))
    (entry,) = examine_all(here.find(), here.ask)
    return entry


@pytest.mark.parametrize("name", [n for pair in PAIRS for n in (pair.name, f"{pair.name}_backward") if pair.gradients])
@pytest.mark.parametrize("module", [reference, definition])
def test_that_this_project_s_own_functions_are_equal(module: Any, name: str) -> None:
    entry = examined(getattr(module, name), name)
    assert entry.verdict == "equal", entry
    assert not entry.conventions


def test_that_a_lambda_is_called_by_position() -> None:
    entry = examined(lambda one, two, three: reference.conv2d(one, two, three), "conv2d")
    assert entry.verdict == "equal"
    assert entry.cases > 10


def test_that_a_gradient_of_a_lambda_is_called_by_position() -> None:
    entry = examined(lambda q, r, s: reference.linear_backward(q, r, s), "linear_backward")
    assert entry.results == dict.fromkeys(("grad_input", "grad_weight", "grad_bias"), "equal")


def test_that_a_ufunc_without_a_signature_is_called_by_position() -> None:
    assert examined(np.positive, "relu").verdict == "different"


@pytest.mark.parametrize(
    ("thing", "formula"),
    [
        (torch.nn.Conv2d, "conv2d"), (torch.nn.Linear, "linear"), (torch.nn.ReLU, "relu"),
        (torch.nn.MaxPool2d, "max_pool2d"), (torch.nn.AvgPool2d, "avg_pool2d"), (torch.nn.Flatten, "flatten"),
        (torch.nn.Softmax, "softmax"), (torch.nn.CrossEntropyLoss, "cross_entropy"),
        (torch.conv2d, "conv2d"), (F.linear, "linear"), (F.max_pool2d, "max_pool2d"), (F.pad, "pad"),
        (F.log_softmax, "log_softmax"), (F.cross_entropy, "cross_entropy"), (torch.relu, "relu"),
    ],
)  # fmt: skip
def test_that_torch_itself_is_equal(thing: Any, formula: str) -> None:
    here = Here(named.subject(thing, formula))
    entries = list(examine_all(here.find(), here.ask))
    assert [entry.subject.name for entry in entries] == [formula, f"{formula}_backward"]
    assert [entry.verdict for entry in entries] == ["equal", "equal"]


def test_that_an_argument_that_makes_no_sense_is_named() -> None:
    def relu(x: Any, sugar: Any, spice: Any) -> Any:
        return x

    with pytest.raises(NotUnderstoodError, match="sugar"):
        named.subject(relu, "relu")
