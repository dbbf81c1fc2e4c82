"""What the bounds of layer and group normalisation share: how far mean, variance and what follows can be off."""

from typing import Any

import numpy as np

from torch_parity.proof.bounds.rounding import Array, Bounds, gamma, of_sum, unit_roundoff
from torch_parity.proof.cases import Case

Axes = tuple[int, ...]


class Groups:
    """An input cut into groups of n numbers x, and how far their statistics may be off, however computed.

    Write B for mean |x| and Q for mean x^2 of a group; B^2 <= Q.

    The mean.  A sum is off by gamma_n n B.  Updated number by number, m_k = m_{k-1} + (x_k - m_{k-1}) / k, it is off by
    at most u |m_k| + 2 u |x_k - m_{k-1}| / k at each step, of which k/n arrives in the end.  With k |m_k| <= n B these
    add up to less than (2n + 3) u B.  So for both

        |error of mu|  <=  gamma_{2n+3} B            and that of x - mu at most gamma_{2n+5} A,   A = |x| + B

    which also covers s x - s mu, as torch's group normalisation computes it.

    The variance.  As mean x^2 - mu^2 it is off by gamma_{n+3} Q and, twice, mu times the error of mu: by gamma_{5n+9} Q
    in all.  As the mean of (x - mu)^2 from a computed mu it is off less.  Updated, M_k = M_{k-1} + (x_k - m_{k-1})
    (x_k - m_k), each step brings the errors of two means: together 2 (2n + 3) u B mean |x_k - m_{k-1}|, where the last
    factor is at most sqrt(3 Q), since all steps but the first are at most twice what they add to M.  (Parts of the
    numbers that are updated by themselves and merged in pairs take fewer steps.)  So for all three

        |error of v|  <=  gamma_{10n+20} Q            (of one number it is 0, exactly)

    s = (v + eps)^(-1/2) is then off by a relative rho: half the relative error r of v + eps, which r itself bounds as
    long as it is below 1/4, and some roundings.  Where r is larger, as for numbers that are all but equal with an eps
    of 0, the digits of v are all lost, nothing is known, and the bound is infinite.  So it is where x^2 overflows.

    Numbers that are not finite make NaN of their group, and of no other: there the bound is NaN, which asks for it.
    """

    def __init__(self, grouped: Array, axes: Axes, repeated: Axes, eps: float, dtype: np.dtype[Any]) -> None:
        """Of ``grouped``, whose groups run along ``axes``; a weight serves all along ``repeated``."""
        info = np.finfo(dtype)
        self.axes, self.repeated, self.dtype = axes, repeated, dtype
        self.tiny, self.safe = float(info.tiny), float(info.max) / 4
        x = grouped.astype(np.float64)
        self.shape = x.shape
        # How many numbers a group has, and how many terms the gradient of one entry of the weight.
        self.n, self.rows = (int(np.prod([x.shape[axis] for axis in some])) for some in (axes, repeated))
        with np.errstate(all="ignore"):
            self.size = np.abs(x) + self._mean(np.abs(x))
            square, mean = self._mean(np.square(x)), self._mean(x)
            v = self._mean(np.square(x - mean)) + eps
            v_error = gamma(10 * self.n + 20, dtype) * square + self.tiny if self.n > 1 else np.zeros_like(square)
            r = v_error / v + unit_roundoff(dtype)
            self.s, self.rho = 1 / np.sqrt(v), r + 6 * unit_roundoff(dtype)
            self.finite = np.isfinite(x).all(axes, keepdims=True)
            self.known = (r < 1 / 4) & (self.n * square <= self.safe)

    def _mean(self, array: Array) -> Array:
        return np.asarray(array.sum(self.axes, keepdims=True) / max(self.n, 1))

    def _spread(self, weight: Array | None, default: float) -> Array:
        shape = [1 if axis in self.repeated else size for axis, size in enumerate(self.shape)]
        return np.full(shape, default) if weight is None else np.abs(weight.astype(np.float64)).reshape(shape)

    def errors(self, weight: Array | None, bias: Array | None, g: Array, stored: float | Array = 0.0) -> Bounds:
        """Largest error of output, grad_input and grad_weight, all in the groups' shape but the last.

        Of w s (x - mu) + b each factor is off as above.  dL/dx is computed as s (h - mean(h) - x_hat mean(h x_hat)), or
        as its multiples of h, x and 1; with h = w g its terms are in absolute values at most

            s |h|  +  s mean |h|  +  s^3 A mean(|h| A)

        s enters up to three times, x - mu twice, a sum of n terms once.  A gradient of the weight adds R terms g s
        (x - mu).  Twice the total covers the products of errors.  ``stored`` is a further relative error, of statistics
        that were put away in fewer bits.
        """
        w, b = self._spread(weight, 1), self._spread(bias, 0)
        g = np.abs(g.astype(np.float64)).reshape(self.shape)
        with np.errstate(all="ignore"):
            h, scaled = w * g, self.s * self.size
            output = w * scaled
            grad_input = self.s * (h + self._mean(h)) + self.s**2 * scaled * self._mean(h * self.size)
            terms = g * scaled
            offs = [
                (gamma(2 * self.n + 10, self.dtype) + self.rho + stored) * output + (gamma(4, self.dtype) + stored) * b,
                (gamma(5 * self.n + 30, self.dtype) + 3 * (self.rho + stored)) * grad_input,
                (gamma(2 * self.n + 10 + self.rows, self.dtype) + self.rho + stored) * terms,
            ]
            lost = self.tiny * (1 + self.s + self.s**3) * (1 + w) * (1 + g + self._mean(g * (1 + self.size)))
            sizes = output + b, grad_input, terms
            found = []
            for size, off in zip(sizes, offs, strict=True):
                error = np.where(self.known & (size <= self.safe), 2 * off + lost, np.inf)
                found.append(np.where(self.finite, error, np.nan))
            grad_weight = found[2].sum(self.repeated)
        # An error that is not known makes the whole sum unknown, and a NaN in it NaN.
        return {"output": found[0], "grad_input": found[1], "grad_weight": grad_weight}

    def bias_terms(self, g: Array) -> Array:
        """The gradient of a bias on absolute values."""
        return np.asarray(np.abs(g.astype(np.float64)).reshape(self.shape).sum(self.repeated))


def of_groups(groups: Groups, case: Case, grad_output: Array) -> Bounds:
    """Largest difference of two correct results, in the shapes of the case; the bias's gradient is a plain sum."""
    x, weight, bias = case.arrays["input"], case.arrays.get("weight"), case.arrays.get("bias")
    errors = groups.errors(weight, bias, grad_output)
    bounds = {name: 2 * errors[name].reshape(x.shape) for name in ("output", "grad_input")}
    if weight is not None:
        bounds["grad_weight"] = 2 * errors["grad_weight"].reshape(weight.shape)
    if bias is not None:
        magnitude = groups.bias_terms(grad_output).reshape(bias.shape)
        bounds["grad_bias"] = np.zeros(()) if case.kind == "lattice" else of_sum(magnitude, groups.rows, case.dtype)
    return bounds
