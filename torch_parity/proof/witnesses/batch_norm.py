"""Batch normalisation, as the definition has it."""

from typing import Any

import numpy as np

from reference import definition
from torch_parity.proof.witnesses.witness import LONGEST, Array, Results


def batch_norm(a: Results, o: dict[str, Any], g: Array) -> Results | None:
    """The output, the running statistics and the gradients; None if too long."""
    x, mean, var, weight = a["input"], a.get("running_mean"), a.get("running_var"), a.get("weight")
    if 10 * x.size > LONGEST:
        return None
    training, eps = o["training"], o["eps"]
    if mean is None or var is None:
        statistics = np.zeros(0), np.zeros(0)  # there are none to keep
    elif training:
        statistics = definition.running_statistics(x, mean, var, o["momentum"])
    else:
        statistics = mean, var
    grad_input, grad_weight, grad_bias = definition.batch_norm_backward(g, x, mean, var, weight, training, eps)
    results = {
        "output": definition.batch_norm(x, mean, var, weight, a.get("bias"), training, eps),
        "running_mean": statistics[0].astype(np.float64),
        "running_var": statistics[1].astype(np.float64),
        "grad_input": grad_input,
    }
    learned = {"grad_weight": grad_weight} if weight is not None else {}
    return {**results, **learned, **({"grad_bias": grad_bias} if "bias" in a else {})}
