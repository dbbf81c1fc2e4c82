"""Cases of the leaky ReLU."""

from typing import Any

import numpy as np

from torch_parity.proof.cases.case import Case, Draw, make
from torch_parity.proof.cases.relu import shape

SLOPES = (0.01, 0.2, 0, 1.0, -0.3, 3.0)
# Multiples of powers of two: of these and small integers no product rounds.
DYADIC = (0.25, 0.0625, 0, 1.0, -0.5, 2)


def leaky_relu(draw: Draw, kind: str, dtype: np.dtype[Any]) -> Case:
    """Any shape; slopes of every sort, those of a ReLU and of no unit at all among them."""
    arguments = {"negative_slope": draw.choice(DYADIC if kind == "lattice" else SLOPES)}
    return make(draw, kind, dtype, {"input": shape(draw)}, arguments)
