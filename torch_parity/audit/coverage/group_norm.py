"""What the arguments of group normalisation can be."""

import math

from torch_parity.audit.coverage.feature import SINGLE, Rule, count, eps_in_words
from torch_parity.proof.cases import Case

VALUES: dict[str, dict[str, str]] = {
    "group_norm": {
        "batch": "none one few",
        "groups": "one several",
        "together": "none one few",
        "pixels": "no-axis none one few",
        "axes": "two three four more",
        "eps": "zero usual large",
        "scales": "none weight both",
    },
}

_FEWER = "the axes of the pixels are those beyond batch and channels"
RULES: tuple[Rule, ...] = (
    Rule("group_norm", ("together", "none"), ("memory", "other"), SINGLE),
    Rule("group_norm", ("pixels", "no-axis"), ("axes", "three four more"), _FEWER),
    Rule("group_norm", ("pixels", "none one few"), ("axes", "two"), _FEWER),
)


def _group_norm(case: Case) -> dict[str, str]:
    batch, channels, *pixels = case.arrays["input"].shape
    groups = case.arguments["num_groups"]
    return {
        "batch": count(batch),
        "groups": "one" if groups == 1 else "several",
        "together": count(channels // groups),
        "pixels": count(math.prod(pixels)) if pixels else "no-axis",
        "axes": {0: "two", 1: "three", 2: "four"}.get(len(pixels), "more"),
        "eps": eps_in_words(case),
        "scales": "both" if "bias" in case.arrays else "weight" if "weight" in case.arrays else "none",
    }


FEATURES = {"group_norm": _group_norm}
