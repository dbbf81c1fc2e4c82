"""Cases of batch normalisation."""

import dataclasses
import math
from typing import Any

import numpy as np

from torch_parity.proof.cases.case import Case, Draw, make, rounds


def batch_norm(draw: Draw, kind: str, dtype: np.dtype[Any]) -> Case:
    """Vectors, rows and images; in training from two numbers per channel on, or none; running statistics or not."""
    training = draw.choice([True, False])
    channels = draw.choice([3, 1, 2, 7])
    count = draw.choice([2, 1, 3, 5, 0, 12])
    pixels = draw.choice([(), (4,), (3, 5), (2, 4), (1, 1), (1,), (0,), (7, 6)])
    if training and count * math.prod(pixels) == 1:
        count = 2  # of a single number nothing would be left
    shapes = {"input": (count, channels, *pixels)}
    if not training or draw.choice([True, False]):
        shapes |= {"running_mean": (channels,), "running_var": (channels,)}
    for name in draw.choice([("weight", "bias"), (), ("weight",), ("bias",)]):
        shapes[name] = (channels,)
    arguments = {
        "training": training,
        "momentum": draw.choice([0.1, 0.5, 1.0, 0.0, 1 / 3]),
        "eps": draw.choice([1e-5, 1e-3, 0.5, 2]),
    }
    case = make(draw, kind, dtype, shapes, arguments, rounds(kind))
    if "running_var" not in shapes:
        return case
    return dataclasses.replace(case, arrays={**case.arrays, "running_var": np.abs(case.arrays["running_var"])})
