"""scripts/doctor.py, as a user runs it."""

import json
import os
import pty
import signal
import subprocess
import sys
import textwrap
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests import ROOT
from tests.scripts import run

SCRIPT = "scripts/doctor.py"

# As for the first assignments of CS231n: right but for the kernel, which is turned, and the gradient's bias.
LAYERS = """
import numpy as np

print("testing \\x1b[31m my layers")
print({"file": "nonsense"})


def conv_forward_naive(x, w, b, conv_param):
    stride, pad = conv_param["stride"], conv_param["pad"]
    xp = np.pad(x, ((0, 0), (0, 0), (pad, pad), (pad, pad)))
    height = 1 + (xp.shape[2] - w.shape[2]) // stride
    width = 1 + (xp.shape[3] - w.shape[3]) // stride
    out = np.zeros((len(x), len(w), height, width))
    print("shape", out.shape)
    for i in range(height):
        for j in range(width):
            window = xp[:, :, i * stride : i * stride + w.shape[2], j * stride : j * stride + w.shape[3]]
            out[:, :, i, j] = np.einsum("nchw,ochw->no", window, w[:, :, ::-1, ::-1]) + b
    return out, (x, w, b, conv_param)


def relu_forward(x):
    return np.maximum(x, 0), x


def relu_backward(dout, cache):
    return np.where(cache <= 0, 0, dout)


def blend(x):
    return x
"""
RIGHT = "import numpy as np\n\n\ndef relu_forward(x):\n    return np.maximum(x, 0), x\n"


def file_with(folder: Path, code: str) -> str:
    file = folder / "mine.py"
    file.write_text(textwrap.dedent(code), encoding="utf-8")
    return str(file)


def test_a_report(tmp_path: Path) -> None:
    """From what was found to how many are right; piped, so without colours."""
    done = run(SCRIPT, file_with(tmp_path, LAYERS), code=1)
    lines = done.stdout.splitlines()
    assert lines[0] == f"Examines {tmp_path}/mine.py, which it executes in a process of its own"
    assert lines[1] == "3 functions understood, 1 not"
    assert "conv_forward_naive  (understood as conv2d; CS231n's signature)" in lines
    assert "  output  DIFFERENT" in lines
    assert "[kernel-flipped]" in done.stdout
    assert "Proven: your output is what this mistake gives in" in " ".join(done.stdout.split())
    assert "relu_forward  (relu; CS231n's signature)  equal" in lines
    assert "  blend  its name is not that of a formula" in done.stdout
    assert "what helps: --as blend=FORMULA" in " ".join(done.stdout.split())
    assert "testing \\x1b[31m my layers" in done.stdout
    assert "\x1b" not in done.stdout
    assert lines[-1].startswith("2 of 3 right, 1 different   ")
    assert done.stderr == ""


@pytest.mark.slow
def test_json_is_all_there_is_whatever_the_file_prints(tmp_path: Path) -> None:
    done = run(SCRIPT, file_with(tmp_path, LAYERS), "--json", code=1)
    found = json.loads(done.stdout, parse_constant=lambda name: pytest.fail(f"{name} is not JSON"))
    assert not found["equal"]
    assert [one["name"] for one in found["functions"]] == ["conv2d", "relu", "relu_backward"]
    assert [one["mistake"] for one in found["functions"][0]["diagnosis"]] == ["kernel-flipped"]
    assert found["not_understood"][0]["found"] == "blend"
    assert found["printed"].startswith("testing")
    assert done.stderr == ""


@pytest.mark.slow
def test_one_function_alone(tmp_path: Path) -> None:
    done = run(SCRIPT, file_with(tmp_path, LAYERS), "--only", "relu_forward", "--seed", "3", "--json")
    assert [one["found"] for one in json.loads(done.stdout)["functions"]] == ["relu_forward"]


@pytest.mark.slow
def test_a_limit_for_each_call(tmp_path: Path) -> None:
    file = file_with(tmp_path, "def relu_forward(x):\n    while True:\n        pass\n")
    text = run(SCRIPT, file, "--limit", "0.4", code=1).stdout
    assert "TOO SLOW" in text
    assert "A call took more than 0.4 s and was stopped." in text


@pytest.mark.parametrize(
    ("code", "said"),
    [
        ("def relu_forward(x:\n", "SyntaxError: "),
        ("import nowhere_to_be_found\n", "ModuleNotFoundError: No module named 'nowhere_to_be_found'"),
        ("raise SystemExit(4)\n", "SystemExit: the code ends the program (exit status 4)"),
    ],
)
def test_a_file_that_cannot_be_loaded(tmp_path: Path, code: str, said: str) -> None:
    file = file_with(tmp_path, code)
    done = run(SCRIPT, file, code=2)
    assert f"doctor.py: {file} cannot be loaded: {said}" in done.stderr
    assert "mine.py, line 1" in done.stderr
    found = json.loads(run(SCRIPT, file, "--json", code=2).stdout)
    assert found["functions"] == found["not_understood"] == []
    assert not found["equal"]
    assert said in found["error"]


