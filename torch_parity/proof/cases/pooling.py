"""Cases of max and average pooling."""

from typing import Any

import numpy as np

from torch_parity.proof.cases.case import Case, Draw, batch, image, make, pair, spelled, step, window


def _pooling(draw: Draw, dilated: bool) -> tuple[tuple[int, ...], dict[str, Any]]:
    """The shape of an image and the arguments that both kinds of pooling share."""
    kernel = window(draw)
    dilation = draw.choice([(1, 1), (2, 2), pair(draw, 1, 3)]) if dilated else (1, 1)
    span = (dilation[0] * (kernel[0] - 1) + 1, dilation[1] * (kernel[1] - 1) + 1)
    stride = draw.choice([None, step(draw, span), step(draw, span)])
    most = (kernel[0] // 2, kernel[1] // 2)
    padding = draw.choice([(0, 0), most, (draw.integer(0, most[0]), draw.integer(0, most[1]))])
    if draw.integer(0, 15) == 15:  # windows that hang over the edge of a single pixel are rarely met by chance
        kernel = span = (4, 4)
        stride, padding, dilation = draw.choice([(2, 2), (3, 3)]), (2, 2), (1, 1)
    smallest = []
    for s, p, d in zip(span, padding, dilation, strict=True):
        # A window that is dilated and padded might see padding alone, which is refused.
        smallest.append(s if d > 1 and p else max(1, s - 2 * p))
    arguments: dict[str, Any] = {
        "kernel_size": spelled(draw, kernel),
        "stride": None if stride is None else spelled(draw, stride),
        "padding": spelled(draw, padding),
        "ceil_mode": draw.choice([False, True]),
    }
    if dilated:
        arguments["dilation"] = spelled(draw, dilation)
    return (*batch(draw), draw.integer(1, 4), *image(draw, smallest)), arguments


def max_pool2d(draw: Draw, kind: str, dtype: np.dtype[Any]) -> Case:
    """Windows that overlap, touch, leave gaps or hang over the edge."""
    shape, arguments = _pooling(draw, dilated=True)
    return make(draw, kind, dtype, {"input": shape}, arguments)


def avg_pool2d(draw: Draw, kind: str, dtype: np.dtype[Any]) -> Case:
    """The windows of max pooling, and every way to count."""
    shape, arguments = _pooling(draw, dilated=False)
    arguments["count_include_pad"] = draw.choice([True, False])
    arguments["divisor_override"] = draw.choice([None, None, 3, -7])
    return make(draw, kind, dtype, {"input": shape}, arguments)
