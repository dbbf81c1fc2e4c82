"""Several filters: one digit, many kernels, one feature map each."""
# The variables are the letters of the formulas.
# ruff: noqa: N806

from typing import Any

import numpy as np
import torch

from reference import conv, definition
from torch_parity.lesson.digits import LABELS, digit
from torch_parity.lesson.example import Array, Call, Matrices
from torch_parity.lesson.section import Demonstration, Section

KERNELS = {
    "vertical": np.array([[1, 0, -1], [1, 0, -1], [1, 0, -1]]),
    "horizontal": np.array([[1, 1, 1], [0, 0, 0], [-1, -1, -1]]),
    "diagonal": np.array([[1, 1, 0], [1, 0, -1], [0, -1, -1]]),
    "sobel": np.array([[1, 0, -1], [2, 0, -2], [1, 0, -1]]),
    "sharpen": np.array([[0, -1, 0], [-1, 5, -1], [0, -1, 0]]),
    "blur": np.array([[1, 2, 1], [2, 4, 2], [1, 2, 1]]),
}
MOVES = {"stride": 1, "padding": 0, "dilation": 1, "groups": 1}


def fit(given: Matrices, options: dict[str, Any]) -> Matrices:
    """The kernel that was chosen by its name."""
    return {**given, "kernel": KERNELS.get(options["kernel"], given["kernel"])}


def calls(given: Matrices, options: dict[str, Any]) -> list[Call]:
    """The map of the kernel.  Those of the named kernels depend on no choice of a kernel: they come with the first."""
    found = feature_map(given["image"], given["kernel"], options["relu"], "output")
    if options["kernel"] == next(iter(KERNELS)):
        for name in KERNELS:
            found += feature_map(given["image"], given[name], options["relu"], f"{name}_map")
    return found


def feature_map(image: Array, kernel: Array, relu: bool, shown: str) -> list[Call]:
    """The convolution, and ReLU if it is on."""
    arrays = {"input": image[None, None], "weight": kernel[None, None]}
    found = [Call("conv2d", arrays, MOVES, {"output": shown})]
    if relu:
        found.append(Call("relu", {"input": shown}, {}, {"output": shown}))
    return found


def in_torch(image: torch.Tensor, kernel: torch.Tensor, relu: bool, **kernels: torch.Tensor) -> dict[str, torch.Tensor]:
    """One layer with all the kernels."""
    K = torch.stack([kernel, *kernels.values()])[:, None]  # (7, 1, 3, 3): seven kernels make one layer
    maps = torch.nn.functional.conv2d(image[None, None], K)  # (1, 7, 26, 26): seven maps are seven channels
    if relu:
        maps = torch.nn.functional.relu(maps)
    return {"output": maps[0, 0]}


SECTION = Section(
    name="filters",
    title="Several filters",
    idea="Each kernel looks for something else: edges of one direction, or sharp and smooth parts. Each makes a "
    "feature map of the whole image, and these maps are the channels of the next layer's input.",
    formulas={
        "Map of kernel o": r"y_{o,i,j} = \sum_{m=0}^{2} \sum_{n=0}^{2} K_{o,m,n} \, x_{i+m, \; j+n}",
        "In the next layer": r"z_{p,i,j} = \sum_{o,m,n} K'_{p,o,m,n} \, \max(0, \; y_{o, \; i+m, \; j+n})",
    },
    on_paper=(definition.conv2d, definition.relu),
    fast=(conv._as_rows,),
    in_torch=in_torch,
    captions={
        "image": "the digit",
        "kernel": "kernel",
        "output": "its feature map",
        "relu": "ReLU",
        **{name: name for name in KERNELS},
        **{f"{name}_map": f"map of {name}" for name in KERNELS},
    },
    given={"image": digit(LABELS[0]), "kernel": KERNELS["vertical"], **KERNELS},
    editable=("kernel",),
    options={"kernel": (*KERNELS, "own"), "relu": (False, True)},
    calls=calls,
    fit=fit,
    exercise="def conv2d(x, K):\n"
    '    """x (N, C, H, W), K (O, C, kH, kW) -> y (N, O, oH, oW), a map for each kernel"""\n',
    question="The weights of each edge kernel add up to 0. What does that do, and what would a sum of 1 or 16 do?",
    answer="Where the image is even, all nine pixels are alike, and the products cancel out: an edge kernel gives 0 "
    "there, however bright the image is. It sees differences alone. With a sum of 1, as sharpen has, an even region "
    "keeps its brightness; with a sum of 16, as this blur has, it becomes 16 times as bright, and one divides by 16.",
    demonstrations=(
        Demonstration(
            "kernel-flipped",
            "a kernel that looks the same after half a turn, as blur and sharpen do",
            {"kernel": "blur"},
            {"kernel": "sobel"},
        ),
        Demonstration(
            "kernel-transposed",
            "a kernel that is its own transpose, as diagonal is",
            {"kernel": "diagonal"},
            {"kernel": "sobel"},
        ),
    ),
)
