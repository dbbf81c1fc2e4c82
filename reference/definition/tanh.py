"""The hyperbolic tangent on paper, and its gradient."""

import math

import numpy as np

from reference.definition.numbers import Array, Double


def tanh(input: Array) -> Double:
    """Hyperbolic tangent, element by element, any shape:  f(x) = (exp(x) - exp(-x)) / (exp(x) + exp(-x)).

    ``math.tanh`` is that quotient where it neither overflows nor cancels.

    Source: Goodfellow, section 6.3.2.

    >>> import numpy as np
    >>> from reference import definition
    >>> print(definition.tanh(np.log([0.5, 1, 3])))  # (1/2 - 2) / (1/2 + 2), 0, (3 - 1/3) / (3 + 1/3)
    [-0.6  0.   0.8]
    """
    y = np.zeros(input.shape)
    for index in np.ndindex(y.shape):
        y[index] = math.tanh(input[index])
    return y


def tanh_backward(grad_output: Array, output: Array) -> Double:
    """dL/dx of ``tanh`` from g and its output y:  g (1 - y^2)  (all of one shape).

    Numerator s and denominator c are each the slope of the other, so the quotient rule says (c c - s s) / c^2.

    Source: Goodfellow, section 6.3.2.

    >>> import numpy as np
    >>> from reference import definition
    >>> print(definition.tanh_backward(np.array([1, 4, 1]), np.array([0, 0.5, -1])))  # 4 * (1 - 1/4)
    [1. 3. 0.]
    """
    grad_x = np.zeros(output.shape)
    for index in np.ndindex(grad_x.shape):
        grad_x[index] = float(grad_output[index]) * (1 - float(output[index]) ** 2)
    return grad_x
