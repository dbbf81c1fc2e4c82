"""The index arithmetic by itself: what each tap sees, and that sliding and its adjoint fit together."""

import itertools
from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from reference import windows
from reference.windows import Windows

Array = npt.NDArray[Any]


def integers(*shape: int, seed: int = 0) -> Array:
    return np.random.default_rng([seed, *shape]).integers(-9, 10, shape).astype(np.float64)


def along_both_axes() -> Iterator[tuple[Windows, Windows]]:
    """Windows over 7 rows and 6 columns."""
    options = list(itertools.product((1, 2, 3), (1, 2, 3), ((0, 0), (1, 2)), (1, 2)))
    for i, (kernel, stride, padding, dilation) in enumerate(options):
        rows = windows.conv_windows(7, kernel, stride, padding, dilation)
        kernel, stride, padding, dilation = options[(7 * i + 3) % len(options)]
        yield rows, windows.conv_windows(6, kernel, stride, padding, dilation)


@pytest.mark.parametrize("leading", [(), (2,), (2, 3)])
def test_a_tap_sees_the_pixel_that_stride_and_dilation_say(leading: tuple[int, ...]) -> None:
    for rows, columns in along_both_axes():
        image = windows.padded(integers(*leading, 7, 6), rows, columns)
        seen = windows.slide(image, rows, columns)
        assert seen.shape == (*leading, rows.kernel, columns.kernel, rows.outputs, columns.outputs)
        for m, k, i, j in np.ndindex(seen.shape[-4:]):
            pixel = image[..., i * rows.stride + m * rows.dilation, j * columns.stride + k * columns.dilation]
            np.testing.assert_array_equal(seen[..., m, k, i, j], pixel)


@pytest.mark.parametrize("leading", [(), (2,), (2, 3)])
def test_unslide_is_the_adjoint_of_slide(leading: tuple[int, ...]) -> None:
    for rows, columns in along_both_axes():
        image = windows.padded(integers(*leading, 7, 6), rows, columns)
        seen = windows.slide(image, rows, columns)
        w = integers(*seen.shape, seed=1)
        frame = np.zeros_like(image)
        windows.unslide(w, frame, rows, columns)
        assert (seen * w).sum() == (image * frame).sum()
