"""Group normalisation, as the definition has it."""

from typing import Any

from reference import definition
from torch_parity.proof.witnesses.witness import LONGEST, Array, Results


def group_norm(a: Results, o: dict[str, Any], g: Array) -> Results | None:
    """The output and all gradients; None where there is no number."""
    x, groups, weight = a["input"], o["num_groups"], a.get("weight")
    if x.size == 0 or x.size * (x[0].size // groups) > LONGEST:
        return None
    results = {"output": definition.group_norm(x, groups, weight, a.get("bias"), o["eps"])}
    grads = definition.group_norm_backward(g, x, groups, weight, o["eps"])
    names = ("input", "weight", "bias")
    return {**results, **{"grad_" + name: grad for name, grad in zip(names, grads, strict=True) if name in a}}
