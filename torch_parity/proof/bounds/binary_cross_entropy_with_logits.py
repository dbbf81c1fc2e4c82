"""Bounds of binary cross-entropy of scores."""

import numpy as np

from torch_parity.proof.bounds.reduction import known, reduced
from torch_parity.proof.bounds.rounding import FUNCTION_ULPS, Array, Bounds, gamma, unit_roundoff
from torch_parity.proof.cases import Case


class Logits:
    """The terms of the formula in double precision, and how far float results stray from them.

    With f = FUNCTION_ULPS * 2u for each function, and s(-x) = max(-x, 0) + log1p(exp(-|x|)): the power e = exp(-|x|) is
    off by a relative f, which moves log1p(e) by at most f e / (1 + e) <= f log1p(e); log1p adds its own f; so s(-x) is
    off by 2 f log1p(e), and by the roundings of the sum.

    The loss is (1 - t) x + v s(-x) with v = 1 + (p - 1) t.  1 - t takes one rounding, v three, the products and sums at
    most five more, the weight one.  No cancellation is taken into account: |1 - t| |x| and |v| s(-x) are bounds of all
    that arises in between, also where (1 - t) x + s(-x) is x - x.

        error of the loss  <=  |w| (gamma_10 (|1 - t| |x| + V s(-x)) + 2 f V log1p(e)),    V = 1 + (1 + |p|) |t|

    sigma(x) is a quotient of 1, or e, and 1 + e: off by 2 f + 2u.  Some compute sigma(x) - t, some
    (1 - t) sigma(x) - p t sigma(-x), and some (1 - t + p t) sigma(x) - p t, so

        error of the gradient  <=  |g w| (gamma_10 + 3 f) (V sigma(x) + (1 + |p|) |t|)

    which is finite for an infinite score too.  dl/dt = p s(-x) - s(x), or -x, is off by at most

        |g w| (gamma_10 (p s(-x) + s(x)) + 2 f (1 + p) log1p(e))

    Powers that underflow add the smallest normal number, times what they are multiplied by.
    """

    def __init__(self, case: Case, grad_output: Array) -> None:
        """Compute all of it, for one side."""
        x, t = (case.arrays[name].astype(np.float64) for name in ("input", "target"))
        w, p = (
            np.broadcast_to(case.arrays.get(name, np.ones(())), x.shape).astype(np.float64)
            for name in ("weight", "pos_weight")
        )
        self.finite, self.number, self.w = np.isfinite(x), ~np.isnan(x), np.abs(w)
        f, g10 = FUNCTION_ULPS * 2 * unit_roundoff(case.dtype), gamma(10, case.dtype)
        tiny = float(np.finfo(case.dtype).tiny)
        with np.errstate(all="ignore"):
            power = np.exp(-np.abs(x))
            log = np.log1p(power)
            share = 1 + (1 + np.abs(p)) * np.abs(t)
            # Of the loss: the terms, and their error.
            self.size = np.abs(1 - t) * np.abs(x) + share * (np.maximum(-x, 0) + log)
            self.error = g10 * self.size + 2 * f * share * log + tiny * (1 + share)
            # Of dl/dx.
            sigma = np.where(x > 0, 1, power) / (1 + power)
            self.slope = share * sigma + (1 + np.abs(p)) * np.abs(t)
            self.slope_error = (g10 + 3 * f) * self.slope + tiny * (1 + share)
            # Of dl/dt.
            self.target_slope = np.abs(p) * (np.maximum(-x, 0) + log) + np.maximum(x, 0) + log
            self.target_slope_error = g10 * self.target_slope + 2 * f * (1 + np.abs(p)) * log + tiny * (1 + np.abs(p))
            self.g = np.abs(grad_output.astype(np.float64))
            # What is multiplied on the way, in whatever order.
            self.factors = (1 + self.w) * (1 + self.g)
            self.scale = self.g * self.w / (x.size if case.arguments["reduction"] == "mean" else 1)


def binary_cross_entropy_with_logits(case: Case, grad_output: Array) -> Bounds:
    """The loss, and its gradients to the scores and to the target, as ``Logits`` derives."""
    a, tiny = Logits(case, grad_output), float(np.finfo(case.dtype).tiny)
    underflow = tiny * (1 + a.g)
    with np.errstate(all="ignore"):
        sizes = a.size * (1 + a.w)
        grad = 2 * a.scale * a.slope_error + underflow * (1 + a.slope)
        grad_target = 2 * a.scale * a.target_slope_error + underflow * (1 + a.target_slope)
        return {
            "output": reduced(case, a.finite, sizes, a.w * a.error + tiny),
            "grad_input": known(case, a.number, a.slope * a.factors, grad),
            "grad_target": known(case, a.finite, a.target_slope * a.factors, grad_target),
        }
