"""The mean squared error, as the definition has it."""

from typing import Any

from reference import definition
from torch_parity.proof.witnesses.witness import LONGEST, Array, Results


def mse_loss(a: Results, o: dict[str, Any], g: Array) -> Results | None:
    """The loss and its gradients; None if too long."""
    if a["input"].size > LONGEST:
        return None
    x, target, weight = a["input"], a["target"], a.get("weight")
    output = definition.mse_loss(x, target, weight=weight, **o)
    grad_input, grad_target = definition.mse_loss_backward(g, x, target, weight=weight, **o)
    return {"output": output, "grad_input": grad_input, "grad_target": grad_target}
