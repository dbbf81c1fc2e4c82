"""Probabilities from scores on paper, their logarithms, and the gradients of both."""

import math

import numpy as np

from reference.definition.numbers import Array, Double, ieee754


@ieee754
def softmax(input: Array) -> Double:
    """Probabilities from scores (logits), row by row:  p[n, c] = exp(x[n, c]) / sum_k exp(x[n, k]).

    x and p (N, C).  Taking the row's maximum from every score multiplies numerator and denominator by the same factor
    and changes nothing, but keeps exp from overflowing.

    Source: Goodfellow, sections 6.2.2.3 (softmax) and 4.1 (the maximum taken off).

    >>> import numpy as np
    >>> from reference import definition
    >>> print(definition.softmax(np.log([[1, 2, 5]])))  # 1/8, 2/8, 5/8
    [[0.125 0.25  0.625]]
    """
    x = input.astype(np.float64)
    p = np.zeros(x.shape)
    for n, c in np.ndindex(x.shape):
        top = max(x[n])
        p[n, c] = math.exp(x[n, c] - top) / sum(math.exp(score - top) for score in x[n])
    return p


@ieee754
def softmax_backward(grad_output: Array, output: Array) -> Double:
    """dL/dx (N, C) of ``softmax`` from g and its output p (N, C).

    Each score moves all probabilities of its row.  Write p_c = e_c / S with e_c = exp(x_c), S = sum_k e_k.  Then
    de_c/dx_k is e_c if k is c, else 0, and dS/dx_k = e_k; by the quotient rule

        dp_c/dx_k = [k = c] e_c / S - e_c e_k / S^2 = p_c ([k = c] - p_k)

    and the chain rule sums over c:  dL/dx_k = sum_c g_c p_c ([k = c] - p_k).

    Source: Goodfellow, section 6.2.2.3.

    >>> import numpy as np
    >>> from reference import definition
    >>> print(definition.softmax_backward(np.array([[1, 0]]), np.array([[0.25, 0.75]])))  # 1/4 (1 - 1/4), -3/4 * 1/4
    [[ 0.1875 -0.1875]]
    """
    g, p = grad_output.astype(np.float64), output.astype(np.float64)
    grad_x = np.zeros(p.shape)
    for n, k in np.ndindex(p.shape):
        for c in range(p.shape[1]):
            grad_x[n, k] += g[n, c] * p[n, c] * ((k == c) - p[n, k])
    return grad_x


@ieee754
def log_softmax(input: Array) -> Double:
    """The logarithm of ``softmax``:  log p[n, c] = x[n, c] - log sum_k exp(x[n, k]);  x and log p (N, C).

    The row's maximum is taken off as in ``softmax``.  A probability too small to write down still has its logarithm.

    Source: Goodfellow, section 6.2.2.3.

    >>> import numpy as np
    >>> from reference import definition
    >>> print(definition.log_softmax(np.array([[0, 0]])))  # log 1/2
    [[-0.69314718 -0.69314718]]
    """
    x = input.astype(np.float64)
    log_p = np.zeros(x.shape)
    for n, c in np.ndindex(x.shape):
        top = max(x[n])
        log_p[n, c] = x[n, c] - top - math.log(sum(math.exp(score - top) for score in x[n]))
    return log_p


@ieee754
def log_softmax_backward(grad_output: Array, output: Array) -> Double:
    """dL/dx (N, C) of ``log_softmax`` from g and its output log p (N, C).

    In log p_c = x_c - log S the first term has slope [k = c] in x_k, the second e_k / S = p_k:

        dL/dx_k = sum_c g_c ([k = c] - p_k)

    Source: Goodfellow, section 6.2.2.3.

    >>> import numpy as np
    >>> from reference import definition
    >>> print(definition.log_softmax_backward(np.array([[1, 0]]), np.log([[0.25, 0.75]])))  # 1 - 1/4, 0 - 3/4
    [[ 0.75 -0.75]]
    """
    g, log_p = grad_output.astype(np.float64), output.astype(np.float64)
    grad_x = np.zeros(log_p.shape)
    for n, k in np.ndindex(log_p.shape):
        for c in range(log_p.shape[1]):
            grad_x[n, k] += g[n, c] * ((k == c) - math.exp(log_p[n, k]))
    return grad_x
