"""Sums that keep their digits.

Source: Higham, Accuracy and Stability of Numerical Algorithms (2002), section 4.2 (pairwise summation).
"""

import numpy as np

from reference.arguments import Array


def sum_over(array: Array, axis: int) -> Array:
    """The sum along ``axis``, which stays as a dimension of 1.

    NumPy adds in pairs of halves along contiguous memory, so that a sum of C terms rounds about log2(C) times; along
    other axes it adds one term after another, and rounds C times.

    >>> import numpy as np
    >>> from reference.sums import sum_over
    >>> print(sum_over(np.array([[1.0, 2.0], [30.0, 40.0]]), axis=0))
    [[31. 42.]]
    """
    last = np.ascontiguousarray(array.swapaxes(axis, -1))
    return np.asarray(last.sum(-1, keepdims=True)).swapaxes(axis, -1)
