"""Pooling: each window of the image becomes one number."""

from typing import Any

import numpy as np
import torch

from reference import definition, pooling
from torch_parity.doctor.stubs import heads
from torch_parity.lesson.example import Call, Matrices
from torch_parity.lesson.section import Demonstration, Section

INPUT = np.array([[1, 3, 2, 1], [4, 6, 5, 0], [7, 2, 0, 1], [9, 8, 3, 4]])
TIED = np.array([[0, 2, 0, 0], [2, 1, 0, 0], [3, 3, 1, 4], [3, 0, 4, 4]])  # as after a ReLU: zeros, and equal numbers


def fit(given: Matrices, options: dict[str, Any]) -> Matrices:
    """The upstream gradient gets the output's size: rows and columns are cut, or the places counted on."""
    g = given["grad_output"]
    size = tuple((n - options["kernel"]) // options["stride"] + 1 for n in given["input"].shape)
    fitted = np.arange(1, 1 + size[0] * size[1], dtype=g.dtype).reshape(size)
    kept = g[: size[0], : size[1]]
    fitted[: len(kept), : kept.shape[1]] = kept
    return {**given, "grad_output": fitted}


def calls(given: Matrices, options: dict[str, Any]) -> list[Call]:
    """One image with one channel."""
    arguments = {"kernel_size": options["kernel"], "stride": options["stride"], "padding": 0, "ceil_mode": False}
    if options["kind"] == "max":
        formula, arguments = "max_pool2d", {**arguments, "dilation": 1}
    else:
        formula, arguments = "avg_pool2d", {**arguments, "count_include_pad": True, "divisor_override": None}
    shows = {"output": "output", "grad_input": "grad_input"}
    return [Call(formula, {"input": given["input"][None, None]}, arguments, shows, given["grad_output"])]


def in_torch(
    input: torch.Tensor, grad_output: torch.Tensor, kind: str, kernel: int, stride: int
) -> dict[str, torch.Tensor]:
    """torch.nn.functional's two functions; torch.nn.MaxPool2d and AvgPool2d call them."""
    pool = torch.nn.functional.max_pool2d if kind == "max" else torch.nn.functional.avg_pool2d
    x = input[None, None].requires_grad_()
    y = pool(x, kernel, stride)
    (grad_input,) = torch.autograd.grad(y, x, grad_output[None, None])
    return {"output": y, "grad_input": grad_input}


NO_TIES = "windows whose largest number stands there only once, as with random numbers"
AVERAGE = {"kind": "average"}

SECTION = Section(
    name="pooling",
    title="Pooling",
    idea="A window goes over the image and makes one number of all that it sees: the largest, or the mean. The image "
    "becomes smaller, and what was found in it matters more than exactly where.",
    formulas={
        "Max pooling": r"y_{i,j} = \max\limits_{0 \le m, n < k} \; x_{i s + m, \; j s + n}",
        "Max, gradient": r"\frac{\partial L}{\partial x_{r,c}} = "
        r"\sum_{(i,j) \text{ won by } (r,c)} \frac{\partial L}{\partial y_{i,j}}",
        "Average pooling": r"y_{i,j} = \frac{1}{k^2} \sum_{m=0}^{k-1} \sum_{n=0}^{k-1} x_{i s + m, \; j s + n}",
        "Average, gradient": r"\frac{\partial L}{\partial x_{r,c}} = "
        r"\sum_{(i,j) \text{ sees } (r,c)} \frac{1}{k^2} \, \frac{\partial L}{\partial y_{i,j}}",
    },
    on_paper=(
        definition.max_pool2d,
        definition.max_pool2d_backward,
        definition.avg_pool2d,
        definition.avg_pool2d_backward,
    ),
    fast=(pooling._maximum, pooling.Maxima.gradient, pooling.avg_pool2d, pooling.avg_pool2d_backward),
    in_torch=in_torch,
    captions={
        "input": "input x",
        "output": "output y",
        "grad_output": "upstream dL/dy",
        "grad_input": "gradient dL/dx",
    },
    given={"input": INPUT, "grad_output": np.array([[1, 2], [3, 4]])},
    editable=("input", "grad_output"),
    options={"kind": ("max", "average"), "kernel": (2, 3), "stride": (2, 1)},
    also=({"input": TIED}, {"input": INPUT - 5.5, "grad_output": np.array([[-1.5, 0], [2, -3.0]])}),
    calls=calls,
    fit=fit,
    extra=lambda: {"tied": TIED.tolist()},
    exercise=heads("max_pool2d", "max_pool2d_backward"),
    question="Max pooling with a 2 × 2 window and stride 2: how many of the input's numbers get a gradient, and does "
    "it matter how large the others are?",
    answer="At most one in four: the winner of each window. The others could be changed a little without any change of "
    "the output, so their gradient is 0, however close they came.",
    demonstrations=(
        Demonstration("ties-to-all", NO_TIES, {}, {"input": TIED}),
        Demonstration("ties-split", NO_TIES, {}, {"input": TIED}),
        Demonstration("ties-to-last", NO_TIES, {}, {"input": TIED}),
        Demonstration(
            "pooling-gradient-overwritten",
            "windows that do not overlap: a stride as large as the kernel",
            {},
            {"stride": 1},
        ),
        Demonstration(
            "pooling-gradient-not-divided",
            "nothing but an upstream gradient of 0",
            {**AVERAGE, "grad_output": [[0, 0], [0, 0]]},
            AVERAGE,
        ),
        Demonstration(
            "average-gradient-overwritten",
            "windows that do not overlap: a stride as large as the kernel",
            AVERAGE,
            {**AVERAGE, "stride": 1},
        ),
    ),
)
