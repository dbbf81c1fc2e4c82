"""A small network with the steps repeated, trained: what its two convolutions make of a digit."""

from pathlib import Path
from typing import Any

import numpy as np

from reference.datasets import normalize
from torch_parity.files import load_arrays
from torch_parity.lesson.example import Array, Call, prove
from torch_parity.lesson.packing import packed_doubles, packed_floats

# How it was made is said beside it.
TRAINED, _ = load_arrays(Path(__file__).parent / "data" / "twice.safetensors", checksum_required=True)
CONVOLUTIONS = ("0.weight", "0.bias", "3.weight", "3.bias")
SHOWN = ("first", "pooled", "second")  # maps
MOVES = {"stride": 1, "padding": 0, "dilation": 1, "groups": 1}


def twice(nn: Any, classes: int = 10) -> Any:
    """The steps of the formula, twice: four kernels, then eight, each of which sees all four maps."""
    return nn.Sequential(
        nn.Conv2d(1, 4, 3), nn.ReLU(), nn.MaxPool2d(2),
        nn.Conv2d(4, 8, 3), nn.ReLU(), nn.MaxPool2d(2),
        nn.Flatten(), nn.Linear(8 * 5 * 5, classes),
    )  # fmt: skip


def calls(pixels: Array) -> list[Call]:
    """The formulas up to the second convolution, each on what the one before gave; of a digit (28, 28), 0 to 255."""
    x = normalize(pixels[None].astype(np.uint8), dtype=np.float64)
    first, first_bias, second, second_bias = (TRAINED[name] for name in CONVOLUTIONS)
    return [
        Call("conv2d", {"input": x, "weight": first, "bias": first_bias}, MOVES, {"output": "first"}),
        Call("relu", {"input": "first"}, {}, {"output": "rectified"}),
        Call("max_pool2d", {"input": "rectified"}, {"kernel_size": 2}, {"output": "pooled"}),
        Call("conv2d", {"input": "pooled", "weight": second, "bias": second_bias}, MOVES, {"output": "second"}),
    ]


def facts(pixels: Array) -> dict[str, Any]:
    """For the page: the kernels; and the maps of both sides, with how far two correct programs can be apart.

    Raises UnequalError where NumPy and torch differ.
    """
    proven = prove(calls(pixels))
    return {
        "shapes": {name: TRAINED[name].shape for name in CONVOLUTIONS},
        "weights": {name: packed_floats(TRAINED[name]) for name in CONVOLUTIONS},
        "maps": {
            name: {
                "shape": proven[name].numpy.shape,
                "numpy": packed_doubles(proven[name].numpy),
                "torch": packed_doubles(proven[name].torch),
                "bound": float(proven[name].bound.max()),
            }
            for name in SHOWN
        },
    }
