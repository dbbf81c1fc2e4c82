"""Cross-entropy on paper, of probabilities and of scores, and the gradients of both."""
# The variables are the letters of the formulas: C.
# ruff: noqa: N806

from typing import Any

import numpy as np
import numpy.typing as npt

from reference.definition.numbers import Array, Double, ieee754
from reference.definition.softmax import log_softmax, log_softmax_backward


@ieee754
def paper_cross_entropy(y_hat: Array, y: Array) -> Double:
    """Cross-entropy as papers write it, from probabilities, averaged over the N rows (result of shape ()).

        L = 1/N sum_n  -sum_c  y[n, c]  log y_hat[n, c]

    ``y_hat`` (N, C) is what the network predicts, ``y`` (N, C) what is true, both rows of probabilities.  It is the
    mean surprise at the truth: infinite if a part of it was held impossible.  0 log 0 is 0, its limit.

    Source: Goodfellow, sections 3.13 (cross-entropy, 0 log 0) and 6.2.1.1 (as a cost function).

    >>> import numpy as np
    >>> from reference import definition
    >>> y_hat, y = np.array([[0.25, 0.5, 0.25]]), np.array([[0, 1, 0]])
    >>> print(definition.paper_cross_entropy(y_hat, y).round(4))  # -log 1/2
    0.6931
    """
    losses = np.zeros(len(y))
    for n, c in np.ndindex(y.shape):
        if not y[n, c] == y_hat[n, c] == 0:
            losses[n] -= y[n, c] * np.log(np.float64(y_hat[n, c]))
    return np.asarray(losses.sum() / len(y))


@ieee754
def paper_cross_entropy_backward(grad_output: Array | float, y_hat: Array, y: Array) -> Double:
    """dL/dy_hat (N, C) of ``paper_cross_entropy`` from g, one number.

    Each y_hat stands in one term alone, -1/N y log y_hat, and the slope of log y_hat is 1 / y_hat:

        dL/dy_hat[n, c] = -g/N  y[n, c] / y_hat[n, c]

    Where y is 0 the term is the constant 0, and so is its slope, at y_hat = 0 too.

    Source: Goodfellow, section 3.13.

    >>> import numpy as np
    >>> from reference import definition
    >>> y_hat, y = np.array([[0.25, 0.5, 0.25]]), np.array([[0, 1, 0]])
    >>> print(definition.paper_cross_entropy_backward(1, y_hat, y))  # -0 / 0.25, -1 / 0.5, -0 / 0.25
    [[-0. -2. -0.]]
    """
    grad_y_hat = np.zeros(y.shape)
    for n, c in np.ndindex(y.shape):
        if not y[n, c] == y_hat[n, c] == 0:
            grad_y_hat[n, c] = -np.float64(grad_output) / len(y) * y[n, c] / y_hat[n, c]
    return grad_y_hat


def _distributions(
    target: npt.NDArray[Any], weight: Double, ignore_index: int, label_smoothing: float
) -> tuple[list[dict[int, float]], np.float64]:
    """For each row what should have been predicted, q as {class: q_c}, and for all rows the divisor of their mean.

    A class that q leaves out has no term in the loss, not even 0 times -inf.
    """
    C, rows, divisor = len(weight), list[dict[int, float]](), np.float64(0)
    for y in target:
        if target.ndim == 2:  # the row's probabilities
            rows.append({c: float(y[c]) for c in range(C)})
            divisor += 1
        elif y == ignore_index:
            rows.append({})
        else:  # its class
            rows.append({y: 1.0})
            divisor += weight[y]
    if label_smoothing:
        rest = label_smoothing / C
        rows = [{c: (1 - label_smoothing) * q.get(c, 0) + rest for c in range(C)} if q else q for q in rows]
    return rows, divisor


