"""Bounds of the dense layer."""

from torch_parity.proof.bounds.rounding import Array, Bounds, of_sum
from torch_parity.proof.cases import Case


def linear_terms(case: Case, grad_output: Array) -> dict[str, int]:
    """How many products, and biases, a dense layer adds up: over inputs; for gradients over outputs and the batch."""
    weight = case.arrays["weight"]
    outputs = len(weight) if weight.ndim == 2 else 1
    rows = grad_output.size // max(1, outputs)
    return {"output": weight.shape[-1] + 1, "grad_input": outputs, "grad_weight": rows, "grad_bias": rows}


def linear(case: Case, magnitude: dict[str, Array], grad_output: Array) -> Bounds:
    """Dense layer: sums of products."""
    terms = linear_terms(case, grad_output)
    return {name: of_sum(magnitude[name], terms[name], case.dtype) for name in magnitude}
