"""What is refused in a transposed convolution."""

from typing import Any

import numpy as np

from torch_parity.audit.refusals.refusal import Arguments, Refusal


def _both(arguments: Arguments, name: str, default: int) -> tuple[int, int]:
    value: Any = arguments.get(name, default)
    spelled = value if isinstance(value, tuple | list) else [value]
    return int(spelled[0]), int(spelled[-1])


def _dilation_zero(arguments: Arguments) -> Arguments:
    dilations = _both(arguments, "dilation", 1)
    return {"dilation": (max(1, dilations[0]), max(1, dilations[1]))} if 0 in dilations else {}


def _unchecked_empty_batch(arguments: Arguments) -> Arguments:
    input = arguments["input"]
    if input.ndim != 4 or len(input):
        return {}
    better: Arguments = {}
    strides, dilations = _both(arguments, "stride", 1), _both(arguments, "dilation", 1)
    if 0 in input.shape[2:]:
        better["input"] = np.zeros((0, *(max(1, size) for size in input.shape[1:])), input.dtype)
    added = _both(arguments, "output_padding", 0)
    most = [max(s, d) - 1 for s, d in zip(strides, dilations, strict=True)]
    if added[0] > most[0] or added[1] > most[1]:
        better["output_padding"] = min(added[0], most[0]), min(added[1], most[1])
    return better


def _no_pixels(arguments: Arguments) -> Arguments:
    size, kernel = arguments["input"].shape[-2:], arguments["weight"].shape[2:]
    defaults = {"stride": 1, "padding": 0, "output_padding": 0, "dilation": 1}
    sides = zip(size, kernel, *(_both(arguments, name, default) for name, default in defaults.items()), strict=True)
    outputs = [(n - 1) * s - 2 * p + d * (k - 1) + 1 + added for n, k, s, p, added, d in sides]
    return {"padding": 0} if min(outputs) < 1 else {}


REFUSALS = (
    Refusal(
        "a dilation of 0",
        ("conv_transpose2d",),
        "all taps of a kernel stamp one place; torch takes it in an empty batch, and in float32 where oneDNN does",
        _dilation_zero,
    ),
    Refusal(
        "an empty batch of what cannot be stamped",
        ("conv_transpose2d",),
        "torch computes nothing then, and skips its checks for too large an output_padding and images without pixels",
        _unchecked_empty_batch,
    ),
    Refusal(
        "an output without pixels",
        ("conv_transpose2d",),
        "the padding cuts off everything; torch refuses it in float64, and in float32 without oneDNN",
        _no_pixels,
    ),
)
