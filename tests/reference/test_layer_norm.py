"""Layer normalisation: worked by hand, rows of equal numbers, rows that are not finite, empty arrays, and the layer.

The numbers are worked by hand, and torch, asked the same, must give them too.
"""

import math
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F

import reference
from reference import nn
from tests.reference.comparing import INF, NAN, assert_bits, both_dtypes, differentiate, random_integers, random_normal
from torch_parity.proof.backend import tensor


@both_dtypes
def test_each_row_is_normalised_by_itself(dtype: Any) -> None:
    x = np.array([[1, 1, 3, 3], [10, 20, 20, 10]], dtype)  # mean 2, deviation 1;  mean 15, deviation 5
    weight, bias = np.array([1, 2, 3, 4], dtype), np.array([10, 20, 30, 40], dtype)
    output = [[9, 18, 33, 44], [9, 22, 33, 36]]
    grad_output = np.array([[4, 0, 0, 0], [0, 0, 0, 5]], dtype)
    grads: tuple[Any, ...] = (
        # h is 4, 0, 0, 0: 4 - 1 - 1, -1 - 1, -1 + 1, -1 + 1;  20 in the last place: 1/5 (-5 - 5), (-5 + 5), ...
        [[2, -2, 0, 0], [-2, 0, 0, 2]],
        [-4, 0, 0, -5],  # -1 times 4;  -1 times 5
        [4, 0, 0, 5],
    )
    theirs, their_grads = differentiate(
        lambda x, w, b: F.layer_norm(x, (4,), w, b, eps=0), (x, weight, bias), grad_output
    )
    assert_bits(reference.layer_norm(x, (4,), weight, bias, eps=0), output)
    np.testing.assert_allclose(theirs, output, rtol=1e-6)
    found = reference.layer_norm_backward(grad_output, x, (4,), weight, eps=0)
    for grad, their_grad, expected in zip(found, their_grads, grads, strict=True):
        assert grad is not None
        np.testing.assert_allclose(grad, expected, rtol=1e-6, atol=1e-6)
        np.testing.assert_allclose(their_grad, expected, rtol=1e-6, atol=1e-6)


@both_dtypes
def test_eps_is_added_to_the_variance(dtype: Any) -> None:
    x = np.array([[-1, 1]], dtype)
    for output in (reference.layer_norm(x, (2,), eps=3), F.layer_norm(tensor(x), (2,), eps=3).numpy()):
        assert_bits(output, [[-0.5, 0.5]])  # 1 / sqrt(1 + 3)


def test_the_gradient_has_the_same_eps_unless_told_otherwise() -> None:
    x, g = random_normal((3, 4)), random_normal((3, 4), seed=1)
    found = reference.layer_norm_backward(g, x, (4,))
    for mine, same in zip(found, reference.layer_norm_backward(g, x, (4,), eps=1e-5), strict=True):
        assert_bits(mine, same)


def test_features_may_have_several_dimensions() -> None:
    x = random_normal((3, 2, 4))
    flat = reference.layer_norm(x.reshape(3, 8), (8,))
    assert_bits(reference.layer_norm(x, (2, 4)), flat.reshape(x.shape))
    assert_bits(reference.layer_norm(x, [2, 4]), flat.reshape(x.shape))  # type: ignore[arg-type]
    one_row = reference.layer_norm(x, x.shape)
    np.testing.assert_allclose([one_row.mean(), one_row.var()], [0, 1], atol=1e-4)


@both_dtypes
def test_a_single_feature_becomes_the_bias(dtype: Any) -> None:
    x, bias, g = np.array([[3], [-7]], dtype), np.array([5], dtype), np.array([[1], [2]], dtype)
    weight = np.array([2], dtype)
    theirs, their_grads = differentiate(lambda x, w, b: F.layer_norm(x, (1,), w, b), (x, weight, bias), g)
    assert_bits(reference.layer_norm(x, (1,), weight, bias), [[5], [5]])
    assert_bits(theirs, [[5], [5]])
    found = reference.layer_norm_backward(g, x, (1,), weight)
    for grad, their_grad, expected in zip(found, their_grads, ([[0], [0]], [0], [3]), strict=True):
        assert grad is not None
        assert_bits(grad + 0, expected)
        assert_bits(their_grad + 0, expected)


@both_dtypes
def test_equal_numbers_are_zero_but_for_eps_zero(dtype: Any) -> None:
    """Then they are 0/0, and no other row is touched."""
    x = np.array([[3, 3, 3, 3], [1, 1, 3, 3]], dtype)
    for eps, output in ((1e-5, 0), (0, NAN)):
        ours, theirs = reference.layer_norm(x, (4,), eps=eps), F.layer_norm(tensor(x), (4,), eps=eps).numpy()
        assert_bits(ours[0], [output] * 4)
        assert_bits(theirs[0], [output] * 4)
        np.testing.assert_allclose(ours[1], [-1, -1, 1, 1], rtol=1e-5)
        np.testing.assert_allclose(theirs[1], [-1, -1, 1, 1], rtol=1e-5)


