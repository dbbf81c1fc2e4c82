"""axe-core finds nothing: on the lesson, and on the reports of training and of parity."""

import copy
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe

from reference.datasets import MNIST, mnist
from tests.torch_parity.lesson.conftest import Visits
from tests.torch_parity.lesson.reader import Reader
from tests.torch_parity.pages.test_proof_page import FOUND, different
from tests.torch_parity.pages.test_run_page import leave_run, write
from torch_parity.lesson.sections import SECTIONS
from torch_parity.pages import proof_page

pytestmark = [pytest.mark.browser, pytest.mark.slow]

windows = pytest.mark.parametrize("width", [360, 1280])
schemes = pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])


def assert_accessible(reader: Reader) -> None:
    found = Axe().run(reader.page)
    assert not found.violations_count, found.generate_report()


@windows
@schemes
def test_the_lesson(visit: Visits, width: int, dark: bool) -> None:
    reader = visit(width=width, dark=dark).ready()
    # With all that can be unfolded, pinned, and wrong.
    reader.page.evaluate("document.querySelectorAll('details').forEach(one => { one.open = true })")
    for section in SECTIONS:
        figure = reader.figure(section)
        for _ in range(2):
            if figure.locator(".step").count():
                reader.press(section, "Step")
        if section.demonstrations:
            figure.locator("select[name=mistake]").select_option(section.demonstrations[0].name)
    reader.answer()
    assert_accessible(reader)


@schemes
def test_a_presentation(visit: Visits, dark: bool) -> None:
    reader = visit(dark=dark).ready()
    reader.page.evaluate("document.getElementById('present').click()")
    assert_accessible(reader)


@pytest.fixture(scope="session")
def reports(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """A page of each kind, with all its parts."""
    folder = tmp_path_factory.mktemp("reports")
    whole = mnist()
    few = MNIST(whole.train_images[:320], whole.train_labels[:320], whole.test_images[:250], whole.test_labels[:250])
    run = leave_run(folder / "20250102-030405-formula", few, epochs=2)
    write(run, few)
    pages = {"equal": FOUND, "different": different(copy.deepcopy(FOUND))}
    for name, found in pages.items():
        (folder / f"{name}.html").write_text(proof_page.page(found), encoding="utf-8")
    return {"training": run / "report.html", **{name: folder / f"{name}.html" for name in pages}}


@windows
@schemes
@pytest.mark.parametrize("kind", ["training", "equal", "different"])
def test_the_reports(visit: Visits, reports: dict[str, Path], kind: str, width: int, dark: bool) -> None:
    reader = visit(file=reports[kind], width=width, dark=dark)
    reader.page.evaluate("document.querySelectorAll('details').forEach(one => { one.open = true })")
    assert_accessible(reader)
    assert reader.page.evaluate("document.documentElement.scrollWidth") <= width
