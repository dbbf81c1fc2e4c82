"""What the arguments of a dense layer can be."""

from torch_parity.audit.coverage.feature import Rule, count
from torch_parity.proof.cases import Case

VALUES: dict[str, dict[str, str]] = {
    "linear": {
        "batch": "unbatched empty one many more",
        "features": "none one many",
        "outputs": "row none one many",
        "bias": "absent present",
    },
}

RULES: tuple[Rule, ...] = ()


def _linear(case: Case) -> dict[str, str]:
    *leading, features = case.arrays["input"].shape
    weight = case.arrays["weight"]
    batch = "unbatched" if not leading else "more" if len(leading) > 1 else {0: "empty", 1: "one"}.get(leading[0])
    return {
        "batch": batch or "many",
        "features": count(features, few="many"),
        "outputs": "row" if weight.ndim == 1 else count(len(weight), few="many"),
        "bias": "present" if "bias" in case.arrays else "absent",
    }


FEATURES = {"linear": _linear}