@ieee754
def cross_entropy(
    input: Array,
    target: npt.NDArray[Any],
    weight: Array | None = None,
    ignore_index: int = -100,
    reduction: str = "mean",
    label_smoothing: float = 0.0,
) -> Double:
    """Cross-entropy from scores (logits): softmax, logarithm and sum in one.

        loss[n] = -sum_c  w[c]  q[n, c]  log p[n, c],        p = softmax(x)

    x (N, C); ``target`` classes (N,) or probabilities y (N, C); w (C,), 1 if None.  For classes, y is 1 at the target
    and 0 elsewhere.  ``label_smoothing`` e hands a part of it to all classes alike: q = (1 - e) y + e/C.  A row whose
    class is ``ignore_index`` has loss 0.  ``reduction``: 'none' gives the losses (N,), 'sum' their sum, and 'mean'
    divides it by N, or for classes by the sum of w at the targets of the rows not ignored (no such row: 0/0, NaN).

    Source: Goodfellow, sections 6.2.2.3 (loss of a softmax) and 7.5.1 (label smoothing); Szegedy et al., Rethinking the
    Inception architecture (2016), section 7 (label smoothing); w, ``ignore_index`` and the divisor are torch's.

    >>> import numpy as np
    >>> from reference import definition
    >>> x = np.log([[0.25, 0.5, 0.25]])
    >>> print(definition.cross_entropy(x, np.array([1])).round(4))  # -log 1/2
    0.6931
    """
    log_p = log_softmax(input)
    w = np.ones(log_p.shape[1]) if weight is None else weight.astype(np.float64)
    q, divisor = _distributions(target, w, ignore_index, label_smoothing)
    losses = np.zeros(len(q))
    for n in range(len(q)):
        for c in q[n]:
            losses[n] -= w[c] * q[n][c] * log_p[n, c]
    if reduction == "none":
        return losses
    return np.asarray(losses.sum() / divisor if reduction == "mean" else losses.sum())


@ieee754
def cross_entropy_backward(
    grad_output: Array | float,
    input: Array,
    target: npt.NDArray[Any],
    weight: Array | None = None,
    ignore_index: int = -100,
    reduction: str = "mean",
    label_smoothing: float = 0.0,
) -> tuple[Double, Double | None]:
    """dL/dx (N, C) and, for probabilities, dL/dy (N, C), else None; g is (N,) for reduction 'none', else one number.

    Let s be g, divided by the mean's divisor if there is one.  The loss is a sum of s times -w_c q_c log p_c, so

        dL/dlog p_c = -s w_c q_c,       and through the log-softmax, whose slope is [k = c] - p_k,
        dL/dx_k     = sum_c -s w_c q_c ([k = c] - p_k) = s (p_k sum_c w_c q_c  -  w_k q_k)

    Without weights, where the q_c sum to 1, this is s (p_k - q_k): prediction minus truth, p - y.  The paper's loss has
    the slope -y / y_hat, unbounded as y_hat nears 0; the softmax before it multiplies by y_hat and cancels that.  In y
    the loss is linear, with the slope dL/dy_c = -s (1 - e) w_c log p_c.

    Source: Goodfellow, section 6.2.2.3.

    >>> import numpy as np
    >>> from reference import definition
    >>> x = np.log([[0.25, 0.5, 0.25]])
    >>> grad_x, _ = definition.cross_entropy_backward(1, x, np.array([1]))  # p - y
    >>> print(grad_x)
    [[ 0.25 -0.5   0.25]]
    """
    log_p = log_softmax(input)
    w = np.ones(log_p.shape[1]) if weight is None else weight.astype(np.float64)
    q, divisor = _distributions(target, w, ignore_index, label_smoothing)
    s = np.broadcast_to(np.asarray(grad_output, np.float64), len(q)) / (divisor if reduction == "mean" else 1)
    grad_log_p, grad_y = np.zeros(log_p.shape), np.zeros(log_p.shape)
    for n in range(len(q)):
        for c in q[n]:
            grad_log_p[n, c] = -s[n] * w[c] * q[n][c]
            grad_y[n, c] = -s[n] * (1 - label_smoothing) * w[c] * log_p[n, c]
    return log_softmax_backward(grad_log_p, log_p), grad_y if target.ndim == 2 else None
