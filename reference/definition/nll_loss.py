"""The negative log-likelihood on paper, and its gradient."""

import numpy as np

from reference.definition.numbers import Array, Double, Integers, ieee754


@ieee754
def nll_loss(
    input: Array, target: Integers, weight: Array | None = None, ignore_index: int = -100, reduction: str = "mean"
) -> Double:
    """The loss of log-probabilities: minus the one of the class that is true.

        loss[n] = -w[t]  x[n, t],        t = target[n]

    x (N, C), ``target`` classes (N,), w (C,), 1 if None.  A row whose class is ``ignore_index`` has loss 0.
    ``reduction``: 'none' gives the losses (N,), 'sum' their sum, and 'mean' divides it by the sum of w at the targets
    of the rows not ignored (no such row: 0/0, NaN).

    Source: Goodfellow, sections 5.5 and 6.2.1.1; w, ``ignore_index`` and the divisor are torch's.

    >>> import numpy as np
    >>> from reference import definition
    >>> print(definition.nll_loss(np.array([[-2, -1], [-4, -3]]), np.array([0, 1])))  # (2 + 3) / 2
    2.5
    """
    w = np.ones(input.shape[1]) if weight is None else weight.astype(np.float64)
    losses, divisor = np.zeros(len(target)), np.float64(0)
    for n, t in enumerate(target):
        if t != ignore_index:
            losses[n] = -w[t] * np.float64(input[n, t])
            divisor += w[t]
    if reduction == "none":
        return losses
    return np.asarray(losses.sum() / divisor if reduction == "mean" else losses.sum())


@ieee754
def nll_loss_backward(
    grad_output: Array | float,
    input: Array,
    target: Integers,
    weight: Array | None = None,
    ignore_index: int = -100,
    reduction: str = "mean",
) -> Double:
    """dL/dx (N, C) of ``nll_loss``; g is (N,) for reduction 'none', else one number.

    Let s be g, divided by the mean's divisor if there is one.  Of each row one x stands in the loss, as -s w x:

        dL/dx[n, c] = -s[n] w[c]  if c = target[n],  else 0

    Source: Goodfellow, section 6.5.2 (the chain rule).

    >>> import numpy as np
    >>> from reference import definition
    >>> print(definition.nll_loss_backward(1, np.array([[-2, -1], [-4, -3]]), np.array([0, 1])))
    [[-0.5  0. ]
     [ 0.  -0.5]]
    """
    w = np.ones(input.shape[1]) if weight is None else weight.astype(np.float64)
    divisor = np.float64(sum(w[t] for t in target if t != ignore_index))
    s = np.broadcast_to(np.asarray(grad_output, np.float64), len(target)) / (divisor if reduction == "mean" else 1)
    grad_x = np.zeros(input.shape)
    for n, t in enumerate(target):
        if t != ignore_index:
            grad_x[n, t] = -s[n] * w[t]
    return grad_x
