"""Bounds of stochastic gradient descent."""

import numpy as np

from torch_parity.proof.bounds.rounding import Array, Bounds, unit_roundoff
from torch_parity.proof.cases import Case


def sgd(case: Case) -> Bounds:
    """Steps of SGD, on both sides."""
    return {"output": 2 * sgd_error(case, unit_roundoff(case.dtype), float(np.finfo(case.dtype).tiny))}


def sgd_error(case: Case, u: float, tiny: float) -> Array:
    """The errors of parameter and velocity, carried from step to step beside the values, on one side.

    Each line of the update adds the rounding of its own one or two operations (and of its constant, which is rounded to
    the dtype first: one more) to the errors that its operands bring along.  Twice each covers the products of errors.
    """
    options = case.arguments
    lr, momentum, decay = abs(options["lr"]), options["momentum"], options["weight_decay"]
    fresh = abs(1 - options["dampening"])
    p = np.abs(case.arrays["parameter"]).astype(np.float64)
    p_error, v, v_error = np.zeros_like(p), np.zeros_like(p), np.zeros_like(p)
    for step, grad in enumerate(case.arrays["grads"]):
        g = np.abs(grad).astype(np.float64) + decay * p
        g_error = decay * p_error + 3 * u * g
        if momentum:
            weight = fresh if step else 1.0
            v, v_error = momentum * v + weight * g, momentum * v_error + weight * g_error
            v_error = v_error + 4 * u * v
            g, g_error = (g + momentum * v, g_error + momentum * v_error) if options["nesterov"] else (v, v_error)
            g_error = g_error + 3 * u * g
        p = p + lr * g
        p_error = p_error + lr * g_error + 3 * u * p + tiny
    return np.asarray(2 * p_error)
