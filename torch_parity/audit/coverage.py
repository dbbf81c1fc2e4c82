"""What the cases covered: every property of every argument, and every pair of properties of two different arguments.

A formula goes wrong at single values (an even kernel) and where two meet (padding with dilation, a class weight with a
probability target).  So the cases of a formula are sorted by properties, named as ``argument`` and ``value``, and
counted by pairs.  Some pairs cannot exist ('same' padding has stride 1); ``RULES`` lists them with the reasons.

``VALUES`` and ``RULES`` are tables; the functions below them tell which values a case has.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Any, NamedTuple

import numpy as np

from reference import windows
from torch_parity.proof.cases import Case
from torch_parity.proof.pairs import Pair
from torch_parity.proof.prove import DTYPES, numbered_case


class Feature(NamedTuple):
    """One property of one argument of a case, such as ("stride", "one")."""

    argument: str
    value: str


_BATCH = "unbatched empty one many"
_KERNEL = "pixel row column square rectangle"
_POOL = {
    "batch": _BATCH,
    "image": "pixel larger",
    "kernel": _KERNEL,
    "stride": "default one equal unequal",
    "padding": "none equal unequal",
    "windows": "overlap touch gaps",
    "edge": "fits left-out covered dropped",
    "ceil_mode": "no yes",
}
_SOFTMAX = {
    "rank": "number vector matrix more",
    "dim": "first middle last",
    "counted": "front end",
    "classes": "none one few hundreds",
    "others": "none one many",
    "scores": "small hundreds",
}

# The values of each argument; besides them every formula has kind, dtype and memory.
VALUES: dict[str, dict[str, str]] = {
    "conv2d": {
        "batch": _BATCH,
        "image": "pixel larger",
        "kernel": _KERNEL,
        "stride": "one equal unequal",
        "padding": "none equal unequal same valid",
        "dilation": "one equal unequal",
        "groups": "one some depthwise",
        "bias": "absent present",
        "windows": "overlap touch gaps",
        "edge": "fits left-out",
    },
    "pad": {
        "mode": "constant reflect replicate circular",
        "axes": "one two three",
        "batch": "empty full",
        "amounts": "none equal unequal",
        "crop": "no yes",
        "value": "default zero negative-zero finite infinite",
    },
    "relu": {"input": "number empty one vector image"},
    "max_pool2d": {**_POOL, "dilation": "one equal unequal"},
    "avg_pool2d": {**_POOL, "count_include_pad": "no yes", "divisor_override": "none positive negative"},
    "flatten": {
        "rank": "number vector matrix more",
        "range": "one some all",
        "start_dim": "front end",
        "end_dim": "front end",
        "input": "empty full",
    },
    "linear": {
        "batch": "unbatched empty one many more",
        "features": "none one many",
        "outputs": "row none one many",
        "bias": "absent present",
    },
    "softmax": _SOFTMAX,
    "log_softmax": _SOFTMAX,
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


@dataclass(frozen=True)
class Rule:
    """A combination that cannot exist: ``one`` of its values of an argument with one of ``other``'s, and why."""

    formulas: str
    one: tuple[str, str]  # argument, values
    other: tuple[str, str]
    reason: str

    def forbids(self, name: str, a: Feature, b: Feature) -> bool:
        """Whether the two features of formula ``name`` are such a combination, in either order."""
        if name not in self.formulas.split():
            return False
        return any(
            x.argument == self.one[0]
            and x.value in self.one[1].split()
            and y.argument == self.other[0]
            and y.value in self.other[1].split()
            for x, y in ((a, b), (b, a))
        )


