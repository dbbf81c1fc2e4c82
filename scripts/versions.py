"""Run the default suite on every Python here, with the lowest NumPy and torch that are allowed, and with the newest.

    python scripts/versions.py                   # `make versions`: one line each
    python scripts/versions.py --lowest-numpy    # `make lowest-numpy`: this Python, the tests of reference/

Those Pythons count that are on the path or among pyenv's, and can make an environment.  Each run is `make test` in an
environment of its own in `build/versions`, with everything else as in constraints.txt.  The environment goes when all
tests have passed, for torch may bring gigabytes of CUDA; what a run said stays, in a file.
"""

import os
import re
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Iterable, Mapping
from contextlib import nullcontext
from importlib.metadata import distributions
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
RUNS = ROOT / "build" / "versions"
PYENV = Path(os.environ.get("PYENV_ROOT", "~/.pyenv")).expanduser()
OLDEST = 11  # Python 3.11

Versions = Mapping[str, str | None]  # of packages, by name; None where pip may choose


def lowest(project: str) -> dict[str, str]:
    """The lowest version that ``project``, the text of a pyproject.toml, allows of each dependency, NAME>=VERSION."""
    return dict(one.split(">=") for one in tomllib.loads(project)["project"]["dependencies"])


def constraints(pinned: str, versions: Versions) -> str:
    """``pinned``, the text of a constraints.txt, with these ``versions`` instead."""
    lines = []
    for line in pinned.splitlines():
        name, _, version = line.partition("==")
        if chosen := versions.get(name, version):
            lines.append(f"{name}=={chosen}\n")
    return "".join(lines)


def pythons(folders: Iterable[Path]) -> dict[str, Path]:
    """Of each Python 3 from 3.11 on the first in ``folders`` that works, by its version."""
    found: dict[int, tuple[str, Path]] = {}
    for path in (path for folder in folders for path in sorted(folder.glob("python3.*"))):
        minor = path.name.removeprefix("python3.")
        if minor.isdigit() and int(minor) >= OLDEST and int(minor) not in found and (version := _version(path)):
            found[int(minor)] = version, path
    return dict(found[minor] for minor in sorted(found))


def _version(python: Path) -> str:
    """Empty if it can't make an environment: a shim of pyenv may lead nowhere, and Debian's Python lacks ensurepip."""
    program = "import ensurepip, venv, platform; print(platform.python_version())"
    return subprocess.run([python, "-c", program], capture_output=True, text=True, check=False).stdout.strip()


def make_test(name: str, python: Path, versions: Versions, log: Path | None = None, tests: str = "tests") -> bool:
    """Whether ``make test`` succeeds in a new environment, ``name``.  What it says goes to ``log`` if there is one."""
    environment, chosen = RUNS / name, RUNS / f"{name}.constraints"
    shutil.rmtree(environment, ignore_errors=True)
    RUNS.mkdir(parents=True, exist_ok=True)
    chosen.write_text(constraints((ROOT / "constraints.txt").read_text(encoding="utf-8"), versions), encoding="utf-8")
    where = {"VENV": os.path.relpath(environment, ROOT), "CONSTRAINTS": os.path.relpath(chosen, ROOT)}
    variables = {"PYTHON": python, "TESTS": tests, **where}
    command = ["make", "test", *(f"{variable}={value}" for variable, value in variables.items())]
    with log.open("w", encoding="utf-8") if log else nullcontext() as output:
        return not subprocess.run(command, cwd=ROOT, stdout=output, stderr=subprocess.STDOUT, check=False).returncode


def outcome(environment: Path, said: str) -> str:
    """One line: the versions in ``environment``, and how pytest closed in ``said``."""
    folders = [str(folder) for folder in environment.glob("lib/python*/site-packages")]
    installed = {one.name: one.version for one in distributions(path=folders)}
    versions = [
        f"{name} {installed.get(package, '-'):<12}" for name, package in (("NumPy", "numpy"), ("torch", "torch"))
    ]
    closing = re.findall(r"^=* ?(\d+ (?:passed|failed|errors?)\b.* in [\d.]+s)\b", said, re.MULTILINE)
    return " ".join([*versions, *(closing[-1:] or ["no test ran"])])


def main(arguments: list[str]) -> int:
    """0 if all tests pass, else 1."""
    lows = lowest((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    if arguments == ["--lowest-numpy"]:
        only = {"numpy": lows["numpy"]}
        return not make_test("lowest-numpy", Path(sys.executable), only, tests="tests/reference")
    if arguments:
        sys.exit(__doc__)
    path = [Path(folder) for folder in os.get_exec_path()]
    all_passed = True
    for version, python in pythons([*path, *sorted(PYENV.glob("versions/*/bin"))]).items():
        for which, versions in (("lowest", lows), ("newest", dict.fromkeys(lows))):
            environment, log = RUNS / f"{version}-{which}", RUNS / f"{version}-{which}.log"
            passed = make_test(environment.name, python, versions, log)
            line = outcome(environment, log.read_text(encoding="utf-8", errors="replace"))
            notice = "" if passed else f"   see {log.relative_to(ROOT)}"
            print(f"Python {version:<8} {line}{notice}", flush=True)
            if passed:
                shutil.rmtree(environment)
            all_passed &= passed
    return not all_passed


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
