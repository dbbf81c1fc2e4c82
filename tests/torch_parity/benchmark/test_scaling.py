"""Sizes double, exponents fit, and peak memory counts what is computed and nothing else."""

import itertools
import math
from pathlib import Path
from typing import Any

import pytest

from torch_parity.benchmark import measurements, scaling
from torch_parity.benchmark.processes import Processes
from torch_parity.benchmark.scaling import DOUBLINGS, GROWS, Size, exponent, sizes
from torch_parity.benchmark.subjects import NUMPY, TORCH, check_equal

linux = pytest.mark.skipif(not Path("/proc/self/clear_refs").exists(), reason="reads /proc")


@pytest.mark.parametrize("power", [0.0, 0.5, 1.0, 1.7])
def test_the_exponent_of_a_power_is_that_power(power: float) -> None:
    assert exponent([3 * size**power for size in (1, 2, 4, 8, 16)]) == pytest.approx(power)


def test_the_exponent_is_fitted_to_the_largest_doublings_alone() -> None:
    assert exponent([999, 1, 2, 4, 8]) == pytest.approx(1)


@pytest.mark.parametrize("grows", GROWS["conv3x3"])
def test_a_size_doubles_and_the_others_stay(grows: str) -> None:
    found = sizes(grows)
    assert found[0] == Size()
    assert len(found) == DOUBLINGS + 1
    assert [math.prod(size) / math.prod(Size()) for size in found] == [1, 2, 4, 8, 16]
    for before, after in itertools.pairwise(found):
        changed = [name for name in Size._fields if getattr(before, name) != getattr(after, name)]
        assert changed in ([[grows]] if grows != "area" else [["height"], ["width"]])


@pytest.mark.parametrize("layer", GROWS)
def test_both_sides_compute_the_same_at_any_size(layer: str) -> None:
    check_equal({name: scaling.side(layer, name, Size(2, 3, 5, 6, 8), seed=0) for name in (NUMPY, TORCH)})


@pytest.mark.slow
@linux
@pytest.mark.parametrize(("side", "least", "most"), [(NUMPY, 1, 3), (TORCH, 2, 8)])
def test_peak_memory_holds_the_results_and_is_no_multiple_of_them(side: str, least: int, most: int) -> None:
    """torch keeps the output while the gradient is computed; NumPy's layer keeps neither that nor a padded image."""
    size = Size(batch=8, channels=16, filters=16, height=64, width=64)
    image = 4 * 8 * 16 * 64 * 64  # bytes of the output, and of the gradient of the input
    found = Processes().run("peak", keep_memory=False, layer="conv3x3", side=side, size=size, seed=0)
    assert least * image <= found <= most * image


def test_memory_needs_linux(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scaling, "PEAK", (Path("nowhere"), Path("nowhere")))
    with pytest.raises(RuntimeError, match="Linux only"):
        scaling.peak_bytes("conv3x3", NUMPY, Size(), seed=0)


def test_growth_gives_the_exponents_of_what_is_measured() -> None:
    class Made(Processes):
        """Times in proportion to the size, memory to its square root."""

        def run(self, task: str, keep_memory: bool = True, **job: Any) -> Any:
            if task == "peak":
                assert not keep_memory
                return math.prod(job["size"]) ** 0.5
            assert task == "growing"
            return {
                f"{side} {number}": {"total": [float(math.prod(size))]}
                for number, size in enumerate(job["sizes"])
                for side in (NUMPY, TORCH)
            }

    rows = list(measurements.growth(Made(processes=2), ["conv3x3", "maxpool2x2"]))
    assert [(row["name"], row["grows"]) for row in rows] == [(name, grows) for name in GROWS for grows in GROWS[name]]
    for row in rows:
        assert len(row["sizes"]) == DOUBLINGS + 1
        for side in (NUMPY, TORCH):
            assert row["milliseconds"][side]["exponent"] == pytest.approx(1)
            assert row["megabytes"][side]["exponent"] == pytest.approx(0.5)
