"""Functions that make one step of an optimizer, or clip gradients: handed what they keep, and given it back."""

from typing import Any

import numpy as np

from torch_parity.doctor.question import Array, Question
from torch_parity.doctor.styles import rates, source
from torch_parity.doctor.styles.arguments import Bound
from torch_parity.doctor.styles.forms import Form, packed, unpacked
from torch_parity.doctor.styles.names import ROLES, by_words
from torch_parity.doctor.subject import Results

STATE = ("velocity", "m", "v", "t")


def updated(bound: Bound, form: Form, question: Question) -> Any:
    """The parameter after a step for each gradient; steps return what is new, or change it in place."""
    parameter = packed(question.arrays["parameter"], form)
    kept: dict[str, Any] = {}
    for role in STATE:
        if role in bound:
            zeros = packed(np.zeros_like(question.arrays["parameter"]), form)
            kept[role] = form.first_step if role == "t" else zeros if form.velocity == "zeros" else None
    names = _returned(bound, question, list(kept))
    for number, (gradient, asked) in enumerate(rates.steps(question)):
        if "t" in kept:
            kept["t"] = form.first_step + number
        found = bound.call(asked, form, parameter=parameter, grad=packed(gradient, form), **kept)
        if found is None:
            continue
        parts = found if isinstance(found, tuple) else (found,)
        new = dict(zip(names, parts, strict=False)) if len(parts) > 1 else {"parameter": parts[0]}
        parameter = new.get("parameter", parameter)
        kept |= {role: value for role, value in new.items() if role in kept}
    return unpacked(parameter, form)


def _returned(bound: Bound, question: Question, kept: list[str]) -> list[str]:
    """The roles of what comes back: by names, else the parameter and what is kept, in the order of the arguments."""
    order = [role for role in bound.roles.values() if role in kept]
    usual = ["parameter", *order]
    names = source.returns(bound.function)
    if names is None:
        return usual
    words = by_words(ROLES[question.formula])
    roles = [bound.roles.get(name) or words.get(name.lower().removeprefix("new_").removesuffix("_new"), "")
             for name in names]  # fmt: skip
    return (
        roles if "parameter" in roles else ["parameter", *roles[1:]] if len(set(roles[1:])) == len(roles[1:]) else usual
    )


def clipped(bound: Bound, form: Form, question: Question) -> Results:
    """Both gradients, of a list or a dictionary that is changed or returned, and the norm where it comes back."""
    names = ("first", "second")
    arrays: list[Array] = [question.arrays[name] for name in names]
    grads: Any = dict(zip(names, arrays, strict=True)) if form.held_in == "dict" else list(arrays)
    found = bound.call(question, form, grads=grads)
    norm = None
    parts = found if isinstance(found, tuple) else (found,)
    for part in parts:
        if isinstance(part, list | dict) or (isinstance(part, tuple) and len(part) == 2):
            grads = part
        elif part is not None and np.ndim(part) == 0:
            norm = part
    if isinstance(found, tuple) and len(found) == 2 and all(np.ndim(one) for one in found):
        grads = list(found)
    first, second = grads.values() if isinstance(grads, dict) else grads
    return {"output": first, "other": second, "norm": norm}