_POOLS = "max_pool2d avg_pool2d"
_WINDOWED = "conv2d max_pool2d avg_pool2d"
_SOFTMAXES = "softmax log_softmax"
_SINGLE = "fewer than two numbers have no order in memory"
RULES = (
    Rule("conv2d", ("padding", "same"), ("stride", "equal unequal"), "'same' needs stride 1"),
    Rule("conv2d", ("padding", "same"), ("windows", "gaps"), "'same' needs stride 1"),
    Rule("conv2d", ("padding", "same"), ("edge", "left-out"), "'same' needs stride 1"),
    Rule(_WINDOWED, ("kernel", "pixel"), ("windows", "overlap"), "each window is one pixel"),
    Rule(_WINDOWED, ("stride", "one"), ("windows", "gaps"), "every pixel starts a window"),
    Rule(_WINDOWED, ("stride", "one"), ("edge", "left-out covered dropped"), "the last window ends at the edge"),
    Rule(_POOLS, ("kernel", "pixel"), ("padding", "equal unequal"), "padding is at most half of the kernel"),
    Rule(_POOLS, ("kernel", "row column"), ("padding", "equal"), "padding is at most half of the kernel"),
    Rule(_POOLS, ("kernel", "pixel"), ("edge", "covered"), "a window of one pixel cannot hang over the edge"),
    Rule(_POOLS, ("ceil_mode", "no"), ("edge", "covered dropped"), "only ceil_mode adds windows"),
    Rule(_POOLS, ("ceil_mode", "yes"), ("edge", "left-out"), "ceil_mode adds a window for the rest, or drops it again"),
    Rule("max_pool2d", ("stride", "default"), ("windows", "gaps"), "the default stride is the kernel size"),
    Rule("avg_pool2d", ("stride", "default"), ("windows", "overlap gaps"), "the default stride is the kernel size"),
    Rule("pad", ("mode", "reflect replicate circular"), ("value", "zero negative-zero finite infinite"), "no constant"),
    Rule("pad", ("amounts", "none"), ("crop", "yes"), "nothing is added or cut"),
    Rule("pad max_pool2d avg_pool2d", ("batch", "empty"), ("memory", "other"), _SINGLE),
    Rule("relu", ("input", "number empty one"), ("memory", "other"), _SINGLE),
    Rule("flatten", ("rank", "number"), ("range", "one some"), "there is no part of a number"),
    Rule("flatten", ("rank", "vector"), ("range", "one some"), "one dimension is all"),
    Rule("flatten", ("rank", "matrix"), ("range", "some"), "of two dimensions there are one or all"),
    Rule("flatten", ("rank", "number"), ("input", "empty"), "a number is not empty"),
    Rule("flatten", ("rank", "number"), ("memory", "other"), _SINGLE),
    Rule("flatten", ("input", "empty"), ("memory", "other"), _SINGLE),
    Rule(_SOFTMAXES, ("rank", "number"), ("classes", "none few hundreds"), "a number is one class"),
    Rule(_SOFTMAXES, ("rank", "number vector"), ("others", "none many"), "there is one row of classes"),
    Rule(_SOFTMAXES, ("rank", "number vector"), ("dim", "middle last"), "the only dimension is the first"),
    Rule(_SOFTMAXES, ("rank", "matrix"), ("dim", "middle"), "two dimensions have no middle"),
    Rule(_SOFTMAXES, ("rank", "number"), ("memory", "other"), _SINGLE),
    Rule(_SOFTMAXES, ("classes", "none"), ("memory", "other"), _SINGLE),
    Rule(_SOFTMAXES, ("others", "none"), ("memory", "other"), _SINGLE),
    Rule(_SOFTMAXES, ("classes", "none"), ("scores", "hundreds"), "there are no scores"),
    Rule(_SOFTMAXES, ("others", "none"), ("scores", "hundreds"), "there are no scores"),
    Rule(_SOFTMAXES + " cross_entropy", ("kind", "lattice"), ("scores", "hundreds"), "the integers are small"),
    Rule("cross_entropy", ("target", "probabilities"), ("ignored", "some all"), "no class index to compare"),
    Rule("cross_entropy", ("target", "probabilities"), ("ignore_index", "class"), "refused by both sides"),
    Rule("cross_entropy", ("samples", "unbatched one"), ("ignored", "some"), "one sample is ignored or not"),
    Rule("cross_entropy", ("samples", "empty"), ("ignored", "some all"), "there is no sample to ignore"),
    Rule("cross_entropy", ("samples", "empty"), ("scores", "hundreds"), "there are no scores"),
    Rule("cross_entropy", ("target", "uint8"), ("samples", "pixels images"), "torch reads int64 there"),
    Rule("sgd", ("nesterov", "yes"), ("momentum", "none"), "refused by both sides"),
    Rule("sgd", ("nesterov", "yes"), ("dampening", "some"), "refused by both sides"),
    Rule("sgd", ("parameter", "empty"), ("memory", "other"), _SINGLE),
)


