"""Group normalisation: worked by hand, which channels are together, what torch refuses, empty arrays, and the layer.

The numbers are worked by hand, and torch, asked the same, must give them too.
"""

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
def test_consecutive_channels_share_mean_and_variance(dtype: Any) -> None:
    x = np.array([[[1, 1], [3, 3], [0, 20], [20, 0]]], dtype)  # channels 0 and 1: 2 +- 1;  2 and 3: 10 +- 10
    weight, bias = np.array([1, 2, 3, 4], dtype), np.array([10, 20, 30, 40], dtype)
    output = [[[9, 9], [22, 22], [27, 33], [44, 36]]]
    grad_output = np.array([[[4, 0], [0, 0], [0, 0], [0, 10]]], dtype)
    grads: tuple[Any, ...] = (
        # h is 4, 0, 0, 0: 4 - 1 - 1, -1 - 1, -1 + 1, -1 + 1;  0, 0, 0, 40: 1/10 (-10 - 10), (-10 + 10), ...
        [[[2, -2], [0, 0], [-2, 0], [0, 2]]],
        [-4, 0, 0, -10],
        [4, 0, 0, 10],
    )
    theirs, their_grads = differentiate(lambda x, w, b: F.group_norm(x, 2, w, b, eps=0), (x, weight, bias), grad_output)
    assert_bits(reference.group_norm(x, 2, weight, bias, eps=0), output)
    np.testing.assert_allclose(theirs, output, rtol=1e-6)
    found = reference.group_norm_backward(grad_output, x, 2, weight, eps=0)
    for grad, their_grad, expected in zip(found, their_grads, grads, strict=True):
        assert grad is not None
        np.testing.assert_allclose(grad, expected, rtol=1e-6, atol=1e-6)
        np.testing.assert_allclose(their_grad, expected, rtol=1e-6, atol=1e-6)


@both_dtypes
def test_eps_is_added_to_the_variance(dtype: Any) -> None:
    x = np.array([[-1, 1]], dtype)
    for output in (reference.group_norm(x, 1, eps=3), F.group_norm(tensor(x), 1, eps=3).numpy()):
        assert_bits(output, [[-0.5, 0.5]])  # 1 / sqrt(1 + 3)


def test_the_gradient_has_the_same_eps_unless_told_otherwise() -> None:
    x, g = random_normal((3, 4)), random_normal((3, 4), seed=1)
    found = reference.group_norm_backward(g, x, 1)
    for mine, same in zip(found, reference.group_norm_backward(g, x, 1, eps=1e-5), strict=True):
        assert_bits(mine, same)


def test_one_group_is_layer_norm_and_a_group_per_channel_instance_norm() -> None:
    x = random_normal((3, 4, 5, 2))
    assert_bits(reference.group_norm(x, 1), reference.layer_norm(x, (4, 5, 2)))
    assert_bits(reference.group_norm(x, 4), reference.layer_norm(x, (5, 2)))


def test_any_number_of_pixel_axes() -> None:
    x = random_normal((3, 4, 12))
    for shape in ((3, 4, 12), (3, 4, 3, 4), (3, 4, 2, 3, 2)):
        assert_bits(reference.group_norm(x.reshape(shape), 2), reference.group_norm(x, 2).reshape(shape))
    assert_bits(reference.group_norm(x[..., 0], 2), reference.group_norm(x[..., :1], 2)[..., 0])


@both_dtypes
@pytest.mark.parametrize("bad", [NAN, INF, -INF])
def test_a_number_that_is_not_finite_spoils_its_group_and_no_other(bad: float, dtype: Any) -> None:
    x = np.array([[1, bad, 2, 0, 1, 2], [0, 1, 2, 2, 1, 0]], dtype)
    g, ones = np.arange(1, 13).reshape(2, 6).astype(dtype), np.ones(6, dtype)
    theirs, their_grads = differentiate(lambda x, w, b: F.group_norm(x, 2, w, b), (x, ones, ones), g)
    ours, our_grads = reference.group_norm(x, 2, ones, ones), reference.group_norm_backward(g, x, 2, ones)
    spoilt = np.array([[True] * 3 + [False] * 3, [False] * 6])
    for output, (grad_input, grad_weight, grad_bias) in ((ours, our_grads), (theirs, their_grads)):
        assert grad_input is not None
        assert grad_weight is not None
        assert (np.isnan(output) == spoilt).all()
        assert (np.isnan(grad_input) == spoilt).all()
        assert (np.isnan(grad_weight) == spoilt[0]).all()
        assert_bits(grad_bias, [8, 10, 12, 14, 16, 18])


@both_dtypes
def test_a_single_number_in_a_group_is_refused_unless_there_are_several_images(dtype: Any) -> None:
    """Then it is 0, or 0/0 where eps is 0."""
    for shape in ((1, 3), (1, 3, 1), (1, 3, 1, 1)):
        x = np.ones(shape, dtype)
        with pytest.raises(ValueError, match="input must have more than one number in a group, or more than one image"):
            reference.group_norm(x, 3)
        with pytest.raises(ValueError, match="Expected more than 1 value per channel"):
            F.group_norm(tensor(x), 3)
    x = np.array([[3, 5], [4, 8]], dtype)
    assert_bits(reference.group_norm(x, 2), np.zeros((2, 2)))
    assert np.abs(F.group_norm(tensor(x), 2).numpy()).max() < 1e-3  # as the difference of s x and s mean: it rounds
    for output in (reference.group_norm(x, 2, eps=0), F.group_norm(tensor(x), 2, eps=0).numpy()):
        assert_bits(output, np.full((2, 2), NAN))


