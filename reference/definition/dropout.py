"""Dropout on paper, of single numbers and of whole channels, and its gradients.  The mask is given."""

import numpy as np
import numpy.typing as npt

from reference.definition.numbers import Array, Double, ieee754

Mask = npt.NDArray[np.bool]


def _factor(kept: object, p: float, training: bool) -> float:
    """What a number is multiplied by."""
    if not training:
        return 1
    return 1 / (1 - p) if kept and p < 1 else 0


@ieee754
def dropout(input: Array, p: float = 0.5, training: bool = True, *, mask: Mask) -> Double:
    """Some numbers are dropped, the others grow, so that the sum of all stays the same on average.

        y = x m / (1 - p)        not in training: y = x

    x, m and y have one shape, any.  m is 1 (True) for what is kept; p is the probability of a 0.  A dropped number is
    multiplied by 0, so what is not finite becomes NaN.

    Source: Srivastava et al., Dropout (2014), section 10, which scales in training as is done here.

    >>> import numpy as np
    >>> from reference import definition
    >>> print(definition.dropout(np.array([1, 2, 3]), 0.5, mask=np.array([True, False, True])))
    [2. 0. 6.]
    """
    x = input.astype(np.float64)
    y = np.zeros(x.shape)
    for index in np.ndindex(y.shape):
        y[index] = x[index] * _factor(mask[index], p, training)
    return y


@ieee754
def dropout_backward(grad_output: Array, mask: Mask, p: float = 0.5, training: bool = True) -> Double:
    """dL/dx of ``dropout``:  g m / (1 - p),  not in training: g.

    y is x times a number that has nothing to do with x, and that is its slope.

    >>> import numpy as np
    >>> from reference import definition
    >>> print(definition.dropout_backward(np.array([10, 20, 30]), np.array([True, False, True]), 0.5))
    [20.  0. 60.]
    """
    g = grad_output.astype(np.float64)
    grad_x = np.zeros(g.shape)
    for index in np.ndindex(g.shape):
        grad_x[index] = g[index] * _factor(mask[index], p, training)
    return grad_x


@ieee754
def dropout2d(input: Array, p: float = 0.5, training: bool = True, *, mask: Mask) -> Double:
    """Some channels of some images are dropped, as a whole.

        y[n, c, i, j] = x[n, c, i, j] m[n, c] / (1 - p)        not in training: y = x

    x and y (N, C, H, W), m (N, C).

    Source: Tompson et al., Efficient object localization using convolutional networks (2015), section 3.2.

    >>> import numpy as np
    >>> from reference import definition
    >>> print(definition.dropout2d(np.array([[[[1, 2]], [[3, 4]]]]), 0.5, mask=np.array([[True, False]]))[0, :, 0])
    [[2. 4.]
     [0. 0.]]
    """
    x = input.astype(np.float64)
    y = np.zeros(x.shape)
    for n, c, i, j in np.ndindex(y.shape):
        y[n, c, i, j] = x[n, c, i, j] * _factor(mask[n, c], p, training)
    return y


@ieee754
def dropout2d_backward(grad_output: Array, mask: Mask, p: float = 0.5, training: bool = True) -> Double:
    """dL/dx of ``dropout2d``:  g[n, c, i, j] m[n, c] / (1 - p),  not in training: g.

    As in ``dropout_backward``; all pixels of a channel share its entry of the mask.

    >>> import numpy as np
    >>> from reference import definition
    >>> g, mask = np.array([[[[10, 20]], [[30, 40]]]]), np.array([[True, False]])
    >>> print(definition.dropout2d_backward(g, mask, 0.5)[0, :, 0])
    [[20. 40.]
     [ 0.  0.]]
    """
    g = grad_output.astype(np.float64)
    grad_x = np.zeros(g.shape)
    for n, c, i, j in np.ndindex(g.shape):
        grad_x[n, c, i, j] = g[n, c, i, j] * _factor(mask[n, c], p, training)
    return grad_x
