"""Lines for a person: wrapped, coloured on a terminal only, and harmless."""

import io

import pytest
from rich.console import Console

from torch_parity.doctor.sheet import Sheet, console_for, harmless

WORDS = "one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen"


@pytest.mark.parametrize("width", [40, 80, 120])
@pytest.mark.parametrize("label", ["", "Read on", "Why you may not have noticed"])
def test_no_line_is_wider_than_the_sheet_and_no_word_is_lost(width: int, label: str) -> None:
    sheet = Sheet(width)
    sheet.write(WORDS, label=label, indent=2)
    lines = str(sheet).splitlines()
    assert max(map(len, lines)) <= width
    assert " ".join(str(sheet).split()) == f"{label} {WORDS}".strip()


def test_further_lines_stand_below_the_first_words() -> None:
    sheet = Sheet(40)
    sheet.write(WORDS, label="Read on", indent=2)
    first, *others = str(sheet).splitlines()
    place = first.index("one")
    assert place == 19
    assert all(line[:place].strip() == "" and line[place] != " " for line in others)


def test_a_long_label_takes_room_from_the_first_line_only() -> None:
    sheet = Sheet(60)
    sheet.write(WORDS, label="Why you may not have noticed")
    first, second, *_ = str(sheet).splitlines()
    assert first.startswith("Why you may not have noticed  one two")
    assert second.startswith(" " * 17 + "seven eight nine")


def test_lines_as_they_are_keep_their_columns() -> None:
    sheet = Sheet(30)
    sheet.labelled(["[[1. 2.]", " [3. 4.]]"], label="Example")
    assert str(sheet) == "Example          [[1. 2.]\n                  [3. 4.]]"


def test_gaps_do_not_add_up() -> None:
    sheet = Sheet(30)
    sheet.gap()
    sheet.write("a")
    sheet.gap()
    sheet.gap()
    sheet.write("b")
    assert str(sheet) == "a\n\nb"


def test_no_colours_but_on_a_terminal() -> None:
    sheet = Sheet(60)
    sheet.write(("equal", "green"), "  [0] :smile: [bold]x[/bold]")
    plain, terminal = io.StringIO(), io.StringIO()
    sheet.show(console_for(plain))
    sheet.show(Console(file=terminal, force_terminal=True, color_system="standard", markup=False, emoji=False))
    assert plain.getvalue() == "equal  [0] :smile: [bold]x[/bold]\n"
    assert "\x1b[32mequal\x1b[0m" in terminal.getvalue()


def test_what_a_student_says_moves_no_cursor() -> None:
    assert harmless("\x1b[2Jgone\rback\a") == "\\x1b[2Jgone\\rback\\x07"
    assert harmless("Größe\n\tx") == "Größe\n    x"
