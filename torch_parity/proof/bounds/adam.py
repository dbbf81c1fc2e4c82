"""Bounds of Adam and AdamW."""

import numpy as np

from torch_parity.proof.bounds.rounding import Array, Bounds
from torch_parity.proof.bounds.running_error import Precision, precision_of, running_mean
from torch_parity.proof.cases import Case


def adam(case: Case) -> Bounds:
    """Steps of Adam, on both sides."""
    return {"output": 2 * adam_error(case, precision_of(case.dtype))}


@np.errstate(all="ignore")
def adam_error(case: Case, precision: Precision) -> Array:
    """The error of the parameter on one side, carried from step to step beside those of m, v and u.

    The bias corrections are numbers that both sides compute in double precision before they round them, so only that
    rounding counts.  Who divides m and v by them instead, as on paper, rounds as often.
    """
    o = case.arguments
    decoupled = o.get("decoupled_weight_decay", True)  # AdamW has no such option
    number = precision.number
    k = precision.array(case.arrays["parameter"])
    m = v = u = precision.array(np.zeros(k.value.shape))
    for t, grad in enumerate(case.arrays["grads"], 1):
        g = precision.array(-grad if o["maximize"] else grad)
        if o["weight_decay"] and decoupled:
            k = k * number(1 - o["lr"] * o["weight_decay"])
        elif o["weight_decay"]:
            g = g + number(o["weight_decay"]) * k
        m = running_mean(m, g, o["betas"][0])
        v = running_mean(v, g * g, o["betas"][1])
        u = u.larger(v)
        size = (u if o["amsgrad"] else v).root() / number((1 - o["betas"][1] ** t) ** 0.5) + number(o["eps"])
        k = k - number(o["lr"] / (1 - o["betas"][0] ** t)) * m / size
    return np.asarray(k.error)
