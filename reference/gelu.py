"""Gaussian error linear unit.  Twin: ``torch.nn.GELU``.

Formula, element by element:

    f(x) = x Phi(x)          Phi(x) = P(a normally distributed number is at most x) = (1 + erf(x / sqrt 2)) / 2

As SiLU, it is a ReLU far from 0, and smooth in between; it dips to -0.170 at x = -0.752.  Phi is in ``normal``.

With ``approximate`` = 'tanh' it is another function, no further than 0.0005 from the first, from times when erf was
slow.  Many published networks were trained with it, and it is theirs:

    f(x) = x (1 + tanh v) / 2          v = sqrt(2 / pi) (x + 0.044715 x^3)

Since (1 + tanh v) / 2 = sigmoid(2v), that is x sigmoid(2v), which keeps its digits where 1 + tanh v has none.

At -infinity both are NaN, infinity times 0, in torch as well.

Source: Hendrycks & Gimpel, Gaussian error linear units (2016), section 2.
"""

import math

import numpy as np

from reference.arguments import Array, check_floats, check_shape, ieee754
from reference.normal import density, distribution
from reference.sigmoid import sigmoid

APPROXIMATIONS = ("none", "tanh")
CUBIC = 0.044715
# Of 2v, so that the power of 2 is no operation of its own.
SCALE = 2 * math.sqrt(2 / math.pi)


@ieee754
def gelu(input: Array, *, approximate: str = "none") -> Array:
    """x Phi(x) for every element of ``input`` (any shape), or the approximation 'tanh' of it.

    Raises TypeError for dtypes other than float32 and float64 and for what is no text, ValueError for another text.

    >>> import numpy as np
    >>> from reference import gelu
    >>> print(gelu(np.array([-6.0, -1, 0, 1, 6])))
    [-5.91952587e-09 -1.58655254e-01  0.00000000e+00  8.41344746e-01
      5.99999999e+00]
    >>> print(gelu(np.array([-1.0, 0, 1]), approximate="tanh"))
    [-0.15880801  0.          0.84119199]
    """
    check_floats(input=input)
    if _approximated(approximate):
        return np.asarray(input * sigmoid(input * (SCALE * (1 + CUBIC * (input * input)))))
    return np.asarray(input * distribution(input))


@ieee754
def gelu_backward(grad_output: Array, input: Array, *, approximate: str = "none") -> Array:
    """dL/dx, shaped like ``input``, from dL/dy ``grad_output`` (the same shape).

    x stands in both factors.  The slope of Phi is the density phi, so the product rule gives

        dL/dx = dL/dy (Phi(x) + x phi(x))

    and for the approximation, with s = sigmoid(2v), whose slope is s (1 - s) times that of 2v,

        dL/dx = dL/dy (s + x s (1 - s) d(2v)/dx)          d(2v)/dx = 2 sqrt(2 / pi) (1 + 3 * 0.044715 x^2)

    Raises as ``gelu`` does, and ValueError where the shapes differ.

    >>> import numpy as np
    >>> from reference import gelu_backward
    >>> print(gelu_backward(np.array([1.0, 2, 1]), np.array([-50.0, 0, 50])))  # 2 * 1/2
    [0. 1. 1.]
    >>> print(gelu_backward(np.array([1.0, 2, 1]), np.array([-50.0, 0, 50]), approximate="tanh"))
    [0. 1. 1.]
    """
    check_floats(grad_output=grad_output, input=input)
    check_shape("grad_output", grad_output, input.shape, "as input")
    if not _approximated(approximate):
        return np.asarray(grad_output * (distribution(input) + input * density(input)))
    square = input * input
    s = sigmoid(input * (SCALE * (1 + CUBIC * square)))
    return np.asarray(grad_output * (s + input * s * (1 - s) * (SCALE * (1 + 3 * CUBIC * square))))


def _approximated(approximate: object) -> bool:
    """Whether ``approximate`` is 'tanh'; TypeError or ValueError unless it is that or 'none'."""
    if not isinstance(approximate, str):
        raise TypeError(f"approximate must be one of {', '.join(APPROXIMATIONS)}, got {approximate!r}")
    if approximate not in APPROXIMATIONS:
        raise ValueError(f"approximate must be one of {', '.join(APPROXIMATIONS)}, got {approximate!r}")
    return approximate == "tanh"
