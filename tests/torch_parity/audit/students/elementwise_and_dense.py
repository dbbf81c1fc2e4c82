"""Padding, ReLU, flatten and dense layers, as students get them wrong."""
# The variables are the letters of the formulas.
# ruff: noqa: N806

import numpy as np

from tests.torch_parity.audit.students.windows import Array, Arrays, Options, Students, WrittenFor


def edge_repeated(a: Arrays, o: Options, g: Array) -> Array:
    left, right, top, bottom = o["pad"]
    return np.pad(a["input"], ((0, 0), (0, 0), (top, bottom), (left, right)), mode="symmetric")


def copies_forgotten(a: Arrays, o: Options, g: Array) -> Array:
    left, _, top, _ = o["pad"]
    H, W = a["input"].shape[2:]
    return g[:, :, top : top + H, left : left + W]


def slope_one_at_zero(a: Arrays, o: Options, g: Array) -> Array:
    dx = g.copy()
    dx[a["input"] < 0] = 0
    return dx


def flattened_channels_last(a: Arrays, o: Options, g: Array) -> Array:
    x = a["input"]
    return np.array([np.stack(list(image), axis=-1).ravel() for image in x])


def weights_as_in_out(a: Arrays, o: Options, g: Array) -> Array:
    outputs, inputs = a["weight"].shape
    return a["input"] @ a["weight"].reshape(inputs, outputs) + a["bias"]


def negative_kept(a: Arrays, o: Options, g: Array) -> Array:
    return np.where(a["input"] < 0, a["input"], 0) + 0.0


def absolute_value(a: Arrays, o: Options, g: Array) -> Array:
    return np.abs(a["input"])


def clipped_at_one(a: Arrays, o: Options, g: Array) -> Array:
    return np.clip(a["input"], 0, 1)


def clipped_at_six(a: Arrays, o: Options, g: Array) -> Array:
    return np.clip(a["input"], 0, 6)


def mask_forgotten(a: Arrays, o: Options, g: Array) -> Array:
    return g.copy()


def mask_turned_around(a: Arrays, o: Options, g: Array) -> Array:
    dx = g.copy()
    dx[a["input"] >= 0] = 0
    return dx


def slope_without_upstream(a: Arrays, o: Options, g: Array) -> Array:
    return (a["input"] > 0).astype(a["input"].dtype)


def leaky_gradient(a: Arrays, o: Options, g: Array) -> Array:
    x = a["input"]
    return np.where(x > 0, g, g / 100)


def flattened_in_fortran_order(a: Arrays, o: Options, g: Array) -> Array:
    return np.array([image.ravel(order="F") for image in a["input"]])


def flattened_as_columns(a: Arrays, o: Options, g: Array) -> Array:
    return a["input"].reshape(-1, len(a["input"])).T


def gradient_unflattened_channels_last(a: Arrays, o: Options, g: Array) -> Array:
    N, C, *size = a["input"].shape
    return np.moveaxis(g.reshape(N, *size, C), -1, 1)


def gradient_left_flat(a: Arrays, o: Options, g: Array) -> Array:
    return g


def dense_bias_forgotten(a: Arrays, o: Options, g: Array) -> Array:
    return a["input"] @ a["weight"].T


def dense_input_gradient_transposed(a: Arrays, o: Options, g: Array) -> Array:
    outputs, inputs = a["weight"].shape
    return g @ a["weight"].reshape(inputs, outputs).T


def dense_weight_gradient_transposed(a: Arrays, o: Options, g: Array) -> Array:
    return a["input"].T @ g


def dense_weight_gradient_averaged(a: Arrays, o: Options, g: Array) -> Array:
    return g.T @ a["input"] / len(g)


def dense_weight_gradient_from_output(a: Arrays, o: Options, g: Array) -> Array:
    return (a["input"] @ a["weight"].T + a["bias"]).T @ a["input"]


def dense_bias_gradient_not_summed(a: Arrays, o: Options, g: Array) -> Array:
    return g


def dense_bias_gradient_over_features(a: Arrays, o: Options, g: Array) -> Array:
    return g.sum(axis=1)


def grows(a: Arrays, o: Options) -> bool:
    return np.ndim(a["input"]) == 4 and len(o["pad"]) == 4 and min(o["pad"]) >= 0


def grows_by_reflection(a: Arrays, o: Options) -> bool:
    return grows(a, o) and o["mode"] == "reflect"


def from_channels_on(a: Arrays, o: Options) -> bool:
    x = a["input"]
    return x.ndim > 2 and x.size > 0 and (o["start_dim"] % x.ndim, o["end_dim"] % x.ndim) == (1, x.ndim - 1)


def matrix(a: Arrays, o: Options) -> bool:
    return a["weight"].ndim == 2 and a["weight"].size > 0 and "bias" in a


def batch_of_rows(a: Arrays, o: Options) -> bool:
    return matrix(a, o) and np.ndim(a["input"]) == 2 and len(a["input"]) > 0


def beyond_six(a: Arrays, o: Options) -> bool:
    return bool(a["input"].max(initial=0) > 6)


def anything(a: Arrays, o: Options) -> bool:
    return True


WRITTEN_OUT: list[tuple[Students, str, WrittenFor]] = [
    (edge_repeated, "output", grows_by_reflection),
    (copies_forgotten, "grad_input", grows),
    (slope_one_at_zero, "grad_input", anything),
    (flattened_channels_last, "output", from_channels_on),
    (weights_as_in_out, "output", matrix),
    (negative_kept, "output", anything),
    (absolute_value, "output", anything),
    (clipped_at_one, "output", anything),
    (clipped_at_six, "output", beyond_six),
    (mask_forgotten, "grad_input", anything),
    (mask_turned_around, "grad_input", anything),
    (slope_without_upstream, "grad_input", anything),
    (leaky_gradient, "grad_input", anything),
    (flattened_in_fortran_order, "output", from_channels_on),
    (flattened_as_columns, "output", from_channels_on),
    (gradient_unflattened_channels_last, "grad_input", from_channels_on),
    (gradient_left_flat, "grad_input", from_channels_on),
    (dense_bias_forgotten, "output", batch_of_rows),
    (dense_input_gradient_transposed, "grad_input", batch_of_rows),
    (dense_weight_gradient_transposed, "grad_weight", batch_of_rows),
    (dense_weight_gradient_averaged, "grad_weight", batch_of_rows),
    (dense_weight_gradient_from_output, "grad_weight", batch_of_rows),
    (dense_bias_gradient_not_summed, "grad_bias", batch_of_rows),
    (dense_bias_gradient_over_features, "grad_bias", batch_of_rows),
]
