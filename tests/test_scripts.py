"""The command lines, as a user runs them."""

import json
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

ROOT = Path(__file__).parent.parent


def run(*arguments: str, code: int = 0) -> subprocess.CompletedProcess[str]:
    done = subprocess.run([sys.executable, *arguments], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == code, done.stdout + done.stderr
    assert "Traceback" not in done.stderr
    return done


def test_check_parity_prints_a_line_for_each_formula() -> None:
    text = run("scripts/check_parity.py", "--cases", "14", "--seed", "5").stdout
    rows = re.findall(r"^(\w+) +(torch\.\S+) +14 .* equal$", text, re.MULTILINE)
    assert [name for name, _ in rows] == [
        "conv2d", "pad", "relu", "max_pool2d", "avg_pool2d", "flatten", "linear", "softmax", "log_softmax",
        "cross_entropy", "sgd",
    ]  # fmt: skip
    assert "EQUAL: 11 formulas" in text


def test_check_parity_json() -> None:
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


def test_check_parity_dtype() -> None:
    text = run("scripts/check_parity.py", "--only", "relu", "--cases", "3", "--dtype", "float64").stdout
    assert "relu" in text


def test_check_parity_self_test() -> None:
    text = run("scripts/check_parity.py", "--only", "flatten", "--self-test").stdout
    rows = re.findall(r"^flatten +([\w-]+) .*\d", text, re.MULTILINE)
    assert rows
    assert f"{len(rows)} of {len(rows)} planted mistakes rejected" in text


def test_check_parity_exactness() -> None:
    text = run("scripts/check_parity.py", "--only", "relu", "--exactness").stdout
    assert re.search(r"^relu +output +2\^-23 +2\^-24 +2\^-52 +2\^-53 +0.000 +0.000 +-$", text, re.MULTILINE)
    assert re.search(r"^relu +grad_input ", text, re.MULTILINE)


def test_check_parity_report(tmp_path: Path) -> None:
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


def test_check_parity_refuses_a_report_that_it_cannot_write(tmp_path: Path, refusal: Callable[..., str]) -> None:
    """Before the work, not after it."""
    arguments = ("scripts/check_parity.py", "--only", "relu", "--cases", "2", "--report")
    assert "must end in .html or .json" in refusal(*arguments, str(tmp_path / "parity.txt"))
    assert "nowhere" in refusal(*arguments, str(tmp_path / "nowhere" / "parity.html"))


# Run the command with a fault in the reference: a ReLU with slope 1 at 0.
FAULTY = """
import runpy, sys
import reference.relu
from torch_parity import pairs
faulty = lambda g, a, o, y: [reference.relu_backward(g, a["input"] + (a["input"] == 0))]
pairs.PAIRS = tuple(
    pairs.Pair(**{**vars(p), "backward": faulty}) if p.name == "relu" else p for p in pairs.PAIRS
)
sys.argv = ["check_parity.py", *sys.argv[1:]]
runpy.run_path("scripts/check_parity.py", run_name="__main__")
"""


def test_check_parity_names_the_smallest_failure_and_how_to_rerun_it() -> None:
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
def test_check_parity_refuses_bad_arguments(arguments: tuple[str, ...], refusal: Callable[..., str]) -> None:
    assert "check_parity.py: " in refusal("scripts/check_parity.py", *arguments)


QUICK = ("--batch-size", "2", "--processes", "1", "--seconds", "0")


def test_benchmark_compares_with_torch(tmp_path: Path) -> None:
    picture = tmp_path / "ratios.png"
    names = ("formula", "cross-entropy-1000")
    done = run("scripts/benchmark.py", "--only", *names, *QUICK, "--json", "--plot", str(picture))
    found = json.loads(done.stdout)
    assert found["arguments"]["batch_size"] == 2
    assert found["machine"]["NumPy"] == np.__version__
    assert "kernel" in found["machine"]["BLAS"]
    network, loss = found["comparison"]
    assert (network["name"], loss["name"]) == names
    assert list(network["phases"]) == ["forward", "backward", "update", "total"]
    assert list(loss["phases"]) == ["forward", "backward", "total"]
    for phase in network["phases"].values():
        assert set(phase["milliseconds"]) == {"numpy", "torch", "torch channels_last"}
        assert set(phase["ratio"]) == {"torch", "torch channels_last"}
        for one in (*phase["milliseconds"].values(), *phase["ratio"].values()):
            assert set(one) == {"median", "quartiles"}
            assert 0 < one["quartiles"][0] <= one["quartiles"][1]
    assert set(loss["phases"]["total"]["ratio"]) == {"torch"}
    assert picture.stat().st_size > 1000
    ratio = r"\d+\.\d\d \(\d+\.\d\d\)"
    assert re.search(
        rf"^formula +(\d+\.\d\d +){{3}}{ratio} +[\d.]+-[\d.]+ +{ratio} +{ratio} +{ratio}$", done.stderr, re.M
    )
    assert re.search(rf"^cross-entropy-1000 +(\d+\.\d\d +){{2}}- +{ratio} .* -$", done.stderr, re.M)


@pytest.mark.slow
def test_benchmark_compares_with_peers() -> None:
    text = run("scripts/benchmark.py", "--peers", "--only", "formula", *QUICK).stdout
    assert re.search(r"reference +MyGrad +autograd +course +faster$", text, re.M)
    assert re.search(r"^formula +conv3x3-1-8-28 +(\d+\.\d\d +)((\d+\.\d\d|-) +){2}\d+\.\d\d +\d+\.\d$", text, re.M)


@pytest.mark.slow
def test_benchmark_profiles() -> None:
    # A whole batch: of a small one, other lines take as long as the convolution's.
    done = run("scripts/benchmark.py", "--profile", "--only", "formula", "--json")
    [found] = json.loads(done.stdout)["profile"]
    assert found["name"] == "formula"
    assert {line["file"] for line in found["lines"]} >= {"conv.py", "pooling.py"}
    assert re.search(
        r"^formula: [\d.]+ ms, of which [\d.]+ ms \(\d+%\) in NumPy; [\d,]+ instructions", done.stderr, re.M
    )


@pytest.mark.slow
def test_benchmark_scales() -> None:
    done = run("scripts/benchmark.py", "--scaling", "--only", "maxpool2x2", *QUICK, "--json")
    found = json.loads(done.stdout)
    assert [row["grows"] for row in found["scaling"]] == ["batch", "channels", "area"]
    assert found["memory"]["ratio"]["torch"] > 0
    assert len(re.findall(r"^maxpool2x2 +\w+ +(?:numpy|torch)(?: +[\d.]+){12}$", done.stderr, re.M)) == 6


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--only", "resnet"), "--only must name some of formula, lenet5"),
        (
            ("--peers", "--only", "conv3x3"),
            "mnist-example, vgg-small, got 'conv3x3'",
        ),
        (("--threads", "0"), "threads must be at least 1, got 0"),
        (("--batch-size", "0"), "--batch-size must be at least 1, got 0"),
        (("--plot", "nowhere/ratios.png"), "nowhere/ratios.png"),
        (("--scaling", "--plot", "ratios.png"), "--plot shows the comparison with torch"),
    ],
)
def test_benchmark_refuses_bad_arguments(arguments: tuple[str, ...], message: str, refusal: Callable[..., str]) -> None:
    assert message in refusal("scripts/benchmark.py", *arguments)
