"""scripts/predict.py, as a user runs it."""

import contextlib
import json
import os
import pty
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from reference.datasets import mnist
from tests import ROOT
from tests.scripts import run
from tests.torch_parity.training.test_predict import state_dict, weights
from torch_parity.files import save_arrays
from torch_parity.training.pictures import look

__all__ = ["weights"]  # a fixture

SCRIPT = "scripts/predict.py"


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    """A folder with a seven and a two, dark on light, and between them a file that is no picture."""
    folder = tmp_path / "pictures"
    folder.mkdir()
    for name, digit in (("a seven.png", 0), ("c [red]two.png", 1)):
        large = np.kron(mnist().test_images[digit], np.ones((6, 6), np.uint8))
        Image.fromarray(255 - large).save(folder / name)
    (folder / "b bad.png").write_bytes(b"\x89PNG, but no more")
    return folder


def test_a_pipe_gets_plain_text_of_all_pictures_but_the_bad_ones(pictures: Path, weights: Path) -> None:
    empty = pictures / "empty"
    empty.mkdir()
    odd = os.fsdecode(os.fsencode(pictures) + b"/odd \xff.png")
    shutil.copy(pictures / "a seven.png", odd)
    done = run(SCRIPT, "absent.png", str(empty), str(pictures), "--weights", str(weights.parent), code=2)

    seven, two, again, end = done.stdout.split("\n\n")
    title, *shown = seven.splitlines()
    assert title == f"{pictures}/a seven.png: 7"
    seen, (head, *rows, footer) = shown[-28:-12], shown[-12:]
    assert seen[0] == seen[-1] == f"+{'-' * 28}+"
    assert all(re.fullmatch(r"\|[ .:=+*#%@-]{28}\|", line) for line in seen[1:-1])
    assert seen[1] == f"|{' ' * 28}|"  # what is prepared has a margin
    assert "@" in "".join(seen)
    assert head == "class    NumPy    torch"
    assert [row.split()[0] for row in rows] == [str(label) for label in range(10)]
    found = re.fullmatch(r" +7 +(\d+\.\d\d)% +(\d+\.\d\d)%  (#+)", rows[7])
    assert found is not None
    assert found[1] == found[2]
    assert len(found[3]) == round(float(found[1]) * 0.3)
    assert re.fullmatch(r"NumPy and torch differ by at most \d\.\de-\d\d", footer)
    assert two.startswith(f"{pictures}/c [red]two.png: 2\n")
    assert again == seven.replace("a seven", "odd \\udcff")
    assert end == ""

    absent, folder, passed_over, bad = done.stderr.splitlines()
    assert passed_over == f"predict.py: passed over {empty}: a folder"
    assert absent.startswith("predict.py: ")
    assert "absent.png" in absent
    assert folder == f"predict.py: {empty} is a folder without pictures"
    assert bad.startswith(f"predict.py: {pictures}/b bad.png: no picture that can be read")


@pytest.mark.slow
def test_json(pictures: Path, weights: Path) -> None:
    done = run(SCRIPT, str(pictures), "--weights", str(weights), "--json", code=2)
    found: dict[str, Any] = json.loads(done.stdout)
    assert (found["network"], found["classes"]) == ("formula", 10)
    seven, bad, two = found["pictures"]
    assert set(bad) == {"picture", "error"}
    assert bad["error"] in done.stderr
    assert seven["picture"] == f"{pictures}/a seven.png"
    assert (seven["class"], two["class"]) == ({"numpy": 7, "torch": 7}, {"numpy": 2, "torch": 2})
    for values in seven["probabilities"].values():
        assert len(values) == 10
        assert sum(values) == pytest.approx(1)
        assert values.index(max(values)) == 7
    assert 0 <= seven["largest_difference"] < 1e-5


