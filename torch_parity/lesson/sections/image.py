"""The image: a matrix of numbers, or one for each colour."""
# The variables are the letters of the formulas.
# ruff: noqa: N806

from typing import Any

import numpy as np
import torch

from reference import datasets, definition
from torch_parity.lesson.digits import LABELS, digit
from torch_parity.lesson.example import Array, Call, Matrices
from torch_parity.lesson.section import Demonstration, Section

WEIGHTS = np.array([[0.299, 0.587, 0.114]])  # ITU-R BT.601: the eye sees green best


def house() -> Array:
    """A house in the sun, (3, 10, 10): red, green and blue."""
    rows, columns = np.indices((10, 10))
    picture = np.empty((10, 10, 3), int)
    picture[:] = 95, 170, 250
    picture += 12 * (rows[..., None] - 3)  # the sky is brighter near the ground
    picture[(rows - 2) ** 2 + (columns - 7) ** 2 <= 4] = 255, 220, 60
    picture[(rows < 5) & (rows - 1 > abs(columns - 3))] = 140, 30, 40
    picture[5:8, 1:6] = 240, 225, 200
    picture[6:8, 2] = 110, 60, 30
    picture[6, 4] = 60, 110, 160
    picture[8:] = 70, 150, 50
    return picture.clip(0, 255).transpose(2, 0, 1)


RED, GREEN, BLUE = house()


def fit(given: Matrices, options: dict[str, Any]) -> Matrices:
    """The pixels of the digit that was chosen."""
    return {**given, "pixels": digit(options["digit"])}


def calls(given: Matrices, options: dict[str, Any]) -> list[Call]:
    """Grey from three colours: a convolution with one weight for each channel."""
    colours = np.stack([given["red"], given["green"], given["blue"]])
    arrays = {"input": colours[None], "weight": given["weights"].reshape(1, 3, 1, 1)}
    return [Call("conv2d", arrays, {"stride": 1, "padding": 0, "dilation": 1, "groups": 1}, {"output": "grey"})]


def in_torch(
    pixels: torch.Tensor, red: torch.Tensor, green: torch.Tensor, blue: torch.Tensor, weights: torch.Tensor, digit: int
) -> dict[str, torch.Tensor]:
    """Three channels are stacked; a kernel of one pixel mixes them."""
    x = torch.stack([red, green, blue])  # (3, H, W); the digit is pixels[None], (1, H, W)
    K = weights.reshape(1, 3, 1, 1)  # one kernel, three channels, one pixel
    return {"grey": torch.nn.functional.conv2d(x[None], K)}


SECTION = Section(
    name="image",
    title="The image",
    idea="To a computer an image is a matrix: each number says how bright one pixel is, from 0, black, to 255, white. "
    "A colour image is three such matrices, one each for red, green and blue: its channels.",
    formulas={
        "Grey image": r"I \in \{0, \dots, 255\}^{H \times W}",
        "Colour image": r"I \in \{0, \dots, 255\}^{3 \times H \times W}",
        "Grey from colour": r"y_{i,j} = \sum_{c=1}^{3} K_c \, x_{c,i,j}",
        "What a network gets": r"\frac{I / 255 - \mu}{\sigma}",
    },
    on_paper=(definition.conv2d,),
    fast=(datasets.normalize,),
    in_torch=in_torch,
    captions={
        "pixels": "a digit, 28 × 28 pixels",
        "red": "red",
        "green": "green",
        "blue": "blue",
        "weights": "weights of red, green, blue",
        "grey": "grey",
    },
    given={"pixels": digit(LABELS[0]), "red": RED, "green": GREEN, "blue": BLUE, "weights": WEIGHTS},
    editable=("weights",),
    options={"digit": LABELS},
    calls=calls,
    fit=fit,
    extra=lambda: {"digits": {label: digit(label).tolist() for label in LABELS}},
    exercise="def conv2d(x, K):\n"
    '    """a colour image x (1, 3, H, W), its weights K (1, 3, 1, 1) -> grey (1, 1, H, W)"""\n',
    question="Why does a network not get the numbers 0 to 255 as they are?",
    answer="Weights start small and learn in small steps. Inputs of about the size 1, some negative and some positive, "
    "suit them; with inputs a hundred times as large, every step would be a hundred times as large too. So the pixels "
    "are divided by 255, then the mean μ of all training pixels is taken off, and the rest is divided by their "
    "standard deviation σ.",
    demonstrations=(
        Demonstration(
            "first-channel-only",
            "an image of one channel, as the digit is; or weights of 0 for green and blue",
            {"weights": [[1, 0, 0]]},
        ),
    ),
)
