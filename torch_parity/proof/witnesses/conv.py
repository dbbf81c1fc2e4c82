"""Convolution, as the definition has it."""

from typing import Any

import numpy as np

from reference import definition
from torch_parity.proof.witnesses.witness import LONGEST, Array, Results, both


def conv2d(a: Results, o: dict[str, Any], g: Array) -> Results | None:
    """The output and all gradients; None if too long."""
    x, weight = a["input"], a["weight"]
    if g.size * weight[0].size > LONGEST:
        return None
    stride, dilation, groups = both(o["stride"]), both(o["dilation"]), o["groups"]
    if isinstance(o["padding"], str):
        totals = [d * (k - 1) if o["padding"] == "same" else 0 for d, k in zip(dilation, weight.shape[2:], strict=True)]
        top, left = totals[0] // 2, totals[1] // 2
        frame = (left, totals[1] - left, top, totals[0] - top)
    else:
        height, width = both(o["padding"])
        frame = (width, width, height, height)
    batch, g = (x, g) if x.ndim == 4 else (x[np.newaxis], g[np.newaxis])
    # Padding with zeros is a formula of its own: what the convolution calls padding must be the same.
    image = definition.pad(batch, frame)
    output = definition.conv2d(image, weight, a.get("bias"), stride, 0, dilation, groups)
    grad_image, grad_weight, grad_bias = definition.conv2d_backward(g, image, weight, stride, 0, dilation, groups)
    grad_input = definition.pad_backward(grad_image, batch.shape, frame)
    results = {
        "output": output.reshape(*x.shape[:-3], *output.shape[1:]),
        "grad_input": grad_input.reshape(x.shape),
        "grad_weight": grad_weight,
    }
    return {**results, "grad_bias": grad_bias} if "bias" in a else results