@both_dtypes
@pytest.mark.parametrize("bad", [NAN, INF, -INF])
def test_a_number_that_is_not_finite_spoils_its_row_and_no_other(bad: float, dtype: Any) -> None:
    x, g = np.array([[1, bad, 2], [0, 1, 2]], dtype), np.array([[1, 2, 3], [4, 5, 6]], dtype)
    ones, zeros = np.ones(3, dtype), np.zeros(3, dtype)
    theirs, their_grads = differentiate(lambda x, w, b: F.layer_norm(x, (3,), w, b), (x, ones, zeros), g)
    ours, our_grads = reference.layer_norm(x, (3,), ones, zeros), reference.layer_norm_backward(g, x, (3,), ones)
    for output, (grad_input, grad_weight, grad_bias) in ((ours, our_grads), (theirs, their_grads)):
        assert grad_input is not None
        assert np.isnan(output[0]).all()
        assert np.isnan(grad_input[0]).all()
        assert np.isfinite(output[1]).all()
        assert np.isfinite(grad_input[1]).all()
        assert_bits(grad_weight, [NAN] * 3)  # a sum over the rows
        assert_bits(grad_bias, [5, 7, 9])


@both_dtypes
def test_negative_eps_is_an_eps_like_any_other(dtype: Any) -> None:
    """As in torch: a variance below it has no root."""
    x = np.array([[0, 0], [-2, 2]], dtype)
    for output in (reference.layer_norm(x, (2,), eps=-3), F.layer_norm(tensor(x), (2,), eps=-3).numpy()):
        assert_bits(output, [[NAN, NAN], [-2, 2]])  # 1 / sqrt(4 - 3)


@both_dtypes
@pytest.mark.parametrize(
    ("shape", "features"), [((0, 3), (3,)), ((2, 0), (0,)), ((0,), (0,)), ((2, 0, 3), (0, 3)), ((0, 2, 3), (2, 3))]
)
def test_empty_arrays(shape: tuple[int, ...], features: tuple[int, ...], dtype: Any) -> None:
    x, ones = np.ones(shape, dtype), np.ones(features, dtype)
    theirs, their_grads = differentiate(lambda x, w, b: F.layer_norm(x, features, w, b), (x, ones, ones), x)
    assert_bits(reference.layer_norm(x, features, ones, ones), theirs)
    for grad, their_grad in zip(reference.layer_norm_backward(x, x, features, ones), their_grads, strict=True):
        assert_bits(grad, their_grad)


@pytest.mark.parametrize("mask", [(True, True, True), (False, True, False), (True, False, True), (False, False, False)])
@pytest.mark.parametrize("weighted", [False, True])
def test_only_the_gradients_that_are_wanted_are_computed(mask: tuple[bool, bool, bool], weighted: bool) -> None:
    x, g = random_normal((4, 3)), random_normal((4, 3), seed=1)
    weight = random_normal((3,)) if weighted else None
    everything = reference.layer_norm_backward(g, x, (3,), weight)
    found = reference.layer_norm_backward(g, x, (3,), weight, output_mask=mask)
    for wanted, grad, one_of_all in zip(mask, found, everything, strict=True):
        assert (grad is not None) == wanted
        assert one_of_all is not None
        if grad is not None:
            assert_bits(grad, one_of_all)
    with pytest.raises(ValueError, match="output_mask must have 3 entries"):
        reference.layer_norm_backward(g, x, (3,), output_mask=(True, True))  # type: ignore[arg-type]


def test_without_a_weight_it_is_one() -> None:
    x, g = random_normal((4, 3)), random_normal((4, 3), seed=1)
    assert_bits(reference.layer_norm(x, (3,)), reference.layer_norm(x, (3,), np.ones(3), np.zeros(3)))
    pairs = zip(
        reference.layer_norm_backward(g, x, (3,)), reference.layer_norm_backward(g, x, (3,), np.ones(3)), strict=True
    )
    for without, of_ones in pairs:
        assert_bits(without, of_ones)


def test_a_gradient_that_shifts_or_stretches_a_row_does_nothing() -> None:
    """Neither moves x_hat, as long as eps is 0."""
    x = random_normal((5, 7))
    x_hat = reference.layer_norm(x, (7,), eps=0)
    for g in (np.ones_like(x), x_hat):
        grad_input = reference.layer_norm_backward(g, x, (7,), eps=0)[0]
        assert grad_input is not None
        assert np.abs(grad_input).max() < 1e-14


def test_a_large_mean_costs_few_digits() -> None:
    """Of numbers around 4096 that differ by 1 in float32: 2^-24 * 4096 would be lost in a sum of squares 500 times."""
    x = (random_normal((20, 50), np.float32) + 4096).astype(np.float32)
    truth = F.layer_norm(torch.from_numpy(x).double(), (50,)).numpy()
    assert np.abs(reference.layer_norm(x, (50,)) - truth).max() < 1e-6


