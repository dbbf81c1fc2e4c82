"""Running a pair on a case: both sides, all results, one verdict each."""

import contextlib
import warnings
from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from torch_parity.cases import Case, RandomDraw
from torch_parity.compare import Verdict, compare
from torch_parity.pairs import PAIRS, Pair

Results = dict[str, npt.NDArray[Any]]
DTYPES = (np.dtype(np.float32), np.dtype(np.float64))


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
    outputs = _outputs(returned)
    grad_output = case.upstream(outputs["output"].shape)
    grads = pair.backward(grad_output, case.arrays, case.arguments, returned)
    results = dict(outputs)
    for name, grad in zip(pair.gradients, grads, strict=bool(pair.gradients)):
        if name in pair.differentiable(case):
            assert grad is not None
            results["grad_" + name] = grad
    return results, grad_output


def torch_results(pair: Pair, case: Case, grad_output: npt.NDArray[Any]) -> Results:
    """The results of torch, gradients by automatic differentiation."""
    names = pair.differentiable(case)
    tensors = {name: tensor(array).requires_grad_(name in names) for name, array in case.arrays.items()}
    with torch_as_measured():
        outputs = _outputs(pair.twin(**tensors, **case.arguments))
        if names:
            outputs["output"].backward(tensor(grad_output))
    results = {name: output.detach().numpy() for name, output in outputs.items()}
    for name in names:
        grad = tensors[name].grad
        results["grad_" + name] = np.zeros_like(case.arrays[name]) if grad is None else grad.numpy()
    return results


def prove(pair: Pair, case: Case) -> dict[str, Verdict]:
    """Compare every result of both sides."""
    ours, grad_output = reference_results(pair, case)
    theirs = torch_results(pair, case, grad_output)
    with np.errstate(all="ignore"):  # extremes: an infinite bound is a bound
        expected = pair.expected(case, grad_output)
    return {name: compare(ours[name], theirs[name], expected.get(name)) for name in theirs}


def tensor(array: npt.NDArray[Any]) -> torch.Tensor:
    """A tensor with a plain copy of ``array``: torch knows no negative strides, and must not share what it changes."""
    return torch.from_numpy(np.array(array, order="C"))


@contextlib.contextmanager
def torch_as_measured() -> Iterator[None]:
    """torch without NNPACK, whose convolutions are inexact, and without its warning of 'same' with even kernels."""
    with warnings.catch_warnings(), torch.backends.nnpack.flags(enabled=False):
        warnings.filterwarnings("ignore", message="Using padding='same' with even kernel lengths", category=UserWarning)
        yield


def pair_named(name: str) -> Pair:
    """The row of ``PAIRS`` called ``name``; ValueError if there is none."""
    for pair in PAIRS:
        if pair.name == name:
            return pair
    raise ValueError(f"name must be one of {', '.join(pair.name for pair in PAIRS)}, got {name!r}")


def _outputs(returned: Any) -> dict[str, Any]:
    if isinstance(returned, tuple):
        return dict(zip(("output", "indices"), returned, strict=True))
    return {"output": returned}