def impossible(name: str, a: Feature, b: Feature) -> str | None:
    """Why no case of the formula ``name`` has both features; None where one can."""
    return next((rule.reason for rule in RULES if rule.forbids(name, a, b)), None)


def features(name: str, case: Case) -> dict[str, str]:
    """The value of each argument of a case of the formula ``name``, as listed in ``VALUES``."""
    memory = "contiguous" if all(array.flags.c_contiguous for array in case.arrays.values()) else "other"
    return {"kind": case.kind, "dtype": str(case.dtype), "memory": memory, **_FEATURES[name](case)}


class Coverage:
    """The pairs of features that the cases of one formula have met."""

    def __init__(self, pair: Pair) -> None:
        """Nothing covered yet of ``pair``."""
        self.name = pair.name
        self.values: dict[str, Sequence[str]] = {
            "kind": pair.kinds,
            "dtype": [str(dtype) for dtype in DTYPES],
            "memory": ("contiguous", "other"),
            **{argument: values.split() for argument, values in VALUES[pair.name].items()},
        }
        everything = [[Feature(argument, value) for value in values] for argument, values in self.values.items()]
        self.possible = [
            (a, b)
            for one, other in combinations(everything, 2)
            for a in one
            for b in other
            if impossible(pair.name, a, b) is None
        ]
        self.seen: Counter[tuple[Feature, Feature]] = Counter()

    def add(self, case: Case) -> None:
        """Count the pairs of one case."""
        found = features(self.name, case)
        self.seen.update(combinations([Feature(argument, found[argument]) for argument in self.values], 2))

    def missing(self) -> list[tuple[Feature, Feature]]:
        """The possible pairs that no case has had."""
        return [both for both in self.possible if not self.seen[both]]

    def unexpected(self) -> list[tuple[Feature, Feature]]:
        """The pairs that were seen though ``VALUES`` does not know them, or ``RULES`` say that they cannot exist."""
        return sorted(set(self.seen) - set(self.possible))

    def share(self) -> float:
        """The covered part of all possible pairs, from 0 to 1."""
        return 1 - len(self.missing()) / len(self.possible)

    def __str__(self) -> str:
        """One line: how many, and the rarest."""
        rarest = min(self.possible, key=lambda both: self.seen[both])
        words = " with ".join(f"{feature.argument} {feature.value}" for feature in rarest)
        covered = len(self.possible) - len(self.missing())
        return f"{self.name}: {covered} of {len(self.possible)} pairs; the rarest, {words}, {self.seen[rarest]} times"


def covered(pair: Pair, seed: int, indices: Iterable[int]) -> Coverage:
    """The coverage of the numbered cases of a pair."""
    coverage = Coverage(pair)
    for index in indices:
        coverage.add(numbered_case(pair, seed, index))
    return coverage


# The values of a case, argument by argument.


def _both(value: Any) -> tuple[int, int]:
    spelled = (value,) if isinstance(value, int) else tuple(value)
    return spelled[0], spelled[-1]


def _count(number: int, few: str = "few") -> str:
    """A number of classes or rows in words."""
    return "none" if number == 0 else "one" if number == 1 else few if number < 100 else "hundreds"


def _two(value: Any, least: int, name: str) -> str:
    """A pair of numbers: ``name`` where both are the least possible."""
    first, second = _both(value)
    return name if first == second == least else "equal" if first == second else "unequal"


def _yes(value: object) -> str:
    return "yes" if value else "no"


def _some(value: float) -> str:
    return "some" if value else "none"


def _batch_of(shape: tuple[int, ...]) -> str:
    return "unbatched" if len(shape) == 3 else {0: "empty", 1: "one"}.get(shape[0], "many")


