"""Convolution: the kernel slides over the image."""

from typing import Any

import numpy as np
import torch

from reference import conv, definition
from torch_parity.doctor.stubs import heads
from torch_parity.lesson.example import Call, Matrices
from torch_parity.lesson.section import Demonstration, Section

IMAGE = np.array([[1, 2, 3, 0, 1], [4, 5, 6, 1, 0], [7, 8, 9, 0, 2], [1, 0, 2, 3, 1], [0, 1, 1, 2, 3]])
KERNEL = np.array([[1, 0, -1], [1, 0, -1], [1, 0, -1]])


def calls(given: Matrices, options: dict[str, Any]) -> list[Call]:
    """One image, one channel, one kernel; for true convolution the kernel is turned by half a turn."""
    arguments = {**options, "groups": 1}
    kernel = given["kernel"][::-1, ::-1] if arguments.pop("flip") else given["kernel"]
    arrays = {"input": given["image"][None, None], "weight": kernel[None, None], "bias": given["bias"].reshape(1)}
    return [Call("conv2d", arrays, arguments, {"output": "output"})]


def in_torch(
    image: torch.Tensor, kernel: torch.Tensor, bias: torch.Tensor, stride: int, padding: int, dilation: int, flip: bool
) -> dict[str, torch.Tensor]:
    """torch.nn.functional.conv2d; torch.nn.Conv2d calls it with its own weight and bias."""
    if flip:
        kernel = kernel.flip(0, 1)
    x, weight = image[None, None], kernel[None, None]
    return {"output": torch.nn.functional.conv2d(x, weight, bias.flatten(), stride, padding, dilation)}


SECTION = Section(
    name="convolution",
    title="Convolution",
    idea="A small matrix of weights, the kernel, slides over the image. At each place the numbers that lie on one "
    "another are multiplied, and the sum of these products is one number of the output.",
    formulas={
        "Convolution": r"y_{i,j} = b + \sum_{m=0}^{k_H - 1} \sum_{n=0}^{k_W - 1} K_{m,n} \, "
        r"x_{i s + m d - p, \; j s + n d - p}",
        "Size of the output": r"o = \left\lfloor \frac{h + 2 p - d (k - 1) - 1}{s} \right\rfloor + 1",
    },
    on_paper=(definition.conv2d,),
    fast=(conv._output, conv._im2col),
    in_torch=in_torch,
    captions={
        "image": "image x",
        "kernel": "kernel K",
        "bias": "bias b",
        "output": "output y",
        "flip": "true convolution (turns the kernel)",
    },
    given={"image": IMAGE, "kernel": KERNEL, "bias": np.zeros((1, 1), int)},
    editable=("image", "kernel", "bias"),
    options={"stride": (1, 2), "padding": (0, 1, 2), "dilation": (1, 2), "flip": (False, True)},
    calls=calls,
    exercise=heads("conv2d"),
    question="The kernel has a column of 1, a column of 0 and a column of −1. What does it look for, and why is the "
    "first output negative?",
    answer="It subtracts what lies on the right from what lies on the left: it looks for a vertical edge. Under its "
    "first place the right column (3 + 6 + 9 = 18) is brighter than the left one (1 + 4 + 7 = 12): 12 − 18 is −6.",
    demonstrations=(
        Demonstration(
            "kernel-flipped",
            "a kernel that looks the same after half a turn, such as a blur",
            {"kernel": [[1, 2, 1], [2, 4, 2], [1, 2, 1]]},
        ),
        Demonstration(
            "kernel-transposed",
            "a kernel that is its own transpose",
            {"kernel": [[1, 2, 1], [2, 4, 2], [1, 2, 1]]},
        ),
        Demonstration("bias-forgotten", "a bias of 0, with which many layers start", {"bias": [[0]]}, {"bias": [[2]]}),
        Demonstration("dilation-ignored", "a dilation of 1", {"dilation": 1}, {"dilation": 2}),
        Demonstration("padding-on-one-side", "no padding", {"padding": 0}, {"padding": 1}),
        Demonstration(
            "uint8-wrap-around",
            "sums that stay between 0 and 255",
            {"kernel": [[0, 1, 0], [1, 1, 1], [0, 1, 0]]},
        ),
    ),
)
