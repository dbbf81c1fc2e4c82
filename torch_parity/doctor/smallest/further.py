"""The smallest calls of the formulas that are no part of a plain network: they rise in size."""

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from torch_parity.doctor.question import Array
from torch_parity.doctor.subject import Takes

Calls = Iterator[tuple[dict[str, Array], dict[str, Any]]]


def rising(shape: tuple[int, ...], first: int = 1) -> Array:
    """1, 2, 3, ... or whatever is ``first``."""
    return np.arange(first, first + np.prod(shape, dtype=int), dtype=float).reshape(shape)


def _chosen(takes: Takes, name: str, values: tuple[Any, ...], default: Any) -> tuple[Any, ...]:
    """The values to be tried of an option, the default where there is no room for it."""
    return values if name in takes.options else (takes.constants.get(name, default),)


def _transposed(takes: Takes) -> Calls:
    for n, c, o in ((1, 1, 1), (1, 1, 2), (1, 2, 1), (2, 1, 1), (1, 2, 2)):
        for h, w, k in ((1, 1, 2), (1, 2, 2), (2, 2, 2), (2, 2, 3)):
            for stride, padding, added in ((1, 0, 0), (2, 0, 0), (2, 0, 1), (1, 1, 0), (2, 1, 1)):
                asked = {"stride": stride, "padding": padding, "output_padding": added}
                plain = {"stride": 1, "padding": 0, "output_padding": 0}
                if any(asked[name] != plain[name] and name not in takes.options for name in plain):
                    continue
                if (h - 1) * stride + k + added <= 2 * padding:
                    continue
                arrays = {
                    "input": rising((c, h, w) if takes.batch is False else (n, c, h, w)),
                    "weight": rising((c, o, k, k)),
                }
                if takes.bias is not False:
                    arrays["bias"] = 10 * rising((o,))
                yield arrays, {**asked, "groups": 1, "dilation": 1}


def _pointwise(takes: Takes) -> Calls:
    rank = min(takes.ranks)
    for slope in _chosen(takes, "negative_slope", (0.5, 2.0, -0.5), 0.01):
        for values in ((-1.0, 2.0), (0.0, 2.0), (-3.0, 0.0, 2.0)):
            yield {"input": np.array(values).reshape((1,) * (rank - 1) + (-1,))}, {"negative_slope": slope}


def _smooth(takes: Takes) -> Calls:
    rank = min(takes.ranks)
    for values in ((0.0, 1.0), (-1.0, 2.0), (-800.0, 800.0)):
        yield {"input": np.array(values).reshape((1,) * (rank - 1) + (-1,))}, {}


def _gelu(takes: Takes) -> Calls:
    for approximate in _chosen(takes, "approximate", ("none", "tanh"), "none"):
        for arrays, _ in _smooth(takes):
            yield arrays, {"approximate": "tanh" if "approximated" in takes.options else approximate}


def _adaptive(takes: Takes) -> Calls:
    for h, w, size in ((2, 2, 1), (2, 2, 2), (3, 3, 2), (4, 4, 2), (3, 4, 2), (5, 5, 3), (4, 6, (3, 4))):
        if ("one output" in takes.options and size != 1) or (isinstance(size, tuple) and not takes.pairs):
            continue
        shape = (1, h, w) if takes.batch is False else (1, 1, h, w)
        yield {"input": rising(shape)}, {"output_size": size}


def _scales(takes: Takes, shape: tuple[int, ...]) -> dict[str, Array]:
    found: dict[str, Array] = {}
    if takes.constants.get("weight") != 0:
        found["weight"] = rising(shape)
        if takes.bias is not False:
            found["bias"] = 10 * rising(shape)
    return found


def _batch_norm(takes: Takes) -> Calls:
    rows, images = ((2, 1), (3, 1), (2, 2), (3, 2)), ((2, 1, 1, 2), (2, 1, 2, 2), (2, 2, 1, 2), (2, 2, 2, 2))
    for training in _chosen(takes, "training", (True, False), True):
        for shape in rows if 2 in takes.ranks else images:
            arrays = {"input": rising(shape), **_scales(takes, shape[1:2])}
            if "running_mean" in takes.options:
                arrays |= {"running_mean": rising(shape[1:2], 2), "running_var": rising(shape[1:2], 3)}
            elif not training:
                continue
            eps = _chosen(takes, "eps", (0.5,), 1e-5)[0]
            yield arrays, {"training": training, "momentum": _chosen(takes, "momentum", (0.25,), 0.1)[0], "eps": eps}


