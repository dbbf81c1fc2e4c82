"""Expected and yours, beside one another."""

import numpy as np

from torch_parity.doctor.side_by_side import side_by_side

RIGHT = np.array([[[[1.0, 2.0], [3.0, 4.0]]]])


def test_axes_of_one_are_left_out() -> None:
    assert side_by_side(RIGHT, RIGHT[..., ::-1], 80) == [
        "expected     yours",
        "[[1. 2.]     [[2. 1.]",
        " [3. 4.]]     [4. 3.]]",
    ]


def test_one_below_the_other_where_there_is_no_room() -> None:
    assert side_by_side(RIGHT, -RIGHT, 20) == [
        "expected",
        "[[1. 2.]",
        " [3. 4.]]",
        "yours",
        "[[-1. -2.]",
        " [-3. -4.]]",
    ]


def test_other_shapes_are_said() -> None:
    title, *rows = side_by_side(np.zeros((1, 2)), np.zeros(3), 80)
    assert title.split("   ") == ["expected, shape (1, 2)", " yours, shape (3,)"]
    assert rows == ["[[0. 0.]]                 [0. 0. 0.]"]


def test_numbers_that_differ_look_different() -> None:
    """As many digits as that takes."""
    _, row = side_by_side(np.array([1.0, 0.5]), np.array([1.0 + 3e-7, 0.5]), 80)
    assert row == "[1.  0.5]    [1.0000003 0.5      ]"
    _, row = side_by_side(np.array(1.0), np.array(1.0 + 2**-40), 80)
    assert len(set(row.split())) == 2


def test_rounding_is_not_taken_for_the_difference() -> None:
    expected = np.full((20, 20), 1 / 3)
    got = expected + 1e-16
    got[3, 4] = 7
    lines = side_by_side(expected, got, 80)
    assert lines == ["            expected   yours", "at (3, 4)   0.3333     7.   "]


def test_of_many_matrices_the_first_that_differs_is_shown() -> None:
    expected = np.zeros((2, 3, 4, 4))
    got = expected.copy()
    got[1, 0, 2, 2] = got[1, 2] = 5
    lines = side_by_side(expected, got, 80)
    assert lines[0] == "at [1, 0], the first of 2 that differ, of 6:"
    assert lines[4] == " [0. 0. 0. 0.]      [0. 0. 5. 0.]"


def test_a_large_matrix_is_cut_to_what_differs() -> None:
    expected = np.zeros((9, 30))
    lines = side_by_side(expected, expected + (np.arange(30) > 1), 80)
    assert lines[1].split() == ["at", "(0,", "2)", "0.", "1."]
    assert lines[-1] == "and 246 more; 252 of 270 elements differ"
    assert len(lines) == 8


def test_nan_and_whole_numbers_and_no_minus_before_0() -> None:
    assert side_by_side(np.array([-0.0, 2.0]), np.array([-0.0, 1.0]), 80)[1] == "[0. 2.]     [0. 1.]"
    assert side_by_side(np.array([1.0, np.inf]), np.array([np.nan, np.inf]), 80)[1] == "[ 1. inf]    [nan inf]"
    assert side_by_side(np.array([1.0, 2.0]), np.array([1, 0]), 80)[1] == "[1. 2.]     [1 0]"
