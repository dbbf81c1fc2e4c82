"""A convolutional neural network as on paper: every formula and every gradient as one short loop nest.

    Y = f(Dense(Flatten(Pool(ReLU(I * K)))))

Read this page first.  Nothing here is fast or clever, and nothing is shared with the other modules, so that it can bear
witness against them.  Where a formula reads "for all n, o: y[n, o] = sum over c", the code has an outer loop over n, o
and an inner loop over c.  ``np.ndindex(2, 3)`` is that nest of loops: (0, 0), (0, 1), (0, 2), (1, 0), (1, 1), (1, 2).

Letters.  N images, C channels, H x W pixels, O output channels, G groups; the kernel K is kH x kW, the output oH x oW;
x is the input, y the output, L the loss and g = dL/dy the gradient that arrives from above.  sH sW are strides, pH pW
paddings and dH dW dilations, all in pixels; each argument is one integer, or a pair (vertical, horizontal).

Every gradient is the chain rule (Goodfellow et al., section 6.5; Rumelhart, Hinton & Williams 1986):

    dL/dx[a] = sum_b  g[b]  dy[b]/dx[a]

An input collects, from each output that it helped to make, that output's gradient times its own share in it.

The definition computes in double precision whatever it is given, and returns float64.  Infinities and NaN are numbers
like any other.  Arguments are taken to be valid: checking them is the work of the other modules.

Sources: Goodfellow, Bengio & Courville, Deep Learning (2016), called "Goodfellow" below; Dumoulin & Visin, A guide to
convolution arithmetic for deep learning (2016); what else is used is named where it is used.
"""
# The variables are the letters of the formulas: N, O, kH.
# ruff: noqa: E741, N806

import math
from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.floating[Any]]
Integers = npt.NDArray[np.integer[Any]]
Double = npt.NDArray[np.float64]
IntOrPair = int | tuple[int, int]

# IEEE 754 arithmetic: inf - inf is nan and 1 / 0 is inf, without a warning.
ieee754 = np.errstate(all="ignore")


def _pair(value: IntOrPair) -> tuple[int, int]:
    """(vertical, horizontal) from a pair, or from one integer for both."""
    return (value, value) if isinstance(value, int) else value


def _outputs(size: int, kernel: int, stride: int, padding: int, dilation: int = 1, ceil_mode: bool = False) -> int:
    """How many windows fit along an axis of ``size`` pixels.

    A window spans d(k - 1) + 1 pixels of the size + 2p there are.  It can move by the rest, one stride at a time; with
    the place where it starts, that is rest / s + 1 places.  A last part of a stride is lost, or with ``ceil_mode`` gets
    a window that hangs over the edge, if that window starts inside the image or the padding before it.

    Source: Dumoulin & Visin, chapters 2 (convolution), 3 (pooling) and 5 (dilation); ``ceil_mode`` is torch's.
    """
    rest = size + 2 * padding - dilation * (kernel - 1) - 1
    if not ceil_mode:
        return rest // stride + 1
    outputs = math.ceil(rest / stride) + 1
    return outputs - 1 if (outputs - 1) * stride >= size + padding else outputs


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
    (sH, sW), (pH, pW), (dH, dW) = _pair(stride), _pair(padding), _pair(dilation)
    y = np.zeros((N, O, _outputs(H, kH, sH, pH, dH), _outputs(W, kW, sW, pW, dW)))
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
    (sH, sW), (pH, pW), (dH, dW) = _pair(stride), _pair(padding), _pair(dilation)
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


def _source(position: int, size: int, before: int, after: int, mode: str) -> int | None:
    """Which pixel of an axis of ``size`` pixels is shown at ``position`` of the padded axis; None where none is."""
    pixel = position - before
    if mode == "reflect":  # a mirror stands on the first and on the last pixel: ... 2 1 [0 1 2] 1 0 ...
        return min(abs(pixel), 2 * (size - 1) - pixel)
    if mode == "replicate":  # ... 0 0 [0 1 2] 2 2 ...
        return min(max(pixel, 0), size - 1)
    if mode == "circular":  # ... 1 2 [0 1 2] 0 1 ..., where what is cropped away takes no part in the circle
        first, last = max(0, -before), size - max(0, -after)
        return first + (pixel - first) % (last - first)
    return pixel if 0 <= pixel < size else None


