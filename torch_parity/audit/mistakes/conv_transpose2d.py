"""Transposed convolution, done wrongly."""

from typing import Any

import numpy as np

import reference
from torch_parity.audit.mistakes.mistake import (
    ARGUMENTS,
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
    averaged,
    gradient_arguments,
    gradients,
    gradients_instead,
    instead,
    result,
    single_gradient,
)
from torch_parity.audit.mistakes.windows import both, with_margins

READ_FORWARD = (
    "reference/conv_transpose.py: conv_transpose2d",
    "reference/definition/conv_transpose.py: conv_transpose2d",
)
READ_BACKWARD = (
    "reference/conv_transpose.py: conv_transpose2d_backward",
    "reference/definition/conv_transpose.py: conv_transpose2d_backward",
)


def _spans(weight: Array, options: Options) -> list[int]:
    """From the first to the last row, and column, of a stamp."""
    return [d * (k - 1) + 1 for k, d in zip(weight.shape[2:], both(options["dilation"]), strict=True)]


def _stamped(image: Array, weight: Array, options: Options) -> list[int]:
    """How many rows and columns there are before anything is cut off or added."""
    strides = both(options["stride"])
    return [(n - 1) * s + span for n, s, span in zip(image.shape[-2:], strides, _spans(weight, options), strict=True)]


def _outputs(image: Array, weight: Array, options: Options) -> tuple[int, int]:
    """(oH, oW), rightly."""
    paddings, added = both(options["padding"]), both(options["output_padding"])
    height, width = (
        n - 2 * p + more for n, p, more in zip(_stamped(image, weight, options), paddings, added, strict=True)
    )
    return height, width


def _turned(weight: Array) -> Array:
    return weight[..., ::-1, ::-1]


def _as_oihw(given: Options) -> Options:
    """The numbers of the kernels in the order that they have in memory, read as those of a convolution."""
    weight = given["weight"]
    channels, maps, height, width = weight.shape
    return {"weight": weight.reshape(maps, channels, height, width).swapaxes(0, 1)}


def _interleaved(given: Options) -> Options:
    """Group g gets the channels g, g + G, g + 2 G, ..."""
    x, groups = given["input"], given["groups"]
    channels = np.concatenate([np.arange(group, x.shape[-3], groups) for group in range(groups)])
    return {"input": np.take(x, channels, axis=-3)}


def _repeated(given: Options) -> Options:
    """Every pixel as often as the stride says, the last one once; and zeros for what is added."""
    x, (down, right), (below, beside) = given["input"], both(given["stride"]), both(given["output_padding"])
    if (down, right) == (1, 1):
        return {}
    large = x.repeat(down, axis=-2).repeat(right, axis=-1)
    large = large[..., : large.shape[-2] - down + 1, : large.shape[-1] - right + 1]
    return {"input": with_margins(large, (0, below), (0, beside)), "stride": 1, "output_padding": 0}


