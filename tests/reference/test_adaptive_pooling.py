"""Average pooling to a given size: torch's conventions at the edges, and the layer."""

from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F

import reference
from reference import nn
from reference.windows import adaptive_windows
from tests.reference.comparing import Array, assert_equal, both_dtypes, random_normal


def in_torch(x: Array, size: Any, g: Array | None = None) -> tuple[Array, Array]:
    """The output and the gradient."""
    leaf = torch.from_numpy(x.copy()).requires_grad_()
    y = F.adaptive_avg_pool2d(leaf, size)
    torch.autograd.backward(y, torch.ones_like(y) if g is None else torch.from_numpy(g.copy()))
    assert leaf.grad is not None
    return y.detach().numpy(), leaf.grad.numpy()


# Windows.


def test_windows_hold_every_pixel_that_their_share_touches() -> None:
    for size in range(1, 14):
        for outputs in range(1, 14):
            windows = adaptive_windows(size, outputs)
            for i, (start, length) in enumerate(zip(windows.starts, windows.lengths, strict=True)):
                first, last = i * size / outputs, (i + 1) * size / outputs
                touched = [p for p in range(size) if p < last - 1e-9 and p + 1 > first + 1e-9]
                assert list(range(start, start + length)) == touched


def test_windows_of_the_gradient_are_those_of_the_sizes_exchanged() -> None:
    for size in range(1, 14):
        for outputs in range(1, 14):
            there, back = adaptive_windows(size, outputs), adaptive_windows(outputs, size)
            seen = {(i, p) for i in range(outputs) for p in range(there.starts[i], (there.starts + there.lengths)[i])}
            assert seen == {(i, p) for p in range(size) for i in range(back.starts[p], (back.starts + back.lengths)[p])}


def test_equal_windows_are_those_of_plain_pooling() -> None:
    for size in range(1, 14):
        for outputs in range(1, 14):
            assert adaptive_windows(size, outputs).equal == (size % outputs == 0)
    assert adaptive_windows(6, 2).slices == (slice(0, None, 3), slice(1, None, 3), slice(2, None, 3))


def test_taps_of_windows_that_differ_in_length() -> None:
    taps = [(windows.tolist(), pixels.tolist()) for windows, pixels in adaptive_windows(4, 3).taps]
    assert taps == [([0, 1, 2], [0, 1, 2]), ([0, 1, 2], [1, 2, 3])]
    taps = [(windows.tolist(), pixels.tolist()) for windows, pixels in adaptive_windows(2, 3).taps]
    assert taps == [([0, 1, 2], [0, 0, 1]), ([1], [1])]


# By hand.


def test_overlapping_windows_share_a_column() -> None:
    x = np.array([[[1.0, 2, 6, 4, 8]]])
    assert_equal(reference.adaptive_avg_pool2d(x, (1, 2)), np.array([[[3.0, 6.0]]]))
    assert_equal(
        reference.adaptive_avg_pool2d_backward(np.array([[[3.0, 30.0]]]), (1, 1, 5)), np.array([[[1.0, 1, 11, 10, 10]]])
    )


def test_a_larger_output_repeats_and_blends() -> None:
    x = np.array([[[2.0, 6.0]]])
    assert_equal(reference.adaptive_avg_pool2d(x, (1, 4)), np.array([[[2.0, 2.0, 6.0, 6.0]]]))
    assert_equal(reference.adaptive_avg_pool2d(x, (2, 3)), np.array([[[2.0, 4.0, 6.0]] * 2]))


def test_pooling_into_parts_is_average_pooling() -> None:
    x = random_normal((2, 3, 6, 8), np.float64)
    assert_equal(reference.adaptive_avg_pool2d(x, (3, 4)), reference.avg_pool2d(x, 2))


# torch's conventions.


@both_dtypes
@pytest.mark.parametrize("size", [(3, 2), (2, 3), (7, 9), (1, 2), (2, 1), (4, 6), (5, 4), 3, [2, None], (None, None)])
@pytest.mark.parametrize("shape", [(2, 3, 5, 4), (3, 5, 4), (0, 3, 5, 4), (1, 1, 1, 1)])
def test_sums_are_added_and_divided_in_torchs_order(size: Any, shape: tuple[int, ...], dtype: Any) -> None:
    """Row by row, then by the height, then by the width: the same bits, the gradient's too."""
    x = random_normal(shape, dtype)
    y = reference.adaptive_avg_pool2d(x, size)
    g = random_normal(y.shape, dtype)
    if y.shape[-2:] != (1, 1):  # then torch takes the mean of all, in an order of its own
        theirs, grad = in_torch(x, size, g)
        assert_equal(y, theirs)
        assert_equal(reference.adaptive_avg_pool2d_backward(g, shape), grad)


