"""Dropout, as the definition has it."""

from typing import Any

from reference import definition
from torch_parity.proof.witnesses.witness import Array, Results


def dropout(a: Results, o: dict[str, Any], g: Array) -> Results | None:
    """The output and the gradient, of any shape."""
    x, mask = a["input"], a["mask"]
    return {
        "output": definition.dropout(x, **o, mask=mask),
        "grad_input": definition.dropout_backward(g, mask, **o),
    }


def dropout2d(a: Results, o: dict[str, Any], g: Array) -> Results | None:
    """The output and the gradient, of batches of images."""
    x, mask = a["input"], a["mask"]
    return {
        "output": definition.dropout2d(x, **o, mask=mask),
        "grad_input": definition.dropout2d_backward(g, mask, **o),
    }