def pad(input: Array, pad: tuple[int, int, int, int], mode: str = "constant", value: float = 0.0) -> Double:
    """A frame around each image: every place of the padded image shows one pixel, or ``value``.

        y[n, c, i, j] = x[n, c, source(i), source(j)]        or value, where mode is 'constant' and no pixel is there

    x (N, C, H, W), y (N, C, top + H + bottom, left + W + right), ``pad`` is (left, right, top, bottom) in pixels.
    Negative entries crop.  ``mode`` is 'constant', 'reflect', 'replicate' or 'circular'; see ``_source``.

    Source: zero padding: Goodfellow, section 9.5; the four modes are those of torch.nn.functional.pad.

    >>> import numpy as np
    >>> from reference import definition
    >>> print(definition.pad(np.array([[[[1, 2, 3, 4]]]]), (2, 2, 0, 0), "reflect")[0, 0])
    [[3. 2. 1. 2. 3. 4. 3. 2.]]
    """
    left, right, top, bottom = pad
    N, C, H, W = input.shape
    y = np.full((N, C, top + H + bottom, left + W + right), value, np.float64)
    for n, c, i, j in np.ndindex(y.shape):
        row, column = _source(i, H, top, bottom, mode), _source(j, W, left, right, mode)
        if row is not None and column is not None:
            y[n, c, i, j] = input[n, c, row, column]
    return y


@ieee754
def pad_backward(
    grad_output: Array, input_shape: tuple[int, ...], pad: tuple[int, int, int, int], mode: str = "constant"
) -> Double:
    """dL/dx (``input_shape``) of ``pad`` from g (N, C, top + H + bottom, left + W + right).

    Each place of y is a copy of one pixel, with slope 1.  So a pixel collects g from every place that shows it: one
    place or, in the modes that repeat pixels, several.  A pixel that was cropped away shows nowhere and gets 0; a place
    that shows ``value`` depends on no pixel, and its g goes nowhere.

    >>> import numpy as np
    >>> from reference import definition
    >>> g = np.array([[[[1, 2, 3, 4, 5, 6, 7, 8]]]])  # of 3 2 1 2 3 4 3 2
    >>> print(definition.pad_backward(g, (1, 1, 1, 4), (2, 2, 0, 0), "reflect")[0, 0])  # 3, 2 + 4 + 8, 1 + 5 + 7, 6
    [[ 3. 14. 13.  6.]]
    """
    left, right, top, bottom = pad
    _, _, H, W = input_shape
    grad_x = np.zeros(input_shape)
    for n, c, i, j in np.ndindex(grad_output.shape):
        row, column = _source(i, H, top, bottom, mode), _source(j, W, left, right, mode)
        if row is not None and column is not None:
            grad_x[n, c, row, column] += grad_output[n, c, i, j]
    return grad_x


def relu(input: Array) -> Double:
    """Rectified linear unit, element by element, any shape:  f(x) = max(0, x).

    The code asks only whether x is negative, so -0.0 and NaN come out as they went in.

    Source: Goodfellow, section 6.3.1.

    >>> import numpy as np
    >>> from reference import definition
    >>> print(definition.relu(np.array([-6, -0.5, 0, 0.5, 14])))
    [ 0.   0.   0.   0.5 14. ]
    """
    y = np.zeros(input.shape)
    for index in np.ndindex(y.shape):
        y[index] = 0 if input[index] < 0 else input[index]
    return y


