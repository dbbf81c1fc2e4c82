"""Several dimensions made one on paper, and the gradient."""

import math

import numpy as np

from reference.definition.numbers import Array, Double


def flatten(input: Array, start_dim: int = 0, end_dim: int = -1) -> Double:
    """Dimensions ``start_dim`` to ``end_dim``, both included, become one, row by row.

        y[..., (c H + h) W + w, ...] = x[..., c, h, w, ...]

    x of any shape; here three dimensions of sizes C, H, W are merged into one of size C H W.  Going one step along c
    skips a whole plane of H W elements, one step along h a row of W.  A single number counts as a vector of one.

    Source: how LeCun et al. 1998, section II.B, and most networks since pass from feature maps to dense layers.

    >>> import numpy as np
    >>> from reference import definition
    >>> print(definition.flatten(np.array([[[1, 2], [3, 4]], [[5, 6], [7, 8]]])))
    [1. 2. 3. 4. 5. 6. 7. 8.]
    """
    x = np.atleast_1d(input)
    start, end = start_dim % x.ndim, end_dim % x.ndim
    y = np.zeros((*x.shape[:start], math.prod(x.shape[start : end + 1]), *x.shape[end + 1 :]))
    for index in np.ndindex(x.shape):
        position = 0
        for axis in range(start, end + 1):
            position = position * x.shape[axis] + index[axis]
        y[(*index[:start], position, *index[end + 1 :])] = x[index]
    return y


def flatten_backward(grad_output: Array, input_shape: tuple[int, ...]) -> Double:
    """dL/dx (``input_shape``) of ``flatten`` from g of the flattened shape.

    Each element of y is one element of x, with slope 1, and flattening keeps their row-major order.  So element number
    t of x, counted row by row, gets element number t of g.

    >>> import numpy as np
    >>> from reference import definition
    >>> print(definition.flatten_backward(np.array([1, 2, 3, 4]), (2, 2)))
    [[1. 2.]
     [3. 4.]]
    """
    grad_x = np.zeros(input_shape)
    for t, index in enumerate(np.ndindex(input_shape)):
        grad_x[index] = grad_output.flat[t]
    return grad_x