@both_dtypes
@pytest.mark.parametrize(
    ("shape", "groups"),
    [((0, 4, 3), 2), ((2, 0, 3), 2), ((2, 4, 0), 2), ((1, 1, 0), 1), ((0, 0), 1), ((0, 2, 0), 1), ((0, 4), 4)],
)
def test_empty_arrays(shape: tuple[int, ...], groups: int, dtype: Any) -> None:
    """The gradient of a weight that has met no pixel is NaN where there are images, as x_hat of nothing is."""
    x, ones = np.ones(shape, dtype), np.ones(shape[1], dtype)
    theirs, their_grads = differentiate(lambda x, w, b: F.group_norm(x, groups, w, b), (x, ones, ones), x)
    assert_bits(reference.group_norm(x, groups, ones, ones), theirs)
    for grad, their_grad in zip(reference.group_norm_backward(x, x, groups, ones), their_grads, strict=True):
        assert_bits(grad, their_grad)


def test_torch_has_no_gradient_of_a_bias_without_a_weight() -> None:
    """The reference has; and the outputs are equal."""
    x, bias, g = random_normal((2, 4, 3)), random_normal((4,)), random_normal((2, 4, 3), seed=1)
    theirs = F.group_norm(tensor(x), 2, None, tensor(bias))
    np.testing.assert_allclose(reference.group_norm(x, 2, None, bias), theirs.numpy(), rtol=1e-13)
    learning = tensor(bias).requires_grad_()
    with pytest.raises(RuntimeError, match="tensor does not have a device"):
        F.group_norm(tensor(x).requires_grad_(), 2, None, learning).backward(tensor(g))  # type: ignore[no-untyped-call]
    found = reference.group_norm_backward(g, x, 2)
    of_ones = reference.group_norm_backward(g, x, 2, np.ones(4))
    for without, with_ones in zip(found, of_ones, strict=True):
        assert_bits(without, with_ones)


@pytest.mark.parametrize("mask", [(True, True, True), (False, True, False), (True, False, True), (False, False, False)])
def test_only_the_gradients_that_are_wanted_are_computed(mask: tuple[bool, bool, bool]) -> None:
    x, g, weight = random_normal((3, 4, 5)), random_normal((3, 4, 5), seed=1), random_normal((4,))
    everything = reference.group_norm_backward(g, x, 2, weight)
    found = reference.group_norm_backward(g, x, 2, weight, output_mask=mask)
    for wanted, grad, one_of_all in zip(mask, found, everything, strict=True):
        assert (grad is not None) == wanted
        assert one_of_all is not None
        if grad is not None:
            assert_bits(grad, one_of_all)


def test_images_with_the_batch_last_in_memory_stay_so() -> None:
    x = random_normal((4, 5, 3, 2)).transpose(3, 0, 1, 2)  # (2, 4, 5, 3)
    weight = random_normal((4,))
    y = reference.group_norm(x, 2, weight, weight)
    grad_input = reference.group_norm_backward(x, x, 2, weight)[0]
    assert grad_input is not None
    for result in (y, grad_input, reference.group_norm(x, 2)):
        assert result.transpose(1, 2, 3, 0).flags.c_contiguous


# The layer.


@pytest.mark.parametrize(
    "build",
    [
        lambda side: side.GroupNorm(2, 4),
        lambda side: side.GroupNorm(1, 4, 1e-3),
        lambda side: side.GroupNorm(4, 4, bias=False),
        lambda side: side.GroupNorm(2, 4, affine=False),
    ],
)
def test_the_layer_is_torchs(build: Any) -> None:
    ours, theirs = build(nn), build(torch.nn)
    assert repr(ours) == repr(theirs)
    assert (ours.num_groups, ours.num_channels, ours.eps) == (theirs.num_groups, theirs.num_channels, theirs.eps)
    assert list(ours.state_dict()) == list(theirs.state_dict())
    for name, array in ours.state_dict().items():
        assert_bits(array, theirs.state_dict()[name].numpy())
        assert array.dtype == np.float32
    assert (ours.weight is None) == (theirs.weight is None)
    assert (ours.bias is None) == (theirs.bias is None)


def test_the_layer_computes_no_gradient_that_nobody_asks_for() -> None:
    layer = nn.GroupNorm(2, 4).double()
    x = random_integers((3, 4))
    layer(x)
    assert layer.weight is not None
    assert layer.bias is not None
    layer.bias.requires_grad_(False)
    assert layer.backward(np.ones_like(x), needs_input_grad=False) is None
    assert layer.weight.grad is not None
    assert layer.bias.grad is None
    assert layer.backward(np.ones_like(x)) is not None
