"""What torch does where a formula leaves a choice: each rule by name, in numbers worked by hand and against torch.

The numbers say what the rule is; torch, asked the same, shows that the rule is torch's.  Results are compared bit for
bit, so that -0.0 is told from 0.0, unless a logarithm is in them.
"""

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import torch
import torch.nn.functional as F

import reference
from reference import nn, optim, windows
from torch_parity.proof import bounds
from torch_parity.proof.backend import tensor, torch_as_measured
from torch_parity.proof.cases import Case
from torch_parity.proof.compare import compare, same_bits

Array = npt.NDArray[Any]

NAN, INF = math.nan, math.inf
LOG2, LOG4 = math.log(2), math.log(4)
both_dtypes = pytest.mark.parametrize("dtype", [np.float32, np.float64])


def image(*rows: Any, dtype: Any = np.float32) -> Array:
    """One image of one channel, (1, 1, H, W)."""
    return np.array([[rows]], dtype)


def assert_bits(actual: Array | None, expected: Any) -> None:
    """Shape and every bit, NaN equal to NaN."""
    assert actual is not None
    wanted = np.asarray(expected, actual.dtype)
    assert actual.shape == wanted.shape
    assert same_bits(actual, wanted).all(), f"{actual} is not {wanted}"


def differentiate(twin: Callable[..., Any], arrays: tuple[Array, ...], grad_output: Array) -> tuple[Array, list[Array]]:
    """torch's output, and its gradients for all of ``arrays``."""
    tensors = [tensor(array).requires_grad_() for array in arrays]
    with torch_as_measured():
        output = twin(*tensors)
        output.backward(tensor(grad_output))
    grads = [t.grad for t in tensors]
    return output.detach().numpy(), [g.numpy() for g in grads if g is not None]


def random(shape: tuple[int, ...], dtype: Any, seed: int = 0) -> Array:
    return np.random.default_rng(seed).standard_normal(shape).astype(dtype)


# Convolution.


def test_the_kernel_of_a_convolution_is_not_flipped() -> None:
    x = image([1, 2, 3], [4, 5, 6], [7, 8, 9])
    kernel = image([1, 10], [0, 0])
    expected = image([21, 32], [54, 65])  # 1*1 + 10*2, where a flipped kernel gives 10*4 + 1*5
    assert_bits(reference.conv2d(x, kernel), expected)
    assert_bits(F.conv2d(tensor(x), tensor(kernel)).numpy(), expected)


def test_the_gradients_of_a_convolution_are_not_flipped_either() -> None:
    x = image([1, 2, 3], [4, 5, 6], [7, 8, 9])
    kernel = image([1, 10], [100, 1000])
    grad_output = image([0, 0], [0, 1])  # the window at the bottom right alone
    expected = image([0, 0, 0], [0, 1, 10], [0, 100, 1000]), image([5, 6], [8, 9]), np.ones(1, np.float32)
    grads = reference.conv2d_backward(grad_output, x, kernel)
    _, theirs = differentiate(F.conv2d, (x, kernel, np.zeros(1, np.float32)), grad_output)
    for ours, torchs, wanted in zip(grads, theirs, expected, strict=True):
        assert_bits(ours, wanted)
        assert_bits(torchs, wanted)


@pytest.mark.parametrize(
    ("kernel", "dilation", "expected"),
    [
        # One pixel of padding: none before, one after.
        ([[1, 1], [1, 1]], 1, [[12, 16, 9], [24, 28, 15], [15, 17, 9]]),
        # A span of 4 pads by 3: one before, two after.  Column taps -1 and 2: 10*3, 1, 2.
        ([[10, 1]], (1, 3), [[3, 10, 20], [6, 40, 50], [9, 70, 80]]),
    ],
)
def test_same_padding_with_an_even_kernel_pads_bottom_and_right(kernel: Any, dilation: Any, expected: Any) -> None:
    x, k = image([1, 2, 3], [4, 5, 6], [7, 8, 9]), image(*kernel)
    assert_bits(reference.conv2d(x, k, padding="same", dilation=dilation), image(*expected))
    _, (grad_x, grad_k) = differentiate(
        lambda x, k: F.conv2d(x, k, padding="same", dilation=dilation), (x, k), image(*expected)
    )
    with torch_as_measured():
        theirs = F.conv2d(tensor(x), tensor(k), padding="same", dilation=dilation)
    assert_bits(theirs.numpy(), image(*expected))
    grads = reference.conv2d_backward(image(*expected), x, k, padding="same", dilation=dilation)
    assert_bits(grads[0], grad_x)
    assert_bits(grads[1], grad_k)


