"""Cases of transposed convolution."""

from typing import Any

import numpy as np

from torch_parity.proof.cases.case import Case, Draw, batch, image, make, pair, rounds, spelled, step, window


def conv_transpose2d(draw: Draw, kind: str, dtype: np.dtype[Any]) -> Case:
    """Every argument of a transposed convolution; stamps that are cut off altogether, and sizes that none reaches."""
    groups = draw.choice([1, 1, 1, 2, 3, 4])
    channels = draw.choice([1, 2, 3, 5]) if groups < 4 else 1
    filters = draw.choice([1, 2, 3, 4])
    kernel = window(draw)
    dilation = draw.choice([(1, 1), (1, 1), (2, 2), (3, 3), pair(draw, 1, 4)])
    span = (dilation[0] * (kernel[0] - 1) + 1, dilation[1] * (kernel[1] - 1) + 1)
    stride = step(draw, span)
    padding = draw.choice([(0, 0), (1, 1), (2, 2), pair(draw, 0, 4), (span[0] // 2, span[1] // 2)])
    most = [max(s, d) - 1 for s, d in zip(stride, dilation, strict=True)]
    same = draw.integer(0, min(most))
    added = draw.choice(
        [(0, 0), (same, same), (most[0], most[1]), (draw.integer(0, most[0]), draw.integer(0, most[1]))]
    )
    # At least one pixel is left: (H - 1) s + span + added > 2 p.
    needed = [2 * p + 1 - k - more for p, k, more in zip(padding, span, added, strict=True)]
    size = image(draw, [1 + max(0, -(-pixels // s)) for pixels, s in zip(needed, stride, strict=True)])
    shapes = {
        "input": (*batch(draw), channels * groups, *size),
        "weight": (channels * groups, filters, *kernel),
    }
    if draw.integer(0, 3):
        shapes["bias"] = (filters * groups,)
    arguments: dict[str, Any] = {
        "stride": spelled(draw, stride),
        "padding": spelled(draw, padding),
        "output_padding": spelled(draw, added),
        "groups": groups,
        "dilation": spelled(draw, dilation),
    }
    return make(draw, kind, dtype, shapes, arguments, rounds(kind))
