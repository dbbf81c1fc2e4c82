"""Seconds of each side, side by side: in turn, so that whatever slows the machine down slows all of them."""

import random
import statistics
import time
from collections.abc import Sequence
from typing import Any

from torch_parity.benchmark.subjects import Implementation

WARM_UP = 2
FEWEST = 5
TOTAL = "total"

# Seconds of every repetition: by side, then by phase.
Samples = dict[str, dict[str, list[float]]]


def alternate(sides: dict[str, Implementation], seconds: float) -> Samples:
    """Run all sides in turn, for at least ``seconds`` and ``FEWEST`` times, and take the time of each phase.

    Each round has its own order: else a side would always find in the caches what the same other one left there.
    """
    shuffle = random.Random(0)
    order = list(sides)
    samples: Samples = {name: {phase: [] for phase in (*side.phases, TOTAL)} for name, side in sides.items()}
    for _ in range(WARM_UP):
        for side in sides.values():
            _times(side)
    end = time.perf_counter() + seconds
    done = 0
    while done < FEWEST or time.perf_counter() < end:
        shuffle.shuffle(order)
        for name in order:
            for phase, taken in _times(sides[name]).items():
                samples[name][phase].append(taken)
        done += 1
    return samples


def _times(side: Implementation) -> dict[str, float]:
    clock = time.perf_counter
    ends = [clock()]
    for phase in side.phases.values():
        phase()
        ends.append(clock())
    taken = {name: ends[i + 1] - ends[i] for i, name in enumerate(side.phases)}
    return {**taken, TOTAL: ends[-1] - ends[0]}


def summary(processes: Sequence[Samples]) -> dict[str, Any]:
    """What the samples of several processes say; the first side is compared with every other one.

    Keys: repetitions, in all processes together; phases, by name and with 'total' as the last: milliseconds, by side
    (median of the processes' medians; quartiles of all repetitions), and ratio, by other side: the time of the first
    side divided by its time (median and quartiles of the processes' ratios).
    """
    first, *others = processes[0]
    phases = {}
    for phase in processes[0][first]:
        medians = {name: [statistics.median(samples[name][phase]) for samples in processes] for name in processes[0]}
        pooled = {name: [one for samples in processes for one in samples[name][phase]] for name in processes[0]}
        phases[phase] = {
            "milliseconds": {
                name: {
                    "median": 1e3 * statistics.median(medians[name]),
                    "quartiles": [1e3 * one for one in quartiles(pooled[name])],
                }
                for name in medians
            },
            "ratio": {
                name: _spread([ours / theirs for ours, theirs in zip(medians[first], medians[name], strict=True)])
                for name in others
            },
        }
    return {"repetitions": sum(len(samples[first][TOTAL]) for samples in processes), "phases": phases}


def quartiles(numbers: Sequence[float]) -> list[float]:
    """The first and the third quartile."""
    if len(numbers) == 1:
        return [numbers[0], numbers[0]]
    low, _, high = statistics.quantiles(numbers, method="inclusive")
    return [low, high]


def _spread(ratios: Sequence[float]) -> dict[str, Any]:
    return {"median": statistics.median(ratios), "quartiles": quartiles(ratios)}
