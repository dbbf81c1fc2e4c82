"""Hyperbolic tangent.  Twin: ``torch.nn.Tanh``.

Formula, element by element:

    f(x) = (exp(x) - exp(-x)) / (exp(x) + exp(-x)) = 2 sigmoid(2x) - 1

A sigmoid stretched to run from -1 to 1.  Its outputs lie around 0, and its slope there is 1, not 1/4.  Neither form is
what one computes: the first overflows, and the second loses the digits of a small x.  NumPy has the function; its
float32 is off by 1.6 times as much as torch's (root mean square), so it is computed in float64 and rounded, which takes
as long as torch does.

Source: LeCun, Bottou, Orr & Müller, Efficient BackProp (1998), section 4.4; Goodfellow, Bengio & Courville, Deep
Learning (2016), section 6.3.2.
"""

import numpy as np

from reference.arguments import Array, check_floats, check_shape, ieee754


def tanh(input: Array) -> Array:
    """tanh(x) for every element of ``input`` (any shape).  TypeError for anything but float32 and float64.

    >>> import numpy as np
    >>> from reference import tanh
    >>> print(tanh(np.log([0.5, 1, 3])))  # (1/2 - 2) / (1/2 + 2), 0, (3 - 1/3) / (3 + 1/3)
    [-0.6  0.   0.8]
    """
    check_floats(input=input)
    # NumPy converts a buffer at a time, there and back: no array of float64 as large as the input is made.
    return np.tanh(input, out=np.empty_like(input), dtype=np.float64)


@ieee754
def tanh_backward(grad_output: Array, output: Array) -> Array:
    """dL/dx from dL/dy ``grad_output`` and y ``output`` of ``tanh`` (both of one shape).

    Write y = s / c with s = exp(x) - exp(-x) and c = exp(x) + exp(-x).  Each is the slope of the other, and so the
    quotient rule gives

        dy/dx = (c c - s s) / c^2 = 1 - y^2          so          dL/dx = dL/dy (1 - y^2)

    Raises TypeError for dtypes other than float32 and float64, ValueError where the shapes differ.

    >>> import numpy as np
    >>> from reference import tanh_backward
    >>> print(tanh_backward(np.array([1.0, 4, 1]), np.array([0, 0.5, -1])))  # 4 * (1 - 1/4)
    [1. 3. 0.]
    """
    check_floats(grad_output=grad_output, output=output)
    check_shape("grad_output", grad_output, output.shape, "as output")
    return np.asarray(grad_output * (1 - output * output))
