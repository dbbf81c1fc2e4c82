"""Dropout and average pooling to a given size, as students get them wrong."""
# The variables are the letters of the formulas.
# ruff: noqa: N806

import math

import numpy as np

from tests.torch_parity.audit.students.windows import Array, Arrays, Options, Students, WrittenFor, batch


def dropout_not_scaled(a: Arrays, o: Options, g: Array) -> Array:
    y = a["input"].copy()
    if o["training"]:
        y *= a["mask"]
    return y


def dropout_scaled_the_wrong_way(a: Arrays, o: Options, g: Array) -> Array:
    if not o["training"]:
        return a["input"]
    return a["input"] * a["mask"] * (1 - o["p"])


def dropout_scaled_when_tested(a: Arrays, o: Options, g: Array) -> Array:
    if o["training"]:
        return a["input"] * (a["mask"] / (1 - o["p"]))
    return a["input"] * (1 - o["p"])


def dropout_when_tested(a: Arrays, o: Options, g: Array) -> Array:
    return a["input"] * (a["mask"] / (1 - o["p"]))


def p_as_share_kept(a: Arrays, o: Options, g: Array) -> Array:
    return a["input"] * a["mask"] / o["p"] if o["training"] else a["input"]


def dropout_gradient_not_scaled(a: Arrays, o: Options, g: Array) -> Array:
    return g * a["mask"] if o["training"] else g


def dropout_gradient_another_mask(a: Arrays, o: Options, g: Array) -> Array:
    if not o["training"]:
        return g
    mask = np.random.default_rng(0).random(g.shape) >= o["p"]  # seeded in each pass, and drawn in another order
    return g * mask / (1 - o["p"])


def dropout_gradient_not_masked(a: Arrays, o: Options, g: Array) -> Array:
    return g


def channel_dropout_of_pixels(a: Arrays, o: Options, g: Array) -> Array:
    if not o["training"]:
        return a["input"]
    mask = np.random.default_rng(0).random(a["input"].shape) >= o["p"]
    return a["input"] * mask / (1 - o["p"])


def channel_dropout_same_for_all_images(a: Arrays, o: Options, g: Array) -> Array:
    if not o["training"]:
        return a["input"]
    return a["input"] * a["mask"][0].reshape(1, -1, 1, 1) / (1 - o["p"])


def channel_dropout_of_images(a: Arrays, o: Options, g: Array) -> Array:
    y = a["input"].copy()
    if o["training"]:
        for n in range(len(y)):
            y[n] = y[n] * a["mask"][n, 0] / (1 - o["p"])
    return y


def channel_dropout_not_scaled(a: Arrays, o: Options, g: Array) -> Array:
    return a["input"] * a["mask"][:, :, None, None] if o["training"] else a["input"]


def channel_dropout_gradient_not_scaled(a: Arrays, o: Options, g: Array) -> Array:
    return g * a["mask"][:, :, None, None] if o["training"] else g


def sizes(a: Arrays, o: Options) -> tuple[int, int]:
    (H, W), size = a["input"].shape[2:], o["output_size"]
    oH, oW = (size, size) if isinstance(size, int) else size
    return H if oH is None else oH, W if oW is None else oW


def adaptive_windows_cut_short(a: Arrays, o: Options, g: Array) -> Array:
    x, (oH, oW) = a["input"], sizes(a, o)
    kH, kW = x.shape[2] // oH, x.shape[3] // oW
    y = np.zeros((*x.shape[:2], oH, oW))
    for i in range(oH):
        for j in range(oW):
            y[:, :, i, j] = x[:, :, i * kH : (i + 1) * kH, j * kW : (j + 1) * kW].mean(axis=(2, 3))
    return y


def adaptive_start_rounded_up(a: Arrays, o: Options, g: Array) -> Array:
    x, (oH, oW) = a["input"], sizes(a, o)
    H, W = x.shape[2:]
    y = np.zeros((*x.shape[:2], oH, oW))
    for i in range(oH):
        for j in range(oW):
            rows = slice(math.ceil(i * H / oH), math.ceil((i + 1) * H / oH))
            columns = slice(math.ceil(j * W / oW), math.ceil((j + 1) * W / oW))
            y[:, :, i, j] = x[:, :, rows, columns].mean(axis=(2, 3))
    return y


