"""Cases of the sigmoid, which are those of tanh and of the sigmoid linear unit, too."""

from typing import Any

import numpy as np

from torch_parity.proof.cases.case import Case, Draw, make, rounds
from torch_parity.proof.cases.relu import shape


def sigmoid(draw: Draw, kind: str, dtype: np.dtype[Any]) -> Case:
    """Any shape; numbers up to thousands, where powers overflow."""
    return make(draw, kind, dtype, {"input": shape(draw)}, {}, rounds(kind))
