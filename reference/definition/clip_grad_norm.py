"""Clipping of gradients by their norm on paper."""

import math

import numpy as np

from reference.definition.numbers import Array, Double, ieee754


@ieee754
def clip_grad_norm(grads: list[Array], max_norm: float, norm_type: float = 2.0) -> tuple[list[Double], float]:
    """All gradients g of a network, made shorter together:  g_new = g min(1, max_norm / (norm + 10^-6)).

    The norm is that of one vector, in which all numbers of all gradients stand, of order p = ``norm_type``:

        norm = (sum |g|^p)^(1/p)        p = 2: its length;  p = inf: the largest |g|;  p = -inf: the smallest

    One factor for all leaves the direction of the step as it is.  10^-6 keeps gradients of 0 from a division by 0.
    torch takes the norm of the norms of the gradients; that is the same, but for p = 0.

    Returns the new gradients and the norm before.

    Source: Pascanu, Mikolov & Bengio 2013, algorithm 1; 10^-6 is torch's.

    >>> import numpy as np
    >>> from reference import definition
    >>> [one, other], norm = definition.clip_grad_norm([np.array([3.0, 4.0]), np.array([12.0])], max_norm=6.5)
    >>> print(norm, one.round(5), other.round(5))  # 9 + 16 + 144 = 169; half of all
    13.0 [1.5 2. ] [6.]
    """
    total = np.float64(0)
    largest, smallest = np.float64(0), np.float64(math.inf)
    for grad in grads:
        for index in np.ndindex(grad.shape):
            size = abs(np.float64(grad[index]))
            largest, smallest = np.maximum(largest, size), np.minimum(smallest, size)  # nan where either is
            if math.isfinite(norm_type):
                total += size**norm_type
    norm = {math.inf: largest, -math.inf: smallest}.get(norm_type)
    if norm is None:
        norm = total ** (1 / np.float64(norm_type))
    factor = np.minimum(1, max_norm / (norm + 1e-6))
    clipped = []
    for grad in grads:
        shorter = np.zeros(grad.shape)
        for index in np.ndindex(grad.shape):
            shorter[index] = np.float64(grad[index]) * factor
        clipped.append(shorter)
    return clipped, float(norm)
