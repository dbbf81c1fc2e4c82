"""Convolution.  Twin: ``torch.nn.Conv2d``.

Formula, for image n, output channel o and output pixel (i, j):

    y[n, o, i, j] = b[o] + sum_{c, m, k} K[o, c, m, k] x[n, c, i s + m d - p, j s + k d - p]

with stride s, dilation d and padding p; a pixel outside the image is 0.  Every output is the sum of the element-wise
products of the kernel and the part of the image under it.  The kernel is not flipped: mathematicians call this
cross-correlation, the field and torch call it convolution.  With ``groups`` G, input and output channels are cut into G
equal parts, and part g of the output sees part g of the input alone.

How it is computed.  For one group, write what the kernel sees at each output pixel as a column, and the kernels as
rows:

    columns[(c, m, k), (i, j, n)] = x[n, c, i s + m d - p, j s + k d - p]

Then all outputs are one matrix product, K @ columns, and both gradients are matrix products too.  A row of ones under
the columns carries the bias along.  The columns repeat each pixel up to kH*kW times; so they are made block by block,
in a buffer that stays in the cache: some output rows at a time, or part of one.  Groups are products side by side.
The columns of a kernel of one pixel would be the image itself, so that is multiplied as it is.

Memory.  Arrays are (N, C, H, W) to the caller.  In memory the batch runs last, (C, H, W, N): then copies into the
columns and additions out of them move long contiguous runs, and the product already has the layout that the next layer
wants.

Source: Goodfellow, Bengio & Courville, Deep Learning (2016), sections 9.1 and 9.5; Dumoulin & Visin, A guide to
convolution arithmetic for deep learning (2016); the columns are Chellapilla, Puri & Simard, High performance
convolutional neural networks for document processing (2006).
"""

import math
from collections.abc import Iterator

import numpy as np

from reference import windows
from reference.arguments import (
    Array,
    IntOrPair,
    check_floats,
    check_output_mask,
    check_rank,
    check_shape,
    ieee754,
    integer,
    pair,
)
from reference.windows import Windows

# The columns are made in blocks of this size: large enough for the matrix product, small enough for the cache.
BLOCK_BYTES = 1536 * 1024
# OpenBLAS has faster code for small products, of at most so many multiplications: large ones are cut along the pixels,
SMALL_PRODUCT = 1_000_000
# if each part still has so many columns, or adds up so many terms; shorter ones would lose what is gained.
LONG_ROW, LONG_SUM = 64, 800
# dL/dx with flipped kernels copies columns of the filters.  Else columns of the channels are added up, which takes
# about twice as long: flipped kernels are faster up to so many times as many filters as channels.
FLIPPED_FILTERS = 2
# The gradients of the columns, of one row of the kernel at a time, are added up in blocks of this size.
ROW_BYTES = 1024 * 1024


def conv2d(
    input: Array,
    weight: Array,
    bias: Array | None = None,
    stride: IntOrPair = 1,
    padding: IntOrPair | str = 0,
    dilation: IntOrPair = 1,
    groups: int = 1,
) -> Array:
    """``input`` (N, C, H, W) under the kernels ``weight`` (O, C/groups, kH, kW), plus ``bias`` (O,): (N, O, oH, oW).

    Also unbatched, (C, H, W) -> (O, oH, oW).  ``stride``, ``padding`` and ``dilation`` are in pixels, one number or a
    pair (height, width); padding 'valid' is none, 'same' keeps the size (stride 1 only).
    Raises TypeError for wrong or mixed dtypes and arguments that are no integers, ValueError for shapes and sizes that
    do not fit.

    >>> import numpy as np
    >>> from reference import conv2d
    >>> image = np.array([[[1.0, 2, 3, 0, 1],
    ...                    [4.0, 5, 6, 1, 0],
    ...                    [7.0, 8, 9, 0, 2],
    ...                    [1.0, 0, 2, 3, 1],
    ...                    [0.0, 1, 1, 2, 3]]])
    >>> edge = np.array([[[[1.0, 0, -1],
    ...                    [1.0, 0, -1],
    ...                    [1.0, 0, -1]]]])
    >>> print(conv2d(image, edge))  # the first one: 1 - 3 + 4 - 6 + 7 - 9 = -6
    [[[-6. 14. 15.]
      [-5.  9. 14.]
      [-4.  4.  6.]]]
    """
    return Convolution(input, weight, bias, stride, padding, dilation, groups).output()


