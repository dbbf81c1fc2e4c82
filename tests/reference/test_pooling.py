"""Pooling: ties, NaN, padding, window counts, and the order in which sums and gradients are added.

Each rule is a test by name: the numbers, worked by hand, say what the rule is, and torch, asked the same, shows that it
is torch's.  Results are compared bit for bit, so that -0.0 is told from 0.0.
"""

from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F

import reference
from reference import nn, windows
from tests.reference.comparing import (
    INF,
    NAN,
    assert_bits,
    both_dtypes,
    differentiate,
    image,
    random_integers,
    random_normal,
)
from torch_parity.proof.backend import tensor
from torch_parity.proof.cases import numbers
from torch_parity.proof.compare import same_bits

# Max pooling.


@both_dtypes
@pytest.mark.parametrize(
    ("window", "index"),
    [
        ([[7, 7], [7, 7]], 0),
        ([[0, 7], [7, 7]], 1),
        ([[0, 0], [7, 7]], 2),
        ([[0, 7], [7, 0]], 1),
        ([[-0.0, 0.0], [0.0, -0.0]], 0),  # equal numbers, though not of equal bits
        ([[INF, INF], [0, INF]], 0),
    ],
)
def test_the_first_of_tied_maxima_wins_and_takes_the_whole_gradient(window: Any, index: int, dtype: Any) -> None:
    x = image(*window, dtype=dtype)
    y, indices = reference.max_pool2d(x, 2, return_indices=True)
    assert indices.tolist() == [[[[index]]]]
    assert_bits(y, x.reshape(4)[index].reshape(1, 1, 1, 1))
    expected = np.zeros(4)
    expected[index] = 5
    grad_output = image([5], dtype=dtype)
    assert_bits(reference.max_pool2d_backward(grad_output, indices, x.shape), expected.reshape(x.shape))
    theirs, their_indices = F.max_pool2d(tensor(x), 2, return_indices=True)
    _, (their_grad,) = differentiate(lambda x: F.max_pool2d(x, 2), (x,), grad_output)
    assert_bits(theirs.numpy(), y)
    assert_bits(their_indices.numpy(), indices)
    assert_bits(their_grad, expected.reshape(x.shape))


def test_two_thirds_of_the_windows_on_mnist_are_tied_and_both_sides_break_the_ties_alike() -> None:
    images = reference.datasets.normalize(reference.datasets.mnist().test_images[:300])
    for seed in range(3):
        nn.manual_seed(seed)
        maps = reference.relu(nn.Conv2d(1, 8, 3)(images))
        y, indices = reference.max_pool2d(maps, 2, return_indices=True)
        in_windows = maps.reshape(300, 8, 13, 2, 13, 2)
        tied = (in_windows == y[:, :, :, np.newaxis, :, np.newaxis]).sum(axis=(3, 5)) > 1
        assert 0.6 < tied.mean() < 0.8
        their_y, their_indices = F.max_pool2d(tensor(maps), 2, return_indices=True)
        assert_bits(y, their_y.numpy())
        assert_bits(indices, their_indices.numpy())
        grad_output = random_normal(y.shape, np.float32, seed)
        _, (theirs,) = differentiate(lambda x: F.max_pool2d(x, 2), (maps,), grad_output)
        assert_bits(reference.max_pool2d_backward(grad_output, indices, maps.shape), theirs)


@both_dtypes
@pytest.mark.parametrize(
    ("window", "index"),
    [
        ([[NAN, 1], [2, 3]], 0),
        ([[9, 1], [2, NAN]], 3),
        ([[NAN, INF], [NAN, 3]], 2),
        ([[NAN, NAN], [NAN, NAN]], 3),
        ([[INF, NAN], [-INF, INF]], 1),
    ],
)
def test_max_pooling_gives_nan_at_the_last_nan(window: Any, index: int, dtype: Any) -> None:
    x = image(*window, dtype=dtype)
    y, indices = reference.max_pool2d(x, 2, return_indices=True)
    theirs, their_indices = F.max_pool2d(tensor(x), 2, return_indices=True)
    for values, positions in ((y, indices), (theirs.numpy(), their_indices.numpy())):
        assert_bits(values, image([NAN]))
        assert positions.tolist() == [[[[index]]]]


