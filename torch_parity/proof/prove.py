"""Running a pair on a case: both sides, all results, one verdict each."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from torch_parity.proof import bounds, low_precision
from torch_parity.proof.backend import Backend
from torch_parity.proof.cases import Case, RandomDraw
from torch_parity.proof.compare import Verdict, compare
from torch_parity.proof.pairs import Pair

Results = dict[str, npt.NDArray[Any]]
DTYPES = (np.dtype(np.float32), np.dtype(np.float64))
CPU = Backend()
# Bounds of what is equal only to a backend that adds up in the reference's order.
IN_ANY_ORDER = {
    "max_pool2d": bounds.max_pool2d,
    "avg_pool2d": bounds.avg_pool2d,
    "adaptive_avg_pool2d": bounds.adaptive_avg_pool2d,
    "nll_loss": bounds.nll_loss_in_any_order,
}


def numbered_case(pair: Pair, seed: int, index: int, dtypes: tuple[np.dtype[Any], ...] = DTYPES) -> Case:
    """Case ``index`` of the endless list that ``seed`` stands for: always the same one, whatever else was run."""
    generator = np.random.default_rng([seed, _number(pair), index])
    kind = pair.kinds[index % len(pair.kinds)]
    dtype = dtypes[index // len(pair.kinds) % len(dtypes)]
    return pair.cases(RandomDraw(generator), kind, dtype)


def _number(pair: Pair) -> int:
    return int.from_bytes(pair.name.encode(), "little")


def reference_results(pair: Pair, case: Case) -> tuple[Results, npt.NDArray[Any]]:
    """The results of the reference, and the upstream gradient that it used."""
    returned = pair.forward(**case.arrays, **case.arguments)
    outputs = _outputs(pair, returned)
    grad_output = case.upstream(outputs["output"].shape)
    grads = pair.backward(grad_output, case.arrays, case.arguments, returned)
    results = dict(outputs)
    for name, grad in zip(pair.gradients, grads, strict=bool(pair.gradients)):
        if name in pair.differentiable(case):
            assert grad is not None
            results["grad_" + name] = grad
    return results, grad_output


def torch_results(pair: Pair, case: Case, backend: Backend = CPU) -> tuple[Results, npt.NDArray[Any]]:
    """The results of torch, gradients by automatic differentiation, and the upstream gradient that it used."""
    names = pair.differentiable(case)
    tensors = backend.tensors(case.arrays, names)
    with backend.running():
        outputs = _outputs(pair, backend.twin(pair.twin)(**tensors, **case.arguments))
        grad_output = case.upstream(tuple(outputs["output"].shape))
        if names:
            outputs["output"].backward(backend.tensor(grad_output))
    results = {name: backend.array(output) for name, output in outputs.items()}
    for name in names:
        grad = tensors[name].grad
        results["grad_" + name] = np.zeros_like(case.arrays[name]) if grad is None else backend.array(grad)
    return results, grad_output


def both_sides(
    pair: Pair, case: Case, backend: Backend, any_order: bool
) -> tuple[Case, Results, Results, dict[str, npt.NDArray[Any] | None], npt.NDArray[Any]]:
    """The case as the backend gets it, the results of reference and torch, their bounds, and the upstream gradient.

    The upstream gradient is the same on both sides, since it depends on the shape of the output alone; where that is
    another, it is torch's.
    """
    if backend.dtype:
        case = low_precision.rounded(case, backend.dtype)
    ours, _ = reference_results(pair, case)
    theirs, grad_output = torch_results(pair, case, backend)
    with np.errstate(all="ignore"):  # extremes: an infinite bound is a bound
        if backend.dtype:
            ours, expected = low_precision.expected(pair, case, grad_output, ours, backend)
        else:
            expected = expected_of(pair, case, grad_output, any_order)
    return case, ours, theirs, expected, grad_output


def prove(pair: Pair, case: Case, backend: Backend = CPU) -> dict[str, Verdict]:
    """Compare every result of both sides."""
    _, ours, theirs, expected, _ = both_sides(pair, case, backend, any_order=not backend.sums_as_reference)
    return {name: compare(ours[name], theirs[name], expected.get(name)) for name in theirs}


def expected_of(
    pair: Pair, case: Case, grad_output: npt.NDArray[Any], any_order: bool
) -> dict[str, npt.NDArray[Any] | None]:
    """The bounds of ``pair.expected``; with ``any_order`` also for who does not add up in the reference's order."""
    expected = pair.expected(case, grad_output)
    if any_order and pair.name in IN_ANY_ORDER:
        return {**expected, **IN_ANY_ORDER[pair.name](case, grad_output)}
    return expected


def _outputs(pair: Pair, returned: Any) -> dict[str, Any]:
    return dict(zip(pair.outputs, returned if isinstance(returned, tuple) else (returned,), strict=True))


@dataclass
class Tally:
    """What the cases of one formula showed for one result, such as 'output' or 'grad_weight'."""

    compared: int = 0  # cases
    elements: int = 0
    identical: int = 0  # elements with the same bits
    exact_elements: int = 0  # elements that had to be equal: nothing rounds, or the lattice
    exact_different: int = 0
    largest_share: float = 0.0  # of the proven bound
    different: int = 0  # cases

    def add(self, verdict: Verdict) -> None:
        """Count one verdict."""
        self.compared += 1
        self.elements += verdict.elements
        self.identical += verdict.identical
        self.different += not verdict.equal
        if verdict.share is None:
            self.exact_elements += verdict.elements
            self.exact_different += verdict.wrong
        else:
            self.largest_share = max(self.largest_share, verdict.share)


@dataclass
class Report:
    """The proof of one formula over many cases."""

    pair: Pair
    cases: int = 0
    results: dict[str, Tally] = field(default_factory=dict)
    failures: list[tuple[int, Case, str]] = field(default_factory=list)  # number, case, what differed

    @property
    def equal(self) -> bool:
        """Whether every case was equal."""
        return not self.failures

    def smallest_failure(self) -> tuple[int, Case, str]:
        """The failing case with the fewest numbers in it."""
        return min(self.failures, key=lambda failure: sum(array.size for array in failure[1].arrays.values()))


def prove_many(
    pair: Pair,
    seed: int,
    indices: Iterable[int],
    dtypes: tuple[np.dtype[Any], ...] = DTYPES,
    backend: Backend = CPU,
) -> Report:
    """Prove the numbered cases of a pair.  A side that raises an error counts as different."""
    report = Report(pair)
    for index in indices:
        case = numbered_case(pair, seed, index, backend.case_dtypes(dtypes))
        if backend.dtype:
            case = low_precision.rounded(case, backend.dtype)
        report.cases += 1
        try:
            verdicts = prove(pair, case, backend)
        except Exception as error:
            report.failures.append((index, case, f"{type(error).__name__}: {error}"))
            continue
        for name, verdict in verdicts.items():
            report.results.setdefault(name, Tally()).add(verdict)
            if not verdict.equal:
                report.failures.append((index, case, f"{name}: {verdict.message}"))
    return report
