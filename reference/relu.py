"""Rectified linear unit.  Twin: ``torch.nn.ReLU``.

Formula, element by element:

    f(x) = max(0, x)

It lets a network bend: a chain of convolutions alone is one convolution.  -0.0 stays -0.0 and NaN stays NaN.

Source: Goodfellow, Bengio & Courville, Deep Learning (2016), section 6.3.1.
"""

import numpy as np

from reference.arguments import Array, check_floats, check_shape
from reference.select import select


def relu(input: Array) -> Array:
    """max(0, x) for every element of ``input`` (any shape).  TypeError for anything but float32 and float64.

    >>> import numpy as np
    >>> from reference import relu
    >>> print(relu(np.array([-6.0, -0.5, 0, 0.5, 14])))
    [ 0.   0.   0.   0.5 14. ]
    """
    check_floats(input=input)
    zero, infinity = input.dtype.type(0), input.dtype.type(np.inf)
    # clip, not maximum: it keeps -0.0, as torch does, and is three times as fast.
    return np.asarray(np.clip(input, zero, infinity))


def relu_backward(grad_output: Array, input: Array) -> Array:
    """dL/dx, shaped like ``input``, from dL/dy ``grad_output`` (the same shape).

    f is x to the right of 0 and constant to the left, so its slope is 1 for x > 0 and 0 for x < 0.  At the kink every
    value in [0, 1] is a subgradient; torch picks 0, and so do we:

        dL/dx = dL/dy  where x > 0,  else 0

    Raises TypeError for dtypes other than float32 and float64, ValueError where the shapes differ.

    >>> import numpy as np
    >>> from reference import relu_backward
    >>> print(relu_backward(np.array([1.0, 2, 3, 4, 5]), np.array([-6.0, -0.5, 0, 0.5, 14])))
    [0. 0. 0. 4. 5.]
    """
    check_floats(grad_output=grad_output, input=input)
    check_shape("grad_output", grad_output, input.shape, "as input")
    # `~(x <= 0)` lets nan through, as torch does.
    return select(~(input <= 0), grad_output)
