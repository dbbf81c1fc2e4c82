"""Pooling, as students get it wrong."""
# The variables are the letters of the formulas.
# ruff: noqa: N806

import numpy as np

from tests.torch_parity.audit.students.windows import (
    Array,
    Arrays,
    Options,
    Students,
    WrittenFor,
    batch,
    cropped,
    pool_setup,
    two,
    whole_windows,
)


def ties_to_all(a: Arrays, o: Options, g: Array) -> Array:
    x, padding, at = pool_setup(a, o, -np.inf)
    dx = np.zeros_like(x)
    for n, c, i, j in np.ndindex(g.shape):
        rows, columns = at(i, j)
        window = x[n, c, rows, columns]
        dx[n, c, rows, columns] += g[n, c, i, j] * (window == window.max())
    return cropped(dx, a, padding)


def ties_by_closeness(a: Arrays, o: Options, g: Array) -> Array:
    x, padding, at = pool_setup(a, o, -np.inf)
    dx = np.zeros_like(x)
    for n, c, i, j in np.ndindex(g.shape):
        rows, columns = at(i, j)
        window = x[n, c, rows, columns]
        dx[n, c, rows, columns] += g[n, c, i, j] * np.isclose(window, window.max())
    return cropped(dx, a, padding)


def ties_split(a: Arrays, o: Options, g: Array) -> Array:
    x, padding, at = pool_setup(a, o, -np.inf)
    dx = np.zeros_like(x)
    for n, c, i, j in np.ndindex(g.shape):
        rows, columns = at(i, j)
        mask = x[n, c, rows, columns] == x[n, c, rows, columns].max()
        dx[n, c, rows, columns] += np.where(mask, g[n, c, i, j] / x.dtype.type(mask.sum()), 0)
    return cropped(dx, a, padding)


def ties_to_last(a: Arrays, o: Options, g: Array) -> Array:
    """The positions in the plane."""
    x, padding, at = pool_setup(a, o, -np.inf)
    width = a["input"].shape[3]
    indices = np.zeros(g.shape, np.int64)
    for n, c, i, j in np.ndindex(g.shape):
        rows, columns = at(i, j)
        best = -np.inf
        for row in range(x.shape[2])[rows]:
            for column in range(x.shape[3])[columns]:
                if x[n, c, row, column] >= best and x[n, c, row, column] > -np.inf:
                    best = x[n, c, row, column]
                    indices[n, c, i, j] = (row - padding[0]) * width + column - padding[1]
    return indices


def padded_with_zero(a: Arrays, o: Options, g: Array) -> Array:
    x, _, at = pool_setup(a, o, 0)
    y = np.zeros_like(g)
    for i, j in np.ndindex(g.shape[2:]):
        y[:, :, i, j] = x[:, :, *at(i, j)].max(axis=(2, 3))
    return y


def pooling_gradient_overwritten(a: Arrays, o: Options, g: Array) -> Array:
    x, padding, at = pool_setup(a, o, -np.inf)
    dx = np.zeros_like(x)
    for n, c, i, j in np.ndindex(g.shape):
        window, under = x[n, c, *at(i, j)], dx[n, c, *at(i, j)]
        under[np.unravel_index(window.argmax(), window.shape)] = g[n, c, i, j]
    return cropped(dx, a, padding)


def average_gradient_overwritten(a: Arrays, o: Options, g: Array) -> Array:
    x, padding, at = pool_setup(a, o, 0)
    kH, kW = two(o["kernel_size"])
    dx = np.zeros_like(x)
    for n, c, i, j in np.ndindex(g.shape):
        dx[n, c, *at(i, j)] = g[n, c, i, j] / x.dtype.type(kH * kW)
    return cropped(dx, a, padding)


def reciprocal(a: Arrays, o: Options, g: Array) -> Array:
    x, _, at = pool_setup(a, o, 0)
    kH, kW = two(o["kernel_size"])
    y = np.zeros_like(g)
    for i, j in np.ndindex(g.shape[2:]):
        y[:, :, i, j] = x[:, :, *at(i, j)].sum(axis=(2, 3)) * (1 / x.dtype.type(kH * kW))
    return y


