"""Two faults are planted, to see that the lesson cannot be wrong without saying so."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests import ROOT
from tests.torch_parity.lesson.conftest import Visits

pytestmark = pytest.mark.slow


def test_a_fault_in_the_reference_stops_the_build(tmp_path: Path) -> None:
    for package in ("reference", "torch_parity"):
        shutil.copytree(ROOT / package, tmp_path / package, ignore=shutil.ignore_patterns("mnist", "__pycache__"))
    (tmp_path / "reference" / "data" / "mnist").symlink_to(ROOT / "reference" / "data" / "mnist")
    file = tmp_path / "reference" / "conv.py"
    right = file.read_text(encoding="utf-8")
    planted = right.replace("inside.stop :] = 0", "inside.stop :] = 1")  # what lies outside the image
    assert planted != right
    page = tmp_path / "lesson.html"

    def built() -> subprocess.CompletedProcess[str]:
        command = [sys.executable, str(ROOT / "scripts" / "build_lesson.py"), "--out", str(page)]
        environment = {**os.environ, "PYTHONPATH": str(tmp_path)}
        return subprocess.run(command, env=environment, cwd=tmp_path, capture_output=True, text=True, check=False)

    file.write_text(planted, encoding="utf-8")
    done = built()
    assert done.returncode == 1
    assert "NumPy and torch differ, so there is no lesson" in done.stderr
    assert "conv2d" in done.stderr
    assert not page.exists()
    file.write_text(right, encoding="utf-8")
    assert built().returncode == 0
    assert page.exists()


@pytest.mark.browser
def test_a_fault_in_the_javascript_is_found_by_the_page_itself(visit: Visits, lesson: Path, tmp_path: Path) -> None:
    right, wrong = "sums[plane + i * oW + j] += weight", "sums[plane + i * oW + j] -= weight"
    text = lesson.read_text(encoding="utf-8")
    assert text.count(right) == 1
    file = tmp_path / "lesson.html"
    file.write_text(text.replace(right, wrong), encoding="utf-8")
    reader = visit(file=file).ready()
    answer = reader.answer()
    equal, _, rest = answer.partition(" of ")
    total = rest.partition(" equal")[0]
    assert int(equal.replace(",", "")) < int(total.replace(",", ""))
    assert "; first different: image.grey and NumPy's, row 0, column 0: -" in answer
    assert "bad" in (reader.page.locator("#check-answer").get_attribute("class") or "")
