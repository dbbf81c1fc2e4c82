"""Bounds of the Gaussian error linear unit, exact and approximated."""

import math
from typing import Any

import numpy as np
import torch

from torch_parity.proof.bounds.rounding import FUNCTION_ULPS, Array, Bounds, gamma, unit_roundoff
from torch_parity.proof.bounds.sigmoid import Sigmoid
from torch_parity.proof.cases import Case


def gelu(case: Case, grad_output: Array) -> Bounds:
    """x Phi(x), or the approximation of it, and its gradient."""
    output, grad_input = gelu_errors(case.arrays["input"], grad_output, case.arguments["approximate"], case.dtype)
    return {"output": 2 * output, "grad_input": 2 * grad_input}


def gelu_errors(input: Array, grad_output: Array, approximate: str, dtype: np.dtype[Any]) -> tuple[Array, Array]:
    """How far computed results stray from the truth; NaN where x is not finite, and both sides must say the same.

    Infinite, and nothing known, where torch doubles the output on the way and it overflows: at the largest numbers, and
    at infinity, where torch finds NaN in float32 and infinity in float64.
    """
    x, g = np.asarray(input, np.float64), np.abs(np.asarray(grad_output, np.float64))
    with np.errstate(all="ignore"):
        output, grad = (_exact if approximate == "none" else _approximated)(x, g, dtype)
    known = np.isfinite(x)
    overflows = x > float(np.finfo(dtype).max) / 4
    return np.where(overflows, np.inf, np.where(known, output, np.nan)), np.where(known, grad, np.nan)


def _exact(x: Array, g: Array, dtype: np.dtype[Any]) -> tuple[Array, Array]:
    """Phi from torch's (1 + erf) / 2 and from the reference's tail.

    torch's erf, next to -1 far to the left, is off by t = FUNCTION_ULPS * 2u of itself; half of that is left in Phi.
    Its argument x / sqrt 2 is off by 2u of itself, which moves Phi by 2u |x| phi(x); a sum and two products round.  The
    reference's exp is off by t.  Ten roundings cover the rest of its tail: the quotient t and its polynomial, of which
    all terms after the first add up to less than half of it, 1 + z, a quotient and a product, and the two of what was
    put back.  So Phi is off by

        t |erf| / 2 + 2u |x| phi + (t + gamma_10) Phi

    In the density the square of x is rounded twice at most, which exp turns into u x^2, beside its own t.
    """
    u, info = unit_roundoff(dtype), np.finfo(dtype)
    t, tiny, size = FUNCTION_ULPS * 2 * u, float(info.tiny), np.abs(x)
    erf = torch.erf(torch.from_numpy(np.array(x / math.sqrt(2)))).numpy()
    phi = np.exp(-x * x / 2) / math.sqrt(2 * math.pi)
    share = torch.special.ndtr(torch.from_numpy(np.array(x))).numpy()
    off = t / 2 * np.abs(erf) + 2 * u * size * phi + (t + gamma(10, dtype)) * share
    off = off + np.minimum(share, tiny) + float(info.smallest_subnormal)
    output = size * off + gamma(2, dtype) * size * (share + off) + tiny
    lost = np.minimum(phi, tiny) + float(info.smallest_subnormal)
    phi_off = phi * (t + u * x * x + gamma(4, dtype)) + lost
    grad = g * (off + size * phi_off + gamma(3, dtype) * (share + off + size * (phi + phi_off))) + (1 + g) * tiny
    return output, grad


def _approximated(x: Array, g: Array, dtype: np.dtype[Any]) -> tuple[Array, Array]:
    """s = (1 + tanh v) / 2, as torch computes it, or sigmoid(2v), as the reference does.

    v is a sum of two terms of one sign, so its eight roundings are relative to v.  They move s by |2v| s (1 - s) times
    as much.  torch's tanh is off by t = FUNCTION_ULPS * 2u of itself, and half of that is left in s.  Where exp(-|2v|)
    is below u / 32, tanh is 1 or -1, and s is 1 or, in torch, 0.

    In the gradient d = s (1 - s) is computed from s, and in torch as (1 - tanh^2) / 4, which the error of tanh moves by
    t / 2 at most, beside two roundings.  The slope of 2v is off by six roundings.
    """
    u, info = unit_roundoff(dtype), np.finfo(dtype)
    t, tiny, size = FUNCTION_ULPS * 2 * u, float(info.tiny), np.abs(x)
    twice_v = 2 * math.sqrt(2 / math.pi) * (x + 0.044715 * x**3)
    error = Sigmoid(twice_v, dtype, off=gamma(8, dtype))
    s, rest = error.s, error.rest
    d = s * rest
    off = np.where(error.saturated, np.minimum(s, rest), error.error + t / 2 + 2 * u)
    output = size * off + gamma(2, dtype) * size * (s + off) + tiny
    slope = 2 * math.sqrt(2 / math.pi) * (1 + 3 * 0.044715 * x * x)
    d_off = np.where(error.saturated, d, off + t / 2 + 2 * u)
    second_off = size * slope * (d_off + gamma(10, dtype) * (d + d_off))
    whole = s + off + size * slope * d + second_off
    grad = g * (off + second_off + gamma(4, dtype) * whole) + (1 + g) * (1 + size) * tiny
    return output, grad
