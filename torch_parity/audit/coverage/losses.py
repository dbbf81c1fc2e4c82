"""What the arguments of the losses beside cross-entropy can be."""

from torch_parity.audit.coverage.feature import SINGLE, Rule, count, size_of_scores
from torch_parity.proof.cases import Case

_BINARY = "binary_cross_entropy_with_logits"
_SHAPE = "number empty one vector matrix images"
VALUES: dict[str, dict[str, str]] = {
    "nll_loss": {
        "samples": "unbatched empty one many pixels images",
        "classes": "one few hundreds",
        "target": "int64 uint8",
        "weight": "absent positive some-zero",
        "ignored": "none some all",
        "ignore_index": "default negative class",
        "reduction": "mean sum none",
    },
    "mse_loss": {
        "input": _SHAPE,
        "weight": "absent positive some-zero",
        "reduction": "mean sum none",
    },
    _BINARY: {
        "input": _SHAPE,
        "target": "answers probabilities any",
        "weight": "absent whole broadcast",
        "pos_weight": "absent whole broadcast",
        "reduction": "mean sum none",
        "scores": "small hundreds",
    },
}

_WEIGHTS = "weight", "pos_weight"
RULES: tuple[Rule, ...] = (
    Rule("nll_loss", ("samples", "unbatched one"), ("ignored", "some"), "one sample is ignored or not"),
    Rule("nll_loss", ("samples", "empty"), ("ignored", "some all"), "there is no sample to ignore"),
    Rule("nll_loss", ("target", "uint8"), ("samples", "pixels images"), "torch reads int64 there"),
    Rule("mse_loss", ("input", "number empty one"), ("memory", "other"), SINGLE),
    Rule("mse_loss", ("input", "empty"), ("weight", "some-zero"), "there are no weights"),
    Rule(_BINARY, ("input", "number one"), ("memory", "other"), SINGLE),
    Rule(_BINARY, ("input", "empty"), ("target", "probabilities any"), "there are no targets"),
    Rule(_BINARY, ("input", "empty"), ("scores", "hundreds"), "there are no scores"),
    Rule(_BINARY, ("kind", "lattice"), ("scores", "hundreds"), "the integers are small"),
    *(Rule(_BINARY, ("input", "number"), (name, "broadcast"), "a number has one shape") for name in _WEIGHTS),
)


def _shape(case: Case) -> str:
    x = case.arrays["input"]
    if x.size < 2:
        return "empty" if x.size == 0 else "number" if x.ndim == 0 else "one"
    return {1: "vector", 2: "matrix"}.get(x.ndim, "images")


def _weight(case: Case) -> str:
    weight = case.arrays.get("weight")
    return "absent" if weight is None else "positive" if weight.all() else "some-zero"


def _nll_loss(case: Case) -> dict[str, str]:
    x, target, ignore_index = case.arrays["input"], case.arrays["target"], case.arguments["ignore_index"]
    ignored = target == ignore_index
    if x.ndim < 3:
        samples = "unbatched" if x.ndim == 1 else {0: "empty", 1: "one"}.get(len(x), "many")
    else:
        samples = "empty" if x.size == 0 else "pixels" if x.ndim == 3 else "images"
    return {
        "samples": samples,
        "classes": count(x.shape[min(x.ndim - 1, 1)]),
        "target": str(target.dtype),
        "weight": _weight(case),
        "ignored": "none" if not ignored.any() else "all" if ignored.all() else "some",
        "ignore_index": {-100: "default", 0: "class"}.get(ignore_index, "negative"),
        "reduction": case.arguments["reduction"],
    }


def _mse_loss(case: Case) -> dict[str, str]:
    return {"input": _shape(case), "weight": _weight(case), "reduction": case.arguments["reduction"]}


def _binary_cross_entropy(case: Case) -> dict[str, str]:
    x, target = case.arrays["input"], case.arrays["target"]
    answers, inside = ((target == 0) | (target == 1)).all(), ((target >= 0) & (target <= 1)).all()
    weights = {
        name: "absent" if name not in case.arrays else "whole" if case.arrays[name].shape == x.shape else "broadcast"
        for name in _WEIGHTS
    }
    return {
        "input": _shape(case),
        "target": "answers" if answers else "probabilities" if inside else "any",
        **weights,
        "reduction": case.arguments["reduction"],
        "scores": size_of_scores(case),
    }


FEATURES = {"nll_loss": _nll_loss, "mse_loss": _mse_loss, _BINARY: _binary_cross_entropy}
