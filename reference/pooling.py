"""Max and average pooling.  Twins: ``torch.nn.MaxPool2d`` and ``torch.nn.AvgPool2d``.

Formulas, for each channel of each image and the window of output pixel (i, j), with kernel kH x kW, stride s (by
default the kernel, so that windows touch), padding p and dilation d (max pooling only):

    max pooling      y[i, j] = max_{m, k} x[i s + m d - p, j s + k d - p]            padding never wins
    average pooling  y[i, j] = (1/D) sum_{m, k} x[i s + m - p, j s + k - p]          padding counts as 0

The image shrinks and keeps, of each region, the strongest response or the mean one.  D is kH * kW, with three
exceptions: a window that hangs over the padded edge (``ceil_mode``) is clipped to it first; without
``count_include_pad`` only pixels of the image count; ``divisor_override`` replaces D.

Source: Goodfellow, Bengio & Courville, Deep Learning (2016), section 9.3; Dumoulin & Visin, A guide to convolution
arithmetic for deep learning (2016), chapter 3.
"""

import itertools
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal, overload

import numpy as np

from reference import windows
from reference.arguments import (
    BUFFER_SIZE,
    Array,
    IntArray,
    IntOrPair,
    array_shape,
    boolean,
    check_floats,
    check_rank,
    check_shape,
    ieee754,
    integer,
    pair,
)
from reference.select import bits, select
from reference.windows import Windows

# Max pooling goes over its input as often as there are taps, and does so with this much of it at a time.
BLOCK_BYTES = 1536 * 1024


@overload
def max_pool2d(
    input: Array,
    kernel_size: IntOrPair,
    stride: IntOrPair | None = None,
    padding: IntOrPair = 0,
    dilation: IntOrPair = 1,
    ceil_mode: bool = False,
    return_indices: Literal[False] = False,
) -> Array: ...
@overload
def max_pool2d(
    input: Array,
    kernel_size: IntOrPair,
    stride: IntOrPair | None = None,
    padding: IntOrPair = 0,
    dilation: IntOrPair = 1,
    ceil_mode: bool = False,
    *,
    return_indices: Literal[True],
) -> tuple[Array, IntArray]: ...
def max_pool2d(
    input: Array,
    kernel_size: IntOrPair,
    stride: IntOrPair | None = None,
    padding: IntOrPair = 0,
    dilation: IntOrPair = 1,
    ceil_mode: bool = False,
    return_indices: bool = False,
) -> Array | tuple[Array, IntArray]:
    """The maximum of each window of ``input`` (N, C, H, W) or (C, H, W): (N, C, oH, oW) or (C, oH, oW).

    With ``return_indices`` also where it stood: positions (int64) in the image's H * W pixels.  Of equal maxima the
    first in row-major order wins; a window with NaN gives NaN, at its last NaN.
    Raises TypeError for wrong dtypes and arguments, ValueError for windows that do not fit, padding above half the
    kernel, and a dilated window that sees nothing but padding.

    The largest of each 2 x 2 region; the first one is 6:

    >>> import numpy as np
    >>> from reference import max_pool2d
    >>> x = np.array([[[1.0, 3, 2, 1], [4, 6, 5, 0], [7, 2, 8, 3], [1, 0, 4, 9]]])
    >>> print(max_pool2d(x, 2))
    [[[6. 5.]
      [7. 9.]]]
    >>> print(max_pool2d(x, 2, return_indices=True)[1])  # where they stand, row by row
    [[[ 5  6]
      [ 8 15]]]
    """
    output, maxima = find_maxima(input, kernel_size, stride, padding, dilation, ceil_mode)
    return (output, maxima.indices()) if return_indices else output


