"""Max pooling, done wrongly."""

from typing import Any

import numpy as np

from torch_parity.audit.mistakes.mistake import (
    Array,
    Arrays,
    Mistake,
    Options,
    arguments,
    gradient_arguments,
    gradients_instead,
    result,
)
from torch_parity.audit.mistakes.windows import pooling_windows

READ_FORWARD = ("reference/pooling.py: max_pool2d", "reference/definition.py: max_pool2d")
READ_BACKWARD = ("reference/pooling.py: max_pool2d_backward", "reference/definition.py: max_pool2d_backward")


def ties_to_all(g: Array, a: Arrays, o: Options, y: Any) -> Array:
    """dL/dx where every pixel that equals its window's maximum gets all of the window's gradient."""
    return _to_equals(g, a, o, y[0], split=False)


def ties_split(g: Array, a: Arrays, o: Options, y: Any) -> Array:
    """dL/dx where the pixels that equal their window's maximum share the window's gradient."""
    return _to_equals(g, a, o, y[0], split=True)


def _to_equals(g: Array, a: Arrays, o: Options, output: Array, split: bool) -> Array:
    windows = pooling_windows(a["input"], o, output.shape)
    frame = windows.frame(a["input"], fill=-np.inf)
    grad = np.zeros_like(frame)
    for i, j in np.ndindex(windows.outputs):
        equal = windows.window(frame, i, j) == output[..., i, j, np.newaxis, np.newaxis]
        share = g[..., i, j, np.newaxis, np.newaxis]
        if split:
            share = share / np.maximum(1, equal.sum(axis=(-2, -1), keepdims=True)).astype(g.dtype)
        windows.window(grad, i, j)[...] += np.where(equal, share, 0)
    return windows.inside(grad)


def maxima_overwritten(g: Array, a: Arrays, o: Options, y: Any) -> Array:
    """dL/dx by a loop over the windows, row by row, with = for +=: of several windows the last one is left."""
    x, indices = a["input"], y[1]
    grad = np.zeros(x.shape, x.dtype)
    planes = grad.reshape(-1, x.shape[-2] * x.shape[-1])
    every = np.arange(len(planes))
    for i, j in np.ndindex(g.shape[-2:]):
        planes[every, indices[..., i, j].ravel()] = g[..., i, j].ravel()
    return grad


def _last_of_equals(found: Any, given: Options) -> Any:
    output, indices = found
    x = given["input"]
    windows = pooling_windows(x, given, output.shape)
    frame = windows.frame(x, fill=-np.inf)
    position = windows.frame(np.arange(x.shape[-2] * x.shape[-1]).reshape(x.shape[-2:]), fill=-1)
    for m, k in np.ndindex(windows.kernel):
        here = np.broadcast_to(windows.tap(position, m, k), output.shape)
        indices = np.where((windows.tap(frame, m, k) == output) & (here >= 0), here, indices)
    return output, indices


def _zero_beats_negative(found: Any, given: Options) -> Any:
    """Where a window sees padding, whose 0 beats all that is negative."""
    output, indices = found
    windows = pooling_windows(given["input"], given, output.shape)
    padding = windows.frame(np.zeros(given["input"].shape[-2:]), fill=1)
    sees_padding = np.zeros(windows.outputs, bool)
    for m, k in np.ndindex(windows.kernel):
        sees_padding |= windows.tap(padding, m, k) == 1
    return np.where(sees_padding & (output < 0), output.dtype.type(0), output), indices


def _nan_as_lowest(given: Options) -> Options:
    """As np.fmax or a comparison `if x > best` finds the maximum."""
    x = given["input"]
    return {"input": np.where(np.isnan(x), x.dtype.type(-np.inf), x)}


MISTAKES = (
    Mistake(
        "ties-to-all", "max_pool2d",
        "Every pixel that equals the maximum gets the whole gradient.",
        "Right for random numbers; after a ReLU most windows are tied, and gradients multiply.",
        "Give the gradient to window.argmax() alone, the first of equal maxima.",
        READ_BACKWARD,
        backward=gradients_instead(input=ties_to_all),
    ),
    Mistake(
        "ties-split", "max_pool2d",
        "Pixels that equal the maximum share the gradient.",
        "Right for random numbers; a fair choice, but not the one that torch makes.",
        "Give the gradient to window.argmax() alone, the first of equal maxima.",
        READ_BACKWARD,
        backward=gradients_instead(input=ties_split),
    ),
    Mistake(
        "ties-to-last", "max_pool2d",
        "Of equal maxima the last one wins, as with >= for >.",
        "Right for random numbers; among ties the gradient goes to another pixel.",
        "if x[row, column] > best, with >: the first of equal maxima stays.",
        READ_FORWARD,
        forward=result(_last_of_equals),
    ),
    Mistake(
        "padded-with-zero", "max_pool2d",
        "Padding is 0 instead of minus infinity.",
        "Right after a ReLU; negative maxima at the border become 0.",
        "np.pad(x, amounts, constant_values=-np.inf).",
        READ_FORWARD,
        forward=result(_zero_beats_negative),
    ),
    Mistake(
        "floor-for-ceil", "max_pool2d",
        "ceil_mode is ignored.",
        "Right where windows leave no rest; else a row or column is missing.",
        "oH = -(-(H + 2 p - d (kH - 1) - 1) // s) + 1, less 1 if the last window would start beyond the image.",
        READ_FORWARD,
        forward=arguments(lambda a: {"ceil_mode": False}),
    ),
    Mistake(
        "pooling-swallows-nan", "max_pool2d",
        "NaN loses every comparison, so the maximum of the other pixels is taken.",
        "A broken number disappears.",
        "window.max() or np.maximum, which hand NaN on; not np.fmax, np.nanmax or a bare `if x > best`.",
        READ_FORWARD,
        forward=arguments(_nan_as_lowest),
    ),
    Mistake(
        "pooling-gradient-overwritten", "max_pool2d",
        "A pixel that is the maximum of several windows gets the gradient of the last one, row by row.",
        "Right where windows do not overlap.",
        "dx[n, c, row, column] += g[n, c, i, j], or np.add.at.",
        READ_BACKWARD,
        backward=gradients_instead(input=maxima_overwritten),
    ),
    Mistake(
        "stride-defaults-to-one", "max_pool2d",
        "Without a stride the window moves by one pixel; it should move by its own size.",
        "An output that hardly shrinks.",
        "stride = kernel_size if stride is None else stride.",
        READ_FORWARD,
        forward=arguments(lambda a: {"stride": 1 if a["stride"] is None else a["stride"]}),
        backward=gradient_arguments(lambda g, a, o: (g, a, {**o, "stride": 1 if o["stride"] is None else o["stride"]})),
    ),
)  # fmt: skip
