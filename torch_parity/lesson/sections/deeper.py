"""Deeper networks: the same steps, repeated."""
# The variables are the letters of the formulas.
# ruff: noqa: N803, N806

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import torch

import reference
from reference import definition, nn
from torch_parity import networks
from torch_parity.lesson.digits import LABELS, digit
from torch_parity.lesson.example import Array, Call, Matrices, UnequalError
from torch_parity.lesson.section import Demonstration, Section
from torch_parity.lesson.twice import facts
from torch_parity.proof import bounds

IMAGE = np.array([
    [0, 1, 2, 9, 8, 2, 0],
    [1, 3, 9, 8, 7, 9, 1],
    [0, 2, 3, 1, 8, 9, 2],
    [0, 1, 2, 7, 9, 3, 0],
    [1, 2, 8, 9, 2, 1, 1],
    [2, 9, 9, 3, 1, 5, 6],
    [0, 8, 9, 9, 9, 8, 2],
])  # fmt: skip
FIRST = np.array([[1, 0, -1], [2, 0, -2], [1, 0, -1]])
SECOND = np.array([[0, 1, 0], [1, -2, 1], [0, 1, 0]])
MOVES = {"stride": 1, "padding": 0, "dilation": 1, "groups": 1}
SHOWN = {"lenet5": "LeNet-5", "vgg-small": "A small VGG"}
SIZE = 28  # of a digit's side


def convolved(x: Array, K: Array, padding: int = 0) -> Array:
    """One image, one channel, one kernel."""
    x, K = x.astype(np.float64), K.astype(np.float64)
    y: Array = reference.conv2d(x[None, None], K[None, None], padding=padding)[0, 0]
    return y


def calls(given: Matrices, options: dict[str, Any]) -> list[Call]:
    """Two convolutions, one after the other; and one, whose kernel is the true convolution of the two kernels."""
    image, first, second = given["image"], given["first"], given["second"]
    middle = convolved(image, first)
    found = [call(image, first, "middle")]
    if options["relu"]:
        found.append(Call("relu", {"input": "middle"}, {}, {"output": "middle"}))
    # True convolution turns the kernel that slides; padded by 2, the one under it is met at every place.
    turned = second[::-1, ::-1]
    both = convolved(first, turned, padding=2)
    if not options["relu"]:
        _check_one(convolved(middle, second) - convolved(image, both), abs(image), abs(first), abs(second))
    found += [call("middle", second, "output"), call(first, turned, "both", padding=2), call(image, "both", "once")]
    return found


def _check_one(differences: Array, image: Array, first: Array, second: Array) -> None:
    """Two kernels must be one: for integers exactly, else up to rounding.  Given are the sizes of all numbers.

    A product of three passes through 9 + 9 operations on one way and 9 + 25 on the other.
    """
    sizes = convolved(convolved(image, first), second)
    whole = all(np.array_equal(array, np.round(array)) for array in (image, first, second)) and sizes.max() < 2.0**53
    allowed = 0.0 if whole else bounds.gamma(9 + 9 + 9 + 25, np.dtype(np.float64)) * sizes
    if (abs(differences) > allowed).any():
        raise UnequalError("deeper: two convolutions differ from the one that they should be")


def call(x: Array | str, K: Array | str, shown: str, padding: int = 0) -> Call:
    """The same as a call to be proven; a name stands for the result of an earlier one."""
    arrays = {name: array if isinstance(array, str) else array[None, None]
              for name, array in (("input", x), ("weight", K))}  # fmt: skip
    return Call("conv2d", arrays, MOVES | {"padding": padding}, {"output": shown})


def in_torch(image: torch.Tensor, first: torch.Tensor, second: torch.Tensor, relu: bool) -> dict[str, torch.Tensor]:
    """One after the other, and at once."""
    conv2d = torch.nn.functional.conv2d
    x, K1, K2 = image[None, None], first[None, None], second[None, None]
    middle = conv2d(x, K1)
    if relu:
        middle = torch.nn.functional.relu(middle)
    both = conv2d(K1, K2.flip(2, 3), padding=2)  # (1, 1, 5, 5)
    return {"output": conv2d(middle, K2), "both": both, "once": conv2d(x, both)}


@dataclass(frozen=True)
class Layer:
    """What a layer does to an image, as found by running it."""

    kind: str
    window: tuple[int, int, int] | None  # kernel, stride and padding in pixels
    shape: tuple[int, ...]  # of its output: channels, height, width
    weights: int
    sees: tuple[int, int, int, int]  # the pixels that one number in the middle depends on: top, left, height, width


