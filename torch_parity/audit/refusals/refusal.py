"""One thing that is refused, and what to write instead."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

# All arguments of a call by name; those left out have their defaults.
Arguments = dict[str, Any]
# What changes in the call, by name: empty where there is nothing to mend.  The call is one that torch takes.
Mend = Callable[[Arguments], Arguments]


@dataclass(frozen=True)
class Refusal:
    """One row: what is refused, in which ``formulas``, and why."""

    name: str
    formulas: tuple[str, ...]
    reason: str
    mend: Mend

    def applies(self, formula: str, arguments: Arguments) -> bool:
        """Whether a call that torch takes is refused for this reason."""
        return formula in self.formulas and bool(self.mend(arguments))
