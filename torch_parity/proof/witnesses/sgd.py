"""Stochastic gradient descent, as the definition has it."""

from typing import Any

import numpy as np

from reference import definition
from torch_parity.proof.witnesses.witness import Array, Results


def sgd(a: Results, o: dict[str, Any], g: Array) -> Results | None:
    """The parameter after all steps."""
    parameter, velocity = a["parameter"].astype(np.float64), None
    for grad in a["grads"]:
        parameter, velocity = definition.sgd_step(parameter, grad, velocity, **o)
    return {"output": parameter}