def stamps_overwritten(
    input: Array,
    weight: Array,
    bias: Array | None = None,
    *,
    stride: Any,
    padding: Any,
    output_padding: Any,
    groups: int,
    dilation: Any,
) -> Array:
    """The output by a loop over the pixels, row by row, with = for +=: of overlapping stamps the last one is left."""
    options = {"stride": stride, "padding": padding, "output_padding": output_padding, "dilation": dilation}
    batch = input if input.ndim == 4 else input[np.newaxis]
    count, channels, *size = batch.shape
    _, maps, *kernel = weight.shape
    (top, left), (height, width) = both(padding), _outputs(input, weight, options)
    rows, columns = _stamped(input, weight, options)
    canvas = np.zeros((count, maps * groups, max(rows, top + height), max(columns, left + width)), input.dtype)
    pixels = batch.reshape(count, groups, channels // groups, *size)
    kernels = weight.reshape(groups, channels // groups, maps, *kernel)
    (down, right), (high, wide), (d, e) = both(stride), _spans(weight, options), both(dilation)
    for i, j in np.ndindex(*size):
        stamps = np.einsum("ngc,gcomk->ngomk", pixels[..., i, j], kernels).reshape(count, maps * groups, *kernel)
        canvas[..., i * down : i * down + high : d, j * right : j * right + wide : e] = stamps
    output = canvas[..., top : top + height, left : left + width]
    output = output if bias is None else output + bias[:, np.newaxis, np.newaxis]
    return output if input.ndim == 4 else np.asarray(output[0])


def _framed(right: Forward) -> Forward:
    def wrong(**given: Any) -> Array:
        (top, left), whole = both(given["padding"]), right(**{**given, "padding": 0})
        return with_margins(whole, (top, top), (left, left))

    return wrong


def _framed_backward(right: Backward) -> Backward:
    """The gradient for the output with a frame around it."""

    def wrong(g: Array, a: Arrays, o: Options, y: Any) -> Any:
        if g.shape[-2:] == _outputs(a["input"], a["weight"], o):
            return right(g, a, o, y)
        (top, left), whole = both(o["padding"]), {**o, "padding": 0}
        height, width = _outputs(a["input"], a["weight"], whole)
        return right(g[..., top : top + height, left : left + width], a, whole, y)

    return wrong


def _cut_at_the_end(right: Forward) -> Forward:
    def wrong(**given: Any) -> Array:
        height, width = _outputs(given["input"], given["weight"], given)
        return np.asarray(right(**{**given, "padding": 0})[..., :height, :width])

    return wrong


def _without_added(g: Array, a: Arrays, o: Options) -> tuple[Array, Arrays, Options]:
    """For an output that is too small: the gradient of the rows and columns left out is 0."""
    missing = [n - some for n, some in zip(_outputs(a["input"], a["weight"], o), g.shape[-2:], strict=True)]
    if max(missing) <= 0:
        return g, a, o
    return with_margins(g, (0, max(0, missing[0])), (0, max(0, missing[1]))), a, o


def _added_before(output: Array, given: Options) -> Array:
    """The added rows and columns, of the bias alone, put above and to the left."""
    below, beside = both(given["output_padding"])
    moved = np.zeros_like(output)
    if given.get("bias") is not None:
        moved += given["bias"][:, np.newaxis, np.newaxis]
    height, width = output.shape[-2:]
    moved[..., below:, beside:] = output[..., : max(0, height - below), : max(0, width - beside)]
    return moved


def _added_zeros(output: Array, given: Options) -> Array:
    """Zeros in all that was added."""
    below, beside = both(given["output_padding"])
    height, width = output.shape[-2:]
    kept = np.zeros_like(output)
    inside = np.s_[..., : max(0, height - below), : max(0, width - beside)]
    kept[inside] = output[inside]
    return kept


def _bias_stamped(output: Array, given: Options) -> Array:
    """The bias as often as stamps reach a place: once from the right formula, and the rest here."""
    bias = given.get("bias")
    if bias is None:
        return output
    height, width = output.shape[-2:]
    shape, kernel = given["input"].shape[-2:], given["weight"].shape[2:]
    options = {name: given[name] for name in ("stride", "padding", "output_padding", "dilation")}
    reached = reference.conv_transpose2d(
        np.ones((1, *shape), output.dtype), np.ones((1, 1, *kernel), output.dtype), **options
    )[..., :height, :width]
    return np.asarray(output + bias[:, np.newaxis, np.newaxis] * (reached - 1))


def _one_group(given: Options) -> Options:
    bias, maps = given.get("bias"), given["weight"].shape[1]
    return {"groups": 1, "bias": None if bias is None else bias[:maps]}


def _one_group_backward(right: Backward) -> Backward:
    """The gradient for the channels of one group; there is none for the biases of the others."""

    def wrong(g: Array, a: Arrays, o: Options, y: Any) -> Any:
        if o["groups"] == 1 or g.shape[-3] != a["weight"].shape[1]:
            return right(g, a, o, y)
        grad_input, grad_weight, grad_bias = right(g, a, {**o, "groups": 1}, y)
        return [grad_input, grad_weight, np.pad(grad_bias, (0, len(grad_bias) * (o["groups"] - 1)))]

    return wrong


def unstrided(g: Array, a: Arrays, o: Options, y: Any) -> Array:
    """dL/dx by a convolution with stride 1, of which the first rows and columns are kept."""
    height, width = a["input"].shape[-2:]
    options = {name: o[name] for name in ("padding", "dilation", "groups")}
    return reference.conv2d(g, a["weight"], **options)[..., :height, :width]


MISTAKES = (
    Mistake(
        "stamp-turned", "conv_transpose2d",
        "The kernels are turned by 180 degrees: a convolution, where its transpose is meant.",
        "Right for symmetric kernels and 1x1; else every stamp is upside down.",
        "y[n, :, rows, columns] += x[n, c, i, j] * K[c], the kernel as it is; in a convolution over the pixels with "
        "zeros in between it is K[:, :, ::-1, ::-1].",
        READ_FORWARD,
        forward=arguments(lambda a: {"weight": _turned(a["weight"])}),
    ),
    Mistake(
        "stamps-as-oihw", "conv_transpose2d",
        "The kernels are stored C,O,kH,kW and read as O,C,kH,kW, the layout of a convolution.",
        "Right for one input channel or one output channel; else kernels are shuffled.",
        "Here the weight is (C, O/groups, kH, kW): the channels that come in stand first.",
        READ_FORWARD,
        forward=arguments(_as_oihw),
    ),
    Mistake(
        "stamps-overwritten", "conv_transpose2d",
        "The loop over the pixels writes their stamps with = instead of +=.",
        "Right where stamps do not overlap; else the last one covers those before.",
        "y[n, :, rows, columns] += x[n, c, i, j] * K[c].",
        READ_FORWARD,
        forward=instead(stamps_overwritten),
    ),
    Mistake(
        "pixels-repeated", "conv_transpose2d",
        "The pixels are repeated as often as the stride says, and then convolved: no zeros between them.",
        "Right for stride 1; else the output is the sum of that many shifted copies.",
        "large = np.zeros((N, C, (H - 1) * s + 1, (W - 1) * s + 1)); large[:, :, ::s, ::s] = x.",
        READ_FORWARD,
        forward=arguments(_repeated, PREPARED),
    ),
    Mistake(
        "transposed-padding-added", "conv_transpose2d",
        "The padding is put around the output instead of being cut off it.",
        "Right without padding; else the output is too large, with a frame of zeros.",
        "Cut it off: y[:, :, p : p + oH, p : p + oW], as the convolution of which this is the transpose padded there.",
        READ_FORWARD,
        forward=Change(RESULTS, _framed),
        backward=Change(ARGUMENTS, _framed_backward),
    ),
    Mistake(
        "transposed-padding-cut-at-the-end", "conv_transpose2d",
        "All that the padding cuts off is cut off below and to the right.",
        "Right without padding; else the output is shifted by it.",
        "Cut off p rows at either end: y[:, :, p : p + oH, p : p + oW].",
        READ_FORWARD,
        forward=Change(PREPARED, _cut_at_the_end),
    ),
    Mistake(
        "output-padding-ignored", "conv_transpose2d",
        "The output is as large as it would be without output_padding.",
        "Right for output_padding 0; else rows and columns are missing.",
        "oH = (H - 1) * s - 2 * p + d * (kH - 1) + 1 + output_padding.",
        READ_FORWARD,
        forward=arguments(lambda a: {"output_padding": 0}),
        backward=gradient_arguments(_without_added),
    ),
    Mistake(
        "output-padding-before", "conv_transpose2d",
        "The added rows and columns are put above and to the left.",
        "Right for output_padding 0; else the output is shifted by it.",
        "Add them at the end: the output is y[:, :, p : p + oH, p : p + oW] of an array with room behind the stamps.",
        READ_FORWARD,
        forward=result(_added_before),
    ),
    Mistake(
        "output-padding-left-zero", "conv_transpose2d",
        "The added rows and columns are filled with zeros, after all else.",
        "Right without bias and padding; else the bias is missing there, and what the padding would have cut off.",
        "Make room first and cut off then, and add the bias to every pixel of the output.",
        READ_FORWARD,
        forward=result(_added_zeros),
    ),
    Mistake(
        "bias-in-every-stamp", "conv_transpose2d",
        "The bias is added to every stamp.",
        "Right where each pixel of the output is reached by one stamp; else it counts as often as stamps meet there.",
        "Add bias[o] once, to the output when all stamps are in it: y += bias[:, None, None].",
        READ_FORWARD,
        forward=result(_bias_stamped),
    ),
    Mistake(
        "transposed-groups-interleaved", "conv_transpose2d",
        "Input channel c goes to group c mod G instead of the groups taking contiguous parts.",
        "Right for one group and depthwise; else the pixels of other channels are stamped.",
        "Give group g the channels x[:, g * C // G : (g + 1) * C // G].",
        READ_FORWARD,
        forward=arguments(_interleaved),
    ),
    Mistake(
        "transposed-groups-ignored", "conv_transpose2d",
        "All input channels are stamped into the same output channels, as many as the weight names.",
        "Right for one group; else the output has too few channels.",
        "Let group g stamp into the output channels from g * weight.shape[1] on; there are weight.shape[1] * groups.",
        READ_FORWARD,
        forward=arguments(_one_group),
        backward=Change(ARGUMENTS, _one_group_backward),
    ),
    Mistake(
        "stamp-gradient-unstrided", "conv_transpose2d",
        "The input gradient is a convolution with stride 1.",
        "Right for stride 1; else pixels get the gradients of places where they did not stamp.",
        "conv2d(g, K, stride=s, padding=p): each pixel looks where its stamp is.",
        READ_BACKWARD,
        backward=gradients_instead(input=unstrided),
    ),
    Mistake(
        "stamp-gradient-turned", "conv_transpose2d",
        "The kernels are turned by 180 degrees for the input gradient, as in the gradient of a convolution.",
        "Right for symmetric kernels and 1x1; else each pixel's gradient is weighted upside down.",
        "conv2d(g, K, stride=s, padding=p) with K as it is: the transpose of the transpose.",
        READ_BACKWARD,
        backward=single_gradient("input", lambda g, a, o: (g, {**a, "weight": _turned(a["weight"])}, o)),
    ),
    Mistake(
        "stamp-weight-gradient-turned", "conv_transpose2d",
        "For the weight gradient input and upstream gradient have changed places: it comes out turned by 180 degrees.",
        "Right for 1x1 kernels; else every tap learns what the opposite one should.",
        "Slide the input over g: dK[c, o, m, k] = sum of x[n, c, i, j] g[n, o, i s + m d - p, j s + k d - p].",
        READ_BACKWARD,
        backward=gradients(weight=lambda grad, g, a, o: _turned(grad)),
    ),
    Mistake(
        "transposed-bias-gradient-averaged", "conv_transpose2d",
        "The bias gradient is the mean of the upstream gradient over images and pixels instead of the sum.",
        "Right for one output pixel; else too small by N oH oW.",
        "db = g.sum(axis=(0, 2, 3)).",
        READ_BACKWARD,
        backward=gradients(bias=averaged),
    ),
)  # fmt: skip
