"""Clipping by the norm: what torch does at the edges, and every order of norm."""

import math
from typing import Any

import numpy as np
import pytest
import torch

from reference.nn.utils import clip_grad_norm_
from reference.parameter import Parameter
from tests.reference.comparing import INF, NAN, Array, assert_bits, both_dtypes, random_normal


def with_gradients(grads: list[Array]) -> tuple[list[Parameter], list[torch.nn.Parameter]]:
    """Parameters of both sides that have copies of these gradients."""
    ours = [Parameter(np.zeros_like(grad)) for grad in grads]
    theirs = [torch.nn.Parameter(torch.zeros(grad.shape, dtype=torch.from_numpy(grad).dtype)) for grad in grads]
    for parameter, twin, grad in zip(ours, theirs, grads, strict=True):
        parameter.grad, twin.grad = grad.copy(), torch.from_numpy(grad.copy())
    return ours, theirs


def clipped(grads: list[Array], *args: Any, **options: Any) -> tuple[Any, list[Array]]:
    """The norm and the gradients after it, the same as torch's within some last bits."""
    ours, theirs = with_gradients(grads)
    norm = clip_grad_norm_(ours, *args, **options)
    their_norm = torch.nn.utils.clip_grad_norm_(theirs, *args, **options)
    np.testing.assert_allclose(norm, their_norm.numpy(), rtol=1e-6)
    assert np.asarray(norm).dtype == their_norm.numpy().dtype
    found = [np.asarray(parameter.grad) for parameter in ours]
    for mine, twin in zip(found, theirs, strict=True):
        assert twin.grad is not None
        np.testing.assert_allclose(mine, twin.grad.numpy(), rtol=1e-6)
        assert mine.dtype == twin.grad.numpy().dtype
    return norm, found


WEIGHT, BIAS = np.array([[3.0], [-4.0]]), np.array([12.0])


@pytest.mark.parametrize(
    ("norm_type", "norm"),
    [
        (2.0, 13), (2, 13), (1, 19), (math.inf, 12), ("inf", 12), (-math.inf, 3),
        (3, (27 + 64 + 1728) ** (1 / 3)), (0.5, (3**0.5 + 2 + 12**0.5) ** 2), (-1, 1 / (1 / 3 + 1 / 4 + 1 / 12)),
        (0, 2),  # torch's norm of norms: two gradients that are not 0
    ],
)  # fmt: skip
def test_every_order_of_norm(norm_type: Any, norm: float) -> None:
    found, grads = clipped([WEIGHT, BIAS], 1.0, norm_type)
    assert found == pytest.approx(norm, rel=1e-14)
    for grad, before in zip(grads, (WEIGHT, BIAS), strict=True):
        np.testing.assert_allclose(grad, before / (norm + 1e-6), rtol=1e-14)


@pytest.mark.parametrize("foreach", [None, True, False])
def test_foreach_changes_nothing(foreach: bool | None) -> None:
    _, [weight, bias] = clipped([WEIGHT, BIAS], 6.5, foreach=foreach)
    _, [same, too] = clipped([WEIGHT, BIAS], 6.5)
    np.testing.assert_array_equal(weight, same)
    np.testing.assert_array_equal(bias, too)
    with pytest.raises(TypeError, match=r"^foreach must be True or False, got 1$"):
        clip_grad_norm_(with_gradients([WEIGHT])[0], 1.0, foreach=1)  # type: ignore[arg-type]


def test_gradients_keep_their_direction_and_end_a_little_below() -> None:
    _, [weight, bias] = clipped([WEIGHT, BIAS], 6.5)
    np.testing.assert_allclose(weight, WEIGHT * (6.5 / 13.000001), rtol=1e-15)
    np.testing.assert_allclose(bias, BIAS * (6.5 / 13.000001), rtol=1e-15)


@both_dtypes
def test_shorter_gradients_keep_their_bits(dtype: Any) -> None:
    grads = [random_normal((3, 4), dtype), random_normal((5,), dtype, 1)]
    _, found = clipped(grads, 1e6)
    for grad, before in zip(found, grads, strict=True):
        assert_bits(grad, before)


def test_the_array_itself_is_changed() -> None:
    parameter = Parameter(np.zeros(2))
    parameter.grad = grad = np.array([3.0, 4.0])
    assert clip_grad_norm_(parameter, 2.5) == 5  # a single Parameter is a list of one
    assert parameter.grad is grad
    np.testing.assert_allclose(grad, [1.5, 2], rtol=1e-6)


def test_parameters_without_a_gradient_are_passed_over() -> None:
    [parameter], _ = with_gradients([BIAS])
    alone = Parameter(np.ones(3))
    assert clip_grad_norm_((each for each in (alone, parameter)), 6.0) == 12
    assert alone.grad is None
    for nothing in ([], [alone]):
        norm = clip_grad_norm_(nothing, 1.0)
        assert norm == torch.nn.utils.clip_grad_norm_([], 1.0)
        assert norm.dtype == np.float32