def max_pool2d_backward(grad_output: Array, indices: IntArray, input_shape: tuple[int, ...]) -> Array:
    """dL/dx (``input_shape``) from dL/dy ``grad_output`` and the ``indices`` of the maxima.

    Both are (N, C, oH, oW) or (C, oH, oW).

    Moving the maximum by a little moves the output as much; moving any other pixel does nothing.  So the whole gradient
    goes to the maximum, and a pixel that is the maximum of several windows gets the sum of theirs.  (Of tied pixels
    each would be a fair choice; the first takes all, as in torch.)
    Raises TypeError for wrong dtypes, ValueError for shapes that differ or indices outside the image.

    Row by row, the image's pixels have the numbers 0 to 7; number 5 and number 3 were the maxima of two windows:

    >>> import numpy as np
    >>> from reference import max_pool2d_backward
    >>> print(max_pool2d_backward(np.array([[[10.0, 20.0]]]), np.array([[[5, 3]]]), (1, 2, 4)))
    [[[ 0.  0.  0. 20.]
      [ 0. 10.  0.  0.]]]
    """
    check_floats(grad_output=grad_output)
    check_rank("grad_output", grad_output, (3, 4), "(C, oH, oW) or (N, C, oH, oW)")
    if not isinstance(indices, np.ndarray) or indices.dtype != np.int64:
        raise TypeError(f"indices must be an int64 array, got {getattr(indices, 'dtype', type(indices).__name__)}")
    check_shape("indices", indices, grad_output.shape, "as grad_output")
    input_shape = array_shape("input_shape", input_shape)
    if len(input_shape) != grad_output.ndim or input_shape[:-2] != grad_output.shape[:-2]:
        raise ValueError(f"input_shape must be {grad_output.shape[:-2]} + (H, W), got {input_shape}")
    pixels = input_shape[-2] * input_shape[-1]
    if not indices.size:
        return np.zeros_like(grad_output, shape=input_shape)
    if not 0 <= indices.min() <= indices.max() < pixels:
        raise ValueError(f"indices must lie between 0 and {pixels - 1}, got {indices.min()} to {indices.max()}")
    return _maxima_at(indices, input_shape).gradient(grad_output)


@dataclass(frozen=True)
class Maxima:
    """Where the maxima stand: ``tap`` (..., oH, oW) is m * kW + k, in the windows over ``rows`` and ``columns``."""

    rows: Windows
    columns: Windows
    tap: IntArray

    def indices(self) -> IntArray:
        """The positions (..., oH, oW) of the maxima in the image's H * W pixels, int64."""
        rows, columns = self.rows, self.columns
        first = np.add.outer(
            (np.arange(rows.outputs) * rows.stride - rows.before) * columns.size,
            np.arange(columns.outputs) * columns.stride - columns.before,
        )  # of tap 0 of each window, (oH, oW)
        further = np.add.outer(
            np.arange(rows.kernel) * rows.dilation * columns.size, np.arange(columns.kernel) * columns.dilation
        )  # of each tap from there, (kH, kW)
        return first + further.ravel()[self.tap]

    @ieee754
    def gradient(self, grad_output: Array) -> Array:
        """See ``max_pool2d_backward``: tap by tap, ``grad_output`` goes to the pixel that the tap sees, if it won."""
        check_floats(grad_output=grad_output)
        check_shape("grad_output", grad_output, self.tap.shape, "the output of this pooling")
        np.setbufsize(BUFFER_SIZE)
        rows, columns = self.rows, self.columns
        overlap = rows.stride < rows.span or columns.stride < columns.span
        # Where each pixel belongs to one window, all are written; else some get several gradients, or none.
        tiles = not overlap and all(w.kernel * w.outputs == w.length for w in (rows, columns))
        grad_input = np.empty_like(grad_output, shape=(*grad_output.shape[:-2], rows.size, columns.size))
        for c in _channel_blocks(grad_input):
            block, tap = grad_input[..., c, :, :], self.tap[..., c, :, :]
            grads = grad_output[..., c, :, :] + 0  # -0.0 arrives as +0.0, as in any sum that starts with +0
            frame = windows.empty_frame(block, rows, columns)
            if frame is block and not tiles:
                block[...] = 0
            # From the last tap to the first, a pixel meets its windows in row-major order, as in `windows.unslide`.
            for t, pixels in reversed(list(_taps(frame, rows, columns))):
                if overlap:
                    pixels += select(tap == t, grads)
                else:
                    select(tap == t, grads, out=pixels)
            windows.unframe(frame, block, rows, columns)
        return grad_input


