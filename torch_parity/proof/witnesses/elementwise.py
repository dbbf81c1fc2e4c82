"""The units that bend element by element, as the definition has them, of any shape."""

from typing import Any

from reference import definition
from torch_parity.proof.witnesses.witness import Array, Results


def leaky_relu(a: Results, o: dict[str, Any], g: Array) -> Results | None:
    """The output and the gradient."""
    x = a["input"]
    return {"output": definition.leaky_relu(x, **o), "grad_input": definition.leaky_relu_backward(g, x, **o)}


def sigmoid(a: Results, o: dict[str, Any], g: Array) -> Results | None:
    """The output, and the gradient from it."""
    y = definition.sigmoid(a["input"])
    return {"output": y, "grad_input": definition.sigmoid_backward(g, y)}


def tanh(a: Results, o: dict[str, Any], g: Array) -> Results | None:
    """The output, and the gradient from it."""
    y = definition.tanh(a["input"])
    return {"output": y, "grad_input": definition.tanh_backward(g, y)}


def silu(a: Results, o: dict[str, Any], g: Array) -> Results | None:
    """The output and the gradient."""
    x = a["input"]
    return {"output": definition.silu(x), "grad_input": definition.silu_backward(g, x)}


def gelu(a: Results, o: dict[str, Any], g: Array) -> Results | None:
    """The output and the gradient."""
    x = a["input"]
    return {"output": definition.gelu(x, **o), "grad_input": definition.gelu_backward(g, x, **o)}
