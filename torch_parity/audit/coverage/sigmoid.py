"""What the argument of sigmoid, tanh and the sigmoid linear unit can be."""

from torch_parity.audit.coverage.feature import SINGLE, Rule, size_of_scores
from torch_parity.audit.coverage.relu import shape
from torch_parity.proof.cases import Case

_ARGUMENT = {"input": "number empty one vector image", "scores": "small hundreds"}
VALUES: dict[str, dict[str, str]] = {"sigmoid": _ARGUMENT, "tanh": _ARGUMENT, "silu": _ARGUMENT}

_ALL = "sigmoid tanh silu"
RULES: tuple[Rule, ...] = (
    Rule(_ALL, ("input", "number empty one"), ("memory", "other"), SINGLE),
    Rule(_ALL, ("input", "empty"), ("scores", "hundreds"), "there are no scores"),
    Rule(_ALL, ("kind", "lattice"), ("scores", "hundreds"), "the integers are small"),
)


def _elementwise(case: Case) -> dict[str, str]:
    return {"input": shape(case), "scores": size_of_scores(case)}


FEATURES = {"sigmoid": _elementwise, "tanh": _elementwise, "silu": _elementwise}
