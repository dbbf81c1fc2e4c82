"""What a reader does with the page, and sees on it."""

import json
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from playwright.sync_api import Locator, Page

from torch_parity.lesson.section import Section

Array = npt.NDArray[Any]
Options = dict[str, Any]

ROWS = "Array.from(table.tBodies[0].rows, row => Array.from(row.querySelectorAll('td'), "
READ = f"table => {ROWS}cell => cell.dataset.value))"


def as_rows(array: Array) -> Array:
    """As the page shows it: of an image with one channel its rows, of a vector or a number one row."""
    array = np.asarray(array)
    return array.reshape(-1, array.shape[-1]) if array.ndim else array.reshape(1, 1)


def number(text: str) -> float:
    """A number as the page writes it."""
    return float(text.replace("−", "-").replace("∞", "inf"))


@dataclass(frozen=True)
class Reader:
    """A window with the page in it."""

    page: Page

    def ready(self) -> "Reader":
        """Waits until the scripts have put the page together."""
        self.page.wait_for_function("document.documentElement.dataset.ready")
        return self

    def settled(self) -> "Reader":
        """Waits until the address says what the page shows."""
        self.page.wait_for_timeout(150)
        return self

    def figure(self, section: Section) -> Locator:
        return self.page.locator(f"[data-section='{section.name}']")

    def table(self, section: Section, name: str) -> Locator:
        return self.page.locator(f"table[data-matrix='{section.name}.{name}']")

    def cell(self, section: Section, name: str, row: int, column: int) -> Locator:
        """The field or the button in it."""
        return self.table(section, name).locator(f"tr:nth-child({row + 1}) > td:nth-child({column + 1}) > *")

    def names(self, section: Section) -> list[str]:
        """The matrices that stand on the page, but for those that are empty at present."""
        return [name for name, matrix in self.matrices(section).items() if matrix.size]

    def pointable(self, section: Section) -> list[str]:
        """The matrices that can be seen, and whose cells can be pointed at."""
        tables = {name: self.table(section, name) for name in self.names(section)}
        return [name for name, table in tables.items() if table.is_visible() and table.locator("td > *").count()]

    def matrix(self, section: Section, name: str) -> Array:
        return np.array(self.table(section, name).evaluate(f"table => ({READ})(table)"), float)

    def matrices(self, section: Section) -> dict[str, Array]:
        return {name: np.array(rows, float) for name, rows in self._each(section, READ).items()}

    def marked(self, section: Section, *kinds: str) -> dict[str, Array]:
        """Where the cells of each matrix have one of these classes."""
        selector = ", ".join(f".{kind}" for kind in kinds)
        found = self._each(section, f"table => {ROWS}cell => cell.matches('{selector}')))")
        return {name: np.array(rows, bool) for name, rows in found.items()}

    def lit(self, section: Section) -> dict[str, int]:
        """How many cells of each matrix are lit, or are the term that the walk has reached."""
        return {name: int(cells.sum()) for name, cells in self.marked(section, "lit", "now").items() if cells.any()}

    def _each(self, section: Section, function: str) -> dict[str, Any]:
        """What a function in JavaScript finds in each of a figure's tables."""
        found: dict[str, Any] = self.figure(section).evaluate(
            f"""figure => Object.fromEntries(Array.from(figure.querySelectorAll("table[data-matrix]"),
                table => [table.dataset.matrix.split(".")[1], ({function})(table)]))"""
        )
        return found

    def type(self, section: Section, name: str, row: int, column: int, text: str) -> None:
        """Types into a cell, and leaves it."""
        field = self.cell(section, name, row, column)
        field.fill(text)
        field.press("Enter")

    def choose(self, section: Section, options: Options) -> None:
        for name, value in options.items():
            control = self.figure(section).locator(f"[name='{name}']")
            if isinstance(value, bool):
                control.set_checked(value)
            elif control.evaluate("control => control.localName") == "select":
                control.select_option(str(value))
            else:  # a slider
                control.fill(str(value))

    def options(self, section: Section) -> Options:
        """What is chosen, as Python has it."""
        chosen: Options = self.figure(section).evaluate(
            """(figure, names) => Object.fromEntries(names.map(name => {
                const control = figure.querySelector(`[name="${name}"]`);
                return [name, control.type === "checkbox" ? control.checked : control.value];
            }))""",
            list(section.options),
        )
        for name, choices in section.options.items():
            if not isinstance(choices[0], bool | str):
                whole = all(isinstance(choice, int) for choice in choices)
                chosen[name] = (int if whole else float)(chosen[name])
        return chosen

    def go(self, address: str) -> None:
        """Follows a link to another state of the page."""
        self.page.evaluate(
            """address => new Promise(done => {
                addEventListener("hashchange", done, { once: true });
                setTimeout(done, 200);  // there is no such event if the address stays as it is
                location.hash = address;
            })""",
            address,
        )

    def press(self, section: Section, button: str) -> None:
        self.figure(section).get_by_role("button", name=button, exact=True).click()

    def says(self, section: Section) -> str:
        return self.figure(section).locator(".says").inner_text()

    def sum(self, section: Section) -> str:
        """The sum written out."""
        return self.figure(section).locator(".sum").inner_text()

    def total(self, section: Section) -> float | None:
        """What the sum, as far as it is written, comes to; None if it is a list of places."""
        total = self.figure(section).locator(".sum .total")
        text = total.inner_text() if total.count() else None
        return None if text is None else number(text.replace("… so far", "").replace("=", "").strip())

    def answer(self) -> str:
        """What "Check this page" says."""
        self.page.get_by_role("button", name="Check this page").click()
        return self.page.locator("#check-answer").inner_text()

    def facts(self) -> dict[str, Any]:
        """What the page was built with."""
        found = json.loads(self.page.locator("#facts").text_content() or "")
        assert isinstance(found, dict)
        return found
