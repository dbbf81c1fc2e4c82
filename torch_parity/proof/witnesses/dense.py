"""The dense layer, as the definition has it."""

from typing import Any

from reference import definition
from torch_parity.proof.witnesses.witness import LONGEST, Array, Results


def linear(a: Results, o: dict[str, Any], g: Array) -> Results | None:
    """The output and all gradients; None but for rows of inputs and a matrix of weights."""
    x, weight = a["input"], a["weight"]
    if x.ndim != 2 or weight.ndim != 2 or g.size * x.shape[1] > LONGEST:
        return None
    grad_input, grad_weight, grad_bias = definition.linear_backward(g, x, weight)
    results = {
        "output": definition.linear(x, weight, a.get("bias")),
        "grad_input": grad_input,
        "grad_weight": grad_weight,
    }
    return {**results, "grad_bias": grad_bias} if "bias" in a else results
