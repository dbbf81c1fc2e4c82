"""Layer and group normalisation, as students get them wrong."""
# The variables are the letters of the formulas.
# ruff: noqa: N806

import numpy as np

from tests.torch_parity.audit.students.windows import Array, Arrays, Options, Students, WrittenFor


def layer_norm_over_batch(a: Arrays, o: Options, g: Array) -> Array:
    x = a["input"]
    return a["weight"] * (x - x.mean(axis=0)) / np.sqrt(x.var(axis=0) + o["eps"]) + a["bias"]


def layer_norm_over_last_axis_only(a: Arrays, o: Options, g: Array) -> Array:
    x = a["input"]
    mu, v = x.mean(axis=-1, keepdims=True), x.var(axis=-1, keepdims=True)
    return a["weight"] * (x - mu) / np.sqrt(v + o["eps"]) + a["bias"]


def layer_norm_unbiased_variance(a: Arrays, o: Options, g: Array) -> Array:
    rows = [(x - x.mean()) / np.sqrt(x.var(ddof=1) + o["eps"]) for x in a["input"]]
    return a["weight"] * np.array(rows) + a["bias"]


def layer_norm_eps_outside_root(a: Arrays, o: Options, g: Array) -> Array:
    rows = [(x - x.mean()) / (x.std() + o["eps"]) for x in a["input"]]
    return a["weight"] * np.array(rows) + a["bias"]


def layer_norm_mean_path_forgotten(a: Arrays, o: Options, g: Array) -> Array:
    dx = []
    for x, h in zip(a["input"], a["weight"] * g, strict=True):
        s = 1 / np.sqrt(x.var() + o["eps"])
        dv = -0.5 * s**3 * (h * (x - x.mean())).sum()
        dx.append(h * s + dv * 2 * (x - x.mean()) / x.size)
    return np.array(dx)


def layer_norm_variance_path_forgotten(a: Arrays, o: Options, g: Array) -> Array:
    dx = []
    for x, h in zip(a["input"], a["weight"] * g, strict=True):
        s = 1 / np.sqrt(x.var() + o["eps"])
        dx.append(h * s - (h * s).sum() / x.size)
    return np.array(dx)


def layer_norm_constant_statistics(a: Arrays, o: Options, g: Array) -> Array:
    rows = zip(a["input"], a["weight"] * g, strict=True)
    return np.array([h / np.sqrt(x.var() + o["eps"]) for x, h in rows])


def layer_norm_weight_gradient_from_input(a: Arrays, o: Options, g: Array) -> Array:
    return (g * a["input"]).sum(axis=0)


def layer_norm_weight_forgotten_in_gradient(a: Arrays, o: Options, g: Array) -> Array:
    return np.array([through_group(x, h, o["eps"]) for x, h in zip(a["input"], g, strict=True)])


def through_group(x: Array, h: Array, eps: float) -> Array:
    """The right gradient, step by step, of one group."""
    s = 1 / np.sqrt(x.var() + eps)
    dv = -0.5 * s**3 * (h * (x - x.mean())).sum()
    dmu = -(h * s).sum()
    return h * s + dv * 2 * (x - x.mean()) / x.size + dmu / x.size


def by_channel(weight: Array, x: Array) -> Array:
    return weight.reshape(-1, *[1] * (x.ndim - 2))


def groups_of(x: Array, o: Options) -> list[tuple[int, slice]]:
    """Image and channels of each group."""
    G = o["num_groups"]
    each = x.shape[1] // G
    return [(n, slice(group * each, (group + 1) * each)) for n in range(len(x)) for group in range(G)]


def group_norm_interleaved(a: Arrays, o: Options, g: Array) -> Array:
    x = a["input"]
    y = np.zeros_like(x)
    for n in range(len(x)):
        for group in range(o["num_groups"]):
            part = x[n, group :: o["num_groups"]]
            y[n, group :: o["num_groups"]] = (part - part.mean()) / np.sqrt(part.var() + o["eps"])
    return by_channel(a["weight"], x) * y + by_channel(a["bias"], x)


def group_norm_per_channel(a: Arrays, o: Options, g: Array) -> Array:
    x = a["input"]
    pixels = tuple(range(2, x.ndim))
    mu, v = x.mean(axis=pixels, keepdims=True), x.var(axis=pixels, keepdims=True)
    return by_channel(a["weight"], x) * (x - mu) / np.sqrt(v + o["eps"]) + by_channel(a["bias"], x)


def group_norm_groups_ignored(a: Arrays, o: Options, g: Array) -> Array:
    x = a["input"]
    y = np.array([(image - image.mean()) / np.sqrt(image.var() + o["eps"]) for image in x])
    return by_channel(a["weight"], x) * y + by_channel(a["bias"], x)


def group_norm_over_batch(a: Arrays, o: Options, g: Array) -> Array:
    x = a["input"]
    y = np.zeros_like(x)
    for _, c in groups_of(x[:1], o):
        y[:, c] = (x[:, c] - x[:, c].mean()) / np.sqrt(x[:, c].var() + o["eps"])
    return by_channel(a["weight"], x) * y + by_channel(a["bias"], x)


