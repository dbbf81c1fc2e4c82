"""What is refused in a convolution."""

import numpy as np

from torch_parity.audit.refusals.refusal import Arguments, Refusal


def _no_channels(arguments: Arguments) -> Arguments:
    input, weight = arguments["input"], arguments["weight"]
    if input.shape[-3] or weight.shape[1]:
        return {}
    shape = (*input.shape[:-3], arguments.get("groups", 1), *input.shape[-2:])
    one_channel = (len(weight), 1, *weight.shape[2:])
    return {"input": np.zeros(shape, input.dtype), "weight": np.zeros(one_channel, weight.dtype)}


def _unchecked_empty_batch(arguments: Arguments) -> Arguments:
    input, weight, dilation = arguments["input"], arguments["weight"], arguments.get("dilation", 1)
    if input.ndim != 4 or len(input):
        return {}
    dilations = list(dilation) if isinstance(dilation, tuple | list) else [dilation]
    better: Arguments = {}
    if 0 in dilations:
        # All taps in one place, so that the kernel spans a single pixel.
        height, width = (1 if d == 0 else k for d, k in zip((dilations * 2)[:2], weight.shape[2:], strict=True))
        better = {"dilation": [max(1, d) for d in dilations], "weight": weight[:, :, :height, :width]}
    if 0 in input.shape[2:]:
        better["input"] = np.zeros((0, *(max(1, size) for size in input.shape[1:])), input.dtype)
    return better


REFUSALS = (
    Refusal(
        "no input channels",
        ("conv2d",),
        "there is nothing to convolve; torch returns an output with no channels, however many kernels there are",
        _no_channels,
    ),
    Refusal(
        "an empty batch of what no batch may hold",
        ("conv2d",),
        "torch computes nothing then, and skips its checks for a dilation of 0 and for images without pixels",
        _unchecked_empty_batch,
    ),
)
