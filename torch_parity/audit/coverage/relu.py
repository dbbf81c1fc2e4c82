"""What the argument of ReLU can be."""

from torch_parity.audit.coverage.feature import SINGLE, Rule
from torch_parity.proof.cases import Case

VALUES: dict[str, dict[str, str]] = {
    "relu": {"input": "number empty one vector image"},
}

RULES: tuple[Rule, ...] = (Rule("relu", ("input", "number empty one"), ("memory", "other"), SINGLE),)


def shape(case: Case) -> str:
    """What the input is, where its shape means nothing to the formula."""
    x = case.arrays["input"]
    if x.size < 2:
        return "empty" if x.size == 0 else "number" if x.ndim == 0 else "one"
    return "vector" if x.ndim == 1 else "image"


def _relu(case: Case) -> dict[str, str]:
    return {"input": shape(case)}


FEATURES = {"relu": _relu}
