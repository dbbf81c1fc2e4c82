"""A browser, and the lesson in it."""

import os
import shutil
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest
from playwright.sync_api import Browser, ConsoleMessage, Error, Page, Request, sync_playwright

from tests.torch_parity.lesson.reader import Reader
from torch_parity.lesson.page import build
from torch_parity.lesson.sections import SECTIONS

BROWSERS = ("chromium", "chromium-browser", "google-chrome")
ARGUMENTS = [
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync",
]  # fmt: skip


@pytest.fixture(scope="session")
def lesson(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The page, built once."""
    path = tmp_path_factory.mktemp("lesson") / "lesson.html"
    path.write_text(build(), encoding="utf-8")
    return path


# While Playwright runs, no other test of this process could have an event loop of its own.
@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    found = next(filter(None, map(shutil.which, BROWSERS)), None)
    if found is None:
        missing = f"no browser: none of {', '.join(BROWSERS)} is on the PATH; on Debian, apt-get install chromium"
        if "CI" in os.environ:
            pytest.fail(missing)
        pytest.skip(missing)
    with sync_playwright() as playwright:
        running = playwright.chromium.launch(executable_path=found, args=ARGUMENTS)
        yield running
        running.close()


class Visits:
    """Opens pages, and writes down what no page may do: complain in the console, fail, ask for anything but itself."""

    def __init__(self, browser: Browser, lesson: Path) -> None:
        self.browser = browser
        self.lesson = lesson
        self.complaints: list[str] = []

    def __call__(
        self, address: str = "", *, file: Path | None = None, width: int = 1280, dark: bool = False, still: bool = False
    ) -> Reader:
        """The page (another one: ``file``) in a window of its own; ``still``: for somebody who wants no motion."""
        context = self.browser.new_context(
            viewport={"width": width, "height": 800},
            color_scheme="dark" if dark else "light",
            reduced_motion="reduce" if still else "no-preference",
        )
        page = context.new_page()
        self._listen(page, (file or self.lesson).as_uri())
        page.goto((file or self.lesson).as_uri() + address)
        return Reader(page)

    def _listen(self, page: Page, uri: str) -> None:
        def in_console(message: ConsoleMessage) -> None:
            if message.type in ("error", "warning"):
                self.complaints.append(f"in the console: {message.text}")

        def failed(error: Error) -> None:
            self.complaints.append(f"an error: {error.message}")

        def asked(request: Request) -> None:
            if request.url.partition("#")[0] != uri and not request.url.startswith("data:"):
                self.complaints.append(f"a request: {request.url[:200]}")

        page.on("console", in_console)
        page.on("pageerror", failed)
        page.on("request", asked)


@cache
def page_of(name: str, folder: Path) -> Path:
    """A page with one section, which is there sooner than the whole."""
    path = folder / f"{name}.html"
    path.write_text(build([section for section in SECTIONS if section.name == name]), encoding="utf-8")
    return path


@pytest.fixture
def visit(browser: Browser, lesson: Path, request: pytest.FixtureRequest) -> Iterator[Visits]:
    """Opens the lesson; where a test is about one ``section``, a page with that one."""
    callspec = getattr(request.node, "callspec", None)
    section = callspec and callspec.params.get("section")
    visits = Visits(browser, page_of(section.name, lesson.parent) if section else lesson)
    yield visits
    for context in browser.contexts:
        context.close()
    assert not visits.complaints
