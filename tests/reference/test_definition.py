"""The definition against numbers worked by hand, finite differences and torch.

The first part needs paper and pencil only: the arithmetic stands beside each number.  The second runs every function on
random numbers and holds each gradient against two other witnesses.
"""

import ast
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import torch
import torch.nn.functional as F

from reference import definition

Double = npt.NDArray[np.float64]

NAN, INF = math.nan, math.inf
LOG2, LOG3, LOG4, LOG5 = (math.log(k) for k in (2, 3, 4, 5))


def image(*rows: Sequence[float]) -> Double:
    """One image of one channel, (1, 1, H, W)."""
    return np.array([[rows]], np.float64)


def check(actual: npt.NDArray[Any], expected: Any) -> None:
    """Equal up to the last bits, NaN to NaN, shape and dtype included."""
    assert actual.dtype == np.float64
    assert actual.shape == np.shape(expected)
    np.testing.assert_allclose(actual, expected, rtol=1e-14, atol=1e-15)


# Worked by hand.  Convolution.

IMAGE = image(
    [1, 2, 3, 0, 1],
    [4, 5, 6, 1, 0],
    [7, 8, 9, 0, 2],
    [1, 0, 2, 3, 1],
    [0, 1, 1, 2, 3],
)
VERTICAL_EDGE = image(
    [1, 0, -1],
    [1, 0, -1],
    [1, 0, -1],
)


def test_conv2d_of_a_5x5_image_and_a_3x3_kernel_starts_with_minus_six() -> None:
    # Under the kernel at first:    1*1 + 2*0 - 3*1
    #                             + 4*1 + 5*0 - 6*1
    #                             + 7*1 + 8*0 - 9*1  =  -2 - 2 - 2  =  -6.
    # In general: the sum of three pixels in a column minus that two columns on.  Sums of three, column by column:
    #     rows 0-2: 12 15 18 1 3  ->  12-18 = -6,  15-1 = 14,  18-3 = 15
    #     rows 1-3: 12 13 17 4 3  ->  12-17 = -5,  13-4 =  9,  17-3 = 14
    #     rows 2-4:  8  9 12 5 6  ->   8-12 = -4,   9-5 =  4,  12-6 =  6
    y = definition.conv2d(IMAGE, VERTICAL_EDGE)
    assert y[0, 0, 0, 0] == -6
    check(y, image([-6, 14, 15], [-5, 9, 14], [-4, 4, 6]))


def test_conv2d_does_not_flip_the_kernel() -> None:
    check(definition.conv2d(image([1, 10, 100]), image([1, 2, 3])), image([321]))  # flipped: 123


def test_conv2d_adds_one_bias_to_each_output_channel() -> None:
    x, kernels = image([1, 2]), np.array([1.0, 10.0]).reshape(2, 1, 1, 1)
    check(definition.conv2d(x, kernels, np.array([5.0, 7.0])), [[[[6, 7]], [[17, 27]]]])  # 1+5 2+5, 10+7 20+7


def test_conv2d_sums_over_the_channels_of_its_group() -> None:
    x = np.array([1.0, 2.0, 3.0, 4.0]).reshape(1, 4, 1, 1)
    kernels = np.array([[1.0, 10.0], [100.0, 1000.0]]).reshape(2, 2, 1, 1)
    y = definition.conv2d(x, kernels, groups=2)
    check(y, [[[[21]], [[4300]]]])  # 1*1 + 10*2 from the first two channels, 100*3 + 1000*4 from the last two
    grad_x, grad_kernels, _ = definition.conv2d_backward(np.ones((1, 2, 1, 1)), x, kernels, groups=2)
    check(grad_x.ravel(), [1, 10, 100, 1000])
    check(grad_kernels.ravel(), [1, 2, 3, 4])


def test_conv2d_gradients() -> None:
    # y0 = 10*1 + 1*2 = 12,  y1 = 10*2 + 1*3 = 23;  g = 5, 7
    x, kernel, g = image([1, 2, 3]), image([10, 1]), image([5, 7])
    check(definition.conv2d(x, kernel), image([12, 23]))
    grad_x, grad_kernel, grad_bias = definition.conv2d_backward(g, x, kernel)
    check(grad_x, image([50, 75, 7]))  # 5*10,  5*1 + 7*10,  7*1
    check(grad_kernel, image([19, 31]))  # 5*1 + 7*2,  5*2 + 7*3
    check(grad_bias, [12])  # 5 + 7


def test_conv2d_with_stride_padding_and_dilation() -> None:
    # Padded 0 1 2 3 4 0; the taps stand 2 apart, the windows too: (0, 2) and (2, 4).
    x, kernel, g = image([1, 2, 3, 4]), image([1, 10]), image([1, 2])
    check(definition.conv2d(x, kernel, None, (1, 2), (0, 1), (1, 2)), image([20, 42]))  # 1*0 + 10*2,  1*2 + 10*4
    grad_x, grad_kernel, _ = definition.conv2d_backward(g, x, kernel, (1, 2), (0, 1), (1, 2))
    check(grad_x, image([0, 12, 0, 20]))  # pixel 2: 1*10 + 2*1;  pixel 4: 2*10
    check(grad_kernel, image([4, 10]))  # 1*0 + 2*2,  1*2 + 2*4


def test_conv_transpose2d_stamps_the_kernel_and_its_gradients_look_under_the_stamps() -> None:
    # Stamps 10 1 times 1, and 2 further to the right times 2; one pixel cut off either end, one added at the end.
    x, kernel = image([1, 2]), image([10, 1, 100])
    y = definition.conv_transpose2d(x, kernel, np.array([5.0]), (1, 2), (0, 1), (0, 1))
    check(y, image([6, 125, 7, 205]))  # 1 + 5, 100 + 20 + 5, 2 + 5, 200 + 5
    g = image([1, 2, 3, 4])
    grad_x, grad_kernel, grad_bias = definition.conv_transpose2d_backward(g, x, kernel, (1, 2), (0, 1), (0, 1))
    check(grad_x, image([201, 423]))  # 1*1 + 2*100, and 2*10 + 3*1 + 4*100
    check(grad_kernel, image([4, 7, 10]))  # 2*2, 1*1 + 3*2, 2*1 + 4*2
    check(grad_bias, [10])


def test_conv2d_zero_times_infinity_is_nan() -> None:
    check(definition.conv2d(image([INF, 1]), image([0])), image([NAN, 0]))
    check(definition.conv2d(image([INF, 1]), image([1, 1])), image([INF]))
    check(definition.conv2d(image([INF, INF]), image([1, -1])), image([NAN]))  # inf - inf


# Pad.


@pytest.mark.parametrize(
    ("mode", "padded", "gradient"),
    [
        ("constant", [9, 9, 1, 2, 3, 9], [100, 1000, 10000]),
        ("reflect", [3, 2, 1, 2, 3, 2], [100, 101010, 10001]),
        ("replicate", [1, 1, 1, 2, 3, 3], [111, 1000, 110000]),
        ("circular", [2, 3, 1, 2, 3, 1], [100100, 1001, 10010]),
    ],
)
def test_pad_and_its_gradient(mode: str, padded: list[float], gradient: list[float]) -> None:
    # The digit 1 of the gradient stands where the pixel does: 2 in places 1, 3 and 5 collects 10 + 1000 + 100000.
    x = image([1, 2, 3])
    check(definition.pad(x, (2, 1, 0, 0), mode, 9), image(padded))
    check(
        definition.pad_backward(image([1, 10, 100, 1000, 10000, 100000]), x.shape, (2, 1, 0, 0), mode), image(gradient)
    )


