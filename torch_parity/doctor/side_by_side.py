"""Two arrays beside one another, what is expected and what came, cut to what an eye can take in."""

from itertools import zip_longest

import numpy as np

from torch_parity.doctor.question import Array

# The largest matrix that is shown whole, and the most elements that are listed of one that is not.
ROWS, COLUMNS_SHOWN, LISTED = 8, 9, 6
MANY = 20  # elements of an array with more axes, of which only one matrix is shown
GUTTER = 4  # columns


def side_by_side(expected: Array, got: Array, width: int, titles: tuple[str, str] = ("expected", "yours")) -> list[str]:
    """The lines of both arrays, one beside the other where ``width`` columns hold them, else one below the other."""
    if expected.shape != got.shape:
        titles = (f"{titles[0]}, shape {expected.shape}", f"{titles[1]}, shape {got.shape}")
        return _joined([_summary(array) for array in (expected, got)], titles, width)
    while expected.ndim > 1 and len(expected) == 1:
        expected, got = expected[0], got[0]
    where = ""
    if expected.ndim > 2 and expected.size > MANY:
        expected, got, where = _first_matrix(expected, got)
    sides = np.atleast_2d(expected)
    if sides.ndim == 2 and (sides.shape[0] > ROWS or sides.shape[1] > COLUMNS_SHOWN):
        return [*([where] if where else []), *_listed(expected, got, titles)]
    digits = _digits(expected, got)
    texts = [_text(array, digits) for array in (expected, got)]
    return [*([where] if where else []), *_joined(texts, titles, width)]


def _first_matrix(expected: Array, got: Array) -> tuple[Array, Array, str]:
    """The first matrix that differs, and which one it is."""
    wrong = _different(expected, got).any(axis=(-2, -1))
    place = tuple(int(i) for i in np.argwhere(wrong)[0])
    where = ", ".join(map(str, place))
    return expected[place], got[place], f"at [{where}], the first of {wrong.sum()} that differ, of {wrong.size}:"


def _different(expected: Array, got: Array) -> Array:
    """Where two arrays differ by more than rounding; where by no more, where they differ at all."""
    a, b = expected.astype(float), got.astype(float)
    with np.errstate(all="ignore"):
        equal = (a == b) | (np.isnan(a) & np.isnan(b))
        largest = np.abs(a[np.isfinite(a)]).max(initial=1.0)
        apart = ~equal & ~(np.abs(a - b) <= 1e-9 * largest)
    return np.asarray(apart if apart.any() else ~equal)


def _digits(expected: Array, got: Array) -> int:
    """So many digits after the point that different numbers look different."""
    wrong = _different(expected, got)
    a, b = expected[wrong].astype(float), got[wrong].astype(float)
    with np.errstate(all="ignore"):
        return next((n for n in (4, 8, 12) if (np.round(a, n) != np.round(b, n)).all()), 17)


def _text(array: Array, digits: int) -> list[str]:
    plain = array + 0.0 if array.dtype.kind == "f" else array  # no -0
    return np.array2string(plain, precision=digits, suppress_small=True, max_line_width=10_000).splitlines()


def _summary(array: Array) -> list[str]:
    """An array that has another shape than it should: whole if it is small, else its corners."""
    plain = array + 0.0 if array.dtype.kind == "f" else array
    with np.printoptions(threshold=36, edgeitems=2, precision=4, suppress=True, linewidth=100):
        return str(plain).splitlines()


def _listed(expected: Array, got: Array, titles: tuple[str, str]) -> list[str]:
    """The first elements that differ, a line each."""
    digits = _digits(expected, got)
    places = np.argwhere(_different(expected, got))
    rows = []
    for place in map(tuple, places[:LISTED].tolist()):
        numbers = [np.array2string(side[place], precision=digits, suppress_small=True) for side in (expected, got)]
        rows.append((f"at {place if len(place) > 1 else place[0]}", *numbers))
    widths = [max(len(row[column]) for row in [("", *titles), *rows]) for column in range(3)]
    lines = [
        "   ".join(f"{cell:<{size}}" for cell, size in zip(row, widths, strict=True)) for row in [("", *titles), *rows]
    ]
    if len(places) > LISTED:
        lines.append(f"and {len(places) - LISTED} more; {len(places)} of {expected.size} elements differ")
    return lines


def _joined(texts: list[list[str]], titles: tuple[str, str], width: int) -> list[str]:
    left, right = ([title, *text] for title, text in zip(titles, texts, strict=True))
    size = max(map(len, left)) + GUTTER
    if size + max(map(len, right)) > width:
        return [*left, *right]
    return [f"{a:<{size}}{b}".rstrip() for a, b in zip_longest(left, right, fillvalue="")]
