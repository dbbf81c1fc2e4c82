"""Every Python is tried with the lowest and the newest versions, and one that fails stops nothing."""

import os
import platform
import sys
from pathlib import Path

import pytest

from scripts import versions
from tests import ROOT

PROJECT = '[project]\ndependencies = ["numpy>=2.3.1", "torch>=2.9"]\n'
PINNED = "# Why they are pinned.\nmpmath==1.3.0\nnumpy==2.4.6\ntorch==2.13.0\n"


def executable(path: Path, program: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/sh\n{program}\n", encoding="utf-8")
    path.chmod(0o755)
    return path


def test_the_lowest_versions_are_those_of_the_project() -> None:
    assert versions.lowest(PROJECT) == {"numpy": "2.3.1", "torch": "2.9"}
    assert set(versions.lowest((ROOT / "pyproject.toml").read_text(encoding="utf-8"))) >= {"numpy", "torch"}


def test_other_packages_stay_as_pinned() -> None:
    assert versions.constraints(PINNED, {"numpy": "2.3.1"}) == "mpmath==1.3.0\nnumpy==2.3.1\ntorch==2.13.0\n"
    assert versions.constraints(PINNED, {"numpy": None, "torch": None}) == "mpmath==1.3.0\n"


def test_it_finds_the_first_of_each_python_that_works(tmp_path: Path) -> None:
    path, pyenv = tmp_path / "path", tmp_path / "pyenv"
    executable(path / "python3.9", "echo 3.9.1")
    executable(path / "python3.12", "exit 127")  # a shim that leads nowhere
    executable(path / "python3.13", "echo 3.13.0")
    executable(path / "python3.13-config", "echo 3.13.0")
    executable(pyenv / "python3.12", "echo 3.12.1")
    executable(pyenv / "python3.13", "echo 3.13.7")
    found = versions.pythons([path, tmp_path / "missing", pyenv])
    assert list(found.items()) == [("3.12.1", pyenv / "python3.12"), ("3.13.0", path / "python3.13")]


def test_this_python_works(tmp_path: Path) -> None:
    path = executable(tmp_path / f"python3.{sys.version_info.minor}", f'exec "{sys.executable}" "$@"')
    assert versions.pythons([tmp_path]) == {platform.python_version(): path}


# Installs what the constraints say, or version 9; the tests fail with the lowest versions on Python 3.12.
MAKE = """
for argument; do case $argument in VENV=* | CONSTRAINTS=* | TESTS=*) eval "$argument";; esac; done
echo "$TESTS"
for name in numpy torch; do
    version=$(sed -n "s/^$name==//p" "$CONSTRAINTS")
    folder=$VENV/lib/python3.12/site-packages/$name-${version:=9}.dist-info
    mkdir -p "$folder"
    printf 'Name: %s\\nVersion: %s\\n' "$name" "$version" > "$folder/METADATA"
done
case $VENV in
*/3.12.1-lowest) echo "1 failed, 2 passed, 3 deselected in 4.56s"; exit 2;;
*) echo "3 passed in 4.56s";;
esac
"""


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project whose ``make`` only says what it was asked, where there are Python 3.12 and 3.13."""
    (tmp_path / "pyproject.toml").write_text(PROJECT, encoding="utf-8")
    (tmp_path / "constraints.txt").write_text(PINNED, encoding="utf-8")
    executable(tmp_path / "bin" / "make", MAKE)
    executable(tmp_path / "bin" / "python3.12", "echo 3.12.1")
    executable(tmp_path / "pyenv" / "versions" / "3.13.0" / "bin" / "python3.13", "echo 3.13.0")
    monkeypatch.setattr(versions, "ROOT", tmp_path)
    monkeypatch.setattr(versions, "RUNS", tmp_path / "build" / "versions")
    monkeypatch.setattr(versions, "PYENV", tmp_path / "pyenv")
    monkeypatch.setattr(os, "get_exec_path", lambda env=None: [str(tmp_path / "bin")])
    monkeypatch.setenv("PATH", str(tmp_path / "bin"), prepend=os.pathsep)
    return tmp_path


def test_it_goes_on_after_a_failure(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert versions.main([]) == 1
    assert capsys.readouterr().out.splitlines() == [
        "Python 3.12.1   NumPy 2.3.1        torch 2.9          1 failed, 2 passed, 3 deselected in 4.56s"
        "   see build/versions/3.12.1-lowest.log",
        "Python 3.12.1   NumPy 9            torch 9            3 passed in 4.56s",
        "Python 3.13.0   NumPy 2.3.1        torch 2.9          3 passed in 4.56s",
        "Python 3.13.0   NumPy 9            torch 9            3 passed in 4.56s",
    ]
    # What failed can be looked into; what passed leaves no gigabytes.
    assert [path.name for path in (project / "build" / "versions").iterdir() if path.is_dir()] == ["3.12.1-lowest"]


def test_it_fails_only_if_a_run_does(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (project / "bin" / "python3.12").unlink()
    assert versions.main([]) == 0
    assert len(capsys.readouterr().out.splitlines()) == 2


def test_it_says_if_no_test_ran(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    executable(project / "bin" / "make", "echo No matching distribution; exit 2")
    assert versions.main([]) == 1
    line = capsys.readouterr().out.splitlines()[0]
    assert (
        line
        == "Python 3.12.1   NumPy -            torch -            no test ran   see build/versions/3.12.1-lowest.log"
    )


def test_only_numpy_is_lowest_for_the_tests_of_reference(project: Path, capfd: pytest.CaptureFixture[str]) -> None:
    assert versions.main(["--lowest-numpy"]) == 0
    assert capfd.readouterr().out.splitlines() == ["tests/reference", "3 passed in 4.56s"]
    chosen = (project / "build" / "versions" / "lowest-numpy.constraints").read_text(encoding="utf-8")
    assert chosen == "mpmath==1.3.0\nnumpy==2.3.1\ntorch==2.13.0\n"


def test_other_arguments_are_refused() -> None:
    with pytest.raises(SystemExit, match="make versions"):
        versions.main(["--newest"])