def conv2d_backward(
    grad_output: Array,
    input: Array,
    weight: Array,
    *,
    stride: IntOrPair = 1,
    padding: IntOrPair | str = 0,
    dilation: IntOrPair = 1,
    groups: int = 1,
    output_mask: tuple[bool, bool, bool] = (True, True, True),
) -> tuple[Array | None, Array | None, Array | None]:
    """dL/dx (as ``input``), dL/dK (as ``weight``) and dL/db (O,) from dL/dy ``grad_output`` (N, O, oH, oW).

    ``output_mask`` says which of the three are wanted; the others are None and cost nothing.

    The forward formula is a sum of products K x.  A product moves by x when its K moves by one, and by K when its x
    does; so dL/dK collects g x, and dL/dx collects g K, over every product in which the weight or the pixel takes part.

    A weight takes part once in each output pixel of its channel, a bias likewise with the constant 1 as its x:

        dL/dK[o, c, m, k] = sum_{n, i, j} g[n, o, i, j] x[n, c, i s + m d - p, j s + k d - p]      columns @ g^T
        dL/db[o]          = sum_{n, i, j} g[n, o, i, j]                                          the row of ones @ g^T

    A pixel takes part through tap (m, k) in the one output (i, j) with i s + m d - p = its row and j s + k d - p = its
    column, if there is one.  K^T @ g are the gradients of the columns; a pixel's gradient is the sum over the columns
    that hold a copy of it, which is what ``windows.unslide`` adds up, for one row m of the kernel after another.
    Padding is no pixel: its gradient is cut off.
    With stride 1, pixel and output are as far apart as the tap says, in the other direction: then dL/dx is a
    convolution itself, of g with all kernels flipped (turned by 180 degrees), and is computed so where that is faster.

    Raises as ``conv2d`` does.

    >>> import numpy as np
    >>> from reference import conv2d_backward
    >>> image = np.array([[[1.0, 2, 3], [4, 5, 6], [7, 8, 9]]])
    >>> kernel = np.array([[[[10.0, 20], [30, 40]]]])
    >>> grad_output = np.array([[[0.0, 1], [0, 0]]])  # the loss depends on the output at the top right
    >>> grad_input, grad_weight, grad_bias = conv2d_backward(grad_output, image, kernel)
    >>> print(grad_input)  # the kernel, where it stood
    [[[ 0. 10. 20.]
      [ 0. 30. 40.]
      [ 0.  0.  0.]]]
    >>> print(grad_weight)  # the pixels that it saw
    [[[[2. 3.]
       [5. 6.]]]]
    >>> print(grad_bias)
    [1.]
    """
    return Convolution(input, weight, None, stride, padding, dilation, groups).gradients(grad_output, output_mask)


class Convolution:
    """The arguments of a convolution, checked once, for its output and its gradients.

    input          always with a batch; in memory it runs last
    rows, columns  the windows
    """

    def __init__(
        self,
        input: Array,
        weight: Array,
        bias: Array | None,
        stride: IntOrPair,
        padding: IntOrPair | str,
        dilation: IntOrPair,
        groups: int,
    ) -> None:
        """Takes, and raises, what ``conv2d`` does."""
        check_floats(input=input, weight=weight)
        self.rows, self.columns = _check_fit(input, weight, stride, padding, dilation, groups)
        if bias is not None:
            check_floats(input=input, bias=bias)
            check_shape("bias", bias, weight.shape[:1], "output channels")
        self.batched = input.ndim == 4
        self.input = windows.batch_last(input if self.batched else input[np.newaxis])
        self.weight, self.bias, self.groups = weight, bias, groups

    @ieee754
    def output(self) -> Array:
        """See ``conv2d``."""
        output = _forward(self.input, self.weight, self.bias, self.rows, self.columns, self.groups)
        return output if self.batched else np.asarray(output[0])

    @ieee754
    def gradients(
        self, grad_output: Array, output_mask: tuple[bool, bool, bool]
    ) -> tuple[Array | None, Array | None, Array | None]:
        """See ``conv2d_backward``."""
        check_floats(input=self.input, grad_output=grad_output)
        outputs = (len(self.input), len(self.weight), self.rows.outputs, self.columns.outputs)
        shape = outputs if self.batched else outputs[1:]
        check_shape("grad_output", grad_output, shape, "the output of this convolution")
        check_output_mask(output_mask)
        grads = grad_output.reshape(outputs)
        grad_input, grad_weight, grad_bias = _backward(
            grads, self.input, self.weight, self.rows, self.columns, self.groups, output_mask
        )
        if grad_input is not None and not self.batched:
            grad_input = grad_input[0]
        return grad_input, grad_weight, grad_bias


