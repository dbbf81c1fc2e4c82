"""The page of the proof says what its dictionary holds."""

import copy
import re
from typing import Any

import pytest

from tests.torch_parity.pages.outline import Outline
from torch_parity.audit.planting import EVIDENCE
from torch_parity.pages.proof_page import page

HOSTILE = """<script>alert("&')</script>"""
ESCAPED = "&lt;script&gt;alert(&#34;&amp;&#39;)&lt;/script&gt;"

TALLY = {
    "compared": 1200,
    "elements": 4000,
    "identical": 3000,
    "exact_elements": 3000,
    "exact_different": 0,
    "largest_share": 0.256,
    "different": 0,
}
FOUND: dict[str, Any] = {
    "arguments": {"seed": 7},
    "machine": {"processor": "a fast one"},
    "seconds": 1.2,
    "equal": True,
    "formulas": [
        {
            "name": "linear",
            "twin": "torch.nn.Linear",
            "formula": "y = x W^T + b",
            "cases": 1200,
            "equal": True,
            "results": {"output": TALLY, "grad_weight": {**TALLY, "exact_elements": 4000}},
            "failures": [],
        }
    ],
    "coverage": [{"name": "linear", "share": 0.75, "missing": [f"pair {number}" for number in range(7)]}],
    "self_test": [
        {
            "name": "transposed",
            "formula": "linear",
            "explanation": "The weights are transposed.",
            "signature": "Right for symmetric ones.",
            "caught": True,
            "rejected": {**dict.fromkeys(EVIDENCE, 1234), EVIDENCE[0]: 0, EVIDENCE[1]: None},
        }
    ],
    "exactness": [
        {
            "formula": "linear",
            "result": "output",
            "smallest_error_seen": {"lattice float32": [2.0**-23, 2.0**-20], "real float32": None},
            "rms_error": {"float32": {"cases": 100, "numpy": 0.5, "torch": 0.4}},
        }
    ],
}


@pytest.fixture
def found() -> dict[str, Any]:
    """A copy, to change."""
    return copy.deepcopy(FOUND)


def different(found: dict[str, Any]) -> dict[str, Any]:
    """As it is after seven calls of a formula differed."""
    found["equal"] = found["formulas"][0]["equal"] = False
    found["formulas"][0]["results"]["output"] |= {"different": 7, "exact_different": 9}
    found["formulas"][0]["failures"] = [
        {"case": number, "description": f"call {number}", "difference": "by far"} for number in range(7)
    ]
    return found


def verdicts(markup: str) -> list[tuple[str, str]]:
    """The colour and the text of each."""
    return re.findall('<span class="verdict ([a-z]*)">(.*?)</span>', markup)


def words(markup: str) -> str:
    """What a person reads of it."""
    return " ".join(re.sub("<[^>]*>", " ", markup).split())


def test_a_screen_reader_finds_its_way(found: dict[str, Any]) -> None:
    outline = Outline(page(found))
    outline.check()
    assert len(outline.regions) == 5
    Outline(page(different(found))).check()


def test_it_stands_alone(found: dict[str, Any]) -> None:
    text = page(found)
    assert "http" not in text
    assert "<script" not in text
    assert "prefers-color-scheme: dark" in text


def test_it_says_where_the_lesson_is(found: dict[str, Any]) -> None:
    for one in (found, {**found, "formulas": []}):
        first_screen = page(one).partition("Where and how</h2>")[0]
        assert "<code>make lesson</code>" in first_screen
        assert "<code>lesson.html</code>" in first_screen
        assert "href" not in first_screen


