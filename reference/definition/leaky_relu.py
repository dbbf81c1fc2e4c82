"""The leaky rectified linear unit on paper, and its gradient."""

import numpy as np

from reference.definition.numbers import Array, Double, ieee754


@ieee754
def leaky_relu(input: Array, negative_slope: float = 0.01) -> Double:
    """Leaky rectified linear unit, element by element, any shape:  f(x) = x where x > 0, else a x.

    a is ``negative_slope``.

    Source: Maas, Hannun & Ng, Rectifier nonlinearities improve neural network acoustic models (2013), section 2.

    >>> import numpy as np
    >>> from reference import definition
    >>> print(definition.leaky_relu(np.array([-6, -0.5, 0, 0.5, 14]), negative_slope=0.5))
    [-3.   -0.25  0.    0.5  14.  ]
    """
    y = np.zeros(input.shape)
    for index in np.ndindex(y.shape):
        x = float(input[index])
        y[index] = x if x > 0 else negative_slope * x
    return y


@ieee754
def leaky_relu_backward(grad_output: Array, input: Array, negative_slope: float = 0.01) -> Double:
    """dL/dx of ``leaky_relu``:  g where x > 0, else a g  (all of one shape).

    The slope is 1 to the right of 0 and a to the left; at 0, where it could be anything in between, a is chosen.

    Source: Maas, Hannun & Ng (2013), section 2.

    >>> import numpy as np
    >>> from reference import definition
    >>> x = np.array([-6, -0.5, 0, 0.5, 14])
    >>> print(definition.leaky_relu_backward(np.array([1, 2, 3, 4, 5]), x, negative_slope=0.5))
    [0.5 1.  1.5 4.  5. ]
    """
    grad_x = np.zeros(input.shape)
    for index in np.ndindex(grad_x.shape):
        g = float(grad_output[index])
        grad_x[index] = g if input[index] > 0 else negative_slope * g
    return grad_x
