"""Binary cross-entropy of scores on paper, and its gradient."""

import math

import numpy as np

from reference.definition.numbers import Array, Double, ieee754


def _minus_log_sigma(x: float) -> float:
    """-log sigma(x) = log(1 + exp(-x)); for x < 0 it is -x + log(1 + exp(x)), where exp does not overflow."""
    return math.log1p(math.exp(-x)) if x > 0 else -x + math.log1p(math.exp(x))


def _sigma(x: float) -> float:
    """1 / (1 + exp(-x)), which is exp(x) / (1 + exp(x))."""
    return 1 / (1 + math.exp(-x)) if x > 0 else math.exp(x) / (1 + math.exp(x))


@ieee754
def binary_cross_entropy_with_logits(
    input: Array,
    target: Array,
    weight: Array | None = None,
    reduction: str = "mean",
    pos_weight: Array | None = None,
) -> Double:
    """Cross-entropy of questions with two answers, from scores (logits), any shape.

        loss[i] = -w[i] (p[i] t[i] log sigma(x[i])  +  (1 - t[i]) log(1 - sigma(x[i]))),    sigma(x) = 1 / (1 + exp(-x))

    t is the probability of "yes", mostly 0 or 1; p (``pos_weight``) weighs that answer alone, w both; they are
    broadcast, and 1 if None.  1 - sigma(x) is sigma(-x).  ``reduction``: 'none' gives the losses, 'sum' their sum, and
    'mean' divides it by the number of elements (of none: NaN).

    Source: Goodfellow, sections 3.10 and 6.2.2.2; w and p are torch's.

    >>> import numpy as np
    >>> from reference import definition
    >>> x, t = np.log([3, 3]), np.array([1, 0])
    >>> print(definition.binary_cross_entropy_with_logits(x, t, reduction="none").round(4))  # -log 3/4, -log 1/4
    [0.2877 1.3863]
    """
    w = np.broadcast_to(1.0 if weight is None else weight, input.shape).astype(np.float64)
    p = np.broadcast_to(1.0 if pos_weight is None else pos_weight, input.shape).astype(np.float64)
    losses = np.zeros(input.shape)
    for i in np.ndindex(input.shape):
        x, t = float(input[i]), float(target[i])
        losses[i] = w[i] * (p[i] * t * _minus_log_sigma(x) + (1 - t) * _minus_log_sigma(-x))
    if reduction == "none":
        return losses
    return np.asarray(losses.sum() / np.float64(losses.size) if reduction == "mean" else losses.sum())


@ieee754
def binary_cross_entropy_with_logits_backward(
    grad_output: Array | float,
    input: Array,
    target: Array,
    weight: Array | None = None,
    reduction: str = "mean",
    pos_weight: Array | None = None,
) -> tuple[Double, Double]:
    """dL/dx and dL/dt of ``binary_cross_entropy_with_logits``; g is as the losses for 'none', else one number.

    Let s be g, divided by the number of elements for a mean.  sigma has the slope sigma(x) (1 - sigma(x)), so log sigma
    has 1 - sigma(x) = sigma(-x), and log(1 - sigma) has -sigma(x):

        dL/dx[i] = s[i] w[i] ((1 - t[i]) sigma(x[i]) - p[i] t[i] sigma(-x[i]))
        dL/dt[i] = s[i] w[i] (log(1 - sigma(x[i])) - p[i] log sigma(x[i]))

    With p = 1 these are s w (sigma(x) - t) and -s w x.

    Source: Goodfellow, section 6.2.2.2.

    >>> import numpy as np
    >>> from reference import definition
    >>> x, t = np.log([3, 3]), np.array([1, 0])
    >>> grad_x, _ = definition.binary_cross_entropy_with_logits_backward(1, x, t)
    >>> print(grad_x.round(4))  # (3/4 - 1) / 2, (3/4 - 0) / 2
    [-0.125  0.375]
    """
    w = np.broadcast_to(1.0 if weight is None else weight, input.shape).astype(np.float64)
    p = np.broadcast_to(1.0 if pos_weight is None else pos_weight, input.shape).astype(np.float64)
    divisor = np.float64(input.size if reduction == "mean" else 1)
    s = np.broadcast_to(np.asarray(grad_output, np.float64) / divisor, input.shape)
    grad_x, grad_t = np.zeros(input.shape), np.zeros(input.shape)
    for i in np.ndindex(input.shape):
        x, t = float(input[i]), float(target[i])
        grad_x[i] = s[i] * w[i] * ((1 - t) * _sigma(x) - p[i] * t * _sigma(-x))
        grad_t[i] = s[i] * w[i] * (p[i] * _minus_log_sigma(x) - _minus_log_sigma(-x))
    return grad_x, grad_t
