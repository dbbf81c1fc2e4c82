"""The gradients of convolution, as students get them wrong."""
# The variables are the letters of the formulas.
# ruff: noqa: E741, N803, N806

from typing import Any

import numpy as np

from tests.torch_parity.audit.students.windows import (
    Array,
    Arrays,
    Options,
    Students,
    WrittenFor,
    conv_setup,
    cropped,
    one_group,
    places,
    plain_conv,
    stride_one,
)


def overlap_overwritten(a: Arrays, o: Options, g: Array) -> Array:
    x, K, stride, dilation, padding = conv_setup(a, o)
    dx = np.zeros_like(x)
    for n in range(len(x)):
        for i in range(g.shape[2]):
            for j in range(g.shape[3]):
                rows, columns = places(i, j, K, stride, dilation)
                dx[n, :, rows, columns] = (g[n, :, i, j, None, None, None] * K).sum(axis=0)
    return cropped(dx, a, padding)


def columns_overwritten(a: Arrays, o: Options, g: Array) -> Array:
    """As col2im in Saitoh's book, but for the plus."""
    x, K, (sH, sW), (dH, dW), padding = conv_setup(a, o)
    (N, C, _, _), (O, _, kH, kW), (oH, oW) = x.shape, K.shape, g.shape[2:]
    dcol = g.transpose(0, 2, 3, 1).reshape(-1, O) @ K.reshape(O, -1)
    dcol = dcol.reshape(N, oH, oW, C, kH, kW).transpose(0, 3, 4, 5, 1, 2)
    dx = np.zeros_like(x)
    for m in range(kH):
        for k in range(kW):
            dx[:, :, m * dH : m * dH + sH * oH : sH, k * dW : k * dW + sW * oW : sW][:, :, :oH, :oW] = dcol[:, :, m, k]
    return cropped(dx, a, padding)


def filters_overwritten(a: Arrays, o: Options, g: Array) -> Array:
    """As the naive loop of CS231n, but for the plus."""
    x, K, stride, dilation, padding = conv_setup(a, o)
    dx = np.zeros_like(x)
    for n, f, i, j in np.ndindex(g.shape):
        rows, columns = places(i, j, K, stride, dilation)
        dx[n, :, rows, columns] = K[f] * g[n, f, i, j]
    return cropped(dx, a, padding)


def naive_input_gradient(x: Array, K: Array, g: Array, stride: Any, dilation: Any) -> Array:
    dx = np.zeros_like(x)
    for n, f, i, j in np.ndindex(g.shape):
        rows, columns = places(i, j, K, stride, dilation)
        dx[n, :, rows, columns] += K[f] * g[n, f, i, j]
    return dx


def padding_gradient_wrong_corner(a: Arrays, o: Options, g: Array) -> Array:
    x, K, stride, dilation, _ = conv_setup(a, o)
    H, W = a["input"].shape[2:]
    return naive_input_gradient(x, K, g, stride, dilation)[:, :, :H, :W]


def padding_gradient_kept(a: Arrays, o: Options, g: Array) -> Array:
    x, K, stride, dilation, _ = conv_setup(a, o)
    return naive_input_gradient(x, K, g, stride, dilation)


def input_gradient_unflipped(a: Arrays, o: Options, g: Array) -> Array:
    """A full convolution of the gradient, with the kernel as it is.  Stride 1."""
    x, K, _, (dH, dW), padding = conv_setup(a, o)
    kH, kW = K.shape[2:]
    wide = np.pad(g, ((0, 0), (0, 0), (dH * (kH - 1),) * 2, (dW * (kW - 1),) * 2))
    dx = np.zeros_like(x)
    for r, q in np.ndindex(x.shape[2:]):
        rows, columns = places(r, q, K, (1, 1), (dH, dW))
        dx[:, :, r, q] = np.einsum("nomk,ocmk->nc", wide[:, :, rows, columns], K)
    return cropped(dx, a, padding)


def bias_gradient_averaged(a: Arrays, o: Options, g: Array) -> Array:
    return g.mean(axis=(0, 2, 3))


def naive_weight_gradient(x: Array, K: Array, g: Array, stride: Any, dilation: Any) -> Array:
    dK = np.zeros_like(K)
    for n, f, i, j in np.ndindex(g.shape):
        rows, columns = places(i, j, K, stride, dilation)
        dK[f] += g[n, f, i, j] * x[n, :, rows, columns]
    return dK


def weight_gradient_of_last_image(a: Arrays, o: Options, g: Array) -> Array:
    x, K, stride, dilation, _ = conv_setup(a, o)
    dK = np.zeros_like(K)
    for n in range(len(x)):
        dK = naive_weight_gradient(x[n : n + 1], K, g[n : n + 1], stride, dilation)
    return dK