def test_same_padding_with_a_stride_is_an_error() -> None:
    x = image([1, 2, 3], [4, 5, 6], [7, 8, 9])
    for stride in (2, (1, 2), (2, 1)):
        with pytest.raises(ValueError, match="stride must be 1"):
            reference.conv2d(x, x, stride=stride, padding="same")
        with pytest.raises(RuntimeError, match="not supported for strided"):
            F.conv2d(tensor(x), tensor(x), stride=stride, padding="same")
        with pytest.raises(ValueError, match="stride must be 1"):
            nn.Conv2d(1, 1, 3, stride=stride, padding="same")
        with pytest.raises(ValueError, match="not supported for strided"):
            torch.nn.Conv2d(1, 1, 3, stride=stride, padding="same")


@both_dtypes
@pytest.mark.parametrize("pixel", [INF, -INF, NAN])
def test_a_zero_weight_does_not_hide_an_infinite_pixel(pixel: float, dtype: Any) -> None:
    x = image([1, pixel, 2], dtype=dtype)
    kernel = image([3, 0], dtype=dtype)
    expected = image([NAN, 3 * pixel], dtype=dtype)  # 3*1 + inf*0, and 3*inf + 0*2
    assert_bits(reference.conv2d(x, kernel), expected)
    assert_bits(F.conv2d(tensor(x), tensor(kernel)).numpy(), expected)


@both_dtypes
def test_a_zero_gradient_does_not_hide_an_infinite_pixel_from_the_weight(dtype: Any) -> None:
    x = image([1, INF, 2], dtype=dtype)
    kernel = image([3, 1], dtype=dtype)
    grad_output = image([1, 0], dtype=dtype)
    expected = image([NAN, INF], dtype=dtype)  # 1*1 + 0*inf, and 1*inf + 0*2
    _, (_, grad_k) = differentiate(F.conv2d, (x, kernel), grad_output)
    assert_bits(reference.conv2d_backward(grad_output, x, kernel)[1], expected)
    assert_bits(grad_k, expected)


def test_an_infinite_weight_on_zero_padding_is_nan() -> None:
    # What torch gives depends on its backend, so only the rule of the reference is held here.
    output = reference.conv2d(image([1, 2]), image([1, 1, INF]), padding=(0, 1))
    assert_bits(output, image([INF, NAN]))  # 0*1 + 1*1 + 2*inf, and 1*1 + 2*1 + 0*inf


def test_a_convolution_of_single_precision_overflows_in_single_precision() -> None:
    """1e30 * 1e30 - 1e30 * 1e30 is 0 in double precision; here it is NaN, or infinite if products are not rounded."""
    x, k = image([1e30, 1e30]), image([1e30, -1e30])
    assert not np.isfinite(reference.conv2d(x, k)).any()
    assert not np.isfinite(F.conv2d(tensor(x), tensor(k)).numpy()).any()
    # The gradient of the weight adds up over two images.
    batch, upstream = np.concatenate([x, -x]), np.full((2, 1, 1, 1), 1e30, np.float32)
    _, grad_weight, _ = reference.conv2d_backward(upstream, batch, k)
    _, (theirs,) = differentiate(lambda k: F.conv2d(tensor(batch), k), (k,), upstream)
    for grad in (grad_weight, theirs):
        assert grad is not None
        assert not np.isfinite(grad).any()


# Gradients that accumulate start from +0, and so an upstream -0 arrives as +0.


@both_dtypes
@pytest.mark.parametrize(("kernel", "stride"), [(2, 2), (2, 1), (1, 1), (3, 3)])
def test_max_pooling_turns_an_upstream_minus_zero_into_plus_zero(kernel: int, stride: int, dtype: Any) -> None:
    x = random((2, 3, 6, 6), dtype)
    y, indices = reference.max_pool2d(x, kernel, stride, return_indices=True)
    upstream = np.full(y.shape, -0.0, dtype)
    assert_bits(reference.max_pool2d_backward(upstream, indices, x.shape), np.zeros(x.shape))
    _, (theirs,) = differentiate(lambda x: F.max_pool2d(x, kernel, stride), (x,), upstream)
    assert_bits(theirs, np.zeros(x.shape))