def layers(name: str) -> list[Layer]:
    """The layers of a network, run by NumPy and by torch; raises UnequalError where these differ."""
    ours = run(networks.NETWORKS[name](nn), np.asarray)
    theirs = run(networks.NETWORKS[name](torch.nn), torch.from_numpy)
    if ours != theirs:
        raise UnequalError(f"deeper: {name} is {ours} in NumPy and {theirs} in torch")
    return ours


def run(network: Iterable[Any], array: Any) -> list[Layer]:
    """Run a network layer by layer on images of one bright row or column each.

    All weights are 1, so that nothing cancels out: a number is greater than 0 if it depends on a bright pixel.
    """
    lines = np.zeros((2 * SIZE, 1, SIZE, SIZE), np.float32)
    for i in range(SIZE):
        lines[i, 0, i] = lines[SIZE + i, 0, :, i] = 1
    x, middle, found = array(lines), 0, []
    for layer in network:
        weights = [parameter.data for parameter in layer.parameters()]
        for weight in weights:
            weight[...] = 1 if weight.ndim > 1 else 0  # biases have one dimension
        x = layer(x)
        kind, shape = type(layer).__name__, (*x.shape[1:], 1, 1)[:3]
        if kind == "Linear":
            middle = 0
        elif kind != "Flatten":  # which keeps a number's place in the row of all numbers
            middle = shape[1] // 2 * shape[2] + shape[2] // 2
        bright = np.array(x.reshape(2 * SIZE, -1)[:, middle].tolist()) > 0
        (rows,), (columns,) = np.nonzero(bright[:SIZE]), np.nonzero(bright[SIZE:])
        sees = int(rows[0]), int(columns[0]), len(rows), len(columns)
        size = sum(int(np.prod(weight.shape)) for weight in weights)
        found.append(Layer(kind, window(layer), shape, size, sees))
    return found


def window(layer: Any) -> tuple[int, int, int] | None:
    """Kernel, stride and padding of a layer that has a window."""
    if not hasattr(layer, "padding"):
        return None
    kernel = layer.kernel_size
    sizes = [size[0] if isinstance(size, tuple) else size for size in (kernel, layer.stride or kernel, layer.padding)]
    return sizes[0], sizes[1], sizes[2]


def extra() -> dict[str, Any]:
    """The networks, layer by layer; a digit to look at, and what a trained network makes of it."""
    pixels = digit(LABELS[0])
    return {
        "digit": pixels.tolist(),
        "trained": facts(pixels),
        "networks": {name: {"title": title, "layers": [asdict(layer) for layer in layers(name)]}
                     for name, title in SHOWN.items()},
    }  # fmt: skip


SECTION = Section(
    name="deeper",
    title="Deeper networks",
    idea="A deep network repeats the same steps: convolution, ReLU, now and then pooling. With every step one number "
    "sees more of the image, while the maps become smaller and more numerous.",
    formulas={
        "Twice": r"Y = f(Dense(Flatten(Pool(ReLU(Pool(ReLU(I * K_1)) * K_2)))))",
        "One number sees": r"r_{l} = r_{l-1} + (k_l - 1) \prod_{i<l} s_i, \quad r_0 = 1",
        "Weights": r"C_{out} \, (C_{in} \, k_H \, k_W + 1)",
        "Without ReLU": r"(I * K_1) * K_2 = I * K, \quad K_{u,v} = \sum_{m,n} K_{1;m,n} \, K_{2;u-m, \; v-n}",
    },
    on_paper=(definition.conv2d,),
    fast=(networks.lenet5, networks.vgg_small),
    in_torch=in_torch,
    captions={
        "image": "image",
        "first": "first kernel",
        "second": "second kernel",
        "middle": "after the first",
        "output": "after both",
        "both": "one kernel for both",
        "once": "convolved once",
        "relu": "ReLU in between",
    },
    given={"image": IMAGE, "first": FIRST, "second": SECOND},
    editable=("image", "first", "second"),
    options={"relu": (False, True)},
    calls=calls,
    extra=extra,
    exercise="def conv2d(x, K, padding=0):\n"
    '    """x (N, C, H, W), K (O, C, kH, kW) -> y (N, O, oH, oW), to be used twice"""\n',
    question="Two 3 × 3 kernels see 5 × 5 pixels. Why not take one 5 × 5 kernel at once?",
    answer="Two of them have 9 + 9 = 18 weights, the large one 25: fewer weights see as much. And between the two "
    "there is room for a ReLU. With it the pair computes what no single kernel can; without it the pair is one 5 × 5 "
    "kernel, and only some 5 × 5 kernels can be made so.",
    demonstrations=(
        Demonstration(
            "kernel-flipped",
            "kernels that look the same after half a turn",
            {"first": [[1, 2, 1], [2, 4, 2], [1, 2, 1]]},
            {"second": [[0, 1, 0], [2, -2, 1], [0, 1, 3]]},
        ),
    ),
)
