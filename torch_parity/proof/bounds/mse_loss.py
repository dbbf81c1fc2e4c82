"""Bounds of the mean squared error."""

import numpy as np

from torch_parity.proof.bounds.reduction import known, reduced
from torch_parity.proof.bounds.rounding import Array, Bounds, gamma
from torch_parity.proof.cases import Case


def mse_loss(case: Case, grad_output: Array) -> Bounds:
    """Of what rounds differently in another order; what is left out has the same bits.

    A loss w (x - t)^2 is one difference, rounded once, which enters twice, and two products: gamma_4.  Sums of them are
    exact on the lattice, and then a mean is one division, which rounds the same everywhere.

    The gradient 2 g w (x - t) has the same bits in any order without weights, since 2 does not round, and on the
    lattice.  A mean brings in 1 / sum w, at most N + 1 roundings; with the products it makes gamma_{N + 6}.
    """
    x, target = (case.arrays[name].astype(np.float64) for name in ("input", "target"))
    weighted, mean = "weight" in case.arrays, case.arguments["reduction"] == "mean"
    w = case.arrays.get("weight", np.ones(x.shape)).astype(np.float64)
    tiny, finite = float(np.finfo(case.dtype).tiny), np.isfinite(x)
    exact = case.kind in ("lattice", "ties")
    bounds: Bounds = {}
    with np.errstate(all="ignore"):
        d, divisor = np.abs(x - target), w.sum() if mean else 1.0
        if case.arguments["reduction"] != "none":
            squares = d * d * w
            error = gamma(4, case.dtype) * squares + tiny * (1 + w)
            # The square is there before the weight is.
            sizes = np.maximum(squares, d * d)
            bounds["output"] = np.zeros(()) if exact else reduced(case, finite, sizes, error, divisor)
        if mean or (weighted and not exact):
            g = np.abs(grad_output.astype(np.float64))
            slope = 2 * g / divisor * w * d
            bound = 2 * gamma(x.size + 6, case.dtype) * slope + tiny * (1 + w + g + d) / min(1.0, divisor)
            sizes = np.maximum(slope, np.maximum(2 * d * (1 + w), 2 * d * g))
            bounds["grad_input"] = bounds["grad_target"] = known(case, finite, sizes, bound)
    return bounds