def group_norm_unbiased_variance(a: Arrays, o: Options, g: Array) -> Array:
    x = a["input"]
    y = np.zeros_like(x)
    for n, c in groups_of(x, o):
        y[n, c] = (x[n, c] - x[n, c].mean()) / np.sqrt(x[n, c].var(ddof=1) + o["eps"])
    return by_channel(a["weight"], x) * y + by_channel(a["bias"], x)


def group_norm_eps_outside_root(a: Arrays, o: Options, g: Array) -> Array:
    x = a["input"]
    y = np.zeros_like(x)
    for n, c in groups_of(x, o):
        y[n, c] = (x[n, c] - x[n, c].mean()) / (x[n, c].std() + o["eps"])
    return by_channel(a["weight"], x) * y + by_channel(a["bias"], x)


def group_norm_weight_per_group(a: Arrays, o: Options, g: Array) -> Array:
    x = a["input"]
    y = np.zeros_like(x)
    for n, c in groups_of(x, o):
        group = c.start // (c.stop - c.start)
        x_hat = (x[n, c] - x[n, c].mean()) / np.sqrt(x[n, c].var() + o["eps"])
        y[n, c] = a["weight"][group] * x_hat + a["bias"][group]
    return y


def group_norm_mean_path_forgotten(a: Arrays, o: Options, g: Array) -> Array:
    x, h = a["input"], by_channel(a["weight"], a["input"]) * g
    dx = np.zeros_like(x)
    for n, c in groups_of(x, o):
        dx[n, c] = through_group(x[n, c], h[n, c], o["eps"])
        dx[n, c] += h[n, c].mean() / np.sqrt(x[n, c].var() + o["eps"])
    return dx


def group_norm_variance_path_forgotten(a: Arrays, o: Options, g: Array) -> Array:
    x, h = a["input"], by_channel(a["weight"], a["input"]) * g
    dx = np.zeros_like(x)
    for n, c in groups_of(x, o):
        dx[n, c] = (h[n, c] - h[n, c].mean()) / np.sqrt(x[n, c].var() + o["eps"])
    return dx


def group_norm_gradient_per_channel(a: Arrays, o: Options, g: Array) -> Array:
    x, h = a["input"], by_channel(a["weight"], a["input"]) * g
    channels = range(x.shape[1])
    return np.array([[through_group(x[n, c], h[n, c], o["eps"]) for c in channels] for n in range(len(x))])


def group_norm_weight_gradient_from_input(a: Arrays, o: Options, g: Array) -> Array:
    return (g * a["input"]).sum(axis=(0, *range(2, g.ndim)))


def group_norm_weight_forgotten_in_gradient(a: Arrays, o: Options, g: Array) -> Array:
    x = a["input"]
    dx = np.zeros_like(x)
    for n, c in groups_of(x, o):
        dx[n, c] = through_group(x[n, c], g[n, c], o["eps"])
    return dx


def batch_of_rows(a: Arrays, o: Options) -> bool:
    x = a["input"]
    return (
        "weight" in a and "bias" in a and x.ndim == 1 + len(o["normalized_shape"]) and x[:1].size > 1 and o["eps"] > 0
    )


def several_dimensions(a: Arrays, o: Options) -> bool:
    return batch_of_rows(a, o) and len(o["normalized_shape"]) > 1


def large_eps(a: Arrays, o: Options) -> bool:
    return batch_of_rows(a, o) and o["eps"] == 1


def images(a: Arrays, o: Options) -> bool:
    x = a["input"]
    return "bias" in a and x.size > 0 and o["eps"] > 0 and x[0].size > x.shape[1] > o["num_groups"]


def images_with_large_eps(a: Arrays, o: Options) -> bool:
    return images(a, o) and o["eps"] == 1


WRITTEN_OUT: list[tuple[Students, str, WrittenFor]] = [
    (layer_norm_over_batch, "output", batch_of_rows),
    (layer_norm_over_last_axis_only, "output", several_dimensions),
    (layer_norm_unbiased_variance, "output", batch_of_rows),
    (layer_norm_eps_outside_root, "output", large_eps),
    (layer_norm_mean_path_forgotten, "grad_input", batch_of_rows),
    (layer_norm_variance_path_forgotten, "grad_input", batch_of_rows),
    (layer_norm_constant_statistics, "grad_input", batch_of_rows),
    (layer_norm_weight_gradient_from_input, "grad_weight", batch_of_rows),
    (layer_norm_weight_forgotten_in_gradient, "grad_input", batch_of_rows),
    (group_norm_interleaved, "output", images),
    (group_norm_per_channel, "output", images),
    (group_norm_groups_ignored, "output", images),
    (group_norm_over_batch, "output", images),
    (group_norm_unbiased_variance, "output", images),
    (group_norm_eps_outside_root, "output", images_with_large_eps),
    (group_norm_weight_per_group, "output", images),
    (group_norm_mean_path_forgotten, "grad_input", images),
    (group_norm_variance_path_forgotten, "grad_input", images),
    (group_norm_gradient_per_channel, "grad_input", images),
    (group_norm_weight_gradient_from_input, "grad_weight", images),
    (group_norm_weight_forgotten_in_gradient, "grad_input", images),
]