def _kernel_of(kernel: tuple[int, int]) -> str:
    height, width = kernel
    if height == width:
        return "pixel" if height == 1 else "square"
    return "row" if height == 1 else "column" if width == 1 else "rectangle"


def _windows_of(stride: tuple[int, int], span: tuple[int, int]) -> str:
    """Gaps in either direction count before an overlap in either."""
    if any(s > k for s, k in zip(stride, span, strict=True)):
        return "gaps"
    return "touch" if stride == span else "overlap"


def _conv2d(case: Case) -> dict[str, str]:
    o, shape, weight = case.arguments, case.arrays["input"].shape, case.arrays["weight"].shape
    stride, dilation = _both(o["stride"]), _both(o["dilation"])
    span = (dilation[0] * (weight[2] - 1) + 1, dilation[1] * (weight[3] - 1) + 1)
    named = isinstance(o["padding"], str)
    padding = (0, 0) if named else _both(o["padding"])
    rest = any((n + 2 * p - k) % s for n, p, k, s in zip(shape[-2:], padding, span, stride, strict=True))
    groups = "one" if o["groups"] == 1 else "depthwise" if o["groups"] == shape[-3] else "some"
    return {
        "batch": _batch_of(shape),
        "image": "pixel" if shape[-2:] == (1, 1) else "larger",
        "kernel": _kernel_of(weight[2:]),
        "stride": _two(stride, 1, "one"),
        "padding": o["padding"] if named else _two(padding, 0, "none"),
        "dilation": _two(dilation, 1, "one"),
        "groups": groups,
        "bias": "present" if "bias" in case.arrays else "absent",
        "windows": _windows_of(stride, span),
        "edge": "left-out" if rest and o["padding"] != "same" else "fits",
    }