def relu_backward(grad_output: Array, input: Array) -> Double:
    """dL/dx of ``relu``:  g where x > 0, else 0  (all of one shape).

    To the right of 0, f is x and its slope 1; to the left f is constant and its slope 0.  At 0 any slope from 0 to 1
    is a subgradient, and 0 is chosen.  g is passed on or replaced, never multiplied: inf * 0 would be nan.  A NaN is
    not <= 0, so its g passes.

    Source: Goodfellow, section 6.3.1.

    >>> import numpy as np
    >>> from reference import definition
    >>> print(definition.relu_backward(np.array([1, 2, 3, 4, 5]), np.array([-6, -0.5, 0, 0.5, 14])))
    [0. 0. 0. 4. 5.]
    """
    grad_x = np.zeros(input.shape)
    for index in np.ndindex(grad_x.shape):
        grad_x[index] = 0 if input[index] <= 0 else grad_output[index]
    return grad_x


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
    (kH, kW), (sH, sW) = _pair(kernel_size), _pair(kernel_size if stride is None else stride)
    (pH, pW), (dH, dW) = _pair(padding), _pair(dilation)
    N, C, H, W = input.shape
    y = np.zeros((N, C, _outputs(H, kH, sH, pH, dH, ceil_mode), _outputs(W, kW, sW, pW, dW, ceil_mode)))
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
    (kH, kW), (sH, sW), (pH, pW) = _pair(kernel_size), _pair(kernel_size if stride is None else stride), _pair(padding)
    x = input.astype(np.float64)
    N, C, H, W = x.shape
    y = np.zeros((N, C, _outputs(H, kH, sH, pH, 1, ceil_mode), _outputs(W, kW, sW, pW, 1, ceil_mode)))
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
    (kH, kW), (sH, sW), (pH, pW) = _pair(kernel_size), _pair(kernel_size if stride is None else stride), _pair(padding)
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


def flatten(input: Array, start_dim: int = 0, end_dim: int = -1) -> Double:
    """Dimensions ``start_dim`` to ``end_dim``, both included, become one, row by row.

        y[..., (c H + h) W + w, ...] = x[..., c, h, w, ...]

    x of any shape; here three dimensions of sizes C, H, W are merged into one of size C H W.  Going one step along c
    skips a whole plane of H W elements, one step along h a row of W.  A single number counts as a vector of one.

    Source: how LeCun et al. 1998, section II.B, and most networks since pass from feature maps to dense layers.

    >>> import numpy as np
    >>> from reference import definition
    >>> print(definition.flatten(np.array([[[1, 2], [3, 4]], [[5, 6], [7, 8]]])))
    [1. 2. 3. 4. 5. 6. 7. 8.]
    """
    x = np.atleast_1d(input)
    start, end = start_dim % x.ndim, end_dim % x.ndim
    y = np.zeros((*x.shape[:start], math.prod(x.shape[start : end + 1]), *x.shape[end + 1 :]))
    for index in np.ndindex(x.shape):
        position = 0
        for axis in range(start, end + 1):
            position = position * x.shape[axis] + index[axis]
        y[(*index[:start], position, *index[end + 1 :])] = x[index]
    return y


def flatten_backward(grad_output: Array, input_shape: tuple[int, ...]) -> Double:
    """dL/dx (``input_shape``) of ``flatten`` from g of the flattened shape.

    Each element of y is one element of x, with slope 1, and flattening keeps their row-major order.  So element number
    t of x, counted row by row, gets element number t of g.

    >>> import numpy as np
    >>> from reference import definition
    >>> print(definition.flatten_backward(np.array([1, 2, 3, 4]), (2, 2)))
    [[1. 2.]
     [3. 4.]]
    """
    grad_x = np.zeros(input_shape)
    for t, index in enumerate(np.ndindex(input_shape)):
        grad_x[index] = grad_output.flat[t]
    return grad_x


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


@ieee754
def softmax(input: Array) -> Double:
    """Probabilities from scores (logits), row by row:  p[n, c] = exp(x[n, c]) / sum_k exp(x[n, k]).

    x and p (N, C).  Taking the row's maximum from every score multiplies numerator and denominator by the same factor
    and changes nothing, but keeps exp from overflowing.

    Source: Goodfellow, sections 6.2.2.3 (softmax) and 4.1 (the maximum taken off).

    >>> import numpy as np
    >>> from reference import definition
    >>> print(definition.softmax(np.log([[1, 2, 5]])))  # 1/8, 2/8, 5/8
    [[0.125 0.25  0.625]]
    """
    x = input.astype(np.float64)
    p = np.zeros(x.shape)
    for n, c in np.ndindex(x.shape):
        top = max(x[n])
        p[n, c] = math.exp(x[n, c] - top) / sum(math.exp(score - top) for score in x[n])
    return p


