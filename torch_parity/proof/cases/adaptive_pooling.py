"""Cases of average pooling to a given size."""

from typing import Any

import numpy as np

from torch_parity.proof.cases.case import Case, Draw, batch, make


def _axis(draw: Draw) -> tuple[int, int]:
    """The pixels along an axis, and how many outputs they become: one, as many, a part of them, or more."""
    few = draw.integer(2, 4)
    return draw.choice(
        [
            (draw.integer(1, 9), 1),
            (few * draw.integer(2, 3), few),
            (few * draw.integer(1, 3) + draw.integer(1, few - 1), few),
            (few - 1, few + draw.integer(0, 4)),
            (1, few),
            (draw.integer(1, 5),) * 2,
        ]
    )


def adaptive_avg_pool2d(draw: Draw, kind: str, dtype: np.dtype[Any]) -> Case:
    """Windows that touch, overlap or repeat; often a single one; every way to write a size."""
    rows, columns = _axis(draw), _axis(draw)
    if draw.integer(0, 4) == 4:
        rows, columns = (draw.integer(1, 9), 1), (draw.integer(1, 9), 1)
    if draw.integer(0, 3) == 3:  # one number for both sizes
        columns = (draw.choice([columns[0], 1, 3, 7]), rows[1])
    none = draw.integer(0, 2) == 2
    sizes = [None if none and size == outputs else outputs for size, outputs in (rows, columns)]
    written = draw.choice([tuple(sizes), sizes, sizes[0] if sizes[0] == sizes[1] and sizes[0] else tuple(sizes)])
    shape = (*batch(draw), draw.integer(1, 3), rows[0], columns[0])
    return make(draw, kind, dtype, {"input": shape}, {"output_size": written})
