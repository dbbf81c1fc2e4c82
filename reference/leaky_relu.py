"""Leaky rectified linear unit.  Twin: ``torch.nn.LeakyReLU``.

Formula, element by element, with a small slope a:

    f(x) = x    where x > 0,  else a x

A ReLU that is negative for every image has slope 0, gets no gradient, and never recovers.  A slope that is not quite 0
leaves it a way back.  The product is rounded once, with a rounded to the dtype first; the sign of a zero is that of the
product, and NaN stays NaN.

Source: Maas, Hannun & Ng, Rectifier nonlinearities improve neural network acoustic models (2013), section 2.
"""

import numpy as np
import numpy.typing as npt

from reference.arguments import Array, check_floats, check_shape, ieee754, number
from reference.select import either


@ieee754
def leaky_relu(input: Array, negative_slope: float = 0.01) -> Array:
    """x where x > 0, else ``negative_slope`` times x, for every element of ``input`` (any shape).

    Raises TypeError for dtypes other than float32 and float64 and for a slope that is no real number, ValueError for
    one that does not fit into the dtype.

    >>> import numpy as np
    >>> from reference import leaky_relu
    >>> print(leaky_relu(np.array([-6.0, -0.5, 0, 0.5, 14]), negative_slope=0.5))
    [-3.   -0.25  0.    0.5  14.  ]
    """
    check_floats(input=input)
    return np.asarray(input * slopes(np.greater(input, 0), checked_slope(negative_slope, input)))


@ieee754
def leaky_relu_backward(grad_output: Array, input: Array, negative_slope: float = 0.01) -> Array:
    """dL/dx, shaped like ``input``, from dL/dy ``grad_output`` (the same shape).

    f has slope 1 to the right of 0 and ``negative_slope`` a to the left.  At the kink every value between the two would
    do; torch picks a, and so do we:

        dL/dx = dL/dy  where x > 0,  else a dL/dy

    Raises as ``leaky_relu`` does, and ValueError where the shapes differ.

    >>> import numpy as np
    >>> from reference import leaky_relu_backward
    >>> print(leaky_relu_backward(np.array([1.0, 2, 3, 4, 5]), np.array([-6.0, -0.5, 0, 0.5, 14]), negative_slope=0.5))
    [0.5 1.  1.5 4.  5. ]
    """
    check_floats(grad_output=grad_output, input=input)
    check_shape("grad_output", grad_output, input.shape, "as input")
    return np.asarray(grad_output * slopes(np.greater(input, 0), checked_slope(negative_slope, input)))


def checked_slope(negative_slope: object, input: Array) -> Array:
    """``negative_slope`` as a number of the dtype of ``input``; TypeError or ValueError if it is none."""
    slope = number("negative_slope", negative_slope)
    if np.isfinite(slope) and abs(slope) > float(np.finfo(input.dtype).max):
        raise ValueError(f"negative_slope must fit into {input.dtype}, got {negative_slope!r}")
    return np.asarray(slope, input.dtype)


def slopes(passes: npt.NDArray[np.bool], negative_slope: Array) -> Array:
    """1 where ``passes``, else ``negative_slope``."""
    return either(passes, np.ones_like(negative_slope), negative_slope)
