"""What the arguments of dropout can be."""

from torch_parity.audit.coverage.feature import SINGLE, Rule, yes
from torch_parity.audit.coverage.windows import BATCH, batch_of
from torch_parity.proof.cases import Case

_RATE = {"p": "none half power other all", "training": "no yes"}
VALUES: dict[str, dict[str, str]] = {
    "dropout": {"input": "number empty one vector image", **_RATE},
    "dropout2d": {"batch": BATCH.replace("unbatched ", ""), "channels": "one many", "image": "pixel larger", **_RATE},
}

_BOTH = "dropout dropout2d"
RULES: tuple[Rule, ...] = (
    Rule(_BOTH, ("p", "other"), ("kind", "lattice"), "the lattice is exact, and 1 / (1 - p) is no power of 2"),
    Rule("dropout", ("input", "number empty one"), ("memory", "other"), SINGLE),
    Rule("dropout2d", ("batch", "empty"), ("memory", "other"), SINGLE),
)


def _rate(case: Case) -> dict[str, str]:
    p = case.arguments["p"]
    named = {0.0: "none", 0.5: "half", 0.75: "power", 0.875: "power", 1.0: "all"}
    return {"p": named.get(p, "other"), "training": yes(case.arguments["training"])}


def _dropout(case: Case) -> dict[str, str]:
    x = case.arrays["input"]
    if x.size < 2:
        return {"input": "empty" if x.size == 0 else "number" if x.ndim == 0 else "one", **_rate(case)}
    return {"input": "vector" if x.ndim == 1 else "image", **_rate(case)}


def _dropout2d(case: Case) -> dict[str, str]:
    shape = case.arrays["input"].shape
    return {
        "batch": batch_of(shape),
        "channels": "one" if shape[1] == 1 else "many",
        "image": "pixel" if shape[2:] == (1, 1) else "larger",
        **_rate(case),
    }


FEATURES = {"dropout": _dropout, "dropout2d": _dropout2d}
