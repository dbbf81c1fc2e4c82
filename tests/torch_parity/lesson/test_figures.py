"""The figures for slides show the page's numbers."""

import io
import re
from dataclasses import replace

import numpy as np
import pytest
from matplotlib.figure import Figure
from PIL import Image

from torch_parity.lesson import figures, page
from torch_parity.lesson.sections import SECTIONS, convolution

PAGE = """
<section id="one"><h2><span class="quiet">1</span> Addition</h2><p class="idea">Two become one.</p><div class="row">
<table data-matrix="one.left" data-editable><caption>left</caption><tbody>
<tr><td data-value="1"><input></td><td data-value="-2.5"></td></tr></tbody></table>
<span class="sign">+</span>
<table data-matrix="one.right"><caption>right</caption><tbody><tr><td data-value="1e-7"></td></tr></tbody></table>
</div></section>
<section id="two"><h2>Nothing to count</h2><p class="idea">Words alone &amp; no numbers.</p></section>
<section id="three"><h2>A picture</h2><div class="row">
<table data-matrix="three.pixels" data-picture><caption>pixels</caption><tbody>{}</tbody></table></div></section>
""".replace("{}", "<tr>" + "".join(f'<td data-value="{9 * n}"></td>' for n in range(28)) + "</tr>")


def texts(figure: Figure) -> list[str]:
    return [text.get_text() for axes in figure.axes for text in axes.texts]


def wide_rows(names: int) -> str:
    row, sign = '<td data-value="12345"></td>' * 9, '<span class="sign">→</span>'
    tables = "".join(
        f'<table data-matrix="w.m{n}"><caption>m</caption><tbody><tr>{row}</tr></tbody></table>{sign}'
        for n in range(names)
    )
    return f'<section id="w"><h2>Wide</h2><div class="row">{tables}</div></section>'


def test_a_matrix_is_drawn_with_its_numbers_and_signs() -> None:
    assert texts(figures.draw(PAGE)["one"]) == ["Addition", "left", "1", "−2.5", "+", "right", "1.0e−7"]


def test_what_has_no_matrix_is_words() -> None:
    assert texts(figures.draw(PAGE)["two"]) == ["Nothing to count", "Words alone & no numbers."]


def test_a_large_picture_is_grey_pixels() -> None:
    figure = figures.draw(PAGE)["three"]
    assert texts(figure) == ["A picture", "pixels"]
    (image,) = figure.axes[0].images
    shades = np.asarray(image.get_array())[0, :, 0]
    assert shades == pytest.approx(9 * np.arange(28) / 255, abs=0.01)


def test_no_row_is_wider_than_a_slide() -> None:
    figure = figures.draw(wide_rows(3))["w"]
    assert figure.get_figwidth() <= figures.SLIDE + 2 * figures.EDGE
    assert figure.get_figheight() > 3 * figures.CELL


def test_nothing_reaches_over_the_edge() -> None:
    for figure in [*figures.draw(PAGE).values(), *figures.draw(wide_rows(3)).values()]:
        box = figure.get_tightbbox()
        assert box.x0 >= 0
        assert box.y0 >= 0
        assert box.x1 <= figure.get_figwidth() + 1e-9
        assert box.y1 <= figure.get_figheight() + 1e-9


def test_files_are_svg_and_png_and_always_the_same() -> None:
    found = figures.files(figures.draw(PAGE))
    assert set(found) == {f"{name}.{kind}" for name in ("one", "two", "three") for kind in ("svg", "png")}
    assert found == figures.files(figures.draw(PAGE))
    assert found["one.svg"].startswith(b"<?xml")
    width, _ = Image.open(io.BytesIO(found["one.png"])).size
    assert width > 400


def test_the_page_can_be_drawn(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(page, "SECTIONS", (replace(convolution.SECTION, demonstrations=()),))
    drawn = texts(figures.draw(page.build())["convolution"])
    assert drawn[0] == "Convolution"
    assert [text for text in drawn if text in "∗+="] == ["∗", "+", "="]
    numbers = [text for text in drawn if re.fullmatch("−?[0-9]+", text)]
    assert numbers[:5] == ["1", "2", "3", "0", "1"]
    assert numbers[-9:] == ["−6", "14", "15", "−5", "9", "14", "−4", "4", "6"]


@pytest.mark.slow
def test_every_section_can_be_drawn() -> None:
    drawn = figures.draw(page.build())
    assert list(drawn) == [section.name for section in SECTIONS]
    for figure in drawn.values():
        box = figure.get_tightbbox()
        assert min(box.x0, box.y0) >= 0
        assert box.x1 <= figure.get_figwidth() + 1e-9
        assert box.y1 <= figure.get_figheight() + 1e-9
