"""What the arguments of the leaky ReLU can be."""

from torch_parity.audit.coverage.feature import SINGLE, Rule
from torch_parity.audit.coverage.relu import shape
from torch_parity.proof.cases import Case

VALUES: dict[str, dict[str, str]] = {
    "leaky_relu": {"input": "number empty one vector image", "negative_slope": "none small one steep negative"},
}

RULES: tuple[Rule, ...] = (Rule("leaky_relu", ("input", "number empty one"), ("memory", "other"), SINGLE),)


def _leaky_relu(case: Case) -> dict[str, str]:
    slope = case.arguments["negative_slope"]
    if slope in (0, 1):
        size = "one" if slope else "none"
    else:
        size = "negative" if slope < 0 else "small" if slope < 1 else "steep"
    return {"input": shape(case), "negative_slope": size}


FEATURES = {"leaky_relu": _leaky_relu}
