"""Convolution, as students get it wrong."""
# The variables are the letters of the formulas.
# ruff: noqa: E741, N806

from collections.abc import Callable

import numpy as np

from tests.torch_parity.audit.students.windows import (
    Array,
    Arrays,
    Options,
    Students,
    WrittenFor,
    conv_outputs,
    conv_setup,
    one_group,
    places,
    plain_conv,
    two,
)


def setup(a: Arrays, o: Options) -> tuple[Array, Array, Array, Callable[[int, int], tuple[slice, slice]]]:
    """The padded image, the kernels, zeros for the output, and where the window of an output lies."""
    x, K, stride, dilation, _ = conv_setup(a, o)
    y = np.zeros((len(x), len(K), *conv_outputs(x, K, stride, dilation)), x.dtype)
    return x, K, y, lambda i, j: places(i, j, K, stride, dilation)


def im2col(a: Arrays, o: Options) -> tuple[Array, Array, tuple[int, int, int, int]]:
    """What the windows see, (N oH oW, C kH kW), the kernels (O, C kH kW), and the shape of the output."""
    x, K, y, at = setup(a, o)
    N, O, oH, oW = y.shape
    columns = np.array([x[n, :, *at(i, j)].ravel() for n in range(N) for i in range(oH) for j in range(oW)])
    return columns, K.reshape(O, -1), (N, O, oH, oW)


def kernel_flipped(a: Arrays, o: Options, g: Array) -> Array:
    x, K, stride, dilation, _ = conv_setup(a, o)
    oH, oW = conv_outputs(x, K, stride, dilation)
    y = np.zeros((len(x), len(K), oH, oW), x.dtype)
    for n, f, i, j in np.ndindex(y.shape):
        rows, columns = places(i, j, K, stride, dilation)
        y[n, f, i, j] = (x[n, :, rows, columns] * np.rot90(K[f], 2, axes=(1, 2))).sum() + a["bias"][f]
    return y


