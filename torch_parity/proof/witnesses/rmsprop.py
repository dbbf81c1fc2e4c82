"""RMSprop, as the definition has it."""

from typing import Any

import numpy as np

from reference import definition
from torch_parity.proof.witnesses.witness import Array, Results


def rmsprop(a: Results, o: dict[str, Any], g: Array) -> Results | None:
    """The parameter after all steps."""
    parameter, means = a["parameter"].astype(np.float64), None
    for grad in a["grads"]:
        parameter, means = definition.rmsprop_step(parameter, grad, means, **o)
    return {"output": parameter}
