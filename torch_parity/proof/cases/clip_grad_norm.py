"""Cases of clipping by the norm."""

import math
from typing import Any

import numpy as np

from torch_parity.proof.cases.case import Case, Draw, make


def clip_grad_norm(draw: Draw, kind: str, dtype: np.dtype[Any]) -> Case:
    """Two gradients and norms of every order; what they may be long at most is little, much, or nothing."""
    shapes = {"first": draw.choice([(3, 5), (1,), (), (40,), (0, 3)]), "second": draw.choice([(4,), (2, 3, 2), ()])}
    # Nothing has no largest number, and no smallest.
    orders = [2.0, 1.0, 3.0, 0.5, 0.0] + ([] if 0 in shapes["first"] else [math.inf, -math.inf, -1.0])
    arguments = {
        "max_norm": draw.choice([1.0, 0.01, 50.0, 1e6, 0.0, math.inf, -1.0]),
        "norm_type": draw.choice([2.0, 2.0, *orders]),
    }
    return make(draw, kind, dtype, shapes, arguments)
