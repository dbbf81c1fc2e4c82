"""Bounds of batch normalisation."""

import math
from typing import Any

import numpy as np

from torch_parity.proof.bounds.rounding import Array, Bounds, finite_magnitude, gamma
from torch_parity.proof.cases import Case


class Channels:
    """mu, v, s and x_hat of every channel in double precision, and how far computed ones stray, on one side.

    For a sum of n numbers in any order, and the division by n,

        mu is off by          d_mu = gamma_{n+1} 1/n sum |x|

    A computed difference x - mu' is that of a shifted mean, rounded once.  1/n sum (x - mu')^2 = v + (mu' - mu)^2, all
    of whose terms are positive, so that

        v is off by           d_v = d_mu^2 + gamma_{n+4} (v + d_mu^2)

    s = 1 / sqrt(v + eps) falls with v: it lies between its values at v + d_v and at v - d_v (or 0), and has three
    roundings of its own.  Then x_hat = s (x - mu), or s x - s mu, is off by

        d_x_hat = |x - mu| d_s + s' d_mu + gamma_3 s' (|x| + |mu|)          with s' = s + d_s

    where the last term is that of the two products, which may be far larger than their difference: a channel of mean
    1000 and variance 1 has lost three digits before it is normalised.  Running statistics are given, not computed:
    there d_mu and d_v are 0.

    A pixel that is not finite makes its x_hat NaN or infinite, in training those of its whole channel NaN: so do all
    numbers here become NaN.
    """

    def __init__(self, case: Case, dtype: np.dtype[Any], stored: float = 0.0) -> None:
        """Compute all of it, for arithmetic in ``dtype``; ``stored`` is a further relative error of mu and s."""
        x = case.arrays["input"].astype(np.float64)
        x = np.where(np.isfinite(x), x, np.nan)
        self.dtype, self.tiny = dtype, float(np.finfo(dtype).tiny)
        self.axes = (0, *range(2, x.ndim))
        self.shape = (1, x.shape[1], *[1] * (x.ndim - 2))
        self.count = math.prod(x.shape[axis] for axis in self.axes)
        if case.arguments["training"]:
            self.mu = self.mean(x)
            self.v = self.mean(np.square(x - self.mu))
            self.d_mu = self.gamma(self.count + 1) * self.mean(np.abs(x)) + self.tiny
            self.d_v = self.d_mu**2 + self.gamma(self.count + 4) * (self.v + self.d_mu**2) + self.tiny
        else:
            self.mu, self.v = (self.of_channel(case.arrays[name]) for name in ("running_mean", "running_var"))
            self.d_mu, self.d_v = np.zeros(self.shape), np.zeros(self.shape)
        self.d_mu = self.d_mu + stored * (np.abs(self.mu) + self.d_mu)
        eps = float(case.arguments["eps"])
        self.s, most, least = (
            1 / np.sqrt(np.maximum(v, 0) + eps) for v in (self.v, self.v - self.d_v, self.v + self.d_v)
        )
        self.d_s = np.maximum(most - self.s, self.s - least) + (self.gamma(3) + stored) * most
        self.s_most = self.s + self.d_s
        distance = np.abs(x - self.mu)
        self.products = self.s_most * (np.abs(x) + np.abs(self.mu) + self.d_mu)
        self.d_x_hat = distance * self.d_s + self.s_most * self.d_mu + self.gamma(3) * self.products + self.tiny
        self.x_hat_most = distance * self.s + self.d_x_hat

    def gamma(self, operations: int) -> float:
        """gamma_n of the arithmetic."""
        return float(gamma(operations, self.dtype))

    def mean(self, array: Array) -> Array:
        """Over every channel; 0 of nothing."""
        return np.asarray(array.sum(self.axes, keepdims=True) / max(1, self.count))

    def of_channel(self, array: Array) -> Array:
        """One number per channel, in double precision, as it broadcasts."""
        return array.astype(np.float64).reshape(self.shape)


def batch_norm(case: Case, grad_output: Array) -> Bounds:
    """y, its gradients and the running statistics, on both sides."""
    found = BatchNormErrors(case, grad_output, Channels(case, case.dtype), float(np.finfo(case.dtype).max))
    return {name: 2 * error for name, error in found.errors.items()}