@pytest.mark.parametrize(
    ("mode", "padded", "gradient"),
    [
        ("constant", [2, 3, 9, 9], [0, 1, 10]),
        ("reflect", [2, 3, 2, 1], [1000, 101, 10]),
        ("replicate", [2, 3, 3, 3], [0, 1, 1110]),
        ("circular", [2, 3, 2, 3], [0, 101, 1010]),  # the 1 is gone before the circle closes
    ],
)
def test_pad_with_a_negative_entry_crops(mode: str, padded: list[float], gradient: list[float]) -> None:
    x = image([1, 2, 3])
    check(definition.pad(x, (-1, 2, 0, 0), mode, 9), image(padded))
    check(definition.pad_backward(image([1, 10, 100, 1000]), x.shape, (-1, 2, 0, 0), mode), image(gradient))


def test_pad_is_left_right_top_bottom() -> None:
    check(definition.pad(image([1, 2]), (0, 1, 2, 0)), image([0, 0, 0], [0, 0, 0], [1, 2, 0]))


# ReLU.


def test_relu_and_its_derivative_at_minus_one_zero_and_one() -> None:
    x = np.array([-1.0, 0.0, 1.0])
    check(definition.relu(x), [0, 0, 1])
    check(definition.relu_backward(np.ones(3), x), [0, 0, 1])


def test_relu_keeps_the_sign_of_zero_and_nan() -> None:
    y = definition.relu(np.array([-0.0, 0.0, NAN, INF, -INF]))
    check(y, [0, 0, NAN, INF, 0])
    assert np.signbit(y).tolist() == [True, False, False, False, False]


def test_relu_gradient_is_selected_not_multiplied() -> None:
    x = np.array([-1.0, -0.0, 2.0, NAN])
    check(definition.relu_backward(np.array([INF, NAN, -INF, 3.0]), x), [0, 0, -INF, 3])


# Max pooling.

FOUR = image(
    [1, 3, 2, 1],
    [4, 6, 5, 0],
    [7, 2, 9, 8],
    [0, 1, 3, 4],
)


def test_max_pool2d_of_a_4x4_input_starts_with_six() -> None:
    y, indices = definition.max_pool2d(FOUR, 2)  # of 1 3 4 6, of 2 1 5 0, of 7 2 0 1, of 9 8 3 4
    assert y[0, 0, 0, 0] == 6
    check(y, image([6, 5], [7, 9]))
    assert indices.dtype == np.int64
    assert indices.tolist() == [[[[5, 6], [8, 10]]]]  # 6 stands in row 1, column 1: 1*4 + 1
    gradient = definition.max_pool2d_backward(image([1, 2], [3, 4]), indices, FOUR.shape)
    check(gradient, image([0, 0, 0, 0], [0, 1, 2, 0], [3, 0, 4, 0], [0, 0, 0, 0]))


def test_max_pool2d_gives_a_tie_to_the_first() -> None:
    y, indices = definition.max_pool2d(image([1, 2], [2, 2]), 2)
    assert (y.item(), indices.item()) == (2, 1)
    check(definition.max_pool2d_backward(image([5]), indices, (1, 1, 2, 2)), image([0, 5], [0, 0]))


def test_max_pool2d_gives_nan_to_the_last() -> None:
    y, indices = definition.max_pool2d(image([NAN, INF], [NAN, 7]), 2)
    assert math.isnan(y.item())
    assert indices.item() == 2


def test_max_pool2d_padding_never_wins() -> None:
    y, indices = definition.max_pool2d(image([-INF, -1, -2]), (1, 2), padding=(0, 1))
    check(y, image([-INF, -1]))  # of the padding and -inf, of -1 and -2
    assert indices.ravel().tolist() == [0, 1]


def test_max_pool2d_overlapping_windows_add_their_gradients() -> None:
    y, indices = definition.max_pool2d(image([1, 5, 2]), (1, 2), 1)
    check(y, image([5, 5]))
    check(definition.max_pool2d_backward(image([3, 4]), indices, (1, 1, 1, 3)), image([0, 7, 0]))


def test_max_pool2d_ceil_mode_keeps_the_rest() -> None:
    x = image([1, 2, 3])
    check(definition.max_pool2d(x, (1, 2))[0], image([2]))
    check(definition.max_pool2d(x, (1, 2), ceil_mode=True)[0], image([2, 3]))


def test_max_pool2d_ceil_mode_drops_a_window_that_would_start_in_the_padding() -> None:
    # 0 1 2 3 0 padded; windows of 2, 2 apart, start at 0, 2 and 4, but 4 lies behind the last pixel.
    check(definition.max_pool2d(image([1, 2, 3]), (1, 2), padding=(0, 1), ceil_mode=True)[0], image([1, 3]))


def test_max_pool2d_refuses_a_window_without_a_pixel() -> None:
    with pytest.raises(ValueError, match="no pixel"):  # taps at -1 and 1 of an image of one pixel
        definition.max_pool2d(image([1]), 2, 1, 1, 2)


# Average pooling.


def test_avg_pool2d() -> None:
    check(definition.avg_pool2d(image([1, 2], [3, 6]), 2), image([3]))  # 12 / 4
    gradient = definition.avg_pool2d_backward(image([8]), (1, 1, 2, 2), 2)
    check(gradient, image([2, 2], [2, 2]))


def test_avg_pool2d_overlapping_windows_add_their_gradients() -> None:
    check(definition.avg_pool2d(image([1, 2, 4]), (1, 2), 1), image([1.5, 3]))
    check(definition.avg_pool2d_backward(image([2, 4]), (1, 1, 1, 3), (1, 2), 1), image([1, 3, 2]))  # 2/2, 2/2+4/2, 4/2


# Of 1 2 3 4 with one 0 on either side, windows of 3, 2 apart: 0 1 2, 2 3 4, and by ceil_mode 4 0 with no third place.
@pytest.mark.parametrize(
    ("options", "y", "gradient"),
    [
        ((False, True, None), [1, 3], [2, 6, 4, 4]),  # 3/3, 9/3;  g = 6, 12: 6/3, 6/3 + 12/3, 12/3, 12/3
        ((False, False, None), [1.5, 3], [3, 7, 4, 4]),  # 3/2, 9/3;  6/2, 6/2 + 12/3
        ((True, True, None), [1, 3, 2], [2, 6, 4, 13]),  # 4/2;  12/3 + 18/2
        ((True, False, None), [1.5, 3, 4], [3, 7, 4, 22]),  # 4/1;  12/3 + 18/1
        ((True, True, 6), [0.5, 1.5, 4 / 6], [1, 3, 2, 5]),  # 3/6, 9/6, 4/6;  6/6, 6/6 + 12/6, 12/6, 12/6 + 18/6
    ],
)
def test_avg_pool2d_divisors(options: tuple[bool, bool, int | None], y: list[float], gradient: list[float]) -> None:
    x, window = image([1, 2, 3, 4]), ((1, 3), (1, 2), (0, 1))
    check(definition.avg_pool2d(x, *window, *options), image(y))
    g = image([6, 12, 18][: len(y)])
    check(definition.avg_pool2d_backward(g, x.shape, *window, *options), image(gradient))


