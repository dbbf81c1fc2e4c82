"""Bounds of convolution."""

from torch_parity.proof.bounds.rounding import Array, Bounds, of_sum
from torch_parity.proof.cases import Case


def conv2d_terms(case: Case, grad_output: Array) -> dict[str, int]:
    """How many products, and biases, a convolution adds up for one element of each result.

    An output has C/G * kH * kW products, and the bias; a weight's gradient one product per output pixel of the batch,
    so has a bias's; a pixel's gradient at most one per tap and output channel of its group.
    """
    weight = case.arrays["weight"]
    per_pixel = len(weight) // case.arguments["groups"] * weight[0, 0].size
    per_weight = grad_output.size // len(weight)
    return {
        "output": weight[0].size + 1, "grad_input": per_pixel, "grad_weight": per_weight, "grad_bias": per_weight
    }  # fmt: skip


def conv2d(case: Case, magnitude: dict[str, Array], grad_output: Array) -> Bounds:
    """Convolution: sums of products."""
    terms = conv2d_terms(case, grad_output)
    return {name: of_sum(magnitude[name], terms[name], case.dtype) for name in magnitude}
