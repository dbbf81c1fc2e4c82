"""README, CONTRIBUTING and docs say what is so: code runs, tables are the project's, files and options exist."""

import doctest
import os
import re
import runpy
import subprocess
import sys
import textwrap
from pathlib import Path

import numpy as np
import pytest

import torch_parity.proof.export
from tests import ROOT
from torch_parity.networks import NETWORKS
from torch_parity.proof.pairs import PAIRS

PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md"))]
README, TRAINING = ((ROOT / page).read_text(encoding="utf-8") for page in ("README.md", "docs/training.md"))

PIPELINE, TWO_SIDES, EXAMPLE, READER = re.findall(r"```python\n(.*?)```", README, re.DOTALL)
OWN_ROW, OWN_CLASS, CHECKPOINT, LIBRARY = re.findall(r"```python\n(.*?)```", TRAINING, re.DOTALL)


def run(program: str, folder: Path) -> str:
    """What ``program`` prints, as a reader would run it in ``folder``."""
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=folder, env={**os.environ, "PYTHONPATH": str(ROOT)}, capture_output=True,
        text=True, check=True,
    )  # fmt: skip
    return done.stdout


def test_the_pipeline_runs_and_learns(tmp_path: Path) -> None:
    assert float(run(PIPELINE, tmp_path)) > 0.9


def test_one_line_builds_both_networks_and_weights_load_as_they_are(tmp_path: Path) -> None:
    same = "print(all((ours.state_dict()[name] == w.numpy()).all() for name, w in theirs.state_dict().items()))"
    assert run(TWO_SIDES + same, tmp_path) == "True\n"


def test_the_example_prints_what_it_says() -> None:
    failures: list[str] = []
    example = doctest.DocTestParser().get_doctest(EXAMPLE, {}, "README", "README.md", 0)
    assert doctest.DocTestRunner().run(example, out=failures.append).attempted == 4
    assert not failures, "".join(failures)


@pytest.mark.parametrize("source", [OWN_ROW, OWN_CLASS], ids=["row", "class"])
def test_the_networks_of_ones_own_train_alike_on_both_sides(source: str, tmp_path: Path) -> None:
    (tmp_path / "my_net.py").write_text(source, encoding="utf-8")
    summary = torch_parity.train(f"{tmp_path / 'my_net.py'}:build", epochs=1, limit=256, dtype="float64")
    assert 0 < summary.max_weight_difference < 1e-13


def test_training_goes_on_from_a_checkpoint_of_torch(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("page.py").write_text(CHECKPOINT, encoding="utf-8")
    page = runpy.run_path("page.py")
    for weights, parameter in zip(page["theirs"].parameters(), page["ours"].parameters(), strict=True):
        parameter.grad = weights.grad.numpy()
    for optimizer in (page["twin"], page["optimizer"]):
        optimizer.step()
        assert optimizer.param_groups[0]["momentum"] == 0.9
    for name, weights in page["theirs"].state_dict().items():
        np.testing.assert_allclose(page["ours"].state_dict()[name], weights.numpy(), rtol=1e-6)


@pytest.mark.slow
def test_the_library_trains_keeps_and_resumes(tmp_path: Path) -> None:
    assert run(LIBRARY, tmp_path).splitlines()[1] == "True"
    assert len(list((tmp_path / "runs").glob("*/report.html"))) == 1


def test_the_reader_is_the_one_that_is_tested() -> None:
    documented = textwrap.dedent((torch_parity.proof.export.__doc__ or "").partition("'bits'):\n\n")[2])
    assert READER.strip() == documented.strip()


def test_the_table_has_every_formula() -> None:
    rows = re.findall(r"^\| `(\w+)` \| `(torch[\w.]+)` \|", README, re.MULTILINE)
    assert rows == [(pair.name, pair.twin_name) for pair in PAIRS]


def test_the_recipes_are_those_of_every_network() -> None:
    assert re.findall(r"^\| `([\w-]+)` \|", TRAINING, re.MULTILINE) == list(NETWORKS)


def test_the_first_screen_is_read_in_a_minute() -> None:
    screen = README.partition("\n## Is yours right?")[0]
    assert "make train" in screen
    assert "make test" in screen
    assert len(re.findall(r"^- \*\*", screen, re.MULTILINE)) == 3  # ways to use it
    assert len(screen.splitlines()) <= 45
    prose = re.sub(r"```.*?```", "", screen, flags=re.DOTALL)
    assert len(prose.split()) <= 238  # what adults read in a minute: Brysbaert 2019, How many words do we read


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.name))
def test_the_files_it_names_exist(page: Path) -> None:
    text = re.sub(
        r"^    .*\n", "", page.read_text(encoding="utf-8"), flags=re.MULTILINE
    )  # code, indented, has no links
    for path in re.findall(r"`((?:reference|torch_parity|scripts|tests|docs)/[\w./]*)`", text):
        assert (ROOT / path).exists(), path
    for link in re.findall(r"\]\(([^)#]+)", text):
        assert link.startswith("https://") or (page.parent / link).exists(), link
    headings = re.findall(r"^#+ (.+)$", text, re.MULTILINE)
    anchors = {heading.lower().replace(" ", "-").replace("?", "") for heading in headings}
    assert set(re.findall(r"\]\(#([^)]+)\)", text)) <= anchors


@pytest.mark.parametrize("page", ["README.md", "docs/doctor.md", "docs/proof.md", "docs/speed.md", "docs/training.md"])
def test_the_options_it_names_exist(page: str) -> None:
    files = [*(ROOT / "scripts").glob("*.py"), *(ROOT / "torch_parity").glob("*/command*.py")]
    files += (ROOT / "torch_parity" / "commands").glob("*.py")
    sources = "".join(file.read_text(encoding="utf-8") for file in files)
    named = set(re.findall(r"(?<![\w-])--[a-z][a-z-]+", (ROOT / page).read_text(encoding="utf-8")))
    for option in named - {"--help", "--standalone", "--nproc-per-node"}:  # argparse's own, and torchrun's
        assert f'"{option}"' in sources, option
