"""Which files of a folder are pictures, and why the others are not."""

import os
from pathlib import Path
from typing import BinaryIO

from PIL import Image

# What people take for pictures, by the first bytes: an offset, what stands there, and what to do instead.
HEIC = "a photograph in HEIC, which is not read here: save it as JPEG or PNG"
PDF = "a PDF: save the page as PNG"
SVG = "a drawing in SVG: export it as PNG"
NO_PICTURES = [
    *((4, b"ftyp" + brand, HEIC) for brand in (b"heic", b"heix", b"hevc", b"mif1", b"msf1", b"heim", b"heis")),
    (0, b"%PDF", PDF),
    (0, b"<svg", SVG),
]
NO_PICTURES_BY_NAME = {
    ".heic": HEIC,
    ".heif": HEIC,
    ".pdf": PDF,
    ".svg": SVG,
}


def no_picture(path: Path, file: BinaryIO) -> str | None:
    """Why ``file``, opened at its start, is no picture, where that is known.  It is left at its start."""
    start = file.read(16)
    file.seek(0)
    for offset, content, reason in NO_PICTURES:
        if start[offset:].startswith(content):
            return reason
    return SVG if path.suffix.lower() == ".svg" else None


class PassedOver(dict[Path, str]):
    """Files that were not taken for pictures, and why not."""


def pictures_in(path: str | os.PathLike[str]) -> tuple[list[Path], PassedOver]:
    """``path`` itself or, where it is a folder, the pictures in it by name, and what else is there.

    A picture is what has the suffix of one.  Subfolders are not entered, and hidden files are not spoken of.
    Raises ValueError for a folder without any picture.
    """
    path = Path(path)
    if not path.is_dir():
        return [path], PassedOver()
    Image.init()
    suffixes = {suffix for suffix, kind in Image.registered_extensions().items() if kind in Image.OPEN}
    files, others = [], PassedOver()
    for one in sorted(path.iterdir()):
        suffix = one.suffix.lower()
        if one.name.startswith("."):
            continue
        if suffix in suffixes and one.is_file():
            files.append(one)
        elif one.is_dir():
            others[one] = "a folder"
        else:
            others[one] = NO_PICTURES_BY_NAME.get(suffix, "its name does not end as a picture's does")
    if not files:
        listed = "; ".join(f"{one.name}: {reason}" for one, reason in others.items())
        raise ValueError(f"{path} is a folder without pictures{': ' if listed else ''}{listed}")
    return files, others
