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

from reference.arguments import Array, IntArray

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
    def sorts(self) -> bool:
        """Whether a frame sorts the pixels (``framed``): where they are some steps apart, and seen by several taps."""
        return 1 < self.stride < self.span

    @cached_property
    def frame_length(self) -> int:
        """The pixels of the padded axis, made up to a multiple of the stride if they are sorted."""
        return -(-self.length // self.stride) * self.stride if self.sorts else self.length

    @cached_property
    def frame_taps(self) -> Taps:
        """``taps`` in a frame: neighbours where they are sorted."""
        if not self.sorts:
            return self.taps
        each = self.frame_length // self.stride
        firsts = [first % self.stride * each + first // self.stride for first in range(0, self.span, self.dilation)]
        return tuple(slice(first, first + self.outputs) for first in firsts)

    @cached_property
    def places(self) -> tuple[tuple[slice, slice], ...]:
        """The pixels of the image, and their places in a frame: if sorted, for one remainder after another."""
        if not self.sorts:
            return ((slice(None), self.inside),)
        found = []
        for remainder in range(self.stride):
            first = (remainder - self.before) % self.stride
            place = remainder * (self.frame_length // self.stride) + (first + self.before) // self.stride
            number = len(range(first, self.size, self.stride))
            found.append((slice(first, None, self.stride), slice(place, place + number)))
        return tuple(found)

    @cached_property
    def adjoint(self) -> "Windows":
        """At stride 1, the outputs that see a pixel: a window over the outputs.  Its taps run the other way."""
        before = self.span - 1 - self.before
        # As far as the last window over the outputs reaches; pixels may be left over that no window saw.
        after = self.before + self.size - self.outputs
        return replace(self, size=self.outputs, before=before, after=after, outputs=self.size)

    @cached_property
    def length(self) -> int:
        """The pixels of the padded axis."""
        return self.before + self.size + self.after

    @cached_property
    def inside(self) -> slice:
        """The pixels of the padded axis that are the image."""
        return slice(self.before, self.before + self.size)

    @cached_property
    def within(self) -> slice:
        """The windows that see no padding."""
        first = -(-self.before // self.stride)
        stop = min((self.before + self.size - self.span) // self.stride + 1, self.outputs)
        return slice(first, max(first, stop))

    def seen_by_taps(self, outputs: slice) -> Taps:
        """For each tap, the pixels of the padded axis that it sees in these windows."""
        first, last = outputs.start * self.stride, (outputs.stop - 1) * self.stride
        return tuple(slice(first + tap.start, last + tap.start + 1, self.stride) for tap in self.taps)

    def in_image(self, pixels: slice) -> tuple[slice, slice]:
        """Which of these ``pixels`` of the padded axis are in the image, counted from 0; and where.

        >>> from reference.windows import conv_windows
        >>> print(*conv_windows(size=4, kernel=3, stride=2, padding=(3, 0), dilation=1).in_image(slice(0, 5, 2)))
        slice(2, 3, None) slice(1, 3, 2)
        """
        number = len(range(pixels.start, pixels.stop, pixels.step))
        first = min(max(0, -(-(self.before - pixels.start) // pixels.step)), number)
        stop = max(first, min(-(-(self.before + self.size - pixels.start) // pixels.step), number))
        place = pixels.start - self.before
        return slice(first, stop), slice(place + first * pixels.step, place + stop * pixels.step, pixels.step)

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
def transposed_windows(
    outputs: int, kernel: int, stride: int, padding: int, output_padding: int, dilation: int
) -> Windows:
    """Windows of the convolution that a transposed convolution along one axis is the adjoint of.

    The ``outputs`` are the pixels that come in here, and ``size`` is how many come out, below 1 where the padding cuts
    off everything.  The last ``output_padding`` pixels of the padded axis are beyond all windows, even where one more
    would fit.

    >>> from reference.windows import transposed_windows
    >>> windows = transposed_windows(outputs=2, kernel=3, stride=2, padding=0, output_padding=1, dilation=1)
    >>> print(windows.size, windows.taps)  # pixel 5 is beyond
    6 (slice(0, 3, 2), slice(1, 4, 2), slice(2, 5, 2))
    """
    size = (outputs - 1) * stride + dilation * (kernel - 1) + 1 + output_padding - 2 * padding
    return Windows(size, kernel, stride, padding, padding, dilation, outputs)


def every_pixel(size: int) -> Windows:
    """Windows of one pixel each, one after another.

    >>> from reference.windows import every_pixel
    >>> print(every_pixel(3).taps, every_pixel(3).outputs)
    (slice(0, 3, 1),) 3
    """
    return conv_windows(size, 1, 1, (0, 0), 1)


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


@dataclass(frozen=True, eq=False)
class AdaptiveWindows:
    """Windows along one axis, made to fit: window i has ``lengths`` [i] pixels, from pixel ``starts`` [i] on."""

    starts: IntArray
    lengths: IntArray

    @cached_property
    def equal(self) -> bool:
        """Whether all windows have one length and touch, as those of a plain pooling do."""
        return bool((self.starts == np.arange(len(self.starts)) * self.lengths[0]).all() and np.ptp(self.lengths) == 0)

    @cached_property
    def slices(self) -> Taps:
        """For each tap, the pixels that it sees, if the windows are ``equal``."""
        length = int(self.lengths[0])
        return tuple(slice(tap, None, length) for tap in range(length))

    @cached_property
    def taps(self) -> tuple[tuple[IntArray, IntArray], ...]:
        """For each tap, the windows that are long enough to have it, and the pixel that it sees in each of them."""
        found = []
        for tap in range(int(self.lengths.max())):
            windows = np.flatnonzero(self.lengths > tap)
            found.append((windows, self.starts[windows] + tap))
        return tuple(found)


@lru_cache
def adaptive_windows(size: int, outputs: int) -> AdaptiveWindows:
    """``outputs`` windows, spread evenly over ``size`` pixels: each holds all pixels that its share touches.

    >>> from reference.windows import adaptive_windows
    >>> windows = adaptive_windows(size=7, outputs=3)  # cut at 7/3 and 14/3
    >>> print(windows.starts, windows.starts + windows.lengths)
    [0 2 4] [3 5 7]
    """
    i = np.arange(outputs)
    starts = i * size // outputs
    return AdaptiveWindows(starts, -(-(i + 1) * size // outputs) - starts)


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


def framed(image: Array, rows: Windows, columns: Windows, fill: float = 0.0) -> Array:
    """``image`` (..., H, W) in a frame for work tap by tap: with its padding, and its columns sorted if they should be.

    Where taps see pixels some steps apart, and several taps see the same, the columns are sorted by their remainder
    modulo the stride: what a tap sees (``Windows.frame_taps``) is in one piece then, and takes a fraction of the time.
    Some places of the frame may be no pixel, not even of the padding.  Where there is nothing to do, the frame is the
    image itself.

    >>> import numpy as np
    >>> from reference.windows import conv_windows, framed
    >>> rows, columns = conv_windows(1, 1, 1, (0, 0), 1), conv_windows(8, 3, 2, (0, 0), 1)
    >>> print(framed(np.arange(8.0)[np.newaxis], rows, columns), columns.frame_taps)
    [[0. 2. 4. 6. 1. 3. 5. 7.]] (slice(0, 3, None), slice(4, 7, None), slice(1, 4, None))
    """
    frame = empty_frame(image, rows, columns, fill)
    if frame is not image:
        for pixels, places in columns.places:
            frame[..., rows.inside, places] = image[..., pixels]
    return frame


def empty_frame(image: Array, rows: Windows, columns: Windows, fill: float = 0.0) -> Array:
    """The frame for ``image`` (..., H, W), all ``fill``; or the image itself, if that is its frame."""
    shape = (*image.shape[:-2], rows.length, columns.frame_length)
    if image.shape == shape and not columns.sorts:
        return image
    return np.full_like(image, fill, shape=shape, subok=False)


def unframe(frame: Array, image: Array, rows: Windows, columns: Windows) -> None:
    """The inverse of ``framed``: the pixels of the ``frame``, without its padding, into ``image`` (..., H, W).

    >>> import numpy as np
    >>> from reference.windows import conv_windows, unframe
    >>> rows, columns = conv_windows(1, 1, 1, (0, 0), 1), conv_windows(8, 3, 2, (0, 0), 1)
    >>> image = np.empty((1, 8))
    >>> unframe(np.array([[0.0, 2, 4, 6, 1, 3, 5, 7]]), image, rows, columns)
    >>> print(image)
    [[0. 1. 2. 3. 4. 5. 6. 7.]]
    """
    if frame is not image:
        for pixels, places in columns.places:
            image[..., pixels] = frame[..., rows.inside, places]


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


def slide_within(image: Array, columns: Windows) -> Array:
    """What each tap sees in the rows of ``image`` (C, H, W, N), where it sees no padding: a view (C, kW, H, oW, N).

    Like ``slide``, but of an image without padding, and so of the windows ``columns.within`` alone.

    >>> import numpy as np
    >>> from reference.windows import conv_windows, slide_within
    >>> seen = slide_within(np.array([[[[1.0], [2], [3]]]]), conv_windows(3, 2, 1, (1, 0), 1))
    >>> print(seen[0, :, 0, :, 0])  # the first window sees a pixel of the padding
    [[1. 2.]
     [2. 3.]]
    """
    channels, height, width, count = image.shape
    channel, down, right, next_image = image.strides
    number = columns.within.stop - columns.within.start
    shape = channels, columns.kernel, height, number, count
    if number == 0:
        return np.empty(shape, image.dtype)
    first = (columns.within.start * columns.stride - columns.before) * right
    # Steps beyond the image are never taken, as in `slide`.
    tap, output = min(columns.dilation, width) * right, min(columns.stride, width) * right
    strides = channel, tap, down, output, next_image
    seen: Array = np.ndarray(shape, image.dtype, image, first, strides)
    seen.flags.writeable = False
    return seen


def copy_seen(pixels: Array, seen: Array, columns: Windows, parts: slice, copies: Array) -> None:
    """Into ``copies`` (..., kW, H, parts, wide, P, N/P), what each tap sees in rows of an image, and 0 for the padding.

    For some ``parts`` of the outputs, each of ``wide`` neighbours.  From the ``pixels`` (..., H, W, P, N/P), and where
    a whole part sees no padding, in one go from the view ``seen`` (..., kW, H, oW, P, N/P), see ``slide_within``.
    """
    wide, within = copies.shape[-3], columns.within
    start = min(max(-(-within.start // wide), parts.start), parts.stop)
    stop = min(max(within.stop // wide, start), parts.stop)
    if start < stop:
        whole = seen[..., start * wide - within.start : stop * wide - within.start, :, :]
        whole = whole.reshape(*whole.shape[:-3], stop - start, wide, *whole.shape[-2:], copy=False)
        copies[..., start - parts.start : stop - parts.start, :, :, :] = whole
    for part in (*range(parts.start, start), *range(stop, parts.stop)):
        for k, tap in enumerate(columns.seen_by_taps(slice(part * wide, (part + 1) * wide))):
            inside, place = columns.in_image(tap)
            copy = copies[..., k, :, part - parts.start, :, :, :]
            copy[..., : inside.start, :, :] = copy[..., inside.stop :, :, :] = 0
            copy[..., inside, :, :] = pixels[..., place, :, :]


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
        (slice(g, min(g + together, groups)), slice(i, min(i + high, height)), slice(j, min(j + wide, width)))
        for g in range(0, groups, together)
        for i in range(0, height, high)
        for j in range(0, width, wide)
    )


@lru_cache
def blocks_of_lines(
    groups: int, parts: int, axis: Windows, limit: int
) -> tuple[tuple[slice, slice, slice, slice], ...]:
    """Cut the outputs of ``groups``, ``parts`` of a row and the windows of ``axis`` over the rows into blocks.

    Returns slices of groups, parts, outputs and lines.  Lines are rows of the padded image.  Output number q of a block
    sees ``axis.kernel`` lines of the block, neighbours, from line q * ``axis.stride`` on.  A block has about ``limit``
    lines: as ``blocks`` does, a part with some of its outputs; if all fit, several parts; if those fit, several groups.
    Where taps are ``dilation`` lines apart, a block takes every ``dilation``-th output and line: these are neighbours
    to each other.

    >>> from reference.windows import blocks_of_lines, conv_windows
    >>> for _, _, outputs, lines in blocks_of_lines(1, 1, conv_windows(6, 2, 1, (0, 0), 2), limit=10):
    ...     print(outputs, lines)
    slice(0, 3, 2) slice(0, 5, 2)
    slice(1, 4, 2) slice(1, 6, 2)
    """
    found = []
    for first in range(min(axis.dilation, axis.outputs)):
        number = len(range(first, axis.outputs, axis.dilation))
        for g, part, q in blocks(groups, parts, number, limit // axis.stride):
            start, last = first + q.start * axis.dilation, first + (q.stop - 1) * axis.dilation
            outputs = slice(start, last + 1, axis.dilation)
            lines = slice(start * axis.stride, last * axis.stride + axis.span, axis.dilation)
            found.append((g, part, outputs, lines))
    return tuple(found)


def _part(length: int, limit: int) -> int:
    """The length of about equal parts of ``length``: at most ``limit``, at least 1, and as few as there can be."""
    parts = -(-length // max(1, limit))
    return -(-length // parts)
