"""Cases of cross-entropy."""

from typing import Any

import numpy as np
import numpy.typing as npt

from torch_parity.proof.cases.case import Case, Draw, layout, make, rounds


def cross_entropy(draw: Draw, kind: str, dtype: np.dtype[Any]) -> Case:
    """Class indices and probabilities, weights, ignored samples, smoothing, and images of scores."""
    targets = draw.choice(["int64", "probabilities", "uint8"])
    classes = draw.choice([3, 10, 2, 1, draw.integer(1, 200), 200 if targets == "uint8" else 1000])
    samples = draw.choice([(4,), (), (1,), (7,), (0,)] + [(2, 3), (2, 3, 2), (2, 0)] * (targets != "uint8"))
    shape = (*samples[:1], classes, *samples[1:])
    weights = draw.choice(["none", "some", "some zero"])
    arguments: dict[str, Any] = {
        "reduction": draw.choice(["mean", "sum", "none"]),
        "label_smoothing": draw.choice([0.0, 0.1, 0.0, 1.0, 0.37]),
        "ignore_index": draw.choice([-100, -1] if targets == "probabilities" else [-100, -1, 0]),
    }
    left_out = draw.choice([0.0, 0.3, 1.0])  # of the samples, where targets are class indices
    case = make(draw, kind, dtype, {"input": shape}, arguments)
    generator = np.random.default_rng([case.seed, 2])
    if targets == "probabilities":
        parts = generator.exponential(size=shape) * (generator.random(shape) < 0.7)
        target: npt.NDArray[Any] = (parts / max(parts.sum(), 1)).astype(dtype)
    else:
        target = generator.integers(0, classes, samples)
        target = np.where(generator.random(samples) < left_out, arguments["ignore_index"], target)
        # torch reads bytes in its plainest losses only; where it smooths, it takes 156 for -100.
        smoothed = arguments["label_smoothing"] > 0
        refused = smoothed and weights != "none" and arguments["reduction"] == "mean"
        confused = smoothed and (target == arguments["ignore_index"] % 256).any() and arguments["ignore_index"] < 0
        if targets == "uint8" and not refused and not confused and target.min(initial=0) >= 0:
            target = target.astype(np.uint8)
    arrays = {**case.arrays, "target": target if case.plain else layout(target, generator)}
    if weights != "none":
        weight = generator.uniform(0.1, 2, classes).astype(dtype)
        if weights == "some zero":
            weight[generator.random(classes) < 0.4] = 0
        arrays["weight"] = weight if case.plain else layout(weight, generator)
    return Case(kind, dtype, arrays, arguments, case.seed, rounds(kind), case.plain)