def test_two_divisions_are_not_one() -> None:
    x = random_normal((1, 200, 5, 5), np.float32)
    y = reference.adaptive_avg_pool2d(x, (1, 2))
    total = reference.avg_pool2d(x, (5, 3), stride=(1, 2), divisor_override=1)
    assert (y != total / np.float32(15)).any()
    assert_equal(y, total / np.float32(5) / np.float32(3))


def test_zeros_of_a_sum_are_positive_but_for_the_gradient_of_a_mean() -> None:
    x = np.full((1, 1, 4, 4), -0.0)
    for size in ((2, 2), (1, 1), (4, 4), (3, 3)):
        g = np.full((1, 1, *size), -0.0)
        theirs, grad = in_torch(x, size, g)
        assert_equal(reference.adaptive_avg_pool2d(x, size), theirs)
        assert_equal(reference.adaptive_avg_pool2d_backward(g, x.shape), grad)
        assert not np.signbit(theirs).any()
        assert np.signbit(grad).all() == (size == (1, 1))


def test_a_broken_pixel_spoils_the_windows_that_see_it_alone() -> None:
    x = np.ones((1, 1, 5, 5))
    x[0, 0, 2, 2] = np.nan
    x[0, 0, 0, 4] = np.inf
    assert_equal(reference.adaptive_avg_pool2d(x, 3), in_torch(x, 3)[0])
    assert np.isnan(reference.adaptive_avg_pool2d(x, (1, 1))).all()


def test_the_mean_of_all_pixels_is_as_exact_as_torchs() -> None:
    """Over many pixels: one after another they would round hundreds of times as often."""
    x = np.random.default_rng(0).uniform(0.5, 1, (4, 3, 200, 300)).astype(np.float32)
    truth = x.astype(np.float64).mean((-2, -1), keepdims=True)
    for layout in (x, np.moveaxis(np.ascontiguousarray(np.moveaxis(x, 0, -1)), -1, 0)):
        y = reference.adaptive_avg_pool2d(layout, 1)
        assert y.shape == (4, 3, 1, 1)
        assert np.abs(y - truth).max() < 2e-5
    assert_equal(reference.adaptive_avg_pool2d_backward(y, x.shape), np.broadcast_to(y / np.float32(60_000), x.shape))


def test_the_mean_of_an_image_without_a_batch_is_that_of_a_batch_of_one() -> None:
    image = random_normal((2, 3, 5))
    assert_equal(reference.adaptive_avg_pool2d(image, 1), reference.adaptive_avg_pool2d(image[np.newaxis], 1)[0])


def test_an_output_without_pixels() -> None:
    """torch computes it, and refuses its gradient, which is 0."""
    x = np.ones((2, 3, 4, 5), np.float32)
    y = reference.adaptive_avg_pool2d(x, (0, 2))
    assert_equal(y, F.adaptive_avg_pool2d(torch.from_numpy(x), (0, 2)).numpy())
    assert_equal(reference.adaptive_avg_pool2d_backward(y, x.shape), np.zeros_like(x))


@pytest.mark.parametrize("size", [(1, 1), (3, 2), (2, 2)])
def test_images_without_channels(size: tuple[int, int]) -> None:
    """As above."""
    x = np.ones((2, 0, 4, 5), np.float32)
    y = reference.adaptive_avg_pool2d(x, size)
    assert_equal(y, F.adaptive_avg_pool2d(torch.from_numpy(x), size).numpy())
    assert_equal(reference.adaptive_avg_pool2d_backward(y, x.shape), x)


# Refusals.


