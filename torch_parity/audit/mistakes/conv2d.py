"""Convolution, done wrongly."""

import math
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
    Forward,
    Mistake,
    Options,
    arguments,
    gradient_arguments,
    result,
)
from torch_parity.audit.mistakes.windows import both, convolution_outputs, margins, with_margins

READ = ("reference/conv.py: conv2d", "reference/definition/conv.py: conv2d")


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


def _one_sided(given: Options) -> Options:
    rows, columns = margins(given["weight"], given)
    return {"input": with_margins(given["input"], (sum(rows), 0), (sum(columns), 0)), "padding": 0}


def _odd_pixel_before(given: Options) -> Options:
    if given["padding"] != "same":
        return {}
    rows, columns = margins(given["weight"], given)
    return {"input": with_margins(given["input"], rows[::-1], columns[::-1]), "padding": 0}


def _bytes(output: Array, given: Options) -> Array:
    """What integers of 8 bits without sign leave of the sum."""
    return np.asarray(np.mod(output, 256), output.dtype)


def _last_channel(given: Options) -> Options:
    """The last channel of each group, and the kernels' last channel."""
    x, weight = given["input"], given["weight"]
    size = weight.shape[1]
    return {"input": np.take(x, range(size - 1, x.shape[-3], size), axis=-3), "weight": weight[:, -1:]}


def _bias_times(count: Callable[[tuple[int, ...]], int]) -> Change[Forward]:
    """The bias added ``count`` times, which depends on the shape (O, C/G, kH, kW) of the kernels."""

    def change(given: Options) -> Options:
        bias = given.get("bias")
        return {} if bias is None else {"bias": bias * bias.dtype.type(count(given["weight"].shape))}

    return arguments(change)


def _divided_by(count: Callable[[tuple[int, ...]], int]) -> Change[Forward]:
    """The sum divided by ``count``, which depends on the shape (O, C/G, kH, kW) of the kernels; then the bias added."""

    def planted(right: Forward) -> Forward:
        def wrong(**given: Any) -> Array:
            sums = right(**{**given, "bias": None})
            means = np.asarray(sums / sums.dtype.type(count(given["weight"].shape)))
            bias = given.get("bias")
            return means if bias is None else means + bias[:, np.newaxis, np.newaxis]

        return wrong

    return Change(RESULTS, planted)


def _windows_at_every_pixel(right: Forward) -> Forward:
    """As many outputs as the stride allows, of windows that stand side by side."""

    def wrong(**given: Any) -> Array:
        height, width = right(**given).shape[-2:]
        return np.asarray(right(**{**given, "stride": 1})[..., :height, :width])

    return wrong


def _left_zero(output: Array, *rest: Any) -> Array:
    """``output`` with zeros wherever one of the indices ``rest`` points."""
    left = output.copy()
    for index in rest:
        left[index] = 0
    return left


def _first_image(output: Array, given: Options) -> Array:
    return _left_zero(output, np.s_[1:]) if output.ndim == 4 else output


def _first_pixel(output: Array, given: Options) -> Array:
    kept = np.zeros_like(output)
    first = (slice(1),) * output.ndim
    kept[first] = output[first]
    return kept


def _width_from_height(output: Array, given: Options) -> Array:
    """As many columns as windows of the kernel's width have room for in the height."""
    weight, (before, after) = given["weight"], margins(given["weight"], given)[1]
    seen = both(given["dilation"])[1] * (weight.shape[-1] - 1) + 1
    width = (given["input"].shape[-2] + before + after - seen) // both(given["stride"])[1] + 1
    if width > output.shape[-1]:
        raise IndexError(f"column {output.shape[-1]} of {output.shape[-1]}")
    return output[..., : max(0, width)]


def _height_for_width(output: Array) -> int:
    """oH for oW, where the image is that wide: else an index lies outside."""
    height, width = output.shape[-2:]
    if height > width:
        raise IndexError(f"column {width} of {width}")
    return int(height)


def _reshaped(*order: int) -> Change[Forward]:
    """The outputs as a product of matrices has them, (N, O, oH, oW) in this order, reshaped and not transposed."""

    def change(output: Array, given: Options) -> Array:
        batch = output if output.ndim == 4 else output[np.newaxis]
        return batch.transpose(order).reshape(output.shape)

    return result(change)


def _fitted(g: Array, a: Arrays, o: Options) -> tuple[Array, Arrays, Options]:
    """For outputs that are too few: the gradient of those left out is 0."""
    missing = [n - some for n, some in zip(convolution_outputs(a["input"], a["weight"], o), g.shape[-2:], strict=True)]
    if max(missing) <= 0:
        return g, a, o
    return with_margins(g, (0, max(0, missing[0])), (0, max(0, missing[1]))), a, o


