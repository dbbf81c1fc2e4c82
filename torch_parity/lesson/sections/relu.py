"""ReLU: what is positive passes, and so does its gradient."""

from typing import Any

import numpy as np
import torch

from reference import definition, relu, relu_backward
from torch_parity.doctor.stubs import heads
from torch_parity.lesson.example import Call, Matrices
from torch_parity.lesson.section import Demonstration, Section

INPUT = np.array([[-3, -2, -1, -0.5, 0, 0.5, 1, 2, 3]])
GRAD_OUTPUT = np.array([[2, -1, 3, 1, -2, 4, -3, 1, 2]])


def calls(given: Matrices, options: dict[str, Any]) -> list[Call]:
    """One row of numbers, each by itself."""
    shows = {"output": "output", "grad_input": "grad_input"}
    return [Call("relu", {"input": given["input"]}, options, shows, given["grad_output"])]


def in_torch(input: torch.Tensor, grad_output: torch.Tensor) -> dict[str, torch.Tensor]:
    """torch.nn.functional.relu; torch.nn.ReLU calls it."""
    x = input.requires_grad_()
    y = torch.nn.functional.relu(x)
    (grad_input,) = torch.autograd.grad(y, x, grad_output)
    return {"output": y, "grad_input": grad_input}


SECTION = Section(
    name="relu",
    title="ReLU",
    idea="The rectified linear unit keeps what is positive and turns everything else into 0. On the way back it is a "
    "gate: the gradient passes unchanged where the input was above 0, and stops everywhere else.",
    formulas={
        "ReLU": r"f(x) = \max(0, x)",
        "Its derivative": r"\frac{df}{dx} = \begin{cases} 1 & \text{if } x > 0 \\ 0 & \text{if } x \le 0 \end{cases}",
        "Gradient": r"\frac{\partial L}{\partial x_j} = \begin{cases} "
        r"\partial L / \partial y_j & \text{if } x_j > 0 \\ 0 & \text{if } x_j \le 0 \end{cases}",
    },
    on_paper=(definition.relu, definition.relu_backward),
    fast=(relu, relu_backward),
    in_torch=in_torch,
    captions={
        "input": "input x",
        "output": "output y = f(x)",
        "grad_output": "upstream gradient dL/dy",
        "grad_input": "gradient dL/dx",
    },
    given={"input": INPUT, "grad_output": GRAD_OUTPUT},
    editable=("input", "grad_output"),
    # Numbers that ReLU and its gradient must not change in size, or mistake for zero.
    also=({"input": np.array([[-1e5, -7, -1.5, -0.125, 0, 0.125, 1.5, 7, 1e5]])},),
    calls=calls,
    exercise=heads("relu", "relu_backward"),
    question="In training, a bias becomes so negative that the input of its ReLU is below 0 for every image. What will "
    "training do about it?",
    answer="Nothing. The gate is shut for every image, so the gradient of this bias and of its weights is 0, and no "
    "step changes them. This is called a dying ReLU. Only a change in the layers before it can wake it up.",
    demonstrations=(
        Demonstration(
            "slope-one-at-zero",
            "inputs that are never exactly 0, such as random numbers",
            {"input": [[-3, -2, -1, -0.5, 0.25, 0.5, 1, 2, 3]]},
        ),
        Demonstration(
            "masked-by-gradient",
            "inputs and upstream gradients that are all positive",
            {"input": [[1, 2, 1, 0.5, 3, 0.5, 1, 2, 3]], "grad_output": [[2, 1, 3, 1, 2, 4, 3, 1, 2]]},
        ),
        Demonstration("leaky", "inputs without a negative number", {"input": [[3, 2, 1, 0.5, 0, 0.5, 1, 2, 3]]}),
    ),
)
