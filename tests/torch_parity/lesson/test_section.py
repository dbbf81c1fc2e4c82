"""A section is proven as a whole: its numbers, the code that it shows for torch, its mistakes."""

import ast
import inspect
import typing
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch

from torch_parity.lesson import page
from torch_parity.lesson.example import UnequalError
from torch_parity.lesson.section import Demonstration, Section
from torch_parity.lesson.sections import SECTIONS, convolution

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
