"""What the arguments of a step of gradient descent can be."""

from torch_parity.audit.coverage.feature import SINGLE, Rule, some, yes
from torch_parity.proof.cases import Case

VALUES: dict[str, dict[str, str]] = {
    "sgd": {
        "parameter": "number empty one many",
        "steps": "one more",
        "lr": "zero positive",
        "momentum": "none some",
        "dampening": "none some",
        "weight_decay": "none some",
        "nesterov": "no yes",
        "maximize": "no yes",
    },
}

RULES: tuple[Rule, ...] = (
    Rule("sgd", ("nesterov", "yes"), ("momentum", "none"), "refused by both sides"),
    Rule("sgd", ("nesterov", "yes"), ("dampening", "some"), "refused by both sides"),
    Rule("sgd", ("parameter", "empty"), ("memory", "other"), SINGLE),
)


def _sgd(case: Case) -> dict[str, str]:
    o, parameter = case.arguments, case.arrays["parameter"]
    sizes = {0: "empty", 1: "one" if parameter.ndim else "number"}
    return {
        "parameter": sizes.get(parameter.size, "many"),
        "steps": "one" if len(case.arrays["grads"]) == 1 else "more",
        "lr": "positive" if o["lr"] else "zero",
        "momentum": some(o["momentum"]),
        "dampening": some(o["dampening"]),
        "weight_decay": some(o["weight_decay"]),
        "nesterov": yes(o["nesterov"]),
        "maximize": yes(o["maximize"]),
    }


FEATURES = {"sgd": _sgd}
