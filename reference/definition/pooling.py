"""The largest value and the mean of each window on paper, and their gradients."""
# The variables are the letters of the formulas: N, C, kH.
# ruff: noqa: N806

import math

import numpy as np
import numpy.typing as npt

from reference.definition.numbers import Array, Double, Integers, ieee754
from reference.definition.windows import IntOrPair, outputs, pair


def max_pool2d(
    input: Array,
    kernel_size: IntOrPair,
    stride: IntOrPair | None = None,
    padding: IntOrPair = 0,
    dilation: IntOrPair = 1,
    ceil_mode: bool = False,
) -> tuple[Double, npt.NDArray[np.int64]]:
    """The largest value in each window, and where it stands.

        y[n, c, i, j] = max_{m, k}  x[n, c, i sH + m dH - pH, j sW + k dW - pW]

    x (N, C, H, W); y and the indices (N, C, oH, oW).  An index row * W + column counts the plane's pixels row by row.
    Only pixels of the image compete.  Of several equal maxima the first, row by row, wins; a NaN beats everything, and
    a later NaN an earlier one.  The stride is the kernel size unless given: windows then touch and do not overlap.
    ValueError for a window without a pixel, which has no maximum.

    Source: Goodfellow, section 9.3; Dumoulin & Visin, chapter 3.

    >>> import numpy as np
    >>> from reference import definition
    >>> x = np.array([[[[1, 3, 2, 1], [4, 6, 5, 0], [7, 2, 0, 1], [9, 8, 3, 4]]]])
    >>> y, indices = definition.max_pool2d(x, 2)
    >>> print(y[0, 0])  # the first one: the largest of 1, 3, 4 and 6
    [[6. 5.]
     [9. 4.]]
    >>> print(indices[0, 0])  # 6 is pixel number 5, counted from 0
    [[ 5  6]
     [12 15]]
    """
    (kH, kW), (sH, sW) = pair(kernel_size), pair(kernel_size if stride is None else stride)
    (pH, pW), (dH, dW) = pair(padding), pair(dilation)
    N, C, H, W = input.shape
    y = np.zeros((N, C, outputs(H, kH, sH, pH, dH, ceil_mode), outputs(W, kW, sW, pW, dW, ceil_mode)))
    indices = np.zeros(y.shape, np.int64)
    for n, c, i, j in np.ndindex(y.shape):
        largest, index = -math.inf, -1
        for m, k in np.ndindex(kH, kW):
            row, column = i * sH + m * dH - pH, j * sW + k * dW - pW
            if 0 <= row < H and 0 <= column < W:
                pixel = input[n, c, row, column]
                if index == -1 or pixel > largest or math.isnan(pixel):
                    largest, index = pixel, row * W + column
        if index == -1:
            raise ValueError(f"padding {padding} and dilation {dilation}: the window of output {i, j} holds no pixel")
        y[n, c, i, j], indices[n, c, i, j] = largest, index
    return y, indices


@ieee754
def max_pool2d_backward(grad_output: Array, indices: Integers, input_shape: tuple[int, ...]) -> Double:
    """dL/dx (``input_shape``) of ``max_pool2d`` from g and the indices (N, C, oH, oW).

    y is a copy of the winning pixel, and a small change of any other pixel of the window changes nothing: slope 1 for
    the winner, 0 for the rest.  So the whole of g goes to the winner; a pixel that wins in several overlapping windows
    collects from each.  Where maxima tie, the maximum has a kink, and the first one found stands for all.

    >>> import numpy as np
    >>> from reference import definition
    >>> g, indices = np.array([[[[1, 2], [3, 4]]]]), np.array([[[[5, 6], [12, 15]]]])
    >>> print(definition.max_pool2d_backward(g, indices, (1, 1, 4, 4))[0, 0])
    [[0. 0. 0. 0.]
     [0. 1. 2. 0.]
     [0. 0. 0. 0.]
     [3. 0. 0. 4.]]
    """
    W = input_shape[3]
    grad_x = np.zeros(input_shape)
    for n, c, i, j in np.ndindex(grad_output.shape):
        row, column = divmod(indices[n, c, i, j], W)
        grad_x[n, c, row, column] += grad_output[n, c, i, j]
    return grad_x