@ieee754
def find_maxima(
    input: Array,
    kernel_size: IntOrPair,
    stride: IntOrPair | None,
    padding: IntOrPair,
    dilation: IntOrPair,
    ceil_mode: bool,
) -> tuple[Array, Maxima]:
    """The output of ``max_pool2d``, and what its gradient needs.  Takes, and raises, what that does."""
    rows, columns = _check_fit(input, kernel_size, stride, padding, dilation, ceil_mode)
    if _sees_only_padding(rows) or _sees_only_padding(columns):
        raise ValueError(
            f"padding {padding!r} with dilation {dilation!r} leaves a window of {kernel_size!r} taps that sees no "
            f"pixel of the input {input.shape}: every window must see at least one"
        )
    output = np.empty_like(input, shape=(*input.shape[:-2], rows.outputs, columns.outputs))
    # Where all pixels are -inf, as the padding is, the first of them is the maximum.
    tap: IntArray = np.zeros_like(output, np.min_scalar_type(rows.kernel * columns.kernel))
    if rows.before or columns.before:
        tap += np.add.outer(_first_pixel(rows) * columns.kernel, _first_pixel(columns)).astype(tap.dtype)
    minus_zero = False
    for c in _channel_blocks(input):
        _maximum(input[..., c, :, :], rows, columns, output[..., c, :, :], tap[..., c, :, :])
        minus_zero |= _holds_minus_zero(input[..., c, :, :])
    if minus_zero:
        # Of 0.0 and -0.0, which are equal, the first must stay, but `np.maximum` may give either.
        *others, i, j = zero = np.nonzero(output == 0)
        m, k = np.divmod(tap[zero], columns.kernel)
        row = i * rows.stride - rows.before + m * rows.dilation
        column = j * columns.stride - columns.before + k * columns.dilation
        output[zero] = input[(*others, row, column)]
    return output, Maxima(rows, columns, tap)


def _maximum(input: Array, rows: Windows, columns: Windows, output: Array, tap: IntArray) -> None:
    """y = max over the taps of what each sees in ``input`` (..., H, W): into ``output`` and ``tap`` (..., oH, oW)."""
    frame = windows.framed(input, rows, columns, fill=-np.inf)  # which beats no pixel
    taps = _taps(frame, rows, columns)
    _, output[...] = next(taps)
    for t, seen in taps:
        # Strictly greater: the first of equal values stays.
        greater = (seen > output).view(np.uint8)
        np.maximum(output, seen, out=output)
        # Taps come in rising order, so the last that was greater is the highest.
        np.maximum(tap, greater * tap.dtype.type(t), out=tap)
    if np.isnan(output.max(initial=-np.inf)):
        for t, seen in _taps(frame, rows, columns):
            tap[seen != seen] = t  # NaN equals nothing, itself included: the last one stays


def _maxima_at(indices: IntArray, input_shape: tuple[int, ...]) -> Maxima:
    """The maxima at ``indices`` (..., oH, oW), at least one, of an input of ``input_shape`` (..., H, W).

    Indices do not tell the windows that they were found in, nor does the gradient need these: any will do that hold
    all the maxima, and whose outputs follow one another as the indices' places do.
    """
    row, column = np.divmod(indices, input_shape[-1])
    rows = _windows_around(row.swapaxes(-1, -2), input_shape[-2])
    columns = _windows_around(column, input_shape[-1])
    m = row - np.arange(rows.outputs)[:, np.newaxis] * rows.stride + rows.before
    k = column - np.arange(columns.outputs) * columns.stride + columns.before
    return Maxima(rows, columns, m * columns.kernel + k)