@pytest.mark.slow
def test_what_is_doubtful_is_said(pictures: Path, weights: Path) -> None:
    """Two digits in one picture are beyond the network, and a chessboard is no digit."""
    images = mnist().test_images
    two, chessboard = pictures / "two.png", pictures / "chessboard.png"
    Image.fromarray(np.kron(np.hstack(list(images[:2])), np.ones((6, 6), np.uint8))).save(two)
    squares = np.kron(np.indices((7, 7)).sum(axis=0) % 2 * 255, np.ones((20, 20)))
    Image.fromarray(np.pad(squares.astype(np.uint8), 40)).save(chessboard)
    arguments = (SCRIPT, str(two), str(chessboard), "--weights", str(weights))
    text, found = run(*arguments).stdout, json.loads(run(*arguments, "--json").stdout)["pictures"]
    assert "warning: 2 shapes stand apart, and one was read" in "\n".join(found[0]["warnings"]) + text
    assert any(warning.startswith("it is unlike MNIST's") for warning in found[1]["warnings"])
    for warning in found[0]["warnings"] + found[1]["warnings"]:
        assert f"\nwarning: {warning}\n" in text


@pytest.mark.slow
def test_pictures_that_lie_as_in_emnists_files(pictures: Path, weights: Path, tmp_path: Path) -> None:
    """The run turned its images; a picture is taken to be upright unless one says otherwise, and that is said."""
    run_folder = tmp_path / "run"
    run_folder.mkdir()
    shutil.copy(weights, run_folder / "weights.safetensors")
    (run_folder / "config.json").write_text('{"transposed": true}')
    upright, lying = tmp_path / "upright.png", tmp_path / "lying.png"
    Image.fromarray(mnist().test_images[0]).save(upright)
    Image.fromarray(mnist().test_images[0].T.copy()).save(lying)
    said = "the run turned its images upright, which were stored transposed; --as-is takes pictures to be upright"

    def found(picture: Path, *options: str, of: Path = run_folder) -> tuple[bool, bool]:
        """Whether it is read as the seven that it shows, and whether anything is said."""
        done = run(SCRIPT, str(picture), "--weights", str(of), "--json", *options)
        answer = json.loads(done.stdout)
        remarks = any(remark.startswith(said) for remark in answer["remarks"])
        assert remarks == (f"{of}: {said}" in done.stderr)
        return answer["pictures"][0]["class"]["numpy"] == 7, remarks

    assert found(upright, "--as-is") == (True, True)
    assert found(lying, "--as-is") == (False, True)
    assert found(lying, "--as-is", of=run_folder / "weights.safetensors") == (False, True)
    assert found(lying, "--as-is", "--transposed") == (True, False)
    assert found(upright, "--as-is", "--no-transposed") == (True, False)
    assert found(upright) == (True, False)
    assert found(lying, "--transposed") == (True, False)
    assert found(lying, "--as-is", of=weights) == (False, False)


@pytest.mark.slow
def test_files_that_are_no_pictures_are_named(pictures: Path, weights: Path) -> None:
    (pictures / "IMG_1.HEIC").write_bytes(b"\0\0\0\x18ftypheic")
    (pictures / "notes.txt").touch()
    done = run(SCRIPT, str(pictures), "--weights", str(weights), "--json", code=2)
    photograph, notes = json.loads(done.stdout)["passed_over"]
    assert photograph["file"] == f"{pictures}/IMG_1.HEIC"
    assert photograph["reason"] == "a photograph in HEIC, which is not read here: save it as JPEG or PNG"
    assert notes == {"file": f"{pictures}/notes.txt", "reason": "its name does not end as a picture's does"}
    for one in (photograph, notes):
        assert f"predict.py: passed over {one['file']}: {one['reason']}\n" in done.stderr


@pytest.mark.slow
def test_pictures_are_saved_as_the_networks_see_them(pictures: Path, weights: Path, tmp_path: Path) -> None:
    (pictures / "b bad.png").unlink()
    again = tmp_path / "again"
    again.mkdir()
    Image.fromarray(mnist().test_images[2]).save(again / "a seven.png")
    saved = tmp_path / "new" / "prepared"
    run(SCRIPT, str(pictures), str(again), "--weights", str(weights), "--save-prepared", str(saved))
    names = ["a seven.png.2.prepared.png", "a seven.png.prepared.png", "c [red]two.png.prepared.png"]
    assert sorted(path.name for path in saved.iterdir()) == names
    sources = (again / "a seven.png", pictures / "a seven.png", pictures / "c [red]two.png")
    for name, source in zip(names, sources, strict=True):
        with Image.open(saved / name) as picture:
            np.testing.assert_array_equal(np.asarray(picture), look(source).pixels)


