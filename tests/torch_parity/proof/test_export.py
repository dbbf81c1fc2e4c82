"""Exported cases: the reader of ten lines accepts the reference, and rejects a kernel that is wrong."""

import dataclasses
import hashlib
import json
import re
import textwrap
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from torch_parity.proof import export as module
from torch_parity.proof.export import export
from torch_parity.proof.pairs import PAIRS, pair_named

Arrays = dict[str, npt.NDArray[Any]]
Kernel = Callable[[str, Arrays, dict[str, Any], npt.NDArray[Any] | None], Arrays]


def reader() -> str:
    """The code in the module's docstring."""
    lines = textwrap.dedent((module.__doc__ or "").partition("'bits'):\n\n")[2])
    assert len(lines.strip().splitlines()) <= 10
    return lines


def read(folder: Path, kernel: Kernel, monkeypatch: pytest.MonkeyPatch) -> None:
    """Run the reader in ``folder``; AssertionError where the kernel is wrong."""
    monkeypatch.chdir(folder)
    with np.errstate(all="ignore"):
        exec(reader(), {"my_kernel": kernel})


def by_the_reference(formula: str, inputs: Arrays, arguments: dict[str, Any], grad_output: Any) -> Arrays:
    pair = pair_named(formula)
    arguments = {key: float(value) if value in ("inf", "-inf", "nan") else value for key, value in arguments.items()}
    returned = pair.forward(**inputs, **arguments)
    found = dict(zip(pair.outputs, returned if isinstance(returned, tuple) else (returned,), strict=True))
    if grad_output is None:
        return found
    grads = pair.backward(grad_output, inputs, arguments, returned)
    return found | {"grad_" + name: grad for name, grad in zip(pair.gradients, grads, strict=True) if grad is not None}


def in_float64(formula: str, inputs: Arrays, arguments: dict[str, Any], grad_output: Any) -> Arrays:
    wide = {name: array.astype(np.float64) if array.dtype.kind == "f" else array for name, array in inputs.items()}
    grads = None if grad_output is None else grad_output.astype(np.float64)
    return by_the_reference(formula, wide, arguments, grads)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("cases") / "new"
    assert export(made, PAIRS, 80, range(16)) == 16 * len(PAIRS)
    return made


def test_the_reader_accepts_the_reference(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    read(folder, by_the_reference, monkeypatch)


@pytest.mark.parametrize("wrong", [pair.name for pair in PAIRS])
def test_the_reader_rejects_a_wrong_kernel(wrong: str, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One result of one formula, off by a thousandth."""

    def kernel(formula: str, inputs: Arrays, arguments: dict[str, Any], grad_output: Any) -> Arrays:
        found = by_the_reference(formula, inputs, arguments, grad_output)
        last = list(found)[-1]
        return {**found, last: found[last] * 1.001} if formula == wrong else found

    with pytest.raises(AssertionError, match=wrong):
        read(folder, kernel, monkeypatch)


def test_the_reader_rejects_a_convolution_that_flips_its_kernel(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def kernel(formula: str, inputs: Arrays, arguments: dict[str, Any], grad_output: Any) -> Arrays:
        if formula == "conv2d":
            inputs = {**inputs, "weight": inputs["weight"][..., ::-1, ::-1]}
        return by_the_reference(formula, inputs, arguments, grad_output)

    with pytest.raises(AssertionError, match="conv2d"):
        read(folder, kernel, monkeypatch)


@pytest.mark.parametrize("precision", ["float16", "bfloat16"])
def test_numbers_of_16_bits(precision: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Double precision is within their bounds, but where a result must be rounded to be exact."""
    pairs = [pair for pair in PAIRS if pair.name not in ("conv2d", "conv_transpose2d", "linear")]
    export(tmp_path, pairs, 81, range(6), precision=precision)
    read(tmp_path, in_float64, monkeypatch)
    described = json.loads((tmp_path / "cases.json").read_text())
    assert {case["dtype"] for case in described["cases"]} == {precision}


def test_the_description(folder: Path) -> None:
    found = json.loads((folder / "cases.json").read_text(), parse_constant=pytest.fail)  # no Infinity, which is no JSON
    assert found["sha256"] == hashlib.sha256((folder / "cases.safetensors").read_bytes()).hexdigest()
    assert set(found) == {"seed", "torch", "numpy", "sha256", "cases"}
    for case in found["cases"]:
        assert set(case) == {"id", "formula", "twin", "kind", "dtype", "arguments", "inputs", "results"}
    ways = {how for case in found["cases"] for how in case["results"].values()}
    assert ways == {"bits", "values", "bound"}
    names = set(re.findall(r"^(?:    )?    (?:    )?(\w+(?:, \w+)*) {2,}", module.__doc__ or "", re.MULTILINE))
    documented = {name for group in names for name in group.split(", ")}
    assert documented >= set(found) | set(found["cases"][0])


def test_the_bytes_are_always_the_same(folder: Path, tmp_path: Path) -> None:
    export(tmp_path, PAIRS, 80, range(16))
    for name in ("cases.safetensors", "cases.json"):
        assert (tmp_path / name).read_bytes() == (folder / name).read_bytes()
        assert sorted(path.name for path in tmp_path.iterdir()) == ["cases.json", "cases.safetensors"]


def test_a_case_on_which_the_sides_differ_is_not_exported(tmp_path: Path) -> None:
    pair = pair_named("relu")
    wrong = dataclasses.replace(pair, forward=lambda input: -pair.forward(input))
    with pytest.raises(RuntimeError, match=r"relu/0, .*: output: "):
        export(tmp_path / "none", [wrong], 80, range(4))
    assert not (tmp_path / "none").exists()
