"""Max pooling, done wrongly."""

import math
from collections.abc import Callable
from typing import Any

import numpy as np

import reference
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
    instead,
    result,
)
from torch_parity.audit.mistakes.windows import both, pooling_windows

READ_FORWARD = ("reference/pooling.py: max_pool2d", "reference/definition/pooling.py: max_pool2d")
READ_BACKWARD = ("reference/pooling.py: max_pool2d_backward", "reference/definition/pooling.py: max_pool2d_backward")


def ties_to_all(g: Array, a: Arrays, o: Options, y: Any) -> Array:
    """dL/dx where every pixel that equals its window's maximum gets all of the window's gradient."""
    return _to_equals(g, a, o, y[0], split=False)


def ties_split(g: Array, a: Arrays, o: Options, y: Any) -> Array:
    """dL/dx where the pixels that equal their window's maximum share the window's gradient."""
    return _to_equals(g, a, o, y[0], split=True)


def ties_by_closeness(g: Array, a: Arrays, o: Options, y: Any) -> Array:
    """dL/dx where every pixel that np.isclose takes for its window's maximum gets all of the window's gradient."""
    return _to_equals(g, a, o, y[0], split=False, equals=np.isclose)


def _to_equals(
    g: Array, a: Arrays, o: Options, output: Array, split: bool, equals: Callable[[Array, Array], Array] = np.equal
) -> Array:
    windows = pooling_windows(a["input"], o, output.shape)
    frame = windows.frame(a["input"], fill=-np.inf)
    grad = np.zeros_like(frame)
    for i, j in np.ndindex(windows.outputs):
        equal = equals(windows.window(frame, i, j), output[..., i, j, np.newaxis, np.newaxis])
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


def means(input: Array, **options: Any) -> tuple[Array, Array]:
    """The mean of each window, zeros of the padding included; the positions are those of the maxima."""
    output, indices = reference.max_pool2d(input, **options, return_indices=True)
    windows = pooling_windows(input, options, output.shape)
    frame = windows.frame(input)
    total = np.zeros_like(output)
    for m, k in np.ndindex(windows.kernel):
        total += windows.tap(frame, m, k)
    return total / total.dtype.type(math.prod(windows.kernel)), indices


def _largest_of(*axes: int) -> Change[Forward]:
    """The maximum of windows that reach over ``axes``, too: of each image, as many of them as there are."""

    def change(found: Any, given: Options) -> Any:
        output, indices = found
        over = tuple(axis for axis in axes if axis >= -output.ndim)
        return np.zeros_like(output) + output.max(axis=over, keepdims=True, initial=-np.inf), indices

    return result(change)


def _windows_at_every_pixel(right: Forward) -> Forward:
    """As many outputs as the stride allows, of windows that stand side by side."""

    def wrong(**given: Any) -> Any:
        height, width = right(**given)[0].shape[-2:]
        return tuple(array[..., :height, :width] for array in right(**{**given, "stride": 1}))

    return wrong


def _last_left_zero(found: Any, given: Options) -> Any:
    output, indices = found
    left = output.copy()
    left[..., -1, :] = left[..., -1] = 0
    return left, indices


def to_global_maximum(g: Array, a: Arrays, o: Options, y: Any) -> Array:
    """dL/dx where a window's gradient goes to those of its pixels that equal the maximum of the whole input."""
    return _to_equals(g, a, o, np.full_like(y[0], a["input"].max(initial=-np.inf)), split=False)


def to_top_left(g: Array, a: Arrays, o: Options, y: Any) -> Array:
    """dL/dx where the first pixel of each window gets its gradient."""
    return _to_taps(g, a, o, 1, 1)


def to_whole_window(g: Array, a: Arrays, o: Options, y: Any) -> Array:
    """dL/dx where every pixel of a window gets all of its gradient."""
    return _to_taps(g, a, o, *both(o["kernel_size"]))


def shared_in_window(g: Array, a: Arrays, o: Options, y: Any) -> Array:
    """dL/dx where the pixels of a window share its gradient, as in average pooling."""
    height, width = both(o["kernel_size"])
    return _to_taps(g / g.dtype.type(height * width), a, o, height, width)


def _to_taps(g: Array, a: Arrays, o: Options, rows: int, columns: int) -> Array:
    """g added to the first ``rows`` and ``columns`` of each window."""
    windows = pooling_windows(a["input"], o, g.shape)
    frame = windows.frame(np.zeros_like(a["input"]))
    for m, k in np.ndindex(rows, columns):
        windows.tap(frame, m, k)[...] += g
    return windows.inside(frame)


