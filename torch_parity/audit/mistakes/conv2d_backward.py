"""The gradients of convolution, done wrongly."""

from typing import Any

import numpy as np

from torch_parity.audit.mistakes.mistake import (
    ARGUMENTS,
    GRADIENTS,
    PREPARED,
    RESULTS,
    Array,
    Arrays,
    Backward,
    Change,
    Mistake,
    Options,
    averaged,
    gradient_arguments,
    gradients,
    gradients_instead,
    single_gradient,
)
from torch_parity.audit.mistakes.windows import both, convolution_windows, margins, with_margins

READ = ("reference/conv.py: conv2d_backward", "reference/definition/conv.py: conv2d_backward")


def _flipped(weight: Array) -> Array:
    return weight[..., ::-1, ::-1]


def _batch(a: Arrays) -> int:
    return len(a["input"]) if a["input"].ndim == 4 else 1


def _framed_arguments(g: Array, a: Arrays, o: Options) -> tuple[Array, Arrays, Options]:
    """The framed image taken for the image, and no padding: the gradient is that of the frame, too."""
    return g, {**a, "input": with_margins(a["input"], *margins(a["weight"], o))}, {**o, "padding": 0}


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


def _window_gradients(g: Array, a: Arrays, o: Options) -> Array:
    """What each window gets back, rightly: sum_o g[n, o, i, j] K[o, c, m, k], as (N, C, kH, kW, oH, oW)."""
    weight, groups = a["weight"], o["groups"]
    kernels = weight.reshape(groups, -1, *weight.shape[1:])  # (G, O/G, C/G, kH, kW)
    grads = g.reshape(_batch(a), groups, -1 if g.size else kernels.shape[1], *g.shape[-2:])  # (N, G, O/G, oH, oW)
    seen: Array = np.einsum("ngoij,gocmk->ngcmkij", grads, kernels)
    return seen.reshape(*a["input"].shape[:-2], *weight.shape[2:], *g.shape[-2:])


def overlap_overwritten(g: Array, a: Arrays, o: Options, y: Any) -> Array:
    """dL/dx by a loop over the windows, row by row, with = for +=: of a pixel's windows the last one is left."""
    windows, seen = convolution_windows(a["input"], a["weight"], o, g.shape), _window_gradients(g, a, o)
    framed = windows.frame(np.zeros_like(a["input"]))
    for i, j in np.ndindex(windows.outputs):
        windows.window(framed, i, j)[...] = seen[..., i, j]
    return windows.inside(framed)


def columns_overwritten(g: Array, a: Arrays, o: Options, y: Any) -> Array:
    """dL/dx by a loop over the taps (col2im) with = for +=: the last tap sees a pixel from its first window."""
    windows, seen = convolution_windows(a["input"], a["weight"], o, g.shape), _window_gradients(g, a, o)
    framed = windows.frame(np.zeros_like(a["input"]))
    for m, k in np.ndindex(windows.kernel):
        windows.tap(framed, m, k)[...] = seen[..., m, k, :, :]
    return windows.inside(framed)


def filters_overwritten(g: Array, a: Arrays, o: Options, y: Any) -> Array:
    """dL/dx by a loop over the filters and the windows with = for +=: the last filter of each group is left."""
    last = np.arange(len(a["weight"])).reshape(o["groups"], -1)[:, -1]
    return overlap_overwritten(g[..., last, :, :], {**a, "weight": a["weight"][last]}, o, y)


def _over_batch(grad: Array, g: Array, a: Arrays, o: Options) -> Array:
    return np.asarray(grad / grad.dtype.type(max(1, _batch(a))))


def _first_of_each_group(grad: Array, g: Array, a: Arrays, o: Options) -> Array:
    """A gradient of the image for the first channel, or the first of each group; 0 for the others."""
    kept = np.zeros_like(grad)
    size = a["weight"].shape[1]
    kept[..., ::size, :, :] = grad[..., ::size, :, :]
    return kept


def _last_image(g: Array, a: Arrays, o: Options) -> tuple[Array, Arrays, Options]:
    return (g[-1:], {**a, "input": a["input"][-1:]}, o) if g.ndim == 4 else (g, a, o)