@pytest.mark.slow
def test_nothing_understood_is_status_2(tmp_path: Path) -> None:
    several = run(SCRIPT, file_with(tmp_path, "def blend(x):\n    return x\n\n\ndef mix(x):\n    return x\n"), code=2)
    assert "0 functions understood, 2 not" in several.stdout
    assert "  blend, mix  its name is not that of a formula; what helps: --as NAME=FORMULA" in " ".join(
        several.stdout.split("\n")
    )
    empty = run(SCRIPT, file_with(tmp_path, "blend = 1\n"), code=2)
    assert "It defines no function and no class" in empty.stdout


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    assert f"{tmp_path}/absent.py is not there" in run(SCRIPT, str(tmp_path / "absent.py"), code=2).stderr
    assert f"{tmp_path} is a folder" in run(SCRIPT, str(tmp_path), code=2).stderr


def test_wrong_arguments_are_refused(tmp_path: Path, refusal: Callable[..., str]) -> None:
    file = file_with(tmp_path, RIGHT)
    assert "name a file to examine" in refusal(SCRIPT)
    assert "--limit must be a number of seconds above 0, got 0" in refusal(SCRIPT, file, "--limit", "0")
    assert "--seed must be at least 0, got -1" in refusal(SCRIPT, file, "--seed", "-1")
    assert "--as must be NAME=FORMULA" in refusal(SCRIPT, file, "--as", "conv2d")
    assert "no formula is called 'conv2'; did you mean conv2d?" in refusal(SCRIPT, file, "--as", "mine=conv2")
    assert "--adapter: there is no file absent.py" in refusal(SCRIPT, file, "--adapter", "absent.py")


@pytest.mark.parametrize("package", ["rich", "safetensors"])
def test_a_missing_package_is_no_traceback(package: str) -> None:
    program = f"import sys; sys.modules['{package}'] = None; from torch_parity.commands.doctor import main; main()"
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=False)
    assert package in done.stderr
    assert done.stderr.endswith("; pip install 'cnn-reference[doctor]'\n")
    assert "Traceback" not in done.stderr


@pytest.mark.slow
def test_only_a_name_that_the_file_has(tmp_path: Path) -> None:
    done = run(SCRIPT, file_with(tmp_path, RIGHT), "--only", "relu", code=2)
    assert "relu the file defines no such name; what helps: one of these: relu_forward" in " ".join(done.stdout.split())


@pytest.mark.slow
def test_explain() -> None:
    assert "What was done    The kernel is turned" in run(SCRIPT, "--explain", "kernel-flipped").stdout


@pytest.mark.slow
def test_explain_knows_the_names() -> None:
    assert "did you mean kernel-flipped" in run(SCRIPT, "--explain", "kernel-fliped", code=2).stderr
    text = run(SCRIPT, "--explain").stdout
    assert "  kernel-flipped  The kernel is turned" in text
    assert "  sign  The sign is wrong" in text


@pytest.mark.slow
def test_the_first_lines_come_before_torch_is_loaded(tmp_path: Path) -> None:
    """What was understood is printed before the half of the time is over that is mostly torch's loading."""
    command = [sys.executable, SCRIPT, file_with(tmp_path, RIGHT)]
    start = time.monotonic()
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        first, second = process.stdout.readline(), process.stdout.readline()
        seconds = time.monotonic() - start
        rest = process.stdout.read()
    whole = time.monotonic() - start
    assert process.returncode == 0
    assert first.startswith("Examines ")
    assert second == "1 function understood\n"
    assert seconds < whole / 2
    assert rest.splitlines()[-1].startswith("1 of 1 right   ")


def in_a_terminal(columns: int, *arguments: str, **environment: str) -> str:
    """What the command draws in a terminal so wide."""
    leader, follower = pty.openpty()
    variables = {name: value for name, value in os.environ.items() if name not in ("NO_COLOR", "FORCE_COLOR")}
    variables |= {"TERM": "xterm", "COLUMNS": str(columns), **environment}
    with subprocess.Popen([sys.executable, SCRIPT, *arguments], cwd=ROOT, stdout=follower, env=variables) as process:
        os.close(follower)
        text = b""
        while True:
            try:
                content = os.read(leader, 4096)
            except OSError:  # the other side is closed
                break
            if not content:
                break
            text += content
        process.wait()
    os.close(leader)
    return text.decode().replace("\r\n", "\n")


@pytest.mark.slow
@pytest.mark.parametrize("columns", [80, 120])
def test_in_a_terminal(tmp_path: Path, columns: int) -> None:
    file = file_with(tmp_path, LAYERS)
    coloured = in_a_terminal(columns, file)
    assert "\x1b[1;31mDIFFERENT\x1b[0m" in coloured
    assert "\x1b[32mequal\x1b[0m" in coloured
    plain = in_a_terminal(columns, file, NO_COLOR="1")
    assert "\x1b[3" not in plain
    lines = plain.replace("\x1b[1m", "").replace("\x1b[0m", "").splitlines()
    assert columns - 25 < max(map(len, lines[1:])) <= columns


@pytest.mark.slow
def test_ctrl_c_ends_it_quietly(tmp_path: Path) -> None:
    command = [sys.executable, SCRIPT, file_with(tmp_path, "def relu_forward(x):\n    while True:\n        pass\n")]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        process.stdout.readline()
        process.stdout.readline()
        time.sleep(3)  # torch is loaded, and the endless loop is running
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate(timeout=10)
    assert process.returncode == 130
    assert errors == ""
