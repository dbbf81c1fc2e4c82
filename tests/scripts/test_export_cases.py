"""scripts/export_cases.py, as a user runs it."""

import json
from pathlib import Path

import pytest

from tests.scripts import run

SCRIPT = "scripts/export_cases.py"


def test_it_writes_the_cases_asked_for(tmp_path: Path) -> None:
    options = ("--only", "relu", "--cases", "3", "--seed", "2", "--dtype", "float32")
    assert "3 cases in " in run(SCRIPT, str(tmp_path), *options).stdout
    found = json.loads((tmp_path / "cases.json").read_text())
    assert [case["id"] for case in found["cases"]] == ["relu/0", "relu/1", "relu/2"]
    assert {case["dtype"] for case in found["cases"]} == {"float32"}
    assert found["seed"] == 2


@pytest.mark.slow
def test_it_refuses_to_write_no_cases(tmp_path: Path) -> None:
    assert "--cases must be at least 1" in run(SCRIPT, str(tmp_path), "--cases", "0", code=2).stderr


@pytest.mark.slow
def test_it_says_why_a_folder_cannot_be_written(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.touch()
    assert str(file) in run(SCRIPT, str(file), "--only", "relu", "--cases", "1", code=1).stderr
