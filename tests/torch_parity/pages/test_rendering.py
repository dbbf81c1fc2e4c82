"""Templates escape what they print, refuse what they were not given, and are installed with the package."""

import math
import tomllib
from pathlib import Path

import jinja2
import pytest
from markupsafe import Markup

from tests import ROOT
from torch_parity.pages import rendering

TEMPLATES = ROOT / "torch_parity" / "pages" / "templates"


def rendered(source: str, **data: object) -> str:
    return rendering.ENVIRONMENT.from_string(source).render(data)


def test_what_a_template_prints_is_escaped() -> None:
    hostile = """<script>alert("&')</script>"""
    escaped = "&lt;script&gt;alert(&#34;&amp;&#39;)&lt;/script&gt;"
    assert rendered("{{ text }}", text=hostile) == escaped
    assert rendered('{% from "macros.html" import bar %}{{ bar(1, text) }}', text=hostile).endswith(f"</span>{escaped}")
    assert rendered("{{ text | exponents }}", text=f"{hostile}^-2") == f"{escaped}<sup>−2</sup>"
    assert rendered("{{ text }}", text=Markup("<b>bold</b>")) == "<b>bold</b>"


def test_a_name_that_a_template_was_not_given_is_an_error() -> None:
    with pytest.raises(jinja2.UndefinedError, match="'missing' is undefined"):
        rendered("{{ missing }}")
    with pytest.raises(jinja2.UndefinedError, match="no attribute 'missing'"):
        rendered("{{ given.missing }}", given={})


def test_a_page_without_a_title_is_an_error() -> None:
    with pytest.raises(jinja2.TemplateRuntimeError, match="Required block 'title' not found"):
        rendered('{% extends "base.html" %}')


def test_how_numbers_are_written() -> None:
    assert rendering.thousands(1234567) == "1,234,567"
    assert rendering.thousands(1234.56, 1) == "1,234.6"
    assert rendering.percent(0.98765) == "98.8%"
    assert rendering.percent(0.98765, 2) == "98.77%"
    assert rendering.percent(math.nan) == "NaN"
    assert rendering.power_of_ten(1.94e-7) == "1.9&nbsp;×&nbsp;10<sup>−7</sup>"
    assert rendering.power_of_ten(-20.0) == "−2.0&nbsp;×&nbsp;10<sup>1</sup>"
    assert [rendering.power_of_ten(number) for number in (0.0, math.nan, math.inf)] == ["0", "NaN", "inf"]
    assert rendering.exponents("2^-23 (2^-9)") == "2<sup>−23</sup> (2<sup>−9</sup>)"
    assert rendering.exponents("never (x)") == "never (x)"
    assert [rendering.bar_width(share) for share in (0.0, 0.123, 1.0, 7.0, math.inf)] == [
        "0.5",
        "12.3",
        "100.0",
        "100.0",
        "100.0",
    ]


@pytest.mark.parametrize(
    ("number", "written"), [(0, "0 calls"), (1, "1 call"), (2, "2 calls"), (12345, "12,345 calls")]
)
def test_one_is_singular(number: int, written: str) -> None:
    assert rendered('{% from "macros.html" import count %}{{ count(number, "call") }}', number=number) == written


def test_every_template_is_installed_with_the_package() -> None:
    patterns = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["setuptools"]["package-data"]
    package = ROOT / "torch_parity"
    installed = {path for pattern in patterns["torch_parity"] for path in package.glob(pattern) if path.is_file()}
    templates = {path for path in TEMPLATES.rglob("*") if path.is_file()}
    assert templates
    assert templates <= installed


@pytest.mark.parametrize("path", sorted(TEMPLATES.rglob("*.html")), ids=lambda path: path.name)
def test_no_template_switches_the_escaping_off(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert "autoescape" not in text
    assert "safe" not in text.replace("safetensors", "")