def weight_gradient_overwritten(a: Arrays, o: Options, g: Array) -> Array:
    x, K, stride, dilation, _ = conv_setup(a, o)
    dK = np.zeros_like(K)
    for n, f, i, j in np.ndindex(g.shape):
        rows, columns = places(i, j, K, stride, dilation)
        dK[f] = g[n, f, i, j] * x[n, :, rows, columns]
    return dK


def weight_gradient_stride_ignored(a: Arrays, o: Options, g: Array) -> Array:
    x, K, _, dilation, _ = conv_setup(a, o)
    dK = np.zeros_like(K)
    for n, f, i, j in np.ndindex(g.shape):
        rows, columns = places(i, j, K, (1, 1), dilation)
        dK[f] += g[n, f, i, j] * x[n, :, rows, columns]
    return dK


def weight_gradient_transposed(a: Arrays, o: Options, g: Array) -> Array:
    x, K, stride, dilation, _ = conv_setup(a, o)
    return naive_weight_gradient(x, K, g, stride, dilation).transpose(0, 1, 3, 2)


def weight_gradient_summed_over_channels(a: Arrays, o: Options, g: Array) -> Array:
    x, K, stride, dilation, _ = conv_setup(a, o)
    dK = np.zeros_like(K)
    for n, f, i, j in np.ndindex(g.shape):
        rows, columns = places(i, j, K, stride, dilation)
        for c in range(K.shape[1]):
            dK[f, c] += g[n, f, i, j] * x[n, :, rows, columns].sum(axis=0)
    return dK


def weight_gradient_summed_over_taps(a: Arrays, o: Options, g: Array) -> Array:
    x, K, stride, dilation, _ = conv_setup(a, o)
    dK = np.zeros_like(K)
    for n, f, i, j in np.ndindex(g.shape):
        rows, columns = places(i, j, K, stride, dilation)
        dK[f] += np.sum(g[n, f, i, j] * x[n, :, rows, columns])
    return dK


def input_gradient_of_first_channel_only(a: Arrays, o: Options, g: Array) -> Array:
    x, K, stride, dilation, padding = conv_setup(a, o)
    dx = np.zeros_like(x)
    for n, f, i, j in np.ndindex(g.shape):
        rows, columns = places(i, j, K, stride, dilation)
        dx[n, 0, rows, columns] += K[f, 0] * g[n, f, i, j]
    return cropped(dx, a, padding)


def input_gradient_averaged(a: Arrays, o: Options, g: Array) -> Array:
    x, K, stride, dilation, padding = conv_setup(a, o)
    return cropped(naive_input_gradient(x, K, g, stride, dilation), a, padding) / len(x)


def full_convolution(a: Arrays, o: Options, g: Array, turned: Array) -> Array:
    """The input gradient at stride 1, by sliding ``turned`` over g."""
    x, K, _, (dH, dW), padding = conv_setup(a, o)
    kH, kW = K.shape[2:]
    wide = np.pad(g, ((0, 0), (0, 0), (dH * (kH - 1),) * 2, (dW * (kW - 1),) * 2))
    dx = np.zeros_like(x)
    for r, q in np.ndindex(x.shape[2:]):
        rows, columns = places(r, q, K, (1, 1), (dH, dW))
        dx[:, :, r, q] = np.einsum("nomk,ocmk->nc", wide[:, :, rows, columns], turned)
    return cropped(dx, a, padding)


def input_gradient_flipped_on_all_axes(a: Arrays, o: Options, g: Array) -> Array:
    return full_convolution(a, o, g, np.flip(a["weight"]))


def input_gradient_turned_on_wrong_axes(a: Arrays, o: Options, g: Array) -> Array:
    return full_convolution(a, o, g, np.rot90(a["weight"], 2))


def columns_of(a: Arrays, o: Options, g: Array) -> Array:
    """What the windows see, (N, oH, oW, C kH kW)."""
    x, K, stride, dilation, _ = conv_setup(a, o)
    N, _, oH, oW = g.shape
    seen = [x[n, :, *places(i, j, K, stride, dilation)].ravel() for n, i, j in np.ndindex(N, oH, oW)]
    return np.array(seen).reshape(N, oH, oW, -1)


def gradient_reshaped_to_pixels(a: Arrays, o: Options, g: Array) -> Array:
    K, columns = a["weight"], columns_of(a, o, g)
    rows = g.reshape(-1, len(K))
    return (rows.T @ columns.reshape(len(rows), -1)).reshape(K.shape)


def gradient_reshaped_to_filters(a: Arrays, o: Options, g: Array) -> Array:
    K, columns = a["weight"], columns_of(a, o, g)
    return (g.reshape(len(K), -1) @ columns.reshape(-1, columns.shape[3])).reshape(K.shape)


