"""What is refused in dropout."""

import numpy as np

from torch_parity.audit.refusals.refusal import Arguments, Refusal


def _no_batch_of_images(arguments: Arguments) -> Arguments:
    input = arguments["input"]
    if input.ndim == 4:
        return {}
    return {"input": np.zeros((*input.shape[:2], 1, 1, 1, 1)[:4], input.dtype)}


REFUSALS = (
    Refusal(
        "channels of anything but batches of images",
        ("dropout2d",),
        "torch takes three dimensions for (N, C, L), warns that it will take them for (C, H, W), and refuse others",
        _no_batch_of_images,
    ),
)
