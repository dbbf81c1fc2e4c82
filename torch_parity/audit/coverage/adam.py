"""What the arguments of steps of Adam and AdamW can be."""

from torch_parity.audit.coverage.feature import SINGLE, Rule, some, yes
from torch_parity.proof.cases import Case

_ADAMW = {
    "parameter": "number empty one many",
    "steps": "one more",
    "lr": "zero positive",
    "beta_1": "none some",
    "beta_2": "none some",
    "eps": "none some",
    "weight_decay": "none some",
    "amsgrad": "no yes",
    "maximize": "no yes",
}
VALUES: dict[str, dict[str, str]] = {
    "adam": {**_ADAMW, "decoupled": "no yes"},
    "adamw": _ADAMW,
}

RULES: tuple[Rule, ...] = (Rule("adam adamw", ("parameter", "empty"), ("memory", "other"), SINGLE),)


def _adamw(case: Case) -> dict[str, str]:
    o, parameter = case.arguments, case.arrays["parameter"]
    sizes = {0: "empty", 1: "one" if parameter.ndim else "number"}
    return {
        "parameter": sizes.get(parameter.size, "many"),
        "steps": "one" if len(case.arrays["grads"]) == 1 else "more",
        "lr": "positive" if o["lr"] else "zero",
        "beta_1": some(o["betas"][0]),
        "beta_2": some(o["betas"][1]),
        "eps": some(o["eps"]),
        "weight_decay": some(o["weight_decay"]),
        "amsgrad": yes(o["amsgrad"]),
        "maximize": yes(o["maximize"]),
    }


def _adam(case: Case) -> dict[str, str]:
    return {**_adamw(case), "decoupled": yes(case.arguments["decoupled_weight_decay"])}


FEATURES = {"adam": _adam, "adamw": _adamw}
