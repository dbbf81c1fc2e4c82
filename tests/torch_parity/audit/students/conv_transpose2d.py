"""Transposed convolution, as students get it wrong."""
# The variables are the letters of the formulas.
# ruff: noqa: E741, N806

from typing import NamedTuple

import numpy as np

from tests.torch_parity.audit.students.windows import (
    Array,
    Arrays,
    Options,
    Students,
    WrittenFor,
    batch,
    conv_outputs,
    one_group,
    places,
    plain_conv,
    two,
)


class Sizes(NamedTuple):
    """Pairs (vertical, horizontal): ``whole`` is the canvas before anything is cut off, ``out`` the output."""

    stride: tuple[int, int]
    padding: tuple[int, int]
    added: tuple[int, int]
    dilation: tuple[int, int]
    whole: tuple[int, int]
    out: tuple[int, int]


def sizes(a: Arrays, o: Options) -> Sizes:
    s, p, added, d = (two(o[name]) for name in ("stride", "padding", "output_padding", "dilation"))
    H, W = ((n - 1) * s[i] + d[i] * (k - 1) + 1 for i, (n, k) in enumerate(zip(*shapes(a), strict=True)))
    return Sizes(s, p, added, d, (H, W), (H - 2 * p[0] + added[0], W - 2 * p[1] + added[1]))


def shapes(a: Arrays) -> tuple[tuple[int, ...], tuple[int, ...]]:
    return a["input"].shape[2:], a["weight"].shape[2:]


def canvas(a: Arrays, o: Options) -> Array:
    """Everything stamped, for any groups, before the padding is cut off; with room for what is added."""
    x, K, G, at = a["input"], a["weight"], o["groups"], sizes(a, o)
    N, C, H, W = x.shape
    maps = K.shape[1]
    y = np.zeros((N, maps * G, at.whole[0] + at.added[0], at.whole[1] + at.added[1]), x.dtype)
    for n, c, i, j in np.ndindex(N, C, H, W):
        first = c // (C // G) * maps
        rows, columns = places(i, j, K, at.stride, at.dilation)
        y[n, first : first + maps, rows, columns] += x[n, c, i, j] * K[c]
    return y


def cut(y: Array, at: Sizes) -> Array:
    (top, left), (height, width) = at.padding, at.out
    return y[:, :, top : top + height, left : left + width]


def with_bias(y: Array, a: Arrays) -> Array:
    return y + a["bias"][:, None, None]


def stamp_turned(a: Arrays, o: Options, g: Array) -> Array:
    """As a convolution over zeros with the pixels in between, of which the kernels ought to be turned, and are not."""
    x, K, at = a["input"], a["weight"], sizes(a, o)
    N, C, H, W = x.shape
    (kH, kW), (sH, sW), (dH, dW) = K.shape[2:], at.stride, at.dilation
    top, left = dH * (kH - 1), dW * (kW - 1)
    large = np.zeros((N, C, (H - 1) * sH + 1 + 2 * top + at.added[0], (W - 1) * sW + 1 + 2 * left + at.added[1]))
    large[:, :, top : top + (H - 1) * sH + 1 : sH, left : left + (W - 1) * sW + 1 : sW] = x
    oH, oW = conv_outputs(large, K, (1, 1), at.dilation)
    y = np.zeros((N, K.shape[1], oH, oW))
    for n, f, i, j in np.ndindex(y.shape):
        rows, columns = places(i, j, K, (1, 1), at.dilation)
        y[n, f, i, j] = (large[n, :, rows, columns] * K[:, f]).sum()
    return with_bias(cut(y, at), a)


def stamps_as_oihw(a: Arrays, o: Options, g: Array) -> Array:
    C, O, kH, kW = a["weight"].shape
    read = a["weight"].ravel().reshape(O, C, kH, kW)
    return with_bias(cut(canvas({**a, "weight": read.transpose(1, 0, 2, 3)}, o), sizes(a, o)), a)


def stamps_overwritten(a: Arrays, o: Options, g: Array) -> Array:
    x, K, at = a["input"], a["weight"], sizes(a, o)
    N, C, H, W = x.shape
    y = np.zeros((N, K.shape[1], at.whole[0] + at.added[0], at.whole[1] + at.added[1]))
    for n, i, j in np.ndindex(N, H, W):
        rows, columns = places(i, j, K, at.stride, at.dilation)
        y[n, :, rows, columns] = sum(x[n, c, i, j] * K[c] for c in range(C))
    return with_bias(cut(y, at), a)


def pixels_repeated(a: Arrays, o: Options, g: Array) -> Array:
    at = sizes(a, o)
    (H, W), (sH, sW) = a["input"].shape[2:], at.stride
    large = np.kron(a["input"], np.ones(at.stride))[:, :, : (H - 1) * sH + 1, : (W - 1) * sW + 1]
    y = canvas({**a, "input": large}, {**o, "stride": 1})
    return with_bias(cut(y, at), a)


def transposed_padding_added(a: Arrays, o: Options, g: Array) -> Array:
    (top, left), y = sizes(a, o).padding, with_bias(canvas(a, o), a)
    return np.pad(y, ((0, 0), (0, 0), (top, top), (left, left)))


def transposed_padding_cut_at_the_end(a: Arrays, o: Options, g: Array) -> Array:
    height, width = sizes(a, o).out
    return with_bias(canvas(a, o), a)[:, :, :height, :width]


def output_padding_ignored(a: Arrays, o: Options, g: Array) -> Array:
    (H, W), (top, left) = sizes(a, o).whole, sizes(a, o).padding
    return with_bias(canvas(a, o), a)[:, :, top : H - top, left : W - left]