def groups_interleaved(a: Arrays, o: Options, g: Array) -> Array:
    x, K, stride, dilation, _ = conv_setup(a, o)
    G = o["groups"]
    oH, oW = conv_outputs(x, K, stride, dilation)
    y = np.zeros((len(x), len(K), oH, oW), x.dtype)
    for n, f, i, j in np.ndindex(y.shape):
        rows, columns = places(i, j, K, stride, dilation)
        mine = [c for c in range(x.shape[1]) if c % G == f // (len(K) // G)]
        y[n, f, i, j] = sum((x[n, c, rows, columns] * k).sum() for c, k in zip(mine, K[f], strict=True)) + a["bias"][f]
    return y


def weights_as_iohw(a: Arrays, o: Options, g: Array) -> Array:
    x, K, stride, dilation, _ = conv_setup(a, o)
    oH, oW = conv_outputs(x, K, stride, dilation)
    filters, channels, kH, kW = K.shape
    stored = K.ravel().reshape(channels, filters, kH, kW)
    y = np.zeros((len(x), filters, oH, oW), x.dtype)
    for n, f, i, j in np.ndindex(y.shape):
        rows, columns = places(i, j, K, stride, dilation)
        y[n, f, i, j] = sum((x[n, c, rows, columns] * stored[c, f]).sum() for c in range(channels)) + a["bias"][f]
    return y


def kernel_flipped_vertically(a: Arrays, o: Options, g: Array) -> Array:
    x, K, y, at = setup(a, o)
    for n, f, i, j in np.ndindex(y.shape):
        y[n, f, i, j] = (x[n, :, *at(i, j)] * np.flip(K[f], axis=1)).sum() + a["bias"][f]
    return y


def kernel_flipped_horizontally(a: Arrays, o: Options, g: Array) -> Array:
    x, K, y, at = setup(a, o)
    for n, f, i, j in np.ndindex(y.shape):
        y[n, f, i, j] = (x[n, :, *at(i, j)] * np.flip(K[f], axis=2)).sum() + a["bias"][f]
    return y


def last_channel_only(a: Arrays, o: Options, g: Array) -> Array:
    x, K, y, at = setup(a, o)
    for n, f, i, j in np.ndindex(y.shape):
        for c in range(x.shape[1]):
            y[n, f, i, j] = (x[n, c, *at(i, j)] * K[f, c]).sum()
        y[n, f, i, j] += a["bias"][f]
    return y


def channels_averaged(a: Arrays, o: Options, g: Array) -> Array:
    x, K, y, at = setup(a, o)
    for n, f, i, j in np.ndindex(y.shape):
        y[n, f, i, j] = (x[n, :, *at(i, j)] * K[f]).sum(axis=(1, 2)).mean() + a["bias"][f]
    return y


def products_averaged(a: Arrays, o: Options, g: Array) -> Array:
    x, K, y, at = setup(a, o)
    for n, f, i, j in np.ndindex(y.shape):
        y[n, f, i, j] = np.mean(x[n, :, *at(i, j)] * K[f]) + a["bias"][f]
    return y


def bias_in_every_product(a: Arrays, o: Options, g: Array) -> Array:
    x, K, y, at = setup(a, o)
    for n, f, i, j in np.ndindex(y.shape):
        y[n, f, i, j] = np.sum(x[n, :, *at(i, j)] * K[f] + a["bias"][f])
    return y


def bias_in_every_channel(a: Arrays, o: Options, g: Array) -> Array:
    x, K, y, at = setup(a, o)
    for n, f, i, j in np.ndindex(y.shape):
        for c in range(x.shape[1]):
            y[n, f, i, j] += (x[n, c, *at(i, j)] * K[f, c]).sum() + a["bias"][f]
    return y


def padded_twice(a: Arrays, o: Options, g: Array) -> Array:
    (pH, pW), (sH, sW), (dH, dW) = two(o["padding"]), two(o["stride"]), two(o["dilation"])
    kH, kW = a["weight"].shape[2:]
    image = np.pad(a["input"], ((0, 0), (0, 0), (pH, pH), (pW, pW)))
    oH = (image.shape[2] + 2 * pH - dH * (kH - 1) - 1) // sH + 1
    oW = (image.shape[3] + 2 * pW - dW * (kW - 1) - 1) // sW + 1
    x = np.pad(image, ((0, 0), (0, 0), (pH, pH), (pW, pW)))
    y = np.zeros((len(x), len(a["weight"]), oH, oW))
    for n, f, i, j in np.ndindex(y.shape):
        rows, columns = places(i, j, a["weight"], (sH, sW), (dH, dW))
        y[n, f, i, j] = (x[n, :, rows, columns] * a["weight"][f]).sum() + a["bias"][f]
    return y


def stride_ignored(a: Arrays, o: Options, g: Array) -> Array:
    x, K, y, _ = setup(a, o)
    for n, f, i, j in np.ndindex(y.shape):
        rows, columns = places(i, j, K, (1, 1), two(o["dilation"]))
        y[n, f, i, j] = (x[n, :, rows, columns] * K[f]).sum() + a["bias"][f]
    return y


def width_from_height(a: Arrays, o: Options, g: Array) -> Array:
    x, K, y, at = setup(a, o)
    y = y[..., : max(0, columns_in_height(a, o))]
    for n, f, i, j in np.ndindex(y.shape):
        y[n, f, i, j] = (x[n, :, *at(i, j)] * K[f]).sum() + a["bias"][f]
    return y


def columns_in_height(a: Arrays, o: Options) -> int:
    """W_out of an image as wide as this one is high."""
    height, reach = a["input"].shape[2] + 2 * two(o["padding"])[1], two(o["dilation"])[1] * (a["weight"].shape[3] - 1)
    return int((height - reach - 1) // two(o["stride"])[1] + 1)


def columns_up_to_height(a: Arrays, o: Options, g: Array) -> Array:
    x, K, y, at = setup(a, o)
    for n, f in np.ndindex(y.shape[:2]):
        for i in range(y.shape[2]):
            for j in range(y.shape[2]):
                y[n, f, i, j] = (x[n, :, *at(i, j)] * K[f]).sum() + a["bias"][f]
    return y


def size_without_plus_one(a: Arrays, o: Options, g: Array) -> Array:
    x, K, _, at = setup(a, o)
    (sH, sW), (dH, dW), (kH, kW) = two(o["stride"]), two(o["dilation"]), K.shape[2:]
    y = np.zeros((len(x), len(K), (x.shape[2] - dH * (kH - 1) - 1) // sH, (x.shape[3] - dW * (kW - 1) - 1) // sW))
    for n, f, i, j in np.ndindex(y.shape):
        y[n, f, i, j] = (x[n, :, *at(i, j)] * K[f]).sum() + a["bias"][f]
    return y


def last_windows_left_zero(a: Arrays, o: Options, g: Array) -> Array:
    x, K, y, at = setup(a, o)
    for n, f in np.ndindex(y.shape[:2]):
        for i in range(y.shape[2] - 1):
            for j in range(y.shape[3] - 1):
                y[n, f, i, j] = (x[n, :, *at(i, j)] * K[f]).sum() + a["bias"][f]
    return y


def first_image_only(a: Arrays, o: Options, g: Array) -> Array:
    x, K, y, at = setup(a, o)
    for n in range(len(x)):
        for f, i, j in np.ndindex(y.shape[1:]):
            y[n, f, i, j] = (x[n, :, *at(i, j)] * K[f]).sum() + a["bias"][f]
        return y
    return y


def first_filter_only(a: Arrays, o: Options, g: Array) -> Array:
    x, K, y, at = setup(a, o)
    for f in range(len(K)):
        for i, j in np.ndindex(y.shape[2:]):
            y[:, f, i, j] = (x[:, :, *at(i, j)] * K[f]).sum(axis=(1, 2, 3)) + a["bias"][f]
        return y
    return y


def first_pixel_only(a: Arrays, o: Options, g: Array) -> Array:
    x, K, y, at = setup(a, o)
    for n, f, i, j in np.ndindex(y.shape):
        y[n, f, i, j] = (x[n, :, *at(i, j)] * K[f]).sum() + a["bias"][f]
        return y
    return y


def output_transposed(a: Arrays, o: Options, g: Array) -> Array:
    """From rows of windows, as im2col has them, with two axes swapped in the end."""
    columns, K, (N, O, oH, oW) = im2col(a, o)
    return (columns @ K.T + a["bias"]).reshape(N, oH, oW, O).transpose(0, 3, 2, 1)


def output_reshaped_from_pixels(a: Arrays, o: Options, g: Array) -> Array:
    columns, K, (N, O, oH, oW) = im2col(a, o)
    return (columns @ K.T + a["bias"]).reshape(N, O, oH, oW)


def output_reshaped_from_filters(a: Arrays, o: Options, g: Array) -> Array:
    columns, K, (N, O, oH, oW) = im2col(a, o)
    return (K @ columns.T + a["bias"][:, None]).reshape(N, O, oH, oW)


def output_reshaped_from_batch_last(a: Arrays, o: Options, g: Array) -> Array:
    """As in CS231n, where the columns run over the images fastest, but for the transposition."""
    columns, K, (N, O, oH, oW) = im2col(a, o)
    columns = columns.reshape(N, oH, oW, -1).transpose(1, 2, 0, 3).reshape(N * oH * oW, -1)
    return (K @ columns.T + a["bias"][:, None]).reshape(N, O, oH, oW)


def wide(a: Arrays, o: Options) -> bool:
    return one_group(a, o) and len({*setup(a, o)[2].shape[2:]}) == 2 and np.diff(setup(a, o)[2].shape[2:])[0] > 0


def wider_than_high(a: Arrays, o: Options) -> bool:
    return bool(one_group(a, o) and columns_in_height(a, o) <= setup(a, o)[2].shape[3])


WRITTEN_OUT: list[tuple[Students, str, WrittenFor]] = [
    (kernel_flipped, "output", one_group),
    (groups_interleaved, "output", plain_conv),
    (weights_as_iohw, "output", one_group),
    (kernel_flipped_vertically, "output", one_group),
    (kernel_flipped_horizontally, "output", one_group),
    (last_channel_only, "output", one_group),
    (channels_averaged, "output", one_group),
    (products_averaged, "output", one_group),
    (bias_in_every_product, "output", one_group),
    (bias_in_every_channel, "output", one_group),
    (padded_twice, "output", one_group),
    (stride_ignored, "output", one_group),
    (width_from_height, "output", wider_than_high),
    (columns_up_to_height, "output", wide),
    (size_without_plus_one, "output", one_group),
    (last_windows_left_zero, "output", one_group),
    (first_image_only, "output", one_group),
    (first_filter_only, "output", one_group),
    (first_pixel_only, "output", one_group),
    (output_transposed, "output", one_group),
    (output_reshaped_from_pixels, "output", one_group),
    (output_reshaped_from_filters, "output", one_group),
    (output_reshaped_from_batch_last, "output", one_group),
]
