"""What the arguments of steps of RMSprop can be."""

from torch_parity.audit.coverage.feature import SINGLE, Rule, some, yes
from torch_parity.proof.cases import Case

VALUES: dict[str, dict[str, str]] = {
    "rmsprop": {
        "parameter": "number empty one many",
        "steps": "one more",
        "lr": "zero positive",
        "alpha": "none some",
        "eps": "none some",
        "weight_decay": "none some",
        "momentum": "none some",
        "centered": "no yes",
        "maximize": "no yes",
    },
}

RULES: tuple[Rule, ...] = (
    Rule("rmsprop", ("parameter", "empty"), ("memory", "other"), SINGLE),
    Rule("rmsprop", ("centered", "yes"), ("alpha", "none"), "one gradient has no variance, but rounding"),
)


def _rmsprop(case: Case) -> dict[str, str]:
    o, parameter = case.arguments, case.arrays["parameter"]
    sizes = {0: "empty", 1: "one" if parameter.ndim else "number"}
    return {
        "parameter": sizes.get(parameter.size, "many"),
        "steps": "one" if len(case.arrays["grads"]) == 1 else "more",
        "lr": "positive" if o["lr"] else "zero",
        "alpha": some(o["alpha"]),
        "eps": some(o["eps"]),
        "weight_decay": some(o["weight_decay"]),
        "momentum": some(o["momentum"]),
        "centered": yes(o["centered"]),
        "maximize": yes(o["maximize"]),
    }


FEATURES = {"rmsprop": _rmsprop}