@both_dtypes
@pytest.mark.parametrize(("kernel", "stride"), [(2, 2), (2, 1), (1, 1), (3, 3)])
def test_average_pooling_turns_an_upstream_minus_zero_into_plus_zero(kernel: int, stride: int, dtype: Any) -> None:
    x = random((2, 3, 6, 6), dtype)
    upstream = np.full(reference.avg_pool2d(x, kernel, stride).shape, -0.0, dtype)
    assert_bits(reference.avg_pool2d_backward(upstream, x.shape, kernel, stride), np.zeros(x.shape))
    _, (theirs,) = differentiate(lambda x: F.avg_pool2d(x, kernel, stride), (x,), upstream)
    assert_bits(theirs, np.zeros(x.shape))


@both_dtypes
@pytest.mark.parametrize("amounts", [(1, 1, 1, 1), (1, 0, 0, 0), (2, 1, 0, 2), (0, -1, 1, 1)])
@pytest.mark.parametrize("mode", ["reflect", "replicate", "circular"])
def test_padding_that_repeats_pixels_turns_an_upstream_minus_zero_into_plus_zero(
    mode: str, amounts: tuple[int, ...], dtype: Any
) -> None:
    x = random((1, 2, 4, 5), dtype)
    upstream = np.full(reference.pad(x, amounts, mode).shape, -0.0, dtype)
    assert_bits(reference.pad_backward(upstream, x.shape, amounts, mode), np.zeros(x.shape))
    if mode != "circular" or amounts == (1, 1, 1, 1):  # torch's circular padding copies where nothing is repeated
        _, (theirs,) = differentiate(lambda x: F.pad(x, amounts, mode), (x,), upstream)
        assert_bits(theirs, np.zeros(x.shape))


@both_dtypes
def test_padding_with_a_constant_copies_an_upstream_minus_zero(dtype: Any) -> None:
    x = random((1, 2, 4, 5), dtype)
    upstream = np.full((1, 2, 5, 7), -0.0, dtype)
    expected = np.full(x.shape, -0.0)
    assert_bits(reference.pad_backward(upstream, x.shape, (1, 1, 1, 0)), expected)
    _, (theirs,) = differentiate(lambda x: F.pad(x, (1, 1, 1, 0)), (x,), upstream)
    assert_bits(theirs, expected)
    # A pixel cut off has no copy, and gets +0.
    cut = image([0, -0.0, -0.0], dtype=dtype)
    assert_bits(reference.pad_backward(cut[..., 1:], (1, 1, 1, 3), (-1, 0)), cut)
    _, (theirs,) = differentiate(lambda x: F.pad(x, (-1, 0)), (image([1, 2, 3], dtype=dtype),), cut[..., 1:])
    assert_bits(theirs, cut)


@both_dtypes
@pytest.mark.parametrize("sign", [1, -1])
def test_padding_takes_constants_up_to_the_largest_number(sign: int, dtype: Any) -> None:
    x, largest = np.zeros((1, 2), dtype), sign * float(np.finfo(dtype).max)
    expected = np.array([[largest, 0, 0]], dtype)
    assert_bits(reference.pad(x, (1, 0), value=largest), expected)
    assert_bits(F.pad(tensor(x), (1, 0), value=largest).numpy(), expected)


@pytest.mark.parametrize("amounts", [(0, 0), (0, -1), (-1, 0)])
def test_padding_that_only_cuts_takes_any_constant(amounts: tuple[int, int]) -> None:
    x = np.arange(3, dtype=np.float32)
    assert_bits(reference.pad(x, amounts, value=1e300), F.pad(tensor(x), amounts, value=1e300).numpy())


# ReLU.


@both_dtypes
def test_relu_keeps_minus_zero(dtype: Any) -> None:
    x = np.array([-0.0, 0.0, -1.0, 1.0, -INF, INF], dtype)
    expected = [-0.0, 0.0, 0.0, 1.0, 0.0, INF]
    assert_bits(reference.relu(x), expected)
    assert_bits(F.relu(tensor(x)).numpy(), expected)


