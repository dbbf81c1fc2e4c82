"""The index arithmetic by itself: what each tap sees, and that sliding and its adjoint fit together."""

import dataclasses
import itertools
import math
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

from reference import windows
from reference.windows import Windows
from tests.reference.comparing import Array, random_integers


def padded(channels: int, rows: Windows, columns: Windows, count: int) -> Array:
    """An image (C, H, W, N) with room for windows over 7 rows and 6 columns."""
    return with_zeros(random_integers((channels, 7, 6, count)), 1, rows, columns)


def with_zeros(image: Array, axis: int, rows: Windows, columns: Windows, fill: float = 0) -> Array:
    """``image`` with the padding of the windows around it, whose rows are at ``axis`` and columns at the next."""
    amounts = [(0, 0)] * image.ndim
    amounts[axis], amounts[axis + 1] = (rows.before, rows.after), (columns.before, columns.after)
    return np.pad(image, amounts, constant_values=fill)


def along_both_axes() -> Iterator[tuple[Windows, Windows]]:
    """Windows over 7 rows and 6 columns."""
    options = list(itertools.product((1, 2, 3), (1, 2, 3), ((0, 0), (1, 2)), (1, 2)))
    for i, (kernel, stride, padding, dilation) in enumerate(options):
        rows = windows.conv_windows(7, kernel, stride, padding, dilation)
        kernel, stride, padding, dilation = options[(7 * i + 3) % len(options)]
        yield rows, windows.conv_windows(6, kernel, stride, padding, dilation)


def test_a_tap_sees_the_pixel_that_stride_and_dilation_say() -> None:
    for rows, columns in along_both_axes():
        image = padded(2, rows, columns, 3)
        seen = windows.slide(image, rows, columns)
        assert seen.shape == (2, rows.kernel, columns.kernel, rows.outputs, columns.outputs, 3)
        assert not seen.flags.writeable  # several entries are one pixel
        for m, k, i, j in np.ndindex(seen.shape[1:5]):
            pixel = image[:, i * rows.stride + m * rows.dilation, j * columns.stride + k * columns.dilation]
            np.testing.assert_array_equal(seen[:, m, k, i, j], pixel)


def test_windows_that_see_no_padding() -> None:
    for rows, columns in along_both_axes():
        for axis in (rows, columns):
            inner = [
                i for i in range(axis.outputs) if axis.before <= i * axis.stride <= axis.before + axis.size - axis.span
            ]
            assert list(range(axis.outputs))[axis.within] == inner
        image = random_integers((2, 7, 6, 3))
        found = windows.slide_within(image, columns)
        everything = windows.slide(padded_columns(image, columns), windows.every_pixel(7), columns)[:, 0]
        np.testing.assert_array_equal(found, everything[:, :, :, columns.within])
        assert found.size == 0 or (np.shares_memory(found, image) and not found.flags.writeable)


def padded_columns(image: Array, columns: Windows) -> Array:
    """``image`` (C, H, W, N) with the padding of ``columns`` alone."""
    return with_zeros(image, 1, windows.every_pixel(image.shape[1]), columns)


def test_what_taps_see_of_some_outputs_and_what_of_that_is_in_the_image() -> None:
    for axis, _ in along_both_axes():
        everything = np.arange(axis.length)
        for first, last in itertools.combinations_with_replacement(range(axis.outputs), 2):
            taps = axis.seen_by_taps(slice(first, last + 1))
            assert len(taps) == axis.kernel
            for m, tap in enumerate(taps):
                seen = np.arange(first, last + 1) * axis.stride + m * axis.dilation
                np.testing.assert_array_equal(everything[tap], seen)
                inside, pixels = axis.in_image(tap)
                expected = [q for q, p in enumerate(seen) if axis.before <= p < axis.before + axis.size]
                assert list(range(len(seen)))[inside] == expected
                np.testing.assert_array_equal(np.arange(axis.size)[pixels], seen[inside] - axis.before)


@pytest.mark.parametrize("pixels", [slice(0, 3, 1), slice(0, 3, 2), slice(9, 11, 1), slice(8, 12, 3)])
def test_pixels_of_the_padding_alone_are_none_of_the_image(pixels: slice) -> None:
    inside, places = windows.conv_windows(5, 3, 1, (3, 4), 1).in_image(pixels)
    assert inside.start == inside.stop <= len(range(pixels.start, pixels.stop, pixels.step))
    assert np.arange(5)[places].size == 0


def test_unslide_is_the_adjoint_of_slide() -> None:
    for rows, columns in along_both_axes():
        image = padded(2, rows, columns, 3)
        seen = windows.slide(image, rows, columns)
        w = random_integers(seen.shape, seed=1)
        frame = np.zeros_like(image)
        windows.unslide(w.transpose(0, 5, 1, 2, 3, 4), frame.transpose(0, 3, 1, 2), rows.taps, columns.taps)
        assert (seen * w).sum() == (image * frame).sum()


