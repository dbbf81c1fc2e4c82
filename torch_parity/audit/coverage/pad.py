"""What the arguments of padding can be."""

import numpy as np

from torch_parity.audit.coverage.feature import SINGLE, Rule, yes
from torch_parity.proof.cases import Case

VALUES: dict[str, dict[str, str]] = {
    "pad": {
        "mode": "constant reflect replicate circular",
        "axes": "one two three",
        "batch": "empty full",
        "amounts": "none equal unequal",
        "crop": "no yes",
        "value": "default zero negative-zero finite infinite",
    },
}

RULES: tuple[Rule, ...] = (
    Rule("pad", ("mode", "reflect replicate circular"), ("value", "zero negative-zero finite infinite"), "no constant"),
    Rule("pad", ("amounts", "none"), ("crop", "yes"), "nothing is added or cut"),
    Rule("pad", ("batch", "empty"), ("memory", "other"), SINGLE),
)


def _pad(case: Case) -> dict[str, str]:
    amounts, value = case.arguments["pad"], case.arguments.get("value")
    if value is None:
        constant = "default"
    elif value == 0:
        constant = "negative-zero" if np.signbit(value) else "zero"
    else:
        constant = "finite" if np.isfinite(value) else "infinite"
    return {
        "mode": case.arguments["mode"],
        "axes": ("one", "two", "three")[len(amounts) // 2 - 1],
        "batch": "empty" if 0 in case.arrays["input"].shape else "full",
        "amounts": "none" if not any(amounts) else "equal" if len(set(amounts)) == 1 else "unequal",
        "crop": yes(min(amounts) < 0),
        "value": constant,
    }


FEATURES = {"pad": _pad}
