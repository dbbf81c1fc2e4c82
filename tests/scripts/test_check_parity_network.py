"""scripts/check_parity.py --network and --module, as a user runs them."""

import json
import re
import runpy
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import reference
from tests import ROOT
from tests.scripts import run

SCRIPT = "scripts/check_parity.py"
RESIDUAL = """
import torch
from torch import nn

class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv1, self.bn1 = nn.Conv2d(3, 4, 3, padding=1, bias=False), nn.BatchNorm2d(4)
        self.conv2, self.relu = nn.Conv2d(4, 4, 3, padding=1), nn.ReLU(inplace=True)
        self.fc = nn.Linear(4, 5)

    def forward(self, x):
        x = self.relu(self.bn1(self.conv1(x)))
        y = self.conv2(x)
        y += x
        return self.fc(self.relu(y).mean([2, 3]))

net = Net()
def make(): return Net()
def sized(width): return Net()
made = nn.Sequential(nn.Conv2d(5, 4, 3))
number = 1
odd = nn.Sequential(nn.Conv2d(3, 4, 3), nn.Sequential(nn.Hardswish()))
def fails(): raise KeyError("mine")
class Unknown(nn.Module):
    def forward(self, x):
        return torch.sin(x)
"""

Command = Callable[..., tuple[int, str]]