def test_squares_beyond_float32_are_no_matter() -> None:
    """The variance of float32 numbers is a float64 here; torch's is infinite, and all x_hat are 0."""
    x = np.array([[1e30, -1e30], [0, 1]], np.float32)
    np.testing.assert_allclose(reference.layer_norm(x, (2,)), [[1, -1], [-1, 1]], rtol=1e-4)
    assert_bits(np.abs(F.layer_norm(tensor(x), (2,)).numpy()[0]), [0, 0])


def test_gradients_of_weight_and_bias_are_summed_in_float64() -> None:
    """So 2^24 + 1 + 1 is what it is, in float32, too."""
    x = np.array([[-1, 1]] * 3, np.float32)  # which is x_hat
    g = np.array([[2**24, 2**24], [1, 1], [1, 1]], np.float32)
    _, grad_weight, grad_bias = reference.layer_norm_backward(g, x, (2,), eps=0)
    assert_bits(grad_weight, [-(2**24) - 2, 2**24 + 2])
    assert_bits(grad_bias, [2**24 + 2, 2**24 + 2])


def test_products_for_the_weights_gradient_keep_all_their_digits() -> None:
    """Of u x_hat - v x_hat, with u and v neighbours, products rounded to float32 would leave next to nothing right."""
    x = random_normal((1, 5), np.float32).repeat(2, axis=0)
    u = np.float32(1.1)
    v = np.nextafter(u, np.float32(2))
    apart = np.array([u, -v], np.float32).repeat(5).reshape(2, 5)
    together = np.array([u - v, 0], np.float32).repeat(5).reshape(2, 5)
    _, found, _ = reference.layer_norm_backward(apart, x, (5,))
    _, expected, _ = reference.layer_norm_backward(together, x, (5,))
    assert_bits(found, expected)


@pytest.mark.parametrize("name", ["weight", "bias"])
def test_weight_and_bias_have_the_dtype_of_the_input(name: str) -> None:
    scale: dict[str, Any] = {name: np.ones(3, np.float32)}
    with pytest.raises(TypeError, match=rf"^{name} must have the dtype of input, float64, got float32$"):
        reference.layer_norm(np.ones((2, 3)), (3,), **scale)


@both_dtypes
def test_an_output_that_overflows_is_infinite_without_a_warning(dtype: Any) -> None:
    x, weight = np.array([[-4, 1, 1, 1, 1]], dtype), np.full(5, np.finfo(dtype).max)  # x_hat is -2, 1/2, ...
    output = reference.layer_norm(x, (5,), weight)
    assert_bits(output[0, 0], -INF)
    assert np.isfinite(output[0, 1:]).all()
    assert_bits(F.layer_norm(tensor(x), (5,), tensor(weight)).numpy()[0, 0], -INF)


# The layer.


@pytest.mark.parametrize(
    "build",
    [
        lambda side: side.LayerNorm(3),
        lambda side: side.LayerNorm([2, 3], 1e-3),
        lambda side: side.LayerNorm((2, 3), bias=False),
        lambda side: side.LayerNorm((3,), elementwise_affine=False),
    ],
)
def test_the_layer_is_torchs(build: Any) -> None:
    ours, theirs = build(nn), build(torch.nn)
    assert repr(ours) == repr(theirs)
    assert ours.normalized_shape == theirs.normalized_shape
    assert ours.eps == theirs.eps
    assert list(ours.state_dict()) == list(theirs.state_dict())
    for name, array in ours.state_dict().items():
        assert_bits(array, theirs.state_dict()[name].numpy())
        assert array.dtype == np.float32
    assert (ours.weight is None) == (theirs.weight is None)
    assert (ours.bias is None) == (theirs.bias is None)


def test_the_layer_computes_no_gradient_that_nobody_asks_for() -> None:
    layer = nn.LayerNorm(3).double()
    x = random_integers((4, 3))
    layer(x)
    assert layer.weight is not None
    assert layer.bias is not None
    layer.weight.requires_grad_(False)
    assert layer.backward(np.ones_like(x), needs_input_grad=False) is None
    assert layer.weight.grad is None
    assert layer.bias.grad is not None
    assert layer.backward(np.ones_like(x)) is not None


@pytest.mark.parametrize("affine", [False, True])
def test_the_layer_computes_without_warnings(affine: bool) -> None:
    """Neither 0/0 nor an infinity is one."""
    layer = nn.LayerNorm(2, eps=0, elementwise_affine=affine)
    output = layer(np.array([[3, 3], [INF, 1]], np.float32))
    assert np.isnan(output).all()
    grad = layer.backward(np.full_like(output, math.inf))
    assert grad is not None
    assert np.isnan(grad).all()
