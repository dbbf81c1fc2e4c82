"""Transposed convolution on paper, and its gradient."""
# The variables are the letters of the formulas: N, O, kH.
# ruff: noqa: E741, N806

import numpy as np

from reference.definition.numbers import Array, Double, ieee754
from reference.definition.windows import IntOrPair, pair


@ieee754
def conv_transpose2d(
    input: Array,
    weight: Array,
    bias: Array | None = None,
    stride: IntOrPair = 1,
    padding: IntOrPair = 0,
    output_padding: IntOrPair = 0,
    groups: int = 1,
    dilation: IntOrPair = 1,
) -> Double:
    """Transposed convolution: every pixel stamps the kernel, times its value, into the output; stamps add up.

        y[n, first + o, i sH + m dH - pH, j sW + k dW - pW]  +=  x[n, c, i, j]  K[c, o, m, k]

    x (N, C, H, W), K (C, O/G, kH, kW), b (O,), y (N, O, oH, oW), which starts from b.  From one pixel to the next the
    stamp moves by the stride, so the stamps reach over (H - 1) sH + dH (kH - 1) + 1 rows.  Padding p is not added here
    but cut off, p rows at either end, with whatever was stamped there; output_padding then adds rows at the bottom
    alone, which stamps reach only if something was cut off there.  Columns likewise.  Of G groups, the channels c of
    group a = 0, 1, ... stamp into the output channels from first = a O/G on.

    Source: Dumoulin & Visin, chapter 4; Zeiler, Krishnan, Taylor & Fergus, Deconvolutional networks (2010).

    >>> import numpy as np
    >>> from reference import definition
    >>> I = np.array([[[[1, 2]]]])
    >>> K = np.array([[[[1, 10, 100]]]])
    >>> print(definition.conv_transpose2d(I, K, stride=2)[0, 0])  # 1 10 100, and two further 2 20 200
    [[  1.  10. 102.  20. 200.]]
    """
    x, K = input.astype(np.float64), weight.astype(np.float64)
    (N, C, H, W), (_, maps, kH, kW) = x.shape, K.shape
    (sH, sW), (pH, pW), (dH, dW) = pair(stride), pair(padding), pair(dilation)
    added = pair(output_padding)
    oH = (H - 1) * sH - 2 * pH + dH * (kH - 1) + 1 + added[0]
    oW = (W - 1) * sW - 2 * pW + dW * (kW - 1) + 1 + added[1]
    y = np.zeros((N, maps * groups, oH, oW))
    if bias is not None:
        for o in range(len(bias)):
            y[:, o] = bias[o]
    for n, c, i, j in np.ndindex(x.shape):
        first = c // (C // groups) * maps
        for o, m, k in np.ndindex(maps, kH, kW):
            row, column = i * sH + m * dH - pH, j * sW + k * dW - pW
            if 0 <= row < oH and 0 <= column < oW:
                y[n, first + o, row, column] += x[n, c, i, j] * K[c, o, m, k]
    return y


@ieee754
def conv_transpose2d_backward(
    grad_output: Array,
    input: Array,
    weight: Array,
    stride: IntOrPair = 1,
    padding: IntOrPair = 0,
    output_padding: IntOrPair = 0,
    groups: int = 1,
    dilation: IntOrPair = 1,
) -> tuple[Double, Double, Double]:
    """dL/dx (N, C, H, W), dL/dK (C, O/G, kH, kW) and dL/db (O,) of ``conv_transpose2d`` from g (N, O, oH, oW).

    y is a sum of products x K, so visit the same products again: by the chain rule each adds g K to the gradient of its
    pixel and g x to the gradient of its weight, with g the gradient at the place that was stamped.  A bias lies under
    every pixel of its channel, with slope 1, and collects their g.  ``output_padding`` is seen in the shape of g.

    Source: the chain rule, as for ``conv2d``.

    >>> import numpy as np
    >>> from reference import definition
    >>> I = np.array([[[[1, 2]]]])
    >>> K = np.array([[[[1, 10, 100]]]])
    >>> grad_I, grad_K, grad_b = definition.conv_transpose2d_backward(np.array([[[[1, 0, 0, 0, 3]]]]), I, K, stride=2)
    >>> print(grad_I[0, 0])  # 1 * 1, and 3 * 100
    [[  1. 300.]]
    >>> print(grad_K[0, 0])  # 1 * 1, nothing, and 3 * 2
    [[1. 0. 6.]]
    >>> print(grad_b)
    [4.]
    """
    g, x, K = grad_output.astype(np.float64), input.astype(np.float64), weight.astype(np.float64)
    (_, C, _, _), (_, maps, kH, kW), (_, O, oH, oW) = x.shape, K.shape, g.shape
    (sH, sW), (pH, pW), (dH, dW) = pair(stride), pair(padding), pair(dilation)
    grad_x, grad_K, grad_b = np.zeros(x.shape), np.zeros(K.shape), np.zeros(O)
    for n, c, i, j in np.ndindex(x.shape):
        first = c // (C // groups) * maps
        for o, m, k in np.ndindex(maps, kH, kW):
            row, column = i * sH + m * dH - pH, j * sW + k * dW - pW
            if 0 <= row < oH and 0 <= column < oW:
                grad_x[n, c, i, j] += g[n, first + o, row, column] * K[c, o, m, k]
                grad_K[c, o, m, k] += g[n, first + o, row, column] * x[n, c, i, j]
    for n, o, i, j in np.ndindex(g.shape):
        grad_b[o] += g[n, o, i, j]
    return grad_x, grad_K, grad_b