@both_dtypes
def test_relu_keeps_nan(dtype: Any) -> None:
    x = np.array([NAN, -NAN, 1.0], dtype)
    assert_bits(reference.relu(x), [NAN, NAN, 1.0])
    assert_bits(F.relu(tensor(x)).numpy(), [NAN, NAN, 1.0])


@both_dtypes
@pytest.mark.parametrize(
    ("pixel", "passes"),
    [(0.0, False), (-0.0, False), (NAN, True), (1.0, True), (-1.0, False), (INF, True), (-INF, False), (1e-45, True)],
)
def test_relu_gradient_selects(pixel: float, passes: bool, dtype: Any) -> None:
    if pixel == 1e-45:
        pixel = float(np.finfo(dtype).smallest_subnormal)
    upstream = np.array([INF, -INF, NAN, -0.0, 0.0, 2.5, -1e-30], dtype)  # 0 * inf would be NaN
    x = np.full(upstream.shape, pixel, dtype)
    expected = upstream if passes else np.zeros(upstream.shape)
    assert_bits(reference.relu_backward(upstream, x), expected)
    _, (theirs,) = differentiate(F.relu, (x,), upstream)
    assert_bits(theirs, expected)


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
        grad_output = random(y.shape, np.float32, seed)
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
    blind = theirs == -INF
    assert blind.any()
    assert not ((indices[blind] >= 0) & (indices[blind] < x.size)).all()  # torch's index is no pixel
    for return_indices in (False, True):
        with pytest.raises(ValueError, match="every window must see at least one"):
            reference.max_pool2d(x, kernel, stride, padding, dilation, ceil_mode, return_indices)  # type: ignore[call-overload]


@pytest.mark.parametrize(("kernel", "padding"), [(2, 2), (3, 2), ((1, 4), (1, 0)), ((4, 1), (2, 1))])
def test_pooling_pads_by_half_the_kernel_at_most(kernel: Any, padding: Any) -> None:
    x = np.ones((1, 1, 6, 6), np.float32)
    for ours, theirs in ((reference.max_pool2d, F.max_pool2d), (reference.avg_pool2d, F.avg_pool2d)):
        with pytest.raises(ValueError, match="at most half the kernel"):
            ours(x, kernel, padding=padding)
        with pytest.raises(RuntimeError, match="at most half of"):
            theirs(tensor(x), kernel, padding=padding)


# Order of summation: 1e8 + 1 is 1e8 in float32, so these sums tell the order in which they were added.


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
    x = random((3, 4, 11, 13), dtype)
    y = reference.avg_pool2d(x, kernel, stride, padding, ceil_mode)
    grad_output = random(y.shape, dtype, 1)
    theirs, (grad,) = differentiate(lambda x: F.avg_pool2d(x, kernel, stride, padding, ceil_mode), (x,), grad_output)
    assert_bits(y, theirs)
    assert_bits(reference.avg_pool2d_backward(grad_output, x.shape, kernel, stride, padding, ceil_mode), grad)

    y, indices = reference.max_pool2d(x, kernel, stride, padding, 1, ceil_mode, return_indices=True)
    theirs, (grad,) = differentiate(lambda x: F.max_pool2d(x, kernel, stride, padding, 1, ceil_mode), (x,), grad_output)
    assert_bits(y, theirs)
    assert_bits(reference.max_pool2d_backward(grad_output, indices, x.shape), grad)


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


def test_average_pooling_rounds_its_divisor_before_dividing() -> None:
    """1 / (2**24 + 1) is below 2**-24 in float32 too; but the divisor itself has become 2**24 there."""
    x = np.ones((1, 1, 1, 1), np.float32)
    mean = reference.avg_pool2d(x, 1, divisor_override=2**24 + 1)
    theirs, (grad,) = differentiate(lambda x: F.avg_pool2d(x, 1, divisor_override=2**24 + 1), (x,), x)
    assert_bits(mean, np.full_like(x, 2**-24))
    assert_bits(theirs, mean)
    assert_bits(reference.avg_pool2d_backward(x, x.shape, 1, divisor_override=2**24 + 1), grad)


