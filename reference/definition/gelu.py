"""The Gaussian error linear unit on paper, and its gradient."""

import math

import numpy as np

from reference.definition.numbers import Array, Double, ieee754


@ieee754
def gelu(input: Array, approximate: str = "none") -> Double:
    """Gaussian error linear unit, element by element, any shape:  f(x) = x Phi(x).

    Phi(x) = (1 + erf(x / sqrt 2)) / 2 is the share of normally distributed numbers below x.  To the left, where erf is
    next to -1, erfc(-z) = 1 + erf(z) has the digits that the sum would lose.  The approximation 'tanh' is another
    function, close to the first:

        f(x) = x (1 + tanh v) / 2          v = sqrt(2 / pi) (x + 0.044715 x^3)

    Source: Hendrycks & Gimpel, Gaussian error linear units (2016), section 2.

    >>> import numpy as np
    >>> from reference import definition
    >>> print(definition.gelu(np.array([-1.0, 0, 1])), definition.gelu(np.array([-1.0, 0, 1]), "tanh"))
    [-0.15865525  0.          0.84134475] [-0.15880801  0.          0.84119199]
    """
    y = np.zeros(input.shape)
    for index in np.ndindex(y.shape):
        x = float(input[index])
        share = _normal_share(x) if approximate == "none" else (1 + math.tanh(_v(x))) / 2
        y[index] = x * share
    return y


@ieee754
def gelu_backward(grad_output: Array, input: Array, approximate: str = "none") -> Double:
    """dL/dx of ``gelu``  (all of one shape).

    By the product rule, Phi having the slope phi:

        g (Phi(x) + x phi(x))                                    phi(x) = exp(-x^2 / 2) / sqrt(2 pi)

    and for 'tanh', which has the slope 1 - tanh^2,

        g ((1 + tanh v) / 2 + x (1 - tanh^2 v) / 2 dv/dx)        dv/dx = sqrt(2 / pi) (1 + 3 * 0.044715 x^2)

    Source: Hendrycks & Gimpel (2016), section 2.

    >>> import numpy as np
    >>> from reference import definition
    >>> print(definition.gelu_backward(np.array([1, 2, 1]), np.array([-50, 0, 50])))  # 2 * 1/2
    [0. 1. 1.]
    """
    grad_x = np.zeros(input.shape)
    for index in np.ndindex(grad_x.shape):
        x = float(input[index])
        if approximate == "none":
            slope = _normal_share(x) + x * math.exp(-x * x / 2) / math.sqrt(2 * math.pi)
        else:
            tanh = math.tanh(_v(x))
            inner_slope = math.sqrt(2 / math.pi) * (1 + 3 * 0.044715 * x * x)
            slope = (1 + tanh) / 2 + x * (1 - tanh * tanh) / 2 * inner_slope
        grad_x[index] = float(grad_output[index]) * slope
    return grad_x


def _normal_share(x: float) -> float:
    """The share of normally distributed numbers below x."""
    return math.erfc(-x / math.sqrt(2)) / 2


def _v(x: float) -> float:
    """What the approximation takes the tanh of."""
    return math.sqrt(2 / math.pi) * (x + 0.044715 * x * x * x)
