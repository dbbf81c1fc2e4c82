"""docs/doctor.md, and the run in README, show what the doctor really says."""

import ast
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests import ROOT
from tests.torch_parity.doctor.styles.asked import answers, check_right, understood
from torch_parity.doctor.examination import examine_all
from torch_parity.doctor.stubs import stubs
from torch_parity.doctor.styles import STYLES

README, PAGE = ((ROOT / page).read_text(encoding="utf-8") for page in ("README.md", "docs/doctor.md"))
STORY = PAGE.partition("\n## From empty functions")[2].partition("\n## ")[0]
STEPS = STORY.split("\n### ")[1:]
(ADAPTER,) = re.findall(r"```python\n# my_course\.py\n(.*?)```", PAGE, re.DOTALL)

# What is written rightly before each step; the functions that stand in its own text come on top.
BEFORE = (
    ("relu", "flatten", "linear"),
    ("conv2d", "pad", "pad_backward", "max_pool2d", "avg_pool2d", "flatten_backward", "linear_backward"),
    (
        "conv2d_backward", "relu_backward", "max_pool2d_backward", "softmax_backward", "log_softmax",
        "log_softmax_backward", "sgd_step",
    ),
    (),
)  # fmt: skip


def functions(source: str) -> dict[str, str]:
    """The functions of a text, by name."""
    lines = source.splitlines()
    nodes = [node for node in ast.parse(source).body if isinstance(node, ast.FunctionDef)]
    return {node.name: "\n".join(lines[node.lineno - 1 : node.end_lineno]) for node in nodes}


def code(text: str) -> dict[str, str]:
    """The functions that a part of the page shows."""
    return functions("\n\n".join(re.findall(r"```python\n(.*?)```", text, re.DOTALL)))


def doctor(file: Path, columns: int = 80) -> str:
    """What the doctor says of a file, piped."""
    done = subprocess.run(
        [sys.executable, str(ROOT / "scripts" / "doctor.py"), file.name], cwd=file.parent, capture_output=True,
        text=True, env={**os.environ, "COLUMNS": str(columns), "PYTHONPATH": str(ROOT)}, check=False,
    )  # fmt: skip
    assert done.stderr == ""
    return done.stdout


def words(text: str) -> str:
    """Without line breaks, and without what changes: how many cases and mistakes there are, and how long it took."""
    return re.sub(r"\d+ of \d+ cases|the \d+ known| \d+ seconds", "", " ".join(text.split()))


def check_shown(shown: str, said: str) -> None:
    """All that is shown was said, in this order; where a line of three dots stands, lines are left out."""
    said, place = words(said), 0
    for part in filter(None, map(words, re.split(r"^ *\.\.\.$", shown, flags=re.MULTILINE))):
        found = said.find(part, place)
        assert found >= 0, f"not said: {part}"
        place = found + len(part)


@pytest.mark.slow
def test_the_story_runs_as_it_is_told(tmp_path: Path) -> None:
    """From step to step the file is completed and mended, and the doctor says what stands there."""
    file = tmp_path / "my_layers.py"
    in_the_end = code(STEPS[-1])
    text = stubs(file.name)
    for step, before in zip(STEPS, BEFORE, strict=True):
        right = {name: in_the_end[name] for name in before}
        for name, written in (in_the_end if step is STEPS[-1] else {**right, **code(step)}).items():
            text = text.replace(functions(text)[name], written)
        file.write_text(text, encoding="utf-8")
        said = doctor(file)
        for shown in re.findall(r"```\n(.*?)```", re.sub(r"```python\n.*?```", "", step, flags=re.DOTALL), re.DOTALL):
            check_shown(shown, said)
        if step is STEPS[1]:
            (run,) = re.findall(r"doctor\.py my_layers\.py\n(.*?)```", README, re.DOTALL)
            assert len(run.splitlines()) <= 15
            check_shown(run, doctor(file, columns=120))


def test_the_adapter_works(tmp_path: Path) -> None:
    """It hands over all as the function wants it, and without it the function is not understood."""
    source = """
import numpy as np


def slide(picture, stamp):
    (H, W, C, N), (kH, kW, C, O) = picture.shape, stamp.shape
    y = np.zeros((H - kH + 1, W - kW + 1, O, N))
    for i in range(H - kH + 1):
        for j in range(W - kW + 1):
            y[i, j] = np.einsum("hwcn,hwco->on", picture[i : i + kH, j : j + kW], stamp)
    return y
"""
    assert not answers(source, tmp_path)
    here, not_understood = understood(source, tmp_path, adapter=ADAPTER)
    check_right({(entry.subject.found, entry.subject.name): entry for entry in examine_all(here.find(), here.ask)})
    assert not not_understood


def test_the_table_has_every_style() -> None:
    assert set(re.findall(r"^\| `(\w+)` \|", PAGE, re.MULTILINE)) == set(STYLES)


def test_a_function_may_be_named_by_hand(tmp_path: Path) -> None:
    (name, formula) = re.findall(r"`--as (\w+)=(\w+)`", PAGE)[0]
    here, _ = understood(f"def {name}(v):\n    return v.clip(0)\n", tmp_path, named={name: formula})
    assert [entry.verdict for entry in examine_all(here.find(), here.ask)] == ["equal"]