# Cross-entropy.  The scores log 2, 0, 0 have the probabilities 1/2, 1/4, 1/4, so losses of log 2, log 4, log 4.


def scores(samples: int, dtype: Any = np.float64) -> Array:
    return np.tile(np.array([LOG2, 0, 0], dtype), (samples, 1))


def losses(x: Array, target: Array, weight: Array | None = None, **options: Any) -> tuple[float, Array]:
    """The loss and its gradient, after comparing both with torch's."""
    loss = reference.cross_entropy(x, target, weight, **options)
    grad, _ = reference.cross_entropy_backward(np.asarray(1, x.dtype), x, target, weight, **options)
    scores = tensor(x).requires_grad_()
    theirs = F.cross_entropy(scores, tensor(target), None if weight is None else tensor(weight), **options)
    theirs.backward()  # type: ignore[no-untyped-call]
    assert scores.grad is not None
    np.testing.assert_allclose(loss, theirs.detach().numpy(), rtol=1e-14)
    np.testing.assert_allclose(grad, scores.grad.numpy(), rtol=1e-14, atol=1e-16)
    return float(loss), grad


@both_dtypes
@pytest.mark.parametrize("label_smoothing", [0.0, 0.25])
@pytest.mark.parametrize("weight", [None, [1, 2, 3]])
@pytest.mark.parametrize("samples", [3, 1])
def test_cross_entropy_of_ignored_samples_only(
    samples: int, weight: list[float] | None, label_smoothing: float, dtype: Any
) -> None:
    x, target = scores(samples, dtype), np.full(samples, -100)
    w = None if weight is None else np.array(weight, dtype)
    for reduction, expected in (("mean", NAN), ("sum", 0.0)):
        loss, grad = losses(x, target, w, reduction=reduction, label_smoothing=label_smoothing)
        np.testing.assert_equal(loss, expected)
        assert (grad == 0).all()
    kept = reference.cross_entropy(x, target, w, reduction="none", label_smoothing=label_smoothing)
    assert_bits(kept, np.zeros(samples))


def test_cross_entropy_mean_of_class_indices_weighs_the_samples() -> None:
    weight = np.array([1.0, 2.0, 5.0])
    loss, grad = losses(scores(3), np.array([0, 1, -100]), weight)
    # (1 log 2 + 2 log 4) / (1 + 2); the ignored row and the weight of class 2 take no part.
    assert loss == pytest.approx(5 * LOG2 / 3, rel=1e-15)
    rows = np.array([[-0.5, 0.25, 0.25], [1, -1.5, 0.5], [0, 0, 0]])
    np.testing.assert_allclose(grad * 3, rows, rtol=1e-14)


def test_cross_entropy_smoothing_with_weight_and_ignore_index() -> None:
    weight, e = np.array([1.0, 2.0, 5.0]), 0.3
    target = np.array([0, 1, 7])
    options: dict[str, Any] = {"ignore_index": 7, "label_smoothing": e}
    # Rows not ignored: sum w_y nll = 1 log 2 + 2 log 4 = 5 log 2.  Each row's -sum_c w_c log p_c is
    # 1 log 2 + 2 log 4 + 5 log 4 = 15 log 2, so 30 log 2 in all, of which e/C = 0.1 counts.  Divided by 1 + 2.
    mean, grad = losses(scores(3), target, weight, **options)
    assert mean == pytest.approx((0.7 * 5 + 0.1 * 30) * LOG2 / 3, rel=1e-14)
    total, grad_total = losses(scores(3), target, weight, reduction="sum", **options)
    assert total == pytest.approx((0.7 * 5 + 0.1 * 30) * LOG2, rel=1e-14)
    kept = reference.cross_entropy(scores(3), target, weight, reduction="none", **options)
    np.testing.assert_allclose(kept, [(0.7 * 1 + 1.5) * LOG2, (0.7 * 4 + 1.5) * LOG2, 0], rtol=1e-14)
    # Row 1 pulls on the log-probabilities with 0.7 + 0.1, 0.1 * 2, 0.1 * 5, in all 1.5; row 2 with 0.1, 1.6, 0.5.
    rows = np.array(
        [[1.5 / 2 - 0.8, 1.5 / 4 - 0.2, 1.5 / 4 - 0.5], [2.2 / 2 - 0.1, 2.2 / 4 - 1.6, 2.2 / 4 - 0.5], [0, 0, 0]]
    )
    np.testing.assert_allclose(grad_total, rows, rtol=1e-13)
    np.testing.assert_allclose(grad * 3, rows, rtol=1e-13)


