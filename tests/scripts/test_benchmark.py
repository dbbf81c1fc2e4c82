"""scripts/benchmark.py, as a user runs it."""

import json
import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from tests.scripts import run

QUICK = ("--batch-size", "2", "--processes", "1", "--seconds", "0")


@pytest.mark.slow
def test_it_compares_with_torch(tmp_path: Path) -> None:
    picture = tmp_path / "ratios.png"
    names = ("formula", "cross-entropy-1000")
    done = run("scripts/benchmark.py", "--only", *names, *QUICK, "--json", "--plot", str(picture))
    found = json.loads(done.stdout)
    assert found["arguments"]["batch_size"] == 2
    assert found["machine"]["NumPy"] == np.__version__
    assert "kernel" in found["machine"]["BLAS"]
    network, loss = found["comparison"]
    assert (network["name"], loss["name"]) == names
    assert list(network["phases"]) == ["forward", "backward", "update", "total"]
    assert list(loss["phases"]) == ["forward", "backward", "total"]
    for phase in network["phases"].values():
        assert set(phase["milliseconds"]) == {"numpy", "torch", "torch channels_last"}
        assert set(phase["ratio"]) == {"torch", "torch channels_last"}
        for one in (*phase["milliseconds"].values(), *phase["ratio"].values()):
            assert set(one) == {"median", "quartiles"}
            assert 0 < one["quartiles"][0] <= one["quartiles"][1]
    assert set(loss["phases"]["total"]["ratio"]) == {"torch"}
    assert picture.stat().st_size > 1000
    ratio = r"\d+\.\d\d \(\d+\.\d\d\)"
    assert re.search(
        rf"^formula +(\d+\.\d\d +){{3}}{ratio} +[\d.]+-[\d.]+ +{ratio} +{ratio} +{ratio}$", done.stderr, re.M
    )
    assert re.search(rf"^cross-entropy-1000 +(\d+\.\d\d +){{2}}- +{ratio} .* -$", done.stderr, re.M)


@pytest.mark.slow
def test_it_compares_with_peers() -> None:
    text = run("scripts/benchmark.py", "--peers", "--only", "formula", *QUICK).stdout
    assert re.search(r"reference +MyGrad +autograd +course +faster$", text, re.M)
    assert re.search(r"^formula +conv3x3-1-8-28 +(\d+\.\d\d +)((\d+\.\d\d|-) +){2}\d+\.\d\d +\d+\.\d$", text, re.M)


@pytest.mark.slow
def test_it_profiles() -> None:
    # A whole batch: of a small one, other lines take as long as the convolution's.
    done = run("scripts/benchmark.py", "--profile", "--only", "formula", "--json")
    [found] = json.loads(done.stdout)["profile"]
    assert found["name"] == "formula"
    assert {line["file"] for line in found["lines"]} >= {"products.py", "pooling.py"}
    assert re.search(
        r"^formula: [\d.]+ ms, of which [\d.]+ ms \(\d+%\) in NumPy; [\d,]+ instructions", done.stderr, re.M
    )


@pytest.mark.slow
def test_it_scales() -> None:
    done = run("scripts/benchmark.py", "--scaling", "--only", "maxpool2x2", *QUICK, "--json")
    found = json.loads(done.stdout)
    assert [row["grows"] for row in found["scaling"]] == ["batch", "channels", "area"]
    assert found["memory"]["ratio"]["torch"] > 0
    assert len(re.findall(r"^maxpool2x2 +\w+ +(?:numpy|torch)(?: +[\d.]+){12}$", done.stderr, re.M)) == 6


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--only", "resnet"), "--only must name some of formula, lenet5"),
        (
            ("--peers", "--only", "conv3x3"),
            "mnist-example, vgg-small, resnet-small, got 'conv3x3'",
        ),
        (("--threads", "0"), "threads must be at least 1, got 0"),
        (("--batch-size", "0"), "--batch-size must be at least 1, got 0"),
        (("--plot", "nowhere/ratios.png"), "nowhere/ratios.png"),
        (("--scaling", "--plot", "ratios.png"), "--plot shows the comparison with torch"),
    ],
)
def test_it_refuses_bad_arguments(arguments: tuple[str, ...], message: str, refusal: Callable[..., str]) -> None:
    assert message in refusal("scripts/benchmark.py", *arguments)
