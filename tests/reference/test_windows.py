"""The index arithmetic by itself: what each tap sees, and that sliding and its adjoint fit together."""

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
    return np.ascontiguousarray(
        np.moveaxis(windows.padded(random_integers((channels, count, 7, 6)), rows, columns), 1, -1)
    )


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


def test_padding_after_the_image_makes_room_for_the_last_window_and_no_more() -> None:
    for size, kernel, stride, dilation, ceil_mode in itertools.product(
        range(1, 8), range(1, 6), range(1, 5), (1, 2), (False, True)
    ):
        for padding in range(kernel // 2 + 1):
            axis = windows.pool_windows(size, kernel, stride, padding, dilation, ceil_mode)
            if axis.outputs >= 1:
                assert axis.length == axis.before + axis.size + axis.after
                assert axis.length == max(size + 2 * padding, axis.taps[-1].stop)


def test_a_padded_image_is_a_plain_array() -> None:
    class Subclass(np.ndarray[Any, Any]):
        pass

    rows = columns = windows.conv_windows(4, 1, 1, (1, 0), 1)
    assert type(windows.padded(random_integers((4, 4)).view(Subclass), rows, columns)) is np.ndarray


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
