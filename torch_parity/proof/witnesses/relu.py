"""ReLU, as the definition has it."""

from typing import Any

from reference import definition
from torch_parity.proof.witnesses.witness import Array, Results


def relu(a: Results, o: dict[str, Any], g: Array) -> Results | None:
    """The output and the gradient, of any shape."""
    return {"output": definition.relu(a["input"]), "grad_input": definition.relu_backward(g, a["input"])}
