"""What is refused in a dense layer."""

import math

import numpy as np

from torch_parity.audit.refusals.refusal import Arguments, Refusal


def _bias_that_broadcasts(arguments: Arguments) -> Arguments:
    input, weight, bias = arguments["input"], arguments["weight"], arguments.get("bias")
    features = weight.shape[:-1]
    if bias is None or bias.ndim < 2:
        return {}
    rows = input.shape[:-1]
    # torch adds the bias to the outputs as they are, or, as it finds convenient, to a matrix of all rows.
    outputs = (*rows, *features), (math.prod(rows), *features)
    fits = any(_broadcasts(bias.shape, shape) for shape in outputs)
    return {"bias": np.zeros(features, bias.dtype)} if fits else {}


def _broadcasts(shape: tuple[int, ...], to: tuple[int, ...]) -> bool:
    """Whether an array of ``shape`` repeats to fill one of shape ``to``."""
    pairs = zip(shape[::-1], to[::-1], strict=False)
    return len(shape) <= len(to) and all(size in (1, whole) for size, whole in pairs)


REFUSALS = (
    Refusal(
        "a bias of two or more dimensions",
        ("linear",),
        "a bias is one number per output; torch adds whatever broadcasts",
        _bias_that_broadcasts,
    ),
)
