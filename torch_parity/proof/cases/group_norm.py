"""Cases of group normalisation."""

import math
from typing import Any

import numpy as np

from torch_parity.proof.cases.case import Case, Draw, make, rounds


def group_norm(draw: Draw, kind: str, dtype: np.dtype[Any]) -> Case:
    """Vectors, sequences, images, volumes; one group, one for each channel, and between; no bias without a weight.

    (torch computes that, but has no gradient of it: a test shows the error.)
    """
    groups, together = draw.choice([2, 1, 3, 4]), draw.choice([2, 1, 3, 5, 2, 1, 3, 2, 0])
    sizes = [(4, 3), (), (5,), (3, 4), (2, 3, 2), (7, 8), (11,), (5, 3), (), (2, 2, 3), (6, 6)]
    single, empty = [(1, 1), (1,), (1, 1, 1)], [(0, 2), (0,), (2, 0, 1)]
    pixels = draw.choice([*sizes, *single, *empty])
    batch = draw.choice([2, 1, 3, 5, 4, 0])
    if batch * together * math.prod(pixels) == 1:  # torch refuses a single number in a group
        batch = 2
    channels = groups * together
    shapes: dict[str, tuple[int, ...]] = {"input": (batch, channels, *pixels)}
    scales = draw.choice([("weight", "bias"), ("weight",), ()])
    shapes.update(dict.fromkeys(scales, (channels,)))
    arguments = {"num_groups": groups, "eps": draw.choice([1e-5, 1e-5, 0.0, 1e-3, 1.0])}
    return make(draw, kind, dtype, shapes, arguments, rounds(kind))
