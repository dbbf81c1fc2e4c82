"""The table of exactness says what was measured, in numbers that can be read and kept."""

import json
import math

import pytest

from torch_parity.audit.exactness import Exactness, as_result, exactness, power
from torch_parity.pages import proof_text
from torch_parity.proof.pairs import PAIRS, Pair, pair_named


@pytest.mark.parametrize("pair", PAIRS, ids=lambda pair: pair.name)
def test_every_result_has_a_row(pair: Pair) -> None:
    rows = exactness(pair, seed=0, planted=6, measured=20)
    outputs = {*(name for name in pair.outputs if name != "indices"), *("grad_" + name for name in pair.gradients)}
    assert {row.result for row in rows} == outputs
    for row in rows:
        assert row.seen.keys() == {
            f"{kind} {dtype}" for kind in ("lattice", "real") for dtype in ("float32", "float64")
        }
        assert "float32" in row.rms
        line = proof_text.exactness_line(row)
        assert line.startswith(pair.name)
        assert row.result in line


def test_the_numbers_are_those_of_the_measurements() -> None:
    [row] = (row for row in exactness(pair_named("linear"), seed=3, planted=8, measured=40) if row.result == "output")
    assert row.seen["lattice float32"][1] == 2.0**-23
    assert 2.0**-23 < row.seen["real float32"][0] <= row.seen["real float32"][1]
    assert row.rms.keys() == {"float32", "float64"}
    for cases, ours, theirs in row.rms.values():
        assert 20 <= cases <= 40
        assert 0.1 < ours < 3
        assert 0.1 < theirs < 3


def test_what_has_no_end_is_null_in_json() -> None:
    row = Exactness("softmax", "output", {"real float32": (2.0**-12, math.inf)}, {"float32": (7, 0.5, 0.25)})
    found = json.loads(json.dumps(as_result(row), allow_nan=False))
    assert found == {
        "formula": "softmax",
        "result": "output",
        "smallest_error_seen": {"real float32": [2.0**-12, None]},
        "rms_error": {"float32": {"cases": 7, "numpy": 0.5, "torch": 0.25}},
    }
    assert "2^-12 (never)" in proof_text.exactness_line(row)
    assert proof_text.exactness_line(row).split()[-4:] == ["0.500", "0.250", "2.00", "-"]


@pytest.mark.parametrize(
    ("seen", "text"),
    [((0.5, 0.5), "2^-1"), ((0.5, 8.0), "2^-1 (2^3)"), ((0.25, None), "2^-2 (never)"), (None, "-")],
)
def test_errors_as_powers_of_two(seen: tuple[float, float | None] | None, text: str) -> None:
    assert power(seen) == text
