"""The modules beside a file of one's own: found, noted, and never those of another file."""

import importlib
import sys
from pathlib import Path
from typing import Any

import pytest

from reference import nn
from tests import ROOT
from torch_parity.beside import Beside
from torch_parity.networks import OWN_FILE, OWN_MODULES, named, own

NET = "from blocks import dense\ndef build(nn):\n    return dense(nn)\n"
BLOCKS = "WIDTH = 7\ndef dense(nn):\n    return nn.Linear(WIDTH, 1)\n"
OTHER_BLOCKS = BLOCKS.replace("7", "8")


@pytest.fixture(autouse=True)
def nothing_else_changes(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Other tests find the modules that were there; what stays of these is what a file of one's own brought."""
    monkeypatch.setattr(sys, "dont_write_bytecode", False)
    before, path, writes = dict(sys.modules), list(sys.path), sys.dont_write_bytecode
    yield
    assert {name: module for name, module in sys.modules.items() if name in before} == before
    assert (sys.path, sys.dont_write_bytecode) == (path, writes)
    for name in set(sys.modules) - set(before):
        del sys.modules[name]


def written(folder: Path, texts: dict[str, str]) -> Path:
    """Put files into ``folder``; the path of my_net.py."""
    for name, text in texts.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return folder / "my_net.py"


def width(build: Any) -> int:
    return int(build(nn).weight.data.shape[1])


def copied(path: Path, run: Path) -> Path:
    """A run's folder, as a run of that network keeps it."""
    network = own(f"{path}:build")
    network(nn)
    written(run, {OWN_FILE: path.read_text()})
    for name, content in network.beside.sources.items():
        (run / OWN_MODULES / name).parent.mkdir(parents=True, exist_ok=True)
        (run / OWN_MODULES / name).write_bytes(content)
    return run


def test_what_was_imported_is_noted_and_nothing_else(tmp_path: Path) -> None:
    net = "import json, numpy, reference\nfrom blocks import dense\nfrom pack.inner import deep\nbuild = dense\n"
    path = written(
        tmp_path,
        {
            "my_net.py": net, "blocks.py": BLOCKS, "not_imported.py": "", "json.py": "1 / 0", "numpy.py": "1 / 0",
            "pack/__init__.py": "", "pack/inner.py": "from . import sizes\ndeep = 1", "pack/unused.py": "",
            "pack/sizes.py": "import spaces.bare", "spaces/bare.py": "N = 3", "reference/__init__.py": "",
        },
    )  # fmt: skip
    build = own(f"{path}:build")
    assert set(build.beside.sources) == {
        "blocks.py", "pack/__init__.py", "pack/inner.py", "pack/sizes.py", "spaces/bare.py"
    }  # fmt: skip
    assert build.beside.sources["blocks.py"] == BLOCKS.encode()
    assert not list(tmp_path.rglob("__pycache__"))


def test_a_module_that_the_function_imports_is_found_and_noted(tmp_path: Path) -> None:
    net = "def build(nn):\n    from blocks import dense\n    return dense(nn)\n"
    build = own(f"{written(tmp_path, {'my_net.py': net, 'blocks.py': BLOCKS})}:build")
    assert not build.beside.sources
    assert width(build) == 7
    assert list(build.beside.sources) == ["blocks.py"]


def test_what_was_imported_before_is_used_as_it_is_and_noted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As in a notebook, whose folder is on the path."""
    path = written(tmp_path, {"my_net.py": NET, "blocks.py": "import sizes\n" + BLOCKS, "sizes.py": ""})
    with monkeypatch.context() as notebook:
        notebook.syspath_prepend(str(tmp_path))
        blocks = importlib.import_module("blocks")
        notebook.setattr(blocks, "WIDTH", 9)
        build = own(f"{path}:build")
        assert width(build) == 9
        assert set(build.beside.sources) == {"blocks.py", "sizes.py"}
        assert sys.modules["blocks"] is blocks
        run = copied(path, tmp_path / "run")
        assert width(named("my_net.py:build", run)) == 7  # the copy
        assert sys.modules["blocks"] is blocks


def test_each_file_gets_the_modules_of_its_own_folder(tmp_path: Path) -> None:
    net = "import blocks\ndef build(nn):\n    import blocks\n    return blocks.dense(nn)\n"
    first = own(f"{written(tmp_path / 'a', {'my_net.py': net, 'blocks.py': BLOCKS})}:build")
    second = own(f"{written(tmp_path / 'b', {'my_net.py': net, 'blocks.py': OTHER_BLOCKS})}:build")
    assert (width(first), width(second), width(first)) == (7, 8, 7)
    assert first.beside.sources["blocks.py"] == BLOCKS.encode()
    # And what it says by now.
    assert width(own(f"{written(tmp_path / 'a', {'blocks.py': OTHER_BLOCKS})}:build")) == 8
    assert (width(first), first.beside.sources["blocks.py"]) == (7, BLOCKS.encode())


@pytest.mark.parametrize("by_now", [None, OTHER_BLOCKS, "raise RuntimeError"])
def test_a_run_uses_its_copies(by_now: str | None, tmp_path: Path) -> None:
    """Also where they are gone, changed or broken where they came from, and a helper has the copy's own name."""
    net = NET.replace("blocks", "network")
    path = written(
        tmp_path / "net", {"my_net.py": net, "network.py": "from pack import sizes\n" + BLOCKS, "pack/sizes.py": ""}
    )
    run = copied(path, tmp_path / "run")
    if by_now is None:
        for file in (tmp_path / "net").rglob("*.py"):
            file.unlink()
    else:
        written(tmp_path / "net", {"network.py": by_now})
    assert width(named("my_net.py:build", run)) == 7
    assert not list(tmp_path.rglob("__pycache__"))


def test_a_module_beside_may_import_the_file_itself(tmp_path: Path) -> None:
    net = "WIDTH = 7\nfrom blocks import dense\ndef build(nn):\n    return dense(nn)\n"
    blocks = "from my_net import WIDTH\ndef dense(nn):\n    return nn.Linear(WIDTH, 1)\n"
    path = written(tmp_path / "net", {"my_net.py": net, "blocks.py": blocks})
    assert width(named("my_net.py:build", copied(path, tmp_path / "run"))) == 7


def test_the_program_itself_is_no_ones_own(tmp_path: Path) -> None:
    """As for a file in the folder of this project, and for one beside which a folder has the program's name."""
    beside = Beside(ROOT)
    beside.note_imports(b"import reference, tests\nfrom torch_parity import networks")
    assert list(beside.sources) == ["tests/__init__.py"]
    run = tmp_path / "run"
    net = "from reference.nn import Linear\ndef build(nn):\n    return Linear(7, 1)\n"
    written(run, {OWN_FILE: net, f"{OWN_MODULES}/reference/__init__.py": ""})
    assert type(named("my_net.py:build", run)(nn)) is nn.Linear


def test_a_copy_that_is_not_there_is_named(tmp_path: Path) -> None:
    path = written(tmp_path / "net", {"my_net.py": NET, "blocks.py": BLOCKS})
    run = copied(path, tmp_path / "run")
    (run / OWN_MODULES / "blocks.py").unlink()
    line = r"network.py, line 1: ModuleNotFoundError: No module named 'blocks': the run has no copy of it; if it lay "
    with pytest.raises(ValueError, match=line + rf"beside the file, copy it to {run / OWN_MODULES}$"):
        named("my_net.py:build", run)
    (run / OWN_MODULES).rmdir()
    with pytest.raises(ValueError, match=line + rf"beside the file, copy it to {run}$"):
        named("my_net.py:build", run)
    written(run, {"blocks.py": BLOCKS})
    assert width(named("my_net.py:build", run)) == 7


def test_a_mistake_in_a_module_beside_is_said_with_its_line(tmp_path: Path) -> None:
    path = written(tmp_path, {"my_net.py": NET, "blocks.py": "def dense(nn):\n    return nn.Linear(1)\n"})
    with pytest.raises(ValueError, match=r"my_net.py, line 3: TypeError: .*missing"):
        own(f"{path}:build")(nn)
    written(tmp_path, {"blocks.py": "x = 1\nx +\n"})
    with pytest.raises(ValueError, match=r"my_net.py, line 1: SyntaxError: invalid syntax \(blocks.py, line 2\)"):
        own(f"{path}:build")