class BatchNormErrors:
    """The ``errors`` of all results on one side, by name, and their ``sizes``: what a last rounding is relative to.

    y = w x_hat + b adds the roundings of its products and of the sum with b to an error of w d_x_hat.  The gradients

        dL/db = sum g           has n terms
        dL/dw = sum g x_hat     has, too, and moves with x_hat by sum |g| d_x_hat
        dL/dx = w s (g - m_1 - x_hat m_2)

    where m_1 and m_2 are those two sums over n, and every part brings its error along; products of two errors are
    counted, since for a channel far from 0 they are no smaller.  (Some multiply by w first: three roundings more.)
    Running statistics mix the old number and the batch's, which is off by d_mu, and by d_v n / (n - 1).

    Where a pixel is so large that a sum, in training of squares, may pass ``largest``, nothing is known.
    """

    def __init__(self, case: Case, grad_output: Array, one: Channels, largest: float) -> None:
        """Compute all of it, from the errors of x_hat in ``one``."""
        training, n, gamma_of = case.arguments["training"], one.count, one.gamma
        w, b = (
            np.abs(one.of_channel(case.arrays[name])) if name in case.arrays else np.full(one.shape, absent)
            for name, absent in (("weight", 1.0), ("bias", 0.0))
        )
        g = np.abs(grad_output.astype(np.float64))
        m1, m2 = one.mean(g), one.mean(g * one.x_hat_most)
        d_m1 = gamma_of(n + 4) * m1
        d_m2 = one.mean(g * one.d_x_hat) + gamma_of(n + 5) * m2
        sizes = {"output": w * one.products + b, "grad_input": w * g * one.s_most, "grad_weight": n * m2}
        sizes["grad_bias"] = n * m1
        errors = {
            "output": w * one.d_x_hat + gamma_of(5) * sizes["output"],
            "grad_input": w * g * one.d_s + gamma_of(4) * sizes["grad_input"],
            "grad_weight": n * d_m2,
            "grad_bias": n * d_m1,
        }
        if training:
            terms = g + m1 + one.x_hat_most * m2
            d_terms = d_m1 + one.d_x_hat * m2 + one.x_hat_most * d_m2
            sizes["grad_input"] = w * one.s_most * (terms + d_terms)
            errors["grad_input"] = w * (one.s_most * d_terms + one.d_s * terms) + gamma_of(7) * sizes["grad_input"]
        # What is lost below the smallest normal number passes through these factors.
        eps = float(case.arguments["eps"])
        self.factors = (1 + n) * (1 + w) * (1 + b) * (1 + 1 / math.sqrt(eps)) * (1 + g.max(initial=0))
        errors = {name: error + one.tiny * self.factors for name, error in errors.items()}
        x = case.arrays["input"]
        finite_size = finite_magnitude(x)
        large = (np.square(finite_size) if training else finite_size) * self.factors > largest / 4
        large_channel = large.any(one.axes, keepdims=True)
        unknown = {"output": large, "grad_weight": large_channel}
        if training:  # a number that is not finite makes all of them NaN, whatever overflows beside it
            finite = np.isfinite(x).all(one.axes, keepdims=True)
            unknown = dict.fromkeys(("output", "grad_input", "grad_weight"), large_channel & finite)
        if training and n and "running_mean" in case.arrays:
            share = case.arguments["momentum"]
            for name, batch, error, scale in (
                ("running_mean", one.mu, one.d_mu, 1.0),
                ("running_var", one.v, one.d_v, n / (n - 1)),
            ):
                old = (1 - share) * np.abs(one.of_channel(case.arrays[name]))
                sizes[name] = old + share * scale * (np.abs(batch) + error)
                errors[name] = share * scale * error + gamma_of(6) * sizes[name] + one.tiny
                unknown[name] = large_channel
        for name, where in unknown.items():
            errors[name] = np.where(where, np.inf, errors[name])
        self.errors, self.sizes = ({name: _flat(name, array) for name, array in d.items()} for d in (errors, sizes))


def _flat(name: str, array: Array) -> Array:
    """The vector that a result with one number per channel is."""
    return array if name in ("output", "grad_input") else array.reshape(-1)