@ieee754
def softmax_backward(grad_output: Array, output: Array) -> Double:
    """dL/dx (N, C) of ``softmax`` from g and its output p (N, C).

    Each score moves all probabilities of its row.  Write p_c = e_c / S with e_c = exp(x_c), S = sum_k e_k.  Then
    de_c/dx_k is e_c if k is c, else 0, and dS/dx_k = e_k; by the quotient rule

        dp_c/dx_k = [k = c] e_c / S - e_c e_k / S^2 = p_c ([k = c] - p_k)

    and the chain rule sums over c:  dL/dx_k = sum_c g_c p_c ([k = c] - p_k).

    Source: Goodfellow, section 6.2.2.3.

    >>> import numpy as np
    >>> from reference import definition
    >>> print(definition.softmax_backward(np.array([[1, 0]]), np.array([[0.25, 0.75]])))  # 1/4 (1 - 1/4), -3/4 * 1/4
    [[ 0.1875 -0.1875]]
    """
    g, p = grad_output.astype(np.float64), output.astype(np.float64)
    grad_x = np.zeros(p.shape)
    for n, k in np.ndindex(p.shape):
        for c in range(p.shape[1]):
            grad_x[n, k] += g[n, c] * p[n, c] * ((k == c) - p[n, k])
    return grad_x


@ieee754
def log_softmax(input: Array) -> Double:
    """The logarithm of ``softmax``:  log p[n, c] = x[n, c] - log sum_k exp(x[n, k]);  x and log p (N, C).

    The row's maximum is taken off as in ``softmax``.  A probability too small to write down still has its logarithm.

    Source: Goodfellow, section 6.2.2.3.

    >>> import numpy as np
    >>> from reference import definition
    >>> print(definition.log_softmax(np.array([[0, 0]])))  # log 1/2
    [[-0.69314718 -0.69314718]]
    """
    x = input.astype(np.float64)
    log_p = np.zeros(x.shape)
    for n, c in np.ndindex(x.shape):
        top = max(x[n])
        log_p[n, c] = x[n, c] - top - math.log(sum(math.exp(score - top) for score in x[n]))
    return log_p


@ieee754
def log_softmax_backward(grad_output: Array, output: Array) -> Double:
    """dL/dx (N, C) of ``log_softmax`` from g and its output log p (N, C).

    In log p_c = x_c - log S the first term has slope [k = c] in x_k, the second e_k / S = p_k:

        dL/dx_k = sum_c g_c ([k = c] - p_k)

    Source: Goodfellow, section 6.2.2.3.

    >>> import numpy as np
    >>> from reference import definition
    >>> print(definition.log_softmax_backward(np.array([[1, 0]]), np.log([[0.25, 0.75]])))  # 1 - 1/4, 0 - 3/4
    [[ 0.75 -0.75]]
    """
    g, log_p = grad_output.astype(np.float64), output.astype(np.float64)
    grad_x = np.zeros(log_p.shape)
    for n, k in np.ndindex(log_p.shape):
        for c in range(log_p.shape[1]):
            grad_x[n, k] += g[n, c] * ((k == c) - math.exp(log_p[n, k]))
    return grad_x


@ieee754
def paper_cross_entropy(y_hat: Array, y: Array) -> Double:
    """Cross-entropy as papers write it, from probabilities, averaged over the N rows (result of shape ()).

        L = 1/N sum_n  -sum_c  y[n, c]  log y_hat[n, c]

    ``y_hat`` (N, C) is what the network predicts, ``y`` (N, C) what is true, both rows of probabilities.  It is the
    mean surprise at the truth: infinite if a part of it was held impossible.  0 log 0 is 0, its limit.

    Source: Goodfellow, sections 3.13 (cross-entropy, 0 log 0) and 6.2.1.1 (as a cost function).

    >>> import numpy as np
    >>> from reference import definition
    >>> y_hat, y = np.array([[0.25, 0.5, 0.25]]), np.array([[0, 1, 0]])
    >>> print(definition.paper_cross_entropy(y_hat, y).round(4))  # -log 1/2
    0.6931
    """
    losses = np.zeros(len(y))
    for n, c in np.ndindex(y.shape):
        if not y[n, c] == y_hat[n, c] == 0:
            losses[n] -= y[n, c] * np.log(np.float64(y_hat[n, c]))
    return np.asarray(losses.sum() / len(y))


