"""What is refused in max pooling."""

import torch
import torch.nn.functional as F

from torch_parity.audit.refusals.refusal import Arguments, Refusal


def _window_in_padding(arguments: Arguments) -> Arguments:
    # torch says -inf there, and of ones it says so nowhere else.
    image = torch.ones(1, 1, *arguments["input"].shape[-2:])
    windows = {name: value for name, value in arguments.items() if name not in ("input", "return_indices")}
    blind = bool(torch.isinf(F.max_pool2d(image, **windows)).any())
    return {"dilation": 1} if blind else {}


REFUSALS = (
    Refusal(
        "windows wholly in padding",
        ("max_pool2d",),
        "a dilated window may miss every pixel; torch returns -inf, and an index outside the image",
        _window_in_padding,
    ),
)
