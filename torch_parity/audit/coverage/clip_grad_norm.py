"""What the arguments of clipping by the norm can be."""

import math

from torch_parity.audit.coverage.feature import Rule, some
from torch_parity.proof.cases import Case

_NOTHING = "nothing has no largest number and no smallest, and the reciprocal of 0 is no sum"
VALUES: dict[str, dict[str, str]] = {
    "clip_grad_norm": {
        "first": "number empty one many",
        "max_norm": "negative none some infinite",
        "norm_type": "zero root one two more smallest negative largest",
    },
}

RULES: tuple[Rule, ...] = (
    Rule("clip_grad_norm", ("first", "empty"), ("norm_type", "smallest negative largest"), _NOTHING),
)
_ORDERS = {
    -math.inf: "smallest", -1.0: "negative", 0.0: "zero", 0.5: "root", 1.0: "one", 2.0: "two", 3.0: "more",
    math.inf: "largest",
}  # fmt: skip


def _clip_grad_norm(case: Case) -> dict[str, str]:
    o, first = case.arguments, case.arrays["first"]
    sizes = {0: "empty", 1: "one" if first.ndim else "number"}
    most = {math.inf: "infinite", -1.0: "negative"}
    return {
        "first": sizes.get(first.size, "many"),
        "max_norm": most.get(o["max_norm"], some(o["max_norm"])),
        "norm_type": _ORDERS[o["norm_type"]],
    }


FEATURES = {"clip_grad_norm": _clip_grad_norm}