# Layer and group normalisation.


def test_layer_norm_and_its_gradients() -> None:
    x, w, b = np.array([[1.0, 1, 3, 3], [10, 20, 20, 10]]), np.array([1.0, 2, 3, 4]), np.array([10.0, 20, 30, 40])
    check(definition.layer_norm(x, (4,), eps=0), [[-1, -1, 1, 1], [-1, 1, 1, -1]])  # 2 -+ 1, 15 -+ 5
    check(definition.layer_norm(x, (4,), w, b, eps=0), [[9, 18, 33, 44], [9, 22, 33, 36]])
    check(definition.layer_norm(np.array([[-1.0, 1]]), (2,), eps=3), [[-0.5, 0.5]])  # 1 / sqrt(1 + 3)
    g = np.array([[4.0, 0, 0, 0], [0, 0, 0, 5]])
    grad_x, grad_w, grad_b = definition.layer_norm_backward(g, x, (4,), w, eps=0)
    # 4 (1 - 1/4 - 1/4), 4 (-1/4 - 1/4), 4 (-1/4 + 1/4) twice;  1/5 of 20 (-1/4 - 1/4), 20 (-1/4 + 1/4), ...
    check(grad_x, [[2, -2, 0, 0], [-2, 0, 0, 2]])
    check(grad_w, [-4, 0, 0, -5])
    check(grad_b, [4, 0, 0, 5])


def test_layer_norm_of_several_dimensions_is_that_of_all_their_numbers() -> None:
    x = np.arange(12.0).reshape(2, 2, 3) ** 2
    rows = definition.layer_norm(x.reshape(2, 6), (6,))
    check(definition.layer_norm(x, (2, 3)), rows.reshape(x.shape))
    check(definition.layer_norm(x, x.shape), definition.layer_norm(x.reshape(12), (12,)).reshape(x.shape))


def test_layer_norm_of_equal_numbers() -> None:
    x = np.full((1, 3), 7.0)
    check(definition.layer_norm(x, (3,)), [[0, 0, 0]])
    check(definition.layer_norm(x, (3,), eps=0), [[NAN] * 3])


def test_group_norm_and_its_gradients() -> None:
    x = np.array([[[1.0, 1], [3, 3], [0, 20], [20, 0]]])  # channels 0 and 1: 2 -+ 1;  2 and 3: 10 -+ 10
    w, b = np.array([1.0, 2, 3, 4]), np.array([10.0, 20, 30, 40])
    check(definition.group_norm(x, 2, eps=0), [[[-1, -1], [1, 1], [-1, 1], [1, -1]]])
    check(definition.group_norm(x, 2, w, b, eps=0), [[[9, 9], [22, 22], [27, 33], [44, 36]]])
    check(definition.group_norm(np.array([[-1.0, 1]]), 1, eps=3), [[-0.5, 0.5]])  # 1 / sqrt(1 + 3)
    g = np.array([[[4.0, 0], [0, 0], [0, 0], [0, 10]]])
    grad_x, grad_w, grad_b = definition.group_norm_backward(g, x, 2, w, eps=0)
    # 4 (1 - 1/4 - 1/4), 4 (-1/4 - 1/4), 4 (-1/4 + 1/4) twice;  1/10 of 40 (-1/4 - 1/4), 40 (-1/4 + 1/4), ...
    check(grad_x, [[[2, -2], [0, 0], [-2, 0], [0, 2]]])
    check(grad_w, [-4, 0, 0, -10])
    check(grad_b, [4, 0, 0, 10])


def test_group_norm_with_one_group_is_layer_norm() -> None:
    x = np.arange(24.0).reshape(2, 4, 3) ** 2
    check(definition.group_norm(x, 1), definition.layer_norm(x, (4, 3)))
    check(definition.group_norm(x, 4), definition.layer_norm(x, (3,)))


# Flatten.


def test_batch_norm_of_two_channels() -> None:
    x = np.array([[1.0, 10], [3, 30]])  # means 2 and 20, variances 1 and 100
    check(definition.batch_norm(x, None, None, training=True, eps=0), [[-1, -1], [1, 1]])
    check(definition.batch_norm(x, None, None, np.array([5, 2]), np.array([7, 0]), True, 3), x_scaled(x))
    check(definition.batch_norm(x, np.array([1, 0]), np.array([1, 25]), eps=0), [[0, 2], [2, 6]])


def x_scaled(x: Double) -> Double:
    """Divided by 2 and by sqrt(103), then with scale and shift."""
    return np.array([5 / 2, 2 / np.sqrt(103)]) * (x - [2, 20]) + [7, 0]


def test_batch_norm_gradients() -> None:
    g, x = np.array([[8.0], [0], [0], [4]]), np.array([[1.0], [-1], [1], [-1]])  # mean 0, variance 1
    grad_x, grad_w, grad_b = definition.batch_norm_backward(g, x, None, None, np.array([2]), training=True, eps=0)
    check(grad_x, [[8], [-4], [-8], [4]])  # 2 (8 - 3 - 1), 2 (0 - 3 + 1), ...
    check(grad_w, [4])
    check(grad_b, [12])
    grad_x, grad_w, _ = definition.batch_norm_backward(g, x, np.array([1]), np.array([4]), np.array([2]), eps=0)
    check(grad_x, [[8], [0], [0], [4]])
    check(grad_w, [-4])  # 4 (-1 - 1) / 2


def test_running_statistics_are_mixed_and_unbiased() -> None:
    x = np.array([[[1.0, 3]], [[5, 7]]])  # mean 4, variance 5, and 20/3 unbiased
    mean, var = definition.running_statistics(x, np.array([2]), np.array([20]), momentum=0.75)
    check(mean, [3.5])
    check(var, [10])
    mean, var = definition.running_statistics(x[:0], np.array([2]), np.array([20]))
    check(mean, [2])
    check(var, [20])


def test_flatten_counts_row_by_row() -> None:
    x = np.zeros((1, 2, 2, 3))
    x[0, 1, 0, 2] = 5
    expected = np.zeros((1, 12))
    expected[0, 8] = 5  # (1*2 + 0)*3 + 2
    check(definition.flatten(x, 1), expected)
    check(definition.flatten_backward(expected, x.shape), x)


def test_flatten_merges_the_dimensions_from_start_to_end() -> None:
    x = np.arange(6.0).reshape(1, 2, 3)
    check(definition.flatten(x), [0, 1, 2, 3, 4, 5])
    check(definition.flatten(x, 0, 1), [[0, 1, 2], [3, 4, 5]])
    check(definition.flatten(np.array(7.0)), [7])


# Dense.