def output_padding_before(a: Arrays, o: Options, g: Array) -> Array:
    at = sizes(a, o)
    (below, beside), y = at.added, cut(canvas(a, o), at)
    y = np.pad(y, ((0, 0), (0, 0), (below, 0), (beside, 0)))[:, :, : at.out[0], : at.out[1]]
    return with_bias(y, a)


def output_padding_left_zero(a: Arrays, o: Options, g: Array) -> Array:
    y = output_padding_ignored(a, o, g)
    below, beside = sizes(a, o).added
    return np.pad(y, ((0, 0), (0, 0), (0, below), (0, beside)))


def bias_in_every_stamp(a: Arrays, o: Options, g: Array) -> Array:
    x, K, at = a["input"], a["weight"], sizes(a, o)
    N, C, H, W = x.shape
    y = np.zeros((N, K.shape[1], at.whole[0] + at.added[0], at.whole[1] + at.added[1]))
    for n, i, j in np.ndindex(N, H, W):
        rows, columns = places(i, j, K, at.stride, at.dilation)
        y[n, :, rows, columns] += sum(x[n, c, i, j] * K[c] for c in range(C)) + a["bias"][:, None, None]
    return cut(y, at)


def transposed_groups_interleaved(a: Arrays, o: Options, g: Array) -> Array:
    x, K, G, at = a["input"], a["weight"], o["groups"], sizes(a, o)
    C, maps = K.shape[:2]
    y = np.concatenate(
        [
            cut(canvas({"input": x[:, part::G], "weight": K[part * C // G :][: C // G]}, {**o, "groups": 1}), at)
            for part in range(G)
        ],
        axis=1,
    )
    assert y.shape[1] == maps * G
    return with_bias(y, a)


def transposed_groups_ignored(a: Arrays, o: Options, g: Array) -> Array:
    y = cut(canvas(a, {**o, "groups": 1}), sizes(a, o))
    return y + a["bias"][: y.shape[1], None, None]


def gradient_at(a: Arrays, o: Options, g: Array) -> tuple[Array, Sizes]:
    """The gradient on the whole canvas: 0 for what was cut off."""
    at = sizes(a, o)
    (top, left), (height, width) = at.padding, at.out
    framed = np.zeros((*g.shape[:2], max(at.whole[0], top + height) + 1, max(at.whole[1], left + width) + 1))
    framed[:, :, top : top + height, left : left + width] = g
    return framed, at


def stamp_gradient_unstrided(a: Arrays, o: Options, g: Array) -> Array:
    framed, at = gradient_at(a, o, g)
    dx, K = np.zeros(a["input"].shape), a["weight"]
    for n, c, i, j in np.ndindex(dx.shape):
        rows, columns = places(i, j, K, (1, 1), at.dilation)
        dx[n, c, i, j] = (framed[n, :, rows, columns] * K[c]).sum()
    return dx


def stamp_gradient_turned(a: Arrays, o: Options, g: Array) -> Array:
    framed, at = gradient_at(a, o, g)
    dx, K = np.zeros(a["input"].shape), a["weight"]
    for n, c, i, j in np.ndindex(dx.shape):
        rows, columns = places(i, j, K, at.stride, at.dilation)
        dx[n, c, i, j] = (framed[n, :, rows, columns] * np.rot90(K[c], 2, axes=(1, 2))).sum()
    return dx


def stamp_weight_gradient_turned(a: Arrays, o: Options, g: Array) -> Array:
    """dK of a convolution, sliding g over the input: tap (m, k) then meets what the opposite one stamped."""
    framed, at = gradient_at(a, o, g)
    x, K = a["input"], a["weight"]
    dK = np.zeros(K.shape)
    for n, i, j in np.ndindex(x.shape[0], *x.shape[2:]):
        rows, columns = places(i, j, K, at.stride, at.dilation)
        dK += x[n, :, i, j][:, None, None, None] * framed[n, :, rows, columns][None, :, ::-1, ::-1]
    return dK


def transposed_bias_gradient_averaged(a: Arrays, o: Options, g: Array) -> Array:
    return np.mean(g, axis=(0, 2, 3))


def with_groups(a: Arrays, o: Options) -> bool:
    return plain_conv(a, o) and o["groups"] > 1


def added(a: Arrays, o: Options) -> bool:
    return plain_conv(a, o) and max(two(o["output_padding"])) > 0


def added_and_left(a: Arrays, o: Options) -> bool:
    """There is an output without what is added, too."""
    at = sizes(a, o) if batch(a, o) else None
    return at is not None and added(a, o) and all(n > more for n, more in zip(at.out, at.added, strict=True))


WRITTEN_OUT: list[tuple[Students, str, WrittenFor]] = [
    (stamp_turned, "output", one_group),
    (stamps_as_oihw, "output", one_group),
    (stamps_overwritten, "output", one_group),
    (pixels_repeated, "output", plain_conv),
    (transposed_padding_added, "output", plain_conv),
    (transposed_padding_cut_at_the_end, "output", plain_conv),
    (output_padding_ignored, "output", added_and_left),
    (output_padding_before, "output", added),
    (output_padding_left_zero, "output", added_and_left),
    (bias_in_every_stamp, "output", one_group),
    (transposed_groups_interleaved, "output", with_groups),
    (transposed_groups_ignored, "output", with_groups),
    (stamp_gradient_unstrided, "grad_input", one_group),
    (stamp_gradient_turned, "grad_input", one_group),
    (stamp_weight_gradient_turned, "grad_weight", one_group),
    (transposed_bias_gradient_averaged, "grad_bias", plain_conv),
]
