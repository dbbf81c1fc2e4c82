"""Windows sliding over an image: all index arithmetic of convolution, pooling and padding, once.

A window of k taps slides over an axis of n pixels.  The axis is first lengthened by ``before`` and ``after`` pixels of
padding; the window moves by ``stride`` from one output to the next, and its taps stand ``dilation`` pixels apart:

    output i, tap m  sees pixel  i * stride + m * dilation   of the padded axis

The window spans dilation * (k - 1) + 1 pixels, so it fits floor((n + before + after - span) / stride) + 1 times.

Turned around, all outputs together see through tap m the pixels m * dilation, m * dilation + stride, ...: a plain
strided slice.  Every formula with windows is a loop over the taps of such slices, and the gradient of every one of them
adds into the same slices: where ``slide`` reads a pixel several times, its adjoint ``unslide`` sums what comes back.

Source: Dumoulin & Visin, A guide to convolution arithmetic for deep learning (2016), chapters 2-5.
"""

from dataclasses import dataclass, replace
from functools import cached_property, lru_cache

import numpy as np

from reference.arguments import Array

EVERY = slice(None)
Taps = tuple[slice, ...]  # see Windows.taps


@dataclass(frozen=True)
class Windows:
    """Windows along one axis.  Lengths in pixels; ``outputs`` is the number of windows."""

    size: int
    kernel: int
    stride: int
    before: int
    after: int
    dilation: int
    outputs: int

    @cached_property
    def taps(self) -> Taps:
        """For each tap, the pixels of the padded axis that it sees in all the windows."""
        reach = self.stride * (self.outputs - 1) + 1
        return tuple(slice(first, first + reach, self.stride) for first in range(0, self.span, self.dilation))

    @cached_property
    def adjoint(self) -> "Windows":
        """At stride 1, the outputs that see a pixel: a window over the outputs.  Its taps run the other way."""
        margin = self.span - 1
        return replace(
            self, size=self.outputs, before=margin - self.before, after=margin - self.after, outputs=self.size
        )

    @cached_property
    def length(self) -> int:
        """The pixels of the padded axis."""
        return self.before + self.size + self.after

    @cached_property
    def inside(self) -> slice:
        """The pixels of the padded axis that are the image."""
        return slice(self.before, self.before + self.size)

    @cached_property
    def span(self) -> int:
        """The pixels from the first to the last tap of one window."""
        return self.dilation * (self.kernel - 1) + 1


@lru_cache
def conv_windows(size: int, kernel: int, stride: int, padding: tuple[int, int], dilation: int) -> Windows:
    """Windows of a convolution along one axis; ``outputs`` is below 1 where the kernel does not fit.

    >>> from reference.windows import conv_windows
    >>> windows = conv_windows(size=5, kernel=3, stride=2, padding=(0, 0), dilation=1)
    >>> print(windows.outputs, windows.taps)  # tap 0 sees the pixels 0 and 2, tap 1 those to the right of them
    2 (slice(0, 3, 2), slice(1, 4, 2), slice(2, 5, 2))
    """
    before, after = padding
    span = dilation * (kernel - 1) + 1
    outputs = (size + before + after - span) // stride + 1
    return Windows(size, kernel, stride, before, after, dilation, outputs)


