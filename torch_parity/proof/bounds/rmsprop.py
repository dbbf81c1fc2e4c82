"""Bounds of RMSprop."""

import numpy as np

from torch_parity.proof.bounds.rounding import Array, Bounds
from torch_parity.proof.bounds.running_error import Precision, precision_of, running_mean
from torch_parity.proof.cases import Case


def rmsprop(case: Case) -> Bounds:
    """Steps of RMSprop, on both sides."""
    return {"output": 2 * rmsprop_error(case, precision_of(case.dtype))}


@np.errstate(all="ignore")
def rmsprop_error(case: Case, precision: Precision) -> Array:
    """The error of the parameter on one side, carried from step to step beside those of v, a and b.

    The variance v - a^2 is a difference: where it is no larger than its error, its root may be NaN, and nothing is
    known.
    """
    o, number = case.arguments, precision.number
    k = precision.array(case.arrays["parameter"])
    v = a = b = precision.array(np.zeros(k.value.shape))
    for grad in case.arrays["grads"]:
        g = precision.array(-grad if o["maximize"] else grad)
        if o["weight_decay"]:
            g = g + number(o["weight_decay"]) * k
        v = running_mean(v, g * g, o["alpha"])
        a = running_mean(a, g, o["alpha"])
        size = (v - a * a).root(never_negative=False) if o["centered"] else v.root()
        size = size + number(o["eps"])
        if o["momentum"]:
            b = number(o["momentum"]) * b + g / size
            k = k - number(o["lr"]) * b
        else:
            k = k - number(o["lr"]) * g / size
    return np.asarray(k.error)
