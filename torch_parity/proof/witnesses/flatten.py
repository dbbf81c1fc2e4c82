"""Flattening, as the definition has it."""

from typing import Any

from reference import definition
from torch_parity.proof.witnesses.witness import Array, Results


def flatten(a: Results, o: dict[str, Any], g: Array) -> Results | None:
    """The output and the gradient, of any shape."""
    x = a["input"]
    return {"output": definition.flatten(x, **o), "grad_input": definition.flatten_backward(g, x.shape)}
