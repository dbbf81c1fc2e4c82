"""The mean squared error."""

from typing import Any

import numpy as np
import numpy.typing as npt

from torch_parity.proof.bounds import gamma
from torch_parity.proof.cases import Case
from torch_parity.proof.low_precision.arithmetic import FLOAT32, Arithmetic, Results
from torch_parity.proof.low_precision.reduction import reduced

Array = npt.NDArray[Any]


def mse_loss(a: Arithmetic, case: Case, grad_output: Array, ours: dict[str, Array]) -> Results:
    """A difference, which enters twice, and two products; as many factors, and the mean's, in the gradient."""
    x, target = case.arrays["input"], case.arrays["target"]
    w, mean = case.arrays.get("weight", np.ones(x.shape)), case.arguments["reduction"] == "mean"
    divisor = w.sum() if mean else 1.0
    finite, d, g = np.isfinite(x), np.abs(x - target), np.abs(grad_output)
    magnitude, spacing = d * d * np.maximum(w, 1), a.spacing * (1 + w)
    output = reduced(a, case, finite, magnitude, a.gamma(4) * d * d * w + spacing, divisor)
    slope = 2 * d * w * g / divisor
    grad_error = (a.gamma(8) + gamma(x.size, FLOAT32)) * slope + a.spacing * (1 + w + d * (1 + g + w))
    largest = 2 * d * np.maximum(1, w) * np.maximum(1, g)
    grad_error = np.where(finite, np.where(largest > a.max / 4, np.inf, grad_error), np.nan)
    found = {"output": output, "grad_input": grad_error, "grad_target": grad_error}
    return {name: (ours[name], np.asarray(found[name])) for name in ours}
