"""Cases of the dense layer."""

from typing import Any

import numpy as np

from torch_parity.proof.cases.case import Case, Draw, make, rounds


def linear(draw: Draw, kind: str, dtype: np.dtype[Any]) -> Case:
    """Inputs of one to four dimensions, no bias, a single row of weights, and empty everything."""
    features = draw.choice([3, 1, 7, 40, 0])
    outputs = draw.choice([(5,), (1,), (13,), (0,), ()])
    leading = draw.choice([(2,), (1,), (), (7,), (0,), (2, 3), (2, 1, 4)])
    shapes = {"input": (*leading, features), "weight": (*outputs, features)}
    if draw.integer(0, 3) and (outputs or len(leading) != 1):  # torch has no such product
        shapes["bias"] = outputs
    return make(draw, kind, dtype, shapes, {}, rounds(kind))
