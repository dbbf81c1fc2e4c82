"""The rectified linear unit on paper, and its gradient."""

import numpy as np

from reference.definition.numbers import Array, Double


def relu(input: Array) -> Double:
    """Rectified linear unit, element by element, any shape:  f(x) = max(0, x).

    The code asks only whether x is negative, so -0.0 and NaN come out as they went in.

    Source: Goodfellow, section 6.3.1.

    >>> import numpy as np
    >>> from reference import definition
    >>> print(definition.relu(np.array([-6, -0.5, 0, 0.5, 14])))
    [ 0.   0.   0.   0.5 14. ]
    """
    y = np.zeros(input.shape)
    for index in np.ndindex(y.shape):
        y[index] = 0 if input[index] < 0 else input[index]
    return y


def relu_backward(grad_output: Array, input: Array) -> Double:
    """dL/dx of ``relu``:  g where x > 0, else 0  (all of one shape).

    To the right of 0, f is x and its slope 1; to the left f is constant and its slope 0.  At 0 any slope from 0 to 1
    is a subgradient, and 0 is chosen.  g is passed on or replaced, never multiplied: inf * 0 would be nan.  A NaN is
    not <= 0, so its g passes.

    Source: Goodfellow, section 6.3.1.

    >>> import numpy as np
    >>> from reference import definition
    >>> print(definition.relu_backward(np.array([1, 2, 3, 4, 5]), np.array([-6, -0.5, 0, 0.5, 14])))
    [0. 0. 0. 4. 5.]
    """
    grad_x = np.zeros(input.shape)
    for index in np.ndindex(grad_x.shape):
        grad_x[index] = 0 if input[index] <= 0 else grad_output[index]
    return grad_x
