"""Flatten and dense: feature maps become one row of numbers, and every output sees all of them."""

from typing import Any

import numpy as np
import torch

from reference import definition, flatten, linear, linear_backward
from torch_parity.doctor.stubs import heads
from torch_parity.lesson.batch import batch
from torch_parity.lesson.example import Call, Matrices
from torch_parity.lesson.section import Demonstration, Section

ROW = np.array([[1, 2, 0, 3, 0, 1, 4, 2]])  # two maps of 2 x 2, or one of 2 x 4
WEIGHT = np.array([[1, 0, -1, 2, 0, 1, 0, -1], [0, 1, 1, -1, 2, 0, 1, 0], [-1, 1, 0, 0, 1, -2, 1, 1]])


def fit(given: Matrices, options: dict[str, Any]) -> Matrices:
    """As many rows as the batch has."""
    return {**given, **{name: batch(given[name], options["batch"]) for name in ("input", "grad_output")}}


def calls(given: Matrices, options: dict[str, Any]) -> list[Call]:
    """The row is what is given: flattening its maps must bring it back."""
    maps = given["input"].reshape(options["batch"], options["channels"], 2, -1)
    dims = {"start_dim": 1, "end_dim": -1}
    layer: dict[str, Any] = {"input": "flattened", "weight": given["weight"], "bias": given["bias"].ravel()}
    gradients = {"grad_input": "grad_input", "grad_weight": "grad_weight", "grad_bias": "grad_bias"}
    return [
        Call("flatten", {"input": maps}, dims, {"output": "flattened", "grad_input": "maps"}, given["input"]),
        Call("linear", layer, {}, {"output": "output", **gradients}, given["grad_output"]),
        Call("flatten", {"input": maps}, dims, {"grad_input": "grad_maps"}, "grad_input"),
    ]


def in_torch(
    input: torch.Tensor, weight: torch.Tensor, bias: torch.Tensor, grad_output: torch.Tensor, channels: int, batch: int
) -> dict[str, torch.Tensor]:
    """torch.nn.Flatten and torch.nn.Linear call these two with their own arguments."""
    maps = input.reshape(batch, channels, 2, -1)
    for tensor in (maps, weight, bias):
        tensor.requires_grad_()
    x = maps.flatten(start_dim=1)
    y = torch.nn.functional.linear(x, weight, bias.flatten())
    gradients = torch.autograd.grad(y, (maps, x, weight, bias), grad_output)
    names = ("grad_maps", "grad_input", "grad_weight", "grad_bias")
    return {"maps": maps, "flattened": x, "output": y, **dict(zip(names, gradients, strict=True))}


SECTION = Section(
    name="dense",
    title="Flatten and dense",
    idea="Flatten reads the feature maps row by row, one map after the other, into one long row of numbers. In a dense "
    "layer every output is a sum of all these numbers, each times a weight of its own, plus a bias.",
    formulas={
        "Flatten": r"x_{n, \; (c H + h) W + w} = m_{n, c, h, w}",
        "Dense": r"y_{n,o} = b_o + \sum_i W_{o,i} \, x_{n,i}",
        "Gradients, of g = ∂L/∂y": r"\frac{\partial L}{\partial x_{n,i}} = \sum_o g_{n,o} W_{o,i} \qquad "
        r"\frac{\partial L}{\partial W_{o,i}} = \sum_n g_{n,o} x_{n,i} \qquad "
        r"\frac{\partial L}{\partial b_o} = \sum_n g_{n,o}",
    },
    on_paper=(definition.flatten, definition.linear, definition.linear_backward),
    fast=(flatten, linear, linear_backward),
    in_torch=in_torch,
    captions={
        "maps": "feature maps m",
        "flattened": "the maps, flattened",
        "input": "row x",
        "weight": "weights W",
        "bias": "bias b",
        "output": "output y",
        "grad_output": "g = ∂L/∂y",
        "grad_input": "∂L/∂x",
        "grad_weight": "∂L/∂W",
        "grad_bias": "∂L/∂b",
        "grad_maps": "∂L/∂m",
        "channels": "feature maps C",
        "batch": "images in the batch N",
    },
    given={"input": ROW, "weight": WEIGHT, "bias": np.array([[1, 5, -2]]), "grad_output": np.array([[1, -1, 2]])},
    editable=("input", "weight", "bias", "grad_output"),
    options={"channels": (2, 1), "batch": (1, 2)},
    fit=fit,
    calls=calls,
    walks="output",
    exercise=heads("linear", "linear_backward"),
    question="A network has 16 feature maps of 4 × 4 pixels, and a dense layer with 10 outputs. How many weights does "
    "the layer have, and would they fit if the image were larger?",
    answer="The row has 16 · 4 · 4 = 256 numbers, and each of the 10 outputs has a weight for each: 2,560 weights, and "
    "10 biases. A larger image makes larger maps and a longer row, which the weights do not fit. A convolution's "
    "kernel fits images of every size; a dense layer fits one.",
    demonstrations=(
        Demonstration(
            "flattened-channels-last",
            "a single map: there the two orders are the same",
            {"channels": 1},
        ),
        Demonstration(
            "weights-as-in-out",
            "a single output: its weights come in the same order both ways",
            {"weight": WEIGHT[:1].tolist(), "bias": [[1]], "grad_output": [[1]]},
        ),
        Demonstration("dense-bias-gradient-averaged", "a batch of one image", {"batch": 1}, {"batch": 2}),
    ),
)