def test_a_view_beyond_the_image_is_refused() -> None:
    """It would show other pixels, or memory that belongs to others; and so would strides that are not the image's."""
    rows, columns = windows.conv_windows(7, 3, 2, (0, 0), 1), windows.conv_windows(6, 2, 1, (1, 0), 2)
    windows.slide(random_integers((2, 7, 7, 3)), rows, columns)
    for image in (random_integers((2, 6, 7, 3)), random_integers((2, 7, 6, 3))):
        with pytest.raises(ValueError, match="windows must lie within the image"):
            windows.slide(image, rows, columns)
    with pytest.raises(ValueError, match="contiguous"):
        windows.slide(random_integers((2, 7, 7, 6))[..., ::2], rows, columns)


def test_the_windows_that_see_a_pixel_are_windows_over_the_outputs() -> None:
    """Where output i sees pixel p through tap m, adjoint window p sees output i through tap kernel - 1 - m."""
    for kernel, padding, dilation in itertools.product((1, 2, 3), ((0, 0), (1, 2), (4, 0)), (1, 2)):
        axis = windows.conv_windows(7, kernel, 1, padding, dilation)
        adjoint = axis.adjoint
        margins = adjoint.before, adjoint.after
        assert adjoint == windows.conv_windows(axis.outputs, kernel, 1, margins, dilation)
        assert adjoint.outputs == axis.size
        for i, m in itertools.product(range(axis.outputs), range(kernel)):
            p = i + m * dilation - axis.before
            assert i + adjoint.before == p + (kernel - 1 - m) * dilation


def transposed() -> Iterator[tuple[Windows, int]]:
    """Windows of transposed convolutions, and the pixels that were added behind the last one."""
    for outputs, kernel, stride, padding, dilation, added in itertools.product(
        (1, 2, 5), (1, 2, 3), (1, 2, 3), (0, 1, 3), (1, 2, 3), (0, 1, 2)
    ):
        axis = windows.transposed_windows(outputs, kernel, stride, padding, added, dilation)
        if added < max(stride, dilation) and axis.size >= 1:
            yield axis, added


def test_the_windows_of_a_transposed_convolution_are_a_convolutions_over_its_output() -> None:
    """But for those that would fit into what was added."""
    beyond = 0
    for axis, added in transposed():
        fit = windows.conv_windows(axis.size, axis.kernel, axis.stride, (axis.before, axis.after), axis.dilation)
        assert dataclasses.replace(fit, outputs=axis.outputs) == axis
        assert fit.outputs == axis.outputs + added // axis.stride
        beyond += fit.outputs > axis.outputs
        inner = [
            i for i in range(axis.outputs) if axis.before <= i * axis.stride <= axis.length - axis.after - axis.span
        ]
        assert windows.slide_within(random_integers((1, 1, axis.size, 1)), axis).shape[3] == len(inner)
    assert beyond


def test_the_adjoint_of_a_transposed_convolutions_windows_reaches_what_was_added() -> None:
    for axis, added in transposed():
        if axis.stride == 1:
            adjoint = axis.adjoint
            assert (adjoint.size, adjoint.outputs) == (axis.outputs, axis.size)
            assert adjoint.length == adjoint.outputs - 1 + adjoint.span  # the last window ends there
            assert adjoint.after == axis.span - 1 - axis.before + added
            for i, m in itertools.product(range(axis.outputs), range(axis.kernel)):
                p = i + m * axis.dilation - axis.before
                assert i + adjoint.before == p + (axis.kernel - 1 - m) * axis.dilation


