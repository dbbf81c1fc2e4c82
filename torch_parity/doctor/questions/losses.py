"""Questions about losses."""

from collections.abc import Iterator
from typing import Any

import numpy as np

import reference
from torch_parity.doctor.question import Array, Question
from torch_parity.doctor.questions.asking import Generator, numbers, option
from torch_parity.doctor.questions.dense import SCORES
from torch_parity.doctor.subject import Takes


def cross_entropy(takes: Takes, backward: bool, generator: Generator) -> Iterator[Question]:
    """Scores near and far apart, weights, ignored samples and smoothed labels."""
    for index in range(16):
        kind = ("lattice", "real", "lattice", "large", "real")[index % 5]
        samples, classes = SCORES[index % len(SCORES)]
        samples = takes.fixed.get("N", samples)
        scores = numbers(kind, (samples, classes), generator)
        target = generator.integers(0, classes, samples)
        if kind == "large":
            # Far apart, and the true class far below: a logarithm with an epsilon shows here.
            scores = scores / 10
        arrays: dict[str, Array] = {"input": scores, "target": target}
        if "weight" in takes.options and index % 3 == 1:
            arrays["weight"] = generator.integers(1, 5, classes) / 2
        if "ignore_index" in takes.options and index % 4 == 2 and samples > 1:
            target[0] = -100
        options = {
            "ignore_index": -100,
            "reduction": option(takes, "reduction", ("mean", "sum", "mean", "none")[index % 4], "mean"),
            "label_smoothing": option(takes, "label_smoothing", 0.25 if index % 3 == 2 else 0.0, 0.0),
        }
        if not backward:
            yield Question("cross_entropy", kind, arrays, options)
            continue
        shape = (samples,) if options["reduction"] == "none" else ()
        upstream = numbers("lattice", shape, generator) if "grad_output" in takes.options else np.ones(shape)
        yield Question("cross_entropy", kind, arrays, options, np.asarray(upstream))


def nll_loss(takes: Takes, backward: bool, generator: Generator) -> Iterator[Question]:
    """Log-probabilities of any size, weights, and samples that are left out."""
    for index in range(14):
        kind = ("lattice", "real")[index % 2]
        samples, classes = SCORES[index % len(SCORES)]
        samples = takes.fixed.get("N", samples)
        scores = numbers("real", (samples, classes), generator)
        # Whole numbers stand for logarithms as well as any: they are looked up, and never added up to 1.
        given = -generator.integers(1, 9, scores.shape).astype(float) if kind == "lattice" else scores
        arrays = {"input": given, "target": generator.integers(0, classes, samples)}
        if kind == "real":
            arrays["input"] = reference.log_softmax(scores, 1)
        if "weight" in takes.options and index % 3 == 1:
            arrays["weight"] = generator.integers(1, 5, classes) / 2
        if "ignore_index" in takes.options and index % 4 >= 2 and samples > 1:
            arrays["target"][0] = -100
        options = {
            "ignore_index": -100,
            "reduction": option(takes, "reduction", ("mean", "mean", "sum", "none")[index % 4], "mean"),
        }
        yield from _loss("nll_loss", kind, arrays, options, takes, backward, generator)


def mse_loss(takes: Takes, backward: bool, generator: Generator) -> Iterator[Question]:
    """Rows of numbers, images where there is room for them, and weights."""
    for index in range(12):
        kind = ("lattice", "real", "lattice")[index % 3]
        shape = _shape(takes, index)
        arrays = {"input": numbers(kind, shape, generator), "target": numbers(kind, shape, generator)}
        if "weight" in takes.options and index % 3 == 1:
            arrays["weight"] = generator.integers(1, 5, shape) / 2
        options = {"reduction": option(takes, "reduction", ("mean", "sum", "mean", "none")[index % 4], "mean")}
        yield from _loss("mse_loss", kind, arrays, options, takes, backward, generator)


def binary_cross_entropy(takes: Takes, backward: bool, generator: Generator) -> Iterator[Question]:
    """Answers, and probabilities of them; scores so far from 0 that a sigmoid is 0 or 1."""
    for index in range(14):
        kind = ("lattice", "real", "lattice", "large", "real")[index % 5]
        shape = _shape(takes, index)
        target = generator.integers(0, 2, shape).astype(float)
        if index % 3 == 1:
            target = generator.integers(0, 5, shape) / 4
        arrays = {"input": numbers(kind, shape, generator), "target": target}
        for name, turn in (("weight", 1), ("pos_weight", 2)):
            if name in takes.options and index % 4 == turn:
                arrays[name] = generator.integers(1, 7, shape[-1:]) / 2
        options = {"reduction": option(takes, "reduction", ("mean", "mean", "sum", "none")[index % 4], "mean")}
        yield from _loss("binary_cross_entropy_with_logits", kind, arrays, options, takes, backward, generator)


def _shape(takes: Takes, index: int) -> tuple[int, ...]:
    """That of predictions and targets: rows, and now and then one number for each sample, where there may be."""
    shape = SCORES[index % len(SCORES)]
    return shape[:1] if 1 in takes.ranks and index % 5 == 4 else shape


def _loss(
    formula: str,
    kind: str,
    arrays: dict[str, Array],
    options: dict[str, Any],
    takes: Takes,
    backward: bool,
    generator: Generator,
) -> Iterator[Question]:
    if not backward:
        yield Question(formula, kind, arrays, options)
        return
    shape = arrays["target"].shape if options["reduction"] == "none" else ()
    upstream = numbers("lattice", shape, generator) if "grad_output" in takes.options else np.ones(shape)
    yield Question(formula, kind, arrays, options, np.asarray(upstream))
