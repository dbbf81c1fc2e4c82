"""Standardising: numbers with mean 0 and variance 1, as batch, layer and group normalisation need them.

Over a group of n numbers x (the pixels of a channel, say), with mean mu, variance v and s = 1 / sqrt(v + eps):

    x_hat = s (x - mu)        mu = 1/n sum x        v = 1/n sum (x - mu)^2

eps keeps s finite where all x are equal.  Which numbers belong together is the only difference between the three
normalisations, and so they share this file.

mu and v are computed in double precision, as torch's batch normalisation does: x - mu would lose digits to a mean that
is off, and a deep network many times over.

Source: Ioffe & Szegedy, Batch normalization (2015), algorithm 1 and section 3.
"""

from typing import NamedTuple

import numpy as np

from reference.arguments import Array

Axes = tuple[int, ...]


class Standardized(NamedTuple):
    """``x_hat``, shaped like the input; mu, v and s of every group, in float64, with axes of length 1 summed over."""

    x_hat: Array
    mean: Array
    variance: Array
    inverse_std: Array


def standardize(input: Array, axes: Axes, eps: float) -> Standardized:
    """``input`` (any shape) standardised over ``axes``: all numbers that differ in no other axis are a group.

    >>> import numpy as np
    >>> from reference.standardize import standardize
    >>> found = standardize(np.array([[1.0, 3.0], [5.0, 5.0]]), axes=(1,), eps=0.25)
    >>> print(found.mean.ravel(), found.variance.ravel(), found.inverse_std.ravel())
    [2. 5.] [1. 0.] [0.89442719 2.        ]
    >>> print(found.x_hat)
    [[-0.89442719  0.89442719]
     [ 0.          0.        ]]
    """
    mean = input.mean(axes, dtype=np.float64, keepdims=True)
    distance = input - mean
    variance = np.square(distance).mean(axes, keepdims=True)
    inverse_std = 1 / np.sqrt(variance + eps)
    x_hat = (distance * inverse_std).astype(input.dtype, copy=False)
    return Standardized(x_hat, mean, variance, inverse_std)


def standardize_backward(grad_x_hat: Array, x_hat: Array, inverse_std: Array, axes: Axes) -> Array:
    """dL/dx, shaped like ``x_hat``, from dL/dx_hat ``grad_x_hat``, here called h.

    x reaches the loss along three ways, and each gives a term.  The slopes come from the formulas above:

        through x - mu    dx_hat_i/dx_i = s                         s h_i
        through mu        dmu/dx_i = 1/n,  dx_hat_j/dmu = -s        - s 1/n sum_j h_j
        through v         dv/dx_i = 2/n (x_i - mu),
                          ds/dv = -1/2 s^3,  dx_hat_j/ds = x_j - mu   - s x_hat_i 1/n sum_j h_j x_hat_j

    (In the last, 2/n (x_i - mu) (-1/2) s^3 (x_j - mu) = -s 1/n x_hat_i x_hat_j.  That mu moves v as well adds nothing:
    sum (x_j - mu) is 0.)  Together

        dL/dx_i = s (h_i - mean(h) - x_hat_i mean(h x_hat))

    The second term takes from h what would shift all x at once, the third what would stretch them: neither moves x_hat,
    but for eps.

    >>> import numpy as np
    >>> from reference.standardize import standardize, standardize_backward
    >>> found = standardize(np.array([[1.0, 1.0, -1.0, -1.0]]), axes=(1,), eps=0)  # x_hat is x, and s is 1
    >>> print(standardize_backward(np.array([[4.0, 0.0, 0.0, 0.0]]), found.x_hat, found.inverse_std, axes=(1,)))
    [[ 2. -2.  0.  0.]]
    """
    shift = grad_x_hat.mean(axes, dtype=np.float64, keepdims=True)
    stretch = np.multiply(grad_x_hat, x_hat, dtype=np.float64).mean(axes, keepdims=True)
    grad = inverse_std * (grad_x_hat - shift - x_hat * stretch)
    return np.asarray(grad.astype(x_hat.dtype, copy=False))
