"""The sigmoid on paper, and its gradient."""

import math

import numpy as np

from reference.definition.numbers import Array, Double


def sigmoid(input: Array) -> Double:
    """Logistic sigmoid, element by element, any shape:  f(x) = 1 / (1 + exp(-x)).

    For negative x both parts of the fraction are multiplied by exp(x), which does not overflow where exp(-x) would.

    Source: Goodfellow, section 3.10.

    >>> import numpy as np
    >>> from reference import definition
    >>> print(definition.sigmoid(np.log([1 / 3, 1, 3])))  # 1 / (1 + 3), 1 / (1 + 1), 1 / (1 + 1/3)
    [0.25 0.5  0.75]
    """
    y = np.zeros(input.shape)
    for index in np.ndindex(y.shape):
        x = float(input[index])
        y[index] = math.exp(x) / (math.exp(x) + 1) if x < 0 else 1 / (1 + math.exp(-x))
    return y


def sigmoid_backward(grad_output: Array, output: Array) -> Double:
    """dL/dx of ``sigmoid`` from g and its output y:  g y (1 - y)  (all of one shape).

    With e = exp(-x), of slope -e, the chain rule makes of 1 / (1 + e) the slope e / (1 + e)^2.  One factor is
    y = 1 / (1 + e), the other e / (1 + e) = 1 - y.

    Source: Goodfellow, section 3.10.

    >>> import numpy as np
    >>> from reference import definition
    >>> print(definition.sigmoid_backward(np.array([1, 1, 16]), np.array([0.5, 0.75, 0.25])))  # 16 * 1/4 * 3/4
    [0.25   0.1875 3.    ]
    """
    grad_x = np.zeros(output.shape)
    for index in np.ndindex(grad_x.shape):
        y = float(output[index])
        grad_x[index] = float(grad_output[index]) * y * (1 - y)
    return grad_x
