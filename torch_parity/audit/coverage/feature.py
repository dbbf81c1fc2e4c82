"""Features and rules, and the words for numbers that several formulas need."""

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from torch_parity.proof.cases import Case


class Feature(NamedTuple):
    """One property of one argument of a case, such as ("stride", "one")."""

    argument: str
    value: str


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


# A reason of many rules.
SINGLE = "fewer than two numbers have no order in memory"


def both(value: Any) -> tuple[int, int]:
    """A number for both directions, or one for each, as (vertical, horizontal)."""
    spelled = (value,) if isinstance(value, int) else tuple(value)
    return spelled[0], spelled[-1]


def count(number: int, few: str = "few") -> str:
    """A number of classes or rows in words."""
    return "none" if number == 0 else "one" if number == 1 else few if number < 100 else "hundreds"


def two(value: Any, least: int, name: str) -> str:
    """A pair of numbers: ``name`` where both are the least possible."""
    first, second = both(value)
    return name if first == second == least else "equal" if first == second else "unequal"


def yes(value: object) -> str:
    """A flag in words."""
    return "yes" if value else "no"


def some(value: float) -> str:
    """Whether an option is in use: it is not where it is 0."""
    return "some" if value else "none"


def rank(ndim: int) -> str:
    """The number of dimensions in words."""
    return ("number", "vector", "matrix", "more")[min(ndim, 3)]


def size_of_scores(case: Case) -> str:
    """Scores beyond 100 have powers that overflow float32."""
    x = np.abs(case.arrays["input"])
    return "hundreds" if x[np.isfinite(x)].max(initial=0) > 100 else "small"


def eps_in_words(case: Case) -> str:
    """What is added to a variance: nothing, as little as by default, or more."""
    eps = case.arguments["eps"]
    return "zero" if eps == 0 else "usual" if eps <= 1e-5 else "large"
