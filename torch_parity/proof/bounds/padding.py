"""Bounds of padding."""

from torch_parity.proof.bounds.rounding import Array, Bounds, of_sum
from torch_parity.proof.cases import Case


def pad(case: Case, magnitude: dict[str, Array], grad_output: Array) -> Bounds:
    """The gradient of padding that repeats pixels: a sum over the copies, of which there are at most all."""
    return {"grad_input": of_sum(magnitude["grad_input"], grad_output.size, case.dtype)}
