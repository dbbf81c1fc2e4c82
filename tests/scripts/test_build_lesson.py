"""scripts/build_lesson.py, as a user runs it."""

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import nbformat
import pytest

from tests import ROOT
from tests.scripts import run
from torch_parity.lesson.sections import SECTIONS

SCRIPT = "scripts/build_lesson.py"
OLD = "the lesson of yesterday"
# The first output of the example, -6, is -5.
RIGHT, WRONG = "return output.transpose(3, 0, 1, 2)", "return (output + (output == -6)).transpose(3, 0, 1, 2)"


@pytest.mark.slow
def test_it_writes_all_that_is_asked_for(tmp_path: Path) -> None:
    page, book, folder = tmp_path / "a.html", tmp_path / "b.ipynb", tmp_path / "new" / "figures"
    done = run(SCRIPT, "--out", str(page), "--notebook", str(book), "--figures", str(folder))
    names = {f"{section.name}.{kind}" for section in SECTIONS for kind in ("svg", "png")}
    assert {path.name for path in folder.iterdir()} == names
    assert len(done.stdout.splitlines()) == 2 + len(names)
    assert done.stdout.startswith(f"{page}: ")
    assert "<!doctype html>" in page.read_text(encoding="utf-8")
    nbformat.validate(nbformat.read(book, as_version=4))
    assert {path.name for path in tmp_path.iterdir()} == {"a.html", "b.ipynb", "new"}


def planted(folder: Path, file: str, right: str, wrong: str) -> dict[str, str]:
    """The environment in which a copy of the project with one change is imported."""
    for package in ("reference", "torch_parity", "scripts"):
        shutil.copytree(ROOT / package, folder / package, ignore=shutil.ignore_patterns("__pycache__"))
    text = (folder / file).read_text(encoding="utf-8")
    assert right in text
    (folder / file).write_text(text.replace(right, wrong, 1), encoding="utf-8")
    return {**os.environ, "PYTHONPATH": str(folder)}


def build(folder: Path, environment: dict[str, str], *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, SCRIPT, *arguments], cwd=folder, env=environment, capture_output=True, text=True, check=False
    )


@pytest.mark.slow
def test_a_wrong_number_leaves_the_old_page(tmp_path: Path) -> None:
    project = tmp_path / "project"
    environment = planted(project, "reference/conv.py", RIGHT, WRONG)
    page, figures = tmp_path / "lesson.html", tmp_path / "figures"
    page.write_text(OLD, encoding="utf-8")
    done = build(project, environment, "--out", str(page), "--figures", str(figures))
    assert done.returncode == 1
    assert done.stdout == ""
    assert done.stderr.startswith("build_lesson.py: NumPy and torch differ, so there is no lesson: ")
    assert page.read_text(encoding="utf-8") == OLD
    assert not figures.exists()
    assert {path.name for path in tmp_path.iterdir()} == {"project", "lesson.html"}


@pytest.mark.slow
@pytest.mark.parametrize("missing", ["latex2mathml", "pygments", "matplotlib", "nbformat"])
def test_it_says_what_is_missing(missing: str, tmp_path: Path) -> None:
    (tmp_path / f"{missing}.py").write_text(f'raise ImportError("No module named {missing!r}")', encoding="utf-8")
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join((str(tmp_path), str(ROOT)))}
    outputs = (
        "--out",
        str(tmp_path / "a.html"),
        "--figures",
        str(tmp_path / "f"),
        "--notebook",
        str(tmp_path / "n.ipynb"),
    )
    done = build(ROOT, environment, *outputs)
    assert done.returncode == 2, done.stderr
    assert missing in done.stderr
    assert done.stderr.count("pip install 'cnn-reference[lesson]'") == 1
    assert "Traceback" not in done.stderr
    assert [path.name for path in tmp_path.iterdir() if path.suffix != ".py"] in ([], ["__pycache__"])


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--out", "lesson.pdf"), "--out must end in .html, got lesson.pdf"),
        (("--out", "nowhere/lesson.html"), "--out: [Errno 2] No such file or directory: "),
        (("--notebook", "lesson.txt"), "--notebook must end in .ipynb, got lesson.txt"),
        (("--notebook", "nowhere/lesson.ipynb"), "--notebook: [Errno 2] No such file or directory: "),
        (("--figures", "README.md"), "--figures must be a folder, or new, got README.md"),
        (("--section", "relu"), "unrecognized arguments: --section relu"),
    ],
)
def test_it_refuses_bad_arguments(arguments: tuple[str, ...], message: str, refusal: Callable[..., str]) -> None:
    assert message in refusal(SCRIPT, *arguments)
    assert not (ROOT / "nowhere").exists()
