"""The picture holds every ratio, and what cannot be drawn is refused before anything is measured."""

from pathlib import Path
from typing import Any

import pytest

from torch_parity.benchmark.subjects import CHANNELS_LAST, TORCH
from torch_parity.pages import benchmark_plot

pytest.importorskip("matplotlib")


def row(name: str, **ratios: float) -> dict[str, Any]:
    sides = {"default": TORCH, "last": CHANNELS_LAST}
    found = {sides[key]: {"median": ratio, "quartiles": [ratio / 1.1, ratio * 1.1]} for key, ratio in ratios.items()}
    return {"name": name, "phases": {"total": {"ratio": found}}}


RESULT: dict[str, Any] = {
    "arguments": {"batch_size": 64, "threads": 1, "processes": 3},
    "machine": {"NumPy": "2", "torch": "2", "BLAS": "openblas", "torch's kernels": "AVX2", "processor": "some"},
    "comparison": [row("lenet5", default=0.53, last=1.57), row("dense", default=2.51)],
}


def test_it_draws_every_ratio(tmp_path: Path) -> None:
    benchmark_plot.save(RESULT, tmp_path / "ratios.svg")
    text = (tmp_path / "ratios.svg").read_text(encoding="utf-8")
    for word in ("lenet5", "dense", "0.53", "1.57", "2.51", "channels_last", "openblas"):
        assert f"<!-- {word} -->" in text or word in text
    benchmark_plot.save(RESULT, tmp_path / "ratios.png")
    assert (tmp_path / "ratios.png").read_bytes().startswith(b"\x89PNG")


def test_a_row_with_one_bar_has_it_in_the_middle() -> None:
    assert [place for place, _ in benchmark_plot._bars(RESULT["comparison"], TORCH)] == [-benchmark_plot.BAR / 2, 1]
    assert [place for place, _ in benchmark_plot._bars(RESULT["comparison"], CHANNELS_LAST)] == [benchmark_plot.BAR / 2]


def test_it_refuses_what_it_cannot_write(tmp_path: Path) -> None:
    benchmark_plot.check(tmp_path / "ratios.png")
    with pytest.raises(ValueError, match=r"--plot must end in one of .*\.png"):
        benchmark_plot.check(tmp_path / "ratios.txt")
    with pytest.raises(OSError, match="nowhere"):
        benchmark_plot.check(tmp_path / "nowhere" / "ratios.png")
