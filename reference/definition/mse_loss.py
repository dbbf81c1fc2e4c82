"""The mean squared error on paper, and its gradient."""

import numpy as np

from reference.definition.numbers import Array, Double, ieee754


@ieee754
def mse_loss(input: Array, target: Array, reduction: str = "mean", weight: Array | None = None) -> Double:
    """Squared error of predictions x against targets t, element by element, any shape.

        loss[i] = w[i] (x[i] - t[i])^2

    ``reduction``: 'none' gives the losses, 'sum' their sum, and 'mean' divides it by the sum of w: the number of
    elements, as w is 1 if None.  Of no elements that is 0/0, NaN.

    Source: Goodfellow, sections 5.1.4 and 6.2.1.2; w is torch's.

    >>> import numpy as np
    >>> from reference import definition
    >>> print(definition.mse_loss(np.array([1, 5]), np.array([2, 2])))  # (1 + 9) / 2
    5.0
    """
    w = np.ones(input.shape) if weight is None else weight.astype(np.float64)
    x, t = input.astype(np.float64), target.astype(np.float64)
    losses = np.zeros(x.shape)
    for i in np.ndindex(x.shape):
        losses[i] = w[i] * (x[i] - t[i]) ** 2
    if reduction == "none":
        return losses
    return np.asarray(losses.sum() / w.sum() if reduction == "mean" else losses.sum())


@ieee754
def mse_loss_backward(
    grad_output: Array | float, input: Array, target: Array, reduction: str = "mean", weight: Array | None = None
) -> tuple[Double, Double]:
    """dL/dx and dL/dt of ``mse_loss``; g is as the losses for reduction 'none', else one number.

    Let s be g, divided by the mean's divisor if there is one.  Each x stands in one term alone, s w (x - t)^2.  The
    outer slope is twice the base, the inner one 1 in x and -1 in t:

        dL/dx[i] = 2 s[i] w[i] (x[i] - t[i])          dL/dt[i] = -dL/dx[i]

    Source: Goodfellow, section 6.5.2 (the chain rule).

    >>> import numpy as np
    >>> from reference import definition
    >>> grad_x, grad_t = definition.mse_loss_backward(1, np.array([1, 5]), np.array([2, 2]))
    >>> print(grad_x, grad_t)
    [-1.  3.] [ 1. -3.]
    """
    w = np.ones(input.shape) if weight is None else weight.astype(np.float64)
    x, t = input.astype(np.float64), target.astype(np.float64)
    s = np.broadcast_to(np.asarray(grad_output, np.float64) / (w.sum() if reduction == "mean" else 1), x.shape)
    grad_x = np.zeros(x.shape)
    for i in np.ndindex(x.shape):
        grad_x[i] = 2 * s[i] * w[i] * (x[i] - t[i])
    return grad_x, -grad_x
