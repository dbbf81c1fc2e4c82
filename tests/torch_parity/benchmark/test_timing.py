"""Every side is measured as often as the others, and the summary says what the samples say."""

import pytest

from torch_parity.benchmark.subjects import Implementation
from torch_parity.benchmark.timing import FEWEST, WARM_UP, alternate, quartiles, summary


def test_sides_run_in_turn_and_equally_often() -> None:
    ran: list[str] = []

    def side(name: str) -> Implementation:
        return Implementation({"forward": lambda: ran.append(name), "backward": lambda: ran.append(name)}, dict)

    samples = alternate({name: side(name) for name in "abc"}, seconds=0)
    assert list(samples) == ["a", "b", "c"]
    for phases in samples.values():
        assert list(phases) == ["forward", "backward", "total"]
        assert all(len(times) == FEWEST for times in phases.values())
    rounds = [ran[first : first + 6 : 2] for first in range(0, len(ran), 6)]
    assert len(rounds) == WARM_UP + FEWEST
    assert all(sorted(order) == ["a", "b", "c"] for order in rounds)
    assert len({tuple(order) for order in rounds}) > 1


def test_the_total_is_that_of_the_phases() -> None:
    samples = alternate({"a": Implementation({"forward": dict, "backward": dict}, dict)}, seconds=0)
    forward, backward, total = samples["a"].values()
    assert total == pytest.approx([a + b for a, b in zip(forward, backward, strict=True)])


def test_it_measures_for_as_long_as_asked() -> None:
    samples = alternate({"a": Implementation({"forward": dict}, dict)}, seconds=0.05)
    assert len(samples["a"]["total"]) > FEWEST


def test_the_summary_takes_medians_in_processes_then_of_processes() -> None:
    ours = [[0.001, 0.009, 0.002], [0.004], [0.006]]
    theirs = [[0.004], [0.004], [0.003]]
    found = summary([{"us": {"total": a}, "them": {"total": b}} for a, b in zip(ours, theirs, strict=True)])
    assert found["repetitions"] == 5
    total = found["phases"]["total"]
    assert total["milliseconds"]["us"]["median"] == pytest.approx(4)  # of 2, 4, 6
    assert total["milliseconds"]["us"]["quartiles"] == pytest.approx([2, 6])  # of 1, 2, 4, 6, 9
    assert total["ratio"] == {"them": {"median": pytest.approx(1), "quartiles": pytest.approx([0.75, 1.5])}}


def test_one_process_has_no_spread() -> None:
    assert quartiles([3.0]) == [3.0, 3.0]
