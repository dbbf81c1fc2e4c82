"""Convolution, done wrongly."""

from collections.abc import Callable
from typing import Any

import numpy as np

from torch_parity.audit.mistakes.mistake import (
    PREPARED,
    RESULTS,
    Array,
    Arrays,
    Backward,
    Change,
    Mistake,
    Options,
    arguments,
    averaged,
    gradient_arguments,
    gradients,
    gradients_instead,
    result,
)
from torch_parity.audit.mistakes.windows import Windows, both

READ_FORWARD = ("reference/conv.py: conv2d", "reference/definition.py: conv2d")
READ_BACKWARD = ("reference/conv.py: conv2d_backward", "reference/definition.py: conv2d_backward")


def _flipped(weight: Array) -> Array:
    return weight[..., ::-1, ::-1]


def _swapped(value: Any) -> Any:
    return value if isinstance(value, int | str) else tuple(value)[::-1]


def _read_as(shape: Callable[[Any], tuple[int, ...]], order: tuple[int, ...]) -> Callable[[Options], Options]:
    """The numbers of the kernels in the order that they have in memory, read as if stored in another layout."""
    return lambda given: {"weight": given["weight"].reshape(shape(given["weight"].shape)).transpose(order)}


def _first_channel(given: Options) -> Options:
    weight = given["weight"].copy()
    weight[:, 1:] = 0
    return {"weight": weight}


def _interleaved(given: Options) -> Options:
    """Group g gets the channels g, g + G, g + 2 G, ..."""
    x, groups = given["input"], given["groups"]
    channels = np.concatenate([np.arange(group, x.shape[-3], groups) for group in range(groups)])
    return {"input": np.take(x, channels, axis=-3)}


