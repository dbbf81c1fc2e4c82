"""scripts/check_parity.py, as a user runs it."""

import json
import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from tests.scripts import run


def test_it_prints_a_line_for_each_formula() -> None:
    text = run("scripts/check_parity.py", "--cases", "14", "--seed", "5").stdout
    rows = re.findall(r"^(\w+) +(torch\.\S+) +14 .* equal$", text, re.MULTILINE)
    assert [name for name, _ in rows] == [
        "conv2d", "pad", "relu", "max_pool2d", "avg_pool2d", "flatten", "linear", "softmax", "log_softmax",
        "cross_entropy", "sgd",
    ]  # fmt: skip
    assert "EQUAL: 11 formulas" in text


def test_json() -> None:
    found = json.loads(run("scripts/check_parity.py", "--only", "linear", "--cases", "60", "--json").stdout)
    assert found["equal"] is True
    assert found["arguments"] == {"seed": 0, "cases": 60, "dtype": "both", "backend": "cpu, 1 thread"}
    assert found["machine"]["NumPy"] == np.__version__
    [formula] = found["formulas"]
    assert (formula["name"], formula["twin"], formula["cases"]) == ("linear", "torch.nn.Linear", 60)
    weight = formula["results"]["grad_weight"]
    assert weight["exact_different"] == weight["different"] == 0
    assert weight["exact_elements"] > 0
    assert 0 < weight["largest_share"] < 1


def test_dtype() -> None:
    text = run("scripts/check_parity.py", "--only", "relu", "--cases", "3", "--dtype", "float64").stdout
    assert "relu" in text


def test_self_test() -> None:
    text = run("scripts/check_parity.py", "--only", "flatten", "--self-test").stdout
    rows = re.findall(r"^flatten +([\w-]+) .*\d", text, re.MULTILINE)
    assert rows
    assert f"{len(rows)} of {len(rows)} planted mistakes rejected" in text


def test_exactness() -> None:
    text = run("scripts/check_parity.py", "--only", "relu", "--exactness").stdout
    assert re.search(r"^relu +output +2\^-23 +2\^-24 +2\^-52 +2\^-53 +0.000 +0.000 +-$", text, re.MULTILINE)
    assert re.search(r"^relu +grad_input ", text, re.MULTILINE)


def test_report(tmp_path: Path) -> None:
    """As JSON and as a page, which needs nothing from elsewhere."""
    for name in ("parity.json", "parity.html"):
        run("scripts/check_parity.py", "--only", "relu", "--cases", "40", "--report", str(tmp_path / name))
    found = json.loads((tmp_path / "parity.json").read_text())
    assert found["equal"]
    assert found["formulas"][0]["cases"] == 40
    assert {row["result"] for row in found["exactness"]} == {"output", "grad_input"}
    assert all(mistake["caught"] for mistake in found["self_test"])
    page = (tmp_path / "parity.html").read_text()
    for heading in ("Where and how", "The formulas", "What the calls covered", "Could it have failed?", "How exact?"):
        assert f"<h2>{heading}</h2>" in page
    assert all(mistake["name"] in page for mistake in found["self_test"])
    assert "http" not in page
    assert "<script" not in page


def test_it_refuses_a_report_that_it_cannot_write(tmp_path: Path, refusal: Callable[..., str]) -> None:
    """Before the work, not after it."""
    arguments = ("scripts/check_parity.py", "--only", "relu", "--cases", "2", "--report")
    assert "must end in .html or .json" in refusal(*arguments, str(tmp_path / "parity.txt"))
    assert "nowhere" in refusal(*arguments, str(tmp_path / "nowhere" / "parity.html"))


# Run the command with a fault in the reference: a ReLU with slope 1 at 0.
FAULTY = """
import runpy, sys
import reference.relu
from torch_parity.proof import pairs
faulty = lambda g, a, o, y: [reference.relu_backward(g, a["input"] + (a["input"] == 0))]
pairs.PAIRS = tuple(
    pairs.Pair(**{**vars(p), "backward": faulty}) if p.name == "relu" else p for p in pairs.PAIRS
)
sys.argv = ["check_parity.py", *sys.argv[1:]]
runpy.run_path("scripts/check_parity.py", run_name="__main__")
"""


def test_it_names_the_smallest_failure_and_how_to_rerun_it() -> None:
    text = run("-c", FAULTY, "--only", "relu", "--cases", "40", "--seed", "3", code=1).stdout
    assert re.search(r"^relu .* DIFFERENT in \d+ cases$", text, re.MULTILINE)
    assert "grad_input:" in text
    assert "DIFFERENT: 1 formulas" in text
    rerun = re.search(r"rerun: python (scripts/check_parity.py .*)$", text, re.MULTILINE)
    assert rerun is not None
    arguments = rerun[1].split()[1:]
    assert "DIFFERENT in 1 cases" in run("-c", FAULTY, *arguments, code=1).stdout
    run("scripts/check_parity.py", *arguments)  # without the fault, the same case is equal


@pytest.mark.parametrize(
    "arguments",
    [("--cases", "0"), ("--seed", "-1"), ("--only", "sine"), ("--dtype", "int8"), ("--case", "-1"), ("--threads", "0")],
)
def test_it_refuses_bad_arguments(arguments: tuple[str, ...], refusal: Callable[..., str]) -> None:
    assert "check_parity.py: " in refusal("scripts/check_parity.py", *arguments)