def test_cross_entropy_mean_of_probabilities_divides_by_the_number_of_samples() -> None:
    weight = np.array([1.0, 2.0, 5.0])
    target = np.array([[1.0, 0.0, 0.0], [0.0, 0.5, 0.5]])
    loss, grad = losses(scores(2), target, weight)
    # (1 log 2 + (2/2 + 5/2) log 4) / 2 samples, though the weights sum to 8 and the samples' to 4.5.
    assert loss == pytest.approx((LOG2 + 3.5 * LOG4) / 2, rel=1e-15)
    np.testing.assert_allclose(grad * 2, [[-0.5, 0.25, 0.25], [1.75, -0.125, -1.625]], rtol=1e-14)
    # With two samples per image, N is still the number of samples: 2 * 2.
    maps = np.stack([scores(2), scores(2)], axis=-1)
    loss, _ = losses(maps, np.stack([target, target], axis=-1), weight)
    assert loss == pytest.approx((LOG2 + 3.5 * LOG4) / 2, rel=1e-15)


def test_cross_entropy_gradient_of_probabilities() -> None:
    weight, target = np.array([1.0, 2.0, 5.0]), np.array([[1.0, 0.0, 0.0], [0.0, 0.5, 0.5]])
    _, grad = reference.cross_entropy_backward(np.asarray(1.0), scores(2), target, weight, label_smoothing=0.5)
    expected = 0.5 / 2 * np.array([[LOG2, 2 * LOG4, 5 * LOG4]] * 2)  # (1 - e)/N times -w_c log p_c
    assert grad is not None
    np.testing.assert_allclose(grad, expected, rtol=1e-14)
    theirs = tensor(target).requires_grad_()
    loss = F.cross_entropy(tensor(scores(2)), theirs, tensor(weight), label_smoothing=0.5)
    loss.backward()  # type: ignore[no-untyped-call]
    assert theirs.grad is not None
    np.testing.assert_allclose(grad, theirs.grad.numpy(), rtol=1e-14)


IMPOSSIBLE = np.array([[0.0, -INF, 0.0]])  # probabilities 1/2, 0, 1/2
ZERO_WEIGHT = np.array([1.0, 0.0, 1.0])


def test_cross_entropy_is_finite_for_a_class_index_beside_an_impossible_class() -> None:
    loss, grad = losses(IMPOSSIBLE, np.array([0]))
    assert loss == pytest.approx(LOG2, rel=1e-15)
    np.testing.assert_allclose(grad, [[-0.5, 0, 0.5]], rtol=1e-15)
    loss, grad = losses(IMPOSSIBLE, np.array([1]))
    assert loss == INF
    np.testing.assert_allclose(grad, [[0.5, -1, 0.5]], rtol=1e-15)
    # A weight of 0 on the impossible class does no harm where that class is not the target.
    loss, _ = losses(IMPOSSIBLE, np.array([0]), ZERO_WEIGHT)
    assert loss == pytest.approx(LOG2, rel=1e-15)


def test_cross_entropy_is_infinite_under_smoothing_of_an_impossible_class() -> None:
    loss, grad = losses(IMPOSSIBLE, np.array([0]), label_smoothing=0.3)
    assert loss == INF
    np.testing.assert_allclose(grad, [[0.5 - 0.8, -0.1, 0.5 - 0.1]], rtol=1e-14)
    loss, _ = losses(IMPOSSIBLE, np.array([[1.0, 0.0, 0.0]]), label_smoothing=0.3)
    assert loss == INF


def test_cross_entropy_is_nan_for_a_probability_of_zero_of_an_impossible_class() -> None:
    loss, grad = losses(IMPOSSIBLE, np.array([[1.0, 0.0, 0.0]]))
    assert math.isnan(loss)  # 0 * inf
    np.testing.assert_allclose(grad, [[-0.5, 0, 0.5]], rtol=1e-15)
    loss, _ = losses(IMPOSSIBLE, np.array([[0.5, 0.5, 0.0]]))
    assert loss == INF


