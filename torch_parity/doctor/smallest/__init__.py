"""The smallest question that still shows a fault: whole numbers that an eye can follow, a single 1 from above."""

from collections.abc import Iterator
from typing import Any

import numpy as np

from torch_parity.doctor.question import Array, Question
from torch_parity.doctor.questions import output_shape
from torch_parity.doctor.smallest.further import FURTHER_CALLS, rising
from torch_parity.doctor.subject import Takes

# H, W, kernel
PLANES = ((2, 2, 1), (2, 2, 2), (3, 3, 2), (3, 3, 3), (4, 4, 2), (4, 4, 3), (3, 4, 2), (5, 5, 3), (5, 6, 3))
# stride, padding, dilation
STRIDES = ((1, 0, 1), (1, 1, 1), (2, 0, 1), (2, 1, 1), (3, 0, 1), (1, 0, 2))
LOSSES = ("nll_loss", "mse_loss", "binary_cross_entropy_with_logits")
# N, C, O
DEPTHS = ((1, 1, 1), (1, 1, 2), (1, 2, 1), (2, 1, 1), (2, 2, 2), (2, 2, 3))


def smallest_first(formula: str, backward: bool, takes: Takes) -> Iterator[Question]:
    """Questions that rise in size; every one is within what the signature takes."""
    for arrays, options in _calls(formula, takes):
        question = Question(formula, "lattice", arrays, options)
        if not backward:
            yield question
            continue
        try:
            shape = output_shape(question)
        except ValueError:
            continue
        for upstream in _upstreams(shape, formula, takes):
            yield Question(formula, "lattice", arrays, options, upstream)


def _upstreams(shape: tuple[int, ...], formula: str, takes: Takes) -> Iterator[Array]:
    """All 0 but a single 1, the first or the last; then 1, 2, 3, ..."""
    if formula == "cross_entropy" or (formula in LOSSES and "grad_output" not in takes.options):
        yield np.ones(shape)
        return
    size = int(np.prod(shape))
    for place in dict.fromkeys((0, size - 1)):
        single = np.zeros(size)
        single[place] = 1
        yield single.reshape(shape)
    yield rising(shape)


def _calls(formula: str, takes: Takes) -> Iterator[tuple[dict[str, Array], dict[str, Any]]]:
    if formula in FURTHER_CALLS:
        yield from FURTHER_CALLS[formula](takes)
    elif formula == "conv2d":
        yield from _convolutions(takes)
    elif formula in ("max_pool2d", "avg_pool2d"):
        yield from _pools(formula, takes)
    elif formula == "linear":
        for n, i, o in ((1, 1, 1), (1, 2, 1), (1, 1, 2), (2, 1, 1), (1, 2, 2), (2, 2, 2), (2, 2, 3), (2, 3, 3)):
            n, i, o = takes.fixed.get("N", n), takes.fixed.get("I", i), takes.fixed.get("O", o)
            leading = () if takes.batch is False else (n,)
            arrays = {"input": rising((*leading, i)), "weight": rising((o, i))}
            if takes.bias is not False:
                arrays["bias"] = 10 * rising((o,))
            yield arrays, {}
    elif formula in ("softmax", "log_softmax", "cross_entropy"):
        yield from _scores(formula, takes)
    elif formula == "relu":
        rank = min(takes.ranks)
        for values in ((-1.0, 2.0), (0.0, 2.0), (-3.0, 0.0, 2.0)):
            yield {"input": np.array(values).reshape((1,) * (rank - 1) + (-1,))}, {}
    elif formula == "flatten":
        for n, c, h, w in ((1, 1, 2, 2), (1, 2, 1, 2), (1, 2, 2, 2), (2, 1, 2, 2), (2, 2, 2, 3)):
            shape = (c, h, w) if takes.batch is False else (n, c, h, w)
            yield {"input": rising(shape)}, {"start_dim": len(shape) - 3, "end_dim": -1}
    elif formula == "pad":
        for amount, size in ((1, 1), (1, 2), (2, 3)):
            shape = (1, size, size) if takes.batch is False else (1, 1, size, size)
            yield {"input": rising(shape)}, {"pad": (amount,) * 4, "mode": "constant", "value": 0.0}
    elif formula == "sgd":
        for steps, momentum in ((1, 0.0), (2, 0.5)):
            options = {"lr": 0.5, "momentum": momentum if "momentum" in takes.options else 0.0, "dampening": 0.0}
            options |= {"weight_decay": 0.0, "nesterov": False, "maximize": False}
            yield {"parameter": np.array([1.0, 2.0]), "grads": rising((steps, 2))}, options


def _convolutions(takes: Takes) -> Iterator[tuple[dict[str, Array], dict[str, Any]]]:
    for n, c, o in DEPTHS:
        for stride, padding, dilation in STRIDES:
            options = {"stride": stride, "padding": padding, "dilation": dilation}
            if any(
                value != plain and name not in takes.options
                for (name, value), plain in zip(options.items(), (1, 0, 1), strict=True)
            ):
                continue
            for h, w, k in PLANES:
                k = takes.fixed.get("k", k)
                if h + 2 * padding < dilation * (k - 1) + 1:
                    continue
                c, o = takes.fixed.get("C", c), takes.fixed.get("O", o)
                single = takes.batch is False
                arrays = {
                    "input": rising((c, h, w) if single else (takes.fixed.get("N", n), c, h, w)),
                    "weight": rising((o, c, k, k)),
                }
                if takes.bias is not False:
                    arrays["bias"] = 10 * rising((o,))
                yield arrays, {**options, "groups": 1}


def _pools(formula: str, takes: Takes) -> Iterator[tuple[dict[str, Array], dict[str, Any]]]:
    for n, c in ((1, 1), (1, 2), (2, 1), (2, 2)):
        for h, w, k in ((2, 2, 2), (3, 3, 2), (4, 4, 2), (5, 5, 2), (5, 5, 3), (4, 6, 2)):
            for stride, padding in ((None, 0), (1, 0), (2, 0), (2, 1)):
                k = takes.fixed.get("k", k)
                if (stride != takes.fixed.get("s") and "stride" not in takes.options) or (
                    padding and "padding" not in takes.options
                ):
                    continue
                shape = (c, h, w) if takes.batch is False else (takes.fixed.get("N", n), c, h, w)
                options: dict[str, Any] = {"kernel_size": k, "stride": stride, "padding": padding, "ceil_mode": False}
                if formula == "max_pool2d":
                    options["dilation"] = 1
                else:
                    options |= {"count_include_pad": True, "divisor_override": None}
                for values in (rising(shape), np.ones(shape), -rising(shape)):
                    yield {"input": values}, options


def _scores(formula: str, takes: Takes) -> Iterator[tuple[dict[str, Array], dict[str, Any]]]:
    for n, c in ((1, 2), (2, 2), (2, 3), (3, 2)):
        for scores in (rising((n, c), 0), 10 * rising((n, c), 0), -300.0 * rising((n, c), 0)):
            if formula == "cross_entropy":
                options = {"ignore_index": -100, "reduction": "mean", "label_smoothing": 0.0}
                yield {"input": scores, "target": np.arange(n) % c}, options
            elif takes.ranks == (1,):
                yield {"input": scores[0]}, {"dim": 0}
            else:
                yield {"input": scores}, {"dim": 1}
