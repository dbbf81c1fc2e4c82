"""Sigmoid, the logistic function.  Twin: ``torch.nn.Sigmoid``.

Formula, element by element:

    f(x) = 1 / (1 + exp(-x))

It turns a score into the probability of one of two classes: softmax of the scores x and 0.  For x far below 0, exp(-x)
overflows long before f(x) is too small to be written down.  Multiplied by exp(x) above and below,

    f(x) = exp(x) / (1 + exp(x))

takes the power of a negative number again.  So one power, z = exp(-|x|), serves both signs, and is never above 1:

    f(x) = 1 / (1 + z)  where x >= 0,  else z / (1 + z)

Source: Goodfellow, Bengio & Courville, Deep Learning (2016), sections 3.10 and 6.2.2.2.
"""

import numpy as np

from reference.arguments import Array, check_floats, check_shape, ieee754


@ieee754
def sigmoid(input: Array) -> Array:
    """1 / (1 + exp(-x)) for every element of ``input`` (any shape).  TypeError for anything but float32 and float64.

    >>> import numpy as np
    >>> from reference import sigmoid
    >>> print(sigmoid(np.log([1 / 3, 1, 3])))  # 1 / (1 + 3), 1 / (1 + 1), 1 / (1 + 1/3)
    [0.25 0.5  0.75]
    >>> print(sigmoid(np.array([-700.0, 700])))  # exp(-700) is 1e-304: added to 1 it is lost
    [9.85967654e-305 1.00000000e+000]
    """
    check_floats(input=input)
    z = np.exp(-np.abs(input))
    # z is at most 1, so the larger one of it and True, which is 1, or False, which is 0, is the numerator.
    return np.asarray(np.maximum(z, input >= 0) / (1 + z))


@ieee754
def sigmoid_backward(grad_output: Array, output: Array) -> Array:
    """dL/dx from dL/dy ``grad_output`` and y ``output`` of ``sigmoid`` (both of one shape).

    With e = exp(-x), de/dx = -e and y = 1 / (1 + e), the chain rule gives

        dy/dx = e / (1 + e)^2 = y (e / (1 + e)) = y (1 - y)          so          dL/dx = dL/dy (1 - y) y

    The slope is 1/4 at most, in the middle: a chain of sigmoids passes on little of its gradient.
    Raises TypeError for dtypes other than float32 and float64, ValueError where the shapes differ.

    >>> import numpy as np
    >>> from reference import sigmoid_backward
    >>> print(sigmoid_backward(np.array([1.0, 1, 16]), np.array([0.5, 0.75, 0.25])))  # 16 * 3/4 * 1/4
    [0.25   0.1875 3.    ]
    """
    check_floats(grad_output=grad_output, output=output)
    check_shape("grad_output", grad_output, output.shape, "as output")
    return np.asarray(grad_output * (1 - output) * output)