def test_cross_entropy_is_nan_for_a_class_weight_of_zero_of_an_impossible_class() -> None:
    assert math.isnan(losses(IMPOSSIBLE, np.array([0]), ZERO_WEIGHT, label_smoothing=0.3)[0])
    assert math.isnan(losses(IMPOSSIBLE, np.array([[0.0, 1.0, 0.0]]), ZERO_WEIGHT)[0])
    assert math.isnan(losses(IMPOSSIBLE, np.array([1]), ZERO_WEIGHT, reduction="sum")[0])


def test_cross_entropy_gradient_of_an_infinite_upstream_gradient() -> None:
    """Classes that are not the target take no part in the loss: they get +inf, and no NaN of 0 * inf."""
    x, target = scores(1), np.array([1])
    grad, _ = reference.cross_entropy_backward(np.asarray(INF), x, target, reduction="sum")
    _, (theirs,) = differentiate(lambda x: F.cross_entropy(x, tensor(target), reduction="sum"), (x,), np.asarray(INF))
    np.testing.assert_array_equal(grad, [[INF, NAN, INF]])
    np.testing.assert_array_equal(theirs, grad)


def test_cross_entropy_of_one_sample_takes_its_label_in_a_row() -> None:
    """torch's gradient refuses the label that its formula took."""
    x, label, row = scores(1)[0], np.array(1), np.array([1])
    loss, grad = losses(x, label)
    assert reference.cross_entropy(x, row) == F.cross_entropy(tensor(x), tensor(row)).numpy() == loss
    row_grad, _ = reference.cross_entropy_backward(np.asarray(1.0), x, row)
    np.testing.assert_array_equal(row_grad, grad)


def test_cross_entropy_of_ignored_samples_among_no_classes() -> None:
    loss, grad = losses(np.zeros((2, 0)), np.array([-100, -100]))
    assert math.isnan(loss)
    assert grad.shape == (2, 0)


@pytest.mark.parametrize(("score", "loss"), [(20.0, 2.061153620314381e-09), (50.0, 1.9287498479639178e-22)])
def test_the_loss_of_a_prediction_next_to_certain_is_not_zero(score: float, loss: float) -> None:
    """-log(1 / (1 + e^-score)) = log1p(e^-score).  torch adds to 1 what is too small for that, and says 0."""
    x, target = np.array([[0.0, score]], np.float32), np.array([1])
    np.testing.assert_allclose(reference.cross_entropy(x, target), loss, rtol=1e-6)
    np.testing.assert_allclose(reference.log_softmax(x, 1)[0, 1], -loss, rtol=1e-6)
    assert F.cross_entropy(tensor(x), tensor(target)).item() == 0


def test_log_softmax_of_ties_and_of_numbers_that_are_not_finite() -> None:
    """Of several maxima one is taken out of the sum, not all; and NaN or infinity is not taken out with it."""
    np.testing.assert_allclose(reference.log_softmax(np.array([3.0, 3.0, 3.0]), 0), [-math.log(3)] * 3, rtol=1e-15)
    for bad in ([NAN, 0.0, 1.0], [0.0, INF, 1.0], [-INF, -INF, -INF], [NAN]):
        assert np.isnan(reference.log_softmax(np.array(bad), 0)).all()
    np.testing.assert_array_equal(reference.log_softmax(np.array([-INF, 0.0]), 0), [-INF, 0])


# Gradient descent.


def trajectory(parameter: Array, grads: Array, **options: Any) -> list[Array]:
    """The parameter after each step, by the reference."""
    k = optim.Parameter(parameter.copy())
    optimizer = optim.SGD([k], **options)
    seen = []
    for grad in grads:
        k.grad = grad
        optimizer.step()
        seen.append(k.data.copy())
    return seen


def torch_trajectory(parameter: Array, grads: Array, **options: Any) -> list[Array]:
    k = torch.nn.Parameter(tensor(parameter))
    optimizer = torch.optim.SGD([k], **options)
    seen = []
    for grad in grads:
        k.grad = tensor(grad)
        optimizer.step()
        seen.append(k.detach().numpy().copy())
    return seen


