"""The page is one file that loads nothing, and shows what stands in the sources."""

import json
import re
from dataclasses import replace
from html import unescape
from html.parser import HTMLParser

import numpy as np
import pytest

from tests import ROOT
from torch_parity.lesson import page
from torch_parity.lesson.sections import SECTIONS, convolution
from torch_parity.lesson.sources import excerpt

LOADED = (
    "src",
    "srcset",
    "href",
    "xlink:href",
    "action",
    "formaction",
    "poster",
    "data",
    "background",
    "ping",
    "manifest",
)


@pytest.fixture(scope="module")
def built() -> str:
    return page.build()


@pytest.fixture(scope="module")
def found(built: str) -> "Found":
    return Found(built)


class Found(HTMLParser):
    """The attributes that load something, the texts of scripts and styles, the code blocks, ids and matrices."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.loads: list[tuple[str, str]] = []
        self.texts: list[str] = []
        self.ids: list[str] = []
        self.styles: list[str] = []
        self.tables: set[str] = set()
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        for name, value in attrs:
            if name in LOADED:
                self.loads.append((name, value or ""))
            elif name == "id":
                self.ids.append(value or "")
            elif name == "style":
                self.styles.append(value or "")
            elif name == "data-matrix":
                self.tables.add(value or "")

    def handle_data(self, data: str) -> None:
        if self.cdata_elem == "style":
            self.styles.append(data)


def facts(text: str) -> dict[str, dict[str, object]]:
    """What the page's JavaScript is given of each section."""
    matched = re.search(r'<script type="application/json" id="facts">(.*?)</script>', text, re.S)
    assert matched is not None
    loaded: dict[str, dict[str, object]] = json.loads(matched[1])
    return loaded


def test_it_is_one_file_that_loads_nothing(built: str, found: Found) -> None:
    assert [one for one in found.loads if not one[1].startswith(("#", "data:"))] == []
    for style in found.styles:
        assert "@import" not in style
        assert all(link.lstrip("\"' ").startswith(("#", "data:")) for link in re.findall(r"url\(([^)]*)", style))
    for address in re.findall(r"(?:https?:)?//[\w-]+\.[\w./-]+", re.sub(r"<pre.*?</pre>", "", built, flags=re.S)):
        assert address.startswith("http://www.w3.org/"), address  # the names of SVG and MathML
    assert not re.search(
        r"\b(fetch|XMLHttpRequest|WebSocket|EventSource|sendBeacon|importScripts|localStorage)\b", built
    )


def test_it_can_be_mailed(built: str) -> None:
    assert len(built.encode()) <= 3e6


def test_no_id_is_there_twice(found: Found) -> None:
    assert len(set(found.ids)) == len(found.ids)


def test_it_has_every_section_in_order(built: str) -> None:
    assert re.findall(r'<section id="([\w-]+)"', built) == [section.name for section in SECTIONS]
    assert re.findall(r'<li><a href="#([\w-]+)"', built) == [section.name for section in SECTIONS]


def test_every_number_comes_with_its_proof(built: str, found: Found) -> None:
    for section in SECTIONS:
        shown, examples = facts(built)[section.name], list(section.examples())
        assert isinstance(shown["examples"], list)
        assert len(shown["examples"]) == len(examples)
        for example, one in zip(examples, shown["examples"], strict=True):
            assert set(one["results"]) == set(example.results)
            for result in one["results"].values():
                numpy, torch = (np.array(result[side], float) for side in ("numpy", "torch"))
                different = (numpy != torch) & ~(np.isnan(numpy) & np.isnan(torch))
                assert not (different & ~(np.abs(numpy - torch) <= np.array(result["bound"]))).any()
        if examples[0].results:
            part = built.partition(f'<section id="{section.name}"')[2].partition("</section>")[0]
            assert '<span class="verdict good">equal</span>' in part
        for name in (*examples[0].given, *examples[0].results):
            assert name in section.captions


def test_every_editable_matrix_is_on_the_page(found: Found) -> None:
    for section in SECTIONS:
        assert {f"{section.name}.{name}" for name in section.editable} <= found.tables


def test_the_first_output_is_on_the_page(built: str) -> None:
    table = built.partition('data-matrix="convolution.output"')[2].partition("</table>")[0]
    assert re.findall(r'data-value="([^"]*)"', table) == ["-6", "14", "15", "-5", "9", "14", "-4", "4", "6"]
    assert ">−6</button>" in table


def test_every_formula_is_mathml_and_can_be_copied(built: str) -> None:
    formulas = [latex for section in SECTIONS for latex in section.formulas.values()]
    mathml = re.findall(r"<math.*?</math>", built, re.S)
    assert len(mathml) == len(formulas)
    for one in mathml:
        assert "\\" not in unescape(one), one  # a command that was not understood
    copied = [unescape(text) for text in re.findall(r'class="copy" data-text="([^"]*)"', built)]
    assert copied == formulas


def test_the_code_is_that_of_the_sources(built: str) -> None:
    blocks = iter(re.findall(r'<pre class="code"[^>]*><code>(.*?)</code></pre>', built, re.S))
    for section in SECTIONS:
        for function in (*section.on_paper, *section.fast, section.in_torch) if section.on_paper else ():
            shown = unescape(re.sub("<[^>]*>", "", next(blocks))).strip("\n")
            taken = excerpt(function)
            assert shown == taken.code.strip("\n")
            lines = (ROOT / taken.place).read_text(encoding="utf-8").splitlines()[taken.line - 1 :]
            rest = iter(line.strip() for line in lines)
            assert all(line.strip() in rest for line in shown.splitlines()), taken.place  # in this order
        if section.exercise:
            assert unescape(re.sub("<[^>]*>", "", next(blocks))).strip() == section.exercise.strip()
    assert next(blocks, None) is None


def test_an_excerpt_has_no_docstring_and_no_decorator() -> None:
    (function, *_) = convolution.SECTION.on_paper
    found = excerpt(function)
    assert found.code.startswith("def conv2d(")
    assert '"""' not in found.code
    assert found.place == "reference/definition/conv.py"


def test_the_scripts_are_those_of_the_files(built: str) -> None:
    folder = ROOT / "torch_parity" / "lesson" / "javascript"
    files = {path.relative_to(folder).as_posix(): path for path in folder.rglob("*.js")}
    modules = dict(re.findall(r'<script type="text/plain" data-module="([^"]*)">\n(.*?)</script>', built, re.S))
    assert set(modules) == set(files)
    for name, path in files.items():
        assert modules[name] == path.read_text(encoding="utf-8")


def test_no_text_ends_the_script(monkeypatch: pytest.MonkeyPatch) -> None:
    hostile = "</script><script>alert(1)</script><!--"
    extra = {"text": hostile}
    section = replace(convolution.SECTION, title=hostile, idea=hostile, extra=lambda: extra, demonstrations=())
    monkeypatch.setattr(page, "SECTIONS", (section,))
    text = page.build()
    assert "<script>alert" not in text
    assert "<!--" not in text
    assert facts(text)["convolution"]["extra"] == {"text": hostile}
