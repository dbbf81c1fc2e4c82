"""Average pooling, done wrongly."""

from typing import Any

import numpy as np

import reference
from torch_parity.audit.mistakes.mistake import (
    RESULTS,
    Array,
    Arrays,
    Backward,
    Change,
    Forward,
    Mistake,
    Options,
    arguments,
    gradient_arguments,
    gradients_instead,
    instead,
)
from torch_parity.audit.mistakes.windows import Windows, both, pooling_windows

READ_FORWARD = ("reference/pooling.py: avg_pool2d", "reference/definition/pooling.py: avg_pool2d")
READ_BACKWARD = ("reference/pooling.py: avg_pool2d_backward", "reference/definition/pooling.py: avg_pool2d_backward")


def _divisors(windows: Windows, options: Options) -> Any:
    """What the sum of each window is divided by, rightly: (oH, oW), or one number."""
    if options["divisor_override"] is not None:
        return options["divisor_override"]
    counts = []
    for n, k, s, p, outputs in zip(
        windows.size, windows.kernel, windows.stride, windows.before, windows.outputs, strict=True
    ):
        first = np.arange(outputs) * s - p
        stop = np.minimum(first + k, n + p)
        counts.append(stop - first if options["count_include_pad"] else np.minimum(stop, n) - np.maximum(first, 0))
    return np.outer(*counts)


def averages_overwritten(g: Array, a: Arrays, o: Options, y: Any) -> Array:
    """dL/dx by a loop over the windows, row by row, with = for +=: of a pixel's windows the last one is left."""
    windows = pooling_windows(a["input"], o, g.shape)
    share = g / np.asarray(_divisors(windows, o), g.dtype)
    frame = windows.frame(np.zeros_like(a["input"]))
    for i, j in np.ndindex(windows.outputs):
        windows.window(frame, i, j)[...] = share[..., i, j, np.newaxis, np.newaxis]
    return windows.inside(frame)


def _times_reciprocal(right: Forward) -> Forward:
    def wrong(**given: Any) -> Array:
        total = right(**{**given, "divisor_override": 1})
        divisors = np.asarray(_divisors(pooling_windows(given["input"], given, total.shape), given), total.dtype)
        return np.asarray(total * (1 / divisors))

    return wrong


def _whole_kernel(given: Options) -> Options:
    height, width = both(given["kernel_size"])
    return {"divisor_override": given["divisor_override"] or height * width}


def _number_of_windows(right: Forward) -> Forward:
    def wrong(**given: Any) -> Array:
        height, width = right(**given).shape[-2:]
        return np.asarray(right(**{**given, "divisor_override": height * width}))

    return wrong


def maxima(input: Array, **options: Any) -> Array:
    """The maximum of each window, zeros of the padding included."""
    output = reference.avg_pool2d(input, **options)
    windows = pooling_windows(input, options, output.shape)
    frame = windows.frame(input)
    largest = np.full_like(output, -np.inf)
    for m, k in np.ndindex(windows.kernel):
        largest = np.maximum(largest, windows.tap(frame, m, k))
    return largest


def to_top_left(g: Array, a: Arrays, o: Options, y: Any) -> Array:
    """dL/dx where the first pixel of each window alone gets its share."""
    windows = pooling_windows(a["input"], o, g.shape)
    frame = windows.frame(np.zeros_like(a["input"]))
    windows.tap(frame, 0, 0)[...] = g / np.asarray(_divisors(windows, o), g.dtype)
    return windows.inside(frame)


def _divided_before(right: Backward) -> Backward:
    def wrong(g: Array, a: Arrays, o: Options, y: Any) -> list[Any]:
        windows = pooling_windows(a["input"], o, g.shape)
        return list(right(g / np.asarray(_divisors(windows, o), g.dtype), a, o, y))

    return wrong


