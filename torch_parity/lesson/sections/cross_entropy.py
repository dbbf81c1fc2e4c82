"""Softmax and cross-entropy: scores become probabilities, and a loss says how improbable the truth was held."""

from collections.abc import Callable
from typing import Any

import numpy as np
import torch

from reference import definition, log_softmax, log_softmax_backward
from reference.cross_entropy import CrossEntropy
from torch_parity.doctor.stubs import heads
from torch_parity.lesson.batch import batch
from torch_parity.lesson.example import Call, Matrices
from torch_parity.lesson.section import Demonstration, Section

CLASSES = 4


def fit(given: Matrices, options: dict[str, Any]) -> Matrices:
    """As many rows as the batch has."""
    return {**given, "logits": batch(given["logits"], options["batch"])}


def calls(given: Matrices, options: dict[str, Any]) -> list[Call]:
    """The true class is chosen for the first row; every further row's is the next one."""
    x = given["logits"]
    classes = (options["target"] + np.arange(options["batch"])) % x.shape[1]
    arguments = {"ignore_index": -100, "reduction": "mean", "label_smoothing": 0.0}
    shows = {"output": "loss", "grad_input": "grad_logits"}
    return [
        Call("softmax", {"input": x}, {"dim": 1}, {"output": "probabilities"}),
        Call("cross_entropy", {"input": x, "target": classes}, arguments, shows),
    ]


def in_torch(logits: torch.Tensor, target: int, batch: int) -> dict[str, torch.Tensor]:
    """torch.nn.CrossEntropyLoss calls cross_entropy, which contains the softmax."""
    logits.requires_grad_()
    p = torch.softmax(logits, dim=1)
    classes = (target + torch.arange(batch)) % logits.shape[1]  # the first row's, the next one's
    loss = torch.nn.functional.cross_entropy(logits, classes)  # of the scores, not of p
    (gradient,) = torch.autograd.grad(loss, logits)
    return {"probabilities": p, "loss": loss, "grad_logits": gradient}


Loss = Callable[[torch.Tensor, torch.Tensor], torch.Tensor]


def differentiated(loss: Loss) -> Callable[..., dict[str, torch.Tensor]]:
    """The same with another loss, of scores and classes: also its gradient is then another one."""

    def in_torch(logits: torch.Tensor, target: int, batch: int) -> dict[str, torch.Tensor]:
        logits.requires_grad_()
        found = loss(logits, (target + torch.arange(batch)) % logits.shape[1])
        (gradient,) = torch.autograd.grad(found, logits)
        return {"loss": found, "grad_logits": gradient}

    return in_torch


def double_softmax(logits: torch.Tensor, classes: torch.Tensor) -> torch.Tensor:
    """The loss takes for scores what are probabilities already."""
    return torch.nn.functional.cross_entropy(torch.softmax(logits, dim=1), classes)


def with_epsilon(logits: torch.Tensor, classes: torch.Tensor) -> torch.Tensor:
    """The logarithm of the probabilities, kept finite by 1e-7."""
    return torch.nn.functional.nll_loss(torch.log(torch.softmax(logits, dim=1) + 1e-7), classes)


def averaged_twice(logits: torch.Tensor, classes: torch.Tensor) -> torch.Tensor:
    """cross_entropy has divided by the number of images already."""
    return torch.nn.functional.cross_entropy(logits, classes) / len(classes)


SECTION = Section(
    name="cross-entropy",
    title="Softmax and cross-entropy",
    idea="The network gives every class a score, also called logit; softmax makes them probabilities, which are "
    "positive and add up to 1. The loss is −log of the probability that the true class got: 0 if the network was sure "
    "and right, and the larger the less it believed in the truth.",
    formulas={
        "Softmax": r"p_c = \frac{e^{x_c}}{\sum_k e^{x_k}} = \frac{e^{x_c - \max x}}{\sum_k e^{x_k - \max x}}",
        "Cross-entropy": r"L = - \sum_c y_c \log p_c = - \log p_t \qquad y_t = 1, \; \text{all other } y_c = 0",
        "Gradient": r"\frac{\partial L}{\partial x_c} = p_c - y_c",
    },
    on_paper=(
        definition.softmax,
        definition.paper_cross_entropy,
        definition.log_softmax,
        definition.cross_entropy_backward,
    ),
    fast=(log_softmax, CrossEntropy.loss, CrossEntropy.gradients, log_softmax_backward),
    in_torch=in_torch,
    captions={
        "logits": "scores x (logits)",
        "probabilities": "probabilities p",
        "loss": "loss L",
        "grad_logits": "gradient ∂L/∂x",
        "target": "true class t",
        "batch": "images in the batch N",
    },
    given={"logits": np.array([[1, 2, 0, -1]])},
    editable=("logits",),
    options={"target": tuple(range(CLASSES)), "batch": (1, 2)},
    also=({"logits": np.array([[0.3, -1.7, 2.25, 0.9]])}, {"logits": np.array([[30, 0, -5, 2]])}),
    fit=fit,
    calls=calls,
    exercise=heads("cross_entropy", "cross_entropy_backward"),
    question="The numbers of the gradient always add up to 0. Why?",
    answer="The probabilities add up to 1, and so do the y, so p − y adds up to 0. It must be so: raising all scores "
    "by the same amount changes no probability, so the loss has no slope in that direction. A step against the "
    "gradient only moves belief from the wrong classes to the true one.",
    demonstrations=(
        Demonstration(
            "double-softmax",
            "nothing; scores that are all equal have the right loss, but a gradient that is too small",
            None,
            in_torch=differentiated(double_softmax),
        ),
        Demonstration(
            "no-max-subtraction",
            "small scores: exp stays finite up to a score of 709",
            {"logits": [[1, 2, 0, -1]]},
            {"logits": [[1000, 998, 999, 0]]},
        ),
        Demonstration(
            "epsilon-in-the-logarithm",
            "nothing; but for good predictions only the seventh digit differs",
            None,
            {"logits": [[0, 20, 1, 2]]},
            differentiated(with_epsilon),
        ),
        Demonstration("gradient-not-averaged", "a batch of one image", {"batch": 1}, {"batch": 2}),
        Demonstration(
            "averaged-twice", "a batch of one image", {"batch": 1}, {"batch": 2}, differentiated(averaged_twice)
        ),
    ),
)
