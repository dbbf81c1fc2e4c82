"""Adam and AdamW, as the definition has them."""

from collections.abc import Callable
from typing import Any

import numpy as np

from reference import definition
from torch_parity.proof.witnesses.witness import Array, Results


def adam(a: Results, o: dict[str, Any], g: Array) -> Results | None:
    """The parameter after all steps; with a decoupled weight decay it is AdamW."""
    options = {name: value for name, value in o.items() if name != "decoupled_weight_decay"}
    return _steps(definition.adamw_step if o["decoupled_weight_decay"] else definition.adam_step, a, options)


def adamw(a: Results, o: dict[str, Any], g: Array) -> Results | None:
    """The parameter after all steps."""
    return _steps(definition.adamw_step, a, o)


def _steps(step: Callable[..., Any], a: Results, o: dict[str, Any]) -> Results:
    parameter, means = a["parameter"].astype(np.float64), None
    for t, grad in enumerate(a["grads"], 1):
        parameter, means = step(parameter, grad, means, t, **o)
    return {"output": parameter}