@both_dtypes
@pytest.mark.parametrize(
    ("options", "expected"),
    [
        # v = 1, then 0.5*1 + 0.5*1 = 1, then 1.  Dampened at once, v would be 0.5, 0.75, 0.875.
        ({"momentum": 0.5, "dampening": 0.5}, [9, 8, 7]),
        # v = 1, then 0.5 + 0.25 = 0.75, then 0.375 + 0.25 = 0.625.
        ({"momentum": 0.5, "dampening": 0.75}, [9, 8.25, 7.625]),
        ({"momentum": 0.5, "dampening": 1}, [9, 8.5, 8.25]),  # v = 1, 0.5, 0.25: of later gradients, nothing
        ({"momentum": 0.5, "dampening": 0.5, "maximize": True}, [11, 12, 13]),
        # Without momentum there is nothing to dampen.
        ({"dampening": 0.5}, [9, 8, 7]),
        ({"momentum": 0.5}, [9, 7.5, 5.75]),  # v = 1, 1.5, 1.75
        ({"momentum": 0.5, "nesterov": True}, [8.5, 6.75, 4.875]),  # steps of 1 + v/2 = 1.5, 1.75, 1.875
        ({"weight_decay": 0.5}, [4, 1, -0.5]),  # g + k/2 = 1 + 5, 1 + 2, 1 + 0.5
        ({"weight_decay": 0.5, "maximize": True}, [6, 4, 3]),  # -1 + 5, -1 + 3, -1 + 2: decay stays decay
    ],
)
def test_sgd_options_by_hand(options: dict[str, Any], expected: list[float], dtype: Any) -> None:
    parameter, grads = np.array([10.0], dtype), np.ones((3, 1), dtype)
    wanted = np.array(expected, dtype).reshape(3, 1)
    assert_bits(np.stack(trajectory(parameter, grads, lr=1.0, **options)), wanted)
    assert_bits(np.stack(torch_trajectory(parameter, grads, lr=1.0, **options)), wanted)


def test_sgd_dampening_starts_after_a_parameters_own_first_step() -> None:
    # A parameter that gets its first gradient later takes its first step then.
    early, late = optim.Parameter(np.array([10.0])), optim.Parameter(np.array([10.0]))
    optimizer = optim.SGD([early, late], lr=1.0, momentum=0.5, dampening=0.75)
    early.grad = np.array([1.0])
    optimizer.step()
    assert optimizer.momentum_buffers[1] is None
    late.grad = np.array([1.0])
    optimizer.step()
    assert_bits(early.data, [8.25])  # 10 - 1 - 0.75
    assert_bits(late.data, [9.0])


def test_sgd_rounds_twice_where_torch_may_round_once() -> None:
    parameter, grads = random((1000,), np.float32), random((1, 1000), np.float32, 1)
    ours = trajectory(parameter, grads, lr=0.1)[0]
    theirs = torch_trajectory(parameter, grads, lr=0.1)[0]
    lr = np.float32(0.1)
    assert_bits(ours, parameter - lr * grads[0])  # the product rounds, the difference rounds
    fused = (parameter - lr * grads[0].astype(np.float64)).astype(np.float32)  # in float64 the product is exact
    assert (fused != ours).any()
    assert ((theirs == fused) | (theirs == ours)).all()


@both_dtypes
@pytest.mark.parametrize("nesterov", [False, True])
def test_sgd_differs_from_torch_by_no_more_than_rounding(nesterov: bool, dtype: Any) -> None:
    parameter, grads = random((1000,), dtype), random((4, 1000), dtype, 2)
    options: dict[str, Any] = {"lr": 0.1, "momentum": 0.9, "weight_decay": 0.3, "nesterov": nesterov}
    options |= {"dampening": 0.0 if nesterov else 0.1, "maximize": True}
    case = Case("real", np.dtype(dtype), {"parameter": parameter, "grads": grads}, options)
    bound = bounds.sgd(case)["output"]
    assert (bound < 500 * np.finfo(dtype).eps).all()  # the numbers are around 1, so the bound says something
    verdict = compare(
        trajectory(parameter, grads, **options)[-1], torch_trajectory(parameter, grads, **options)[-1], bound
    )
    assert verdict.equal, verdict.message
