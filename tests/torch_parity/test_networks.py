"""A network of one's own, found in a file."""

import re
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from reference import nn
from torch_parity.networks import NETWORKS, OWN_FILE, named, own

DENSE = "def dense(nn, classes=10):\n    return nn.Sequential(nn.Flatten(), nn.Linear(784, classes))\n"


def written(folder: Path, text: str, name: str = "my_net.py") -> Path:
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path


def test_a_function_in_a_file_builds_either_side(tmp_path: Path) -> None:
    build = own(f"{written(tmp_path, DENSE)}:dense")
    assert build.name == "my_net.py:dense"
    assert build(nn, 3)(np.zeros((2, 1, 28, 28), np.float32)).shape == (2, 3)
    assert isinstance(build(torch.nn), torch.nn.Sequential)
    assert build.source == DENSE.encode()
    assert not (tmp_path / "__pycache__").exists()


def test_a_function_need_not_take_the_number_of_classes(tmp_path: Path) -> None:
    path = written(tmp_path, "def build(side):\n    return side.ReLU()\n")
    build = own(f"{path}:build")
    assert isinstance(build(nn, 3), nn.ReLU)


def test_a_file_finds_what_lies_beside_it_and_nothing_else_changes(tmp_path: Path) -> None:
    written(tmp_path, "WIDTH = 7\n", "beside_my_net.py")
    text = "from beside_my_net import WIDTH\ndef build(nn):\n    return nn.Linear(WIDTH, 1)\n"
    before = list(sys.path)
    assert own(f"{written(tmp_path, text)}:build")(nn).weight.data.shape == (1, 7)
    assert sys.path == before


def test_a_name_is_one_of_ours_or_one_in_a_file(tmp_path: Path) -> None:
    assert named("lenet5") is NETWORKS["lenet5"]
    path = written(tmp_path, DENSE)
    assert isinstance(named(f"{path}:dense")(nn), nn.Sequential)
    run = tmp_path / "run"
    run.mkdir()
    with pytest.raises(FileNotFoundError, match="there is no such file"):
        named("gone.py:dense", run)
    written(run, DENSE, OWN_FILE)
    assert isinstance(named("gone.py:dense", run)(nn), nn.Sequential)
    with pytest.raises(ValueError, match=r"one of formula, .*, or FILE.py:FUNCTION, got 'resnet'"):
        named("resnet")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("def build(nn):\n    return 1 +\n", "my_net.py, line 2: invalid syntax"),
        ("import numpy\nimport no_such_module\n", "my_net.py, line 2: ModuleNotFoundError: No module named"),
        ("WIDTH = 1\nraise ValueError('mine')\n", "my_net.py, line 2: mine"),
        ("def other(nn): ...\ndef third(nn): ...\nN = 1\n", "no function 'build'; its functions: other, third$"),
        ("build = 1\n", "no function 'build'; its functions: none$"),
    ],
)
def test_what_is_wrong_with_a_file_is_said_with_its_line(text: str, message: str, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=message):
        own(f"{written(tmp_path, text)}:build")


def test_what_is_wrong_with_a_function_is_said_with_its_line(tmp_path: Path) -> None:
    path = written(tmp_path, "def build(nn):\n    inner(nn)\ndef inner(nn):\n    nn.Conv2d(1)\n")
    with pytest.raises(ValueError, match=rf"^{re.escape(str(path))}, line 4: TypeError: .*missing"):
        own(f"{path}:build")(nn)


@pytest.mark.parametrize("text", ["my_net.py", "my_net:build", "my_net.txt:build", ""])
def test_a_network_of_ones_own_needs_file_and_function(text: str) -> None:
    with pytest.raises(ValueError, match=re.escape(f"must be given as FILE.py:FUNCTION, got {text!r}")):
        own(text)
    with pytest.raises(FileNotFoundError, match=r"^nowhere.py: there is no such file$"):
        own("nowhere.py:build")