def test_linear_and_its_gradients() -> None:
    x, w, g = np.array([[1.0, 2.0]]), np.array([[3.0, 4.0], [5.0, 6.0], [0.0, 1.0]]), np.array([[1.0, 2.0, 10.0]])
    check(definition.linear(x, w, np.array([10.0, 20.0, 30.0])), [[21, 37, 32]])  # 3+8+10,  5+12+20,  0+2+30
    grad_x, grad_w, grad_b = definition.linear_backward(g, x, w)
    check(grad_x, [[13, 26]])  # 1*3 + 2*5 + 10*0,  1*4 + 2*6 + 10*1
    check(grad_w, [[1, 2], [2, 4], [10, 20]])
    check(grad_b, [1, 2, 10])


def test_linear_gradients_sum_over_the_images() -> None:
    x, w, g = np.array([[1.0], [10.0]]), np.array([[2.0]]), np.array([[3.0], [4.0]])
    grad_x, grad_w, grad_b = definition.linear_backward(g, x, w)
    check(grad_x, [[6], [8]])
    check(grad_w, [[43]])  # 3*1 + 4*10
    check(grad_b, [7])


# Softmax.


def test_softmax_of_logarithms() -> None:
    x = np.array([[0, LOG2, LOG5]])
    check(definition.softmax(x), [[1 / 8, 2 / 8, 5 / 8]])  # 1 + 2 + 5 = 8
    check(definition.log_softmax(x), [[-3 * LOG2, -2 * LOG2, LOG5 - 3 * LOG2]])


def test_softmax_gradients() -> None:
    # p = 1/4, 3/4;  g = 1, 0
    p, g = np.array([[0.25, 0.75]]), np.array([[1.0, 0.0]])
    check(definition.softmax_backward(g, p), [[3 / 16, -3 / 16]])  # 1/4 (1 - 1/4),  1/4 (0 - 3/4)
    check(definition.log_softmax_backward(g, np.log(p)), [[3 / 4, -3 / 4]])  # 1 - 1/4,  0 - 3/4


def test_softmax_of_large_scores_does_not_overflow() -> None:
    x = np.array([[1000.0, 1000.0], [-1e308, 1e308], [0.0, -INF]])
    check(definition.softmax(x), [[0.5, 0.5], [0, 1], [1, 0]])
    check(definition.log_softmax(x), [[-LOG2, -LOG2], [-INF, 0], [0, -INF]])


@pytest.mark.parametrize("row", [[INF, 0], [NAN, 0], [0, NAN], [-INF, -INF]])
def test_softmax_of_a_row_without_an_answer_is_nan(row: list[float]) -> None:
    check(definition.softmax(np.array([row])), [[NAN, NAN]])
    check(definition.log_softmax(np.array([row])), [[NAN, NAN]])


# Cross-entropy.


def test_paper_cross_entropy_and_its_gradient() -> None:
    # -(1 log 1/2 + 0 log 1/2) = log 2,  -(1 log 1/4 + 0 log 3/4) = 2 log 2;  on average 3/2 log 2
    y_hat, y = np.array([[0.5, 0.5], [0.25, 0.75]]), np.array([[1.0, 0.0], [1.0, 0.0]])
    check(definition.paper_cross_entropy(y_hat, y), 1.5 * LOG2)
    check(definition.paper_cross_entropy_backward(1.0, y_hat, y), [[-1, 0], [-2, 0]])  # -1/2 / (1/2), -1/2 / (1/4)
    check(definition.paper_cross_entropy_backward(3.0, y_hat, y), [[-3, 0], [-6, 0]])


def test_paper_cross_entropy_at_probability_zero() -> None:
    y_hat, right, wrong = np.array([[1.0, 0.0]]), np.array([[1.0, 0.0]]), np.array([[0.0, 1.0]])
    check(definition.paper_cross_entropy(y_hat, right), 0)
    check(definition.paper_cross_entropy_backward(1.0, y_hat, right), [[-1, 0]])
    check(definition.paper_cross_entropy(y_hat, wrong), INF)
    check(definition.paper_cross_entropy_backward(1.0, y_hat, wrong), [[0, -INF]])


# Two classes with p = 1/4, 3/4: -log p = log 4, log 4/3.
SCORES = np.array([[0, LOG3]])


def test_cross_entropy_gradient_is_prediction_minus_truth() -> None:
    check(definition.cross_entropy(SCORES, np.array([0])), LOG4)
    grad_input, grad_target = definition.cross_entropy_backward(1.0, SCORES, np.array([0]))
    check(grad_input, [[-3 / 4, 3 / 4]])  # 1/4 - 1,  3/4 - 0
    assert grad_target is None


def test_cross_entropy_is_softmax_then_the_papers_cross_entropy() -> None:
    x, y = np.array([[0.3, -1.2, 2.0], [1.0, 0.0, -0.5]]), np.array([[0.0, 0.0, 1.0], [0.2, 0.5, 0.3]])
    p = definition.softmax(x)
    check(definition.cross_entropy(x, y), definition.paper_cross_entropy(p, y))
    two_steps = definition.softmax_backward(definition.paper_cross_entropy_backward(1.0, p, y), p)
    check(definition.cross_entropy_backward(1.0, x, y)[0], two_steps)
    check(two_steps, (p - y) / 2)


def test_cross_entropy_label_smoothing() -> None:
    # e = 0.2 and C = 2: q = 0.8 * (1, 0) + 0.1 = 0.9, 0.1
    loss = definition.cross_entropy(SCORES, np.array([0]), label_smoothing=0.2)
    check(loss, 0.9 * LOG4 + 0.1 * (LOG4 - LOG3))
    gradient, _ = definition.cross_entropy_backward(1.0, SCORES, np.array([0]), label_smoothing=0.2)
    check(gradient, [[-0.65, 0.65]])  # 0.25 - 0.9,  0.75 - 0.1


def test_cross_entropy_probability_targets() -> None:
    y = np.array([[0.5, 0.5]])
    check(definition.cross_entropy(SCORES, y), 0.5 * LOG4 + 0.5 * (LOG4 - LOG3))
    grad_input, grad_target = definition.cross_entropy_backward(1.0, SCORES, y)
    check(grad_input, [[-0.25, 0.25]])  # 0.25 - 0.5,  0.75 - 0.5
    assert grad_target is not None
    check(grad_target, [[LOG4, LOG4 - LOG3]])


def test_cross_entropy_weights_divide_the_mean_for_classes_only() -> None:
    x, w = np.repeat(SCORES, 2, axis=0), np.array([2.0, 1.0])
    classes, one_hot = np.array([0, 1]), np.eye(2)
    total = 2 * LOG4 + (LOG4 - LOG3)
    check(definition.cross_entropy(x, classes, w), total / 3)  # 2 + 1
    check(definition.cross_entropy(x, one_hot, w), total / 2)  # N
    # w_y (p - y): 2 (-3/4, 3/4),  1 (1/4, -1/4)
    gradient, _ = definition.cross_entropy_backward(1.0, x, classes, w)
    check(gradient, [[-1.5 / 3, 1.5 / 3], [0.25 / 3, -0.25 / 3]])
    gradient, _ = definition.cross_entropy_backward(1.0, x, one_hot, w)
    check(gradient, [[-1.5 / 2, 1.5 / 2], [0.25 / 2, -0.25 / 2]])


