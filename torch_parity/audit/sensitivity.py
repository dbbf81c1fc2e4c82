"""How small an error the proof sees: the comparison, tested by planting errors.

Two questions, two answers.

1.  How large must a relative error in a single element be, for a comparison to reject it?  ``sensitivity`` plants
    x (1 + 2^-k), or an error of 2^-k where x is 0, in one element after another of a case's correct results, and
    bisects k.  Results that must have torch's bits, or lie on the lattice, give themselves away by their last bit.
    Real numbers must be off by more than the rounding bound, which grows with the length of the sum.  Where a sum
    cancels, or a probability underflows, the bound exceeds the element itself: there no relative error is seen, which
    the table calls 'never'.

2.  Is a single wrong product in a long sum seen?  On the lattice always, and the reason is arithmetic: all sums are
    exact, so an output that lacks, doubles or negates a nonzero product differs by 1, 1 or 2 times that product, a
    nonzero integer.  ``hidden_products`` shows it rather than argues: it takes each product of each sum of a case,
    output and gradients, changes it, and counts the changes that ``compare`` lets pass: none.
"""

import itertools
import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from torch_parity.proof.cases import Case, RandomDraw
from torch_parity.proof.compare import compare
from torch_parity.proof.pairs import Pair
from torch_parity.proof.prove import reference_results

Array = npt.NDArray[Any]

# One error in each of this many elements of a result, the largest and the smallest among them.
ELEMENTS = 5
# 2^-LEAST is below the last bit of float64, 2^MOST beyond what any bound allows.
LEAST, MOST = 60, 20


@dataclass(frozen=True)
class Sensitivity:
    """The relative errors in one element of ``result`` that cases of one kind and dtype reveal."""

    formula: str
    kind: str
    dtype: str
    result: str
    elements: int
    median: float
    worst: float

    def __str__(self) -> str:
        """One line of the table."""
        return (
            f"{self.formula:<14} {self.kind:<8} {self.dtype:<8} {self.result:<12} {self.elements:>5} "
            f"{_power(self.median):>7} {_power(self.worst):>7}"
        )


def _power(error: float) -> str:
    return "never" if math.isinf(error) else f"2^{math.log2(error):.0f}"


def sensitivity(pair: Pair, cases: int, seed: int) -> list[Sensitivity]:
    """The table for one formula: lattice and real cases, both dtypes, ``cases`` of each; a row for each result."""
    rows = []
    for kind, dtype in itertools.product(("lattice", "real"), ("float32", "float64")):
        found: dict[str, list[float]] = {}
        for index in range(cases):
            draw = RandomDraw(np.random.default_rng([seed, index]))
            for name, errors in _revealed(pair, pair.cases(draw, kind, np.dtype(dtype))).items():
                found.setdefault(name, []).extend(errors)
        for name, errors in found.items():
            if errors:
                rows.append(
                    Sensitivity(pair.name, kind, dtype, name, len(errors), float(np.median(errors)), max(errors))
                )
    return rows


def _revealed(pair: Pair, case: Case) -> dict[str, list[float]]:
    """For each result the smallest errors seen, element by element."""
    results, grad_output = reference_results(pair, case)
    with np.errstate(all="ignore"):
        expected = pair.expected(case, grad_output)
    found: dict[str, list[float]] = {}
    for name, result in results.items():
        if result.dtype.kind == "f" and result.size and np.isfinite(result).all():
            bound = expected.get(name)
            bounds = None if bound is None else np.broadcast_to(bound, result.shape).ravel()
            flat = np.array(result).ravel()
            found[name] = [
                smallest_error(flat[i : i + 1], None if bounds is None else bounds[i : i + 1]) for i in _some(flat)
            ]
    return found


def _some(flat: Array) -> Iterator[int]:
    """The positions of the largest element, the smallest that is not 0, and others evenly between."""
    order = [int(i) for i in np.argsort(np.abs(flat), kind="stable") if flat[i]]
    chosen = {order[round(share * (len(order) - 1))] for share in np.linspace(0, 1, ELEMENTS)} if order else set()
    return iter(sorted(chosen))


def smallest_error(value: Array, bound: Array | None) -> float:
    """The smallest power of two, as a relative error, that ``compare`` rejects; infinite if there is none.

    ``value`` holds one nonzero number, ``bound`` what it may differ by (None: nothing).  A larger error is further
    away, so bisection finds where rejection begins.
    """

    def rejected(power: int) -> bool:
        with np.errstate(over="ignore"):
            off = (value.astype(np.longdouble) * (1 + np.ldexp(np.longdouble(1), power))).astype(value.dtype)
        return not compare(off, value, bound).equal

    low, high = -LEAST, MOST
    if not rejected(high):
        return math.inf
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if rejected(middle) else (middle, high)
    return 2.0**high


# Single products.

# What is added to a sum when one of its products is wrong, as a multiple of it.
CHANGES = {"dropped": -1, "doubled": 1, "negated": -2}


class NonzeroCase(Case):
    """A lattice case whose integers are all nonzero, the upstream gradient's too, and with them every product."""

    def upstream(self, shape: tuple[int, ...]) -> Array:
        """The gradient that comes from above, for an output of ``shape``."""
        return _nonzero(super().upstream(shape))


