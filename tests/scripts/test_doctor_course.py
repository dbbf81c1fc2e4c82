"""doctor.py for a course: stubs, points, and asking on every save."""

import base64
import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests import ROOT

RIGHT = "def relu_forward(x):\n    return x.clip(0), x\n"
SCRIPT = [sys.executable, str(ROOT / "scripts" / "doctor.py")]
ENVIRONMENT = {**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")])}


def doctor(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*SCRIPT, *arguments], cwd=folder, env=ENVIRONMENT, capture_output=True, text=True, check=False
    )


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "mine.py").write_text(RIGHT, encoding="utf-8")
    (tmp_path / "weights.json").write_text('{"relu": 2, "softmax": 1}', encoding="utf-8")
    return tmp_path


@pytest.mark.slow
def test_stubs_are_written_once(tmp_path: Path) -> None:
    assert doctor(tmp_path, "--new", "layers.py").returncode == 0
    again = doctor(tmp_path, "--new", "layers.py")
    assert again.returncode == 2
    assert "--new: layers.py exists already, and stays as it is" in again.stderr


@pytest.mark.slow
def test_points_are_printed_and_written(folder: Path) -> None:
    (folder / "output").write_text("before\n", encoding="utf-8")
    ran = doctor(folder, "mine.py", "--grade", "weights.json", "--gradescope", "results.json", "--classroom", "output")
    assert ran.returncode == 0
    assert ran.stdout.endswith("relu     2/2  relu_forward: equal\nsoftmax  0/1  not found in the file\nall      2/3\n")
    found = json.loads((folder / "results.json").read_text(encoding="utf-8"))
    assert [test["score"] for test in found["tests"]] == [2, 0]
    assert found["output"] == "1 of 1 right"
    before, line = (folder / "output").read_text(encoding="utf-8").splitlines()
    assert before == "before"
    assert json.loads(base64.b64decode(line.removeprefix("result=")))["max_score"] == 3


@pytest.mark.slow
def test_json_stays_json(folder: Path) -> None:
    assert json.loads(doctor(folder, "mine.py", "--json", "--grade", "weights.json").stdout)["equal"]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--grade", "none.json"], "--grade: [Errno 2] No such file or directory: 'none.json'"),
        (["--grade", "mine.py"], "--grade: mine.py: Expecting value"),
        (["--gradescope", "results.json"], "--gradescope and --classroom need points: --grade WEIGHTS"),
        (["--grade", "weights.json", "--gradescope", "none/results.json"], "none/results.json"),
    ],
)
def test_wrong_arguments_are_refused_before_anything_is_executed(
    arguments: list[str], message: str, folder: Path
) -> None:
    (folder / "mine.py").write_text("open('executed', 'w')", encoding="utf-8")
    ran = doctor(folder, "mine.py", *arguments)
    assert (ran.returncode, ran.stdout) == (2, "")
    assert message in " ".join(ran.stderr.split())


@pytest.mark.slow
def test_it_asks_again_on_every_save(folder: Path) -> None:
    with subprocess.Popen(
        [*SCRIPT, "mine.py", "--watch"], cwd=folder, env=ENVIRONMENT, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        for code, said in ((RIGHT, "1 of 1 right"), (RIGHT.replace("clip(0)", "clip(1)"), "0 of 1 right, 1 different")):
            (folder / "mine.py").write_text(code, encoding="utf-8")
            assert any(line.startswith(said) for line in process.stdout)
        process.send_signal(signal.SIGINT)
        process.stdout.read()
        assert process.wait() == 0