def test_cross_entropy_smoothing_with_weights() -> None:
    # e = 0.5 and C = 2: q = 3/4, 1/4.  The terms are 2 * 3/4 log 4 and 1 * 1/4 log 4/3, the divisor is w_0 = 2.
    w, y = np.array([2.0, 1.0]), np.array([0])
    loss = definition.cross_entropy(SCORES, y, w, label_smoothing=0.5)
    check(loss, (1.5 * LOG4 + 0.25 * (LOG4 - LOG3)) / 2)
    gradient, _ = definition.cross_entropy_backward(1.0, SCORES, y, w, label_smoothing=0.5)
    # p sum(w q) - w q = (1/4, 3/4) 7/4 - (3/2, 1/4) = -17/16, 17/16
    check(gradient, [[-17 / 32, 17 / 32]])


def test_cross_entropy_reductions_and_ignored_rows() -> None:
    x, y = np.repeat(SCORES, 3, axis=0), np.array([0, -100, 1])
    losses = [LOG4, 0, LOG4 - LOG3]
    check(definition.cross_entropy(x, y, reduction="none"), losses)
    check(definition.cross_entropy(x, y, reduction="sum"), sum(losses))
    check(definition.cross_entropy(x, y), sum(losses) / 2)
    g = np.array([4.0, 5.0, 8.0])
    gradient, _ = definition.cross_entropy_backward(g, x, y, reduction="none")
    check(gradient, [[-3, 3], [0, 0], [2, -2]])  # 4 (-3/4, 3/4),  nothing,  8 (1/4, -1/4)


def test_cross_entropy_with_every_row_ignored() -> None:
    x, y = np.repeat(SCORES, 2, axis=0), np.array([1, 1])
    check(definition.cross_entropy(x, y, ignore_index=1), NAN)  # 0 / 0
    check(definition.cross_entropy(x, y, ignore_index=1, reduction="sum"), 0)
    check(definition.cross_entropy_backward(1.0, x, y, ignore_index=1)[0], np.zeros((2, 2)))


def test_cross_entropy_of_an_impossible_class() -> None:
    x, y = np.array([[-INF, 0.0]]), np.array([1])
    check(definition.cross_entropy(x, y), 0)  # the -inf is in no term
    check(definition.cross_entropy(x, np.array([0])), INF)
    check(definition.cross_entropy(x, y, label_smoothing=0.1), INF)
    check(definition.cross_entropy(x, np.array([[0.0, 1.0]])), NAN)  # 0 * inf
    check(definition.cross_entropy(x, np.array([0]), np.array([0.0, 1.0]), reduction="sum"), NAN)  # 0 * inf


# Gradient descent.


def test_one_update_of_the_kernel() -> None:
    # L is the first output, -6: dL/dK is the part of the image under the kernel, and K_new = K_old - 0.001 dL/dK.
    x, kernel = IMAGE[:, :, :3, :3], VERTICAL_EDGE
    _, gradient, _ = definition.conv2d_backward(image([1]), x, kernel)
    check(gradient, image([1, 2, 3], [4, 5, 6], [7, 8, 9]))
    new, velocity = definition.sgd_step(kernel, gradient, None)
    assert velocity is None
    check(new, image([0.999, -0.002, -1.003], [0.996, -0.005, -1.006], [0.993, -0.008, -1.009]))
    # The output falls by 0.001 times the sum of the squares of 1 to 9, which is 285.
    check(definition.conv2d(x, new), image([-6.285]))


def test_sgd_weight_decay_and_maximize() -> None:
    start, g = np.array(8.0), np.array(4.0)
    check(definition.sgd_step(start, g, None, 0.5)[0], 6)  # 8 - 0.5*4
    check(definition.sgd_step(start, g, None, 0.5, maximize=True)[0], 10)  # 8 + 0.5*4
    check(definition.sgd_step(start, g, None, 0.5, weight_decay=0.25)[0], 5)  # 8 - 0.5*(4 + 0.25*8)
    check(definition.sgd_step(start, g, None, 0.5, weight_decay=0.25, maximize=True)[0], 9)  # 8 - 0.5*(-4 + 0.25*8)


@pytest.mark.parametrize(
    ("options", "first", "second"),
    [
        # v = 4: 8 - 0.5*4 = 6;  v = 0.5*4 + 2 = 4: 6 - 0.5*4 = 4
        ({}, (6, 4), (4, 4)),
        # v = 4 without dampening;  v = 0.5*4 + 0.75*2 = 3.5: 6 - 0.5*3.5 = 4.25
        ({"dampening": 0.25}, (6, 4), (4.25, 3.5)),
        # v = 4, g = 4 + 0.5*4 = 6: 8 - 0.5*6 = 5;  v = 0.5*4 + 2 = 4, g = 2 + 0.5*4 = 4: 5 - 0.5*4 = 3
        ({"nesterov": True}, (5, 4), (3, 4)),
    ],
)
def test_sgd_momentum(options: dict[str, Any], first: tuple[float, float], second: tuple[float, float]) -> None:
    new, v = definition.sgd_step(np.array([8.0]), np.array([4.0]), None, lr=0.5, momentum=0.5, **options)
    assert v is not None
    assert (new.item(), v.item()) == first
    new, v = definition.sgd_step(new, np.array([2.0]), v, lr=0.5, momentum=0.5, **options)
    assert v is not None
    assert (new.item(), v.item()) == second


# On random numbers: each function with its gradient and its torch twin, on the same arrays.


@dataclass(frozen=True)
class Case:
    """A function of ``shapes`` arrays; ``backward`` takes g and the arrays and gives one gradient for each array."""

    name: str
    forward: Callable[..., Double]
    twin: Callable[..., torch.Tensor]
    backward: Callable[..., tuple[Any, ...]]
    shapes: tuple[tuple[int, ...], ...]
    positive: tuple[int, ...] = ()  # which of the arrays must hold numbers above 0

    def arrays(self) -> list[Double]:
        rng = np.random.default_rng(1)
        values = [rng.standard_normal(shape) for shape in self.shapes]
        return [np.exp(value) if i in self.positive else value for i, value in enumerate(values)]


def convolution(images: tuple[int, ...], kernels: tuple[int, ...], **options: Any) -> Case:
    return Case(
        f"conv2d {options}",
        lambda x, w, b: definition.conv2d(x, w, b, **options),
        lambda x, w, b: F.conv2d(x, w, b, **options),
        lambda g, x, w, b: definition.conv2d_backward(g, x, w, **options),
        (images, kernels, kernels[:1]),
    )


def transposed_convolution(images: tuple[int, ...], kernels: tuple[int, ...], **options: Any) -> Case:
    return Case(
        f"conv_transpose2d {options}",
        lambda x, w, b: definition.conv_transpose2d(x, w, b, **options),
        lambda x, w, b: F.conv_transpose2d(x, w, b, **options),
        lambda g, x, w, b: definition.conv_transpose2d_backward(g, x, w, **options),
        (images, kernels, (kernels[1] * options.get("groups", 1),)),
    )


def padding(pad: tuple[int, int, int, int], mode: str) -> Case:
    return Case(
        f"pad {pad} {mode}",
        lambda x: definition.pad(x, pad, mode),
        lambda x: F.pad(x, pad, mode),
        lambda g, x: (definition.pad_backward(g, x.shape, pad, mode),),
        ((2, 3, 5, 7),),
    )


