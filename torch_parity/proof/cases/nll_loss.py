"""Cases of the negative log-likelihood."""

from typing import Any

import numpy as np

from torch_parity.proof.cases.case import LATTICE, Case, Draw, layout, make, rounds


def nll_loss(draw: Draw, kind: str, dtype: np.dtype[Any]) -> Case:
    """Class indices, weights, ignored samples, and images.  The log-probabilities are any numbers: nothing checks them.

    On the lattice the weights are integers too.
    """
    targets = draw.choice(["int64", "uint8"])
    classes = draw.choice([3, 10, 2, 1, draw.integer(1, 200)])
    samples = draw.choice([(4,), (), (1,), (7,), (0,)] + [(2, 3), (2, 3, 2), (2, 0)] * (targets != "uint8"))
    shape = (*samples[:1], classes, *samples[1:])
    weights = draw.choice(["none", "some", "some zero"])
    arguments: dict[str, Any] = {
        "reduction": draw.choice(["mean", "sum", "none"]),
        "ignore_index": draw.choice([-100, -1, 0]),
    }
    left_out = draw.choice([0.0, 0.3, 0.0, 0.3, 1.0])  # of the samples
    case = make(draw, kind, dtype, {"input": shape}, arguments)
    generator = np.random.default_rng([case.seed, 2])
    target = generator.integers(0, classes, samples)
    target = np.where(generator.random(samples) < left_out, arguments["ignore_index"], target)
    if targets == "uint8" and target.min(initial=0) >= 0:
        target = target.astype(np.uint8)
    arrays = {**case.arrays, "target": target if case.plain else layout(target, generator)}
    if weights != "none":
        exact = kind in ("lattice", "ties")
        weight = generator.integers(1, LATTICE, classes) if exact else generator.uniform(0.1, 2, classes)
        if weights == "some zero":
            weight = np.where(generator.random(classes) < 0.4, 0, weight)
        weight = weight.astype(dtype)
        arrays["weight"] = weight if case.plain else layout(weight, generator)
    return Case(kind, dtype, arrays, arguments, case.seed, rounds(kind), case.plain)
