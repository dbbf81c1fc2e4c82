"""Cases of RMSprop."""

from typing import Any

import numpy as np

from torch_parity.proof.cases.case import Case, Draw, make


def rmsprop(draw: Draw, kind: str, dtype: np.dtype[Any]) -> Case:
    """One to six steps with every option.  On integers the options are such that little rounds.

    The variance of a mean over one gradient is 0, which each side computes as some other tiny number: where the size is
    centered, alpha is not 0.
    """
    shape = draw.choice([(3, 5), (1,), (), (40,), (0, 3)])
    exact = kind in ("lattice", "ties")
    arguments: dict[str, Any] = {
        "lr": draw.choice([0.5, 0.0] if exact else [0.01, 0.1, 1.0, 0.0]),
        "alpha": draw.choice([0.75, 0.0, 0.5] if exact else [0.99, 0.0, 0.9, 0.3]),
        "eps": draw.choice([1e-8, 0.0, 0.5] if exact else [1e-8, 0.0, 1e-3]),
        "weight_decay": draw.choice([0.0, 0.25] if exact else [0.0, 0.01, 0.3]),
        "momentum": draw.choice([0.0, 0.5] if exact else [0.0, 0.9]),
        "centered": draw.choice([False, True]),
        "maximize": draw.choice([False, True]),
    }
    if arguments["alpha"] == 0:
        arguments["centered"] = False
    return make(draw, kind, dtype, {"parameter": shape, "grads": (draw.choice([3, 1, 2, 6]), *shape)}, arguments)