def bending(name: str, twin: Callable[..., torch.Tensor], **options: Any) -> Case:
    forward, backward = getattr(definition, name), getattr(definition, name + "_backward")
    return Case(
        f"{name} {options}",
        lambda x: forward(x, **options),
        lambda x: twin(x, **options),
        lambda g, x: (backward(g, x, **options),),
        ((2, 3, 4, 5),),
    )


def max_pooling(**options: Any) -> Case:
    return Case(
        f"max_pool2d {options}",
        lambda x: definition.max_pool2d(x, **options)[0],
        lambda x: F.max_pool2d(x, **options),
        lambda g, x: (definition.max_pool2d_backward(g, definition.max_pool2d(x, **options)[1], x.shape),),
        ((2, 3, 8, 7),),
    )


def avg_pooling(**options: Any) -> Case:
    return Case(
        f"avg_pool2d {options}",
        lambda x: definition.avg_pool2d(x, **options),
        lambda x: F.avg_pool2d(x, **options),
        lambda g, x: (definition.avg_pool2d_backward(g, x.shape, **options),),
        ((2, 3, 8, 7),),
    )


def normalising(
    images: tuple[int, ...], eps: float = 1e-5, statistics: tuple[Double | None, Double | None] = (None, None)
) -> Case:
    training = statistics[0] is None
    mean, var = (None if array is None else torch.from_numpy(array) for array in statistics)
    return Case(
        f"batch_norm {images} {eps} {'in training' if training else 'in eval'}",
        lambda x, w, b: definition.batch_norm(x, *statistics, w, b, training, eps),
        lambda x, w, b: F.batch_norm(x, mean, var, w, b, training, eps=eps),
        lambda g, x, w, b: definition.batch_norm_backward(g, x, *statistics, w, training, eps),
        (images, images[1:2], images[1:2]),
    )


def layer_normalising(shape: tuple[int, ...], features: tuple[int, ...], eps: float) -> Case:
    return Case(
        f"layer_norm {shape} {features} {eps}",
        lambda x, w, b: definition.layer_norm(x, features, w, b, eps),
        lambda x, w, b: F.layer_norm(x, features, w, b, eps),
        lambda g, x, w, b: definition.layer_norm_backward(g, x, features, w, eps),
        (shape, features, features),
    )


def group_normalising(shape: tuple[int, ...], groups: int, eps: float) -> Case:
    return Case(
        f"group_norm {shape} {groups} {eps}",
        lambda x, w, b: definition.group_norm(x, groups, w, b, eps),
        lambda x, w, b: F.group_norm(x, groups, w, b, eps),
        lambda g, x, w, b: definition.group_norm_backward(g, x, groups, w, eps),
        (shape, shape[1:2], shape[1:2]),
    )


def flattening(*dims: int) -> Case:
    return Case(
        f"flatten {dims}",
        lambda x: definition.flatten(x, *dims),
        lambda x: torch.flatten(x, *dims),
        lambda g, x: (definition.flatten_backward(g, x.shape),),
        ((2, 3, 4, 5),),
    )


def classes(target: list[int], weight: Double | None = None, **options: Any) -> Case:
    y, w = np.array(target), None if weight is None else torch.from_numpy(weight)
    return Case(
        f"cross_entropy {target} {weight} {options}",
        lambda x: definition.cross_entropy(x, y, weight, **options),
        lambda x: F.cross_entropy(x, torch.from_numpy(y), w, **options),
        lambda g, x: definition.cross_entropy_backward(g, x, y, weight, **options)[:1],
        ((len(target), 3),),
    )


def probabilities(weight: Double | None = None, **options: Any) -> Case:
    w = None if weight is None else torch.from_numpy(weight)
    return Case(
        f"cross_entropy probabilities {weight} {options}",
        lambda x, y: definition.cross_entropy(x, y, weight, **options),
        lambda x, y: F.cross_entropy(x, y, w, **options),
        lambda g, x, y: definition.cross_entropy_backward(g, x, y, weight, **options),
        ((4, 3), (4, 3)),
        positive=(1,),
    )


def likelihood(target: list[int], weight: Double | None = None, **options: Any) -> Case:
    y, w = np.array(target), None if weight is None else torch.from_numpy(weight)
    return Case(
        f"nll_loss {target} {weight} {options}",
        lambda x: definition.nll_loss(x, y, weight, **options),
        lambda x: F.nll_loss(x, torch.from_numpy(y), w, **options),
        lambda g, x: (definition.nll_loss_backward(g, x, y, weight, **options),),
        ((len(target), 3),),
    )


def squared_error(weight: Double | None = None, **options: Any) -> Case:
    given: dict[str, Any] = {**options, "weight": None if weight is None else torch.from_numpy(weight)}
    return Case(
        f"mse_loss {weight} {options}",
        lambda x, t: definition.mse_loss(x, t, weight=weight, **options),
        lambda x, t: F.mse_loss(x, t, **given),
        lambda g, x, t: definition.mse_loss_backward(g, x, t, weight=weight, **options),
        ((2, 3), (2, 3)),
    )


def two_answers(weight: Double | None = None, pos_weight: Double | None = None, **options: Any) -> Case:
    w, p = (None if array is None else torch.from_numpy(array) for array in (weight, pos_weight))
    return Case(
        f"binary_cross_entropy_with_logits {weight} {pos_weight} {options}",
        lambda x, t: definition.binary_cross_entropy_with_logits(x, t, weight, pos_weight=pos_weight, **options),
        lambda x, t: F.binary_cross_entropy_with_logits(x, t, w, pos_weight=p, **options),
        lambda g, x, t: definition.binary_cross_entropy_with_logits_backward(
            g, x, t, weight, pos_weight=pos_weight, **options
        ),
        ((4, 3), (4, 3)),
        positive=(1,),
    )