def _turned_back(g: Array, a: Arrays, o: Options) -> tuple[Array, Arrays, Options]:
    outputs = convolution_outputs(a["input"], a["weight"], o)
    return (g if g.shape[-2:] == outputs else g.swapaxes(-1, -2)), a, o


def _of_the_image_padded_twice(right: Backward) -> Backward:
    """The gradient for the outputs of the image padded twice."""

    def wrong(g: Array, a: Arrays, o: Options, y: Any) -> list[Any]:
        if g.shape[-2:] == convolution_outputs(a["input"], a["weight"], o):
            return list(right(g, a, o, y))
        rows, columns = margins(a["weight"], o)
        framed, *others = right(g, {**a, "input": with_margins(a["input"], rows, columns)}, o, y)
        assert framed is not None
        height, width = a["input"].shape[-2:]
        return [framed[..., rows[0] : rows[0] + height, columns[0] : columns[0] + width], *others]

    return wrong


MISTAKES = (
    Mistake(
        "kernel-flipped", "conv2d",
        "The kernel is turned by 180 degrees, as the mathematician's convolution has it.",
        "Right for symmetric kernels and 1x1; else the output of another kernel.",
        "Use K[m, k] with x[i s + m d - p, j s + k d - p], both indices rising; with scipy, correlate2d.",
        READ,
        forward=arguments(lambda a: {"weight": _flipped(a["weight"])}),
    ),
    Mistake(
        "kernel-transposed", "conv2d",
        "Height and width of the kernel are swapped.",
        "Right for symmetric kernels; a shape error or another output shape where kH != kW.",
        "Keep the kernel as (O, C, kH, kW): m runs down the rows, k along the columns.",
        READ,
        forward=arguments(lambda a: {"weight": a["weight"].swapaxes(-1, -2)}),
    ),
    Mistake(
        "stride-swapped", "conv2d",
        "(height, width) of the stride are taken as (width, height).",
        "Right for equal strides; else another output shape.",
        "Take stride[0] for rows and stride[1] for columns.",
        READ,
        forward=arguments(lambda a: {"stride": _swapped(a["stride"])}),
    ),
    Mistake(
        "padding-swapped", "conv2d",
        "(height, width) of the padding are taken as (width, height).",
        "Right for equal paddings; else another output shape.",
        "Take padding[0] for rows and padding[1] for columns.",
        READ,
        forward=arguments(lambda a: {"padding": _swapped(a["padding"])}),
    ),
    Mistake(
        "weights-as-iohw", "conv2d",
        "The kernels are stored O,I,kH,kW and read as I,O,kH,kW.",
        "Right for one input channel or one output channel; else kernels are shuffled.",
        "Read the kernels as (O, C/groups, kH, kW), and reshape them with that shape only.",
        READ,
        forward=arguments(_read_as(lambda s: (s[1], s[0], s[2], s[3]), (1, 0, 2, 3))),
    ),
    Mistake(
        "weights-as-hwio", "conv2d",
        "The kernels are stored O,I,kH,kW and read as kH,kW,I,O, the layout of TensorFlow.",
        "Everything is shuffled but a single 1x1 kernel.",
        "Read the kernels as (O, C/groups, kH, kW); turn TensorFlow's with weight.transpose(3, 2, 0, 1).",
        READ,
        forward=arguments(_read_as(lambda s: (s[2], s[3], s[1], s[0]), (3, 2, 0, 1))),
    ),
    Mistake(
        "first-channel-only", "conv2d",
        "The sum runs over the kernel, not over the input channels.",
        "Right for grey images; colour loses green and blue.",
        "Sum over the channels too: (K[o] * x[n, :, rows, columns]).sum() with all of C in it.",
        READ,
        forward=arguments(_first_channel),
    ),
    Mistake(
        "bias-forgotten", "conv2d",
        "The bias is not added.",
        "Every output channel is off by one number.",
        "Add bias[o] to every pixel of output channel o: y += bias[:, None, None].",
        READ,
        forward=arguments(lambda a: {"bias": None}),
    ),
    Mistake(
        "dilation-ignored", "conv2d",
        "The taps of the kernel stand side by side.",
        "Right for dilation 1; else a larger output.",
        "Let tap (m, k) see pixel (i s + m d - p, j s + k d - p); the window spans d (k - 1) + 1 pixels.",
        READ,
        forward=arguments(lambda a: {"dilation": 1}),
    ),
    Mistake(
        "groups-interleaved", "conv2d",
        "Input channel c goes to group c mod G instead of the groups taking contiguous parts.",
        "Right for one group and depthwise; else the outputs of other channels.",
        "Give group g the channels x[:, g * C // G : (g + 1) * C // G].",
        READ,
        forward=arguments(_interleaved),
    ),
    Mistake(
        "padding-on-one-side", "conv2d",
        "All the padding is put above and to the left.",
        "The output is shifted by the padding.",
        "Pad on both sides: np.pad(x, ((0, 0), (0, 0), (p, p), (p, p))).",
        READ,
        forward=arguments(_one_sided, PREPARED),
    ),
    Mistake(
        "same-padding-before", "conv2d",
        "For an even kernel, the odd pixel of 'same' padding is put above and to the left.",
        "Right for odd kernels; for even ones the output is shifted by a pixel.",
        "With total = d (k - 1), pad total // 2 before and total - total // 2 after.",
        READ,
        forward=arguments(_odd_pixel_before, PREPARED),
    ),
    Mistake(
        "uint8-wrap-around", "conv2d",
        "Pixels and sums are unsigned bytes: they wrap around at 256, and negative sums become large.",
        "Right between 0 and 255; dark edges turn bright.",
        "Turn pixels into floats first: x = pixels.astype(np.float32).",
        READ,
        forward=result(_bytes),
    ),
    Mistake(
        "kernel-flipped-vertically", "conv2d",
        "The rows of the kernel are turned, its columns are not.",
        "Right for kernels that are the same upside down; else the output of another kernel.",
        "Use the kernel as it is, (K[o] * x[n, :, rows, columns]).sum(): no [::-1] and no np.flip.",
        READ,
        forward=arguments(lambda a: {"weight": a["weight"][..., ::-1, :]}),
    ),
    Mistake(
        "kernel-flipped-horizontally", "conv2d",
        "The columns of the kernel are turned, its rows are not.",
        "Right for kernels that are their own mirror image; else the output of another kernel.",
        "Use the kernel as it is, (K[o] * x[n, :, rows, columns]).sum(): no [::-1] and no np.flip.",
        READ,
        forward=arguments(lambda a: {"weight": a["weight"][..., ::-1]}),
    ),
    Mistake(
        "last-channel-only", "conv2d",
        "A loop over the input channels writes their sums with = instead of +=.",
        "Right for grey images; of colour only the last channel is left.",
        "y[n, o, i, j] += (K[o, c] * x[n, c, rows, columns]).sum(), from y[n, o, i, j] = bias[o] on.",
        READ,
        forward=arguments(_last_channel, PREPARED),
    ),
    Mistake(
        "channels-averaged", "conv2d",
        "The sums of the input channels are averaged instead of added.",
        "Right for grey images; else too small by the number of channels.",
        "Add the channels up: (K[o] * x[n, :, rows, columns]).sum().",
        READ,
        forward=_divided_by(lambda shape: shape[1]),
    ),
    Mistake(
        "products-averaged", "conv2d",
        "The mean of the products is taken instead of their sum.",
        "Too small by C kH kW, but for the bias.",
        "np.sum(K[o] * x[n, :, rows, columns]), not np.mean.",
        READ,
        forward=_divided_by(lambda shape: math.prod(shape[1:])),
    ),
    Mistake(
        "bias-in-every-product", "conv2d",
        "The bias is added inside the sum, to each of its products.",
        "Right for a single tap; else the bias counts C kH kW times.",
        "(K[o] * x[n, :, rows, columns]).sum() + bias[o]: the bias stands outside the sum.",
        READ,
        forward=_bias_times(lambda shape: math.prod(shape[1:])),
    ),
    Mistake(
        "bias-in-every-channel", "conv2d",
        "The bias is added in the loop over the input channels.",
        "Right for grey images; else the bias counts C times.",
        "Add bias[o] once, after the loop over the channels.",
        READ,
        forward=_bias_times(lambda shape: shape[1]),
    ),
    Mistake(
        "padded-twice", "conv2d",
        "The image is padded, and then handed to a convolution that pads it again.",
        "Right without padding; else the output is too large, with a border of too many zeros.",
        "Pad in one place: after x = np.pad(...), the size is (x.shape[2] - kH) // s + 1 without the padding in it.",
        READ,
        forward=arguments(lambda a: {"input": with_margins(a["input"], *margins(a["weight"], a))}, PREPARED),
        backward=Change(PREPARED, _of_the_image_padded_twice),
    ),
    Mistake(
        "stride-ignored", "conv2d",
        "The output has the size that the stride asks for, but window (i, j) stands at pixel (i, j).",
        "Right for stride 1; else only the top left corner of the image is seen.",
        "x[n, :, i * s : i * s + kH, j * s : j * s + kW].",
        READ,
        forward=Change(RESULTS, _windows_at_every_pixel),
    ),
    Mistake(
        "width-from-height", "conv2d",
        "The width of the output is computed from the height of the image.",
        "Right for square images; else columns are missing, or an index lies outside.",
        "oW = (W + 2 * p - kW) // s + 1 with W = x.shape[3].",
        READ,
        forward=result(_width_from_height),
        backward=gradient_arguments(_fitted),
    ),
    Mistake(
        "columns-up-to-height", "conv2d",
        "The loop over the columns ends at the number of rows: for j in range(oH).",
        "Right for square images; else the columns on the right stay zero, or an index lies outside.",
        "for j in range(oW).",
        READ,
        forward=result(lambda y, a: _left_zero(y, np.s_[..., _height_for_width(y) :])),
    ),
    Mistake(
        "size-without-plus-one", "conv2d",
        "The size of the output is (H + 2 p - kH) // s, without + 1.",
        "The last row and column are missing.",
        "oH = (H + 2 * p - kH) // s + 1: the first window counts, too.",
        READ,
        forward=result(lambda y, a: y[..., :-1, :-1]),
        backward=gradient_arguments(_fitted),
    ),
    Mistake(
        "last-windows-left-zero", "conv2d",
        "The loops over the windows end one too early.",
        "The last row and column of the output are zero, without the bias too.",
        "for i in range(oH), for j in range(oW): range leaves its end out already.",
        READ,
        forward=result(lambda y, a: _left_zero(y, np.s_[..., -1, :], np.s_[..., -1])),
    ),
    Mistake(
        "first-image-only", "conv2d",
        "The function returns inside its loop over the images.",
        "Right for a batch of one; else all images but the first have zeros.",
        "Move return y to the left, out of the loop.",
        READ,
        forward=result(_first_image),
    ),
    Mistake(
        "first-filter-only", "conv2d",
        "A loop over the filters ends in its first round.",
        "Right for one filter; else all output channels but the first are zero.",
        "Let the loop run over all filters, and return after it: for o in range(len(K)).",
        READ,
        forward=result(lambda y, a: _left_zero(y, np.s_[..., 1:, :, :])),
    ),
    Mistake(
        "first-pixel-only", "conv2d",
        "The function returns inside its innermost loop.",
        "All of the output but its first pixel is zero.",
        "Move return y to the left, out of all loops.",
        READ,
        forward=result(_first_pixel),
    ),
    Mistake(
        "output-transposed", "conv2d",
        "Rows and columns of the output are swapped.",
        "Right for none but symmetric outputs; where oH != oW the shape is another.",
        "y[n, o, i, j] with i for rows; from (N, oH, oW, O) transpose(0, 3, 1, 2).",
        READ,
        forward=result(lambda y, a: y.swapaxes(-1, -2)),
        backward=gradient_arguments(_turned_back),
    ),
    Mistake(
        "output-reshaped-from-pixels", "conv2d",
        "The product of matrices, with a row for each window, is reshaped to (N, O, oH, oW) and not transposed.",
        "Right for one filter; else the filters' outputs are interleaved.",
        "(columns @ K.reshape(O, -1).T).reshape(N, oH, oW, O).transpose(0, 3, 1, 2).",
        READ,
        forward=_reshaped(0, 2, 3, 1),
    ),
    Mistake(
        "output-reshaped-from-filters", "conv2d",
        "The product of matrices, with a row for each filter, is reshaped to (N, O, oH, oW) and not transposed.",
        "Right for one image or one filter; else images and filters change places.",
        "(K.reshape(O, -1) @ columns).reshape(O, N, oH, oW).transpose(1, 0, 2, 3).",
        READ,
        forward=_reshaped(1, 0, 2, 3),
    ),
    Mistake(
        "output-reshaped-from-batch-last", "conv2d",
        "The product of matrices, whose columns run over the images fastest, is reshaped to (N, O, oH, oW) directly.",
        "Right for one image; else the images are interleaved.",
        "(K.reshape(O, -1) @ columns).reshape(O, oH, oW, N).transpose(3, 0, 1, 2).",
        READ,
        forward=_reshaped(1, 2, 3, 0),
    ),
)  # fmt: skip
