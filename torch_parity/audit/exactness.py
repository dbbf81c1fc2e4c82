"""How exact the proof is: for each result the smallest error that it sees, and how large the errors of both sides are.

The first is measured by planting errors (``sensitivity``), the second against the true results (``accuracy``).
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from torch_parity.audit.accuracy import EXACT, Errors, accuracy
from torch_parity.audit.sensitivity import sensitivity
from torch_parity.proof.pairs import Pair
from torch_parity.proof.prove import DTYPES

# Cases of each kind of number and dtype in which errors are planted.
SENSITIVITY_CASES = 50
# Cases with true results.  Some have none (no images, no classes); more than 1,000 remain for every output.
ACCURACY_CASES = 1800


@dataclass(frozen=True)
class Exactness:
    """What is known of one result of one formula.

    ``seen``: by kind of numbers and dtype, such as 'real float32', the smallest relative error in a single element that
    is rejected: its median over elements and cases, and the largest; infinite where none is.  ``rms``: by dtype, in how
    many cases the errors of both sides were measured, and their root mean squares, in the unit of ``accuracy``.
    """

    formula: str
    result: str
    seen: dict[str, tuple[float, float]]
    rms: dict[str, tuple[int, float, float]]


def exactness(
    pair: Pair, seed: int, planted: int = SENSITIVITY_CASES, measured: int = ACCURACY_CASES
) -> list[Exactness]:
    """A row for each result of ``pair`` that is computed in floating point."""
    found = sensitivity(pair, planted, seed)
    errors: dict[str, dict[str, Errors]] = {}
    for dtype in DTYPES:
        # Without an exact truth, float64 results would be measured by torch's own.
        if dtype == np.float32 or pair.name in EXACT:
            for name, one in accuracy(pair, dtype, seed, measured).results.items():
                errors.setdefault(name, {})[dtype.name] = one
    return [
        Exactness(
            formula=pair.name,
            result=name,
            seen={f"{row.kind} {row.dtype}": (row.median, row.worst) for row in found if row.result == name},
            rms={dtype: (one.cases, *one.rms()) for dtype, one in by_dtype.items()},
        )
        for name, by_dtype in errors.items()
    ]


def as_result(row: Exactness) -> dict[str, Any]:
    """The row as a dictionary for JSON, which has no infinity: None instead."""
    finite = {key: [None if np.isinf(error) else error for error in both] for key, both in row.seen.items()}
    rms = {dtype: dict(zip(("cases", "numpy", "torch"), found, strict=True)) for dtype, found in row.rms.items()}
    return {"formula": row.formula, "result": row.result, "smallest_error_seen": finite, "rms_error": rms}


def power(seen: Sequence[float | None] | None) -> str:
    """The median of the smallest errors seen, and the largest in brackets if it is another, as powers of two."""
    if seen is None:
        return "-"
    median, worst = ("never" if error is None else f"2^{math.log2(error):.0f}" for error in seen)
    return median if median == worst else f"{median} ({worst})"
