"""The mean squared error: its mean, its weights, what is equal, infinite or not there, and its layer."""

from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F

import reference
from reference import nn
from tests.reference.comparing import CASES, INF, NAN, Array, assert_bits, assert_equal, both_dtypes, cases_of
from torch_parity.proof.backend import tensor
from torch_parity.proof.compare import same_bits
from torch_parity.proof.pairs import pair_named

X, T = np.array([[1.0, 5.0], [-2.0, 0.5]]), np.array([[2.0, 2.0], [-2.0, 1.0]])  # differences -1, 3, 0, -0.5


def results(x: Array, t: Array, g: Any = 1.0, **options: Any) -> list[Array]:
    """The loss and both gradients, after comparing each with torch's, bit for bit."""
    ours = [
        reference.mse_loss(x, t, **options),
        *reference.mse_loss_backward(np.asarray(g, x.dtype), x, t, **options),
    ]
    a, b = tensor(x).requires_grad_(), tensor(t).requires_grad_()
    given: dict[str, Any] = {
        n: tensor(value) if isinstance(value, np.ndarray) else value for n, value in options.items()
    }
    loss = F.mse_loss(a, b, **given)
    loss.backward(tensor(np.asarray(g, x.dtype)))  # type: ignore[no-untyped-call]
    assert a.grad is not None
    assert b.grad is not None
    for our, their in zip(ours, (loss.detach(), a.grad, b.grad), strict=True):
        assert_equal(our, their.numpy())
    return ours


@both_dtypes
def test_by_hand(dtype: Any) -> None:
    x, t = X.astype(dtype), T.astype(dtype)
    assert_bits(reference.mse_loss(x, t, reduction="none"), np.array([[1, 9], [0, 0.25]]))
    loss, grad_input, grad_target = results(x, t)
    assert loss == 10.25 / 4  # all elements, not the two samples
    assert_bits(grad_input, np.array([[-0.5, 1.5], [0, -0.25]]))  # 2/4 of the differences
    assert_bits(grad_target, np.array([[0.5, -1.5], [0, 0.25]]))
    loss, grad_input, grad_target = results(x, t, g=3, reduction="sum")
    assert loss == 10.25
    assert_bits(grad_input, np.array([[-6.0, 18], [0, -3]]))
    assert_bits(grad_target, np.array([[6.0, -18], [0, 3]]))


@both_dtypes
def test_a_weighted_mean_is_over_the_sum_of_the_weights(dtype: Any) -> None:
    weight = np.array([[1, 2], [4, 0]], dtype)
    x, t = X.astype(dtype), T.astype(dtype)
    assert_bits(reference.mse_loss(x, t, reduction="none", weight=weight), np.array([[1, 18], [0, 0.0]]))
    loss, grad_input, _ = results(x, t, weight=weight)
    assert loss == dtype(19) / dtype(7)
    np.testing.assert_allclose(grad_input, np.array([[-2, 12], [0, -0.0]]) / 7, rtol=1e-6)
    loss, grad_input, _ = results(x, t, weight=weight, reduction="sum")
    assert loss == 19
    assert_equal(grad_input, np.array([[-2, 12], [0, -0.0]], dtype))


@both_dtypes
def test_weights_of_zero_have_no_mean(dtype: Any) -> None:
    weight = np.zeros((2, 2), dtype)
    loss, grad_input, grad_target = results(X.astype(dtype), T.astype(dtype), weight=weight)
    assert np.isnan(loss)
    assert np.isnan(grad_input).all()
    assert np.isnan(grad_target).all()


@both_dtypes
def test_where_both_are_equal_no_gradient_is_negative_zero(dtype: Any) -> None:
    """torch exchanges input and target for the gradient of the latter: both differences are +0."""
    x = np.array([1.0, -0.0, 0.0, -0.0], dtype)
    t = np.array([1.0, 0.0, -0.0, -0.0], dtype)
    _, grad_input, grad_target = results(x, t, reduction="sum")
    assert_bits(grad_input, np.array([0.0, -0.0, 0.0, 0.0]))
    assert_bits(grad_target, np.array([0.0, 0.0, -0.0, 0.0]))
    # With weights it is the input's, with the other sign.
    _, grad_input, grad_target = results(x, t, reduction="sum", weight=np.ones(4, dtype))
    assert_bits(grad_target, -grad_input)


