"""Transposed convolution, as the definition has it."""

from typing import Any

import numpy as np

from reference import definition
from torch_parity.proof.witnesses.witness import LONGEST, Array, Results, both


def conv_transpose2d(a: Results, o: dict[str, Any], g: Array) -> Results | None:
    """The output and all gradients; None if too long."""
    x, weight = a["input"], a["weight"]
    if x.size * weight[0].size > LONGEST:
        return None
    options = {name: both(o[name]) for name in ("stride", "padding", "output_padding", "dilation")}
    batch, g = (x, g) if x.ndim == 4 else (x[np.newaxis], g[np.newaxis])
    output = definition.conv_transpose2d(batch, weight, a.get("bias"), groups=o["groups"], **options)
    grads = definition.conv_transpose2d_backward(g, batch, weight, groups=o["groups"], **options)
    results = {
        "output": output.reshape(*x.shape[:-3], *output.shape[1:]),
        "grad_input": grads[0].reshape(x.shape),
        "grad_weight": grads[1],
    }
    return {**results, "grad_bias": grads[2]} if "bias" in a else results
