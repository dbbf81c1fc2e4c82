"""Lines for a person to read: wrapped to a width, coloured on a terminal only, and never by colour alone."""

import unicodedata
from io import StringIO
from typing import Any, TextIO

from rich.console import Console
from rich.text import Text

# Lines are as wide as the terminal, but longer ones are hard to read.
WIDEST = 120
LABEL_COLUMNS = 17  # columns for the labels on the left

# Styles that can be read on a dark and on a light ground.
STRONG, RIGHT_ANSWER, WRONG_ANSWER, MISTAKE_NAME = "bold", "green", "bold red", "magenta"

# Words, or words with their style.
Part = str | tuple[str, str]


class Sheet:
    """Lines one below the other."""

    def __init__(self, width: int) -> None:
        """For lines of at most ``width`` columns."""
        self.width = width
        self.lines: list[Text] = []
        self.remarks: set[str] = set()  # said on it, so that none is said twice at length

    def write(self, *parts: Part, label: str = "", indent: int = 0) -> None:
        """A paragraph, wrapped; with a label on the left, its further lines stand below its first words."""
        text = Text.assemble(*parts)
        hanging = indent + (LABEL_COLUMNS if label else 0)
        first = " " * indent + (f"{label:<{LABEL_COLUMNS - 2}}  " if label else "")
        text.pad_left(max(0, len(first) - hanging), "x")  # the room that a long label takes from the first line
        lines = text.wrap(_PLAIN, max(20, self.width - hanging), overflow="fold")
        for number, line in enumerate(lines):
            line.rstrip()
            if number == 0:
                line = Text(first) + line[max(0, len(first) - hanging) :]
            else:
                line = Text(" " * hanging) + line
            self.lines.append(line)

    def labelled(self, lines: list[str], label: str = "", indent: int = 0) -> None:
        """Lines as they are, such as those of an array; the label stands before the first."""
        for number, line in enumerate(lines):
            before = " " * indent + f"{label if number == 0 else '':<{LABEL_COLUMNS}}"
            self.lines.append(Text((before + line).rstrip()))

    def gap(self) -> None:
        """An empty line, unless the last one is empty."""
        if self.lines and self.lines[-1].plain:
            self.lines.append(Text())

    def show(self, console: Console, since: int = 0) -> None:
        """Print the lines from number ``since`` on, at once."""
        for line in self.lines[since:]:
            console.print(line, soft_wrap=True)

    def __str__(self) -> str:
        """The lines, without colours."""
        return "\n".join(line.plain for line in self.lines)


def console_for(stream: TextIO) -> Console:
    """A console that takes words as they are; it colours on a terminal, and not where NO_COLOR is set."""
    return Console(file=stream, markup=False, emoji=False, highlight=False)


_PLAIN = console_for(StringIO())


def width_of(console: Console) -> int:
    """The width of lines on ``console``."""
    return min(WIDEST, console.width)


def harmless(text: Any) -> str:
    """What a student's code says, without what would move a terminal's cursor or change its colours."""
    shown = str(text).expandtabs(4)
    return "".join(c if c == "\n" or not unicodedata.category(c).startswith("C") else ascii(c)[1:-1] for c in shown)
