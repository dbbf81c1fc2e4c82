"""What the tests of the formulas share: arrays to compute on, torch beside the reference, and comparisons.

Hand-worked numbers are compared by ``assert_bits``, two sides by ``assert_equal``; neither has a tolerance.
"""

import math
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import torch

from reference import optim
from reference.optim import SGD, Parameter
from torch_parity.proof.backend import tensor, torch_as_measured
from torch_parity.proof.cases import Case
from torch_parity.proof.compare import compare, same_bits
from torch_parity.proof.pairs import Pair
from torch_parity.proof.prove import numbered_case

Array = npt.NDArray[Any]

NAN, INF = math.nan, math.inf
EXACT = np.zeros(())  # the bound where no sum rounds: only the sign of a zero is free
CASES = 96  # per layer; every kind of numbers and both dtypes take turns
both_dtypes = pytest.mark.parametrize("dtype", [np.float32, np.float64])


# Arrays.


def image(*rows: Any, dtype: Any = np.float32) -> Array:
    """One image of one channel, (1, 1, H, W)."""
    return np.array([[rows]], dtype)


def random_normal(shape: tuple[int, ...], dtype: Any = np.float64, seed: int = 0) -> Array:
    """Numbers around 0, of which sums and products round."""
    return np.random.default_rng(seed).standard_normal(shape).astype(dtype)


def random_integers(shape: tuple[int, ...], dtype: Any = np.float64, seed: int = 0) -> Array:
    """Integers from -4 to 4, of which sums and products are exact.  Arrays of different shapes are independent."""
    return np.random.default_rng([seed, *shape]).integers(-4, 5, shape).astype(dtype)


def cases_of(pair: Pair, count: int = CASES) -> Iterator[Case]:
    """The first cases of a formula, always the same ones."""
    for index in range(count):
        yield numbered_case(pair, 20, index)


# Both sides.


def differentiate(twin: Callable[..., Any], arrays: tuple[Array, ...], grad_output: Array) -> tuple[Array, list[Array]]:
    """torch's output, and its gradients for all of ``arrays``."""
    tensors = [tensor(array).requires_grad_() for array in arrays]
    with torch_as_measured():
        output = twin(*tensors)
        output.backward(tensor(grad_output))
    grads = [t.grad for t in tensors]
    return output.detach().numpy(), [g.numpy() for g in grads if g is not None]


def forward_and_backward(layer: Any, twin: Any, x: Array, grad_output: Array | None = None) -> dict[str, list[Array]]:
    """A layer beside its twin of torch: [ours, torch's] for the output and every gradient.

    The upstream gradient is made of random integers unless ``grad_output`` is given.
    """
    y = layer(x)
    g = random_integers(y.shape, y.dtype, seed=1) if grad_output is None else grad_output
    pixels = tensor(x).requires_grad_()
    with torch_as_measured():
        scores = twin(pixels)
        scores.backward(tensor(g))
    assert pixels.grad is not None
    results = {"output": [y, scores.detach().numpy()], "grad_input": [layer.backward(g), pixels.grad.numpy()]}
    theirs = dict(twin.named_parameters())
    for name, parameter in layer.named_parameters():
        results["grad_" + name] = [parameter.grad, theirs.pop(name).grad.numpy()]
    assert not theirs
    return results


def in_torch(state_dict: dict[str, Array]) -> dict[str, torch.Tensor]:
    """The weights of a layer, for its twin."""
    return {name: torch.from_numpy(array) for name, array in state_dict.items()}


def optimizers_of_both_sides(rates: list[float], **options: Any) -> tuple[SGD, torch.optim.SGD]:
    """An optimizer of either side, with a group of one parameter for each learning rate."""
    ours = SGD([{"params": [Parameter(np.ones(2, np.float32))], "lr": lr} for lr in rates], **options)
    theirs = torch.optim.SGD([{"params": [torch.nn.Parameter(torch.ones(2))], "lr": lr} for lr in rates], **options)
    return ours, theirs


def steps_of_both_sides(name: str, parameter: Array, grads: Array, **options: Any) -> tuple[list[Array], list[Array]]:
    """The parameter after each step of the optimizer called ``name``, by the reference and by torch."""
    k, twin = Parameter(parameter.copy()), torch.nn.Parameter(tensor(parameter))
    ours, theirs = getattr(optim, name)([k], **options), getattr(torch.optim, name)([twin], **options)
    seen: tuple[list[Array], list[Array]] = ([], [])
    for grad in grads:
        k.grad, twin.grad = grad, tensor(grad)
        ours.step()
        theirs.step()
        seen[0].append(k.data.copy())
        seen[1].append(twin.detach().numpy().copy())
    return seen


# Comparisons.


def assert_bits(actual: Array | None, expected: Any) -> None:
    """The shape and every bit of ``expected``, numbers turned into the dtype of ``actual``; NaN is equal to NaN."""
    assert actual is not None
    wanted = np.asarray(expected, actual.dtype)
    assert actual.shape == wanted.shape
    assert same_bits(actual, wanted).all(), f"{actual} is not {wanted}"


def assert_equal(ours: Array, theirs: Array, bound: Array | None = None) -> None:
    """Shape, dtype and every bit; or, with a ``bound``, values no further apart than it says (``compare``)."""
    verdict = compare(ours, theirs, bound)
    assert verdict.equal, verdict.message