def _under_the_outputs(g: Array, a: Arrays, o: Options) -> tuple[Array, Arrays, Options]:
    """The part of the framed image that windows side by side, one for each output, would see."""
    _, framed, unpadded = _framed_arguments(g, a, o)
    height, width = _spans(a["weight"], o)
    rows, columns = g.shape[-2] + height - 1, g.shape[-1] + width - 1
    return g, {**a, "input": framed["input"][..., :rows, :columns]}, {**unpadded, "stride": 1}


def _last_window(g: Array, a: Arrays, o: Options) -> tuple[Array, Arrays, Options]:
    """The last image, and of it what its last window sees."""
    g, a, o = _framed_arguments(*_last_image(g, a, o))
    rows, columns = (
        slice((n - 1) * s, (n - 1) * s + span)
        for n, s, span in zip(g.shape[-2:], both(o["stride"]), _spans(a["weight"], o), strict=True)
    )
    return g[..., -1:, -1:], {**a, "input": a["input"][..., rows, columns]}, o


def _spans(weight: Array, options: Options) -> tuple[int, ...]:
    """How many rows and columns of pixels a window spans."""
    return tuple(d * (k - 1) + 1 for k, d in zip(weight.shape[2:], both(options["dilation"]), strict=True))


def _bias_from_weight(right: Backward) -> Backward:
    def wrong(g: Array, a: Arrays, o: Options, y: Any) -> list[Any]:
        grad_input, grad_weight, _ = right(g, a, o, y)
        assert grad_weight is not None
        return [grad_input, grad_weight, grad_weight.sum(axis=(1, 2, 3))]

    return wrong


def _after_the_first_image(right: Backward) -> Backward:
    def wrong(g: Array, a: Arrays, o: Options, y: Any) -> list[Any]:
        if g.ndim == 3:
            return list(right(g, a, o, y))
        first, *others = right(g[:1], {**a, "input": a["input"][:1]}, o, y)
        assert first is not None
        grad = np.zeros((len(g), *first.shape[1:]), first.dtype)
        grad[:1] = first
        return [grad, *others]

    return wrong


def _read_as(g: Array, *order: int) -> Array:
    """What stands where, if g (N, O, oH, oW) is reshaped to a matrix whose axes come in this order."""
    batch = g if g.ndim == 4 else g[np.newaxis]
    sizes = [batch.shape[axis] for axis in order]
    return batch.reshape(sizes).transpose(np.argsort(order)).reshape(g.shape)


def _reshaped_for(*names: str, order: tuple[int, ...]) -> Change[Backward]:
    def planted(right: Backward) -> Backward:
        def wrong(g: Array, a: Arrays, o: Options, y: Any) -> list[Any]:
            found = list(right(g, a, o, y))
            misread = list(right(_read_as(g, *order), a, o, y))
            return [misread[i] if name in names else found[i] for i, name in enumerate(GRADIENTS)]

        return wrong

    return Change(PREPARED, planted)