def test_no_name_becomes_markup(found: dict[str, Any]) -> None:
    found = different(found)
    found["machine"] = {HOSTILE: HOSTILE}
    found["arguments"] = {"backend": HOSTILE}
    formula, mistake = found["formulas"][0], found["self_test"][0]
    formula |= {"name": HOSTILE, "twin": HOSTILE, "formula": HOSTILE, "results": {HOSTILE: TALLY}}
    formula["failures"] = [{"case": 1, "description": HOSTILE, "difference": HOSTILE}]
    found["coverage"][0] |= {"name": HOSTILE, "missing": [HOSTILE]}
    mistake |= {"name": HOSTILE, "formula": HOSTILE, "explanation": HOSTILE, "signature": HOSTILE}
    found["exactness"][0] |= {"formula": HOSTILE, "result": HOSTILE, "smallest_error_seen": {HOSTILE: None}}
    text = page(found)
    assert "<script" not in text
    assert text.count(ESCAPED) == 19
    Outline(text).check()


def test_what_was_equal(found: dict[str, Any]) -> None:
    markup = page(found)
    assert verdicts(markup)[:3] == [("good", "equal")] * 3
    text = words(markup)
    assert "against torch equal 1 formula was computed twice" in text
    assert "1,200 random calls gave 8,000 pairs of numbers" in text
    assert "processor a fast one seed 7 1 second." in text
    assert "linear torch.nn.Linear y = x W^T + b 1,200 output 3,000 of 3,000 25.6% equal" in text
    assert "gradient of the weights 4,000 of 4,000 none: bit for bit equal" in text
    assert "What differs" not in text


def test_what_was_different(found: dict[str, Any]) -> None:
    markup = page(different(found))
    assert verdicts(markup)[:3] == [("bad", "1 formula differs"), ("bad", "different in 7 calls"), ("good", "equal")]
    text = words(markup)
    assert "against torch 1 formula differs 1 formula was" in text
    assert "2,991 of 3,000 25.6% different in 7 calls" in text
    assert re.findall(r"linear (\d) call (\d) by far", text) == [(str(n), str(n)) for n in range(5)]


def test_what_was_covered(found: dict[str, Any]) -> None:
    markup = page(found)
    assert 'style="width:75.0%"></span></span>75.0%' in markup
    assert "pair 0; pair 1; pair 2; pair 3; pair 4; and 2 more" in words(markup)


def test_which_mistakes_were_rejected(found: dict[str, Any]) -> None:
    markup = page(found)
    assert verdicts(markup)[-1] == ("good", "1 of 1 planted mistakes rejected")
    assert re.findall('<td class="cell ([a-z]*)"', markup) == ["unseen", "none", *["seen"] * (len(EVIDENCE) - 2)]
    assert "Right for symmetric ones. – 1,234 1,234" in words(markup)
    found["self_test"][0]["caught"] = False
    assert verdicts(page(found))[-1] == ("bad", "0 of 1 planted mistakes rejected")


def test_how_exact_both_sides_are(found: dict[str, Any]) -> None:
    markup = page(found)
    assert "2<sup>−23</sup> (2<sup>−20</sup>)" in markup
    assert "linear output 2 −23 (2 −20 ) - 0.500 0.400 1.25 not measured" in words(markup)
    assert 'class="torch"><span class="bar"><span style="width:80.0%">' in markup
    found["exactness"][0]["rms_error"]["float32"] |= {"numpy": 0.0, "torch": 0.0}
    assert "linear output 2 −23 (2 −20 ) - none not measured" in words(page(found))


def test_what_was_not_done_has_no_section(found: dict[str, Any]) -> None:
    found |= {"coverage": [], "self_test": [], "exactness": []}
    markup = page(found)
    assert re.findall("<h2>(.*?)</h2>", markup) == ["Where and how", "The formulas"]
    Outline(markup).check()


def test_an_audit_alone_claims_no_equality() -> None:
    text = page({**FOUND, "formulas": [], "coverage": []})
    assert "This page holds no comparison" in text
    assert "The formulas</h2>" not in text
    assert ">equal<" not in text
    assert "Could it have failed?" in text
    assert "This page holds no comparison" not in page(FOUND)
