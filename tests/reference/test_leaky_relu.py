"""The leaky ReLU at the edges: zeros, NaN, infinity, and slopes of every sort, against torch bit for bit."""

from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F

import reference
from reference import nn
from tests.reference.comparing import INF, NAN, assert_bits, both_dtypes, differentiate, forward_and_backward
from torch_parity.proof.backend import tensor


@both_dtypes
def test_by_hand(dtype: Any) -> None:
    x = np.array([-8.0, -0.5, 0.0, 0.5, 8.0], dtype)
    g = np.array([1.0, 2.0, 4.0, 8.0, 16.0], dtype)
    assert_bits(reference.leaky_relu(x, 0.25), [-2.0, -0.125, 0.0, 0.5, 8.0])
    assert_bits(reference.leaky_relu_backward(g, x, 0.25), [0.25, 0.5, 1.0, 8.0, 16.0])


@both_dtypes
@pytest.mark.parametrize(
    ("slope", "expected"),
    [
        (0.5, [0.0, -0.0, -0.5, 1.0, -INF, INF, NAN]),
        (2.0, [0.0, -0.0, -2.0, 1.0, -INF, INF, NAN]),
        (-1.0, [-0.0, 0.0, 1.0, 1.0, INF, INF, NAN]),  # the product has the sign of a product
        (0.0, [0.0, -0.0, -0.0, 1.0, NAN, INF, NAN]),  # 0 * inf: it multiplies, where a ReLU selects
        (-0.0, [-0.0, 0.0, 0.0, 1.0, NAN, INF, NAN]),
        (INF, [NAN, NAN, -INF, 1.0, -INF, INF, NAN]),
        (NAN, [NAN, NAN, NAN, 1.0, NAN, INF, NAN]),
    ],
)
def test_edges(slope: float, expected: list[float], dtype: Any) -> None:
    x = np.array([0.0, -0.0, -1.0, 1.0, -INF, INF, NAN], dtype)
    assert_bits(reference.leaky_relu(x, slope), expected)
    assert_bits(F.leaky_relu(tensor(x), slope).numpy(), expected)


@both_dtypes
@pytest.mark.parametrize(
    ("pixel", "passes"),
    [(0.0, False), (-0.0, False), (NAN, False), (1.0, True), (-1.0, False), (INF, True), (-INF, False)],
)
def test_at_the_kink_and_at_nan_the_gradient_has_the_negative_slope(pixel: float, passes: bool, dtype: Any) -> None:
    upstream = np.array([INF, -INF, NAN, -0.0, 0.0, 2.5, -1.0], dtype)
    x = np.full(upstream.shape, pixel, dtype)
    expected = upstream if passes else upstream * dtype(0.25)
    assert_bits(reference.leaky_relu_backward(upstream, x, 0.25), expected)
    _, (theirs,) = differentiate(lambda t: F.leaky_relu(t, 0.25), (x,), upstream)
    assert_bits(theirs, expected)


@both_dtypes
@pytest.mark.parametrize("slope", [0.01, 0.2, -0.3, 3, 1e-30])
def test_it_rounds_once_as_torch_does(slope: float, dtype: Any) -> None:
    """The slope is rounded to the dtype, and then the product; subnormal results as well."""
    generator = np.random.default_rng(0)
    x, g = ((generator.standard_normal(5000) * 10.0 ** generator.integers(-38, 30, 5000)).astype(dtype) for _ in "xg")
    y, (theirs,) = differentiate(lambda t: F.leaky_relu(t, slope), (x,), g)
    assert_bits(reference.leaky_relu(x, slope), y)
    assert_bits(reference.leaky_relu_backward(g, x, slope), theirs)


def test_without_a_slope_it_is_one_hundredth() -> None:
    x = np.array([-1.0, 1.0])
    assert_bits(reference.leaky_relu(x), [-0.01, 1.0])
    assert_bits(reference.leaky_relu_backward(np.array([2.0, 2.0]), x), [0.02, 2.0])
    assert_bits(nn.LeakyReLU()(x), [-0.01, 1.0])


@pytest.mark.parametrize("slope", [1, True, np.float32(0.5), np.int64(2), np.True_])
def test_slopes_that_are_no_floats(slope: Any) -> None:
    x = np.array([-1.5, 2.0])
    assert_bits(reference.leaky_relu(x, slope), F.leaky_relu(tensor(x), slope).numpy())


def test_the_largest_slope_that_fits_is_taken() -> None:
    largest = float(np.finfo(np.float32).max)
    x = np.array([-0.5, 1.0], np.float32)
    assert_bits(reference.leaky_relu(x, -largest), [largest / 2, 1.0])
    assert_bits(F.leaky_relu(tensor(x), -largest).numpy(), [largest / 2, 1.0])
    with pytest.raises(ValueError, match=r"negative_slope must fit into float32, got 3\.5e"):
        reference.leaky_relu(x, 3.5e38)
    with pytest.raises(RuntimeError, match="overflow"):
        F.leaky_relu(tensor(x), 3.5e38)
    assert_bits(reference.leaky_relu(x.astype(np.float64), 3.5e38), [-1.75e38, 1.0])


@pytest.mark.parametrize("shape", [(), (0,), (2, 0, 3)])
def test_results_are_arrays_of_the_shape_of_the_input(shape: tuple[int, ...]) -> None:
    x = np.full(shape, -2.0, np.float32)
    for result in (reference.leaky_relu(x), reference.leaky_relu_backward(x, x), nn.LeakyReLU()(x)):
        assert isinstance(result, np.ndarray)
        assert result.shape == shape
        assert result.dtype == np.float32


@both_dtypes
@pytest.mark.parametrize("slope", [0.01, -0.5, 0, 3.0])
def test_the_layer(slope: float, dtype: Any) -> None:
    x = np.random.default_rng(0).standard_normal((2, 3, 5, 4)).astype(dtype)
    x[0, 0, 0] = [0, -0.0, INF, NAN]
    for ours, theirs in forward_and_backward(nn.LeakyReLU(slope), torch.nn.LeakyReLU(slope), x).values():
        assert_bits(ours, theirs)


def test_the_layer_prints_as_torchs() -> None:
    for arguments in ((), (0.2,), (1,), (0.2, True)):
        assert str(nn.LeakyReLU(*arguments)) == str(torch.nn.LeakyReLU(*arguments))


def test_the_layer_knows_the_dtype_of_its_input_and_computes_no_gradient_unasked() -> None:
    layer = nn.LeakyReLU()
    layer(np.ones(3, np.float32))
    with pytest.raises(TypeError, match="grad_output must have the dtype of input, float32, got float64"):
        layer.backward(np.ones(3))
    assert layer.backward(np.ones(3, np.float32), needs_input_grad=False) is None
