"""Cross-entropy."""

from typing import Any

import numpy as np
import numpy.typing as npt

from torch_parity.proof import bounds
from torch_parity.proof.bounds import gamma
from torch_parity.proof.cases import Case
from torch_parity.proof.low_precision.arithmetic import FLOAT32, Arithmetic, Results
from torch_parity.proof.low_precision.softmax import StoredProbabilities, log_softmax_grad

Array = npt.NDArray[Any]


def cross_entropy(a: Arithmetic, case: Case, grad_output: Array, ours: dict[str, Array]) -> Results:
    """Cross-entropy: a chain of operations, each of which rounds what it hands on to 16 bits.

    In the notation of ``bounds.cross_entropy``: log p arrives rounded.  Smoothing a target, the class weight, the
    product with log p, the sum over the classes, the mean and the two terms of a smoothed loss are at most 12 more
    roundings.  For class indices torch's CPU also adds up the losses and the weights of N samples in 16 bits, with at
    most 2 N roundings; other sums are float32.  The gradient enters log_softmax's through the same chain backwards.
    """
    x, target = case.arrays["input"], case.arrays["target"]
    axis = min(x.ndim - 1, 1)
    classes = x.shape[axis]
    samples = x.size // max(1, classes)
    error = StoredProbabilities(x, axis, a)
    coefficients, through, divisor = bounds.coefficients_of(case, axis)
    reduction, scale = case.arguments["reduction"], np.abs(grad_output)
    in_16_bits = target.dtype.kind != "f" and a.accumulator("output") == "samples"
    chain = a.gamma(12 + (2 * samples if in_16_bits else 0)) + gamma(classes + 2 * samples + 8, FLOAT32)
    losses = bounds.times(coefficients, np.abs(error.log_p)).sum(axis)
    weights = case.arrays.get("weight", np.ones(classes)).reshape(-1, *[1] * (x.ndim - 1 - axis))
    smoothed = case.arguments["label_smoothing"] > 0
    # Smoothing first adds up all classes, and is multiplied by e / C then.
    largest = (weights * np.abs(error.log_p)).sum(axis) if smoothed else losses
    # Every rounding may fall among the subnormal numbers, and is then multiplied by a weight.
    lost = (12 + classes + samples) * a.spacing * (1 + np.abs(coefficients).max(initial=0))
    per_loss = bounds.times(coefficients, error.log_p_error).sum(axis) * (1 + chain) + chain * losses + lost
    if smoothed or target.dtype.kind == "f":  # then all classes are multiplied, and 0 * inf is NaN
        largest = np.where(error.apart.any(axis), np.inf, largest)
    per_loss = np.where(largest > a.max / 4, np.inf, per_loss)
    if reduction == "none":
        output, scale = per_loss, np.expand_dims(scale, axis)
    else:
        output = np.where(largest.sum() > a.max / 4, np.inf, per_loss.sum())
        if reduction == "mean":
            output, scale = output / divisor, scale / divisor
    g = coefficients * scale
    g_error = chain * g + lost * (1 + scale)
    found = {"output": output, "grad_input": log_softmax_grad(a, error, g, g_error, axis)}
    if target.dtype.kind == "f":
        off = through * scale * (error.log_p_error * (1 + chain) + chain * np.abs(error.log_p))
        off = off + lost * (1 + scale) * (1 + np.abs(error.log_p))
        before_smoothing = weights * scale * np.abs(error.log_p)  # 1 - e may be 0, and 0 * inf is NaN
        unknown = (before_smoothing > a.max / 4) | np.isinf(error.log_p_error)
        found["grad_target"] = np.where(unknown, np.inf, off)
    return {name: (ours[name], np.asarray(found[name])) for name in ours}
