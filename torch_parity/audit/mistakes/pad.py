"""Padding, done wrongly."""

from typing import Any

import numpy as np

import reference
from torch_parity.audit.mistakes.mistake import Array, Mistake, arguments, gradient_arguments, instead

READ_FORWARD = ("reference/padding.py: pad", "reference/definition/padding.py: pad")
READ_BACKWARD = ("reference/padding.py: pad_backward", "reference/definition/padding.py: pad_backward")


def edge_repeated(input: Array, pad: tuple[int, ...], mode: str, **value: Any) -> Array:
    """Reflection at the border between pixels instead of at the edge pixel: ... 1 0 [0 1 2] 2 1 ..."""
    if mode != "reflect":
        return reference.pad(input, pad, mode, **value)
    x = input
    for axis, (before, after) in zip(range(x.ndim - 1, -1, -1), zip(pad[::2], pad[1::2], strict=True), strict=False):
        size = x.shape[axis]
        source = np.arange(-before, size + after)
        source = np.where(source < 0, -source - 1, source)
        source = np.where(source >= size, 2 * size - 1 - source, source)
        x = np.take(x, source, axis=axis)
    return x


def _pairs_turned(amounts: tuple[int, ...]) -> tuple[int, ...]:
    pairs = [amounts[i : i + 2] for i in range(0, len(amounts), 2)]
    return tuple(amount for pair in reversed(pairs) for amount in pair)


MISTAKES = (
    Mistake(
        "edge-repeated", "pad",
        "Reflection repeats the edge pixel, as NumPy's 'symmetric' does.",
        "Every mirrored pixel is off by one place.",
        "np.pad(x, amounts, mode='reflect'): the mirror stands on the edge pixel, x[1] comes before x[0].",
        READ_FORWARD,
        forward=instead(edge_repeated),
    ),
    Mistake(
        "rows-before-columns", "pad",
        "The amounts are taken as (top, bottom, left, right): torch counts from the last dimension.",
        "Right for equal amounts; else another output shape.",
        "Take pad as (left, right, top, bottom): pairs from the last dimension inwards.",
        READ_FORWARD,
        forward=arguments(lambda a: {"pad": _pairs_turned(a["pad"])}),
    ),
    Mistake(
        "copies-forgotten", "pad",
        "The gradient is cut out of the middle; what the copies at the border got is lost.",
        "Right for constants; else border pixels learn too little.",
        "Add the gradient of every copy into the pixel it was copied from.",
        READ_BACKWARD,
        backward=gradient_arguments(lambda g, a, o: (g, a, {**o, "mode": "constant"})),
    ),
)  # fmt: skip
