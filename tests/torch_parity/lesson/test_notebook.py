"""The notebook runs as it is, and judges what a student writes into it."""

import base64
import re
from pathlib import Path
from typing import Any

import nbformat
import pytest

from tests import ROOT
from torch_parity.lesson.notebook import notebook
from torch_parity.lesson.section import Section
from torch_parity.lesson.sections import SECTIONS

TAKEN = {"stride", "padding", "dilation", "kernel_size", "target", "eta"}  # options that NumPy's lines read
PNG = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
)


@pytest.fixture(scope="module")
def cells() -> list[Any]:
    text = notebook({section.name: PNG for section in SECTIONS}).decode()
    found = nbformat.reads(text, as_version=4)
    nbformat.validate(found)
    return list(found.cells)


def section(cells: list[Any], title: str) -> list[Any]:
    """The cells from this section's head to the next one's."""
    heads = [number for number, cell in enumerate(cells) if cell.source.startswith("## ")] + [len(cells)]
    (first,) = (number for number in heads[:-1] if cells[number].source.partition("\n")[0].endswith(f". {title}"))
    return cells[first : heads[heads.index(first) + 1]]


def test_every_section_is_there_with_its_formulas_and_picture(cells: list[Any]) -> None:
    heads = [cell for cell in cells if cell.source.startswith("## ")]
    for one, head in zip(SECTIONS, heads, strict=True):
        assert all(f"$${latex}$$" in head.source for latex in one.formulas.values())
        assert base64.b64decode(head.attachments["figure.png"]["image/png"]) == PNG
        assert "(attachment:figure.png)" in head.source


def test_the_calls_are_written_out(cells: list[Any]) -> None:
    numbers, in_numpy, in_torch, exercise, compared = (
        cell.source for cell in section(cells, "Convolution") if cell.cell_type == "code"
    )
    assert "image = np.array([[1, 2, 3, 0, 1],\n                  [4, 5, 6, 1, 0]," in numbers
    assert "\nstride = 1\npadding = 0\ndilation = 1\n" in numbers
    assert (
        "output = reference.conv2d(\n    image[None, None], kernel[None, None], bias.ravel(), stride=stride, "
        in in_numpy
    )
    assert "def in_torch(" in in_torch
    assert in_torch.endswith('verdict("convolution", given, options, ours, theirs)')
    assert exercise.startswith("def conv2d(x, K, b")
    assert compared == 'check(conv2d, "convolution")'


def test_all_its_code_can_be_parsed(cells: list[Any]) -> None:
    for cell in cells:
        if cell.cell_type == "code":
            compile(cell.source, "cell", "exec")


OFFERED = re.compile(r"^(\w+) = (\d[\d.]*|True|False|'\w+')$", re.M)


@pytest.mark.parametrize("one", [one for one in SECTIONS if one.options], ids=lambda one: str(one.name))
def test_every_option_that_is_offered_can_be_changed(
    cells: list[Any], one: Section, capsys: pytest.CaptureFixture[str]
) -> None:
    """NumPy's lines and torch's read it both, so that they are equal for every choice."""
    numbers, *others = (cell.source for cell in section(cells, one.title) if cell.cell_type == "code")
    offered = {name: value for name, value in OFFERED.findall(numbers) if name in one.options}
    assert offered.keys() >= one.options.keys() & TAKEN
    assert not any(f'"{name}": ' in line for line in numbers.splitlines() if line.startswith("options = ")
                   for name in one.options.keys() - offered.keys())  # fmt: skip
    changes = [(name, choice) for name in offered for choice in one.options[name]]
    for name, choice in changes or [("", None)]:
        changed = re.sub(rf"^{name} = .*$", f"{name} = {choice!r}", numbers, flags=re.M) if name else numbers
        found: dict[str, Any] = {}
        for source in (cells[1].source, changed, *others[:2]):
            exec(source, found)
        said = capsys.readouterr().out
        assert "equal " in said
        assert "DIFFERENT" not in said
        assert not name or found["options"][name] == choice


def test_a_kernel_of_ones_own_among_named_ones(cells: list[Any], capsys: pytest.CaptureFixture[str]) -> None:
    """The bound of rounding is that of the numbers in the cell."""
    numbers, *others = (cell.source for cell in section(cells, "Several filters") if cell.cell_type == "code")
    found: dict[str, Any] = {}
    for source in (cells[1].source, numbers, "given['kernel'] = kernel = kernel / 7", *others[:2]):
        exec(source, found)
    assert "equal within the bound of rounding" in capsys.readouterr().out


def run(cells: list[Any], folder: Path) -> list[str]:
    """What the code cells print."""
    from nbclient import NotebookClient

    found = nbformat.v4.new_notebook(cells=cells)
    NotebookClient(found, timeout=300, kernel_name="python3", resources={"metadata": {"path": str(folder)}}).execute()
    code = [cell for cell in found.cells if cell.cell_type == "code"]
    return ["".join(output.get("text", "") for output in cell.outputs) for cell in code]


@pytest.mark.slow
def test_the_whole_notebook_runs(cells: list[Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    printed = run(cells, tmp_path)
    exercises = sum(one.count("Not written yet.") for one in printed)
    assert exercises == sum(section.exercise.count("def ") for section in SECTIONS)
    assert "DIFFERENT" not in "".join(printed)
    proven = [one for one in SECTIONS if next(iter(one.examples())).results]
    assert sum("equal " in one for one in printed) == len(proven)


@pytest.mark.slow
def test_a_solved_exercise_is_right(cells: list[Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    chosen = [cells[1], *section(cells, "Convolution")]
    for cell in chosen:
        if cell.source.startswith("def conv2d("):
            cell.source += "\n    return reference.conv2d(x, K, b, stride, padding)"
    assert run(chosen, tmp_path)[-1].startswith("Right: ")