def _layer_norm(takes: Takes) -> Calls:
    shapes: tuple[tuple[int, ...], ...] = ((1, 2), (2, 2), (2, 3), (3, 2))
    for shape in shapes:
        if len(shape) not in takes.ranks and "normalized_shape" not in takes.options:
            shape = (*shape[:1], *(1,) * (min(takes.ranks) - 2), *shape[1:])
        eps = _chosen(takes, "eps", (0.5,), 1e-5)[0]
        yield {"input": rising(shape), **_scales(takes, shape[-1:])}, {"normalized_shape": shape[-1:], "eps": eps}


def _group_norm(takes: Takes) -> Calls:
    for n, c, groups, h, w in ((1, 2, 1, 1, 1), (1, 2, 2, 1, 2), (1, 4, 2, 1, 1), (2, 4, 2, 1, 1), (2, 4, 2, 1, 2)):
        eps = _chosen(takes, "eps", (0.5,), 1e-5)[0]
        yield {"input": rising((n, c, h, w)), **_scales(takes, (c,))}, {"num_groups": groups, "eps": eps}


def _dropout(takes: Takes) -> Calls:
    rank = min(takes.ranks)
    for training in _chosen(takes, "training", (True, False), True):
        for p in _chosen(takes, "p", (0.75, 0.5), 0.5):
            x = rising((4,)).reshape((1,) * (rank - 1) + (-1,))
            yield {"input": x, "mask": (x % 2).astype(bool)}, {"p": float(p), "training": training}


def _dropout2d(takes: Takes) -> Calls:
    for training in _chosen(takes, "training", (True, False), True):
        for n, c in ((1, 2), (2, 2)):
            for p in _chosen(takes, "p", (0.75, 0.5), 0.5):
                mask = (np.arange(n * c) % 3 == 0).reshape(n, c)
                yield {"input": rising((n, c, 1, 2)), "mask": mask}, {"p": float(p), "training": training}


def _nll_loss(takes: Takes) -> Calls:
    for n, c in ((1, 2), (2, 2), (2, 3), (3, 2)):
        yield {"input": -rising((n, c)), "target": np.arange(n) % c}, {"ignore_index": -100, "reduction": "mean"}


def _mse_loss(takes: Takes) -> Calls:
    for shape in ((1, 1), (2, 1), (1, 2), (2, 2), (3, 2)):
        yield {"input": rising(shape, 3), "target": np.ones(shape)}, {"reduction": "mean"}


def _binary_cross_entropy(takes: Takes) -> Calls:
    for shape in ((1, 1), (1, 2), (2, 1), (2, 2), (3, 2)):
        for scores in (rising(shape, 0), -800.0 * rising(shape)):
            yield {"input": scores, "target": rising(shape) % 2}, {"reduction": "mean"}


def _steps(options: dict[str, Any]) -> Callable[[Takes], Calls]:
    def calls(takes: Takes) -> Calls:
        eps = _chosen(takes, "eps", (0.5,), 1e-8)[0]
        for decay in _chosen(takes, "weight_decay", (0.0, 0.25), 0.0):
            for steps in (1, 2, 3):
                given = {name: _chosen(takes, name, (value[0],), value[1])[0] for name, value in options.items()}
                arrays = {"parameter": np.array([1.0, 2.0]), "grads": rising((steps, 2))}
                yield arrays, {"lr": 0.5, "eps": eps, "weight_decay": decay, **given}

    return calls


def _clip_grad_norm(takes: Takes) -> Calls:
    for first, second in (((3.0,), (4.0,)), ((3.0, 0.0), (4.0,))):
        for longest in (1.0, 10.0):
            arrays = {"first": np.array(first), "second": np.array(second)}
            yield arrays, {"max_norm": longest, "norm_type": 2.0}


# The value that an option is asked with, and the default where there is no room for it.
ADAM: dict[str, Any] = {"betas": ((0.5, 0.75), (0.9, 0.999)), "amsgrad": (False, False), "maximize": (False, False)}
FURTHER_CALLS: dict[str, Callable[[Takes], Calls]] = {
    "conv_transpose2d": _transposed,
    "leaky_relu": _pointwise,
    "sigmoid": _smooth,
    "tanh": _smooth,
    "silu": _smooth,
    "gelu": _gelu,
    "adaptive_avg_pool2d": _adaptive,
    "batch_norm": _batch_norm,
    "layer_norm": _layer_norm,
    "group_norm": _group_norm,
    "dropout": _dropout,
    "dropout2d": _dropout2d,
    "nll_loss": _nll_loss,
    "mse_loss": _mse_loss,
    "binary_cross_entropy_with_logits": _binary_cross_entropy,
    "rmsprop": _steps(
        {"alpha": (0.75, 0.99), "momentum": (0.0, 0.0), "centered": (False, False), "maximize": (False, False)}
    ),
    "adam": _steps({**ADAM, "decoupled_weight_decay": (False, False)}),
    "adamw": _steps(ADAM),
    "clip_grad_norm": _clip_grad_norm,
}
