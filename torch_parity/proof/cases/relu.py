"""Cases of ReLU."""

from typing import Any

import numpy as np

from torch_parity.proof.cases.case import Case, Draw, make


def relu(draw: Draw, kind: str, dtype: np.dtype[Any]) -> Case:
    """Any shape, numbers without dimensions and long rows included."""
    return make(draw, kind, dtype, {"input": shape(draw)}, {})


def shape(draw: Draw) -> tuple[int, ...]:
    """The shape of what a formula takes element by element."""
    return draw.choice([(2, 3, 5, 4), (), (0,), (1,), (67,), (3, 0, 2), (draw.integer(1, 300),)])
