"""What the arguments of batch normalisation can be."""

from torch_parity.audit.coverage.feature import Rule, yes
from torch_parity.proof.cases import Case

VALUES: dict[str, dict[str, str]] = {
    "batch_norm": {
        "input": "vectors rows images",
        "batch": "empty one many",
        "channels": "one many",
        "per channel": "none one many",
        "training": "no yes",
        "running": "absent present",
        "weight": "absent present",
        "bias": "absent present",
        "momentum": "none some all",
        "eps": "small large",
    },
}

RULES: tuple[Rule, ...] = (
    Rule("batch_norm", ("training", "yes"), ("per channel", "one"), "a single number less its mean is 0: refused"),
    Rule("batch_norm", ("training", "no"), ("running", "absent"), "there would be nothing to normalise with"),
    Rule("batch_norm", ("running", "absent"), ("per channel", "one"), "only in training there may be none"),
    Rule("batch_norm", ("batch", "empty"), ("per channel", "one many"), "there are no numbers"),
    Rule("batch_norm", ("batch", "many"), ("per channel", "one"), "several images have several numbers"),
)


def _batch_norm(case: Case) -> dict[str, str]:
    x, o = case.arrays["input"], case.arguments
    per_channel = x.size // x.shape[1]
    return {
        "input": ("vectors", "rows", "images")[x.ndim - 2],
        "batch": {0: "empty", 1: "one"}.get(len(x), "many"),
        "channels": "one" if x.shape[1] == 1 else "many",
        "per channel": {0: "none", 1: "one"}.get(per_channel, "many"),
        "training": yes(o["training"]),
        **{
            argument: "present" if name in case.arrays else "absent"
            for argument, name in (("running", "running_mean"), ("weight", "weight"), ("bias", "bias"))
        },
        "momentum": {0: "none", 1: "all"}.get(o["momentum"], "some"),
        "eps": "small" if o["eps"] < 0.1 else "large",
    }


FEATURES = {"batch_norm": _batch_norm}
