"""What convolution and pooling share: pairs of integers, and how many windows fit."""

import math

IntOrPair = int | tuple[int, int]


def pair(value: IntOrPair) -> tuple[int, int]:
    """(vertical, horizontal) from a pair, or from one integer for both."""
    return (value, value) if isinstance(value, int) else value


def outputs(size: int, kernel: int, stride: int, padding: int, dilation: int = 1, ceil_mode: bool = False) -> int:
    """How many windows fit along an axis of ``size`` pixels.

    A window spans d(k - 1) + 1 pixels of the size + 2p there are.  It can move by the rest, one stride at a time; with
    the place where it starts, that is rest / s + 1 places.  A last part of a stride is lost, or with ``ceil_mode`` gets
    a window that hangs over the edge, if that window starts inside the image or the padding before it.

    Source: Dumoulin & Visin, chapters 2 (convolution), 3 (pooling) and 5 (dilation); ``ceil_mode`` is torch's.
    """
    rest = size + 2 * padding - dilation * (kernel - 1) - 1
    if not ceil_mode:
        return rest // stride + 1
    outputs = math.ceil(rest / stride) + 1
    return outputs - 1 if (outputs - 1) * stride >= size + padding else outputs