@pytest.mark.parametrize(
    ("size", "error", "message"),
    [
        (None, TypeError, "an int, or a pair of integers with None for the input's own size, got None"),
        (1.0, TypeError, "an int, or a pair of integers with None for the input's own size, got 1.0"),
        ("ab", TypeError, "an int, or a pair of integers with None for the input's own size, got 'ab'"),
        (np.int64(2), TypeError, "an int, or a pair of integers with None for the input's own size, got "),
        ((2,), ValueError, r"an int, or a pair of integers with None for the input's own size, got \(2,\)"),
        ((2, 2, 2), ValueError, r"an int, or a pair of integers with None for the input's own size, got \(2, 2, 2\)"),
        (True, TypeError, "an integer, got True"),
        ((2, 1.0), TypeError, "an integer, got 1.0"),
        (-1, ValueError, "not be negative, got -1"),
        ((2, -1), ValueError, r"not be negative, got \(2, -1\)"),
    ],
)
def test_bad_sizes(size: Any, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=rf"^output_size must (be )?{message}"):
        reference.adaptive_avg_pool2d(np.ones((2, 3, 4, 5)), size)


@pytest.mark.parametrize("shape", [(4, 5), (1, 2, 3, 4, 5), (2, 0, 5), (2, 3, 4, 0)])
def test_bad_images(shape: tuple[int, ...]) -> None:
    at_least = r"must be \(C, H, W\) or \(N, C, H, W\), with at least 1 row and column, got \("
    with pytest.raises(ValueError, match=rf"^input {at_least}"):
        reference.adaptive_avg_pool2d(np.ones(shape), 2)
    if len(shape) in (3, 4):
        with pytest.raises(ValueError, match=rf"^input_shape {at_least}"):
            reference.adaptive_avg_pool2d_backward(np.ones((*shape[:-2], 2, 2)), shape)


def test_bad_gradients() -> None:
    g = np.ones((2, 3, 2, 2))
    with pytest.raises(ValueError, match=r"^input_shape must be \(2, 3\) \+ \(H, W\), got \(3, 2, 4, 5\)$"):
        reference.adaptive_avg_pool2d_backward(g, (3, 2, 4, 5))
    with pytest.raises(ValueError, match=r"^input_shape must be \(2, 3\) \+ \(H, W\), got \(3, 4, 5\)$"):
        reference.adaptive_avg_pool2d_backward(g, (3, 4, 5))
    with pytest.raises(
        ValueError, match=r"^grad_output must be \(C, oH, oW\) or \(N, C, oH, oW\), got shape \(2, 3\)$"
    ):
        reference.adaptive_avg_pool2d_backward(g[..., 0, 0], (2, 3))
    with pytest.raises(TypeError, match=r"^input_shape must be a tuple of integers, got 4$"):
        reference.adaptive_avg_pool2d_backward(g, 4)  # type: ignore[arg-type]
    with pytest.raises(TypeError, match=r"^grad_output must be float32 or float64, got int64"):
        reference.adaptive_avg_pool2d_backward(g.astype(np.int64), (2, 3, 4, 5))
    with pytest.raises(TypeError, match=r"^input must be float32 or float64, got int64"):
        reference.adaptive_avg_pool2d(g.astype(np.int64), 1)


# The layer.


def test_a_layer_is_written_as_in_torch() -> None:
    for size in (3, (3, None), [2, 2]):
        assert repr(nn.AdaptiveAvgPool2d(size)) == repr(torch.nn.AdaptiveAvgPool2d(size))  # type: ignore[arg-type]
    assert nn.AdaptiveAvgPool2d((3, None)).output_size == (3, None)


def test_a_layer_takes_images_of_any_size() -> None:
    layer = nn.AdaptiveAvgPool2d((2, 1))
    for shape in ((2, 3, 5, 4), (3, 9, 9)):
        x = random_normal(shape, np.float32)
        y = layer(x)
        assert_equal(y, reference.adaptive_avg_pool2d(x, (2, 1)))
        g = random_normal(y.shape, np.float32)
        x[...], y[...] = 0, 0
        grad_input = layer.backward(g)
        assert grad_input is not None
        assert_equal(grad_input, reference.adaptive_avg_pool2d_backward(g, shape))
        assert layer.backward(g, needs_input_grad=False) is None
        with pytest.raises(ValueError, match=r"^grad_output must have shape .* \(the output of this pooling\), got"):
            layer.backward(np.ones((*shape[:-2], 1, 2), np.float32))
        with pytest.raises(TypeError, match=r"^grad_output must have the dtype of input, float32, got float64$"):
            layer.backward(g.astype(np.float64))