def average_for_maximum(a: Arrays, o: Options, g: Array) -> Array:
    x, _, at = pool_setup(a, o, 0)
    y = np.zeros_like(g)
    for i, j in np.ndindex(g.shape[2:]):
        y[:, :, i, j] = x[:, :, *at(i, j)].mean(axis=(2, 3))
    return y


def maximum_over_channels(a: Arrays, o: Options, g: Array) -> Array:
    x, _, at = pool_setup(a, o, -np.inf)
    y = np.zeros_like(g)
    for n, c, i, j in np.ndindex(g.shape):
        y[n, c, i, j] = x[n, :, *at(i, j)].max()
    return y


def maximum_over_batch_and_channels(a: Arrays, o: Options, g: Array) -> Array:
    x, _, at = pool_setup(a, o, -np.inf)
    y = np.zeros_like(g)
    for i, j in np.ndindex(g.shape[2:]):
        y[:, :, i, j] = np.max(x[:, :, *at(i, j)])
    return y


def maximum_starts_from_zero(a: Arrays, o: Options, g: Array) -> Array:
    x, _, at = pool_setup(a, o, -np.inf)
    y = np.zeros_like(g)
    for n, c, i, j in np.ndindex(g.shape):
        for pixel in x[n, c, *at(i, j)].ravel():
            y[n, c, i, j] = max(y[n, c, i, j], pixel)
    return y


def pooling_stride_ignored(a: Arrays, o: Options, g: Array) -> Array:
    x, _, at = pool_setup(a, {**o, "stride": 1}, -np.inf)
    y = np.zeros_like(g)
    for i, j in np.ndindex(g.shape[2:]):
        y[:, :, i, j] = x[:, :, *at(i, j)].max(axis=(2, 3))
    return y


def last_pooling_windows_left_zero(a: Arrays, o: Options, g: Array) -> Array:
    x, _, at = pool_setup(a, o, -np.inf)
    y = np.zeros_like(g)
    for i in range(g.shape[2] - 1):
        for j in range(g.shape[3] - 1):
            y[:, :, i, j] = x[:, :, *at(i, j)].max(axis=(2, 3))
    return y


def compared_with_global_maximum(a: Arrays, o: Options, g: Array) -> Array:
    x, padding, at = pool_setup(a, o, -np.inf)
    dx = np.zeros_like(x)
    for n, c, i, j in np.ndindex(g.shape):
        dx[n, c, *at(i, j)] += g[n, c, i, j] * (x[n, c, *at(i, j)] == np.max(x))
    return cropped(dx, a, padding)


def pooling_gradient_to_top_left(a: Arrays, o: Options, g: Array) -> Array:
    x, padding, at = pool_setup(a, o, -np.inf)
    dx = np.zeros_like(x)
    for n, c, i, j in np.ndindex(g.shape):
        dx[n, c, *at(i, j)][0, 0] += g[n, c, i, j]
    return cropped(dx, a, padding)


def pooling_gradient_to_whole_window(a: Arrays, o: Options, g: Array) -> Array:
    x, padding, at = pool_setup(a, o, -np.inf)
    dx = np.zeros_like(x)
    for n, c, i, j in np.ndindex(g.shape):
        dx[n, c, *at(i, j)] += g[n, c, i, j]
    return cropped(dx, a, padding)


def pooling_gradient_shared(a: Arrays, o: Options, g: Array) -> Array:
    x, padding, at = pool_setup(a, o, -np.inf)
    dx = np.zeros_like(x)
    kH, kW = two(o["kernel_size"])
    for i, j in reversed([*np.ndindex(g.shape[2:])]):  # sums in the order of the taps
        dx[:, :, *at(i, j)] += (g[:, :, i, j] / (kH * kW))[:, :, None, None]
    return cropped(dx, a, padding)


