"""What becomes of the losses of a batch: all of them, their sum, or their mean.

Source: PyTorch's documentation of its losses, argument ``reduction``.
"""

from typing import Any

import numpy as np

from reference.arguments import Array

REDUCTIONS = ("none", "mean", "sum")


def check_reduction(reduction: object) -> None:
    """Raise ValueError unless ``reduction`` is one of ``REDUCTIONS``.

    >>> from reference.reduction import check_reduction
    >>> check_reduction("max")
    Traceback (most recent call last):
    ValueError: reduction must be one of none, mean, sum, got 'max'
    """
    if reduction not in REDUCTIONS:
        raise ValueError(f"reduction must be one of {', '.join(REDUCTIONS)}, got {reduction!r}")


def reduced(losses: Array, reduction: str, divisor: Any) -> Array:
    """The ``losses`` themselves for 'none', their sum for 'sum', and for 'mean' that over ``divisor``.

    >>> import numpy as np
    >>> from reference.reduction import reduced
    >>> losses = np.array([1.0, 2.0, 6.0])
    >>> print(reduced(losses, "none", 3), reduced(losses, "sum", 3), reduced(losses, "mean", 3))
    [1. 2. 6.] 9.0 3.0
    """
    if reduction == "none":
        return losses
    total = losses.sum()
    return np.asarray(total / losses.dtype.type(divisor) if reduction == "mean" else total)
