"""What the cases covered: every property of every argument, and every pair of properties of two different arguments.

A formula goes wrong at single values (an even kernel) and where two meet (padding with dilation, a class weight with a
probability target).  So the cases of a formula are sorted by properties, named as ``argument`` and ``value``, and
counted by pairs.  Some pairs cannot exist ('same' padding has stride 1); ``RULES`` lists them with the reasons.

One file for each formula, or for a few that share their arguments: its ``VALUES`` and ``RULES`` are tables, its
``FEATURES`` the functions that tell which values a case has.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from itertools import combinations

from torch_parity.audit.coverage import (
    adam,
    adaptive_pooling,
    batch_norm,
    clip_grad_norm,
    conv2d,
    conv_transpose2d,
    cross_entropy,
    dropout,
    flatten,
    gelu,
    group_norm,
    layer_norm,
    leaky_relu,
    linear,
    losses,
    pad,
    pooling,
    relu,
    rmsprop,
    sgd,
    sigmoid,
    softmax,
)
from torch_parity.audit.coverage.feature import Feature, Rule
from torch_parity.proof.cases import Case
from torch_parity.proof.pairs import Pair
from torch_parity.proof.prove import DTYPES, numbered_case

__all__ = ["RULES", "VALUES", "Coverage", "Feature", "Rule", "covered", "features", "impossible"]

# In the order in which the formulas are taught.
_FORMULAS = (
    conv2d, conv_transpose2d, pad, relu, leaky_relu, sigmoid, gelu, pooling, adaptive_pooling, batch_norm,
    layer_norm, group_norm, dropout, flatten, linear, softmax, cross_entropy, losses, sgd, rmsprop, adam,
    clip_grad_norm,
)  # fmt: skip

# The values of each argument; besides them every formula has kind, dtype and memory.
VALUES: dict[str, dict[str, str]] = {name: values for one in _FORMULAS for name, values in one.VALUES.items()}

RULES: tuple[Rule, ...] = tuple(rule for one in _FORMULAS for rule in one.RULES)

_FEATURES: dict[str, Callable[[Case], dict[str, str]]] = {
    name: function for one in _FORMULAS for name, function in one.FEATURES.items()
}


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
