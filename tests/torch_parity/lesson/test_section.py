"""A section is proven as a whole: its numbers, the code that it shows for torch, its mistakes."""

import ast
import inspect
import typing
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch

from torch_parity.lesson import example, page
from torch_parity.lesson.example import UnequalError
from torch_parity.lesson.section import Demonstration, Section
from torch_parity.lesson.sections import SECTIONS, convolution, cross_entropy

SYMMETRIC = {"kernel": [[1, 2, 1], [2, 4, 2], [1, 2, 1]]}
ALL = pytest.mark.parametrize("section", SECTIONS, ids=lambda section: str(section.name))


def build(monkeypatch: pytest.MonkeyPatch, **changes: Any) -> str:
    """The page with the section of the convolution alone, changed."""
    monkeypatch.setattr(page, "SECTIONS", (replace(convolution.SECTION, **changes),))
    return page.build()


def test_other_code_for_torch_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    def in_torch(image: torch.Tensor, kernel: torch.Tensor, **others: Any) -> dict[str, torch.Tensor]:
        return {"output": torch.nn.functional.conv2d(image[None, None], -kernel[None, None])}

    with pytest.raises(UnequalError, match=r"^convolution\.output: the code shown gives"):
        build(monkeypatch, in_torch=in_torch)


@pytest.mark.parametrize(
    ("hidden", "shown", "message"),
    [
        (SYMMETRIC, SYMMETRIC, "kernel-flipped is not seen where it is shown"),
        ({}, {}, "kernel-flipped is seen where it is hidden"),
    ],
)
def test_a_mistake_must_be_seen_and_hidden(
    hidden: dict[str, Any], shown: dict[str, Any], message: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(UnequalError, match=message):
        build(monkeypatch, demonstrations=(Demonstration("kernel-flipped", "", hidden, shown),))


def test_a_section_with_mistakes_needs_an_example(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(UnequalError, match="convolution has no proven example"):
        build(monkeypatch, options={"stride": ()})


def test_every_combination_of_options_is_an_example() -> None:
    examples = list(convolution.SECTION.examples())
    assert len(examples) == 2 * 3 * 2 * 2
    assert examples[0].options == {"stride": 1, "padding": 0, "dilation": 1, "flip": False}
    assert examples[0].results["output"].numpy[0, 0].tolist() == [[-6, 14, 15], [-5, 9, 14], [-4, 4, 6]]
    also = replace(convolution.SECTION, also=({"kernel": np.eye(2)},))
    assert len(list(also.examples())) == 2 * len(examples)


def test_a_mistake_starts_from_what_is_shown_at_first() -> None:
    flipped = convolution.SECTION.demonstrations[0]
    assert flipped.mistake.name == "kernel-flipped"
    right, wrong = convolution.SECTION.with_mistake(flipped, {"padding": 1})
    assert right.options == {"stride": 1, "padding": 1, "dilation": 1, "flip": False}
    assert np.array_equal(wrong["output"], -right.results["output"].numpy)  # of this kernel


DIFFERENTIATED = [one for one in cross_entropy.SECTION.demonstrations if one.in_torch]


@pytest.mark.parametrize("demonstration", DIFFERENTIATED, ids=lambda one: str(one.name))
def test_the_gradient_of_a_wrong_loss_is_that_of_the_audits(demonstration: Demonstration) -> None:
    """Raising a score a little raises the loss with the mistake planted by as much as the gradient says."""
    state = {"logits": np.array([[0.5, 2.0, 0.0, -1.0]]), "batch": 2, **demonstration.shown}
    right, wrong = cross_entropy.SECTION.with_mistake(demonstration, state)
    step = 1e-6

    def loss(row: int, column: int, change: float) -> float:
        logits = np.array(right.given["logits"], float)
        logits[row, column] += change
        calls = cross_entropy.calls({"logits": logits}, right.options)
        return float(example.wrong(calls, demonstration.mistake)["loss"])

    for row, column in np.ndindex(wrong["grad_logits"].shape):
        slope = (loss(row, column, step) - loss(row, column, -step)) / (2 * step)
        assert wrong["grad_logits"][row, column] == pytest.approx(slope, rel=1e-6, abs=1e-8)
    assert (wrong["grad_logits"] != right.results["grad_logits"].numpy).all()


def test_a_wrong_loss_has_a_wrong_gradient() -> None:
    planted = {one.name for one in cross_entropy.SECTION.demonstrations
               if one.mistake.formula == "cross_entropy" and one.mistake.backward is None}  # fmt: skip
    assert {one.name for one in DIFFERENTIATED} == planted


def test_other_code_for_a_mistake_is_an_error() -> None:
    double, *_ = DIFFERENTIATED
    other = replace(double, in_torch=DIFFERENTIATED[1].in_torch)
    with pytest.raises(UnequalError, match=r"^cross-entropy\.loss with double-softmax: torch gives"):
        cross_entropy.SECTION.with_mistake(other, {})


def test_the_page_says_whose_gradient_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(page, "SECTIONS", (cross_entropy.SECTION,))
    assert page.build().count(page.BY_TORCH) == len(DIFFERENTIATED)


@ALL
def test_it_has_all_that_a_reader_expects(section: Section) -> None:
    for text in (section.name, section.title, section.idea, section.question, section.answer):
        assert text.strip() == text != ""
    assert "\n" not in "".join(section.formulas.values())
    assert set(section.editable) <= set(section.given)


@ALL
def test_what_can_be_changed_is_proven(section: Section) -> None:
    example = next(iter(section.examples()))
    assert bool(example.results) >= bool(section.editable or section.demonstrations)
    assert set(section.captions) >= {*example.given, *example.results}


@ALL
def test_the_code_for_torch_takes_the_matrices_and_options_by_name(section: Section) -> None:
    example = next(iter(section.examples()))
    inspect.signature(section.in_torch).bind(**dict.fromkeys((*example.given, *section.options)))
    assert "return" in typing.get_type_hints(section.in_torch) or not section.on_paper


@ALL
def test_what_one_writes_oneself_begins_as_functions(section: Section) -> None:
    for node in ast.parse(section.exercise).body:
        assert isinstance(node, ast.FunctionDef)
        assert ast.get_docstring(node)