@lru_cache
def pool_windows(size: int, kernel: int, stride: int, padding: int, dilation: int, ceil_mode: bool) -> Windows:
    """Windows of pooling along one axis; ``outputs`` is below 1 where the kernel does not fit.

    With ``ceil_mode`` a last window that hangs over the edge counts too, if it starts inside the image or its left
    padding; ``after`` then makes room for it.

    >>> from reference.windows import pool_windows
    >>> [pool_windows(5, 2, 2, 0, 1, ceil_mode).outputs for ceil_mode in (False, True)]
    [2, 3]
    """
    span = dilation * (kernel - 1) + 1
    room = size + 2 * padding - span
    outputs = (-(-room // stride) if ceil_mode else room // stride) + 1
    if ceil_mode and (outputs - 1) * stride >= size + padding:
        outputs -= 1
    after = max(padding, (outputs - 1) * stride + span - padding - size)
    return Windows(size, kernel, stride, padding, after, dilation, outputs)


def same_padding(kernel: int, dilation: int) -> tuple[int, int]:
    """Padding that keeps the size at stride 1.  The odd pixel of an even span goes after, as in torch.

    >>> from reference.windows import same_padding
    >>> same_padding(3, 1), same_padding(4, 1), same_padding(3, 2)
    ((1, 1), (1, 2), (2, 2))
    """
    total = dilation * (kernel - 1)
    return total // 2, total - total // 2


def batch_last(image: Array) -> Array:
    """``image`` (N, C, H, W), in memory (C, H, W, N): long contiguous runs for all that slides (conv.py)."""
    return np.ascontiguousarray(image.transpose(1, 2, 3, 0)).transpose(3, 0, 1, 2)


def padded(image: Array, rows: Windows, columns: Windows, fill: float = 0.0) -> Array:
    """``image`` (..., H, W) with its padding around it, in the same memory order."""
    if not (rows.before or rows.after or columns.before or columns.after):
        return image
    frame = np.full_like(image, fill, shape=(*image.shape[:-2], rows.length, columns.length), subok=False)
    frame[..., rows.inside, columns.inside] = image
    return frame


def slide(image: Array, rows: Windows, columns: Windows) -> Array:
    """What each tap sees: a view (C, kH, kW, oH, oW, N) of the padded ``image`` (C, H, W, N), not to be written to.

    One tap on is ``dilation`` pixels further, one output on is ``stride`` pixels further: the view is a matter of
    strides alone.  Raises ValueError where the windows do not lie within the image, or its memory is not contiguous.

    >>> import numpy as np
    >>> from reference.windows import conv_windows, slide
    >>> rows, columns = conv_windows(1, 1, 1, (0, 0), 1), conv_windows(4, 2, 1, (0, 0), 1)
    >>> seen = slide(np.array([[[[1.0], [2], [3], [4]]]]), rows, columns)  # (1, 1, 4, 1) -> (1, 1, 2, 1, 3, 1)
    >>> print(seen[0, 0, :, 0, :, 0])  # one row for each tap, one column for each output
    [[1. 2. 3.]
     [2. 3. 4.]]
    """
    channels, height, width, count = image.shape
    if rows.taps[-1].stop > height or columns.taps[-1].stop > width:
        raise ValueError(f"windows must lie within the image {image.shape}, got {rows} and {columns}")
    channel, down, right, next_image = image.strides
    # Steps beyond the image belong to single taps and outputs, and are never taken.
    taps = down * min(rows.dilation, height), right * min(columns.dilation, width)
    outputs = down * min(rows.stride, height), right * min(columns.stride, width)
    shape = (channels, rows.kernel, columns.kernel, rows.outputs, columns.outputs, count)
    # np.lib.stride_tricks.as_strided does the same, in four times the time.
    seen: Array = np.ndarray(shape, image.dtype, image, 0, (channel, *taps, *outputs, next_image))
    seen.flags.writeable = False  # several entries are one pixel
    return seen


def unslide(seen: Array, frame: Array, down: Taps, across: Taps, i: slice = EVERY, j: slice = EVERY) -> None:
    """The adjoint of ``slide``: add ``seen`` (..., kH, kW, oH, oW) into the padded ``frame`` (..., H, W), in place.

    ``down`` and ``across`` are the taps of the windows over rows and columns.  ``seen`` may be that of some taps alone,
    and of a block of the outputs, their rows ``i`` and columns ``j``.

    slide copies a pixel to every window that sees it; so the gradients of the copies add up in the pixel:
    <slide(x), w> = <x, unslide(w)> for all x and w.

    The taps run backwards, so that a pixel meets its windows in row-major order.  torch sums in that order, and where
    sums round, order is part of the result.

    >>> import numpy as np
    >>> from reference.windows import conv_windows, unslide
    >>> rows, columns = conv_windows(1, 1, 1, (0, 0), 1), conv_windows(4, 2, 1, (0, 0), 1)
    >>> frame = np.zeros((1, 4))
    >>> unslide(np.array([1.0, 20, 300, 4, 50, 600]).reshape(1, 2, 1, 3), frame, rows.taps, columns.taps)
    >>> print(frame)  # 1, 20 + 4, 300 + 50, 600
    [[  1.  24. 350. 600.]]
    """
    for m in reversed(range(len(down))):
        for k in reversed(range(len(across))):
            pixels = frame[..., down[m], across[k]][..., i, j]
            pixels += seen[..., m, k, :, :]


@lru_cache
def blocks(groups: int, height: int, width: int, limit: int) -> tuple[tuple[slice, slice, slice], ...]:
    """Cut the outputs (``groups``, ``height``, ``width``) into blocks: slices of groups, rows and columns.

    A block holds at most ``limit`` windows, but at least one.  It is a part of one row, a number of whole rows, or
    where all rows fit, a number of groups: in any case the outputs of a group follow one another in memory.  There are
    as few blocks as there can be, of about the same size.

    >>> from reference.windows import blocks
    >>> for groups, rows, columns in blocks(groups=1, height=4, width=5, limit=10):
    ...     print(groups, rows, columns)
    slice(0, 1, None) slice(0, 2, None) slice(0, 5, None)
    slice(0, 1, None) slice(2, 4, None) slice(0, 5, None)
    """
    together, high, wide = _part(groups, limit // (height * width)), _part(height, limit // width), _part(width, limit)
    return tuple(
        (slice(g, g + together), slice(i, i + high), slice(j, j + wide))
        for g in range(0, groups, together)
        for i in range(0, height, high)
        for j in range(0, width, wide)
    )


def _part(length: int, limit: int) -> int:
    """The length of about equal parts of ``length``: at most ``limit``, at least 1, and as few as there can be."""
    parts = -(-length // max(1, limit))
    return -(-length // parts)
