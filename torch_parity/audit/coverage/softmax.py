"""What the arguments of softmax and of its logarithm can be."""

import numpy as np

from torch_parity.audit.coverage.feature import SINGLE, Rule, count, rank, size_of_scores
from torch_parity.proof.cases import Case

_SOFTMAX = {
    "rank": "number vector matrix more",
    "dim": "first middle last",
    "counted": "front end",
    "classes": "none one few hundreds",
    "others": "none one many",
    "scores": "small hundreds",
}
VALUES: dict[str, dict[str, str]] = {
    "softmax": _SOFTMAX,
    "log_softmax": _SOFTMAX,
}

_SOFTMAXES = "softmax log_softmax"
RULES: tuple[Rule, ...] = (
    Rule(_SOFTMAXES, ("rank", "number"), ("classes", "none few hundreds"), "a number is one class"),
    Rule(_SOFTMAXES, ("rank", "number vector"), ("others", "none many"), "there is one row of classes"),
    Rule(_SOFTMAXES, ("rank", "number vector"), ("dim", "middle last"), "the only dimension is the first"),
    Rule(_SOFTMAXES, ("rank", "matrix"), ("dim", "middle"), "two dimensions have no middle"),
    Rule(_SOFTMAXES, ("rank", "number"), ("memory", "other"), SINGLE),
    Rule(_SOFTMAXES, ("classes", "none"), ("memory", "other"), SINGLE),
    Rule(_SOFTMAXES, ("others", "none"), ("memory", "other"), SINGLE),
    Rule(_SOFTMAXES, ("classes", "none"), ("scores", "hundreds"), "there are no scores"),
    Rule(_SOFTMAXES, ("others", "none"), ("scores", "hundreds"), "there are no scores"),
    Rule(_SOFTMAXES, ("kind", "lattice"), ("scores", "hundreds"), "the integers are small"),
)


def _softmax(case: Case) -> dict[str, str]:
    x, dim = case.arrays["input"], case.arguments["dim"]
    shape = x.shape or (1,)
    axis = dim % len(shape)
    rest = np.prod([*shape[:axis], *shape[axis + 1 :]], dtype=int)
    return {
        "rank": rank(x.ndim),
        "dim": "first" if axis == 0 else "last" if axis == len(shape) - 1 else "middle",
        "counted": "front" if dim >= 0 else "end",
        "classes": count(shape[axis]),
        "others": "many" if rest > 1 else count(int(rest)),
        "scores": size_of_scores(case),
    }


FEATURES = {"softmax": _softmax, "log_softmax": _softmax}
