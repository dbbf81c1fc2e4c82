"""Convolution on paper, and its gradient."""
# The variables are the letters of the formulas: N, O, kH.
# ruff: noqa: E741, N806

import numpy as np

from reference.definition.numbers import Array, Double, ieee754
from reference.definition.windows import IntOrPair, outputs, pair


@ieee754
def conv2d(
    input: Array,
    weight: Array,
    bias: Array | None = None,
    stride: IntOrPair = 1,
    padding: IntOrPair = 0,
    dilation: IntOrPair = 1,
    groups: int = 1,
) -> Double:
    """Convolution I * K: slide the kernel over the image; each output is the sum of the products under it.

        y[n, o, i, j] = b[o] + sum_{c, m, k}  K[o, c, m, k]  x[n, first + c, i sH + m dH - pH, j sW + k dW - pW]

    x (N, C, H, W), K (O, C/G, kH, kW), b (O,), y (N, O, oH, oW).  A pixel outside the image is 0 and adds nothing.
    Input and output channels are cut into G equal parts, and output part number a sees input part number a alone,
    which begins at channel first = a C/G.  The kernel is not flipped: strictly this is cross-correlation.

    Source: Goodfellow, sections 9.1 (convolution, cross-correlation) and 9.5 (stride, padding); Dumoulin & Visin,
    chapters 2 and 5; groups: Krizhevsky, Sutskever & Hinton 2012.

    >>> import numpy as np
    >>> from reference import definition
    >>> I = np.array([[[[1, 2, 3, 0, 1], [4, 5, 6, 1, 0], [7, 8, 9, 0, 2], [1, 0, 2, 3, 1], [0, 1, 1, 2, 3]]]])
    >>> K = np.array([[[[1, 0, -1], [1, 0, -1], [1, 0, -1]]]])
    >>> print(definition.conv2d(I, K)[0, 0])  # the first one: 1 - 3 + 4 - 6 + 7 - 9 = -6
    [[-6. 14. 15.]
     [-5.  9. 14.]
     [-4.  4.  6.]]
    """
    x, K = input.astype(np.float64), weight.astype(np.float64)
    (N, _, H, W), (O, channels, kH, kW) = x.shape, K.shape
    (sH, sW), (pH, pW), (dH, dW) = pair(stride), pair(padding), pair(dilation)
    y = np.zeros((N, O, outputs(H, kH, sH, pH, dH), outputs(W, kW, sW, pW, dW)))
    for n, o, i, j in np.ndindex(y.shape):
        first = o // (O // groups) * channels
        y[n, o, i, j] = 0 if bias is None else bias[o]
        for c, m, k in np.ndindex(channels, kH, kW):
            row, column = i * sH + m * dH - pH, j * sW + k * dW - pW
            if 0 <= row < H and 0 <= column < W:
                y[n, o, i, j] += K[o, c, m, k] * x[n, first + c, row, column]
    return y


@ieee754
def conv2d_backward(
    grad_output: Array,
    input: Array,
    weight: Array,
    stride: IntOrPair = 1,
    padding: IntOrPair = 0,
    dilation: IntOrPair = 1,
    groups: int = 1,
) -> tuple[Double, Double, Double]:
    """dL/dx (N, C, H, W), dL/dK (O, C/G, kH, kW) and dL/db (O,) of ``conv2d`` from g (N, O, oH, oW).

    y is a sum of products K x, so visit the same products again.  In y = ... + K x + ... the slope in x is K and the
    slope in K is x.  By the chain rule this one product adds g K to the gradient of its pixel and g x to the gradient
    of its weight.  The bias enters each y once, with slope 1, and collects g.  A weight is used at every place of the
    kernel, a pixel by every window that sees it: their gradients are sums because they were used many times.

    Source: Goodfellow, section 9.5, where the two sums are written out with the indices solved for K and for x.

    >>> import numpy as np
    >>> from reference import definition
    >>> I = np.array([[[[1, 2, 3], [4, 5, 6], [7, 8, 9]]]])
    >>> K = np.array([[[[1, 0, -1], [1, 0, -1], [1, 0, -1]]]])
    >>> grad_I, grad_K, grad_b = definition.conv2d_backward(np.array([[[[1]]]]), I, K)
    >>> print(grad_I[0, 0])  # the kernel
    [[ 1.  0. -1.]
     [ 1.  0. -1.]
     [ 1.  0. -1.]]
    >>> print(grad_K[0, 0])  # the image
    [[1. 2. 3.]
     [4. 5. 6.]
     [7. 8. 9.]]
    >>> print(grad_b)
    [1.]
    """
    g, x, K = grad_output.astype(np.float64), input.astype(np.float64), weight.astype(np.float64)
    (_, _, H, W), (O, channels, kH, kW) = x.shape, K.shape
    (sH, sW), (pH, pW), (dH, dW) = pair(stride), pair(padding), pair(dilation)
    grad_x, grad_K, grad_b = np.zeros(x.shape), np.zeros(K.shape), np.zeros(O)
    for n, o, i, j in np.ndindex(g.shape):
        first = o // (O // groups) * channels
        grad_b[o] += g[n, o, i, j]
        for c, m, k in np.ndindex(channels, kH, kW):
            row, column = i * sH + m * dH - pH, j * sW + k * dW - pW
            if 0 <= row < H and 0 <= column < W:
                grad_x[n, first + c, row, column] += g[n, o, i, j] * K[o, c, m, k]
                grad_K[o, c, m, k] += g[n, o, i, j] * x[n, first + c, row, column]
    return grad_x, grad_K, grad_b
