"""Cases of stochastic gradient descent."""

from typing import Any

import numpy as np

from torch_parity.proof.cases.case import Case, Draw, make


def sgd(draw: Draw, kind: str, dtype: np.dtype[Any]) -> Case:
    """One to four steps with every option.  On the lattice the options are dyadic, so that nothing rounds."""
    shape = draw.choice([(3, 5), (1,), (), (40,), (0, 3)])
    exact = kind in ("lattice", "ties")
    arguments: dict[str, Any] = {
        "lr": draw.choice([0.5, 0.0] if exact else [0.001, 0.1, 0.02, 1.0, 0.0]),
        "momentum": draw.choice([0.0, 0.75, 0.5] if exact else [0.0, 0.9, 0.5]),
        "dampening": draw.choice([0.0, 0.5] if exact else [0.0, 0.1]),
        "weight_decay": draw.choice([0.0, 0.25] if exact else [0.0, 1e-4, 0.3]),
        "nesterov": draw.choice([False, True]),
        "maximize": draw.choice([False, True]),
    }
    if arguments["momentum"] == 0 or arguments["dampening"] != 0:
        arguments["nesterov"] = False
    steps = draw.integer(1, 2 if exact else 4)  # a third exact step would need more than 24 bits
    return make(draw, kind, dtype, {"parameter": shape, "grads": (steps, *shape)}, arguments)
