"""Questions about optimizers."""

from collections.abc import Iterator
from typing import Any

from torch_parity.doctor.question import Question
from torch_parity.doctor.questions.asking import Generator, Maker, numbers, option
from torch_parity.doctor.subject import Takes


def sgd(takes: Takes, backward: bool, generator: Generator) -> Iterator[Question]:
    """One to three steps, with every option."""
    for index in range(12):
        kind = "lattice" if index < 8 else "real"
        shape = ((3, 4), (5,), (2, 3), (4, 4))[index % 4]
        steps = (1, 2, 3, 2)[index % 4]
        momentum = option(takes, "momentum", (0.0, 0.75, 0.5, 0.25)[index % 4], 0.0)
        if takes.fixed.get("momentum"):
            momentum = 0.5
        options = {
            "lr": (0.5, 0.25, 0.125)[index % 3] if kind == "lattice" else 0.1,
            "momentum": momentum,
            "dampening": option(takes, "dampening", 0.5 if index % 4 == 2 else 0.0, 0.0),
            "weight_decay": option(takes, "weight_decay", 0.25 if index % 3 == 1 else 0.0, 0.0),
            "nesterov": option(takes, "nesterov", index % 4 == 1, False),
            "maximize": option(takes, "maximize", index % 5 == 4, False),
        }
        arrays = {"parameter": numbers(kind, shape, generator), "grads": numbers(kind, (steps, *shape), generator)}
        yield Question("sgd", kind, arrays, options)


def rmsprop(takes: Takes, backward: bool, generator: Generator) -> Iterator[Question]:
    """One to three steps, with every option."""
    for index in range(14):
        options = {
            "lr": (0.5, 0.25, 0.125)[index % 3],
            "alpha": option(takes, "alpha", (0.75, 0.5, 0.875)[index % 3], 0.99),
            "eps": _eps(takes, index),
            "weight_decay": option(takes, "weight_decay", 0.25 if index % 5 == 1 else 0.0, 0.0),
            "momentum": option(takes, "momentum", (0.0, 0.5, 0.75)[index % 3], 0.0),
            "centered": option(takes, "centered", index % 4 == 3, False),
            "maximize": option(takes, "maximize", index % 7 == 4, False),
        }
        yield _steps("rmsprop", index, options, generator)


def adam(formula: str) -> Maker:
    """The maker for Adam, and for AdamW."""

    def make(takes: Takes, backward: bool, generator: Generator) -> Iterator[Question]:
        for index in range(14):
            decay = 0.0 if index % 3 == 2 else 0.25
            betas = ((0.5, 0.75), (0.75, 0.875), (0.5, 0.875))[index % 3]
            options: dict[str, Any] = {
                "lr": (0.5, 0.25, 0.125)[index % 3],
                "betas": betas if "betas" in takes.options else (0.9, 0.999),
                "eps": _eps(takes, index),
                "weight_decay": option(takes, "weight_decay", decay, 0.0),
                "amsgrad": option(takes, "amsgrad", index % 4 >= 2, False),
                "maximize": option(takes, "maximize", index % 7 == 4, False),
            }
            if formula == "adam":
                options["decoupled_weight_decay"] = option(takes, "decoupled_weight_decay", index % 5 == 3, False)
            yield _steps(formula, index, options, generator)

    return make


def clip_grad_norm(takes: Takes, backward: bool, generator: Generator) -> Iterator[Question]:
    """Two gradients, that are longer than they may be, or shorter."""
    for index in range(14):
        shapes = (((3, 4), (5,)), ((2,), (2, 3)), ((4,), (4,)))[index % 3]
        kind = "real" if index % 4 == 3 else "lattice"
        arrays = {
            name: numbers(kind, shape, generator) for name, shape in zip(("first", "second"), shapes, strict=True)
        }
        options = {
            "max_norm": (1.0, 0.25, 50.0, 2.0, 3.0)[index % 5],
            "norm_type": option(takes, "norm_type", (2.0, 2.0, 1.0, 3.0, float("inf"))[index % 5], 2.0),
        }
        yield Question("clip_grad_norm", kind, arrays, options)


def _eps(takes: Takes, index: int) -> float:
    return float(option(takes, "eps", (0.5, 1e-3, 0.25, 1e-8)[index % 4], takes.constants.get("eps", 1e-8)))


def _steps(formula: str, index: int, options: dict[str, Any], generator: Generator) -> Question:
    kind = "real" if index % 4 == 3 else "lattice"
    shape = ((3, 4), (5,), (2, 3), (4, 4))[index % 4]
    steps = (3, 1, 2, 3, 2)[index % 5]
    arrays = {"parameter": numbers(kind, shape, generator), "grads": numbers(kind, (steps, *shape), generator)}
    return Question(formula, kind, arrays, options)
