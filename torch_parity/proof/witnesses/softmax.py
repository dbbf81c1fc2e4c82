"""Softmax and its logarithm, as the definition has them."""

from typing import Any

import numpy as np

from reference import definition
from torch_parity.proof.witnesses.witness import LONGEST, Array, Results


def _over_classes(forward: Any, backward: Any) -> Any:
    """The witness of softmax or its logarithm: the paper has one row of classes, so the dimension moves last."""

    def witness(a: Results, o: dict[str, Any], g: Array) -> Results | None:
        x = a["input"]
        if x.ndim == 0 or x.size * x.shape[o["dim"]] > LONGEST or x.size == 0:
            return None
        rows = np.moveaxis(x, o["dim"], -1)
        flat = rows.reshape(-1, rows.shape[-1])
        output = forward(flat)
        grad_input = backward(np.moveaxis(g, o["dim"], -1).reshape(flat.shape), output)
        return {
            name: np.moveaxis(result.reshape(rows.shape), -1, o["dim"])
            for name, result in (("output", output), ("grad_input", grad_input))
        }

    return witness


softmax = _over_classes(definition.softmax, definition.softmax_backward)
log_softmax = _over_classes(definition.log_softmax, definition.log_softmax_backward)
