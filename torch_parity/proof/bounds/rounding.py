"""The model of rounding (see the top of the package): the errors of operations in a row, and of sums of products."""

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from torch_parity.proof.backend import tensor, torch_as_measured
from torch_parity.proof.cases import Case

Array = npt.NDArray[Any]
Bounds = dict[str, Array]
Twin = Callable[..., torch.Tensor]

# Largest error of exp, log, log1p and tanh, numpy's and torch's, and of torch's erf, in units in the last place;
# measured: below 2.6.
FUNCTION_ULPS = 4


def unit_roundoff(dtype: np.dtype[Any]) -> float:
    """u: half the distance from 1 to the next number."""
    return float(np.finfo(dtype).eps) / 2


def gamma(operations: float | Array, dtype: np.dtype[Any]) -> Any:
    """gamma_n: the largest relative error that n roundings can add up to."""
    error = np.asarray(operations, np.float64) * unit_roundoff(dtype)
    return np.where(error < 1, error / np.where(error < 1, 1 - error, 1), np.inf)


def of_sum(magnitude: Array, terms: float | Array, dtype: np.dtype[Any]) -> Array:
    """Largest difference of two correct sums of ``terms`` products whose absolute values sum to ``magnitude``."""
    info = np.finfo(dtype)
    # The magnitude itself was summed in double precision.
    magnitude = np.asarray(magnitude, np.float64) * (1 + gamma(terms, np.dtype(np.float64)))
    bound = 2 * gamma(terms, dtype) * magnitude + np.asarray(terms) * float(info.tiny)
    with np.errstate(invalid="ignore"):
        return np.where(magnitude > float(info.max) / 4, np.inf, bound)


def magnitudes(twin: Twin, case: Case, grad_output: Array, differentiable: tuple[str, ...]) -> dict[str, Array]:
    """The formula and its gradients on absolute values, in double precision: sum |a||b| for each result.

    NaN where a factor is NaN or infinite, and the other terms stay far from overflow.  Meant for formulas that are sums
    of products; the keys are 'output' and 'grad_' + the arguments' names.
    """
    given = {**case.arrays, "": grad_output}
    finite = _on_absolute_values(twin, case, {n: finite_magnitude(a) for n, a in given.items()}, differentiable)
    if all(np.isfinite(array).all() for array in given.values()):
        return finite
    whole = _on_absolute_values(twin, case, {n: np.abs(a).astype(np.float64) for n, a in given.items()}, differentiable)
    safe = float(np.finfo(case.dtype).max) / 4
    return {n: np.where(np.isfinite(whole[n]) | (finite[n] > safe), finite[n], np.nan) for n in finite}


def _on_absolute_values(
    twin: Twin, case: Case, arrays: dict[str, Array], differentiable: tuple[str, ...]
) -> dict[str, Array]:
    """The output and the gradients of the twin on ``arrays``, of which '' is the upstream gradient."""
    grad_output = arrays.pop("")
    tensors = {name: tensor(array).requires_grad_(name in differentiable) for name, array in arrays.items()}
    with torch_as_measured():
        output = twin(**tensors, **case.arguments)
        torch.autograd.backward(output, tensor(grad_output))
    results = {"output": output.detach().numpy()}
    for name in differentiable:
        grad = tensors[name].grad
        assert grad is not None
        results["grad_" + name] = grad.numpy()
    return results


def finite_magnitude(array: Array) -> Array:
    """|x| in double precision, 0 for NaN and infinities: sums without products that meet those agree in any order."""
    return np.where(np.isfinite(array), np.abs(array), 0).astype(np.float64, copy=False)
