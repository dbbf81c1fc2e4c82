"""The pictures of a folder are found, and what else is there is named."""

from pathlib import Path

import pytest

from torch_parity.training.pictures import look, pictures_in


def test_the_pictures_in_a_folder(tmp_path: Path) -> None:
    (tmp_path / "inner.png").mkdir()
    for name in ("b.PNG", "a.jpeg", "c.txt", ".d.png", "e.pdf", "f", "g.heif", "h.svg"):
        (tmp_path / name).touch()
    files, others = pictures_in(tmp_path)
    assert files == [tmp_path / "a.jpeg", tmp_path / "b.PNG"]
    assert {path.name: reason for path, reason in others.items()} == {
        "c.txt": "its name does not end as a picture's does",
        "e.pdf": "a PDF: save the page as PNG",
        "f": "its name does not end as a picture's does",
        "g.heif": "a photograph in HEIC, which is not read here: save it as JPEG or PNG",
        "h.svg": "a drawing in SVG: export it as PNG",
        "inner.png": "a folder",
    }
    assert pictures_in(tmp_path / "f") == ([tmp_path / "f"], {})
    (tmp_path / "inner.png/notes.txt").touch()
    with pytest.raises(ValueError, match=r"inner.png is a folder without pictures: notes.txt: its name does not end"):
        pictures_in(tmp_path / "inner.png")
    (tmp_path / "nothing").mkdir()
    with pytest.raises(ValueError, match=r"nothing is a folder without pictures$"):
        pictures_in(tmp_path / "nothing")


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"\0\0\0\x18ftypheic", "a photograph in HEIC"),
        (b"\0\0\0\x18ftypmif1", "a photograph in HEIC"),
        (b"%PDF-1.7", "a PDF: save the page"),
        (b"<svg xmlns=", "a drawing in SVG"),
    ],
)
def test_what_people_take_for_a_picture_is_told_by_its_content(content: bytes, reason: str, tmp_path: Path) -> None:
    (tmp_path / "picture.jpg").write_bytes(content + bytes(40))
    with pytest.raises(ValueError, match=f"picture.jpg: no picture that can be read: {reason}"):
        look(tmp_path / "picture.jpg")


def test_svg_may_begin_in_many_ways(tmp_path: Path) -> None:
    (tmp_path / "digit.svg").write_text("<?xml version='1.0'?><svg></svg>")
    with pytest.raises(ValueError, match=r"digit.svg: no picture that can be read: a drawing in SVG: export it as PNG"):
        look(tmp_path / "digit.svg")