def in_terminal(*arguments: str) -> str:
    """What ``arguments`` show in a terminal with colours."""
    leader, follower = pty.openpty()
    environment = {**os.environ, "TERM": "xterm-256color", "COLUMNS": "100", "COLORTERM": "truecolor"}
    with subprocess.Popen([sys.executable, *arguments], cwd=ROOT, env=environment, stdout=follower) as process:
        os.close(follower)
        shown = b""
        with contextlib.suppress(OSError):  # how Linux says that the other end is closed
            while part := os.read(leader, 1 << 16):
                shown += part
        os.close(leader)
    assert process.returncode == 0
    return shown.decode()


def test_a_terminal_gets_a_chart(pictures: Path, weights: Path) -> None:
    shown = in_terminal(SCRIPT, f"{pictures}/c [red]two.png", "--weights", str(weights))
    plain = re.sub(r"\x1b\[[\d;]*m", "", shown)
    assert plain != shown
    assert re.search(r"/c \[red\]two.png: 2\s*$", plain, re.M)
    assert plain.count("\N{UPPER HALF BLOCK}") == 14 * 28
    assert re.search(r" 2 +(\d+\.\d\d)% +\1% +\N{FULL BLOCK}{5}", plain)
    assert "differ by at most" in plain


@pytest.mark.slow
def test_weights_that_cannot_be_used(pictures: Path, tmp_path: Path) -> None:
    save_arrays(tmp_path / "weights", state_dict())
    done = run(SCRIPT, str(pictures), "--weights", str(tmp_path / "weights"), code=2)
    assert done.stderr.startswith(f"predict.py: {tmp_path}/weights does not say whose weights it holds")
    assert done.stdout == ""


@pytest.mark.slow
def test_weights_of_torch_for_a_network_of_ones_own(pictures: Path, tmp_path: Path) -> None:
    """How the weights were read is said beside the result, so that a pipe gets the result alone."""
    (tmp_path / "my_net.py").write_text("def build(nn):\n    return nn.Sequential(nn.Flatten(), nn.Linear(784, 10))\n")
    fives = {"module.fc.weight": torch.zeros(10, 784).half(), "module.fc.bias": torch.eye(10)[5].half()}
    torch.save({"epoch": 7, "model": fives}, tmp_path / "mine.pt")
    picture, network = str(pictures / "a seven.png"), f"{tmp_path / 'my_net.py'}:build"
    options = ["--weights", str(tmp_path / "mine.pt"), "--network", network]
    remarks = [
        "the weights are those under 'model'",
        "layers matched by shape and order: module.fc is 1",
        "float16 widened to float32, which changes no number",
    ]
    for more in ([], ["--json"]):
        done = run(SCRIPT, picture, *options, *more)
        assert done.stderr.splitlines() == [f"predict.py: {tmp_path}/mine.pt: {remark}" for remark in remarks]
    found = json.loads(done.stdout)
    assert (found["network"], found["remarks"]) == (network, remarks)
    assert found["pictures"][0]["class"] == {"numpy": 5, "torch": 5}

    done = run(SCRIPT, picture, "--weights", str(tmp_path / "mine.pt"), "--network", "resnet", code=2)
    assert done.stderr.startswith("predict.py: network must be one of formula, ")


@pytest.mark.slow
def test_what_to_install_is_named(pictures: Path) -> None:
    program = f"import runpy, sys; sys.modules['PIL'] = None; runpy.run_path({SCRIPT!r}, run_name='__main__')"
    done = run("-c", program, "picture.png", "--weights", "weights", code=2)
    assert "predict.py: " in done.stderr
    assert "pip install 'cnn-reference[train]'" in done.stderr
