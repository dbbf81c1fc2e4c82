"""Each mistake is the one that people make: written out as plain code, it has the same results as the entry.

The code in ``students`` knows nothing of the table or of ``reference``: loops over windows, im2col, lines of NumPy.
It takes the arrays of a case ``a``, its other arguments ``o`` and the upstream gradient g, for batches of images, and
gives back what it gets wrong: y or a gradient, as ``WRITTEN_OUT`` says.
"""

import functools

import numpy as np
import pytest

from tests.torch_parity.audit.students import (
    activation,
    batch_norm,
    conv2d,
    conv2d_backward,
    conv_transpose2d,
    dropout_and_adaptive,
    elementwise_and_dense,
    layer_and_group_norm,
    loss_and_descent,
    optimizers,
    pooling,
)
from tests.torch_parity.audit.students.windows import Students, WrittenFor
from torch_parity.audit.mistakes import MISTAKES
from torch_parity.proof.cases import Case
from torch_parity.proof.compare import compare
from torch_parity.proof.pairs import pair_named
from torch_parity.proof.prove import numbered_case, reference_results

F64 = np.dtype(np.float64)
NAMED = {mistake.name: mistake for mistake in MISTAKES}
WRITTEN_OUT = [
    *conv2d.WRITTEN_OUT,
    *conv2d_backward.WRITTEN_OUT,
    *conv_transpose2d.WRITTEN_OUT,
    *pooling.WRITTEN_OUT,
    *batch_norm.WRITTEN_OUT,
    *dropout_and_adaptive.WRITTEN_OUT,
    *elementwise_and_dense.WRITTEN_OUT,
    *activation.WRITTEN_OUT,
    *layer_and_group_norm.WRITTEN_OUT,
    *loss_and_descent.WRITTEN_OUT,
    *optimizers.WRITTEN_OUT,
]


REACHED_BY_REAL_NUMBERS_ALONE = {"clipped-at-six"}


@functools.cache
def cases(formula: str, kind: str, written_for: WrittenFor) -> list[Case]:
    """Twelve cases of one kind of numbers, in double precision."""
    pair, found = pair_named(formula), []
    for index in range(pair.kinds.index(kind), 3000 * len(pair.kinds), len(pair.kinds)):
        case = numbered_case(pair, 80, index, (F64,))
        if written_for(case.arrays, case.arguments):
            found.append(case)
            if len(found) == 12:
                return found
    raise AssertionError(f"only {len(found)} cases")


@pytest.mark.parametrize(
    ("students", "name", "written_for"), WRITTEN_OUT, ids=[students.__name__ for students, _, _ in WRITTEN_OUT]
)
@np.errstate(all="ignore")  # a mistake may be that log gets 0
def test_the_entry_is_what_people_write(students: Students, name: str, written_for: WrittenFor) -> None:
    """Bit for bit where integers do not round; within the rounding bound of the formula where they do.

    That bound knows the size of right results.  Wrong ones may be larger, and round as often: some last bits more.
    """
    mistake = NAMED[students.__name__.replace("_", "-")]
    right = pair_named(mistake.formula)
    planted = mistake.plant(right)
    wrong = 0
    kind = "real" if mistake.name in REACHED_BY_REAL_NUMBERS_ALONE else "lattice"
    for case in cases(mistake.formula, kind, written_for):
        entry, g = reference_results(planted, case)
        written = np.asarray(students(case.arrays, case.arguments, g))
        bound = right.expected(case, g).get(name)
        rounded = bound if bound is None or not bound.any() else bound + 8 * np.finfo(F64).eps * np.abs(written)
        verdict = compare(entry[name], written, rounded)
        assert verdict.equal, f"{case}: {verdict.message}"
        truth = reference_results(right, case)[0][name]
        wrong += not compare(truth, written, bound).equal
    assert wrong >= 2


def test_nearly_all_are_written_out_and_some_of_every_formula() -> None:
    names = {students.__name__.replace("_", "-") for students, _, _ in WRITTEN_OUT}
    assert len(names) == len(WRITTEN_OUT) >= 140
    assert {NAMED[name].formula for name in names} == {mistake.formula for mistake in MISTAKES}
