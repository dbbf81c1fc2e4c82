"""What the arguments of layer normalisation can be."""

import math

from torch_parity.audit.coverage.feature import SINGLE, Rule, count, eps_in_words
from torch_parity.proof.cases import Case

VALUES: dict[str, dict[str, str]] = {
    "layer_norm": {
        "batch": "unbatched empty one many more",
        "features": "none one few hundreds",
        "dimensions": "one several",
        "spelled": "tuple list",
        "eps": "zero usual large",
        "weight": "absent present",
        "bias": "absent present",
    },
}

RULES: tuple[Rule, ...] = (Rule("layer_norm", ("features", "none"), ("memory", "other"), SINGLE),)


def _layer_norm(case: Case) -> dict[str, str]:
    shape = case.arguments["normalized_shape"]
    leading = case.arrays["input"].shape[: -len(shape)]
    batch = "unbatched" if not leading else "more" if len(leading) > 1 else {0: "empty", 1: "one"}.get(leading[0])
    return {
        "batch": batch or "many",
        "features": count(math.prod(shape)),
        "dimensions": "one" if len(shape) == 1 else "several",
        "spelled": type(shape).__name__,
        "eps": eps_in_words(case),
        "weight": "present" if "weight" in case.arrays else "absent",
        "bias": "present" if "bias" in case.arrays else "absent",
    }


FEATURES = {"layer_norm": _layer_norm}
