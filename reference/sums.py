"""Sums that keep their digits.

Source: Higham, Accuracy and Stability of Numerical Algorithms (2002), section 4.2 (pairwise summation).
"""

import numpy as np

from reference.arguments import Array


def sum_over(array: Array, axis: int) -> Array:
    """The sum along ``axis``, which stays as a dimension of 1.

    NumPy adds in pairs of halves along contiguous memory, so that a sum of C terms rounds about log2(C) times; along
    other axes it adds one term after another, and rounds C times.
    """
    return np.expand_dims(np.ascontiguousarray(np.moveaxis(array, axis, -1)).sum(-1), axis)
