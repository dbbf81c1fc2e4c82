"""Convolution.  Twin: ``torch.nn.Conv2d``.

Formula, for image n, output channel o and output pixel (i, j):

    y[n, o, i, j] = b[o] + sum_{c, m, k} K[o, c, m, k] x[n, c, i s + m d - p, j s + k d - p]

with stride s, dilation d and padding p; a pixel outside the image is 0.  Every output is the sum of the element-wise
products of the kernel and the part of the image under it.  The kernel is not flipped: mathematicians call this
cross-correlation, the field and torch call it convolution.  With ``groups`` G, input and output channels are cut into G
equal parts, and part g of the output sees part g of the input alone.

How it is computed.  Write what the kernels see at each output pixel as a column, and each kernel as a row.  For one
group, and the L = oH oW N output pixels of all images:

    columns[(m, c, k), (i, j, n)] = x[n, c, i s + m d - p, j s + k d - p]           (kH C kW, L)      "im2col"

Then the output, and the gradients from g = dL/dy, are matrix products:

    y            = K @ columns                          (O, L)       = (O, kH C kW) @ (kH C kW, L)
    dL/dK        = g @ columns^T                        (O, kH C kW) = (O, L) @ (L, kH C kW)
    dL/dcolumns  = K^T @ g                              (kH C kW, L) = (kH C kW, O) @ (O, L)
    dL/dx        = dL/dcolumns, added to the pixels that the columns are copies of                    "col2im"

Columns of one row.  The columns hold each pixel up to kH kW times.  But output row i sees through row m of the kernel
what row i + 1 sees through row m - 1: the same row of the image.  So only kW copies of each image row are made, as one
matrix (C kW, oW N), a line; and the columns of an output row are kH neighbouring lines: a view, no copy.  A row of ones
below each line carries the bias along.  Lines are made block by block, padding included, in a buffer that stays in the
cache.  Groups are products side by side.  A kernel of one pixel would copy the image unchanged: it multiplies that.

Memory.  Arrays are (N, C, H, W) to the caller.  In memory the batch runs last, (C, H, W, N): then copies into the
columns and additions out of them move long contiguous runs, and the product already has the layout that the next layer
wants.

Source: Goodfellow, Bengio & Courville, Deep Learning (2016), sections 9.1 and 9.5; Dumoulin & Visin, A guide to
convolution arithmetic for deep learning (2016); the columns are Chellapilla, Puri & Simard, High performance
convolutional neural networks for document processing (2006), those of one row Cho & Brand, MEC:
memory-efficient convolution for deep neural network (2017).
"""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from reference import products, windows
from reference.arguments import (
    BUFFER_SIZE,
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
from reference.windows import EVERY, Windows

Block = tuple[slice, slice, slice]  # of the outputs: groups, rows, pixels of a row
WHOLE: Block = EVERY, EVERY, EVERY


class Geometry(NamedTuple):
    """How the kernels move: ``down`` the rows and ``across`` a row.  And the ``groups`` of channels."""

    down: Windows
    across: Windows
    groups: int


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

        dL/dK[o, c, m, k] = sum_{n, i, j} g[n, o, i, j] x[n, c, i s + m d - p, j s + k d - p]      g @ columns^T
        dL/db[o]          = sum_{n, i, j} g[n, o, i, j]

    A pixel takes part through tap (m, k) in the one output (i, j) with i s + m d - p = its row and j s + k d - p = its
    column, if there is one.  K^T @ g are the gradients of the columns; a pixel's gradient is the sum over the columns
    that hold a copy of it: col2im.  Padding is no pixel: its gradient is cut off.
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

    input  always with a batch; in memory it runs last
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
        self.geometry = _check_fit(input, weight, stride, padding, dilation, groups)
        if bias is not None:
            check_floats(input=input, bias=bias)
            check_shape("bias", bias, weight.shape[:1], "output channels")
        self.batched = input.ndim == 4
        self.input = windows.batch_last(input if self.batched else input[np.newaxis])
        self.weight, self.bias = weight, bias

    @ieee754
    def output(self) -> Array:
        """See ``conv2d``."""
        output = _output(self.input, self.weight, self.bias, self.geometry)
        return output if self.batched else np.asarray(output[0])

    @ieee754
    def gradients(
        self, grad_output: Array, output_mask: tuple[bool, bool, bool]
    ) -> tuple[Array | None, Array | None, Array | None]:
        """See ``conv2d_backward``."""
        check_floats(input=self.input, grad_output=grad_output)
        down, across, _ = self.geometry
        outputs = (len(self.input), len(self.weight), down.outputs, across.outputs)
        shape = outputs if self.batched else outputs[1:]
        check_shape("grad_output", grad_output, shape, "the output of this convolution")
        check_output_mask(output_mask)
        want_input, want_weight, want_bias = output_mask
        grads = _in_memory(grad_output.reshape(outputs))
        grad_input = grad_weight = grad_bias = None
        if want_input:
            grad_input = _grad_input(grads, self.weight, self.geometry)
            grad_input = grad_input if self.batched else grad_input[0]
        if want_weight:
            grad_weight, grad_bias = _grad_weight(grads, self.input, self.weight.shape, self.geometry)
        if want_bias and grad_bias is None:
            grad_bias = grads.reshape(len(grads), -1) @ np.ones(grads[0].size, grads.dtype)
        return grad_input, grad_weight, grad_bias if want_bias else None


def _output(input: Array, weight: Array, bias: Array | None, geometry: Geometry) -> Array:
    """y = K @ columns: (N, O, oH, oW) from ``input`` (N, C, H, W)."""
    down, across, groups = geometry
    output = np.empty((len(weight), down.outputs, across.outputs, len(input)), input.dtype)  # (O, oH, oW, N)
    image = _is_image(geometry)
    kernels = _as_rows(weight, None if image else bias, groups)  # (G, O/G, kH * C/G * kW)
    length = products.columns_together(kernels, len(input), across.outputs)
    for block, columns in _im2col(_in_memory(input), geometry, length, ones=bias is not None):
        products.multiply(kernels[block[0]], columns, out=_matrices(output, groups, block, columns.shape[4]))
    if image and bias is not None:
        output += bias[:, np.newaxis, np.newaxis, np.newaxis]
    return output.transpose(3, 0, 1, 2)


def _grad_weight(grads: Array, input: Array, shape: tuple[int, ...], geometry: Geometry) -> tuple[Array, Array | None]:
    """dL/dK = g @ columns^T, of ``shape`` (O, C/G, kH, kW), from g ``grads`` (O, oH, oW, N) and ``input`` (N, C, H, W).

    And dL/db, (O,), from the row of ones; None where there are no columns to carry it.
    """
    filters, channels, height, width = shape
    groups, ones = geometry.groups, not _is_image(geometry)
    # Transposed: columns @ g^T, (G, kH, C/G * kW + 1, O/G).
    total = np.zeros((groups, height, channels * width + ones, filters // groups), input.dtype)
    sums = total.reshape(groups, -1, filters // groups)
    length = products.terms_together(grads.shape[3], geometry.across.outputs)
    for block, columns in _im2col(_in_memory(input), geometry, length, ones):
        sums[block[0]] += products.sum_of_products(columns, _matrices(grads, groups, block, columns.shape[4]))
    grad_weight = total[:, :, : channels * width].reshape(groups, height, channels, width, filters // groups)
    grad_weight = np.ascontiguousarray(grad_weight.transpose(0, 4, 2, 1, 3)).reshape(shape)
    return grad_weight, total[:, 0, -1].reshape(filters) if ones else None


def _grad_input(grads: Array, weight: Array, geometry: Geometry) -> Array:
    """dL/dx (N, C, H, W) from g ``grads`` (O, oH, oW, N): K^T @ g, added back, or g under the flipped kernels."""
    if not _by_flipped_kernels(weight, geometry):
        return _col2im(grads, weight, geometry)
    filters, channels, height, width = weight.shape
    groups = geometry.groups
    # From filters to channels, and the kernels turned by 180 degrees.
    flipped = weight.reshape(groups, filters // groups, channels, height, width).swapaxes(1, 2)[..., ::-1, ::-1]
    flipped = flipped.reshape(groups * channels, filters // groups, height, width)
    adjoint = Geometry(geometry.down.adjoint, geometry.across.adjoint, groups)
    return _output(grads.transpose(3, 0, 1, 2), flipped, None, adjoint)


def _im2col(images: Array, geometry: Geometry, length: int, ones: bool) -> Iterator[tuple[Block, Array]]:
    """The columns of ``images`` (C, H, W, N), block by block.

    Yields a block of the outputs, and its columns as matrices (G, P, oH, kH * C/G * kW, ``length``): for the groups and
    output rows of the block, and for each of the P parts, of ``length`` pixels and images, that it has of such a row.
    With ``ones``, each line has a row of ones below it: kH more rows.  The columns are valid until the next block is
    asked for, as all blocks share one buffer.  Those of a kernel of one pixel are a view, with whole rows of pixels.
    """
    down, across, groups = geometry
    channels, count = len(images) // groups, images.shape[3]
    if count == 0:
        return
    if _is_image(geometry):
        yield WHOLE, _matrices(images, groups, WHOLE, across.size * count)  # not in the cache: long rows are best
        return
    # A part of a row is one output pixel of some images, or some output pixels of all images.
    wide, some = max(1, length // count), min(length, count)
    parts = count // some
    pixels = images.reshape(groups, channels, *images.shape[1:3], parts, some, copy=False)
    seen = windows.slide_within(images, across)  # (C, kW, H, pixels, N), a view
    seen = seen.reshape(groups, channels, *seen.shape[1:4], parts, some, copy=False)
    depth = channels * across.kernel
    limit = products.lines_together(parts * depth * length * images.itemsize)
    shape: tuple[int, ...] = ()
    for g, j, i, lines in windows.blocks_of_lines(groups, across.outputs // wide, down, limit):
        here = g.stop - g.start, j.stop - j.start, parts, len(range(lines.start, lines.stop, lines.step))
        if shape != here:
            shape = here
            buffer = np.empty((*shape, depth + ones, length), images.dtype)
            buffer[..., depth:, :] = 1
            columns = _neighbours(buffer.reshape(shape[0], -1, *buffer.shape[3:]), down)
            copies = buffer[..., :depth, :].reshape(*shape, channels, across.kernel, wide, some, copy=False)
            copies = copies.transpose(0, 4, 5, 3, 1, 6, 2, 7)  # (G, C/G, kW, lines, parts, wide, parts, some)
        inside, rows = down.in_image(lines)
        copies[:, :, :, : inside.start] = copies[:, :, :, inside.stop :] = 0
        windows.copy_seen(pixels[g, :, rows], seen[g, :, :, rows], across, j, copies[:, :, :, inside])
        yield (g, i, slice(j.start * wide, j.stop * wide)), columns


def _neighbours(lines: Array, down: Windows) -> Array:
    """The columns (G, P, oH, kH * depth, L): for each output row kH neighbours of ``lines`` (G, P, lines, depth, L)."""
    groups, parts, number, depth, length = lines.shape
    axis = windows.conv_windows(number, down.kernel, down.stride, (0, 0), 1)
    seen = windows.slide(lines.reshape(groups * parts, number, 1, depth * length), axis, windows.every_pixel(1))
    seen = seen.transpose(0, 3, 1, 2, 4, 5)  # (G * P, oH, kH, 1, 1, depth * L)
    return seen.reshape(groups, parts, axis.outputs, down.kernel * depth, length, copy=False)


def _col2im(grads: Array, weight: Array, geometry: Geometry) -> Array:
    """dL/dcolumns = K^T @ g, added to the pixels: dL/dx (N, C, H, W) from g ``grads`` (O, oH, oW, N).

    For the kernel's rows one after another, from the last to the first (see ``windows.unslide``).
    """
    down, across, groups = geometry
    filters, channels, height, width = weight.shape
    count = grads.shape[3]
    kernels = weight.reshape(groups, filters // groups, channels, height, width).transpose(3, 0, 2, 4, 1)
    kernels = kernels.reshape(height, groups, channels * width, filters // groups)  # K^T
    frame = np.zeros((groups * channels, down.length, across.length, count), grads.dtype)
    pixels = frame.reshape(groups, channels, *frame.shape[1:]).transpose(4, 0, 1, 2, 3)  # (N, G, C/G, H+, W+)
    np.setbufsize(BUFFER_SIZE)
    limit = products.outputs_together(channels * width * count * grads.itemsize)
    for block in windows.blocks(groups, down.outputs, across.outputs, limit):
        g, i, j = block
        together, high, wide = g.stop - g.start, i.stop - i.start, j.stop - j.start
        grad_columns = np.empty((together * channels * width, high, wide, count), grads.dtype)
        seen = grad_columns.reshape(together, channels, 1, width, high, wide, count).transpose(6, 0, 1, 2, 3, 4, 5)
        length = products.columns_together(kernels, count, wide)
        maps = np.ascontiguousarray(_matrices(grads, groups, block, length))
        for m in reversed(range(height)):
            products.multiply(kernels[m, g], maps, out=_matrices(grad_columns, together, WHOLE, length))
            windows.unslide(seen, pixels[:, g], down.taps[m : m + 1], across.taps, i, j)
    return frame.transpose(3, 0, 1, 2)[..., down.inside, across.inside]


def _by_flipped_kernels(weight: Array, geometry: Geometry) -> bool:
    """Whether to compute dL/dx with flipped kernels: where they fit, and are faster than K^T @ g and its sums.

    The zeros of their padding are multiplied by weights, which gives 0 only if the weights are finite.
    """
    if _is_image(geometry):
        return True
    down, across, groups = geometry
    fit = all(w.stride == 1 and max(w.before, w.after) < w.span for w in (down, across))
    filters = len(weight) // groups * (down.size * across.size) / (down.outputs * across.outputs)
    return fit and filters <= products.FLIPPED_FILTERS * weight.shape[1] and bool(np.isfinite(weight).all())


def _as_rows(weight: Array, bias: Array | None, groups: int) -> Array:
    """The kernels (O, C/G, kH, kW) as the rows of matrices, (G, O/G, kH * C/G * kW), line after line.

    A ``bias`` meets the row of ones below the first line, and zeros meet those below the others: kH more columns.
    """
    filters, channels, height, width = weight.shape
    ones = bias is not None
    rows = np.zeros((groups, filters // groups, height, channels * width + ones), weight.dtype)
    kernels = weight.reshape(groups, filters // groups, channels, height, width).transpose(0, 1, 3, 2, 4)
    rows[..., : channels * width] = kernels.reshape(groups, filters // groups, height, channels * width)
    if bias is not None:
        rows[:, :, 0, -1] = bias.reshape(groups, -1)
    return rows.reshape(groups, filters // groups, -1)


def _matrices(maps: Array, groups: int, block: Block, length: int) -> Array:
    """A block of ``maps`` (O, H, W, N), each row in P parts of ``length`` pixels and images: (G, P, H, O/G, length).

    A view.
    """
    g, i, j = block
    part = maps.reshape(groups, len(maps) // groups, *maps.shape[1:], copy=False)[g, :, i, j]
    together, channels, height, width, count = part.shape
    part = part.reshape(together, channels, height, width * count // length, length, copy=False)
    return part.transpose(0, 3, 2, 1, 4)


def _is_image(geometry: Geometry) -> bool:
    """Whether the columns are the image itself, unchanged: a kernel of one pixel that sees each pixel once."""
    return all((w.kernel, w.stride, w.before, w.outputs) == (1, 1, 0, w.size) for w in geometry[:2])


def _in_memory(images: Array) -> Array:
    """``images`` (N, C, H, W) as (C, H, W, N), contiguous."""
    return np.ascontiguousarray(images.transpose(1, 2, 3, 0))


def _check_fit(
    input: Array, weight: Array, stride: object, padding: object, dilation: object, groups: object
) -> Geometry:
    """How the kernels move over this input; TypeError or ValueError names what does not fit."""
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
    down, across = (
        windows.conv_windows(size, kernel, s, p, d)
        for size, kernel, s, p, d in zip(input.shape[-2:], weight.shape[2:], strides, paddings, dilations, strict=True)
    )
    if down.outputs < 1 or across.outputs < 1:
        raise ValueError(
            f"weight must fit into the padded input: its kernel spans {down.span} x {across.span} pixels, that has "
            f"{down.length} x {across.length}"
        )
    return Geometry(down, across, parts)