def adaptive_end_rounded_down(a: Arrays, o: Options, g: Array) -> Array:
    x, (oH, oW) = a["input"], sizes(a, o)
    H, W = x.shape[2:]
    y = np.zeros((*x.shape[:2], oH, oW))
    for i in range(oH):
        for j in range(oW):
            rows, columns = slice(i * H // oH, (i + 1) * H // oH), slice(j * W // oW, (j + 1) * W // oW)
            y[:, :, i, j] = x[:, :, rows, columns].mean(axis=(2, 3))
    return y


def adaptive_divided_by_average_area(a: Arrays, o: Options, g: Array) -> Array:
    x, (oH, oW) = a["input"], sizes(a, o)
    H, W = x.shape[2:]
    y = np.zeros((*x.shape[:2], oH, oW))
    for i in range(oH):
        for j in range(oW):
            rows, columns = slice(i * H // oH, -(-(i + 1) * H // oH)), slice(j * W // oW, -(-(j + 1) * W // oW))
            y[:, :, i, j] = x[:, :, rows, columns].sum(axis=(2, 3)) / (H * W / (oH * oW))
    return y


def adaptive_gradient_not_divided(a: Arrays, o: Options, g: Array) -> Array:
    (H, W), (oH, oW) = a["input"].shape[2:], g.shape[2:]
    dx = np.zeros(a["input"].shape)
    for n, c, i, j in np.ndindex(g.shape):
        rows, columns = slice(i * H // oH, -(-(i + 1) * H // oH)), slice(j * W // oW, -(-(j + 1) * W // oW))
        dx[n, c, rows, columns] += g[n, c, i, j]
    return dx


def adaptive_gradient_overwritten(a: Arrays, o: Options, g: Array) -> Array:
    (H, W), (oH, oW) = a["input"].shape[2:], g.shape[2:]
    dx = np.zeros(a["input"].shape)
    for n, c, i, j in np.ndindex(g.shape):
        rows, columns = slice(i * H // oH, -(-(i + 1) * H // oH)), slice(j * W // oW, -(-(j + 1) * W // oW))
        dx[n, c, rows, columns] = g[n, c, i, j] / dx[n, c, rows, columns].size
    return dx


def some(a: Arrays, o: Options) -> bool:
    """Numbers, of which some are dropped and some are kept."""
    return np.size(a["input"]) > 1 and 0 < o["p"] < 1


def windows(a: Arrays, o: Options) -> bool:
    """Batches of images with a rest, and no window that is empty where it is cut too short."""
    if not batch(a, o):
        return False
    both = list(zip(a["input"].shape[2:], sizes(a, o), strict=True))
    return all(n >= outputs for n, outputs in both) and any(n % outputs for n, outputs in both)


WRITTEN_OUT: list[tuple[Students, str, WrittenFor]] = [
    (dropout_not_scaled, "output", some),
    (dropout_scaled_the_wrong_way, "output", some),
    (dropout_scaled_when_tested, "output", some),
    (dropout_when_tested, "output", some),
    (p_as_share_kept, "output", some),
    (dropout_gradient_not_scaled, "grad_input", some),
    (dropout_gradient_another_mask, "grad_input", some),
    (dropout_gradient_not_masked, "grad_input", some),
    (channel_dropout_of_pixels, "output", some),
    (channel_dropout_same_for_all_images, "output", some),
    (channel_dropout_of_images, "output", some),
    (channel_dropout_not_scaled, "output", some),
    (channel_dropout_gradient_not_scaled, "grad_input", some),
    (adaptive_windows_cut_short, "output", windows),
    (adaptive_start_rounded_up, "output", windows),
    (adaptive_end_rounded_down, "output", windows),
    (adaptive_divided_by_average_area, "output", windows),
    (adaptive_gradient_not_divided, "grad_input", windows),
    (adaptive_gradient_overwritten, "grad_input", windows),
]
