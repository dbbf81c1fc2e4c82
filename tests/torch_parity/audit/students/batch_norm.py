"""Batch normalisation, as students get it wrong: of images, with gamma and beta."""
# The variables are the letters of the formulas.
# ruff: noqa: N806

import numpy as np

from tests.torch_parity.audit.students.windows import Array, Arrays, Options, Students, WrittenFor, batch


def column(vector: Array) -> Array:
    return vector[None, :, None, None]


def running_statistics_in_training(a: Arrays, o: Options, g: Array) -> Array:
    x_hat = (a["input"] - column(a["running_mean"])) / np.sqrt(column(a["running_var"]) + o["eps"])
    return column(a["weight"]) * x_hat + column(a["bias"])


def batch_statistics_in_eval(a: Arrays, o: Options, g: Array) -> Array:
    return normalised(a, o, a["input"].mean((0, 2, 3)), a["input"].var((0, 2, 3)))


def unbiased_variance_in_training(a: Arrays, o: Options, g: Array) -> Array:
    return normalised(a, o, a["input"].mean((0, 2, 3)), a["input"].var((0, 2, 3), ddof=1))


def statistics_per_pixel(a: Arrays, o: Options, g: Array) -> Array:
    x = a["input"]
    x_hat = (x - x.mean(axis=0)) / np.sqrt(x.var(axis=0) + o["eps"])
    return column(a["weight"]) * x_hat + column(a["bias"])


def statistics_over_channels(a: Arrays, o: Options, g: Array) -> Array:
    x = a["input"]
    x_hat = (x - x.mean(axis=1, keepdims=True)) / np.sqrt(x.var(axis=1, keepdims=True) + o["eps"])
    return column(a["weight"]) * x_hat + column(a["bias"])


def eps_outside_the_root(a: Arrays, o: Options, g: Array) -> Array:
    x = a["input"]
    x_hat = (x - column(x.mean((0, 2, 3)))) / (column(x.std((0, 2, 3))) + o["eps"])
    return column(a["weight"]) * x_hat + column(a["bias"])


def root_forgotten(a: Arrays, o: Options, g: Array) -> Array:
    x = a["input"]
    x_hat = (x - column(x.mean((0, 2, 3)))) / (column(x.var((0, 2, 3))) + o["eps"])
    return column(a["weight"]) * x_hat + column(a["bias"])


def biased_running_variance(a: Arrays, o: Options, g: Array) -> Array:
    return (1 - o["momentum"]) * a["running_var"] + o["momentum"] * a["input"].var((0, 2, 3))


def momentum_the_wrong_way_round(a: Arrays, o: Options, g: Array) -> Array:
    return o["momentum"] * a["running_mean"] + (1 - o["momentum"]) * a["input"].mean((0, 2, 3))


def statistics_updated_in_eval(a: Arrays, o: Options, g: Array) -> Array:
    return (1 - o["momentum"]) * a["running_mean"] + o["momentum"] * a["input"].mean((0, 2, 3))


def way_through_mean_forgotten(a: Arrays, o: Options, g: Array) -> Array:
    s, x_hat, h = gradient_setup(a, o, g)
    return s * (h - x_hat * (h * x_hat).mean((0, 2, 3), keepdims=True))


def way_through_variance_forgotten(a: Arrays, o: Options, g: Array) -> Array:
    s, _, h = gradient_setup(a, o, g)
    return s * (h - h.mean((0, 2, 3), keepdims=True))


def statistics_taken_for_constants(a: Arrays, o: Options, g: Array) -> Array:
    s, _, h = gradient_setup(a, o, g)
    return s * h


def gamma_missing_in_the_gradient(a: Arrays, o: Options, g: Array) -> Array:
    s, x_hat, _ = gradient_setup(a, o, g)
    N = g.size // g.shape[1]
    dbeta, dgamma = g.sum((0, 2, 3)), (g * x_hat).sum((0, 2, 3))
    return s / N * (N * g - column(dbeta) - x_hat * column(dgamma))


def gamma_gradient_from_the_input(a: Arrays, o: Options, g: Array) -> Array:
    return np.einsum("nchw,nchw->c", g, a["input"])


def normalised(a: Arrays, o: Options, mean: Array, var: Array) -> Array:
    return column(a["weight"]) * (a["input"] - column(mean)) / np.sqrt(column(var) + o["eps"]) + column(a["bias"])


def gradient_setup(a: Arrays, o: Options, g: Array) -> tuple[Array, Array, Array]:
    s = 1 / np.sqrt(column(a["input"].var((0, 2, 3))) + o["eps"])
    return s, (a["input"] - column(a["input"].mean((0, 2, 3)))) * s, column(a["weight"]) * g


def affine(a: Arrays, o: Options) -> bool:
    return batch(a, o) and "weight" in a and "bias" in a and a["input"].size > a["input"].shape[1]


def in_training(a: Arrays, o: Options) -> bool:
    return affine(a, o) and o["training"]


def with_running_statistics(a: Arrays, o: Options) -> bool:
    return in_training(a, o) and "running_mean" in a


def in_eval(a: Arrays, o: Options) -> bool:
    return affine(a, o) and not o["training"]


WRITTEN_OUT: list[tuple[Students, str, WrittenFor]] = [
    (running_statistics_in_training, "output", with_running_statistics),
    (batch_statistics_in_eval, "output", in_eval),
    (unbiased_variance_in_training, "output", in_training),
    (statistics_per_pixel, "output", in_training),
    (statistics_over_channels, "output", in_training),
    (eps_outside_the_root, "output", in_training),
    (root_forgotten, "output", in_training),
    (biased_running_variance, "running_var", with_running_statistics),
    (momentum_the_wrong_way_round, "running_mean", with_running_statistics),
    (statistics_updated_in_eval, "running_mean", in_eval),
    (way_through_mean_forgotten, "grad_input", in_training),
    (way_through_variance_forgotten, "grad_input", in_training),
    (statistics_taken_for_constants, "grad_input", in_training),
    (gamma_missing_in_the_gradient, "grad_input", in_training),
    (gamma_gradient_from_the_input, "grad_weight", in_training),
]