def gradient_reshaped_to_batch_last(a: Arrays, o: Options, g: Array) -> Array:
    K, columns = a["weight"], columns_of(a, o, g).transpose(1, 2, 0, 3)
    return (g.reshape(len(K), -1) @ columns.reshape(-1, columns.shape[3])).reshape(K.shape)


def gradient_from_output(a: Arrays, o: Options, g: Array) -> Array:
    x, K, stride, dilation, _ = conv_setup(a, o)
    y = np.zeros_like(g)
    for n, f, i, j in np.ndindex(g.shape):
        rows, columns = places(i, j, K, stride, dilation)
        y[n, f, i, j] = (x[n, :, rows, columns] * K[f]).sum() + a["bias"][f]
    return naive_weight_gradient(x, K, y, stride, dilation)


def gradients_of_first_image_only(a: Arrays, o: Options, g: Array) -> Array:
    x, K, stride, dilation, padding = conv_setup(a, o)
    dx = np.zeros_like(x)
    for n in range(len(x)):
        dx[n] = naive_input_gradient(x[n : n + 1], K, g[n : n + 1], stride, dilation)[0]
        return cropped(dx, a, padding)
    return cropped(dx, a, padding)


def bias_gradient_zero(a: Arrays, o: Options, g: Array) -> Array:
    return np.zeros_like(a["bias"])


def bias_gradient_from_weight_gradient(a: Arrays, o: Options, g: Array) -> Array:
    x, K, stride, dilation, _ = conv_setup(a, o)
    return naive_weight_gradient(x, K, g, stride, dilation).sum(axis=(1, 2, 3))


def bias_gradient_averaged_over_batch(a: Arrays, o: Options, g: Array) -> Array:
    return g.sum(axis=(0, 2, 3)) / len(g)


def bias_gradient_of_last_image(a: Arrays, o: Options, g: Array) -> Array:
    db = np.zeros_like(a["bias"])
    for image in g:
        db = image.sum(axis=(1, 2))
    return db


def bias_gradient_overwritten(a: Arrays, o: Options, g: Array) -> Array:
    db = np.zeros_like(a["bias"])
    for n, f, i, j in np.ndindex(g.shape):
        db[f] = g[n, f, i, j]
    return db


def bias_gradient_over_filters(a: Arrays, o: Options, g: Array) -> Array:
    return g.sum(axis=(1, 2, 3))


def bias_gradient_summed_over_everything(a: Arrays, o: Options, g: Array) -> Array:
    db = np.zeros_like(a["bias"])
    for f in range(len(db)):
        db[f] = np.sum(g)
    return db


WRITTEN_OUT: list[tuple[Students, str, WrittenFor]] = [
    (overlap_overwritten, "grad_input", one_group),
    (columns_overwritten, "grad_input", one_group),
    (filters_overwritten, "grad_input", one_group),
    (padding_gradient_wrong_corner, "grad_input", one_group),
    (padding_gradient_kept, "grad_input", one_group),
    (input_gradient_unflipped, "grad_input", stride_one),
    (bias_gradient_averaged, "grad_bias", plain_conv),
    (weight_gradient_of_last_image, "grad_weight", one_group),
    (weight_gradient_overwritten, "grad_weight", one_group),
    (weight_gradient_stride_ignored, "grad_weight", one_group),
    (weight_gradient_transposed, "grad_weight", one_group),
    (weight_gradient_summed_over_channels, "grad_weight", one_group),
    (weight_gradient_summed_over_taps, "grad_weight", one_group),
    (input_gradient_of_first_channel_only, "grad_input", one_group),
    (input_gradient_averaged, "grad_input", one_group),
    (input_gradient_flipped_on_all_axes, "grad_input", stride_one),
    (input_gradient_turned_on_wrong_axes, "grad_input", stride_one),
    (gradient_reshaped_to_pixels, "grad_weight", one_group),
    (gradient_reshaped_to_filters, "grad_weight", one_group),
    (gradient_reshaped_to_batch_last, "grad_weight", one_group),
    (gradient_from_output, "grad_weight", one_group),
    (gradients_of_first_image_only, "grad_input", one_group),
    (bias_gradient_zero, "grad_bias", one_group),
    (bias_gradient_from_weight_gradient, "grad_bias", one_group),
    (bias_gradient_averaged_over_batch, "grad_bias", one_group),
    (bias_gradient_of_last_image, "grad_bias", one_group),
    (bias_gradient_overwritten, "grad_bias", one_group),
    (bias_gradient_over_filters, "grad_bias", one_group),
    (bias_gradient_summed_over_everything, "grad_bias", one_group),
]
