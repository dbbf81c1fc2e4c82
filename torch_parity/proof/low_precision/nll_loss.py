"""The negative log-likelihood."""

from typing import Any

import numpy as np
import numpy.typing as npt

from torch_parity.proof.bounds import gamma
from torch_parity.proof.cases import Case
from torch_parity.proof.low_precision.arithmetic import FLOAT32, Arithmetic, Results
from torch_parity.proof.low_precision.reduction import reduced

Array = npt.NDArray[Any]


def nll_loss(a: Arithmetic, case: Case, grad_output: Array, ours: dict[str, Array]) -> Results:
    """One product for each sample, and one for its gradient; sums of losses and of weights as ``reduced`` says."""
    x, target = case.arrays["input"], case.arrays["target"]
    axis = min(x.ndim - 1, 1)
    counted = np.expand_dims(target.reshape(x.shape[:axis] + x.shape[axis + 1 :]), axis)
    classes = np.arange(x.shape[axis]).reshape(-1, *[1] * (x.ndim - 1 - axis))
    chosen = (counted != case.arguments["ignore_index"]) & (counted == classes)
    weights = case.arrays.get("weight", np.ones(x.shape[axis])).reshape(classes.shape)
    weight, picked = (chosen * weights).sum(axis), np.where(chosen, x, 0).sum(axis)
    mean = case.arguments["reduction"] == "mean"
    divisor = weight.sum() if mean else 1.0
    magnitude = np.abs(picked) * weight
    output = reduced(a, case, np.isfinite(picked), magnitude, a.u * magnitude + a.spacing, divisor)
    in_16_bits = a.accumulator("grad_input") == "samples"
    chain = a.gamma(3 + (2 * weight.size if in_16_bits else 0)) + gamma(weight.size + 2, FLOAT32)
    scale = np.abs(grad_output) / divisor if mean else np.abs(grad_output)
    scale = np.expand_dims(scale, axis) if case.arguments["reduction"] == "none" else scale
    grad = chosen * scale * weights
    grad_error = np.where(np.maximum(grad, chosen * scale) > a.max / 4, np.inf, chain * grad)
    grad_error = grad_error + chosen * a.spacing * (1 + weights)
    return {"output": (ours["output"], output), "grad_input": (ours["grad_input"], grad_error)}