def _windows_around(positions: IntArray, size: int) -> Windows:
    """Windows along an axis of ``size`` pixels; window i sees all the ``positions`` [..., i]."""
    outputs = positions.shape[-1]
    every_other_axis = tuple(range(positions.ndim - 1))
    lowest, highest = positions.min(every_other_axis), positions.max(every_other_axis)
    # The stride with which the smallest kernel will do; (strides, outputs) are tried at once.
    strides = np.arange(1, size // max(1, outputs - 1) + 2)[:, np.newaxis]
    starts = np.arange(outputs) * strides
    first, last = (lowest - starts).min(1), (highest - starts).max(1)  # taps, counted from where a window starts
    best = (last - first).argmin()
    stride, before = int(strides[best, 0]), max(0, -int(first[best]))
    kernel = int(last[best]) + before + 1
    after = max(0, (outputs - 1) * stride + kernel - before - size)
    return Windows(size, kernel, stride, before, after, 1, outputs)


@ieee754
def avg_pool2d(
    input: Array,
    kernel_size: IntOrPair,
    stride: IntOrPair | None = None,
    padding: IntOrPair = 0,
    ceil_mode: bool = False,
    count_include_pad: bool = True,
    divisor_override: int | None = None,
) -> Array:
    """The mean of each window of ``input`` (N, C, H, W) or (C, H, W): (N, C, oH, oW) or (C, oH, oW).

    Raises TypeError for wrong dtypes and arguments, ValueError for windows that do not fit, padding above half the
    kernel and a divisor of 0.

    >>> import numpy as np
    >>> from reference import avg_pool2d
    >>> x = np.array([[[1.0, 3, 2, 0], [4, 6, 5, 1]]])
    >>> print(avg_pool2d(x, 2))  # (1 + 3 + 4 + 6) / 4 and (2 + 0 + 5 + 1) / 4
    [[[3.5 2. ]]]
    """
    rows, columns = _check_fit(input, kernel_size, stride, padding, 1, ceil_mode)
    divisor = _divisor(rows, columns, count_include_pad, divisor_override, input.dtype)
    # From +0, in row-major order, then one division: torch's order, so the rounding is torch's too.
    total = np.zeros_like(input, shape=(*input.shape[:-2], rows.outputs, columns.outputs))
    np.setbufsize(BUFFER_SIZE)
    for c in _channel_blocks(input):
        part = total[..., c, :, :]
        for _, seen in _taps(windows.framed(input[..., c, :, :], rows, columns), rows, columns):
            part += seen
        part /= divisor
        part += 0  # torch adds the quotient to +0, so a mean is never -0.0
    return total


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
) -> Array:
    """dL/dx (``input_shape``) from dL/dy ``grad_output`` (N, C, oH, oW) or (C, oH, oW).

    Each pixel of a window moves the mean by 1/D, so each window hands grad/D to all its pixels, and a pixel of several
    windows gets the sum.
    Raises as ``avg_pool2d`` does, and ValueError where ``grad_output`` has another shape than its output.

    Two windows of 1 x 2, one pixel apart, share the pixel in the middle:

    >>> import numpy as np
    >>> from reference import avg_pool2d_backward
    >>> print(avg_pool2d_backward(np.array([[[2.0, 20.0]]]), (1, 1, 3), (1, 2), stride=1))
    [[[ 1. 11. 10.]]]
    """
    check_floats(grad_output=grad_output)
    input_shape = array_shape("input_shape", input_shape)
    # A view of one number stands for the input, of which only the shape is known.
    input = np.broadcast_to(grad_output.dtype.type(0), input_shape)
    rows, columns = _check_fit(input, kernel_size, stride, padding, 1, ceil_mode)
    shape = (*input_shape[:-2], rows.outputs, columns.outputs)
    check_shape("grad_output", grad_output, shape, "the output of this pooling")
    divisor = _divisor(rows, columns, count_include_pad, divisor_override, grad_output.dtype)
    grad_input = np.zeros_like(grad_output, shape=input_shape)
    np.setbufsize(BUFFER_SIZE)
    for c in _channel_blocks(grad_input):
        block = grad_input[..., c, :, :]
        share = grad_output[..., c, :, :] / divisor
        frame = windows.empty_frame(block, rows, columns)
        # Every tap of a window gets the same share, in the order of `windows.unslide`.
        for _, pixels in reversed(list(_taps(frame, rows, columns))):
            pixels += share
        windows.unframe(frame, block, rows, columns)
    return grad_input