@ieee754
def paper_cross_entropy_backward(grad_output: Array | float, y_hat: Array, y: Array) -> Double:
    """dL/dy_hat (N, C) of ``paper_cross_entropy`` from g, one number.

    Each y_hat stands in one term alone, -1/N y log y_hat, and the slope of log y_hat is 1 / y_hat:

        dL/dy_hat[n, c] = -g/N  y[n, c] / y_hat[n, c]

    Where y is 0 the term is the constant 0, and so is its slope, at y_hat = 0 too.

    Source: Goodfellow, section 3.13.

    >>> import numpy as np
    >>> from reference import definition
    >>> y_hat, y = np.array([[0.25, 0.5, 0.25]]), np.array([[0, 1, 0]])
    >>> print(definition.paper_cross_entropy_backward(1, y_hat, y))  # -0 / 0.25, -1 / 0.5, -0 / 0.25
    [[-0. -2. -0.]]
    """
    grad_y_hat = np.zeros(y.shape)
    for n, c in np.ndindex(y.shape):
        if not y[n, c] == y_hat[n, c] == 0:
            grad_y_hat[n, c] = -np.float64(grad_output) / len(y) * y[n, c] / y_hat[n, c]
    return grad_y_hat


def _distributions(
    target: npt.NDArray[Any], weight: Double, ignore_index: int, label_smoothing: float
) -> tuple[list[dict[int, float]], np.float64]:
    """For each row what should have been predicted, q as {class: q_c}, and for all rows the divisor of their mean.

    A class that q leaves out has no term in the loss, not even 0 times -inf.
    """
    C, rows, divisor = len(weight), list[dict[int, float]](), np.float64(0)
    for y in target:
        if target.ndim == 2:  # the row's probabilities
            rows.append({c: float(y[c]) for c in range(C)})
            divisor += 1
        elif y == ignore_index:
            rows.append({})
        else:  # its class
            rows.append({y: 1.0})
            divisor += weight[y]
    if label_smoothing:
        rest = label_smoothing / C
        rows = [{c: (1 - label_smoothing) * q.get(c, 0) + rest for c in range(C)} if q else q for q in rows]
    return rows, divisor


@ieee754
def cross_entropy(
    input: Array,
    target: npt.NDArray[Any],
    weight: Array | None = None,
    ignore_index: int = -100,
    reduction: str = "mean",
    label_smoothing: float = 0.0,
) -> Double:
    """Cross-entropy from scores (logits): softmax, logarithm and sum in one.

        loss[n] = -sum_c  w[c]  q[n, c]  log p[n, c],        p = softmax(x)

    x (N, C); ``target`` classes (N,) or probabilities y (N, C); w (C,), 1 if None.  For classes, y is 1 at the target
    and 0 elsewhere.  ``label_smoothing`` e hands a part of it to all classes alike: q = (1 - e) y + e/C.  A row whose
    class is ``ignore_index`` has loss 0.  ``reduction``: 'none' gives the losses (N,), 'sum' their sum, and 'mean'
    divides it by N, or for classes by the sum of w at the targets of the rows not ignored (no such row: 0/0, NaN).

    Source: Goodfellow, sections 6.2.2.3 (loss of a softmax) and 7.5.1 (label smoothing); Szegedy et al., Rethinking the
    Inception architecture (2016), section 7 (label smoothing); w, ``ignore_index`` and the divisor are torch's.

    >>> import numpy as np
    >>> from reference import definition
    >>> x = np.log([[0.25, 0.5, 0.25]])
    >>> print(definition.cross_entropy(x, np.array([1])).round(4))  # -log 1/2
    0.6931
    """
    log_p = log_softmax(input)
    w = np.ones(log_p.shape[1]) if weight is None else weight.astype(np.float64)
    q, divisor = _distributions(target, w, ignore_index, label_smoothing)
    losses = np.zeros(len(q))
    for n in range(len(q)):
        for c in q[n]:
            losses[n] -= w[c] * q[n][c] * log_p[n, c]
    if reduction == "none":
        return losses
    return np.asarray(losses.sum() / divisor if reduction == "mean" else losses.sum())


