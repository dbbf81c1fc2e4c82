"""The numbers of a section, computed by the reference and by torch, and proven equal before they are shown."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

import reference
from torch_parity.audit.mistakes import Mistake
from torch_parity.proof.cases import Case
from torch_parity.proof.compare import compare
from torch_parity.proof.pairs import pair_named
from torch_parity.proof.prove import CPU, both_sides, reference_results

Array = npt.NDArray[Any]
Matrices = dict[str, Array]  # by the page's names without the section's: 'image' for convolution.image


class UnequalError(Exception):
    """A number of the lesson differs from torch's: there must be no page."""


@dataclass(frozen=True)
class Call:
    """One call of a formula, by its name in ``proof/pairs.py``, and under which names the page shows its results.

    ``shows`` maps results ('output', 'grad_input', ...) to matrices.  Where a matrix that an earlier call shows goes
    into this one, its name stands in place of the array: then a mistake in the earlier formula is carried on.
    """

    formula: str
    arrays: Mapping[str, Array | str]
    arguments: dict[str, Any]
    shows: dict[str, str]
    grad_output: Array | str | None = None


@dataclass(frozen=True)
class Result:
    """One computed matrix: NumPy's and torch's, and how far two correct programs can be apart (0: not at all)."""

    numpy: Array
    torch: Array
    bound: Array


@dataclass(frozen=True)
class Example:
    """One state of a section's figure: the options chosen, the matrices given, and those computed."""

    options: dict[str, Any]
    given: Matrices
    results: dict[str, Result]


@dataclass(frozen=True)
class HandMadeCase(Case):
    """A case whose upstream gradient was written by hand, too; None: all ones."""

    grad_output: Array | None = field(default=None, kw_only=True)

    def upstream(self, shape: tuple[int, ...]) -> Array:
        """The upstream gradient."""
        return np.ones(shape, self.dtype) if self.grad_output is None else self.grad_output.reshape(shape)


def prove(calls: Iterable[Call]) -> dict[str, Result]:
    """The results of ``calls`` by matrix.

    Raises UnequalError if NumPy and torch differ by a bit where nothing rounds, or elsewhere by more than the proven
    bound.
    """
    results: dict[str, Result] = {}
    for call in calls:
        case = _case(call, {name: result.numpy for name, result in results.items()})
        _, ours, theirs, expected, _ = both_sides(pair_named(call.formula), case, CPU, any_order=True)
        for name, matrix in call.shows.items():
            verdict = compare(ours[name], theirs[name], expected.get(name))
            if not verdict.equal:
                raise UnequalError(f"{matrix}, the {name} of {call.formula} for {case}: {verdict.message}")
            known = expected.get(name)
            bound = np.broadcast_to(0.0 if known is None else known, ours[name].shape)
            carried = _carried(call, case, name, ours[name].shape, results)
            results[matrix] = Result(ours[name], theirs[name], bound + carried)
    return results


def _carried(call: Call, case: Case, name: str, shape: tuple[int, ...], results: Mapping[str, Result]) -> Array:
    """How far the result ``name``, of ``shape``, moves where the call is given earlier results, off by their bounds.

    Raises ValueError where nobody has worked out how the formula passes a rounding on.
    """
    moved = np.zeros(shape)
    for argument, value in {**call.arrays, "grad_output": call.grad_output}.items():
        if not isinstance(value, str) or (name == "output" and argument == "grad_output"):
            continue
        bound = results[value].bound
        if bound.any():
            moved += _passed_on(call, case, name, argument, bound).reshape(shape)
    return moved


def _passed_on(call: Call, case: Case, name: str, argument: str, bound: Array) -> Array:
    """How far the result ``name`` moves where ``argument`` alone is off by ``bound``."""
    if call.formula in ("relu", "flatten") and (name, argument) in (("output", "input"), ("grad_input", "grad_output")):
        return bound  # each number passes, or a 0 in its place
    sizes = {given: np.abs(array) for given, array in case.arrays.items() if given != "bias"} | {argument: bound}
    moved: Array
    match call.formula, name:
        case "conv2d", "output" if argument != "bias":  # of sums of products the same sum, of the sizes
            moved = reference.conv2d(sizes["input"], sizes["weight"], **call.arguments)
        case "linear", "output" if argument != "bias":
            moved = reference.linear(sizes["input"], sizes["weight"])
        case "max_pool2d", "output":  # a maximum moves no farther than what it is the maximum of
            moved = reference.max_pool2d(bound, **call.arguments)
        case "softmax", "output":  # power and sum are both off by the factor exp(bound) at most
            dim = call.arguments["dim"]
            moved = reference.softmax(case.arrays["input"], dim) * np.expm1(2 * bound.max(dim, keepdims=True))
        case _:
            raise ValueError(f"no bound is known for the {name} of {call.formula} where its {argument} is rounded")
    return moved


@np.errstate(all="ignore")  # a mistake may be that exp overflows
def wrong(calls: Iterable[Call], mistake: Mistake) -> Matrices:
    """The same matrices with a mistake planted in its formula."""
    results: Matrices = {}
    for call in calls:
        pair, case = pair_named(call.formula), _case(call, results)
        if mistake.formula == call.formula:
            pair = mistake.plant(pair)
        if call.shows.keys() <= {"output", "indices"}:  # alone: a wrong output may not fit the gradient's formula
            returned = pair.forward(**case.arrays, **case.arguments)
            ours = dict(
                zip(("output", "indices"), returned if isinstance(returned, tuple) else (returned,), strict=False)
            )
        else:
            ours, _ = reference_results(pair, case)
        results |= {matrix: np.asarray(ours[name]) for name, matrix in call.shows.items()}
    return results


def _case(call: Call, earlier: Matrices) -> HandMadeCase:
    """In float64, as JavaScript's numbers are.  Sums of small integers are exact, so those must be equal to the bit."""

    def found(given: Array | str) -> Array:
        return earlier[given] if isinstance(given, str) else given

    arrays = {name: _doubles(name, found(given)) for name, given in call.arrays.items()}
    numbers = [*arrays.values()]
    upstream = None
    if call.grad_output is not None:
        upstream = _doubles("grad_output", found(call.grad_output))
        numbers.append(upstream)
    numbers += [np.array(value) for value in call.arguments.values() if isinstance(value, float)]  # a learning rate
    kind = "lattice" if all(map(_are_small_integers, numbers)) else "real"
    return HandMadeCase(kind, np.dtype(np.float64), arrays, call.arguments, grad_output=upstream)


def _doubles(name: str, array: Array) -> Array:
    """In float64, but for the true classes, which stay integers."""
    return array if name == "target" and array.dtype.kind == "i" else array.astype(np.float64)


def _are_small_integers(array: Array) -> bool:
    return np.array_equal(array, np.round(array)) and bool(np.abs(array).max(initial=0) < 1e6)
