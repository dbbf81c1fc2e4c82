"""Clipping by the norm, as the definition has it."""

from typing import Any

import numpy as np

from reference import definition
from torch_parity.proof.witnesses.witness import Array, Results


def clip_grad_norm(a: Results, o: dict[str, Any], g: Array) -> Results | None:
    """Both gradients and their norm; not that of order 0, which torch has in a way of its own."""
    if o["norm_type"] == 0:
        return None
    (first, second), norm = definition.clip_grad_norm([a["first"], a["second"]], **o)
    return {"output": first, "other": second, "norm": np.asarray(norm)}
