"""Mistakes explained at length."""

import pytest

from torch_parity.audit.mistakes import MISTAKES
from torch_parity.doctor.explain import UnknownMistakeError, explain, general_mistakes, listing
from torch_parity.doctor.sheet import Sheet

# What no small question shows in its numbers.
WITHOUT_EXAMPLE = {"silent-float64", "reciprocal"}


def explained(name: str) -> str:
    sheet = Sheet(80)
    explain(name, sheet)
    return str(sheet)


def test_a_mistake_with_an_example() -> None:
    text = explained("input-gradient-unflipped")
    assert text.startswith("input-gradient-unflipped  (a mistake in conv2d)\n")
    assert "Example          conv2d_backward:  x 1x1x2x2 = 1, 2, 3, 4;  w 1x1x2x2 = 1, 2, 3," in text
    assert "grad_input expected    with the mistake" in text
    assert "[[1. 2.]               [[4. 3.]" in text
    for label in ("What was done", "Why you may not have noticed", "What to do", "Read on"):
        assert f"\n{label}  " in text
    assert text.endswith("lesson.html#mistake=input-gradient-unflipped  (make lesson)")
    assert max(map(len, text.splitlines())) <= 80


def test_a_mistake_of_which_the_output_shows_nothing_is_shown_by_the_gradient() -> None:
    assert "Example          max_pool2d_backward:  x 1x1x2x2 = 1, 1, 1, 1;" in explained("ties-to-last")


@pytest.mark.slow
@pytest.mark.parametrize("name", [mistake.name for mistake in MISTAKES])
def test_every_mistake_has_an_example(name: str) -> None:
    text = explained(name)
    assert ("with the mistake" in text or "leads to an error" in text) == (name not in WITHOUT_EXAMPLE)


@pytest.mark.parametrize("name", list(general_mistakes()))
def test_every_general_mistake_is_explained(name: str) -> None:
    text = explained(name)
    assert text.startswith(f"{name}  (a mistake that any formula can have)")
    general = general_mistakes()[name][0]
    assert general.explanation in " ".join(text.split())
    assert general.remedy in " ".join(text.split())


def test_a_general_mistake_with_an_example() -> None:
    text = explained("transposed")
    assert "output expected    with the mistake" in text
    assert "[[11. 12.]         [[11. 13.]" in text


def test_an_unknown_name_gets_a_suggestion() -> None:
    with pytest.raises(UnknownMistakeError, match=r"'kernel-fliped'; did you mean kernel-flipped or "):
        explained("kernel-fliped")
    with pytest.raises(UnknownMistakeError, match=r"'xyz'; --explain alone lists all"):
        explained("xyz")


def test_the_list_has_every_name() -> None:
    sheet = Sheet(80)
    listing(sheet)
    names = {line.split()[0] for line in str(sheet).splitlines() if line.startswith("  ")}
    assert {mistake.name for mistake in MISTAKES} | set(general_mistakes()) <= names
    assert "\nrelu\n" in str(sheet)