@both_dtypes
def test_padding_never_wins_a_max_pooling(dtype: Any) -> None:
    x = image([-5, -2], [-3, -4], dtype=dtype)
    y, indices = reference.max_pool2d(x, 3, 1, 1, return_indices=True)
    theirs, their_indices = F.max_pool2d(tensor(x), 3, 1, 1, return_indices=True)
    for values, positions in ((y, indices), (theirs.numpy(), their_indices.numpy())):
        assert_bits(values, image([-2, -2], [-2, -2], dtype=dtype))
        assert positions.tolist() == [[[[1, 1], [1, 1]]]]


@both_dtypes
def test_in_a_window_of_minus_infinities_the_first_pixel_wins_over_the_padding(dtype: Any) -> None:
    x = np.full((1, 1, 3, 3), -INF, dtype)
    y, indices = reference.max_pool2d(x, 2, 2, 1, return_indices=True)
    theirs, their_indices = F.max_pool2d(tensor(x), 2, 2, 1, return_indices=True)
    for values, positions in ((y, indices), (theirs.numpy(), their_indices.numpy())):
        assert_bits(values, np.full((1, 1, 2, 2), -INF))
        assert positions.tolist() == [[[[0, 1], [3, 4]]]]


@pytest.mark.parametrize(
    ("size", "kernel", "stride", "padding", "dilation", "ceil_mode"),
    [
        ((2, 2), 2, 1, 1, 3, False),
        ((1, 4), (2, 1), 1, (1, 0), (2, 1), False),
        ((4, 3), (1, 2), 1, (0, 1), (1, 4), True),
    ],
)
def test_a_window_wholly_in_padding_is_an_error(
    size: tuple[int, int], kernel: Any, stride: int, padding: Any, dilation: Any, ceil_mode: bool
) -> None:
    x = np.ones((1, 1, *size), np.float32)
    theirs, indices = F.max_pool2d(tensor(x), kernel, stride, padding, dilation, ceil_mode, return_indices=True)
    sees_nothing = theirs == -INF
    assert sees_nothing.any()
    assert not ((indices[sees_nothing] >= 0) & (indices[sees_nothing] < x.size)).all()  # torch's index is no pixel
    for return_indices in (False, True):
        with pytest.raises(ValueError, match="every window must see at least one"):
            reference.max_pool2d(x, kernel, stride, padding, dilation, ceil_mode, return_indices)  # type: ignore[call-overload]


@both_dtypes
@pytest.mark.parametrize(("kernel", "stride"), [(2, 2), (2, 1), (1, 1), (3, 3)])
def test_max_pooling_turns_an_upstream_minus_zero_into_plus_zero(kernel: int, stride: int, dtype: Any) -> None:
    x = random_normal((2, 3, 6, 6), dtype)
    y, indices = reference.max_pool2d(x, kernel, stride, return_indices=True)
    upstream = np.full(y.shape, -0.0, dtype)
    assert_bits(reference.max_pool2d_backward(upstream, indices, x.shape), np.zeros(x.shape))
    _, (theirs,) = differentiate(lambda x: F.max_pool2d(x, kernel, stride), (x,), upstream)
    assert_bits(theirs, np.zeros(x.shape))


