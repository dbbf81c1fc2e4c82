"""Max and average pooling, as the definition has them."""

import math
from typing import Any

import numpy as np

from reference import definition
from torch_parity.proof.witnesses.witness import LONGEST, Array, Results, both


def _pooling(o: dict[str, Any]) -> dict[str, Any]:
    pairs: dict[str, Any] = {name: both(o[name]) for name in ("kernel_size", "padding", "dilation") if name in o}
    return {**o, **pairs, "stride": None if o["stride"] is None else both(o["stride"])}


def max_pool2d(a: Results, o: dict[str, Any], g: Array) -> Results | None:
    """The output, the indices of the maxima and the gradient; None if too long."""
    x = a["input"]
    if g.size * math.prod(both(o["kernel_size"])) > LONGEST:
        return None
    batch, g = (x, g) if x.ndim == 4 else (x[np.newaxis], g[np.newaxis])
    output, indices = definition.max_pool2d(batch, **_pooling(o))
    grad_input = definition.max_pool2d_backward(g, indices, batch.shape)
    unbatched = (*x.shape[:-3], *output.shape[1:])
    return {
        "output": output.reshape(unbatched),
        "indices": indices.reshape(unbatched),
        "grad_input": grad_input.reshape(x.shape),
    }


def avg_pool2d(a: Results, o: dict[str, Any], g: Array) -> Results | None:
    """The output and the gradient; None if too long."""
    x = a["input"]
    if g.size * math.prod(both(o["kernel_size"])) > LONGEST:
        return None
    batch, g = (x, g) if x.ndim == 4 else (x[np.newaxis], g[np.newaxis])
    output = definition.avg_pool2d(batch, **_pooling(o))
    grad_input = definition.avg_pool2d_backward(g, batch.shape, **_pooling(o))
    return {"output": output.reshape(*x.shape[:-3], *output.shape[1:]), "grad_input": grad_input.reshape(x.shape)}
