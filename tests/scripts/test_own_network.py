"""A network of one's own on the command line, as a user trains and uses it."""

import json
import re
from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image

from reference.datasets import mnist
from tests import ROOT
from tests.scripts import run

TRAIN = "scripts/train_mnist.py"
FEW = ("--epochs", "1", "--limit", "320")
SOURCE = (ROOT / "tests" / "torch_parity" / "training" / "own_networks.py").read_text(encoding="utf-8")


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "my_net.py"
    path.write_text(SOURCE, encoding="utf-8")
    return path


@pytest.mark.slow
def test_it_is_trained_on_both_sides_with_its_report(file: Path, tmp_path: Path) -> None:
    runs = tmp_path / "runs"
    text = run(TRAIN, "--network", f"{file}:as_a_class", *FEW, "--runs-dir", str(runs)).stdout
    assert text.startswith("my_net.py:as_a_class on 320 images, 1 epoch of batches of 64, float32, 1 thread\n")
    [folder] = runs.iterdir()
    assert "conv1 Conv2d" in (folder / "report.html").read_text(encoding="utf-8")
    file.unlink()
    done = run(TRAIN, "--resume", str(folder), "--json")
    assert json.loads(done.stdout)["network"] == "my_net.py:as_a_class"


@pytest.mark.slow
def test_the_modules_beside_its_file_are_kept_with_the_run(file: Path, tmp_path: Path) -> None:
    beside = file.with_name("blocks.py")
    file.rename(beside)
    file.write_text("import blocks\nbuild = blocks.as_a_class\n", encoding="utf-8")
    Image.fromarray(mnist().test_images[0]).save(tmp_path / "seven.png")
    runs = tmp_path / "runs"
    run(TRAIN, "--network", f"{file}:build", "--epochs", "1", "--limit", "3200", "--runs-dir", str(runs))
    [folder] = runs.iterdir()
    file.unlink()
    beside.unlink()
    picture = (str(tmp_path / "seven.png"), "--as-is", "--weights", str(folder))
    found = json.loads(run("scripts/predict.py", *picture, "--json").stdout)
    assert (found["network"], found["pictures"][0]["class"]["numpy"]) == ("my_net.py:build", 7)
    assert json.loads(run(TRAIN, "--resume", str(folder), "--json").stdout)["network"] == "my_net.py:build"
    (folder / "modules" / "blocks.py").unlink()
    missing = run("scripts/predict.py", *picture, code=2).stderr
    assert "No module named 'blocks': the run has no copy of it; if it lay beside the file, copy it to" in missing


@pytest.mark.slow
def test_diverging_says_so(file: Path, tmp_path: Path) -> None:
    done = run(TRAIN, "--network", f"{file}:as_a_class", *FEW, "--lr", "1e38", "--runs-dir", str(tmp_path), code=1)
    assert re.search(r"step 2, epoch 1: numpy: the loss is nan; it began in layer fc1 \(Linear\); torch: ", done.stderr)
    assert "A lower --lr may help.  The last good checkpoint is kept in" in done.stderr


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "def build(nn):\n    return nn.Sequential(nn.Dropout1d(0.5))\n",
            "my_net.py, line 2: AttributeError: ",
        ),
        ("import torch\ndef build(nn):\n    return torch.nn.ReLU()\n", "must make the network from its argument nn"),
        ("def build():\n    pass\n", "my_net.py: build() must take one argument, nn"),
        ("def built(nn):\n    pass\n", "there is no function 'build'; its functions: built"),
        ("import sys\nsys.exit(3)\n", "my_net.py, line 2: SystemExit: 3"),
        ("\0", "my_net.py: "),
    ],
)
def test_what_is_wrong_is_said_before_anything_is_written(
    text: str, message: str, file: Path, tmp_path: Path, refusal: Callable[..., str]
) -> None:
    file.write_text(text)
    assert message in refusal(TRAIN, "--network", f"{file}:build", "--runs-dir", str(tmp_path / "runs"))
    assert not (tmp_path / "runs").exists()


def test_a_file_that_is_not_there_is_named(refusal: Callable[..., str]) -> None:
    assert "nowhere.py: there is no such file" in refusal(TRAIN, "--network", "nowhere.py:build")
    assert "invalid choice: 'resnet' (choose from formula, " in refusal(TRAIN, "--network", "resnet")
    assert "or give FILE.py:FUNCTION)" in refusal(TRAIN, "--network", "my_net.py")