@ieee754
def cross_entropy_backward(
    grad_output: Array | float,
    input: Array,
    target: npt.NDArray[Any],
    weight: Array | None = None,
    ignore_index: int = -100,
    reduction: str = "mean",
    label_smoothing: float = 0.0,
) -> tuple[Double, Double | None]:
    """dL/dx (N, C) and, for probabilities, dL/dy (N, C), else None; g is (N,) for reduction 'none', else one number.

    Let s be g, divided by the mean's divisor if there is one.  The loss is a sum of s times -w_c q_c log p_c, so

        dL/dlog p_c = -s w_c q_c,       and through the log-softmax, whose slope is [k = c] - p_k,
        dL/dx_k     = sum_c -s w_c q_c ([k = c] - p_k) = s (p_k sum_c w_c q_c  -  w_k q_k)

    Without weights, where the q_c sum to 1, this is s (p_k - q_k): prediction minus truth, p - y.  The paper's loss has
    the slope -y / y_hat, unbounded as y_hat nears 0; the softmax before it multiplies by y_hat and cancels that.  In y
    the loss is linear, with the slope dL/dy_c = -s (1 - e) w_c log p_c.

    Source: Goodfellow, section 6.2.2.3.

    >>> import numpy as np
    >>> from reference import definition
    >>> x = np.log([[0.25, 0.5, 0.25]])
    >>> grad_x, _ = definition.cross_entropy_backward(1, x, np.array([1]))  # p - y
    >>> print(grad_x)
    [[ 0.25 -0.5   0.25]]
    """
    log_p = log_softmax(input)
    w = np.ones(log_p.shape[1]) if weight is None else weight.astype(np.float64)
    q, divisor = _distributions(target, w, ignore_index, label_smoothing)
    s = np.broadcast_to(np.asarray(grad_output, np.float64), len(q)) / (divisor if reduction == "mean" else 1)
    grad_log_p, grad_y = np.zeros(log_p.shape), np.zeros(log_p.shape)
    for n in range(len(q)):
        for c in q[n]:
            grad_log_p[n, c] = -s[n] * w[c] * q[n][c]
            grad_y[n, c] = -s[n] * (1 - label_smoothing) * w[c] * log_p[n, c]
    return log_softmax_backward(grad_log_p, log_p), grad_y if target.ndim == 2 else None


def sgd_step(
    parameter: Array,
    grad: Array,
    velocity: Array | None,
    lr: float = 0.001,
    momentum: float = 0.0,
    dampening: float = 0.0,
    weight_decay: float = 0.0,
    nesterov: bool = False,
    maximize: bool = False,
) -> tuple[Double, Double | None]:
    """One step of gradient descent, any shape:  K_new = K_old - eta dL/dK,  with eta = ``lr``.

    Close to K the loss is a plane, L(K + d) = L(K) + sum d dL/dK.  Of all steps d of one length, the one straight down
    against the gradient lowers it most; eta says how far to trust the plane.  The options, in order, mu = ``momentum``:

        g = dL/dK                                   ``maximize``: -dL/dK, uphill
        g = g + weight_decay K                      the gradient of weight_decay/2 K^2, which keeps weights small
        v = mu v + (1 - dampening) g                the velocity remembers earlier steps; on the first step v = g
        g = v,  with ``nesterov``  g = g + mu v     go with the velocity, or look one step of it ahead
        K = K - eta g

    Returns the new K and the new v.  ``velocity`` is None on the first step; v is None always without momentum.

    Source: Goodfellow, sections 4.3 (gradient descent), 7.1.1 (weight decay), 8.3.1-8.3.3 (SGD, momentum, Nesterov);
    Sutskever, Martens, Dahl & Hinton 2013 (Nesterov); dampening is torch's.

    >>> import numpy as np
    >>> from reference import definition
    >>> K_new, _ = definition.sgd_step(np.array([1, 0, -1]), np.array([1, 2, 3]), None, lr=0.001)
    >>> print(K_new)  # 1 - 0.001 * 1, 0 - 0.001 * 2, -1 - 0.001 * 3
    [ 0.999 -0.002 -1.003]
    """
    K_new = np.zeros(parameter.shape)
    v_new = np.zeros(parameter.shape) if momentum else None
    for index in np.ndindex(parameter.shape):
        K, g = parameter.item(index), grad.item(index)
        if maximize:
            g = -g
        if weight_decay:  # or else 0 * inf would be nan
            g += weight_decay * K
        if v_new is not None:
            v = g if velocity is None else momentum * velocity.item(index) + (1 - dampening) * g
            g = g + momentum * v if nesterov else v
            v_new[index] = v
        K_new[index] = K - lr * g
    return K_new, v_new
