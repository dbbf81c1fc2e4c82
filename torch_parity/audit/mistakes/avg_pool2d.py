"""Average pooling, done wrongly."""

from typing import Any

import numpy as np

from torch_parity.audit.mistakes.mistake import (
    RESULTS,
    Array,
    Arrays,
    Change,
    Forward,
    Mistake,
    Options,
    arguments,
    gradient_arguments,
    gradients_instead,
)
from torch_parity.audit.mistakes.windows import Windows, both, pooling_windows

READ_FORWARD = ("reference/pooling.py: avg_pool2d", "reference/definition.py: avg_pool2d")
READ_BACKWARD = ("reference/pooling.py: avg_pool2d_backward", "reference/definition.py: avg_pool2d_backward")


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
)  # fmt: skip
