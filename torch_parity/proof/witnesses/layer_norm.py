"""Layer normalisation, as the definition has it."""

import math
from typing import Any

from reference import definition
from torch_parity.proof.witnesses.witness import LONGEST, Array, Results


def layer_norm(a: Results, o: dict[str, Any], g: Array) -> Results | None:
    """The output and all gradients; None where there is no number."""
    x, shape, weight = a["input"], tuple(o["normalized_shape"]), a.get("weight")
    if x.size == 0 or x.size * math.prod(shape) > LONGEST:
        return None
    results = {"output": definition.layer_norm(x, shape, weight, a.get("bias"), o["eps"])}
    grads = definition.layer_norm_backward(g, x, shape, weight, o["eps"])
    names = ("input", "weight", "bias")
    return {**results, **{"grad_" + name: grad for name, grad in zip(names, grads, strict=True) if name in a}}
