"""scripts/check_parity.py, as a user runs it."""

import json
import re
import resource
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from tests import ROOT
from tests.scripts import run
from torch_parity.proof.pairs import PAIRS


def test_it_prints_a_line_for_each_formula() -> None:
    text = run("scripts/check_parity.py", "--cases", "14", "--seed", "5").stdout
    rows = re.findall(r"^(\w+) +(torch\.\S+) +14 .* equal$", text, re.MULTILINE)
    assert rows == [(pair.name, pair.twin_name) for pair in PAIRS]
    assert f"EQUAL: {len(rows)} formulas" in text
    assert len(rows) >= 30


@pytest.mark.slow
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


@pytest.mark.slow
def test_one_case_in_one_dtype() -> None:
    done = run("scripts/check_parity.py", "--only", "relu", "--case", "3", "--dtype", "float64", "--json")
    found = json.loads(done.stdout)
    assert found["arguments"] == {"seed": 0, "cases": 1, "dtype": "float64", "backend": "cpu, 1 thread"}
    assert found["formulas"][0]["cases"] == 1


@pytest.mark.slow
def test_self_test(tmp_path: Path) -> None:
    page = tmp_path / "audit.html"
    text = run("scripts/check_parity.py", "--only", "flatten", "--self-test", "--report", str(page)).stdout
    rows = re.findall(r"^flatten +([\w-]+) .*\d", text, re.MULTILINE)
    assert rows
    assert f"{len(rows)} of {len(rows)} planted mistakes rejected" in text
    assert "Could it have failed?" in page.read_text()
    assert "How exact?" not in page.read_text()


@pytest.mark.slow
@pytest.mark.parametrize(
    ("audits", "filled"),
    [
        pytest.param(("--self-test",), {"self_test"}, marks=pytest.mark.slow),
        pytest.param(("--exactness",), {"exactness"}, marks=pytest.mark.slow),
        (("--self-test", "--exactness"), {"self_test", "exactness"}),
    ],
)
def test_the_audits_as_json_and_as_a_report(audits: tuple[str, ...], filled: set[str], tmp_path: Path) -> None:
    """The object that the proof gives, with their own lists alone."""
    report = tmp_path / "audit.json"
    options = ("--only", "flatten", "--seed", "3", "--json", "--report", str(report))
    done = run("scripts/check_parity.py", *audits, *options)
    found = json.loads(done.stdout)
    assert json.loads(report.read_text()) == found
    assert {name for name, one in found.items() if isinstance(one, list) and one} == filled
    assert found["arguments"] == {"seed": 3, "cases": 0, "dtype": "both", "backend": "cpu, 1 thread"}
    assert found["formulas"] == found["coverage"] == []
    assert ("planted mistakes rejected" in done.stderr) == ("self_test" in filled)
    assert ("RMS float64" in done.stderr) == ("exactness" in filled)
    assert all(row["caught"] for row in found["self_test"])
    assert {row["result"] for row in found["exactness"]} <= {"output", "grad_input"}


@pytest.mark.slow
def test_exactness() -> None:
    text = run("scripts/check_parity.py", "--only", "relu", "--exactness").stdout
    assert re.search(r"^relu +output +2\^-23 +2\^-24 +2\^-52 +2\^-53 +0.000 +0.000 +-$", text, re.MULTILINE)
    assert re.search(r"^relu +grad_input ", text, re.MULTILINE)


@pytest.mark.slow
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


@pytest.mark.slow
def test_a_report_appears_whole_or_not_at_all(tmp_path: Path) -> None:
    """Killed at work, it leaves no empty file in the place of a new report, and an old one as it was."""
    old = tmp_path / "old.html"
    old.write_text("old")
    for path in (old, tmp_path / "new.html"):
        command = [sys.executable, "scripts/check_parity.py", "--report", str(path)]
        with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
            assert process.stdout is not None
            next(line for line in process.stdout if line.startswith("conv2d"))
            process.kill()
        assert list(tmp_path.iterdir()) == [old]
        assert old.read_text() == "old"


@pytest.mark.slow
def test_a_report_that_does_not_fit_on_the_disk_is_told(tmp_path: Path) -> None:
    """A limit on the size of files stands for the disk."""
    old = tmp_path / "old.json"
    old.write_text("old")

    def limit() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (500, 500))

    done = subprocess.run(
        [sys.executable, "scripts/check_parity.py", "--self-test", "--only", "flatten", "--report", str(old)],
        cwd=ROOT, capture_output=True, text=True, check=False, preexec_fn=limit,
    )  # fmt: skip
    assert done.returncode == 2
    assert re.fullmatch(r"check_parity.py: --report: .*File too large\n", done.stderr)
    assert list(tmp_path.iterdir()) == [old]
    assert old.read_text() == "old"


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


@pytest.mark.slow
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


@pytest.mark.parametrize("audit", ["--self-test", "--exactness"])
@pytest.mark.parametrize(
    "option",
    [
        ("--device", "cuda"), ("--dtype", "float64"), ("--dtype", "bfloat16"), ("--compile",), ("--channels-last",),
        ("--threads", "2"), ("--cases", "10"), ("--case", "0"),
    ],
)  # fmt: skip
def test_it_refuses_options_that_an_audit_would_ignore(
    audit: str, option: tuple[str, ...], refusal: Callable[..., str]
) -> None:
    assert f"{audit} has no use for {option[0]}" in refusal("scripts/check_parity.py", audit, *option)


def test_it_refuses_a_number_of_cases_beside_the_one_case(refusal: Callable[..., str]) -> None:
    assert "--case has no use for --cases" in refusal("scripts/check_parity.py", "--case", "3", "--cases", "10")
