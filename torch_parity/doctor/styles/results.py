"""What a function is asked for, and the orders in which that may come back: from its name and its source."""

import itertools
import re
from collections.abc import Callable
from typing import Any

from torch_parity.doctor.styles import source
from torch_parity.doctor.styles.names import gradient_of, results_of
from torch_parity.doctor.styles.words import RUNNING


def results_and_orders(
    function: Callable[..., Any], name: str, result: str = ""
) -> tuple[tuple[str, ...], tuple[tuple[str, ...], ...]]:
    """What is asked for, and the orders in which it may come back, the likeliest first."""
    every = results_of(name)
    if name == "clip_grad_norm":
        every = ("output", "other")
    if name == "batch_norm" and _learns(function):
        every = ("output", "running_mean", "running_var")
    if not name.endswith("_backward"):
        return every, (every,)
    if result:
        return (result,), ((result,),)
    returned = source.returns(function)
    if returned is None or len(every) == 1:
        return every, (every,)
    known = [gradient_of(one) for one in returned]
    results = tuple(one for one in every if one in known)
    if len(results) < len(returned) <= len(every):
        results = every if len(returned) == len(every) else (*results, *(one for one in every if one not in known))
        results = tuple(one for one in every if one in results[: len(returned)])
    orders = [
        order
        for order in itertools.permutations(results)
        if all(asked in ("", found) for asked, found in zip(known, order, strict=False))
    ]
    return results, tuple(orders) or (results,)


def _learns(function: Callable[..., Any]) -> bool:
    """Whether the running statistics are set anywhere, or come back."""
    words = "|".join(" ".join(RUNNING).split())
    back = [one.lower() for one in source.returns(function) or ()]
    set_anywhere = re.search(rf"^\s+({words})\b(\[.*?\])?\s+[-+*/]?=\s", source.text(function), re.MULTILINE)
    return set_anywhere is not None or any(re.fullmatch(rf"(new_)?({words})", one) for one in back)


def told_of_order(order: tuple[str, ...]) -> tuple[str, ...]:
    """What is to be said of an ``order`` of gradients that is not the usual one."""
    if order[0] == "output":
        return ()
    usual = sorted(order, key=("grad_input", "grad_weight", "grad_bias").index) if len(order) > 1 else list(order)
    if list(order) == usual:
        return ()
    words = {"grad_input": "the input's", "grad_weight": "the weight's", "grad_bias": "the bias's"}
    return (f"the gradients come in the order {', '.join(words[one] for one in order)}",)
