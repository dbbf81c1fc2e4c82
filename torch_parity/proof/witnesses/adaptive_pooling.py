"""Average pooling to a given size, as the definition has it."""

from typing import Any

import numpy as np

from reference import definition
from torch_parity.proof.witnesses.witness import LONGEST, Array, Results


def adaptive_avg_pool2d(a: Results, o: dict[str, Any], g: Array) -> Results | None:
    """The output and the gradient; None if too long."""
    x, size = a["input"], o["output_size"]
    if 4 * (g.size + x.size) > LONGEST:  # a window holds few pixels beyond its share
        return None
    batch, g = (x, g) if x.ndim == 4 else (x[np.newaxis], g[np.newaxis])
    output = definition.adaptive_avg_pool2d(batch, size if isinstance(size, int) else tuple(size))
    grad_input = definition.adaptive_avg_pool2d_backward(g, batch.shape)
    return {"output": output.reshape(*x.shape[:-3], *output.shape[1:]), "grad_input": grad_input.reshape(x.shape)}
