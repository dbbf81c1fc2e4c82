"""What the arguments of the Gaussian error linear unit can be."""

from torch_parity.audit.coverage.feature import SINGLE, Rule, size_of_scores
from torch_parity.audit.coverage.relu import shape
from torch_parity.proof.cases import Case

VALUES: dict[str, dict[str, str]] = {
    "gelu": {"input": "number empty one vector image", "scores": "small hundreds", "approximate": "none tanh"},
}

RULES: tuple[Rule, ...] = (
    Rule("gelu", ("input", "number empty one"), ("memory", "other"), SINGLE),
    Rule("gelu", ("input", "empty"), ("scores", "hundreds"), "there are no scores"),
    Rule("gelu", ("kind", "lattice"), ("scores", "hundreds"), "the integers are small"),
)


def _gelu(case: Case) -> dict[str, str]:
    return {"input": shape(case), "scores": size_of_scores(case), "approximate": case.arguments["approximate"]}


FEATURES = {"gelu": _gelu}
