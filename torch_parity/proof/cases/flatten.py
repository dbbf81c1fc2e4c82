"""Cases of flattening."""

from typing import Any

import numpy as np

from torch_parity.proof.cases.case import Case, Draw, make


def flatten(draw: Draw, kind: str, dtype: np.dtype[Any]) -> Case:
    """Any range of dimensions, counted from either end."""
    shape = tuple(draw.choice([2, 1, 3, 5, 2, 3, 0]) for _ in range(draw.integer(0, 5)))
    ndim = max(1, len(shape))
    start = draw.choice([0, draw.integer(0, ndim - 1)])
    end = draw.choice([ndim - 1, draw.integer(start, ndim - 1)])
    arguments = {"start_dim": start - draw.choice([0, ndim]), "end_dim": end - draw.choice([0, ndim])}
    return make(draw, kind, dtype, {"input": shape}, arguments)