def maximum_at_swapped_place(a: Arrays, o: Options, g: Array) -> Array:
    x, padding, at = pool_setup(a, o, -np.inf)
    dx = np.zeros_like(x)
    kW = two(o["kernel_size"])[1]
    for n, c, i, j in np.ndindex(g.shape):
        t = x[n, c, *at(i, j)].argmax()
        dx[n, c, *at(i, j)][t % kW, t // kW] += g[n, c, i, j]
    return cropped(dx, a, padding)


def average_not_divided(a: Arrays, o: Options, g: Array) -> Array:
    x, _, at = pool_setup(a, o, 0)
    y = np.zeros_like(g)
    for i, j in np.ndindex(g.shape[2:]):
        y[:, :, i, j] = x[:, :, *at(i, j)].sum(axis=(2, 3))
    return y


def divided_by_one_side(a: Arrays, o: Options, g: Array) -> Array:
    return average_not_divided(a, o, g) / two(o["kernel_size"])[0]


def divided_by_number_of_windows(a: Arrays, o: Options, g: Array) -> Array:
    return average_not_divided(a, o, g) / (g.shape[2] * g.shape[3])


def maximum_for_average(a: Arrays, o: Options, g: Array) -> Array:
    x, _, at = pool_setup(a, o, 0)
    y = np.zeros_like(g)
    for i, j in np.ndindex(g.shape[2:]):
        y[:, :, i, j] = x[:, :, *at(i, j)].max(axis=(2, 3))
    return y


def average_gradient_divided_twice(a: Arrays, o: Options, g: Array) -> Array:
    x, padding, at = pool_setup(a, o, 0)
    kH, kW = two(o["kernel_size"])
    dx = np.zeros_like(x)
    for n, c, i, j in np.ndindex(g.shape):
        dx[n, c, *at(i, j)] += g[n, c, i, j] / (kH * kW) / (kH * kW)
    return cropped(dx, a, padding)


def average_gradient_to_top_left(a: Arrays, o: Options, g: Array) -> Array:
    x, padding, at = pool_setup(a, o, 0)
    kH, kW = two(o["kernel_size"])
    dx = np.zeros_like(x)
    for n, c, i, j in np.ndindex(g.shape):
        dx[n, c, *at(i, j)][0, 0] += g[n, c, i, j] / (kH * kW)
    return cropped(dx, a, padding)


def plain_mean(a: Arrays, o: Options) -> bool:
    return whole_windows(a, o) and o["count_include_pad"] is True and o["divisor_override"] is None


def square(a: Arrays, o: Options) -> bool:
    kH, kW = two(o["kernel_size"])
    return whole_windows(a, o) and kH == kW


WRITTEN_OUT: list[tuple[Students, str, WrittenFor]] = [
    (ties_to_all, "grad_input", batch),
    (ties_by_closeness, "grad_input", batch),
    (ties_split, "grad_input", batch),
    (ties_to_last, "indices", batch),
    (padded_with_zero, "output", whole_windows),
    (pooling_gradient_overwritten, "grad_input", batch),
    (average_gradient_overwritten, "grad_input", plain_mean),
    (reciprocal, "output", plain_mean),
    (average_for_maximum, "output", whole_windows),
    (maximum_over_channels, "output", whole_windows),
    (maximum_over_batch_and_channels, "output", whole_windows),
    (maximum_starts_from_zero, "output", whole_windows),
    (pooling_stride_ignored, "output", whole_windows),
    (last_pooling_windows_left_zero, "output", whole_windows),
    (compared_with_global_maximum, "grad_input", whole_windows),
    (pooling_gradient_to_top_left, "grad_input", whole_windows),
    (pooling_gradient_to_whole_window, "grad_input", whole_windows),
    (pooling_gradient_shared, "grad_input", whole_windows),
    (maximum_at_swapped_place, "grad_input", square),
    (average_not_divided, "output", plain_mean),
    (divided_by_one_side, "output", plain_mean),
    (divided_by_number_of_windows, "output", plain_mean),
    (maximum_for_average, "output", plain_mean),
    (average_gradient_divided_twice, "grad_input", plain_mean),
    (average_gradient_to_top_left, "grad_input", plain_mean),
]
