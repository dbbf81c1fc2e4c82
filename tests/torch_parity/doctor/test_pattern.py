"""Which elements are wrong, in words."""

import numpy as np

from torch_parity.doctor.diagnosis import Evidence
from torch_parity.doctor.pattern import pattern
from torch_parity.doctor.question import Array, Question
from torch_parity.doctor.right import Expected


def evidence(*wrong: Array) -> list[Evidence]:
    """Results of zeros that are 1 where ``wrong``."""
    found = []
    for mask in wrong:
        question = Question("relu", "lattice", {"input": np.zeros(mask.shape)}, {})
        right = Expected({"output": np.zeros(mask.shape)}, {"output": 1.0})
        found.append(Evidence(question, right, {"output": mask.astype(float)}))
    return found


def at(*place: int | slice, shape: tuple[int, ...]) -> Array:
    mask = np.zeros(shape, bool)
    mask[place] = True
    return mask


def test_the_last_column() -> None:
    column = (slice(None), slice(None), slice(None), -1)
    found = pattern("output", evidence(at(*column, shape=(2, 3, 4, 5)), at(*column, shape=(1, 2, 3, 3))))
    assert found == "only the last column is wrong, on every case"


def test_inputs_of_several_ranks() -> None:
    """A row of one is no row of the other."""
    found = pattern("output", evidence(at(0, 0, 0, 0, shape=(2, 2, 2, 2)), at(0, 0, shape=(2, 2))))
    assert found == "16% of the elements are wrong, on every case"
