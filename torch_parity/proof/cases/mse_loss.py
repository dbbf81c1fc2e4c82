"""Cases of the mean squared error."""

from typing import Any

import numpy as np

from torch_parity.proof.cases.case import LATTICE, Case, Draw, layout, make, rounds


def mse_loss(draw: Draw, kind: str, dtype: np.dtype[Any]) -> Case:
    """Any shape, with and without weights.  On the lattice these are integers too."""
    shape = draw.choice([(4, 3), (), (1,), (0,), (67,), (3, 0, 2), (2, 3, 5, 4), (draw.integer(1, 300),)])
    weights = draw.choice(["none", "some", "some zero", "none"])
    arguments: dict[str, Any] = {"reduction": draw.choice(["mean", "sum", "none"])}
    case = make(draw, kind, dtype, {"input": shape, "target": shape}, arguments)
    arrays = dict(case.arrays)
    if weights != "none":
        generator = np.random.default_rng([case.seed, 2])
        exact = kind in ("lattice", "ties")
        weight = generator.integers(1, LATTICE, shape) if exact else generator.uniform(0.1, 2, shape)
        if weights == "some zero":
            weight = np.where(generator.random(shape) < 0.4, 0, weight)
        weight = np.asarray(weight, dtype)
        arrays["weight"] = weight if case.plain else layout(weight, generator)
    return Case(kind, dtype, arrays, arguments, case.seed, rounds(kind), case.plain)