def nonzero(case: Case) -> NonzeroCase:
    """The case with 1 for every 0."""
    arrays = {name: _nonzero(array) for name, array in case.arrays.items()}
    return NonzeroCase(case.kind, case.dtype, arrays, case.arguments, case.seed)


def _nonzero(array: Array) -> Array:
    return np.where(array == 0, array.dtype.type(1), array)


def hidden_products(pair: Pair, case: NonzeroCase) -> tuple[int, list[str]]:
    """The number of products in all sums of a formula that consists of them, and the changes that are not seen.

    Raises ValueError if the products do not add up to the results: then they are not those of the formula.
    """
    results, grad_output = reference_results(pair, case)
    expected = pair.expected(case, grad_output)
    found = list(_PRODUCTS[pair.name](case, grad_output))
    sums = {name: np.zeros(result.shape) for name, result in results.items()}
    for name, index, product in found:
        sums[name][index] += product
    if not all(np.array_equal(sums[name], results[name]) for name in results):
        raise ValueError("the products must add up to the results of the formula")
    hidden = []
    for name, index, product in found:
        right = results[name][index].reshape(1)
        for change, factor in CHANGES.items():
            wrong = (right + factor * product).astype(case.dtype)
            if compare(wrong, right, expected.get(name)).equal:
                hidden.append(f"{name}{list(index)}: {product} {change}")
    return len(found), hidden


Product = tuple[str, tuple[int, ...], Any]  # the result that it belongs to, the element, the value


def _linear(case: Case, grad_output: Array) -> Iterator[Product]:
    """Each output is a sum over the input features; each product has a share in two gradients."""
    x, weight = case.arrays["input"], np.atleast_2d(case.arrays["weight"])
    for *n, o in np.ndindex(*grad_output.shape):
        g = grad_output[(*n, o)]
        for i in range(weight.shape[1]):
            yield "output", (*n, o), x[(*n, i)] * weight[o, i]
            yield "grad_input", (*n, i), g * weight[o, i]
            yield "grad_weight", (o, i), g * x[(*n, i)]
        if "bias" in case.arrays:
            yield "output", (*n, o), case.arrays["bias"][o]
            yield "grad_bias", (o,), g


def _conv2d(case: Case, grad_output: Array) -> Iterator[Product]:
    """As the formula says, one index at a time.  There are no products with padding."""
    x, weight, o = case.arrays["input"], case.arrays["weight"], case.arguments
    (sh, sw), (dh, dw) = _both(o["stride"]), _both(o["dilation"])
    if o["padding"] == "same":
        ph, pw = dh * (weight.shape[2] - 1) // 2, dw * (weight.shape[3] - 1) // 2
    else:
        ph, pw = (0, 0) if o["padding"] == "valid" else _both(o["padding"])
    filters, channels = len(weight) // o["groups"], weight.shape[1]
    for *n, f, i, j in np.ndindex(*grad_output.shape):
        g = grad_output[(*n, f, i, j)]
        for c, m, k in np.ndindex(*weight.shape[1:]):
            row, column = i * sh + m * dh - ph, j * sw + k * dw - pw
            if 0 <= row < x.shape[-2] and 0 <= column < x.shape[-1]:
                pixel = (*n, f // filters * channels + c, row, column)
                yield "output", (*n, f, i, j), x[pixel] * weight[f, c, m, k]
                yield "grad_input", pixel, g * weight[f, c, m, k]
                yield "grad_weight", (f, c, m, k), g * x[pixel]
        if "bias" in case.arrays:
            yield "output", (*n, f, i, j), case.arrays["bias"][f]
            yield "grad_bias", (f,), g


def _conv_transpose2d(case: Case, grad_output: Array) -> Iterator[Product]:
    """As the formula says, one pixel and one tap at a time.  What is cut off is no product."""
    x, weight, o = case.arrays["input"], case.arrays["weight"], case.arguments
    (sh, sw), (ph, pw), (dh, dw) = _both(o["stride"]), _both(o["padding"]), _both(o["dilation"])
    channels, maps = len(weight) // o["groups"], weight.shape[1]
    for *n, c, i, j in np.ndindex(*x.shape):
        for f, m, k in np.ndindex(*weight.shape[1:]):
            row, column = i * sh + m * dh - ph, j * sw + k * dw - pw
            if 0 <= row < grad_output.shape[-2] and 0 <= column < grad_output.shape[-1]:
                place = (*n, c // channels * maps + f, row, column)
                yield "output", place, x[(*n, c, i, j)] * weight[c, f, m, k]
                yield "grad_input", (*n, c, i, j), grad_output[place] * weight[c, f, m, k]
                yield "grad_weight", (c, f, m, k), grad_output[place] * x[(*n, c, i, j)]
    if "bias" in case.arrays:
        for *n, f, row, column in np.ndindex(*grad_output.shape):
            yield "output", (*n, f, row, column), case.arrays["bias"][f]
            yield "grad_bias", (f,), grad_output[(*n, f, row, column)]


def _both(value: Any) -> tuple[int, int]:
    spelled = (value,) if isinstance(value, int) else tuple(value)
    return spelled[0], spelled[-1]


_PRODUCTS: dict[str, Callable[[Case, Array], Iterator[Product]]] = {
    "conv2d": _conv2d,
    "conv_transpose2d": _conv_transpose2d,
    "linear": _linear,
}