def test_infinities_and_nan() -> None:
    x, t = np.array([INF, INF, -INF, NAN, 1e200]), np.array([INF, 0.0, 1.0, 0.0, -1e200])
    losses, grad_input, grad_target = results(x, t, g=[1.0, 1.0, 2.0, 1.0, 1.0], reduction="none")
    np.testing.assert_array_equal(losses, [NAN, INF, INF, NAN, INF])
    np.testing.assert_array_equal(grad_input, [NAN, INF, -INF, NAN, 4e200])
    np.testing.assert_array_equal(grad_target, [NAN, -INF, INF, NAN, -4e200])


@pytest.mark.parametrize("shape", [(0,), (3, 0)])
@both_dtypes
def test_of_nothing_the_sum_is_zero_and_the_mean_nan(shape: tuple[int, ...], dtype: Any) -> None:
    nothing = np.zeros(shape, dtype)
    for options in ({}, {"weight": nothing}):
        assert np.isnan(results(nothing, nothing, **options)[0])
        assert results(nothing, nothing, reduction="sum", **options)[0] == 0
        losses, grad_input, grad_target = results(nothing, nothing, nothing, reduction="none", **options)
        assert losses.shape == grad_input.shape == grad_target.shape == shape


def test_the_factor_of_the_mean_is_rounded_as_torch_rounds_it() -> None:
    """2/N first, then the difference, then the gradient from above: another order has other last bits."""
    generator = np.random.default_rng(0)
    x, t = generator.standard_normal((2, 1000)).astype(np.float32)
    _, grad_input, _ = results(x, t, g=0.7)
    assert (grad_input != np.float32(0.7) * np.float32(2 / 1000) * (x - t)).any()


def test_a_vector_is_not_repeated_against_a_column() -> None:
    """torch does, and warns: the loss of three predictions that are all right would be 4/3."""
    column, vector = np.array([[1.0], [2.0], [3.0]]), np.array([1.0, 2.0, 3.0])
    with pytest.raises(ValueError, match=r"target must have shape \(3, 1\) \(as input\), got \(3,\)"):
        reference.mse_loss(column, vector)
    with pytest.warns(UserWarning, match="Using a target size"):
        assert F.mse_loss(tensor(column), tensor(vector)).item() == pytest.approx(4 / 3)


def test_the_gradient_from_above_has_the_dtype_of_the_input() -> None:
    with pytest.raises(TypeError, match=r"^input must have the dtype of grad_output, float32, got float64"):
        reference.mse_loss_backward(np.float32(1), np.ones(3), np.ones(3))  # type: ignore[arg-type]


# The layer.


def test_the_layer_equals_its_twin() -> None:
    pair, seen = pair_named("mse_loss"), set()
    for case in cases_of(pair, CASES):
        if "weight" in case.arrays:
            continue  # which the layers do not take
        reduction, x, target = case.arguments["reduction"], case.arrays["input"], case.arrays["target"]
        seen.add((reduction, case.dtype))
        criterion, twin = nn.MSELoss(reduction=reduction), torch.nn.MSELoss(reduction=reduction)
        a = tensor(x).requires_grad_()
        loss, theirs = criterion(x, target), twin(a, tensor(target))
        g = case.upstream(loss.shape)
        theirs.backward(tensor(g))
        with np.errstate(all="ignore"):
            expected = pair.expected(case, g)
        assert_equal(loss, theirs.detach().numpy(), expected.get("output"))
        assert a.grad is not None
        assert_equal(criterion.backward(g), a.grad.numpy(), expected.get("grad_input"))
        if reduction != "none":
            assert same_bits(criterion.backward(), criterion.backward(np.asarray(1, case.dtype))).all()
    assert len(seen) == 6


def test_the_layers_gradient_stays_right_when_the_caller_changes_what_is_his() -> None:
    x, t = X.copy(), T.copy()
    criterion = nn.MSELoss()
    loss = criterion(x, t)
    assert type(loss) is nn.Loss
    x += 1
    t *= 2
    loss += 7
    np.testing.assert_array_equal(criterion.backward(), [[-0.5, 1.5], [0, -0.25]])
