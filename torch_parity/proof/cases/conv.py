"""Cases of convolution."""

from typing import Any

import numpy as np

from torch_parity.proof.cases.case import Case, Draw, batch, image, make, pair, rounds, spelled, step, window


def conv2d(draw: Draw, kind: str, dtype: np.dtype[Any]) -> Case:
    """Every argument of a convolution, depthwise ones and 'same' padding included."""
    groups = draw.choice([1, 1, 1, 2, 3, 4])
    channels = draw.choice([1, 2, 3, 5]) if groups < 4 else 1
    filters = draw.choice([1, 2, 3, 4])
    kernel = window(draw)
    dilation = draw.choice([(1, 1), (1, 1), (2, 2), pair(draw, 1, 3)])
    span = (dilation[0] * (kernel[0] - 1) + 1, dilation[1] * (kernel[1] - 1) + 1)
    padding: Any = draw.choice([(0, 0), (1, 1), pair(draw, 0, 4), "same", "valid"])
    stride = (1, 1) if padding == "same" else step(draw, span)
    added = {"same": span, "valid": (0, 0)}.get(padding) or (2 * padding[0], 2 * padding[1])
    size = image(draw, [max(1, s - a) for s, a in zip(span, added, strict=True)])  # at least one window
    shapes = {
        "input": (*batch(draw), channels * groups, *size),
        "weight": (filters * groups, channels, *kernel),
    }
    if draw.integer(0, 3):
        shapes["bias"] = (filters * groups,)
    arguments: dict[str, Any] = {
        "stride": spelled(draw, stride),
        "padding": padding if isinstance(padding, str) else spelled(draw, padding),
        "dilation": spelled(draw, dilation),
        "groups": groups,
    }
    return make(draw, kind, dtype, shapes, arguments, rounds(kind))
