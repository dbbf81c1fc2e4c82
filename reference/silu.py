"""Sigmoid linear unit, also called swish.  Twin: ``torch.nn.SiLU``.

Formula, element by element:

    f(x) = x sigmoid(x) = x / (1 + exp(-x))

Far from 0 it is a ReLU: x on the right, 0 on the left.  In between it is smooth, and dips to -0.278 at x = -1.278.
At -infinity it is NaN, infinity times 0, in torch as well.

Source: Elfwing, Uchibe & Doya, Sigmoid-weighted linear units for neural network function approximation in reinforcement
learning (2018), section 2; Ramachandran, Zoph & Le, Searching for activation functions (2017).
"""

import numpy as np

from reference.arguments import Array, check_floats, check_shape, ieee754
from reference.sigmoid import sigmoid


@ieee754
def silu(input: Array) -> Array:
    """x sigmoid(x) for every element of ``input`` (any shape).  TypeError for anything but float32 and float64.

    >>> import numpy as np
    >>> from reference import silu
    >>> print(silu(np.log([1 / 3, 1, 3])) / np.log(3))  # -1/4, 0, 3/4
    [-0.25  0.    0.75]
    """
    check_floats(input=input)
    return np.asarray(input * sigmoid(input))


@ieee754
def silu_backward(grad_output: Array, input: Array) -> Array:
    """dL/dx, shaped like ``input``, from dL/dy ``grad_output`` (the same shape).

    x stands in both factors.  With s = sigmoid(x), whose slope is s (1 - s), the product rule gives

        dy/dx = s + x s (1 - s)          so          dL/dx = dL/dy s (1 + x (1 - s))

    Raises TypeError for dtypes other than float32 and float64, ValueError where the shapes differ.

    >>> import numpy as np
    >>> from reference import silu_backward
    >>> print(silu_backward(np.array([1.0, 2, 1]), np.array([-1000.0, 0, 1000])))  # 2 * 1/2
    [-0.  1.  1.]
    """
    check_floats(grad_output=grad_output, input=input)
    check_shape("grad_output", grad_output, input.shape, "as input")
    s = sigmoid(input)
    return np.asarray(grad_output * (s * (1 + input * (1 - s))))