def _forward(input: Array, weight: Array, bias: Array | None, rows: Windows, columns: Windows, groups: int) -> Array:
    output = np.empty((len(weight), rows.outputs, columns.outputs, len(input)), input.dtype)  # (O, oH, oW, N)
    kernels = weight.reshape(groups, len(weight) // groups, -1)  # (G, O/G, C/G * kH * kW)
    maps = _grouped(output, groups)
    if _is_image(rows, columns):
        _multiply(kernels, _matrices(_grouped(_in_memory(input), groups)), _matrices(maps))
        if bias is not None:
            output += bias[:, np.newaxis, np.newaxis, np.newaxis]
        return output.transpose(3, 0, 1, 2)
    if bias is not None:
        kernels = np.concatenate([kernels, bias.reshape(groups, -1, 1)], axis=2)
    for g, i, j, matrix in _column_blocks(input, groups, rows, columns, ones=bias is not None):
        _multiply(kernels[g], matrix, _matrices(maps[g, :, i, j]))
    return output.transpose(3, 0, 1, 2)


def _backward(
    grad_output: Array,
    input: Array,
    weight: Array,
    rows: Windows,
    columns: Windows,
    groups: int,
    output_mask: tuple[bool, bool, bool],
) -> tuple[Array | None, Array | None, Array | None]:
    want_input, want_weight, want_bias = output_mask
    grads = _in_memory(grad_output)  # (O, oH, oW, N)
    maps = _grouped(grads, groups)
    grad_input = grad_weight = grad_bias = None
    if want_input:
        grad_input = _grad_input(grads, weight, rows, columns, groups)
    if want_weight and _is_image(rows, columns):
        pixels = _matrices(_grouped(_in_memory(input), groups))
        grad_weight = np.matmul(_matrices(maps), pixels.transpose(0, 2, 1)).reshape(weight.shape)
    elif want_weight:
        # (G, C/G * kH * kW + 1, O/G); the last row is the bias.
        collected = np.zeros((groups, weight[0].size + 1, len(weight) // groups), weight.dtype)
        for g, i, j, matrix in _column_blocks(input, groups, rows, columns, ones=True):
            collected[g] += _sum_products(matrix, _matrices(maps[g, :, i, j]))
        grad_weight = np.ascontiguousarray(collected[:, :-1].transpose(0, 2, 1)).reshape(weight.shape)
        grad_bias = collected[:, -1].reshape(-1)
    if want_bias and grad_bias is None:
        grad_bias = grads.reshape(len(grads), -1) @ np.ones(grads[0].size, grads.dtype)
    return grad_input, grad_weight, grad_bias if want_bias else None


def _grad_input(grads: Array, weight: Array, rows: Windows, columns: Windows, groups: int) -> Array:
    """dL/dx (N, C, H, W) from ``grads`` (O, oH, oW, N)."""
    filters, channels, count = len(weight) // groups, weight.shape[1], grads.shape[3]  # of a group; images
    if _by_flipped_kernels(weight, rows, columns, groups):
        # From filters to channels, and the kernels turned by 180 degrees.
        flipped = weight.reshape(groups, filters, *weight.shape[1:]).swapaxes(1, 2)[..., ::-1, ::-1]
        flipped = np.ascontiguousarray(flipped).reshape(groups * channels, filters, *weight.shape[2:])
        return _forward(grads.transpose(3, 0, 1, 2), flipped, None, rows.adjoint, columns.adjoint, groups)
    # By rows of the kernel: (kH, G, C/G * kW, O/G).
    height, width = weight.shape[2:]
    kernels = weight.reshape(groups, filters, channels, height, width).transpose(3, 0, 1, 2, 4)
    kernels = kernels.reshape(height, groups, filters, channels * width).transpose(0, 1, 3, 2)
    maps = _grouped(grads, groups)
    frame = np.zeros((groups * channels, rows.length, columns.length, count), grads.dtype)
    padded = _grouped(frame, groups).transpose(4, 0, 1, 2, 3)  # (N, G, C/G, H + padding, W + padding)
    limit = ROW_BYTES // max(1, channels * width * count * grads.itemsize)
    for g, i, j in windows.blocks(groups, rows.outputs, columns.outputs, limit):
        block = maps[g, :, i, j]
        pixels = _matrices(block)
        grad_columns = np.empty((len(block), channels * width, pixels.shape[2]), grads.dtype)
        seen = grad_columns.reshape(len(block), channels, 1, width, *block.shape[2:]).transpose(6, 0, 1, 2, 3, 4, 5)
        for m in reversed(range(height)):
            _multiply(kernels[m, g], pixels, grad_columns)
            windows.unslide(seen, padded[:, g], rows.taps[m : m + 1], columns.taps, i, j)
    return frame.transpose(3, 0, 1, 2)[..., rows.inside, columns.inside]


def _is_image(rows: Windows, columns: Windows) -> bool:
    """Whether the columns are the image itself, unchanged: a kernel of one pixel that sees each pixel once."""
    return all((w.kernel, w.stride, w.before, w.after) == (1, 1, 0, 0) for w in (rows, columns))


def _by_flipped_kernels(weight: Array, rows: Windows, columns: Windows, groups: int) -> bool:
    """Whether to compute dL/dx with flipped kernels: where they fit, and take no more work than K^T @ g and its sums.

    The zeros of their padding are multiplied by weights, which gives 0 only if the weights are finite.
    """
    same = all(w.stride == 1 and w.size <= w.outputs and max(w.before, w.after) < w.span for w in (rows, columns))
    few = len(weight) // groups <= FLIPPED_FILTERS * weight.shape[1]
    return same and few and bool(np.isfinite(weight).all())


def _multiply(kernels: Array, columns: Array, output: Array) -> None:
    """``output`` = ``kernels`` @ ``columns`` for each group: (G, M, L) = (G, M, K) @ (G, K, L)."""
    if kernels.shape[2] == 1:
        np.multiply(kernels, columns, out=output)  # the product of a column and a row, and faster so
        return
    length = _part_length(columns.shape[2], kernels[0].size, LONG_ROW)
    np.matmul(kernels[:, np.newaxis], _parts(columns, length), out=_parts(output, length))


def _sum_products(columns: Array, grads: Array) -> Array:
    """``columns`` @ ``grads``^T for each group: (G, K, L), (G, M, L) -> (G, K, M)."""
    length = _part_length(columns.shape[2], columns.shape[1] * grads.shape[1], LONG_SUM)
    products = _parts(columns, length) @ _parts(grads, length).transpose(0, 1, 3, 2)
    return products[:, 0] if products.shape[1] == 1 else products.sum(1)


def _part_length(length: int, each: int, least: int) -> int:
    """How long to make the equal parts of ``length`` columns with ``each`` multiplications: at ``least`` so, or all."""
    for parts in range(max(1, -(-length * each // SMALL_PRODUCT)), length // least + 1):
        if length % parts == 0:
            return length // parts
    return max(1, length)


def _parts(matrices: Array, length: int) -> Array:
    """``matrices`` (G, rows, columns), cut along the columns: a view (G, parts, rows, ``length``)."""
    groups, rows, columns = matrices.shape
    return matrices.reshape(groups, rows, columns // length, length, copy=False).transpose(0, 2, 1, 3)


def _column_blocks(
    input: Array, groups: int, rows: Windows, columns: Windows, ones: bool
) -> Iterator[tuple[slice, slice, slice, Array]]:
    """The columns of the images ``input`` (N, C, H, W), block by block: groups, output rows, output columns, matrices.

    These are (groups of the block, C/G * kH * kW, pixels and images), with a row of ones below each if ``ones``, and
    valid until the next block is asked for, since the blocks share one buffer.
    """
    count, channels, _, _ = input.shape
    frame = _in_memory(windows.padded(input, rows, columns))
    seen = _grouped(windows.slide(frame, rows, columns), groups)  # (G, C/G, kH, kW, oH, oW, N), a view
    taps = channels // groups * rows.kernel * columns.kernel
    limit = BLOCK_BYTES // ((taps + ones) * frame.itemsize)
    shape: tuple[int, ...] = ()
    for g, i, j in windows.blocks(groups, rows.outputs, columns.outputs, limit // max(1, count)):
        block = seen[g, :, :, :, i, j]
        if block.shape != shape:
            shape = block.shape
            matrix = np.empty((len(block), taps + ones, math.prod(shape[4:])), frame.dtype)
            matrix[:, taps:] = 1
            copies = matrix[:, :taps].reshape(shape, copy=False)
        copies[...] = block
        yield g, i, j, matrix


def _in_memory(image: Array) -> Array:
    """``image`` (N, C, H, W) as (C, H, W, N), contiguous."""
    return windows.batch_last(image).transpose(1, 2, 3, 0)


def _grouped(images: Array, groups: int) -> Array:
    """``images`` (C, ...) as (G, C/G, ...): a view."""
    return images.reshape(groups, len(images) // groups, *images.shape[1:], copy=False)


def _matrices(block: Array) -> Array:
    """A block (G, C/G, H, W, N) as matrices (G, C/G, pixels and images): a view."""
    groups, channels, height, width, count = block.shape
    return block.reshape(groups, channels, height * width * count, copy=False)


def _check_fit(
    input: Array, weight: Array, stride: object, padding: object, dilation: object, groups: object
) -> tuple[Windows, Windows]:
    """The windows over rows and columns; TypeError or ValueError names what does not fit."""
    check_rank("input", input, (3, 4), "(C, H, W) or (N, C, H, W)")
    check_rank("weight", weight, (4,), "(O, C/groups, kH, kW)")
    if 0 in weight.shape:
        raise ValueError(f"weight must have no empty dimension, got shape {weight.shape}")
    if 0 in input.shape[-3:]:
        raise ValueError(f"input must have at least 1 channel, row and column, got shape {input.shape}")
    parts = integer("groups", groups)
    if parts < 1 or len(weight) % parts:
        raise ValueError(f"groups must divide the {len(weight)} output channels of weight, got {parts}")
    if input.shape[-3] != weight.shape[1] * parts:
        raise ValueError(
            f"input must have {weight.shape[1]} * {parts} channels (weight {weight.shape}, groups {parts}), "
            f"got shape {input.shape}"
        )
    strides, dilations = pair("stride", stride, 1), pair("dilation", dilation, 1)
    if padding == "same":
        if strides != (1, 1):
            raise ValueError(f"stride must be 1 where padding is 'same', got {stride!r}")
        paddings = [windows.same_padding(k, d) for k, d in zip(weight.shape[2:], dilations, strict=True)]
    elif isinstance(padding, str) and padding != "valid":
        raise ValueError(f"padding must be an integer, a pair, 'same' or 'valid', got {padding!r}")
    else:
        paddings = [(p, p) for p in pair("padding", 0 if padding == "valid" else padding, 0)]
    rows, columns = (
        windows.conv_windows(size, kernel, s, p, d)
        for size, kernel, s, p, d in zip(input.shape[-2:], weight.shape[2:], strides, paddings, dilations, strict=True)
    )
    if rows.outputs < 1 or columns.outputs < 1:
        raise ValueError(
            f"weight must fit into the padded input: its kernel spans {rows.span} x {columns.span} pixels, that has "
            f"{sum((rows.before, rows.size, rows.after))} x {sum((columns.before, columns.size, columns.after))}"
        )
    return rows, columns
