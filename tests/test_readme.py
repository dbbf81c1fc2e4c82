"""The README says what is so: its code runs, its tables and commands are those of the project."""

import os
import re
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

import torch_parity.proof.export
from tests import ROOT
from torch_parity.proof.pairs import PAIRS

README = (ROOT / "README.md").read_text(encoding="utf-8")


PIPELINE, LIBRARY, READER = re.findall(r"```python\n(.*?)```", README, re.DOTALL)


def test_the_pipeline_runs_and_learns() -> None:
    done = subprocess.run([sys.executable, "-c", PIPELINE], cwd=ROOT, capture_output=True, text=True, check=True)
    assert float(done.stdout) > 0.9


@pytest.mark.slow
def test_the_library_trains_keeps_and_resumes(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", LIBRARY], cwd=tmp_path, env={**os.environ, "PYTHONPATH": str(ROOT)}, capture_output=True,
        text=True, check=True,
    )  # fmt: skip
    assert done.stdout.splitlines()[1] == "True"
    assert len(list((tmp_path / "runs").glob("*/report.html"))) == 1


def test_the_reader_is_the_one_that_is_tested() -> None:
    documented = textwrap.dedent((torch_parity.proof.export.__doc__ or "").partition("'bits'):\n\n")[2])
    assert READER.strip() == documented.strip()


def test_the_table_has_every_formula() -> None:
    rows = re.findall(r"^\| `(\w+)` \| `(torch[\w.]+)` \|", README, re.MULTILINE)
    assert rows == [(pair.name, pair.twin_name) for pair in PAIRS]


def test_the_files_it_names_exist() -> None:
    named = re.findall(r"`((?:reference|torch_parity|scripts)/[\w./]+)`|\]\((\w+[\w.]*)\)", README)
    for code, link in named:
        assert (ROOT / (code or link)).exists(), code or link