WEIGHT = np.array([0.5, 2.0, 1.25])
TRUTH = np.array([[0.0, 0.0, 1.0], [0.2, 0.5, 0.3]])
CASES = [
    convolution((2, 3, 5, 6), (4, 3, 3, 2)),
    convolution((2, 3, 5, 6), (4, 3, 2, 3), stride=(2, 1), padding=(1, 2)),
    convolution((2, 3, 7, 8), (4, 3, 3, 2), stride=2, padding=1, dilation=(2, 3)),
    convolution((2, 4, 3, 4), (6, 2, 3, 2), padding=3, groups=2),
    convolution((2, 3, 5, 6), (6, 1, 2, 3), stride=(1, 2), dilation=(2, 1), groups=3),
    transposed_convolution((2, 3, 5, 6), (3, 4, 3, 2)),
    transposed_convolution((2, 3, 4, 5), (3, 4, 2, 3), stride=(3, 2), padding=(1, 2), output_padding=(2, 0)),
    transposed_convolution((2, 3, 3, 4), (3, 2, 3, 2), stride=2, padding=1, dilation=(2, 3), output_padding=(1, 2)),
    transposed_convolution((2, 4, 6, 5), (4, 3, 3, 2), padding=(3, 1), groups=2),
    padding((1, 2, 3, 0), "constant"),
    padding((-1, 2, 1, -2), "constant"),
    padding((3, 1, 2, 4), "reflect"),
    padding((-1, 2, 3, -1), "reflect"),
    padding((8, 1, 2, 6), "replicate"),
    padding((-2, 3, 1, -1), "replicate"),
    padding((7, 1, 2, 5), "circular"),
    padding((-1, 2, 2, -1), "circular"),
    Case("relu", definition.relu, F.relu, lambda g, x: (definition.relu_backward(g, x),), ((2, 3, 4, 5),)),
    bending("leaky_relu", F.leaky_relu, negative_slope=0.3),
    bending("leaky_relu", F.leaky_relu, negative_slope=-2),
    Case(
        "sigmoid",
        definition.sigmoid,
        torch.sigmoid,
        lambda g, x: (definition.sigmoid_backward(g, definition.sigmoid(x)),),
        ((3, 5),),
    ),
    Case(
        "tanh", definition.tanh, torch.tanh, lambda g, x: (definition.tanh_backward(g, definition.tanh(x)),), ((3, 5),)
    ),
    bending("silu", F.silu),
    bending("gelu", F.gelu),
    bending("gelu", F.gelu, approximate="tanh"),
    max_pooling(kernel_size=2),
    max_pooling(kernel_size=3, stride=2, padding=1),
    max_pooling(kernel_size=(3, 2), stride=(1, 3), padding=(1, 0), dilation=(2, 1)),
    max_pooling(kernel_size=3, stride=(3, 2), padding=1, ceil_mode=True),
    avg_pooling(kernel_size=2),
    avg_pooling(kernel_size=3, stride=2, padding=1),
    avg_pooling(kernel_size=(3, 2), stride=(1, 3), padding=(1, 0), count_include_pad=False),
    avg_pooling(kernel_size=3, stride=3, padding=1, ceil_mode=True),
    avg_pooling(kernel_size=3, stride=3, padding=1, ceil_mode=True, count_include_pad=False),
    avg_pooling(kernel_size=(2, 3), stride=3, padding=1, ceil_mode=True, divisor_override=5),
    normalising((4, 3)),
    normalising((3, 2, 4, 5)),
    normalising((3, 2, 5), eps=0.5, statistics=(np.array([0.5, -1.0]), np.array([2.0, 0.25]))),
    layer_normalising((4, 5), (5,), 1e-5),
    layer_normalising((2, 3, 2, 4), (2, 4), 0.5),
    layer_normalising((3, 4), (3, 4), 0),
    group_normalising((3, 6, 2, 3), 2, 1e-5),
    group_normalising((2, 4, 5), 4, 0.5),
    group_normalising((3, 4), 1, 0),
    flattening(),
    flattening(1),
    flattening(1, 2),
    flattening(-2, -1),
    Case(
        "linear",
        definition.linear,
        F.linear,
        lambda g, x, w, b: definition.linear_backward(g, x, w),
        ((4, 5), (3, 5), (3,)),
    ),
    Case(
        "softmax",
        definition.softmax,
        lambda x: F.softmax(x, 1),
        lambda g, x: (definition.softmax_backward(g, definition.softmax(x)),),
        ((4, 5),),
    ),
    Case(
        "log_softmax",
        definition.log_softmax,
        lambda x: F.log_softmax(x, 1),
        lambda g, x: (definition.log_softmax_backward(g, definition.log_softmax(x)),),
        ((4, 5),),
    ),
    Case(
        "paper_cross_entropy",
        lambda y_hat: definition.paper_cross_entropy(y_hat, TRUTH),
        lambda y_hat: -(torch.from_numpy(TRUTH) * y_hat.log()).sum(1).mean(),
        lambda g, y_hat: (definition.paper_cross_entropy_backward(g, y_hat, TRUTH),),
        ((2, 3),),
        positive=(0,),
    ),
    classes([0, 2, 1, 2]),
    classes([0, 2, 1, 2], reduction="none"),
    classes([0, 2, 1, 2], reduction="sum", label_smoothing=0.3),
    classes([0, 2, 1, 2], WEIGHT, label_smoothing=0.1),
    classes([0, 2, 1, 2], WEIGHT, ignore_index=2),
    classes([-100, 2, 1, -100, 0], WEIGHT, label_smoothing=0.2),
    classes([1, 2, 1, 0], WEIGHT, label_smoothing=0.2, ignore_index=1, reduction="none"),
    probabilities(),
    probabilities(reduction="none", label_smoothing=0.1),
    probabilities(WEIGHT, label_smoothing=0.3),
    probabilities(WEIGHT, reduction="sum"),
    likelihood([2, 0, 1, 1]),
    likelihood([2, 0, 1, 1], WEIGHT, reduction="none"),
    likelihood([2, -100, 1, 1], WEIGHT),
    likelihood([2, 0, 1, 1], ignore_index=1, reduction="sum"),
    squared_error(),
    squared_error(reduction="none"),
    squared_error(np.array([WEIGHT, 2 * WEIGHT])),
    squared_error(np.array([WEIGHT, 2 * WEIGHT]), reduction="sum"),
    two_answers(),
    two_answers(reduction="none", pos_weight=WEIGHT),
    two_answers(WEIGHT, 2 * WEIGHT),
    two_answers(WEIGHT, reduction="sum"),
]
each_case = pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)


def upstream(case: Case) -> Double:
    return np.random.default_rng(2).standard_normal(case.forward(*case.arrays()).shape)


def assert_close(actual: npt.NDArray[Any], expected: npt.NDArray[Any], tolerance: float) -> None:
    """Equal in shape, and in values within ``tolerance`` times the largest value."""
    assert actual.dtype == np.float64
    assert actual.shape == expected.shape
    assert np.abs(actual - expected).max() <= tolerance * np.abs(expected).max()


@each_case
def test_equals_torch(case: Case) -> None:
    arrays, g = case.arrays(), upstream(case)
    tensors = [torch.from_numpy(array.copy()).requires_grad_() for array in arrays]
    y = case.twin(*tensors)
    assert_close(case.forward(*arrays), y.detach().numpy(), 1e-12)
    y.backward(torch.from_numpy(g))  # type: ignore[no-untyped-call]
    for gradient, tensor in zip(case.backward(g, *arrays), tensors, strict=True):
        assert tensor.grad is not None
        assert_close(gradient, tensor.grad.numpy(), 1e-12)


MOVED = 24  # elements of an array


@each_case
def test_gradient_is_the_slope(case: Case) -> None:
    # L = sum g y.  From x - h to x + h it changes by 2 h dL/dx, but for a term in h^3.  So the slope is off by some h^2
    # and by the rounding of L over h: near 1e-10, both.
    # Loops take their time: of a large array some elements are tried.
    h = 1e-5
    arrays, g = case.arrays(), upstream(case)
    for array, gradient in zip(arrays, case.backward(g, *arrays), strict=True):
        slopes = np.array(gradient)
        for place in np.random.default_rng(0).permutation(array.size)[:MOVED]:
            index = np.unravel_index(place, array.shape)
            middle = array[index]
            array[index] = middle + h
            above = (g * case.forward(*arrays)).sum()
            array[index] = middle - h
            below = (g * case.forward(*arrays)).sum()
            array[index] = middle
            slopes[index] = (above - below) / (2 * h)
        assert_close(gradient, slopes, 1e-8)