def _taps(frame: Array, rows: Windows, columns: Windows) -> Iterator[tuple[int, Array]]:
    """For each tap t = m * kW + k of all windows, the pixels of ``frame`` that it sees: a view (..., oH, oW)."""
    pairs = itertools.product(rows.taps, columns.frame_taps)
    return enumerate(frame[..., down, across] for down, across in pairs)


def _channel_blocks(frame: Array) -> Iterator[slice]:
    """Slices of the channels of ``frame`` (..., C, H, W), so few at a time that all steps find them in the cache."""
    channels = frame.shape[-3]
    together = max(1, BLOCK_BYTES // max(1, frame.nbytes // channels))
    for first in range(0, channels, together):
        yield slice(first, first + together)


def _holds_minus_zero(image: Array) -> bool:
    """Whether any number is -0.0: of all numbers, its bits are the lowest integer."""
    return bool(bits(image).min(initial=0) == -(2 ** (8 * image.itemsize - 1)))


def _first_pixel(axis: Windows) -> IntArray:
    """For each window along this axis the first tap that sees a pixel of the image, and no padding."""
    return np.maximum(0, -(-(axis.before - np.arange(axis.outputs) * axis.stride) // axis.dilation))


def _divisor(
    rows: Windows, columns: Windows, count_include_pad: bool, divisor_override: int | None, dtype: np.dtype[Any]
) -> Array:
    """What each window's sum is divided by: (oH, oW), or (1, 1) where it is the same for all."""
    boolean("count_include_pad", count_include_pad)
    if divisor_override is not None:
        if integer("divisor_override", divisor_override) == 0:
            raise ValueError("divisor_override must not be 0, got 0")
        return np.full((1, 1), divisor_override, dtype)
    counts = []
    for axis in (rows, columns):
        first = np.arange(axis.outputs) * axis.stride - axis.before
        # `before` pixels of padding stand on both sides; what `after` has beyond that is overhang and never counts.
        last = np.minimum(first + axis.kernel, axis.size + axis.before)
        if not count_include_pad:
            first, last = np.maximum(first, 0), np.minimum(last, axis.size)
        counts.append(last - first)
    return np.multiply.outer(*counts).astype(dtype)


def _sees_only_padding(axis: Windows) -> bool:
    """Whether a window along this axis sees nothing but padding: if any does, the first one (padding is small)."""
    first = -(-axis.before // axis.dilation)  # its first tap that is not in the padding before the image
    return first * axis.dilation - axis.before >= axis.size


def _check_fit(
    input: Array, kernel_size: object, stride: object, padding: object, dilation: object, ceil_mode: object
) -> tuple[Windows, Windows]:
    """The windows over rows and columns; TypeError or ValueError names what does not fit."""
    check_floats(input=input)
    check_rank("input", input, (3, 4), "(C, H, W) or (N, C, H, W)")
    if 0 in input.shape[-3:]:
        raise ValueError(f"input must have at least 1 channel, row and column, got shape {input.shape}")
    kernels = pair("kernel_size", kernel_size, 1)
    absent = stride is None or (isinstance(stride, tuple | list) and not stride)
    strides = kernels if absent else pair("stride", stride, 1)
    paddings, dilations = pair("padding", padding, 0), pair("dilation", dilation, 1)
    overhang = boolean("ceil_mode", ceil_mode)
    if max(*kernels, *strides, *dilations) >= 2**31:  # torch counts pixels of a plane in 32 bits
        got = f"got {kernel_size!r}, {stride!r} and {dilation!r}"
        raise ValueError(f"kernel_size, stride and dilation must fit into 32 bits, {got}")
    for p, k in zip(paddings, kernels, strict=True):
        if p > k // 2:
            raise ValueError(f"padding must be at most half the kernel {kernel_size!r}, got {padding!r}")
    rows, columns = (
        windows.pool_windows(size, k, s, p, d, overhang)
        for size, k, s, p, d in zip(input.shape[-2:], kernels, strides, paddings, dilations, strict=True)
    )
    if rows.outputs < 1 or columns.outputs < 1:
        raise ValueError(
            f"kernel_size must fit into the padded input: it spans {rows.span} x {columns.span} pixels, the input has "
            f"{rows.size + 2 * rows.before} x {columns.size + 2 * columns.before}"
        )
    return rows, columns
