"""Cases of Adam and AdamW."""

from typing import Any

import numpy as np

from torch_parity.proof.cases.case import Case, Draw, make


def adam(draw: Draw, kind: str, dtype: np.dtype[Any]) -> Case:
    """One to six steps with every option."""
    case = adamw(draw, kind, dtype)
    case.arguments["decoupled_weight_decay"] = draw.choice([False, True])
    return case


def adamw(draw: Draw, kind: str, dtype: np.dtype[Any]) -> Case:
    """One to six steps with every option.  On integers the options are such that little rounds."""
    shape = draw.choice([(3, 5), (1,), (), (40,), (0, 3)])
    exact = kind in ("lattice", "ties")
    first, second = ([0.5, 0.0], [0.75, 0.0]) if exact else ([0.9, 0.0, 0.5, 0.1], [0.999, 0.9, 0.0])
    arguments: dict[str, Any] = {
        "lr": draw.choice([0.5, 0.0] if exact else [0.001, 0.1, 1.0, 0.0]),
        "betas": (draw.choice(first), draw.choice(second)),
        "eps": draw.choice([1e-8, 0.0, 0.5] if exact else [1e-8, 0.0, 1e-3]),
        "weight_decay": draw.choice([0.0, 0.25] if exact else [0.0, 0.01, 0.3]),
        "amsgrad": draw.choice([False, True]),
        "maximize": draw.choice([False, True]),
    }
    return make(draw, kind, dtype, {"parameter": shape, "grads": (draw.choice([3, 1, 2, 6]), *shape)}, arguments)
