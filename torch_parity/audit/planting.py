"""Proof that the proof can fail: every known mistake is planted in turn, and must be rejected.

Each kind of evidence is asked alone, so that the table shows what it is there for: a ReLU with slope 1 at 0 passes on
all real numbers, and no small integer notices a missing subtraction of the maximum.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np

from torch_parity.audit.mistakes import MISTAKES, Mistake
from torch_parity.proof.cases import KINDS, Case
from torch_parity.proof.compare import compare
from torch_parity.proof.pairs import Pair, pair_named
from torch_parity.proof.prove import expected_of, numbered_case, prove, reference_results
from torch_parity.proof.witnesses import adjoint_gap, definition_results

# Against torch, one column for each kind of number; then the witnesses that need no torch.
EVIDENCE = (*KINDS, "definition", "derivative")
FLOAT64 = np.dtype(np.float64)


@dataclass(frozen=True)
class PlantedMistake:
    """How many of the cases of each kind of evidence rejected a mistake; None where there are no such cases."""

    mistake: Mistake
    rejected: dict[str, int | None]

    @property
    def caught(self) -> bool:
        """Whether anything rejected it."""
        return any(self.rejected.values())


def self_test(seed: int, cases: int, mistakes: Iterable[Mistake] = MISTAKES) -> Iterable[PlantedMistake]:
    """A row for each mistake, from ``cases`` cases of each kind of number, and as many for each witness."""
    for mistake in mistakes:
        pair = mistake.plant(pair_named(mistake.formula))
        rejected: dict[str, int | None] = dict.fromkeys(EVIDENCE, None)
        for kind in pair.kinds:
            chosen = _of_kind(pair, kind, seed, cases)
            rejected[kind] = sum(not _survives(_torch_agrees, pair, case) for case in chosen)
        plain = [
            case for kind in pair.kinds if kind != "extremes" for case in _of_kind(pair, kind, seed, cases, FLOAT64)
        ]
        rejected["definition"] = sum(not _survives(_definition_agrees, pair, case) for case in plain)
        if pair.gradients and not pair.smooth:
            lattice = _of_kind(pair, "lattice", seed, cases, FLOAT64)
            rejected["derivative"] = sum(not _survives(_derivative_agrees, pair, case) for case in lattice)
        yield PlantedMistake(mistake, rejected)


def _of_kind(pair: Pair, kind: str, seed: int, cases: int, *dtypes: np.dtype[Any]) -> list[Case]:
    first = pair.kinds.index(kind)
    indices = range(first, cases * len(pair.kinds), len(pair.kinds))
    return [numbered_case(pair, seed, index, *([dtypes] if dtypes else [])) for index in indices]


def _survives(agrees: Any, pair: Pair, case: Case) -> bool:
    """Whether the evidence finds nothing wrong; a formula that breaks down is wrong."""
    try:
        with np.errstate(all="ignore"):
            return bool(agrees(pair, case))
    except (ValueError, TypeError, IndexError):
        return False


def _torch_agrees(pair: Pair, case: Case) -> bool:
    return all(verdict.equal for verdict in prove(pair, case).values())


def _definition_agrees(pair: Pair, case: Case) -> bool:
    ours, grad_output = reference_results(pair, case)
    theirs = definition_results(pair, case, grad_output)
    if theirs is None:
        return True
    if ours["output"].shape != theirs["output"].shape:
        return False
    # A mean rounds on every kind of number, and the definition adds up in an order of its own.
    allowed = expected_of(pair, case, grad_output, any_order=pair.name in ("avg_pool2d", "adaptive_avg_pool2d"))
    return all(compare(ours[name], result, allowed.get(name, np.zeros(()))).equal for name, result in theirs.items())


def _derivative_agrees(pair: Pair, case: Case) -> bool:
    return all(abs(change - said) <= bound for change, said, bound in adjoint_gap(pair, case).values())
