"""Bounds of cross-entropy."""

from typing import Any

import numpy as np

from torch_parity.proof.bounds.rounding import Array, Bounds, gamma
from torch_parity.proof.bounds.softmax import Probabilities, log_softmax_grad
from torch_parity.proof.cases import Case


def cross_entropy(case: Case, grad_output: Array) -> Bounds:
    """Cross-entropy: a weighted sum of log-probabilities, and its gradients.

    With coefficients a_c = w_c q_c (q: the smoothed distribution) a sample's loss is -sum_c a_c log p_c.  Each a_c
    takes at most 5 roundings, the sum over C classes and N samples C + N more, the mean a division by a sum of N:

        error of the loss  <=  sum |a| error(log p) + gamma_{C + 2N + 8} sum |a log p|

    The gradient enters log_softmax's as g_c = -a_c scale, with at most N + 8 roundings, 2 for the mean.
    """
    x = case.arrays["input"]
    axis = min(x.ndim - 1, 1)
    classes = x.shape[axis]
    samples = x.size // max(1, classes)
    coefficients, uniform, divisor = coefficients_of(case, axis)
    error = Probabilities(x, axis, case.dtype)
    reduction = case.arguments["reduction"]
    scale = np.asarray(grad_output, np.float64)
    with np.errstate(all="ignore"):
        per_loss = times(coefficients, error.log_p_error).sum(axis)
        magnitude = times(coefficients, np.abs(error.log_p)).sum(axis)
        per_loss = per_loss + gamma(classes + 2 * samples + 8, case.dtype) * magnitude
        per_loss = np.where(magnitude <= float(np.finfo(case.dtype).max) / 4, per_loss, np.inf)
        per_loss = per_loss + error.tiny * (classes + 8)
        if reduction == "none":
            output = per_loss
            scale = np.expand_dims(scale, axis)
        elif reduction == "sum":
            output = per_loss.sum()
        else:
            output = per_loss.sum() / divisor
            scale = scale / divisor
        g = coefficients * np.abs(scale)
        g_error = gamma(samples + 8, case.dtype) * g + error.tiny
        bounds = {"output": 2 * output, "grad_input": 2 * log_softmax_grad(error, g, g_error, axis)}
        if case.arrays["target"].dtype.kind == "f":
            through = uniform * np.abs(scale)
            bounds["grad_target"] = 2 * through * (
                error.log_p_error + gamma(samples + 8, case.dtype) * np.abs(error.log_p)
            ) + 8 * error.tiny * (1 + np.abs(error.log_p))
    return {name: np.asarray(bound) for name, bound in bounds.items()}


def times(coefficients: Array, values: Array) -> Array:
    """The product, where a coefficient of 0 means that the value, though infinite, takes no part."""
    return np.where(coefficients == 0, 0, coefficients * values)


def coefficients_of(case: Case, axis: int) -> tuple[Array, Array, Any]:
    """w_c q_c; w_c (1 - e), which dL/dq has in its place; and the divisor of the mean, all in double precision."""
    x, target = case.arrays["input"], case.arrays["target"]
    classes = x.shape[axis]
    e = case.arguments["label_smoothing"]
    w = case.arrays.get("weight", np.ones(classes)).astype(np.float64).reshape(-1, *[1] * (x.ndim - 1 - axis))
    if target.dtype.kind == "f":
        q, divisor = target.astype(np.float64) * (1 - e) + e / classes, np.float64(x.size / max(classes, 1))
        return w * q, w * (1 - e), divisor
    counted = np.expand_dims(target != case.arguments["ignore_index"], axis)
    one_hot = counted & (np.expand_dims(target, axis) == np.arange(classes).reshape(w.shape))
    weight_of_sample = (w * one_hot).sum(axis, keepdims=True)
    return one_hot * weight_of_sample * (1 - e) + counted * w * e / classes, w * (1 - e), weight_of_sample.sum()
