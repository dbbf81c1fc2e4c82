"""The package as it is installed: built, put into an empty environment, and run there, away from the checkout."""

import json
import os
import subprocess
import sys
import tarfile
import venv
import zipfile
from pathlib import Path

import pytest

from tests import ROOT

pytestmark = pytest.mark.slow

DIGIT = "\n".join(["import numpy as np", "", "def relu_forward(x):", "    return np.maximum(x, 0), x", ""])


def run(*command: str | Path, cwd: Path, code: int = 0) -> str:
    """The standard output of ``command``, run in ``cwd`` with nothing of the checkout in sight."""
    environment = {name: value for name, value in os.environ.items() if name not in ("PYTHONPATH", "VIRTUAL_ENV")}
    done = subprocess.run(command, cwd=cwd, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == code, done.stdout + done.stderr
    assert "Traceback" not in done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """The source distribution, and the wheel that is built from it."""
    folder = tmp_path_factory.mktemp("dist")
    run(sys.executable, "-m", "build", "--outdir", folder, ROOT, cwd=folder)
    (wheel,), (source,) = folder.glob("*.whl"), folder.glob("*.tar.gz")
    return {"wheel": wheel, "source": source}


@pytest.fixture(scope="module")
def installed(built: dict[str, Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The programs of an empty environment in which the wheel was installed."""
    folder = tmp_path_factory.mktemp("environment")
    venv.create(folder / "venv", with_pip=True)
    programs = folder / "venv" / "bin"
    wanted = f"{built['wheel']}[train,lesson,doctor]"
    constraint = ROOT / "constraints.txt"
    run(programs / "python", "-m", "pip", "install", "--quiet", "--constraint", constraint, wanted, cwd=folder)
    return programs


def test_both_hold_all_that_is_needed(built: dict[str, Path]) -> None:
    with zipfile.ZipFile(built["wheel"]) as wheel, tarfile.open(built["source"]) as source:
        wheel_files = set(wheel.namelist())
        source_files = {name.partition("/")[2] for name in source.getnames()}
    kept = subprocess.run(["git", "ls-files", "reference", "torch_parity"], cwd=ROOT, capture_output=True, check=True)
    for file in kept.stdout.decode().split():
        assert file in wheel_files, file
        assert file in source_files, file
    assert not [name for name in wheel_files if name.startswith(("tests/", "scripts/"))]


def test_the_proof_runs(installed: Path, tmp_path: Path) -> None:
    text = run(installed / "cnn-reference", "parity", "--only", "relu", "--cases", "8", cwd=tmp_path)
    assert "equal" in text


def test_the_doctor_runs(installed: Path, tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text(DIGIT, encoding="utf-8")
    found = json.loads(run(installed / "cnn-reference", "doctor", "mine.py", "--json", cwd=tmp_path))
    assert found["equal"]
    assert [one["name"] for one in found["functions"]] == ["relu"]


def test_training_runs_on_the_data_in_the_package(installed: Path, tmp_path: Path) -> None:
    arguments = ("train", "--limit", "256", "--epochs", "1", "--json")
    found = json.loads(run(installed / "cnn-reference", *arguments, cwd=tmp_path))
    assert found["test_images"] == 10_000
    assert (tmp_path / found["run"] / "report.html").is_file()


def test_the_lesson_is_written(installed: Path, tmp_path: Path) -> None:
    run(installed / "cnn-reference", "lesson", "--out", "lesson.html", cwd=tmp_path)
    assert (tmp_path / "lesson.html").stat().st_size > 1_000_000
