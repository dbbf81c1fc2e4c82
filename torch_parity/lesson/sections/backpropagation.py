"""Backpropagation: the gradients of a convolution."""

# ruff: noqa: N806

from typing import Any

import numpy as np
import torch

from reference import conv, definition
from torch_parity.doctor.stubs import heads
from torch_parity.lesson.example import Call, Matrices
from torch_parity.lesson.section import Demonstration, Section
from torch_parity.lesson.sections.convolution import IMAGE

KERNEL = np.array([[1, 0, -1], [2, 0, -2], [3, 1, -1]])  # no half turn and no transposition leaves it as it is
GRAD_OUTPUT = np.array([[1, 0, -1], [2, 1, 0], [0, -1, 3]])
HALF_TURN = [[1, 2, 1], [2, 4, 2], [1, 2, 1]]  # looks the same after one


def fit(given: Matrices, options: dict[str, Any]) -> Matrices:
    """The upstream gradient has the size of the output; where it grows, numbers that differ from place to place."""
    stride, padding, g = options["stride"], options["padding"], given["grad_output"]
    height, width = (
        (size + 2 * padding - kernel) // stride + 1
        for size, kernel in zip(given["image"].shape, given["kernel"].shape, strict=True)
    )
    fitted = np.add.outer(np.arange(height), np.arange(width)) % 3 - 1 + np.zeros((), g.dtype)
    kept = g[:height, :width]
    fitted[: len(kept), : kept.shape[1]] = kept
    return {**given, "grad_output": fitted}


def calls(given: Matrices, options: dict[str, Any]) -> list[Call]:
    """The gradients; the kernel turned over; and, with padding, the gradient of the padded image."""
    image, kernel, grad_output = (given[name][None, None] for name in ("image", "kernel", "grad_output"))
    padding, bias = options["padding"], np.zeros(1)
    plain = {"stride": 1, "padding": 0, "dilation": 1, "groups": 1}
    # A single bright pixel gives the kernel, turned over.
    height, width = given["kernel"].shape
    pixel = np.zeros((1, 1, 2 * height - 1, 2 * width - 1))
    pixel[..., height - 1, width - 1] = 1
    found = [
        Call(
            "conv2d",
            {"input": image, "weight": kernel, "bias": bias},
            {**plain, **options},
            {"grad_weight": "grad_kernel", "grad_input": "grad_image", "grad_bias": "grad_bias", "output": "output"},
            grad_output,
        ),
        Call("conv2d", {"input": pixel, "weight": kernel}, plain, {"output": "turned"}),
    ]
    if padding:
        framed = np.pad(image, ((0, 0), (0, 0), (padding, padding), (padding, padding)))
        arrays = {"input": framed, "weight": kernel, "bias": bias}
        found.append(
            Call("conv2d", arrays, {**plain, "stride": options["stride"]}, {"grad_input": "grad_framed"}, grad_output)
        )
    return found


def in_torch(
    image: torch.Tensor, kernel: torch.Tensor, grad_output: torch.Tensor, stride: int, padding: int
) -> dict[str, torch.Tensor]:
    """torch remembers how y was made; nobody writes a gradient."""
    x, K = image[None, None].requires_grad_(), kernel[None, None].requires_grad_()
    b = torch.zeros(1, dtype=x.dtype, requires_grad=True)
    y = torch.nn.functional.conv2d(x, K, b, stride, padding)
    grad_x, grad_K, grad_b = torch.autograd.grad(y, (x, K, b), grad_output[None, None])
    return {"output": y, "grad_image": grad_x, "grad_kernel": grad_K, "grad_bias": grad_b}


SECTION = Section(
    name="backpropagation",
    title="Backpropagation",
    idea="Training asks of every number: if it grew a little, would the loss grow or fall, and how fast? That is its "
    "gradient, and it is found by going back over the very products that the forward pass made.",
    formulas={
        "Chain rule": r"\frac{\partial L}{\partial K} = \sum_{i,j} \frac{\partial L}{\partial y_{i,j}} "
        r"\frac{\partial y_{i,j}}{\partial K}, \qquad g_{i,j} = \frac{\partial L}{\partial y_{i,j}}",
        "Gradient of a weight": r"\frac{\partial L}{\partial K_{m,n}} = \sum_{i,j} g_{i,j} \, "
        r"x_{i s + m - p, \; j s + n - p}",
        "Gradient of a pixel": r"\frac{\partial L}{\partial x_{a,b}} = \sum_{i,j} g_{i,j} \, "
        r"K_{a + p - i s, \; b + p - j s}",
        "Gradient of the bias": r"\frac{\partial L}{\partial b} = \sum_{i,j} g_{i,j}",
    },
    on_paper=(definition.conv2d_backward,),
    fast=(conv._grad_weight, conv._grad_input),
    in_torch=in_torch,
    captions={
        "image": "image x",
        "kernel": "kernel K",
        "output": "output y",
        "grad_output": "upstream g = dL/dy",
        "grad_kernel": "dL/dK",
        "grad_image": "dL/dx",
        "grad_bias": "dL/db",
        "turned": "K after half a turn",
        "grad_framed": "dL/dx, padding included",
    },
    given={"image": IMAGE, "kernel": KERNEL, "grad_output": GRAD_OUTPUT},
    editable=("image", "kernel", "grad_output"),
    options={"stride": (1, 2), "padding": (0, 1)},
    also=({"kernel": np.array(HALF_TURN), "image": IMAGE[::-1] - 4},),
    calls=calls,
    fit=fit,
    exercise=heads("conv2d_backward"),
    question="The formula of dL/dK looks like a convolution. Of what with what, and is anything turned over?",
    answer="Of the image, with g as its kernel, and nothing is turned over: for stride 1, dL/dK = x ∗ g. For dL/dx it "
    "is g that is the image, with zeros around it, and its kernel is K after half a turn. So both gradients of a "
    "convolution are convolutions again, and each costs about as much as the forward pass.",
    demonstrations=(
        Demonstration(
            "weight-gradient-flipped",
            "an image without a pattern: then every weight meets the same",
            {"image": np.full((5, 5), 2).tolist()},
        ),
        Demonstration(
            "input-gradient-unflipped", "a kernel that looks the same after half a turn", {"kernel": HALF_TURN}
        ),
        Demonstration(
            "overlap-overwritten",
            "windows that do not overlap: stride 2, and a kernel with nothing in its last row and column",
            {"stride": 2, "kernel": [[1, 2, 0], [3, 4, 0], [0, 0, 0]]},
        ),
        Demonstration(
            "columns-overwritten",
            "windows that do not overlap: stride 2, and a kernel with nothing in its first row and column",
            {"stride": 2, "kernel": [[0, 0, 0], [0, 1, 2], [0, 3, 4]]},
        ),
        Demonstration("padding-gradient-kept", "no padding", {"padding": 0}, {"padding": 1}),
        Demonstration("padding-gradient-wrong-corner", "no padding", {"padding": 0}, {"padding": 1}),
        Demonstration("stride-ignored-in-gradient", "a stride of 1", {"stride": 1}, {"stride": 2}),
        Demonstration(
            "bias-gradient-averaged",
            "upstream gradients that cancel out",
            {"grad_output": [[1, 0, -1], [2, 1, 0], [0, -1, -2]]},
        ),
    ),
)
