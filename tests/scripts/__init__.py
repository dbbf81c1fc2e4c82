"""The command lines, as a user runs them: one file for each script."""

import subprocess
import sys

from tests import ROOT


def run(*arguments: str, code: int = 0) -> subprocess.CompletedProcess[str]:
    """Run Python with ``arguments`` in the project's folder; it must end with ``code``, and without a traceback."""
    done = subprocess.run([sys.executable, *arguments], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == code, done.stdout + done.stderr
    assert "Traceback" not in done.stderr
    return done