@pytest.mark.parametrize("block_bytes", [1, 800, 100_000])
@pytest.mark.parametrize(
    ("kernel", "stride", "dilation"), [(2, 1, 1), (2, 2, 1), (2, 3, 1), (3, 2, 1), (2, 2, 2), ((2, 3), (1, 3), (3, 2))]
)
def test_max_pooling_is_the_same_in_blocks_of_channels_of_any_size(
    kernel: Any, stride: Any, dilation: Any, block_bytes: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And so is its gradient, from the windows or from the indices alone: bit for bit, -0.0 and NaN included."""
    monkeypatch.setattr(reference.pooling, "BLOCK_BYTES", block_bytes)
    for kind in ("ties", "extremes", "real"):
        x = numbers(np.random.default_rng(1), (2, 5, 7, 6), kind, np.dtype(np.float32))
        theirs, places = F.max_pool2d(tensor(x), kernel, stride, 1, dilation, return_indices=True)
        output, maxima = reference.pooling.find_maxima(x, kernel, stride, 1, dilation, False)
        assert same_bits(output, theirs.numpy()).all()
        assert (maxima.indices() == places.numpy()).all()
        g = numbers(np.random.default_rng(2), theirs.shape, "ties", np.dtype(np.float32))
        of_windows = maxima.gradient(g)
        assert same_bits(of_windows, reference.max_pool2d_backward(g, maxima.indices(), x.shape)).all()


def test_a_minus_zero_in_one_block_of_channels_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reference.pooling, "BLOCK_BYTES", 1)
    x = np.zeros((1, 3, 1, 64), np.float32)
    x[:, 1, :, ::2] = -0.0  # the first of each pair, so the maximum
    assert_bits(reference.max_pool2d(x, (1, 2)), F.max_pool2d(tensor(x), (1, 2)).numpy())
    assert np.signbit(reference.max_pool2d(x, (1, 2))[:, 1]).all()


@pytest.mark.parametrize("block_bytes", [1, 800, 100_000])
@pytest.mark.parametrize("stride", [1, 2, 3, 4])
def test_average_pooling_is_the_same_in_blocks_of_channels_of_any_size(
    stride: int, block_bytes: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reference.pooling, "BLOCK_BYTES", block_bytes)
    x = random_normal((2, 5, 7, 6), np.float32)
    g = random_normal(reference.avg_pool2d(x, 3, stride, 1).shape, np.float32)
    theirs, (grad,) = differentiate(lambda x: F.avg_pool2d(x, 3, stride, 1), (x,), g)
    assert_bits(reference.avg_pool2d(x, 3, stride, 1), theirs)
    assert_bits(reference.avg_pool2d_backward(g, x.shape, 3, stride, 1), grad)


@pytest.mark.parametrize("kernel", [(17, 16), (1, 300), (256, 1), (255, 1)])
def test_max_pooling_counts_more_taps_than_fit_into_a_byte(kernel: tuple[int, int]) -> None:
    height, width = kernel
    x = np.zeros((2, 1, height, width + 1))
    x[0, 0, -1, -2:] = 1, 2  # the last taps of two windows that overlap
    x[1, 0, 0, :2] = 1, 2  # the first ones
    output, indices = reference.max_pool2d(x, kernel, 1, return_indices=True)
    theirs, places = F.max_pool2d(tensor(x), kernel, 1, return_indices=True)
    assert_bits(output, theirs.numpy())
    assert (indices == places.numpy()).all()
    g = np.arange(1.0, 1 + output.size).reshape(output.shape)
    layer = nn.MaxPool2d(kernel, 1)
    layer(x)
    _, (theirs_grad,) = differentiate(lambda x: F.max_pool2d(x, kernel, 1), (x,), g)
    for grad in (reference.max_pool2d_backward(g, indices, x.shape), layer.backward(g)):
        assert grad is not None
        assert_bits(grad, theirs_grad)


@pytest.mark.parametrize("ceil_mode", [False, True])
@pytest.mark.parametrize("padding", [0, 1])
@pytest.mark.parametrize(("kernel", "stride"), [(2, 2), (3, 1), (3, 2), (3, 3), (2, 3), (5, 4)])
@pytest.mark.parametrize("size", [13, 27, 40])
def test_the_windows_that_indices_tell_are_no_larger_than_those_they_came_from(
    size: int, kernel: int, stride: int, padding: int, ceil_mode: bool
) -> None:
    """Else the gradient from indices would go through many more taps."""
    x = random_normal((30, 2, size, size + 1))
    _, indices = reference.max_pool2d(x, kernel, stride, padding, 1, ceil_mode, return_indices=True)
    found = reference.pooling._maxima_at(indices, x.shape)
    true = [windows.pool_windows(n, kernel, stride, padding, 1, ceil_mode) for n in x.shape[-2:]]
    for axis, wanted in zip((found.rows, found.columns), true, strict=True):
        assert (axis.size, axis.kernel, axis.stride, axis.outputs) == (wanted.size, kernel, stride, wanted.outputs)
        assert axis.before == padding
        assert axis.after == max(0, (wanted.outputs - 1) * stride + kernel - padding - wanted.size)
        assert axis.dilation == 1
    assert (found.indices() == indices).all()


@pytest.mark.parametrize(("kernel", "padding", "dilation"), [(3, 1, 2), (4, 2, 3), (5, 2, 1)])
def test_in_a_dilated_window_of_minus_infinities_the_first_pixel_wins(kernel: int, padding: int, dilation: int) -> None:
    x = np.full((1, 1, 14, 15), -INF)
    _, indices = reference.max_pool2d(x, kernel, 1, padding, dilation, return_indices=True)
    _, theirs = F.max_pool2d(tensor(x), kernel, 1, padding, dilation, return_indices=True)
    assert (indices == theirs.numpy()).all()


@pytest.mark.parametrize("shape", [(2, 3, 4, 5), (3, 4, 5), (1, 1, 1, 1), (2, 1, 9, 2)])
@pytest.mark.parametrize("size", [(7, 6), (1, 13), (30, 2)])
def test_the_gradient_of_max_pooling_goes_to_any_indices(shape: tuple[int, ...], size: tuple[int, int]) -> None:
    """Also to those that no windows would have: it is the definition's sum, whatever the indices."""
    indices = np.random.default_rng([*shape, *size]).integers(0, size[0] * size[1], shape)
    g = random_integers(shape)
    input_shape = (*shape[:-2], *size)
    expected = np.zeros((*shape[:-2], size[0] * size[1]))
    for place in np.ndindex(shape):
        expected[(*place[:-2], indices[place])] += g[place]
    assert_bits(reference.max_pool2d_backward(g, indices, input_shape), expected.reshape(input_shape) + 0)


@pytest.mark.parametrize("padding", [0, 1])
def test_max_pooling_keeps_where_the_maxima_stood(padding: int) -> None:
    layer = nn.MaxPool2d(3, 2, padding)
    with pytest.raises(RuntimeError, match="MaxPool2d: call forward before backward"):
        _ = layer.indices
    x = random_integers((2, 3, 7, 6))
    layer(x)
    _, indices = reference.max_pool2d(x, 3, 2, padding, return_indices=True)
    assert layer.indices.dtype == np.int64
    np.testing.assert_array_equal(layer.indices, indices)


# Average pooling.  1e8 + 1 is 1e8 in float32, so sums of such numbers tell the order in which they were added.


def test_average_pooling_adds_in_row_major_order() -> None:
    x = image([1e8, 1], [-1e8, 1])
    expected = image([0.25])  # ((1e8 + 1) - 1e8) + 1 = 1.  By columns it would be 2, backwards 0.
    assert_bits(reference.avg_pool2d(x, 2), expected)
    assert_bits(F.avg_pool2d(tensor(x), 2).numpy(), expected)
    assert_bits(reference.avg_pool2d(x.transpose(0, 1, 3, 2), 2), image([0.5]))
    assert_bits(reference.avg_pool2d(x[..., ::-1, ::-1], 2), image([0.0]))


def test_average_pooling_divides_once() -> None:
    x = image([1, 3, 1])
    expected = image([np.float32(5) / np.float32(3)])
    reciprocal = image([np.float32(5) * (1 / np.float32(3))])
    assert expected != reciprocal
    assert_bits(reference.avg_pool2d(x, (1, 3)), expected)
    assert_bits(F.avg_pool2d(tensor(x), (1, 3)).numpy(), expected)
    # The sum comes first: here it overflows where quotients would not.
    largest = np.finfo(np.float32).max
    assert_bits(reference.avg_pool2d(image([largest, largest]), (1, 2)), image([INF]))
    assert_bits(F.avg_pool2d(tensor(image([largest, largest])), (1, 2)).numpy(), image([INF]))


def test_average_pooling_rounds_its_divisor_before_dividing() -> None:
    """1 / (2**24 + 1) is below 2**-24 in float32 too; but the divisor itself has become 2**24 there."""
    x = np.ones((1, 1, 1, 1), np.float32)
    mean = reference.avg_pool2d(x, 1, divisor_override=2**24 + 1)
    theirs, (grad,) = differentiate(lambda x: F.avg_pool2d(x, 1, divisor_override=2**24 + 1), (x,), x)
    assert_bits(mean, np.full_like(x, 2**-24))
    assert_bits(theirs, mean)
    assert_bits(reference.avg_pool2d_backward(x, x.shape, 1, divisor_override=2**24 + 1), grad)


def test_a_mean_of_minus_zeros_is_plus_zero() -> None:
    for x, divisor in ((image([-0.0, -0.0]), None), (image([0.0, 0.0]), -7)):
        ours = reference.avg_pool2d(x, (1, 2), divisor_override=divisor)
        theirs = F.avg_pool2d(tensor(x), (1, 2), divisor_override=divisor)
        assert_bits(ours, image([0.0]))
        assert_bits(theirs.numpy(), image([0.0]))


def test_the_gradient_of_average_pooling_divides_first() -> None:
    largest = np.finfo(np.float32).max
    grad_output = image([largest, largest])
    expected = image([largest / 2, largest, largest / 2])  # the sum of both gradients would overflow
    assert_bits(reference.avg_pool2d_backward(grad_output, (1, 1, 1, 3), (1, 2), 1), expected)
    _, (theirs,) = differentiate(lambda x: F.avg_pool2d(x, (1, 2), 1), (image([1, 2, 3]),), grad_output)
    assert_bits(theirs, expected)
    # ... and divides: 5 times the reciprocal of 3 is another number.
    third = np.float32(5) / np.float32(3)
    assert_bits(reference.avg_pool2d_backward(image([5]), (1, 1, 1, 3), (1, 3)), image([third, third, third]))


@both_dtypes
@pytest.mark.parametrize(("kernel", "stride"), [(2, 2), (2, 1), (1, 1), (3, 3)])
def test_average_pooling_turns_an_upstream_minus_zero_into_plus_zero(kernel: int, stride: int, dtype: Any) -> None:
    x = random_normal((2, 3, 6, 6), dtype)
    upstream = np.full(reference.avg_pool2d(x, kernel, stride).shape, -0.0, dtype)
    assert_bits(reference.avg_pool2d_backward(upstream, x.shape, kernel, stride), np.zeros(x.shape))
    _, (theirs,) = differentiate(lambda x: F.avg_pool2d(x, kernel, stride), (x,), upstream)
    assert_bits(theirs, np.zeros(x.shape))


# Divisors of the average.  Windows of 3 at stride 2 over 4 pixels of value 12, one pixel of padding on each side:
# [_ 0 1] [1 2 3] [3 _ .], where the last one hangs over the edge by one, sums 24, 36, 12.


@pytest.mark.parametrize(
    ("count_include_pad", "divisor_override", "means"),
    [
        (True, None, [8.0, 12.0, 6.0]),  # 24/3, 36/3, 12/2: the window is clipped to the padded image
        (False, None, [12.0, 12.0, 12.0]),  # 24/2, 36/3, 12/1
        (True, 4, [6.0, 9.0, 3.0]),
        (False, 4, [6.0, 9.0, 3.0]),
        (True, -2, [-12.0, -18.0, -6.0]),
    ],
)
@pytest.mark.parametrize("along_rows", [True, False])
def test_average_pooling_divisor_in_ceil_mode(
    count_include_pad: bool, divisor_override: int | None, means: list[float], along_rows: bool
) -> None:
    x, expected = image([12, 12, 12, 12]), image(means)
    kernel, stride, padding = (1, 3), (1, 2), (0, 1)
    if not along_rows:
        x, expected = x.transpose(0, 1, 3, 2), expected.transpose(0, 1, 3, 2)
        kernel, stride, padding = (3, 1), (2, 1), (1, 0)
    arguments: tuple[Any, ...] = (kernel, stride, padding, True, count_include_pad, divisor_override)
    assert_bits(reference.avg_pool2d(x, *arguments), expected)
    # Upstream each window gets its own sum, so its pixels get sum / divisor: its mean.  Pixel 1 is in two windows,
    # pixel 3 too.
    first, second, third = means
    grad = np.array([first, first + second, second, second + third], np.float32).reshape(x.shape)
    grad_output = np.array([24, 36, 12], np.float32).reshape(expected.shape)
    theirs, (their_grad,) = differentiate(lambda x: F.avg_pool2d(x, *arguments), (x,), grad_output)
    assert_bits(theirs, expected)
    assert_bits(reference.avg_pool2d_backward(grad_output, x.shape, *arguments), grad)
    assert_bits(their_grad, grad)


def test_average_pooling_divisor_in_ceil_mode_on_both_axes() -> None:
    x = np.full((1, 1, 3, 3), 4, np.float32)
    # The four windows of 2x2 see 4, 2, 2 and 1 pixels; without padding there is nothing else to count.
    assert_bits(reference.avg_pool2d(x, 2, ceil_mode=True), np.full((1, 1, 2, 2), 4))
    assert_bits(reference.avg_pool2d(x, 2, ceil_mode=True, divisor_override=1), image([16, 8], [8, 4]))
    assert_bits(F.avg_pool2d(tensor(x), 2, ceil_mode=True, divisor_override=1).numpy(), image([16, 8], [8, 4]))
    grad = reference.avg_pool2d_backward(image([4, 4], [4, 4]), x.shape, 2, ceil_mode=True)
    assert_bits(grad, image([1, 1, 2], [1, 1, 2], [2, 2, 4]))


# Both kinds.


def test_ceil_mode_size_by_hand() -> None:
    def outputs(n: int, k: int, s: int, p: int, d: int = 1) -> tuple[int, int]:
        floor, ceil = (windows.pool_windows(n, k, s, p, d, mode).outputs for mode in (False, True))
        return floor, ceil

    assert outputs(5, 2, 2, 0) == (2, 3)  # pixels 01 23 4.
    assert outputs(4, 2, 2, 0) == (2, 2)  # pixels 01 23: nothing is left over
    assert outputs(3, 2, 2, 1) == (2, 2)  # pixels _0 12 _.: the third would start in the padding after the image
    assert outputs(4, 2, 2, 1) == (3, 3)  # pixels _0 12 3_
    assert outputs(1, 1, 3, 0) == (1, 1)
    assert outputs(2, 1, 3, 0) == (1, 1)  # ceil(1/3) + 1 = 2, but the second would start at pixel 3
    assert outputs(6, 2, 3, 0, 2) == (2, 2)  # spans 3: pixels 012 345
    assert outputs(7, 2, 3, 0, 2) == (2, 3)  # pixels 012 345 6..


def test_ceil_mode_size_is_torchs_for_all_small_windows() -> None:
    compared = 0
    for n in range(1, 10):
        for k in range(1, 6):
            for s in range(1, 6):
                for p in range(k // 2 + 1):
                    for d in (1, 2, 3):
                        room = n + 2 * p - d * (k - 1) - 1
                        if room < 0:
                            continue
                        by_the_rule = -(-room // s) + 1
                        by_the_rule -= (by_the_rule - 1) * s >= n + p
                        theirs = F.max_pool2d(torch.zeros(1, n, 1), (k, 1), (s, 1), (p, 0), (d, 1), ceil_mode=True)
                        ours = windows.pool_windows(n, k, s, p, d, ceil_mode=True).outputs
                        assert ours == by_the_rule == theirs.shape[1], (n, k, s, p, d)
                        if d == 1:
                            x = np.zeros((1, n, 1), np.float32)
                            assert reference.avg_pool2d(x, (k, 1), (s, 1), (p, 0), True).shape == (1, ours, 1)
                        compared += 1
    assert compared > 800


@pytest.mark.parametrize(("kernel", "padding"), [(2, 2), (3, 2), ((1, 4), (1, 0)), ((4, 1), (2, 1))])
def test_pooling_pads_by_half_the_kernel_at_most(kernel: Any, padding: Any) -> None:
    x = np.ones((1, 1, 6, 6), np.float32)
    for ours, theirs in ((reference.max_pool2d, F.max_pool2d), (reference.avg_pool2d, F.avg_pool2d)):
        with pytest.raises(ValueError, match="at most half the kernel"):
            ours(x, kernel, padding=padding)
        with pytest.raises(RuntimeError, match="at most half of"):
            theirs(tensor(x), kernel, padding=padding)


def test_pooling_takes_strides_and_dilations_up_to_32_bits() -> None:
    """Beyond the image they do nothing; torch counts pixels in 32 bits and refuses more."""
    x = image([3, 1], [2, 4])
    for stride, dilation in ((100, 1), (2**31 - 1, 1), (1, 2**31 - 1)):
        y = reference.max_pool2d(x, 1, stride, dilation=dilation)
        assert_bits(y, F.max_pool2d(tensor(x), 1, stride, dilation=dilation).numpy())
    with pytest.raises(ValueError, match="32 bits"):
        reference.max_pool2d(x, 1, 1, dilation=2**31)
    with pytest.raises(ValueError, match="32 bits"):
        reference.max_pool2d(x, 1, 2**31)


@pytest.mark.parametrize(
    ("grad_output", "center"),
    [
        ([[4e8, 4], [-4e8, 4]], 1),  # ((1e8 + 1) - 1e8) + 1; by columns 2, backwards 0
        ([[4e8, -4e8], [4, 4]], 2),  # ((1e8 - 1e8) + 1) + 1; by columns 1, backwards 0
        ([[4, 4], [4e8, -4e8]], 0),  # ((1 + 1) + 1e8) - 1e8; by columns 1, backwards 2
    ],
)
def test_gradients_of_overlapping_windows_add_in_row_major_order_of_the_windows(grad_output: Any, center: int) -> None:
    g = image(*grad_output)
    x = image([0, 0, 0], [0, 9, 0], [0, 0, 0])  # the pixel in the middle takes part in all four windows
    average = reference.avg_pool2d_backward(g, x.shape, 2, 1)
    assert average[0, 0, 1, 1] == center
    _, (theirs,) = differentiate(lambda x: F.avg_pool2d(x, 2, 1), (x,), g)
    assert_bits(average, theirs)

    _, indices = reference.max_pool2d(x, 2, 1, return_indices=True)
    maximum = reference.max_pool2d_backward(g / np.float32(4), indices, x.shape)
    assert maximum[0, 0, 1, 1] == center
    _, (theirs,) = differentiate(lambda x: F.max_pool2d(x, 2, 1), (x,), g / np.float32(4))
    assert_bits(maximum, theirs)


@both_dtypes
@pytest.mark.parametrize("ceil_mode", [False, True])
@pytest.mark.parametrize(("kernel", "stride", "padding"), [((3, 2), (2, 1), (1, 0)), (3, 1, 1), ((2, 5), 2, (0, 2))])
def test_pooling_of_real_numbers_has_torchs_bits(
    kernel: Any, stride: Any, padding: Any, ceil_mode: bool, dtype: Any
) -> None:
    x = random_normal((3, 4, 11, 13), dtype)
    y = reference.avg_pool2d(x, kernel, stride, padding, ceil_mode)
    grad_output = random_normal(y.shape, dtype, 1)
    theirs, (grad,) = differentiate(lambda x: F.avg_pool2d(x, kernel, stride, padding, ceil_mode), (x,), grad_output)
    assert_bits(y, theirs)
    assert_bits(reference.avg_pool2d_backward(grad_output, x.shape, kernel, stride, padding, ceil_mode), grad)

    y, indices = reference.max_pool2d(x, kernel, stride, padding, 1, ceil_mode, return_indices=True)
    theirs, (grad,) = differentiate(lambda x: F.max_pool2d(x, kernel, stride, padding, 1, ceil_mode), (x,), grad_output)
    assert_bits(y, theirs)
    assert_bits(reference.max_pool2d_backward(grad_output, indices, x.shape), grad)