def _margins(weight: Array, options: Options) -> tuple[tuple[int, int], tuple[int, int]]:
    """((top, bottom), (left, right)) that the padding argument stands for."""
    padding, dilation = options["padding"], both(options["dilation"])
    if padding == "same":
        rows, columns = (d * (k - 1) for k, d in zip(weight.shape[2:], dilation, strict=True))
        return (rows // 2, rows - rows // 2), (columns // 2, columns - columns // 2)
    height, width = (0, 0) if padding == "valid" else both(padding)
    return (height, height), (width, width)


def _framed(image: Array, rows: tuple[int, int], columns: tuple[int, int]) -> Array:
    return np.pad(image, [(0, 0)] * (image.ndim - 2) + [rows, columns])


def _one_sided(given: Options) -> Options:
    rows, columns = _margins(given["weight"], given)
    return {"input": _framed(given["input"], (sum(rows), 0), (sum(columns), 0)), "padding": 0}


def _odd_pixel_before(given: Options) -> Options:
    if given["padding"] != "same":
        return {}
    rows, columns = _margins(given["weight"], given)
    return {"input": _framed(given["input"], rows[::-1], columns[::-1]), "padding": 0}


def _bytes(output: Array, given: Options) -> Array:
    """What integers of 8 bits without sign leave of the sum."""
    return np.asarray(np.mod(output, 256), output.dtype)


def _batch(a: Arrays) -> int:
    return len(a["input"]) if a["input"].ndim == 4 else 1


def _framed_arguments(g: Array, a: Arrays, o: Options) -> tuple[Array, Arrays, Options]:
    """The framed image taken for the image, and no padding: the gradient is that of the frame, too."""
    return g, {**a, "input": _framed(a["input"], *_margins(a["weight"], o))}, {**o, "padding": 0}


def _cut_at_the_corner(right: Backward) -> Backward:
    def wrong(g: Array, a: Arrays, o: Options, y: Any) -> list[Any]:
        framed, *others = right(*_framed_arguments(g, a, o), y)
        assert framed is not None
        height, width = a["input"].shape[-2:]
        return [framed[..., :height, :width], *others]

    return wrong


def _spread_out_by_one(right: Backward) -> Backward:
    """The input gradient of stride 1: output (i, j) is taken to have seen the window at pixel (i, j)."""

    def wrong(g: Array, a: Arrays, o: Options, y: Any) -> list[Any]:
        framed, kernel = _framed_arguments(g, a, o)[1]["input"], a["weight"].shape[2:]
        height, width = (
            n - d * (k - 1) for n, k, d in zip(framed.shape[-2:], kernel, both(o["dilation"]), strict=True)
        )
        spread = np.zeros((*g.shape[:-2], height, width), g.dtype)
        spread[..., : g.shape[-2], : g.shape[-1]] = g
        crowded, *_ = right(spread, a, {**o, "stride": 1}, y)
        _, *others = right(g, a, o, y)
        return [crowded, *others]

    return wrong


def _windows(g: Array, a: Arrays, o: Options) -> Windows:
    (top, _), (left, _) = _margins(a["weight"], o)
    return Windows(
        size=both(a["input"].shape[-2:]),
        kernel=both(a["weight"].shape[2:]),
        stride=both(o["stride"]),
        before=(top, left),
        dilation=both(o["dilation"]),
        outputs=both(g.shape[-2:]),
    )


def _window_gradients(g: Array, a: Arrays, o: Options) -> Array:
    """What each window gets back, rightly: sum_o g[n, o, i, j] K[o, c, m, k], as (N, C, kH, kW, oH, oW)."""
    weight, groups = a["weight"], o["groups"]
    kernels = weight.reshape(groups, -1, *weight.shape[1:])  # (G, O/G, C/G, kH, kW)
    grads = g.reshape(_batch(a), groups, -1 if g.size else kernels.shape[1], *g.shape[-2:])  # (N, G, O/G, oH, oW)
    seen: Array = np.einsum("ngoij,gocmk->ngcmkij", grads, kernels)
    return seen.reshape(*a["input"].shape[:-2], *weight.shape[2:], *g.shape[-2:])


def overlap_overwritten(g: Array, a: Arrays, o: Options, y: Any) -> Array:
    """dL/dx by a loop over the windows, row by row, with = for +=: of a pixel's windows the last one is left."""
    windows, seen = _windows(g, a, o), _window_gradients(g, a, o)
    frame = windows.frame(np.zeros_like(a["input"]))
    for i, j in np.ndindex(windows.outputs):
        windows.window(frame, i, j)[...] = seen[..., i, j]
    return windows.inside(frame)


def columns_overwritten(g: Array, a: Arrays, o: Options, y: Any) -> Array:
    """dL/dx by a loop over the taps (col2im) with = for +=: the last tap sees a pixel from its first window."""
    windows, seen = _windows(g, a, o), _window_gradients(g, a, o)
    frame = windows.frame(np.zeros_like(a["input"]))
    for m, k in np.ndindex(windows.kernel):
        windows.tap(frame, m, k)[...] = seen[..., m, k, :, :]
    return windows.inside(frame)


def filters_overwritten(g: Array, a: Arrays, o: Options, y: Any) -> Array:
    """dL/dx by a loop over the filters and the windows with = for +=: the last filter of each group is left."""
    last = np.arange(len(a["weight"])).reshape(o["groups"], -1)[:, -1]
    return overlap_overwritten(g[..., last, :, :], {**a, "weight": a["weight"][last]}, o, y)


MISTAKES = (
    Mistake(
        "kernel-flipped", "conv2d",
        "The kernel is turned by 180 degrees, as the mathematician's convolution has it.",
        "Right for symmetric kernels and 1x1; else the output of another kernel.",
        "Use K[m, k] with x[i s + m d - p, j s + k d - p], both indices rising; with scipy, correlate2d.",
        READ_FORWARD,
        forward=arguments(lambda a: {"weight": _flipped(a["weight"])}),
    ),
    Mistake(
        "kernel-transposed", "conv2d",
        "Height and width of the kernel are swapped.",
        "Right for symmetric kernels; a shape error or another output shape where kH != kW.",
        "Keep the kernel as (O, C, kH, kW): m runs down the rows, k along the columns.",
        READ_FORWARD,
        forward=arguments(lambda a: {"weight": a["weight"].swapaxes(-1, -2)}),
    ),
    Mistake(
        "stride-swapped", "conv2d",
        "(height, width) of the stride are taken as (width, height).",
        "Right for equal strides; else another output shape.",
        "Take stride[0] for rows and stride[1] for columns.",
        READ_FORWARD,
        forward=arguments(lambda a: {"stride": _swapped(a["stride"])}),
    ),
    Mistake(
        "padding-swapped", "conv2d",
        "(height, width) of the padding are taken as (width, height).",
        "Right for equal paddings; else another output shape.",
        "Take padding[0] for rows and padding[1] for columns.",
        READ_FORWARD,
        forward=arguments(lambda a: {"padding": _swapped(a["padding"])}),
    ),
    Mistake(
        "weights-as-iohw", "conv2d",
        "The kernels are stored O,I,kH,kW and read as I,O,kH,kW.",
        "Right for one input channel or one output channel; else kernels are shuffled.",
        "Read the kernels as (O, C/groups, kH, kW), and reshape them with that shape only.",
        READ_FORWARD,
        forward=arguments(_read_as(lambda s: (s[1], s[0], s[2], s[3]), (1, 0, 2, 3))),
    ),
    Mistake(
        "weights-as-hwio", "conv2d",
        "The kernels are stored O,I,kH,kW and read as kH,kW,I,O, the layout of TensorFlow.",
        "Everything is shuffled but a single 1x1 kernel.",
        "Read the kernels as (O, C/groups, kH, kW); turn TensorFlow's with weight.transpose(3, 2, 0, 1).",
        READ_FORWARD,
        forward=arguments(_read_as(lambda s: (s[2], s[3], s[1], s[0]), (3, 2, 0, 1))),
    ),
    Mistake(
        "first-channel-only", "conv2d",
        "The sum runs over the kernel, not over the input channels.",
        "Right for grey images; colour loses green and blue.",
        "Sum over the channels too: (K[o] * x[n, :, rows, columns]).sum() with all of C in it.",
        READ_FORWARD,
        forward=arguments(_first_channel),
    ),
    Mistake(
        "bias-forgotten", "conv2d",
        "The bias is not added.",
        "Every output channel is off by one number.",
        "Add bias[o] to every pixel of output channel o: y += bias[:, None, None].",
        READ_FORWARD,
        forward=arguments(lambda a: {"bias": None}),
    ),
    Mistake(
        "dilation-ignored", "conv2d",
        "The taps of the kernel stand side by side.",
        "Right for dilation 1; else a larger output.",
        "Let tap (m, k) see pixel (i s + m d - p, j s + k d - p); the window spans d (k - 1) + 1 pixels.",
        READ_FORWARD,
        forward=arguments(lambda a: {"dilation": 1}),
    ),
    Mistake(
        "groups-interleaved", "conv2d",
        "Input channel c goes to group c mod G instead of the groups taking contiguous parts.",
        "Right for one group and depthwise; else the outputs of other channels.",
        "Give group g the channels x[:, g * C // G : (g + 1) * C // G].",
        READ_FORWARD,
        forward=arguments(_interleaved),
    ),
    Mistake(
        "padding-on-one-side", "conv2d",
        "All the padding is put above and to the left.",
        "The output is shifted by the padding.",
        "Pad on both sides: np.pad(x, ((0, 0), (0, 0), (p, p), (p, p))).",
        READ_FORWARD,
        forward=arguments(_one_sided, PREPARED),
    ),
    Mistake(
        "same-padding-before", "conv2d",
        "For an even kernel, the odd pixel of 'same' padding is put above and to the left.",
        "Right for odd kernels; for even ones the output is shifted by a pixel.",
        "With total = d (k - 1), pad total // 2 before and total - total // 2 after.",
        READ_FORWARD,
        forward=arguments(_odd_pixel_before, PREPARED),
    ),
    Mistake(
        "uint8-wrap-around", "conv2d",
        "Pixels and sums are unsigned bytes: they wrap around at 256, and negative sums become large.",
        "Right between 0 and 255; dark edges turn bright.",
        "Turn pixels into floats first: x = pixels.astype(np.float32).",
        READ_FORWARD,
        forward=result(_bytes),
    ),
    Mistake(
        "weight-gradient-flipped", "conv2d",
        "The weight gradient is turned by 180 degrees, as if the forward convolution flipped its kernel.",
        "Right for 1x1 kernels; training learns mirrored kernels that do not fit.",
        "dK[o, c, m, k] = sum of g[n, o, i, j] x[n, c, i s + m d - p, j s + k d - p]: no turning.",
        READ_BACKWARD,
        backward=gradients(weight=lambda grad, g, a, o: _flipped(grad)),
    ),
    Mistake(
        "weight-gradient-averaged", "conv2d",
        "The weight gradient is divided by the batch size, though the loss is a mean already.",
        "Right for a batch of one; else training is slower by the batch size.",
        "Sum over the batch, and leave the division to the loss.",
        READ_BACKWARD,
        backward=gradients(weight=lambda grad, g, a, o: grad / grad.dtype.type(max(1, _batch(a)))),
    ),
    Mistake(
        "input-gradient-unflipped", "conv2d",
        "The input gradient uses the kernel as it is where it needs it turned by 180 degrees.",
        "Right for symmetric kernels; deeper layers learn nonsense.",
        "At stride 1 convolve g, padded by d (k - 1) - p, with K[:, :, ::-1, ::-1]; or add g K into each window.",
        READ_BACKWARD,
        backward=gradient_arguments(lambda g, a, o: (g, {**a, "weight": _flipped(a["weight"])}, o)),
    ),
    Mistake(
        "padding-gradient-kept", "conv2d",
        "The gradient of the padding is not cut off.",
        "Right without padding; else the input gradient is too large by the padding.",
        "Return dx[:, :, p : p + H, p : p + W] of the padded gradient.",
        READ_BACKWARD,
        backward=gradient_arguments(_framed_arguments),
    ),
    Mistake(
        "padding-gradient-wrong-corner", "conv2d",
        "The gradient of the padding is cut off at the bottom and right only.",
        "Right without padding; else the input gradient is shifted by the padding.",
        "Return dx[:, :, p : p + H, p : p + W], not dx[:, :, :H, :W], of the padded gradient.",
        READ_BACKWARD,
        backward=Change(RESULTS, _cut_at_the_corner),
    ),
    Mistake(
        "stride-ignored-in-gradient", "conv2d",
        "The gradient of a strided convolution is not spread out by the stride.",
        "Right for stride 1; else the gradient crowds into the top left corner.",
        "Add g[n, o, i, j] K[o] into the window at (i s, j s), or put s - 1 zeros between the gradients first.",
        READ_BACKWARD,
        backward=Change(RESULTS, _spread_out_by_one),
    ),
    Mistake(
        "overlap-overwritten", "conv2d",
        "A loop over the windows, row by row, writes their gradients (summed over the filters) with = instead of +=.",
        "Right where windows do not overlap; else only the gradient of a pixel's last window is left.",
        "dx[:, :, rows, columns] += ...: a pixel collects from every window that sees it.",
        READ_BACKWARD,
        backward=gradients_instead(input=overlap_overwritten),
    ),
    Mistake(
        "columns-overwritten", "conv2d",
        "col2im, a loop over the taps of the kernel, writes the columns' gradients with = instead of +=.",
        "Right where windows do not overlap; else only the gradient of a pixel's first window is left.",
        "image[:, :, m : m + s * oH : s, k : k + s * oW : s] += columns[:, :, m, k].",
        READ_BACKWARD,
        backward=gradients_instead(input=columns_overwritten),
    ),
    Mistake(
        "filters-overwritten", "conv2d",
        "A loop over the filters, and in it over the windows, writes each product g K with = instead of +=.",
        "Right for one filter whose windows do not overlap; else only the last filter's last window is left.",
        "dx[n, :, rows, columns] += K[o] * g[n, o, i, j]: a pixel collects from every filter and window.",
        READ_BACKWARD,
        backward=gradients_instead(input=filters_overwritten),
    ),
    Mistake(
        "bias-gradient-averaged", "conv2d",
        "The bias gradient is the mean of the upstream gradient instead of its sum.",
        "Too small by N oH oW: biases hardly learn.",
        "db = g.sum(axis=(0, 2, 3)).",
        READ_BACKWARD,
        backward=gradients(bias=averaged),
    ),
    Mistake(
        "bias-gradient-over-batch-only", "conv2d",
        "The bias gradient is summed over the batch, not over rows and columns.",
        "An array (O, oH, oW) where (O,) belongs.",
        "db = g.sum(axis=(0, 2, 3)): the bias is added to every pixel, so it collects from every pixel.",
        READ_BACKWARD,
        backward=gradients_instead(bias=lambda g, a, o, y: g.sum(axis=0) if g.ndim == 4 else g),
    ),
)  # fmt: skip