def test_padding_after_the_image_makes_room_for_the_last_window_and_no_more() -> None:
    for size, kernel, stride, dilation, ceil_mode in itertools.product(
        range(1, 8), range(1, 6), range(1, 5), (1, 2), (False, True)
    ):
        for padding in range(kernel // 2 + 1):
            axis = windows.pool_windows(size, kernel, stride, padding, dilation, ceil_mode)
            if axis.outputs >= 1:
                assert axis.length == axis.before + axis.size + axis.after
                assert axis.length == max(size + 2 * padding, axis.taps[-1].stop)


def test_in_a_frame_a_tap_sees_the_same_pixels() -> None:
    """Sorted, they are neighbours: where they are some steps apart, and several taps see the same."""
    sorted_ones = 0
    for rows, columns in along_both_axes():
        image = random_integers((3, 2, 7, 6))
        frame = windows.framed(image, rows, columns, fill=-100)
        expected = with_zeros(image, 2, rows, columns, fill=-100)
        for down, (tap, place) in itertools.product(rows.taps, zip(columns.taps, columns.frame_taps, strict=True)):
            np.testing.assert_array_equal(frame[..., down, place], expected[..., down, tap])
        assert columns.sorts == (columns.stride > 1 and columns.span > columns.stride)
        if columns.sorts:
            sorted_ones += 1
            assert all(place.step in (None, 1) for place in columns.frame_taps)
        back = np.zeros_like(image)
        windows.unframe(frame, back, rows, columns)
        np.testing.assert_array_equal(back, image)
        assert (windows.empty_frame(image, rows, columns, fill=7) == 7).all() or frame is image
    assert sorted_ones > 5


def test_an_image_without_padding_is_its_own_frame_unless_it_is_to_be_sorted() -> None:
    image = random_integers((2, 7, 6))
    for stride, kernel, own in ((1, 3, True), (2, 2, True), (2, 1, True), (2, 3, False)):
        rows, columns = (windows.conv_windows(size, kernel, stride, (0, 0), 1) for size in (7, 6))
        frame = windows.framed(image, rows, columns)
        assert (frame is image) == own
        assert (windows.empty_frame(image, rows, columns) is image) == own
        assert not np.shares_memory(frame, image) or own


def test_a_frame_is_a_plain_array() -> None:
    class Subclass(np.ndarray[Any, Any]):
        pass

    rows = columns = windows.conv_windows(4, 1, 1, (1, 0), 1)
    assert type(windows.framed(random_integers((4, 4)).view(Subclass), rows, columns)) is np.ndarray


@pytest.mark.parametrize("limit", [0, 1, 2, 3, 5, 9, 100])
def test_an_output_of_a_block_sees_neighbours_among_its_lines(limit: int) -> None:
    for axis, _ in along_both_axes():
        covered = np.zeros((2, 3, axis.outputs), int)
        for g, part, i, lines in windows.blocks_of_lines(2, 3, axis, limit):
            covered[g, part, i] += 1
            of_block = np.arange(axis.length)[lines]
            for q, output in enumerate(np.arange(axis.outputs)[i]):
                seen = of_block[q * axis.stride : q * axis.stride + axis.kernel]
                np.testing.assert_array_equal(seen, output * axis.stride + np.arange(axis.kernel) * axis.dilation)
            # No line is there for nothing, and more than one output only where they were allowed to be.
            assert of_block[-1] == np.arange(axis.outputs)[i][-1] * axis.stride + axis.span - 1
            assert covered[g, part, i].size <= max(1, limit // axis.stride)
        assert (covered == 1).all()


@pytest.mark.parametrize("most", [0, 1, 2, 3, 4, 5, 6, 9, 10, 14, 15, 34, 35, 69, 70, 74, 104, 105, 139, 140, 1000])
def test_blocks_cover_every_window_once_and_hold_no_more_than_they_may(most: int) -> None:
    covered = np.zeros((4, 7, 5), int)
    shapes = []
    for g, i, j in windows.blocks(4, 7, 5, most):
        block = covered[g, i, j]
        block += 1
        assert block.size <= max(1, most)
        shapes.append(block.shape)
    assert (covered == 1).all()
    # Whole groups, or else whole rows, or else parts of a row: as few as there can be, of about the same size.
    lengths = 4, 7, 5
    parts = [-(-length // max(1, fit)) for length, fit in zip(lengths, (most // 35, most // 5, most), strict=True)]
    assert len(shapes) == math.prod(parts)
    assert max(shapes) == tuple(-(-length // number) for length, number in zip(lengths, parts, strict=True))


def test_a_block_of_the_outputs_may_be_added_by_itself() -> None:
    for rows, columns in along_both_axes():
        image = padded(2, rows, columns, 3).transpose(0, 3, 1, 2)
        w = random_integers((2, 3, rows.kernel, columns.kernel, rows.outputs, columns.outputs), seed=1)
        whole, blocks = np.zeros_like(image), np.zeros_like(image)
        windows.unslide(w, whole, rows.taps, columns.taps)
        for _, i, j in windows.blocks(1, rows.outputs, columns.outputs, 4):
            windows.unslide(w[..., i, j], blocks, rows.taps, columns.taps, i, j)
        np.testing.assert_array_equal(blocks, whole)


def test_if_a_window_of_pooling_sees_only_padding_the_first_one_does() -> None:
    """So `pooling._sees_only_padding` looks at that one only."""
    blind = 0
    for size, kernel, dilation, stride, ceil_mode in itertools.product(
        range(1, 9), range(1, 7), range(1, 10), range(1, 6), (False, True)
    ):
        for padding in range(kernel // 2 + 1):
            axis = windows.pool_windows(size, kernel, stride, padding, dilation, ceil_mode)
            first = np.arange(axis.outputs)[:, np.newaxis] * stride - padding
            pixels = first + np.arange(kernel) * dilation
            sees: Array = np.any((pixels >= 0) & (pixels < size), axis=1)
            assert axis.outputs < 1 or sees.all() == sees[0]
            blind += not sees.all()
    assert blind > 100


def test_batch_last_changes_the_memory_and_nothing_else() -> None:
    image = random_integers((2, 3, 4, 5))
    moved = windows.batch_last(image)
    np.testing.assert_array_equal(moved, image)
    assert moved.transpose(1, 2, 3, 0).flags.c_contiguous
    assert np.shares_memory(windows.batch_last(moved), moved)
