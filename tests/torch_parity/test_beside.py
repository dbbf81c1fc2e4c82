"""The modules beside a file of one's own: found, noted, and never those of another file."""

import importlib
import sys
from pathlib import Path
from typing import Any

import pytest

from reference import nn
from torch_parity.networks import OWN_FILE, OWN_MODULES, named, own

NET = "from blocks import dense\ndef build(nn):\n    return dense(nn)\n"
BLOCKS = "WIDTH = 7\ndef dense(nn):\n    return nn.Linear(WIDTH, 1)\n"
OTHER_BLOCKS = BLOCKS.replace("7", "8")


@pytest.fixture(autouse=True)
def nothing_else_changes() -> Any:
    """Other tests find the modules that were there; what stays of these is what a file of one's own brought."""
    before, path, writes = dict(sys.modules), list(sys.path), sys.dont_write_bytecode
    yield
    assert {name: module for name, module in sys.modules.items() if name in before} == before
    assert (sys.path, sys.dont_write_bytecode) == (path, writes)
    for name in set(sys.modules) - set(before):
        del sys.modules[name]


def written(folder: Path, **texts: str) -> Path:
    """``folder`` with these files, NAME.py each, of which __ in a name stands for a folder; the path of my_net.py."""
    for name, text in texts.items():
        path = folder / f"{name.replace('__', '/').replace('/init/', '/__init__')}.py"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return folder / "my_net.py"


def width(build: Any) -> int:
    return int(build(nn).weight.data.shape[1])


def copied(path: Path, run: Path) -> Path:
    """A run's folder, as a run of that network keeps it."""
    network = own(f"{path}:build")
    network(nn)
    written(run, network=path.read_text())
    (run / "network.py").rename(run / OWN_FILE)
    for name, content in network.beside.sources.items():
        (run / OWN_MODULES / name).parent.mkdir(parents=True, exist_ok=True)
        (run / OWN_MODULES / name).write_bytes(content)
    return run


def test_what_was_imported_is_noted_and_nothing_else(tmp_path: Path) -> None:
    net = "import json, numpy, reference\nfrom blocks import dense\nfrom pack.inner import deep\nbuild = dense\n"
    path = written(
        tmp_path, my_net=net, blocks=BLOCKS, not_imported="", json="raise SystemExit", numpy="raise SystemExit",
        pack__init__="", pack__inner="from . import sizes\ndeep = 1", pack__sizes="import spaces.bare",
        pack__unused="", spaces__bare="N = 3",
    )  # fmt: skip
    written(tmp_path / "reference", __init__="")
    build = own(f"{path}:build")
    assert set(build.beside.sources) == {
        "blocks.py", "pack/__init__.py", "pack/inner.py", "pack/sizes.py", "spaces/bare.py"
    }  # fmt: skip
    assert build.beside.sources["blocks.py"] == BLOCKS.encode()
    assert not list(tmp_path.rglob("__pycache__"))


def test_a_module_that_the_function_imports_is_found_and_noted(tmp_path: Path) -> None:
    net = "def build(nn):\n    from blocks import dense\n    return dense(nn)\n"
    build = own(f"{written(tmp_path, my_net=net, blocks=BLOCKS)}:build")
    assert not build.beside.sources
    assert width(build) == 7
    assert list(build.beside.sources) == ["blocks.py"]


def test_what_was_imported_before_is_used_as_it_is_and_noted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As in a notebook, whose folder is on the path."""
    path = written(tmp_path, my_net=NET, blocks="import sizes\n" + BLOCKS, sizes="")
    monkeypatch.syspath_prepend(str(tmp_path))
    blocks = importlib.import_module("blocks")
    monkeypatch.setattr(blocks, "WIDTH", 9)
    build = own(f"{path}:build")
    assert width(build) == 9
    assert set(build.beside.sources) == {"blocks.py", "sizes.py"}
    assert sys.modules["blocks"] is blocks
    run = copied(path, tmp_path / "run")
    assert width(named("my_net.py:build", run)) == 7  # the copy
    assert sys.modules["blocks"] is blocks
    for name in ("blocks", "sizes"):
        del sys.modules[name]


def test_each_file_gets_the_modules_of_its_own_folder(tmp_path: Path) -> None:
    first = own(f"{written(tmp_path / 'a', my_net=NET, blocks=BLOCKS)}:build")
    second = own(f"{written(tmp_path / 'b', my_net=NET, blocks=OTHER_BLOCKS)}:build")
    assert (width(first), width(second), width(first)) == (7, 8, 7)
    assert first.beside.sources["blocks.py"] == BLOCKS.encode()
    # And what it says by now.
    assert width(own(f"{written(tmp_path / 'a', my_net=NET, blocks=OTHER_BLOCKS)}:build")) == 8
    assert (width(first), first.beside.sources["blocks.py"]) == (7, BLOCKS.encode())


@pytest.mark.parametrize("by_now", [None, OTHER_BLOCKS, "raise RuntimeError"])
def test_a_run_uses_its_copies(by_now: str | None, tmp_path: Path) -> None:
    """Also where they are gone, changed or broken where they came from, and a helper has the copy's own name."""
    net = NET.replace("blocks", "network")
    path = written(tmp_path / "net", my_net=net, network="from pack import sizes\n" + BLOCKS, pack__sizes="")
    run = copied(path, tmp_path / "run")
    if by_now is None:
        for file in (tmp_path / "net").rglob("*.py"):
            file.unlink()
    else:
        written(tmp_path / "net", network=by_now)
    assert width(named("my_net.py:build", run)) == 7
    assert not list(tmp_path.rglob("__pycache__"))


def test_a_module_beside_may_import_the_file_itself(tmp_path: Path) -> None:
    net = "WIDTH = 7\nfrom blocks import dense\ndef build(nn):\n    return dense(nn)\n"
    blocks = "from my_net import WIDTH\ndef dense(nn):\n    return nn.Linear(WIDTH, 1)\n"
    path = written(tmp_path / "net", my_net=net, blocks=blocks)
    assert width(named("my_net.py:build", copied(path, tmp_path / "run"))) == 7


def test_a_copy_that_is_not_there_is_named(tmp_path: Path) -> None:
    path = written(tmp_path / "net", my_net=NET, blocks=BLOCKS)
    run = copied(path, tmp_path / "run")
    (run / OWN_MODULES / "blocks.py").unlink()
    line = r"network.py, line 1: ModuleNotFoundError: No module named 'blocks': the run has no copy of it; if it lay "
    with pytest.raises(ValueError, match=line + rf"beside the file, copy it to {run / OWN_MODULES}$"):
        named("my_net.py:build", run)
    (run / OWN_MODULES).rmdir()
    with pytest.raises(ValueError, match=line + rf"beside the file, copy it to {run}$"):
        named("my_net.py:build", run)
    written(run, blocks=BLOCKS)
    assert width(named("my_net.py:build", run)) == 7


def test_a_mistake_in_a_module_beside_is_said_with_its_line(tmp_path: Path) -> None:
    path = written(tmp_path, my_net=NET, blocks="def dense(nn):\n    return nn.Linear(1)\n")
    with pytest.raises(ValueError, match=r"my_net.py, line 3: TypeError: .*missing"):
        own(f"{path}:build")(nn)
    written(tmp_path, blocks="x = 1\nx +\n")
    with pytest.raises(ValueError, match=r"my_net.py, line 1: SyntaxError: invalid syntax \(blocks.py, line 2\)"):
        own(f"{path}:build")
