"""What the arguments of cross entropy can be."""

import numpy as np

from torch_parity.audit.coverage.feature import Rule, count, size_of_scores, some
from torch_parity.proof.cases import Case

VALUES: dict[str, dict[str, str]] = {
    "cross_entropy": {
        "samples": "unbatched empty one many pixels images",
        "classes": "one few hundreds",
        "target": "int64 uint8 probabilities",
        "weight": "absent positive some-zero",
        "ignored": "none some all",
        "ignore_index": "default negative class",
        "reduction": "mean sum none",
        "label_smoothing": "none some all",
        "scores": "small hundreds",
    },
}

RULES: tuple[Rule, ...] = (
    Rule("cross_entropy", ("kind", "lattice"), ("scores", "hundreds"), "the integers are small"),
    Rule("cross_entropy", ("target", "probabilities"), ("ignored", "some all"), "no class index to compare"),
    Rule("cross_entropy", ("target", "probabilities"), ("ignore_index", "class"), "refused by both sides"),
    Rule("cross_entropy", ("samples", "unbatched one"), ("ignored", "some"), "one sample is ignored or not"),
    Rule("cross_entropy", ("samples", "empty"), ("ignored", "some all"), "there is no sample to ignore"),
    Rule("cross_entropy", ("samples", "empty"), ("scores", "hundreds"), "there are no scores"),
    Rule("cross_entropy", ("target", "uint8"), ("samples", "pixels images"), "torch reads int64 there"),
)


def _cross_entropy(case: Case) -> dict[str, str]:
    o, x, target, weight = case.arguments, case.arrays["input"], case.arrays["target"], case.arrays.get("weight")
    ignored = np.zeros(0, bool) if target.dtype.kind == "f" else target == o["ignore_index"]
    if x.ndim < 3:
        samples = "unbatched" if x.ndim == 1 else {0: "empty", 1: "one"}.get(len(x), "many")
    else:
        samples = "empty" if x.size == 0 else "pixels" if x.ndim == 3 else "images"
    smoothing = o["label_smoothing"]
    return {
        "samples": samples,
        "classes": count(x.shape[min(x.ndim - 1, 1)]),
        "target": "probabilities" if target.dtype.kind == "f" else str(target.dtype),
        "weight": "absent" if weight is None else "positive" if weight.all() else "some-zero",
        "ignored": "none" if not ignored.any() else "all" if ignored.all() else "some",
        "ignore_index": {-100: "default", 0: "class"}.get(o["ignore_index"], "negative"),
        "reduction": o["reduction"],
        "label_smoothing": "all" if smoothing == 1 else some(smoothing),
        "scores": size_of_scores(case),
    }


FEATURES = {"cross_entropy": _cross_entropy}