def _pad(case: Case) -> dict[str, str]:
    amounts, value = case.arguments["pad"], case.arguments.get("value")
    if value is None:
        constant = "default"
    elif value == 0:
        constant = "negative-zero" if np.signbit(value) else "zero"
    else:
        constant = "finite" if np.isfinite(value) else "infinite"
    return {
        "mode": case.arguments["mode"],
        "axes": ("one", "two", "three")[len(amounts) // 2 - 1],
        "batch": "empty" if 0 in case.arrays["input"].shape else "full",
        "amounts": "none" if not any(amounts) else "equal" if len(set(amounts)) == 1 else "unequal",
        "crop": _yes(min(amounts) < 0),
        "value": constant,
    }


def _relu(case: Case) -> dict[str, str]:
    x = case.arrays["input"]
    if x.size < 2:
        return {"input": "empty" if x.size == 0 else "number" if x.ndim == 0 else "one"}
    return {"input": "vector" if x.ndim == 1 else "image"}


def _pooling(case: Case) -> dict[str, str]:
    o, shape = case.arguments, case.arrays["input"].shape
    kernel, padding = _both(o["kernel_size"]), _both(o["padding"])
    dilation = _both(o.get("dilation", 1))
    stride = kernel if o["stride"] is None else _both(o["stride"])
    span = (dilation[0] * (kernel[0] - 1) + 1, dilation[1] * (kernel[1] - 1) + 1)
    edges = set()
    for axis in range(2):
        n, k, s, p, d = shape[axis - 2], kernel[axis], stride[axis], padding[axis], dilation[axis]
        rest = (n + 2 * p - span[axis]) % s
        more = windows.pool_windows(n, k, s, p, d, o["ceil_mode"]).outputs - ((n + 2 * p - span[axis]) // s + 1)
        edges.add("fits" if not rest else "covered" if more else "dropped" if o["ceil_mode"] else "left-out")
    return {
        "batch": _batch_of(shape),
        "image": "pixel" if shape[-2:] == (1, 1) else "larger",
        "kernel": _kernel_of(kernel),
        "stride": "default" if o["stride"] is None else _two(stride, 1, "one"),
        "padding": _two(padding, 0, "none"),
        "windows": _windows_of(stride, span),
        "edge": next(edge for edge in ("dropped", "covered", "left-out", "fits") if edge in edges),
        "ceil_mode": _yes(o["ceil_mode"]),
    }


def _max_pool2d(case: Case) -> dict[str, str]:
    return {**_pooling(case), "dilation": _two(case.arguments["dilation"], 1, "one")}


def _avg_pool2d(case: Case) -> dict[str, str]:
    divisor = case.arguments["divisor_override"]
    return {
        **_pooling(case),
        "count_include_pad": _yes(case.arguments["count_include_pad"]),
        "divisor_override": "none" if divisor is None else "positive" if divisor > 0 else "negative",
    }


def _rank(ndim: int) -> str:
    return ("number", "vector", "matrix", "more")[min(ndim, 3)]


def _flatten(case: Case) -> dict[str, str]:
    x, start, end = case.arrays["input"], case.arguments["start_dim"], case.arguments["end_dim"]
    ndim = max(1, x.ndim)
    merged = end % ndim - start % ndim + 1
    return {
        "rank": _rank(x.ndim),
        "range": "all" if merged == ndim else "one" if merged == 1 else "some",
        "start_dim": "front" if start >= 0 else "end",
        "end_dim": "front" if end >= 0 else "end",
        "input": "full" if x.size else "empty",
    }


def _linear(case: Case) -> dict[str, str]:
    *leading, features = case.arrays["input"].shape
    weight = case.arrays["weight"]
    batch = "unbatched" if not leading else "more" if len(leading) > 1 else {0: "empty", 1: "one"}.get(leading[0])
    return {
        "batch": batch or "many",
        "features": _count(features, few="many"),
        "outputs": "row" if weight.ndim == 1 else _count(len(weight), few="many"),
        "bias": "present" if "bias" in case.arrays else "absent",
    }


def _scores(case: Case) -> str:
    """Scores beyond 100 have powers that overflow float32."""
    x = np.abs(case.arrays["input"])
    return "hundreds" if x[np.isfinite(x)].max(initial=0) > 100 else "small"


def _softmax(case: Case) -> dict[str, str]:
    x, dim = case.arrays["input"], case.arguments["dim"]
    shape = x.shape or (1,)
    axis = dim % len(shape)
    rest = np.prod([*shape[:axis], *shape[axis + 1 :]], dtype=int)
    return {
        "rank": _rank(x.ndim),
        "dim": "first" if axis == 0 else "last" if axis == len(shape) - 1 else "middle",
        "counted": "front" if dim >= 0 else "end",
        "classes": _count(shape[axis]),
        "others": "many" if rest > 1 else _count(int(rest)),
        "scores": _scores(case),
    }


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
        "classes": _count(x.shape[min(x.ndim - 1, 1)]),
        "target": "probabilities" if target.dtype.kind == "f" else str(target.dtype),
        "weight": "absent" if weight is None else "positive" if weight.all() else "some-zero",
        "ignored": "none" if not ignored.any() else "all" if ignored.all() else "some",
        "ignore_index": {-100: "default", 0: "class"}.get(o["ignore_index"], "negative"),
        "reduction": o["reduction"],
        "label_smoothing": "all" if smoothing == 1 else _some(smoothing),
        "scores": _scores(case),
    }


def _sgd(case: Case) -> dict[str, str]:
    o, parameter = case.arguments, case.arrays["parameter"]
    sizes = {0: "empty", 1: "one" if parameter.ndim else "number"}
    return {
        "parameter": sizes.get(parameter.size, "many"),
        "steps": "one" if len(case.arrays["grads"]) == 1 else "more",
        "lr": "positive" if o["lr"] else "zero",
        "momentum": _some(o["momentum"]),
        "dampening": _some(o["dampening"]),
        "weight_decay": _some(o["weight_decay"]),
        "nesterov": _yes(o["nesterov"]),
        "maximize": _yes(o["maximize"]),
    }


_FEATURES: dict[str, Callable[[Case], dict[str, str]]] = {
    "conv2d": _conv2d,
    "pad": _pad,
    "relu": _relu,
    "max_pool2d": _max_pool2d,
    "avg_pool2d": _avg_pool2d,
    "flatten": _flatten,
    "linear": _linear,
    "softmax": _softmax,
    "log_softmax": _softmax,
    "cross_entropy": _cross_entropy,
    "sgd": _sgd,
}