@pytest.fixture
def command(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Command:
    """The command in this process, since loading torch takes seconds: its exit status, and what it printed."""

    def check(*arguments: str) -> tuple[int, str]:
        monkeypatch.chdir(ROOT)
        monkeypatch.setattr(sys, "argv", [SCRIPT, *arguments])
        with pytest.raises(SystemExit) as end:
            runpy.run_path(SCRIPT, run_name="__main__")
        output, errors = capsys.readouterr()
        assert errors == ""
        assert isinstance(end.value.code, int)
        return end.value.code, output

    return check


@pytest.fixture
def own(tmp_path: Path) -> str:
    path = tmp_path / "my_net.py"
    path.write_text(RESIDUAL, encoding="utf-8")
    return str(path)


def rows(text: str) -> list[list[str]]:
    """Layer, formula, and what the results showed, of each line of the tables."""
    found = re.findall(r"^(\S+) +([a-z]\w*) +\d+(?: x \d+)* +(\S+) +(\S+) +(\S+) +(\S+)$", text, re.MULTILINE)
    return [list(row) for row in found]


LAYERS = [
    ("conv1", "conv2d"), ("bn1", "batch_norm"), ("relu", "relu"), ("conv2", "conv2d"), ("(add)", "add"),
    ("relu", "relu"), ("(mean)", "mean"), ("fc", "linear"),
]  # fmt: skip


@pytest.mark.parametrize("name", ["Net", "net", "make"])
def test_a_module_of_ones_own_is_proven_layer_by_layer(name: str, own: str, command: Command) -> None:
    code, text = command("--module", f"{own}:{name}", "--input", "2,3,8,9")
    assert code == 0
    assert f"my_net.py:{name}, input 2 x 3 x 8 x 9, float64: NumPy" in text
    assert [(row[0], row[1]) for row in rows(text)] == LAYERS * 2
    assert [row[2:] for row in rows(text) if row[1] == "relu"] == [["bits", "bits", "-", "-"]] * 4
    assert all(row[5].endswith("%") or row[5] == "bits" for row in rows(text) if row[1] == "batch_norm")
    assert text.index("training mode") < text.index("eval mode")
    assert (
        len(re.findall(r"^from one end to the other, NumPy alone: output \d\.\de-1\d, input gradient", text, re.M)) == 2
    )
    assert re.search(r"^EQUAL: 16 layers, \d+ seconds, \d+\.\d GiB of memory at most$", text, re.MULTILINE)


def test_a_network_of_one_source(command: Command) -> None:
    code, text = command("--network", "formula", "--seed", "3")
    assert code == 0
    assert "formula, input 2 x 1 x 28 x 28, float64" in text
    assert "seed 3" in text
    assert [row[1] for row in rows(text)] == ["conv2d", "relu", "max_pool2d", "flatten", "linear"] * 2
    assert "EQUAL: 10 layers" in text


def test_a_function_of_ones_own_that_builds_both_sides(tmp_path: Path, command: Command) -> None:
    path = tmp_path / "both.py"
    path.write_text("def build(nn):\n    return nn.Sequential(nn.Flatten(), nn.Linear(12, 3))\n")
    code, text = command("--network", f"{path}:build", "--input", "5,1,3,4")
    assert code == 0
    assert [row[1] for row in rows(text)] == ["flatten", "linear"] * 2


def test_it_stops_at_the_first_layer_that_differs(own: str, command: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    backward: Callable[..., Any] = reference.batch_norm_backward

    def halved(*arguments: object, **options: object) -> object:
        grad_input, *others = backward(*arguments, **options)
        return grad_input / 2, *others

    monkeypatch.setattr(reference, "batch_norm_backward", halved)
    code, text = command("--module", f"{own}:Net", "--input", "2,3,8,9")
    assert code == 1
    assert [(row[0], row[1]) for row in rows(text)] == LAYERS[:2]
    assert rows(text)[-1][3] == "DIFFERENT"
    assert "DIFFERENT at bn1, the first layer that differs, in training mode: batch_norm" in text
    assert re.search(r"grad_input: \d+ of 576 elements differ, first at \(0, 0, 0, 0\): .* against torch's", text)
    assert "python scripts/check_parity.py --only batch_norm" in text
    assert "eval mode" not in text
    assert re.search(r"^DIFFERENT: 2 layers, ", text, re.MULTILINE)


def test_both_ends_that_are_too_far_are_told(command: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    """A layer whose class is wrong, though its formula is right."""
    backward: Callable[..., Any] = reference.nn.ReLU.backward
    monkeypatch.setattr(reference.nn.ReLU, "backward", lambda self, grad, needs=True: 2 * backward(self, grad))
    code, text = command("--network", "formula")
    assert code == 1
    assert (
        "DIFFERENT from one end to the other, although every layer is equal: input gradient, parameter gradients"
        in text
    )
    assert "DIFFERENT: 5 layers" in text


def test_an_error_of_numpys_network_is_told(tmp_path: Path, command: Command) -> None:
    path = tmp_path / "half.py"
    path.write_text(
        "def build(nn):\n    class Net(nn.Module):\n        def __init__(self):\n            super().__init__()\n"
        "            self.relu = nn.ReLU()\n        def forward(self, x):\n            return self.relu(x)\n"
        "    return Net()\n"
    )
    code, text = command("--network", f"{path}:build", "--input", "2,3")
    assert code == 1
    assert "although every layer is equal: NumPy's network raises\n    Net must define backward(self," in text
    assert "DIFFERENT: 1 layers" in text


def test_the_result_as_json(own: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    monkeypatch.setattr(sys, "argv", [SCRIPT, "--module", f"{own}:Net", "--input", "2,3,8,9", "--json"])
    with pytest.raises(SystemExit) as end:
        runpy.run_path(SCRIPT, run_name="__main__")
    assert end.value.code == 0
    output, errors = capsys.readouterr()
    assert "EQUAL: 16 layers" in errors
    found = json.loads(output)
    assert found["equal"] is True
    assert found["arguments"] == {"network": "my_net.py:Net", "input": [2, 3, 8, 9], "seed": 0}
    assert [one["mode"] for one in found["passes"]] == ["training", "eval"]
    assert [(one["layer"], one["formula"]) for one in found["passes"][0]["layers"]] == LAYERS
    conv, norm = found["passes"][0]["layers"][:2]
    assert conv["shape"] == [2, 4, 8, 9]
    assert {*norm["results"]} == {"output", "running_mean", "running_var", "grad_input", "grad_weight", "grad_bias"}
    assert 0 < conv["results"]["grad_weight"]["share"] < 1
    assert [one["kind"] for one in found["passes"][0]["distances"]][-1] == "running statistics"


def test_a_difference_as_json(own: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """Which knows no infinity."""
    backward: Callable[..., Any] = reference.batch_norm_backward
    monkeypatch.setattr(
        reference, "batch_norm_backward", lambda *a, **o: (backward(*a, **o)[0] * np.nan, *backward(*a, **o)[1:])
    )
    monkeypatch.chdir(ROOT)
    monkeypatch.setattr(sys, "argv", [SCRIPT, "--module", f"{own}:Net", "--input", "2,3,8,9", "--json"])
    with pytest.raises(SystemExit) as end:
        runpy.run_path(SCRIPT, run_name="__main__")
    assert end.value.code == 1

    def refuse(name: str) -> None:
        pytest.fail(f"{name} is not in JSON")

    found = json.loads(capsys.readouterr().out, parse_constant=refuse)
    assert found["equal"] is False
    [one] = found["passes"]
    norm = one["layers"][-1]
    assert norm["difference"].startswith("grad_input: 576 of 576 elements differ")
    assert norm["results"]["grad_input"]["share"] == "inf"
    assert one["distances"] == []


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--module", "{own}:Net"), "--module needs the shape of the input: --input 2,3,224,224"),
        (("--module", "{own}:gone", *(shape := ("--input", "2,3,8,8"))), "there is no 'gone'; its modules, classes "),
        (("--module", "{own}:gone", *shape), "functions: Net, net, make, sized, made, odd, fails, Unknown"),
        (("--module", "{own}:sized", *shape), "sized must need no arguments: missing a required argument: 'width'"),
        (("--module", "{own}:number", *shape), "number must be, or make, a torch.nn.Module, got int"),
        (("--module", "{own}:fails", *shape), "my_net.py, line 24: KeyError: 'mine'"),
        (("--module", "{own}:odd", *shape), "(2, 3, 8, 8): 1.0 (Hardswish) calls torch.nn.functional.hardswish, "),
        (("--module", "{own}:Unknown", *shape), "my_net.py, line 27: Unknown calls torch.sin, which is none of the"),
        (("--module", "{own}:Net", "--input", "2,4,8,8"), "my_net.py:Net on an input of shape (2, 4, 8, 8): "),
        (("--module", "{own}:Net", "--input", "2,4,8,8"), "my_net.py, line 13: RuntimeError: Given groups=1, weight"),
        (("--module", "{own}:made", *shape), "my_net.py:made on an input of shape (2, 3, 8, 8): Given groups=1"),
        (("--module", "my_net", *shape), "must be given as FILE.py:NAME, got 'my_net'"),
        (("--module", "nowhere.py:Net", *shape), "nowhere.py: there is no such file"),
        (("--network", "resnet"), "--network must be one of alexnet, vgg11, resnet18, mobilenet-v1, formula, "),
        (("--network", "formula", "--input", "2,x"), "must be sizes such as 2,3,224,224, got '2,x'"),
        (("--network", "formula", "--input", "2,0"), "must be sizes such as 2,3,224,224, got '2,0'"),
        (("--input", "2,3,8,8"), "--input has a use with --network or --module alone"),
        (("--network", "formula", "--module", "{own}:Net"), "--network has no use for --module"),
        (("--network", "formula", "--threads", "0"), "--threads must be at least 1"),
    ],
)  # fmt: skip
def test_what_it_refuses(arguments: tuple[str, ...], message: str, own: str, refusal: Callable[..., str]) -> None:
    assert message in refusal(SCRIPT, *(one.format(own=own) for one in arguments))


@pytest.mark.parametrize("what", [("--network", "formula"), ("--module", "my_net.py:Net")])
@pytest.mark.parametrize(
    "option",
    [
        ("--cases", "3"), ("--case", "3"), ("--dtype", "float32"), ("--device", "cuda"), ("--compile",),
        ("--channels-last",), ("--only", "relu"), ("--self-test",), ("--exactness",), ("--report", "a.json"),
    ],
)  # fmt: skip
def test_it_refuses_options_that_a_network_would_ignore(
    what: tuple[str, str], option: tuple[str, ...], refusal: Callable[..., str]
) -> None:
    assert f"{what[0]} has no use for {option[0]}" in refusal(SCRIPT, *what, *option)


@pytest.mark.slow
def test_as_a_user_runs_it(own: str) -> None:
    done = run(SCRIPT, "--module", f"{own}:Net", "--input", "2,3,8,9", "--threads", "2")
    assert "EQUAL: 16 layers" in done.stdout
    assert done.stderr == ""
    done = run(SCRIPT, "--module", f"{own}:odd", "--input", "2,3,8,9", code=2)
    assert done.stdout == ""