@each_case
def test_computes_in_double_precision_and_leaves_its_arguments_alone(case: Case) -> None:
    narrow = [array.astype(np.float32) for array in case.arrays()]
    wide = [array.astype(np.float64) for array in narrow]
    g = upstream(case).astype(np.float32)
    results = [case.forward(*narrow), *case.backward(g, *narrow)]
    expected = [case.forward(*wide), *case.backward(g.astype(np.float64), *wide)]
    for result, double in zip(results, expected, strict=True):
        assert result.dtype == np.float64
        np.testing.assert_array_equal(result, double)
    for array, copy in zip(narrow, wide, strict=True):
        np.testing.assert_array_equal(array, copy)


@pytest.mark.parametrize("reduction", ["none", "sum", "mean"])
@pytest.mark.parametrize("smoothing", [0.0, 0.25])
@pytest.mark.parametrize("target", [np.array([2, 0, 1, -100, 1, 2]), np.eye(3)[[2, 0, 1, 0, 1, 2]]])
def test_cross_entropy_of_infinities_and_nan_equals_torchs(
    target: npt.NDArray[Any], smoothing: float, reduction: str
) -> None:
    x = np.array([[0, -INF, 1], [-INF, 0, 2], [NAN, 0, 1], [0, NAN, 1], [INF, 0, 1], [1e300, -1e300, 0]])
    tensor = torch.from_numpy(x).requires_grad_()
    loss = F.cross_entropy(tensor, torch.from_numpy(target), label_smoothing=smoothing, reduction=reduction)
    check(definition.cross_entropy(x, target, label_smoothing=smoothing, reduction=reduction), loss.detach().numpy())
    g = np.random.default_rng(5).standard_normal(loss.shape)
    loss.backward(torch.as_tensor(g))  # type: ignore[no-untyped-call]
    gradient, _ = definition.cross_entropy_backward(g, x, target, label_smoothing=smoothing, reduction=reduction)
    assert tensor.grad is not None
    check(gradient, tensor.grad.numpy())


@pytest.mark.parametrize("values", ["real", "ties", "nan"])
@pytest.mark.parametrize(
    "options",
    [
        {"kernel_size": 2},
        {"kernel_size": 3, "stride": 2, "padding": 1, "ceil_mode": True},
        {"kernel_size": (2, 3), "stride": 1, "padding": (1, 0), "dilation": (1, 2)},
    ],
)
def test_max_pool2d_indices_equal_torchs(values: str, options: dict[str, Any]) -> None:
    rng = np.random.default_rng(3)
    x = rng.integers(0, 3, (2, 3, 8, 7)).astype(np.float64) if values == "ties" else rng.standard_normal((2, 3, 8, 7))
    if values == "nan":
        x[rng.random(x.shape) < 0.3] = NAN
    y, indices = definition.max_pool2d(x, **options)
    expected, expected_indices = F.max_pool2d(torch.from_numpy(x), return_indices=True, **options)
    np.testing.assert_array_equal(y, expected.numpy())
    np.testing.assert_array_equal(indices, expected_indices.numpy())


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"lr": 0.1, "weight_decay": 0.3, "maximize": True},
        {"lr": 0.1, "momentum": 0.9},
        {"lr": 0.1, "momentum": 0.9, "dampening": 0.4, "weight_decay": 0.2},
        {"lr": 0.1, "momentum": 0.9, "nesterov": True, "weight_decay": 0.2, "maximize": True},
    ],
)
def test_sgd_steps_equal_torchs(options: dict[str, Any]) -> None:
    rng = np.random.default_rng(4)
    parameter = rng.standard_normal((3, 2))
    tensor = torch.from_numpy(parameter.copy()).requires_grad_()
    optimizer = torch.optim.SGD([tensor], **options)
    velocity = None
    for _ in range(4):
        gradient = rng.standard_normal((3, 2))
        parameter, velocity = definition.sgd_step(parameter, gradient, velocity, **options)
        tensor.grad = torch.from_numpy(gradient)
        optimizer.step()
        assert_close(parameter, tensor.detach().numpy(), 1e-12)


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("RMSprop", {}),
        ("RMSprop", {"lr": 0.1, "alpha": 0.5, "weight_decay": 0.2, "momentum": 0.9, "eps": 0.1}),
        ("RMSprop", {"lr": 0.1, "alpha": 0.5, "centered": True, "maximize": True}),
        ("Adam", {}),
        ("Adam", {"lr": 0.1, "betas": (0.5, 0.75), "weight_decay": 0.2, "eps": 0.1}),
        ("Adam", {"lr": 0.1, "betas": (0.5, 0.75), "amsgrad": True, "maximize": True}),
        ("AdamW", {}),
        ("AdamW", {"lr": 0.1, "betas": (0.5, 0.75), "weight_decay": 0.2, "amsgrad": True}),
    ],
)
def test_steps_of_the_other_optimizers_equal_torchs(name: str, options: dict[str, Any]) -> None:
    rng = np.random.default_rng(4)
    parameter = rng.standard_normal((3, 2))
    tensor = torch.from_numpy(parameter.copy()).requires_grad_()
    optimizer = getattr(torch.optim, name)([tensor], **options)
    step, means = getattr(definition, f"{name.lower()}_step"), None
    for t in range(1, 7):
        gradient = rng.standard_normal((3, 2))
        count = () if name == "RMSprop" else (t,)
        parameter, means = step(parameter, gradient, means, *count, **options)
        tensor.grad = torch.from_numpy(gradient)
        optimizer.step()
        assert_close(parameter, tensor.detach().numpy(), 1e-12)


@pytest.mark.parametrize("norm_type", [2.0, 1.0, 3.0, 0.5, -1.0, INF, -INF])
@pytest.mark.parametrize("max_norm", [1.0, 1e6, 0.0])
def test_clipping_equals_torchs(norm_type: float, max_norm: float) -> None:
    rng = np.random.default_rng(5)
    grads: list[definition.Array] = [rng.standard_normal((3, 2)), rng.standard_normal(4)]
    twins = [torch.nn.Parameter(torch.zeros(grad.shape).double()) for grad in grads]
    for twin, grad in zip(twins, grads, strict=True):
        twin.grad = torch.from_numpy(grad.copy())
    clipped, norm = definition.clip_grad_norm(grads, max_norm, norm_type)
    assert norm == pytest.approx(float(torch.nn.utils.clip_grad_norm_(twins, max_norm, norm_type)), rel=1e-14)
    for mine, twin in zip(clipped, twins, strict=True):
        assert twin.grad is not None
        assert_close(mine, twin.grad.numpy(), 1e-14)


def test_sgd_without_weight_decay_leaves_an_infinite_parameter() -> None:
    check(definition.sgd_step(np.array([INF]), np.array([1.0]), None)[0], [INF])


def test_the_definition_shares_nothing() -> None:
    imported = set[str]()
    for file in Path(definition.__file__).parent.glob("*.py"):
        tree = ast.parse(file.read_text(encoding="utf-8"))
        imported |= {name.name for node in ast.walk(tree) if isinstance(node, ast.Import) for name in node.names}
        imported |= {str(node.module) for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    outside = {name for name in imported if not name.startswith("reference.definition.")}
    assert outside == {"collections.abc", "math", "typing", "numpy", "numpy.typing"}
