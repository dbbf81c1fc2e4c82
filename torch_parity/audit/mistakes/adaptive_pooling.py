"""Average pooling to a given size, done wrongly."""

from collections.abc import Callable
from typing import Any

import numpy as np

from torch_parity.audit.mistakes.mistake import (
    Array,
    Arrays,
    Mistake,
    Options,
    arguments,
    gradients_instead,
    instead,
)

READ_FORWARD = (
    "reference/adaptive_pooling.py: adaptive_avg_pool2d",
    "reference/definition/adaptive_pooling.py: adaptive_avg_pool2d",
)
READ_BACKWARD = (
    "reference/adaptive_pooling.py: adaptive_avg_pool2d_backward",
    "reference/definition/adaptive_pooling.py: adaptive_avg_pool2d_backward",
)
# The pixels of window i of an axis, from its size and its number of outputs.
Window = Callable[[int, int, int], slice]


def fitted(i: int, size: int, outputs: int) -> slice:
    """Rightly: all pixels that the share touches."""
    return slice(i * size // outputs, -(-(i + 1) * size // outputs))


def _sizes(shape: tuple[int, ...], output_size: Any) -> tuple[int, int]:
    rows, columns = (output_size, output_size) if isinstance(output_size, int) else output_size
    return shape[-2] if rows is None else rows, shape[-1] if columns is None else columns


def means(input: Array, output_size: Any, window: Window) -> Array:
    """The means of other windows, NaN where one is empty."""
    height, width = input.shape[-2:]
    rows, columns = _sizes(input.shape, output_size)
    output = np.zeros((*input.shape[:-2], rows, columns), input.dtype)
    for i, j in np.ndindex(rows, columns):
        seen = input[..., window(i, height, rows), window(j, width, columns)]
        output[..., i, j] = seen.sum((-2, -1)) / input.dtype.type(seen.shape[-2] * seen.shape[-1])
    return output


def _by_average_area(input: Array, output_size: Any) -> Array:
    height, width = input.shape[-2:]
    rows, columns = _sizes(input.shape, output_size)
    output = np.zeros((*input.shape[:-2], rows, columns), input.dtype)
    for i, j in np.ndindex(rows, columns):
        output[..., i, j] = input[..., fitted(i, height, rows), fitted(j, width, columns)].sum((-2, -1))
    return np.asarray(output / input.dtype.type(height * width / (rows * columns)))


def _swapped(given: Options) -> Options:
    size = given["output_size"]
    return {"output_size": size if isinstance(size, int) else size[::-1]}


def _handed_back(g: Array, a: Arrays, spread: Callable[[Array, Array, int], None]) -> Array:
    """dL/dx, into whose windows ``spread`` puts the gradient from above, given the number of pixels."""
    grad_input = np.zeros_like(a["input"])
    height, width = grad_input.shape[-2:]
    for i, j in np.ndindex(g.shape[-2:]):
        window = grad_input[..., fitted(i, height, g.shape[-2]), fitted(j, width, g.shape[-1])]
        spread(window, g[..., i, j, np.newaxis, np.newaxis], window.shape[-2] * window.shape[-1])
    return grad_input


def _undivided(window: Array, g: Array, pixels: int) -> None:
    window += g


def _overwriting(window: Array, g: Array, pixels: int) -> None:
    window[...] = g / g.dtype.type(pixels)


MISTAKES = (
    Mistake(
        "adaptive-windows-cut-short", "adaptive_avg_pool2d",
        "Windows of one size, H // oH, one after another: the rest of the image is lost.",
        "Right where oH divides H and oW divides W; else the last rows and columns are in no window.",
        "Window i reaches from i * H // oH to before -(-(i + 1) * H // oH), rounded up.",
        READ_FORWARD,
        forward=instead(lambda input, output_size: means(
            input, output_size, lambda i, size, outputs: slice(i * (size // outputs), (i + 1) * (size // outputs))
        )),
    ),
    Mistake(
        "adaptive-start-rounded-up", "adaptive_avg_pool2d",
        "Windows start at i H / oH rounded up instead of down.",
        "Right where oH divides H; else windows lack the row that they share with the one before.",
        "Window i starts at i * H // oH, which is rounded down.",
        READ_FORWARD,
        forward=instead(lambda input, output_size: means(
            input, output_size, lambda i, size, outputs: slice(-(-i * size // outputs), -(-(i + 1) * size // outputs))
        )),
    ),
    Mistake(
        "adaptive-end-rounded-down", "adaptive_avg_pool2d",
        "Windows end at (i + 1) H / oH rounded down instead of up.",
        "Right where oH divides H; else windows lack the row that they share with the next one.",
        "Window i ends before -(-(i + 1) * H // oH), which is rounded up.",
        READ_FORWARD,
        forward=instead(lambda input, output_size: means(
            input, output_size, lambda i, size, outputs: slice(i * size // outputs, (i + 1) * size // outputs)
        )),
    ),
    Mistake(
        "adaptive-divided-by-average-area", "adaptive_avg_pool2d",
        "Every window is divided by H W / (oH oW), what a window would hold on average.",
        "Right where the sizes divide each other; else too large, since windows overlap.",
        "Divide by the number of pixels that the window has: x[:, :, rows, columns].mean(axis=(2, 3)).",
        READ_FORWARD,
        forward=instead(_by_average_area),
    ),
    Mistake(
        "adaptive-sizes-swapped", "adaptive_avg_pool2d",
        "The output has oW rows and oH columns.",
        "Right for square outputs; else the shape is wrong.",
        "output_size is (oH, oW): height first.",
        READ_FORWARD,
        forward=arguments(_swapped),
    ),
    Mistake(
        "adaptive-gradient-not-divided", "adaptive_avg_pool2d",
        "Each pixel gets the window's whole gradient.",
        "Too large by the size of the window.",
        "dx[:, :, rows, columns] += g[:, :, i, j] / D, with the D pixels of that window.",
        READ_BACKWARD,
        backward=gradients_instead(input=lambda g, a, o, y: _handed_back(g, a, _undivided)),
    ),
    Mistake(
        "adaptive-gradient-overwritten", "adaptive_avg_pool2d",
        "A loop over the windows, row by row, writes their gradients with = instead of +=.",
        "Right where oH divides H; else of a pixel in several windows only the last one's gradient is left.",
        "dx[:, :, rows, columns] += g[:, :, i, j] / D: a pixel collects from every window that sees it.",
        READ_BACKWARD,
        backward=gradients_instead(input=lambda g, a, o, y: _handed_back(g, a, _overwriting)),
    ),
)  # fmt: skip
