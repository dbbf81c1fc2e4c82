"""The sigmoid linear unit on paper, and its gradient."""

import numpy as np

from reference.definition.numbers import Array, Double, ieee754
from reference.definition.sigmoid import sigmoid


@ieee754
def silu(input: Array) -> Double:
    """Sigmoid linear unit, element by element, any shape:  f(x) = x sigmoid(x).

    Source: Elfwing, Uchibe & Doya, Sigmoid-weighted linear units for neural network function approximation in
    reinforcement learning (2018), section 2.

    >>> import numpy as np
    >>> from reference import definition
    >>> print(definition.silu(np.log([1 / 3, 1, 3])) / np.log(3))  # -1/4, 0, 3/4
    [-0.25  0.    0.75]
    """
    s = sigmoid(input)
    y = np.zeros(input.shape)
    for index in np.ndindex(y.shape):
        y[index] = input[index] * s[index]
    return y


@ieee754
def silu_backward(grad_output: Array, input: Array) -> Double:
    """dL/dx of ``silu``:  g (s + x s (1 - s)),  s = sigmoid(x)  (all of one shape).

    By the product rule: the slope of x is 1, that of the sigmoid s (1 - s).

    Source: Elfwing, Uchibe & Doya (2018), section 2.

    >>> import numpy as np
    >>> from reference import definition
    >>> print(definition.silu_backward(np.array([1, 2, 1]), np.array([-1000, 0, 1000])))  # 2 * 1/2
    [0. 1. 1.]
    """
    s = sigmoid(input)
    grad_x = np.zeros(input.shape)
    for index in np.ndindex(grad_x.shape):
        grad_x[index] = float(grad_output[index]) * (s[index] + input[index] * s[index] * (1 - s[index]))
    return grad_x
