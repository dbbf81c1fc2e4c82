"""The sigmoid far out, at infinity and at NaN, against torch."""

from typing import Any

import mpmath
import numpy as np
import pytest
import torch

import reference
from reference import nn
from tests.reference.comparing import INF, NAN, assert_bits, both_dtypes, forward_and_backward
from torch_parity.proof.backend import tensor


@both_dtypes
def test_edges(dtype: Any) -> None:
    largest = np.finfo(dtype).max
    x = np.array([0.0, -0.0, INF, -INF, NAN, largest, -largest, np.finfo(dtype).tiny], dtype)
    expected = [0.5, 0.5, 1.0, 0.0, NAN, 1.0, 0.0, 0.5]
    assert_bits(reference.sigmoid(x), expected)
    assert_bits(torch.sigmoid(tensor(x)).numpy(), expected)


@both_dtypes
@pytest.mark.filterwarnings("error")
def test_nothing_overflows(dtype: Any) -> None:
    """Not even within: there is no warning where NumPy is asked to raise for each."""
    x = np.linspace(-2000, 2000, 4001).astype(dtype)
    with np.errstate(over="raise", invalid="raise", divide="raise"):
        y = reference.sigmoid.__wrapped__(x)  # type: ignore[attr-defined]
    assert (np.diff(y) >= 0).all()
    assert y[0] == 0
    assert y[-1] == 1


@both_dtypes
def test_small_probabilities_keep_their_digits(dtype: Any) -> None:
    """Down to the smallest normal number; 1 - sigmoid(-x) would be 0 from -17 (float32) on."""
    least = np.log(float(np.finfo(dtype).tiny))
    x = np.linspace(least + 1, 40, 500).astype(dtype)
    truth = [1 / (1 + mpmath.exp(-float(value))) for value in x]
    for y, exact in zip(reference.sigmoid(x), truth, strict=True):
        assert abs(float(y) - exact) <= 4 * np.finfo(dtype).eps * exact


@both_dtypes
def test_below_that_the_reference_goes_on_where_torch_is_zero(dtype: Any) -> None:
    """exp(-x) overflows in torch's float32 and float64; both results are within the bound of each other."""
    x = np.array([np.log(float(np.finfo(dtype).smallest_subnormal)) + 2], dtype)
    assert 0 < reference.sigmoid(x)[0] < np.finfo(dtype).tiny
    assert torch.sigmoid(tensor(x)).item() in (0, reference.sigmoid(x)[0])


@both_dtypes
def test_the_gradient_from_the_same_output_has_torchs_bits(dtype: Any) -> None:
    generator = np.random.default_rng(0)
    y = np.append(generator.uniform(0, 1, 1000), [0.0, -0.0, 1.0, INF, NAN, 0.5]).astype(dtype)
    g = np.append(generator.standard_normal(1000), [1.0, 1.0, -1.0, 1.0, 1.0, INF]).astype(dtype)
    theirs = torch.ops.aten.sigmoid_backward(tensor(g), tensor(y)).numpy()
    assert_bits(reference.sigmoid_backward(g, y), theirs)


def test_the_gradient_by_hand() -> None:
    assert_bits(reference.sigmoid_backward(np.array([8.0, -1.0]), np.array([0.5, 0.25])), [2.0, -0.1875])


@pytest.mark.parametrize("name", ["sigmoid", "tanh", "silu", "gelu"])
@pytest.mark.parametrize("shape", [(), (0,), (2, 0, 3)])
def test_results_are_arrays_of_the_shape_of_the_input(name: str, shape: tuple[int, ...]) -> None:
    x = np.full(shape, -2.0, np.float32)
    for result in (getattr(reference, name)(x), getattr(reference, name + "_backward")(x, x)):
        assert isinstance(result, np.ndarray)
        assert result.shape == shape
        assert result.dtype == np.float32


@pytest.mark.parametrize(
    "build",
    [lambda side: side.Sigmoid(), lambda side: side.Tanh(), lambda side: side.SiLU(), lambda side: side.SiLU(True),
     lambda side: side.GELU(), lambda side: side.GELU("tanh")],
)  # fmt: skip
def test_layers_print_as_torchs_and_compute_no_gradient_unasked(build: Any) -> None:
    layer = build(nn)
    assert str(layer) == str(build(torch.nn))
    layer(np.ones(2))
    assert layer.backward(np.ones(2), needs_input_grad=False) is None


def test_the_layer() -> None:
    """Of numbers whose sigmoid is exact to the last bit but one."""
    x = np.array([0.0, 40.0, -800.0, NAN])
    results = forward_and_backward(nn.Sigmoid(), torch.nn.Sigmoid(), x, np.array([4.0, 1.0, 1.0, 1.0]))
    assert_bits(results["output"][0], [0.5, 1.0, 0.0, NAN])
    assert_bits(results["grad_input"][0], [1.0, 0.0, 0.0, NAN])
    for ours, theirs in results.values():
        assert_bits(ours, theirs)