def _window(i: int, size: int, kernel: int, stride: int, padding: int) -> tuple[range, int]:
    """Of window ``i`` along an axis: its pixels in the image, and its length clipped to the padded image."""
    start = i * stride - padding
    stop = min(start + kernel, size + padding)
    return range(max(start, 0), min(stop, size)), stop - start


@ieee754
def avg_pool2d(
    input: Array,
    kernel_size: IntOrPair,
    stride: IntOrPair | None = None,
    padding: IntOrPair = 0,
    ceil_mode: bool = False,
    count_include_pad: bool = True,
    divisor_override: int | None = None,
) -> Double:
    """The mean of each window.

        y[n, c, i, j] = 1/D  sum_{m, k}  x[n, c, i sH + m - pH, j sW + k - pW]

    x (N, C, H, W), y (N, C, oH, oW); pixels outside the image are 0.  D counts the places of the window inside the
    padded image, kH kW of them unless ``ceil_mode`` lets it hang over the edge.  Without ``count_include_pad`` D
    counts the pixels of the image alone.  ``divisor_override`` replaces D.

    Source: Goodfellow, section 9.3; LeCun, Bottou, Bengio & Haffner, Gradient-based learning applied to document
    recognition (1998), section II, whose sub-sampling layers average 2x2 windows; Dumoulin & Visin, chapter 3.

    >>> import numpy as np
    >>> from reference import definition
    >>> print(definition.avg_pool2d(np.array([[[[1, 3, 2, 1], [4, 6, 5, 0]]]]), 2)[0, 0])  # 14/4, 8/4
    [[3.5 2. ]]
    """
    (kH, kW), (sH, sW), (pH, pW) = pair(kernel_size), pair(kernel_size if stride is None else stride), pair(padding)
    x = input.astype(np.float64)
    N, C, H, W = x.shape
    y = np.zeros((N, C, outputs(H, kH, sH, pH, 1, ceil_mode), outputs(W, kW, sW, pW, 1, ceil_mode)))
    for n, c, i, j in np.ndindex(y.shape):
        rows, height = _window(i, H, kH, sH, pH)
        columns, width = _window(j, W, kW, sW, pW)
        D = divisor_override or (height * width if count_include_pad else len(rows) * len(columns))
        for row in rows:
            for column in columns:
                y[n, c, i, j] += x[n, c, row, column]
        y[n, c, i, j] /= D
    return y


@ieee754
def avg_pool2d_backward(
    grad_output: Array,
    input_shape: tuple[int, ...],
    kernel_size: IntOrPair,
    stride: IntOrPair | None = None,
    padding: IntOrPair = 0,
    ceil_mode: bool = False,
    count_include_pad: bool = True,
    divisor_override: int | None = None,
) -> Double:
    """dL/dx (``input_shape``) of ``avg_pool2d`` from g (N, C, oH, oW).

    y = (x_1 + x_2 + ...) / D has the slope 1/D in each of its pixels.  So every pixel of a window gets g / D, and a
    pixel in several windows the sum.  What the pixels are worth does not matter, only where the windows lie.

    >>> import numpy as np
    >>> from reference import definition
    >>> print(definition.avg_pool2d_backward(np.array([[[[4, 8]]]]), (1, 1, 2, 4), 2)[0, 0])
    [[1. 1. 2. 2.]
     [1. 1. 2. 2.]]
    """
    (kH, kW), (sH, sW), (pH, pW) = pair(kernel_size), pair(kernel_size if stride is None else stride), pair(padding)
    g = grad_output.astype(np.float64)
    _, _, H, W = input_shape
    grad_x = np.zeros(input_shape)
    for n, c, i, j in np.ndindex(g.shape):
        rows, height = _window(i, H, kH, sH, pH)
        columns, width = _window(j, W, kW, sW, pW)
        D = divisor_override or (height * width if count_include_pad else len(rows) * len(columns))
        for row in rows:
            for column in columns:
                grad_x[n, c, row, column] += g[n, c, i, j] / D
    return grad_x