def place_misread(g: Array, a: Arrays, o: Options, y: Any) -> Array:
    """dL/dx where place t of the maximum in its window is read as row t % kW and column t // kW."""
    windows, indices = pooling_windows(a["input"], o, g.shape), y[1]
    frame = windows.frame(np.zeros_like(a["input"]))
    for i, j in np.ndindex(windows.outputs):
        row, column = np.divmod(indices[..., i, j], windows.size[1])
        m = (row + windows.before[0] - i * windows.stride[0]) // windows.dilation[0]
        k = (column + windows.before[1] - j * windows.stride[1]) // windows.dilation[1]
        window = windows.window(frame, i, j)
        window[(*np.indices(m.shape), k, m)] += g[..., i, j]
    return windows.inside(frame)


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
        "ties-by-closeness", "max_pool2d",
        "Every pixel that is close to the maximum, as np.isclose has it, gets the whole gradient.",
        "Right where numbers are far apart; else also pixels that lost get some, and gradients multiply.",
        "Give the gradient to window.argmax() alone, the first of equal maxima; no comparison is needed.",
        READ_BACKWARD,
        backward=gradients_instead(input=ties_by_closeness),
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
    Mistake(
        "average-for-maximum", "max_pool2d",
        "The mean of the window is taken.",
        "Right where all pixels of a window are equal; else too small.",
        "x[:, :, rows, columns].max(axis=(2, 3)).",
        READ_FORWARD,
        forward=instead(means),
    ),
    Mistake(
        "maximum-over-channels", "max_pool2d",
        "The maximum is taken over the channels, too.",
        "Right for one channel; else all channels of an image become equal.",
        "x[n, :, rows, columns].max(axis=(1, 2)): over rows and columns only.",
        READ_FORWARD,
        forward=_largest_of(-3),
    ),
    Mistake(
        "maximum-over-batch-and-channels", "max_pool2d",
        "The maximum of the window is taken over all images and channels, by np.max without an axis.",
        "Right for one image of one channel; else all of them become equal.",
        "x[:, :, rows, columns].max(axis=(2, 3)): over rows and columns only.",
        READ_FORWARD,
        forward=_largest_of(-4, -3),
    ),
    Mistake(
        "maximum-starts-from-zero", "max_pool2d",
        "The search for the maximum starts from 0.",
        "Right after a ReLU; negative maxima become 0.",
        "best = -np.inf before the loop over the window.",
        READ_FORWARD,
        forward=result(lambda y, a: (np.where(y[0] <= 0, y[0].dtype.type(0), y[0]), y[1])),
    ),
    Mistake(
        "pooling-stride-ignored", "max_pool2d",
        "The output has the size that the stride asks for, but window (i, j) stands at pixel (i, j).",
        "Right for stride 1; else only the top left corner of the image is seen.",
        "x[:, :, i * s : i * s + kH, j * s : j * s + kW].",
        READ_FORWARD,
        forward=Change(RESULTS, _windows_at_every_pixel),
    ),
    Mistake(
        "last-pooling-windows-left-zero", "max_pool2d",
        "The loops over the windows end one too early.",
        "The last row and column of the output are zero.",
        "for i in range(oH), for j in range(oW): range leaves its end out already.",
        READ_FORWARD,
        forward=result(_last_left_zero),
    ),
    Mistake(
        "compared-with-global-maximum", "max_pool2d",
        "The gradient goes to pixels that equal the maximum of the whole input instead of their window's.",
        "Nearly all windows pass no gradient.",
        "window == window.max() for each window; or better window.argmax(), the first of equal maxima.",
        READ_BACKWARD,
        backward=gradients_instead(input=to_global_maximum),
    ),
    Mistake(
        "pooling-gradient-to-top-left", "max_pool2d",
        "The first pixel of each window gets its gradient.",
        "Right where the maximum stands first.",
        "row, column = np.unravel_index(window.argmax(), window.shape), and add the gradient there.",
        READ_BACKWARD,
        backward=gradients_instead(input=to_top_left),
    ),
    Mistake(
        "pooling-gradient-to-whole-window", "max_pool2d",
        "Every pixel of a window gets all of its gradient.",
        "Too much: pixels that are no maximum get a gradient, too.",
        "Give the gradient to window.argmax() alone, the first of equal maxima.",
        READ_BACKWARD,
        backward=gradients_instead(input=to_whole_window),
    ),
    Mistake(
        "pooling-gradient-shared", "max_pool2d",
        "The pixels of a window share its gradient, as in average pooling.",
        "Pixels that are no maximum get a gradient, and the maximum too little.",
        "Give the gradient to window.argmax() alone, the first of equal maxima.",
        READ_BACKWARD,
        backward=gradients_instead(input=shared_in_window),
    ),
    Mistake(
        "maximum-at-swapped-place", "max_pool2d",
        "The place of the maximum, t = window.argmax(), is read as row t % kW and column t // kW.",
        "Right on the diagonal; else the gradient goes to the pixel across it, or an index lies outside.",
        "row, column = divmod(t, kW), or np.unravel_index(t, window.shape).",
        READ_BACKWARD,
        backward=gradients_instead(input=place_misread),
    ),
)  # fmt: skip
