"""Cases of softmax and of its logarithm."""

from typing import Any

import numpy as np

from torch_parity.proof.cases.case import Case, Draw, make, rounds


def softmax(draw: Draw, kind: str, dtype: np.dtype[Any]) -> Case:
    """Any dimension of any shape; no classes to 1000; scores up to thousands."""
    others = [draw.choice([2, 3, 1, 2, 3, 1, 4, 0]) for _ in range(draw.integer(0, 3))]
    axis = draw.integer(0, len(others))
    classes = draw.choice([10, draw.integer(1, 50), 1, draw.integer(1, 50), 1000, 0])
    shape = draw.choice([(*others[:axis], classes, *others[axis:])] * 7 + [()])
    ndim = max(1, len(shape))
    arguments = {"dim": min(axis, ndim - 1) - draw.choice([0, ndim])}
    return make(draw, kind, dtype, {"input": shape}, arguments, rounds(kind))