MISTAKES = (
    Mistake(
        "divided-by-kernel", "avg_pool2d",
        "Every window is divided by kH kW, whatever part of it counts.",
        "Right inside; border windows are too small without count_include_pad or with ceil_mode.",
        "Divide by the number of places of the window in the padded image, or in the image without count_include_pad.",
        READ_FORWARD,
        forward=arguments(_whole_kernel),
    ),
    Mistake(
        "pad-not-counted", "avg_pool2d",
        "Padding is left out of the count by default.",
        "Right inside; border windows are too large.",
        "count_include_pad=True: by default the zeros of the padding count as pixels.",
        READ_FORWARD,
        forward=arguments(lambda a: {"count_include_pad": False}),
    ),
    Mistake(
        "reciprocal", "avg_pool2d",
        "The sum is multiplied by 1/D instead of divided by D: two roundings for one.",
        "The last bit differs, where D is no power of two.",
        "total / D.",
        READ_FORWARD,
        forward=Change(RESULTS, _times_reciprocal),
    ),
    Mistake(
        "pooling-gradient-not-divided", "avg_pool2d",
        "Each pixel gets the window's whole gradient.",
        "Too large by the size of the window.",
        "dx[:, :, rows, columns] += g[:, :, i, j] / D.",
        READ_BACKWARD,
        backward=gradient_arguments(lambda g, a, o: (g, a, {**o, "divisor_override": 1})),
    ),
    Mistake(
        "average-gradient-overwritten", "avg_pool2d",
        "A loop over the windows, row by row, writes their gradients with = instead of +=.",
        "Right where windows do not overlap; else only the gradient of a pixel's last window is left.",
        "dx[:, :, rows, columns] += g[:, :, i, j] / D: a pixel collects from every window that sees it.",
        READ_BACKWARD,
        backward=gradients_instead(input=averages_overwritten),
    ),
    Mistake(
        "average-not-divided", "avg_pool2d",
        "The sum of the window is taken instead of its mean.",
        "Too large by the size of the window.",
        "x[:, :, rows, columns].mean(axis=(2, 3)), or the sum divided by kH * kW.",
        READ_FORWARD,
        forward=arguments(lambda a: {"divisor_override": 1}),
    ),
    Mistake(
        "divided-by-one-side", "avg_pool2d",
        "The sum is divided by kH where kH kW belongs.",
        "Right for windows of one column; else too large by the width.",
        "Divide by kH * kW, for a square window by k ** 2.",
        READ_FORWARD,
        forward=arguments(lambda a: {"divisor_override": both(a["kernel_size"])[0]}),
    ),
    Mistake(
        "divided-by-number-of-windows", "avg_pool2d",
        "The sum is divided by oH oW, the number of windows, instead of the size of one.",
        "Right where the two are equal by chance.",
        "Divide by kH * kW: the mean of the pixels in one window.",
        READ_FORWARD,
        forward=Change(RESULTS, _number_of_windows),
    ),
    Mistake(
        "maximum-for-average", "avg_pool2d",
        "The maximum of the window is taken.",
        "Right where all pixels of a window are equal; else too large.",
        "x[:, :, rows, columns].mean(axis=(2, 3)).",
        READ_FORWARD,
        forward=instead(maxima),
    ),
    Mistake(
        "average-gradient-divided-twice", "avg_pool2d",
        "The gradient is divided by the size of the window twice.",
        "Too small by the size of the window.",
        "dx[:, :, rows, columns] += g[:, :, i, j] / D, with the g that came from above.",
        READ_BACKWARD,
        backward=Change(RESULTS, _divided_before),
    ),
    Mistake(
        "average-gradient-to-top-left", "avg_pool2d",
        "Of each window only the first pixel gets its share of the gradient.",
        "Right for windows of one pixel; else most pixels get nothing.",
        "dx[:, :, rows, columns] += g[:, :, i, j] / D, with slices for rows and columns.",
        READ_BACKWARD,
        backward=gradients_instead(input=to_top_left),
    ),
)  # fmt: skip