MISTAKES = (
    Mistake(
        "weight-gradient-flipped", "conv2d",
        "The weight gradient is turned by 180 degrees, as if the forward convolution flipped its kernel.",
        "Right for 1x1 kernels; training learns mirrored kernels that do not fit.",
        "dK[o, c, m, k] = sum of g[n, o, i, j] x[n, c, i s + m d - p, j s + k d - p]: no turning.",
        READ,
        backward=gradients(weight=lambda grad, g, a, o: _flipped(grad)),
    ),
    Mistake(
        "weight-gradient-averaged", "conv2d",
        "The weight gradient is divided by the batch size, though the loss is a mean already.",
        "Right for a batch of one; else training is slower by the batch size.",
        "Sum over the batch, and leave the division to the loss.",
        READ,
        backward=gradients(ARGUMENTS, weight=_over_batch),
    ),
    Mistake(
        "input-gradient-unflipped", "conv2d",
        "The input gradient uses the kernel as it is where it needs it turned by 180 degrees.",
        "Right for symmetric kernels; deeper layers learn nonsense.",
        "At stride 1 convolve g, padded by d (k - 1) - p, with K[:, :, ::-1, ::-1]; or add g K into each window.",
        READ,
        backward=gradient_arguments(lambda g, a, o: (g, {**a, "weight": _flipped(a["weight"])}, o)),
    ),
    Mistake(
        "padding-gradient-kept", "conv2d",
        "The gradient of the padding is not cut off.",
        "Right without padding; else the input gradient is too large by the padding.",
        "Return dx[:, :, p : p + H, p : p + W] of the padded gradient.",
        READ,
        backward=gradient_arguments(_framed_arguments),
    ),
    Mistake(
        "padding-gradient-wrong-corner", "conv2d",
        "The gradient of the padding is cut off at the bottom and right only.",
        "Right without padding; else the input gradient is shifted by the padding.",
        "Return dx[:, :, p : p + H, p : p + W], not dx[:, :, :H, :W], of the padded gradient.",
        READ,
        backward=Change(RESULTS, _cut_at_the_corner),
    ),
    Mistake(
        "stride-ignored-in-gradient", "conv2d",
        "The gradient of a strided convolution is not spread out by the stride.",
        "Right for stride 1; else the gradient crowds into the top left corner.",
        "Add g[n, o, i, j] K[o] into the window at (i s, j s), or put s - 1 zeros between the gradients first.",
        READ,
        backward=Change(RESULTS, _spread_out_by_one),
    ),
    Mistake(
        "overlap-overwritten", "conv2d",
        "A loop over the windows, row by row, writes their gradients (summed over the filters) with = instead of +=.",
        "Right where windows do not overlap; else only the gradient of a pixel's last window is left.",
        "dx[:, :, rows, columns] += ...: a pixel collects from every window that sees it.",
        READ,
        backward=gradients_instead(input=overlap_overwritten),
    ),
    Mistake(
        "columns-overwritten", "conv2d",
        "col2im, a loop over the taps of the kernel, writes the columns' gradients with = instead of +=.",
        "Right where windows do not overlap; else only the gradient of a pixel's first window is left.",
        "image[:, :, m : m + s * oH : s, k : k + s * oW : s] += columns[:, :, m, k].",
        READ,
        backward=gradients_instead(input=columns_overwritten),
    ),
    Mistake(
        "filters-overwritten", "conv2d",
        "A loop over the filters, and in it over the windows, writes each product g K with = instead of +=.",
        "Right for one filter whose windows do not overlap; else only the last filter's last window is left.",
        "dx[n, :, rows, columns] += K[o] * g[n, o, i, j]: a pixel collects from every filter and window.",
        READ,
        backward=gradients_instead(input=filters_overwritten),
    ),
    Mistake(
        "bias-gradient-averaged", "conv2d",
        "The bias gradient is the mean of the upstream gradient instead of its sum.",
        "Too small by N oH oW: biases hardly learn.",
        "db = g.sum(axis=(0, 2, 3)).",
        READ,
        backward=gradients(ARGUMENTS, bias=averaged),
    ),
    Mistake(
        "bias-gradient-over-batch-only", "conv2d",
        "The bias gradient is summed over the batch, not over rows and columns.",
        "An array (O, oH, oW) where (O,) belongs.",
        "db = g.sum(axis=(0, 2, 3)): the bias is added to every pixel, so it collects from every pixel.",
        READ,
        backward=gradients_instead(bias=lambda g, a, o, y: g.sum(axis=0) if g.ndim == 4 else g),
    ),
    Mistake(
        "weight-gradient-of-last-image", "conv2d",
        "A loop over the images writes their weight gradients with = instead of +=.",
        "Right for a batch of one; else only the last image teaches the kernels.",
        "dK += ... in the loop over the images, from dK = np.zeros_like(K) before it.",
        READ,
        backward=single_gradient("weight", _last_image),
    ),
    Mistake(
        "weight-gradient-overwritten", "conv2d",
        "A loop over images and windows writes g x into the weight gradient with = instead of +=.",
        "Right for one image of one window; else only the last window of the last image is left.",
        "dK[o] += g[n, o, i, j] * x[n, :, rows, columns]: a kernel collects from every window that it has seen.",
        READ,
        backward=single_gradient("weight", _last_window),
    ),
    Mistake(
        "weight-gradient-stride-ignored", "conv2d",
        "The weight gradient takes the windows at pixel (i, j) where they stand at (i s, j s).",
        "Right for stride 1; else from the wrong pixels.",
        "dK[o] += g[n, o, i, j] * x[n, :, i * s : i * s + kH, j * s : j * s + kW].",
        READ,
        backward=single_gradient("weight", _under_the_outputs, ARGUMENTS),
    ),
    Mistake(
        "weight-gradient-transposed", "conv2d",
        "Height and width of the weight gradient are swapped.",
        "Right for symmetric gradients; another shape where kH != kW.",
        "dK has the shape of K, (O, C, kH, kW): m runs down the rows, k along the columns.",
        READ,
        backward=gradients(weight=lambda grad, g, a, o: grad.swapaxes(-1, -2)),
    ),
    Mistake(
        "weight-gradient-summed-over-channels", "conv2d",
        "Every input channel gets the sum of all channels' weight gradients.",
        "Right for grey images; else all channels of a kernel change alike.",
        "dK[o, c] += g[n, o, i, j] * x[n, c, rows, columns]: each channel has its own.",
        READ,
        backward=gradients(weight=lambda grad, g, a, o: np.zeros_like(grad) + grad.sum(axis=1, keepdims=True)),
    ),
    Mistake(
        "weight-gradient-summed-over-taps", "conv2d",
        "The products of a window are summed, so that all taps of a filter get the same gradient.",
        "Right for 1x1 kernels of grey images; else all numbers of a kernel change alike.",
        "dK[o] += g[n, o, i, j] * x[n, :, rows, columns], without a sum over the window.",
        READ,
        backward=gradients(
            weight=lambda grad, g, a, o: np.zeros_like(grad) + grad.sum(axis=(1, 2, 3), keepdims=True)
        ),
    ),
    Mistake(
        "input-gradient-of-first-channel-only", "conv2d",
        "Only the first input channel gets a gradient.",
        "Right for grey images; else the layer below learns from one channel.",
        "dx[n, :, rows, columns] += g[n, o, i, j] * K[o], with all channels in it.",
        READ,
        backward=gradients(input=_first_of_each_group),
    ),
    Mistake(
        "input-gradient-averaged", "conv2d",
        "The input gradient is divided by the batch size, though the loss is a mean already.",
        "Right for a batch of one; else lower layers learn slower by the batch size, once for each layer above.",
        "Leave the division to the loss: each image has its own gradient.",
        READ,
        backward=gradients(ARGUMENTS, input=_over_batch),
    ),
    Mistake(
        "input-gradient-flipped-on-all-axes", "conv2d",
        "np.flip(K) turns filters and channels around with the rows and columns of the kernels.",
        "Right for one filter and one channel; else the gradient of other filters and channels.",
        "K[:, :, ::-1, ::-1], or np.flip(K, axis=(2, 3)).",
        READ,
        backward=gradient_arguments(lambda g, a, o: (g, {**a, "weight": a["weight"][::-1, ::-1]}, o)),
    ),
    Mistake(
        "input-gradient-turned-on-wrong-axes", "conv2d",
        "np.rot90(K, 2) turns the first two axes, filters and channels, and leaves rows and columns as they are.",
        "Right for one filter, one channel and a symmetric kernel; else nonsense.",
        "K[:, :, ::-1, ::-1], or np.rot90(K, 2, axes=(2, 3)).",
        READ,
        backward=gradient_arguments(lambda g, a, o: (g, {**a, "weight": np.flip(a["weight"])}, o)),
    ),
    Mistake(
        "gradient-reshaped-to-pixels", "conv2d",
        "The upstream gradient (N, O, oH, oW) is reshaped to a row for each window and not transposed before.",
        "Right for one filter; else every filter gets the gradients of others.",
        "g.transpose(0, 2, 3, 1).reshape(-1, O).",
        READ,
        backward=_reshaped_for("input", "weight", "bias", order=(0, 2, 3, 1)),
    ),
    Mistake(
        "gradient-reshaped-to-filters", "conv2d",
        "The upstream gradient (N, O, oH, oW) is reshaped to a row for each filter and not transposed before.",
        "Right for one image or one filter; else filters get the gradients of others.",
        "g.transpose(1, 0, 2, 3).reshape(O, -1).",
        READ,
        backward=_reshaped_for("input", "weight", order=(1, 0, 2, 3)),
    ),
    Mistake(
        "gradient-reshaped-to-batch-last", "conv2d",
        "The upstream gradient is reshaped to (O, -1) for columns that run over the images fastest, not transposed.",
        "Right for one image; else filters and windows get the gradients of others.",
        "g.transpose(1, 2, 3, 0).reshape(O, -1).",
        READ,
        backward=_reshaped_for("input", "weight", order=(1, 2, 3, 0)),
    ),
    Mistake(
        "gradient-from-output", "conv2d",
        "The gradients are computed from the layer's own output instead of the gradient from above.",
        "Nothing of the loss arrives: it hardly falls.",
        "backward(g) multiplies g, the gradient that comes from the next layer, not the y kept by forward.",
        READ,
        backward=Change(ARGUMENTS, lambda right: lambda g, a, o, y: right(y, a, o, y)),
    ),
    Mistake(
        "gradients-of-first-image-only", "conv2d",
        "The backward function returns inside its loop over the images.",
        "Right for a batch of one; else all images but the first are left out.",
        "Move the return to the left, out of the loop.",
        READ,
        backward=Change(RESULTS, _after_the_first_image),
    ),
    Mistake(
        "bias-gradient-zero", "conv2d",
        "The bias gradient is never computed.",
        "It is zero: biases keep their first values.",
        "db = g.sum(axis=(0, 2, 3)).",
        READ,
        backward=gradients(bias=lambda grad, g, a, o: np.zeros_like(grad)),
    ),
    Mistake(
        "bias-gradient-from-weight-gradient", "conv2d",
        "The bias gradient is the sum of the weight gradient, dK, instead of g.",
        "Right where all windows see pixels whose sum is 1; else too large by that sum.",
        "db = g.sum(axis=(0, 2, 3)).",
        READ,
        backward=Change(RESULTS, _bias_from_weight),
    ),
    Mistake(
        "bias-gradient-averaged-over-batch", "conv2d",
        "The bias gradient is divided by the batch size, though the loss is a mean already.",
        "Right for a batch of one; else biases learn slower by the batch size.",
        "db = g.sum(axis=(0, 2, 3)).",
        READ,
        backward=gradients(ARGUMENTS, bias=_over_batch),
    ),
    Mistake(
        "bias-gradient-of-last-image", "conv2d",
        "A loop over the images writes their bias gradients with = instead of +=.",
        "Right for a batch of one; else only the last image counts.",
        "db += g[n].sum(axis=(1, 2)) in the loop over the images, or db = g.sum(axis=(0, 2, 3)) without one.",
        READ,
        backward=single_gradient("bias", _last_image),
    ),
    Mistake(
        "bias-gradient-overwritten", "conv2d",
        "A loop over images and windows writes g into the bias gradient with = instead of +=.",
        "Right for one image of one window; else only the last pixel of the last image is left.",
        "db[o] += g[n, o, i, j].",
        READ,
        backward=single_gradient("bias", _last_window),
    ),
    Mistake(
        "bias-gradient-over-filters", "conv2d",
        "The upstream gradient is summed over the filters and their pixels instead of over the images and pixels.",
        "An array (N,) where (O,) belongs.",
        "db = g.sum(axis=(0, 2, 3)): what is left is the axis of the filters.",
        READ,
        backward=gradients_instead(bias=lambda g, a, o, y: g.sum(axis=(1, 2, 3)) if g.ndim == 4 else g.sum()),
    ),
    Mistake(
        "bias-gradient-summed-over-everything", "conv2d",
        "Every filter gets the sum of the whole upstream gradient.",
        "Right for one filter; else all biases change alike.",
        "db[o] = g[:, o].sum(), or db = g.sum(axis=(0, 2, 3)).",
        READ,
        backward=gradients(bias=lambda grad, g, a, o: np.zeros_like(grad) + grad.sum()),
    ),
)  # fmt: skip
