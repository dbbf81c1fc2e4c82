"""Cases of the Gaussian error linear unit."""

from typing import Any

import numpy as np

from torch_parity.proof.cases.case import Case, Draw, make, rounds
from torch_parity.proof.cases.relu import shape


def gelu(draw: Draw, kind: str, dtype: np.dtype[Any]) -> Case:
    """Any shape, exact or approximated."""
    arguments = {"approximate": draw.choice(["none", "tanh"])}
    return make(draw, kind, dtype, {"input": shape(draw)}, arguments, rounds(kind))
