"""The dense layer on paper, and its gradient."""

import numpy as np

from reference.definition.numbers import Array, Double, ieee754


@ieee754
def linear(input: Array, weight: Array, bias: Array | None = None) -> Double:
    """A dense layer: every output is a weighted sum of all inputs.

        y[n, o] = b[o] + sum_a  w[o, a]  x[n, a]

    x (N, inputs), w (outputs, inputs), b (outputs,), y (N, outputs).

    Source: Goodfellow, section 6.1 (an affine map in each layer).

    >>> import numpy as np
    >>> from reference import definition
    >>> w, b = np.array([[1, 0], [3, 4], [0, -1]]), np.array([10, 20, 30])
    >>> print(definition.linear(np.array([[1, 2]]), w, b))  # 1 + 10, 3 + 8 + 20, -2 + 30
    [[11. 31. 28.]]
    """
    x, w = input.astype(np.float64), weight.astype(np.float64)
    y = np.zeros((len(x), len(w)))
    for n, o in np.ndindex(y.shape):
        y[n, o] = 0 if bias is None else bias[o]
        for a in range(x.shape[1]):
            y[n, o] += w[o, a] * x[n, a]
    return y


@ieee754
def linear_backward(grad_output: Array, input: Array, weight: Array) -> tuple[Double, Double, Double]:
    """dL/dx (N, inputs), dL/dw (outputs, inputs) and dL/db (outputs,) of ``linear`` from g (N, outputs).

    As in convolution: the product w x has slope w in x and slope x in w, so it adds g w to the gradient of x and g x to
    the gradient of w.  An input takes part in all outputs and sums over o; a weight in all images and sums over n.

    Source: Goodfellow, section 6.5.

    >>> import numpy as np
    >>> from reference import definition
    >>> w = np.array([[1, 0], [3, 4], [0, -1]])
    >>> grad_x, grad_w, grad_b = definition.linear_backward(np.array([[0, 1, 0]]), np.array([[1, 2]]), w)
    >>> print(grad_x, grad_b)
    [[3. 4.]] [0. 1. 0.]
    >>> print(grad_w)
    [[0. 0.]
     [1. 2.]
     [0. 0.]]
    """
    g, x, w = grad_output.astype(np.float64), input.astype(np.float64), weight.astype(np.float64)
    grad_x, grad_w, grad_b = np.zeros(x.shape), np.zeros(w.shape), np.zeros(len(w))
    for n, o in np.ndindex(g.shape):
        grad_b[o] += g[n, o]
        for a in range(x.shape[1]):
            grad_x[n, a] += g[n, o] * w[o, a]
            grad_w[o, a] += g[n, o] * x[n, a]
    return grad_x, grad_w, grad_b
