"""Bounds of the negative log-likelihood."""

import numpy as np

from torch_parity.proof.bounds.reduction import reduced
from torch_parity.proof.bounds.rounding import Array, Bounds, gamma
from torch_parity.proof.cases import Case


def nll_loss(case: Case, grad_output: Array) -> Bounds:
    """Of what rounds differently in another order; what is left out has the same bits.

    A loss -w_t x_t is one product.  Sums of them are exact on the lattice, and then a mean is one division, which
    rounds the same everywhere.  In the gradient -(g / sum w) w_t the sum of real weights has at most N roundings: with
    the quotient and the product gamma_{N + 2}.
    """
    x, target = case.arrays["input"].astype(np.float64), case.arrays["target"]
    axis, reduction = min(x.ndim - 1, 1), case.arguments["reduction"]
    classes, tiny = x.shape[axis], float(np.finfo(case.dtype).tiny)
    exact, bounds = case.kind in ("lattice", "ties"), Bounds()
    if reduction == "none":
        return bounds
    if exact:
        return {"output": np.zeros(())}
    weight = case.arrays.get("weight", np.ones(classes)).astype(np.float64).reshape(-1, *[1] * (x.ndim - 1 - axis))
    counted = np.expand_dims(target.reshape(x.shape[:axis] + x.shape[axis + 1 :]), axis)
    chosen = (counted != case.arguments["ignore_index"]) & (counted == np.arange(classes).reshape(weight.shape))
    w = (chosen * weight).sum(axis)
    with np.errstate(all="ignore"):
        picked = np.where(chosen, x, 0).sum(axis)
        losses, divisor = np.abs(picked) * w, w.sum()
        error = gamma(1, case.dtype) * losses + tiny
        bounds["output"] = reduced(case, np.isfinite(picked), losses, error, divisor)
        if reduction == "mean" and "weight" in case.arrays:
            slope = np.abs(grad_output.astype(np.float64)) / divisor * chosen * weight
            bounds["grad_input"] = 2 * gamma(w.size + 2, case.dtype) * slope + chosen * tiny
    return bounds


def nll_loss_in_any_order(case: Case, grad_output: Array) -> Bounds:
    """As ``nll_loss``, of a gradient that is made of products with 0 for the other classes: the sign of a 0 is free."""
    return {"grad_input": np.zeros(()), **nll_loss(case, grad_output)}