@pytest.mark.parametrize(
    ("grad", "max_norm", "norm", "expected"),
    [
        ([0.0, -0.0], 1.0, 0, [0.0, -0.0]),
        ([0.0, 0.0], 0.0, 0, [0, 0]),
        ([3.0, 4.0], 0.0, 5, [0, 0]),
        ([3.0, -4.0], INF, 5, [3, -4]),
        ([3.0, -4.0], NAN, 5, [NAN, NAN]),
        ([NAN, 1.0], 1.0, NAN, [NAN, NAN]),
        ([INF, 1.0], 1.0, INF, [NAN, 0]),  # inf * 0
        ([INF, 1.0], INF, INF, [NAN, NAN]),
        ([3.0, -4.0], -5.0, 5, [-3 / (1 + 2e-7), 4 / (1 + 2e-7)]),  # turned around
    ],
)
def test_edges(grad: list[float], max_norm: float, norm: float, expected: list[float]) -> None:
    found, [after] = clipped([np.array(grad)], max_norm)
    np.testing.assert_equal(float(found), norm)
    np.testing.assert_allclose(after, expected, rtol=1e-15)
    assert (np.signbit(after) == np.signbit(expected)).all() or np.isnan(expected).any()


def test_a_norm_that_is_not_finite_can_be_an_error_and_then_nothing_is_changed() -> None:
    for bad in (NAN, INF, -INF):
        ours, theirs = with_gradients([np.array([bad, 1.0]), BIAS])
        with pytest.raises(RuntimeError, match="norm of the gradients must be finite with error_if_nonfinite, got "):
            clip_grad_norm_(ours, 1.0, error_if_nonfinite=True)
        with pytest.raises(RuntimeError, match="non-finite"):
            torch.nn.utils.clip_grad_norm_(theirs, 1.0, error_if_nonfinite=True)
        assert_bits(ours[0].grad, [bad, 1])
        assert_bits(ours[1].grad, BIAS)
    [parameter], _ = with_gradients([BIAS])
    assert clip_grad_norm_([parameter], 1.0, error_if_nonfinite=True) == 12


def test_gradients_of_both_dtypes_keep_theirs() -> None:
    norm, [weight, bias] = clipped([WEIGHT.astype(np.float32), BIAS], 6.5)
    assert (norm, norm.dtype) == (13, np.float64)
    assert [str(grad.dtype) for grad in (weight, bias)] == ["float32", "float64"]


def test_the_factor_is_rounded_to_each_gradients_dtype() -> None:
    """As torch rounds it: with the factor of float64, two of the three would end one last bit away."""
    ours, theirs = with_gradients([np.array([6, -6, 7], np.float32), np.array([60.0])])
    assert clip_grad_norm_(ours, 0.1) == 61
    torch.nn.utils.clip_grad_norm_(theirs, 0.1)
    for parameter, twin in zip(ours, theirs, strict=True):
        assert twin.grad is not None
        assert_bits(parameter.grad, twin.grad.numpy())


def test_a_parameter_given_twice_counts_and_shrinks_twice() -> None:
    [parameter], [twin] = with_gradients([np.array([3.0, 4.0])])
    norm = clip_grad_norm_([parameter, parameter], 1.0)
    assert norm == pytest.approx(float(torch.nn.utils.clip_grad_norm_([twin, twin], 1.0)), rel=1e-15)
    assert twin.grad is not None
    np.testing.assert_allclose(parameter.grad, twin.grad.numpy(), rtol=1e-15)  # type: ignore[arg-type]


@pytest.mark.parametrize("norm_type", [INF, -INF, -1.0, -0.5])
def test_nothing_has_no_largest_and_no_smallest_number(norm_type: float) -> None:
    empty = np.zeros((0, 3))
    ours, theirs = with_gradients([empty, BIAS])
    with pytest.raises(ValueError, match="norm_type must be at least 0 and finite for a gradient of no numbers, got "):
        clip_grad_norm_(ours, 1.0, norm_type)
    with pytest.raises(RuntimeError):
        torch.nn.utils.clip_grad_norm_(theirs, 1.0, norm_type)
    assert clipped([empty, BIAS], 6.0)[0] == 12
    assert clipped([empty, BIAS], 6.0, 0)[0] == 1


def test_a_number_for_a_gradient() -> None:
    norm, [grad] = clipped([np.array(-4.0)], 2.0)
    assert norm == 4
    assert grad == pytest.approx(-2)


def test_what_cannot_be_is_named() -> None:
    [parameter], _ = with_gradients([BIAS])
    parameter.grad = np.zeros(1, np.float32)
    with pytest.raises(TypeError, match="grad must have the dtype of data, float64, got float32"):
        clip_grad_norm_([parameter], 1.0)
    with pytest.raises(TypeError, match="parameters must be a Parameter or an iterable of them, got int"):
        clip_grad_norm_(3, 1.0)  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="parameters must hold Parameters, got int"):
        clip_grad_norm_([3], 1.0)  # type: ignore[list-item]
    with pytest.raises(TypeError, match="norm_type must be a real number, got 'two'"):
        clip_grad_norm_([parameter], 1.0, "two")
    with pytest.raises(TypeError, match=r"^error_if_nonfinite must be True or False, got 1"):
        clip_grad_norm_([parameter], 1.0, error_if_nonfinite=1)  # type: ignore[arg-type]
