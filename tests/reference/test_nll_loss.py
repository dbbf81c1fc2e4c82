"""The negative log-likelihood: weights, ignored samples, impossible classes, and its layer."""

import math
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

LOG_P = np.array([[-1.0, -2.0, -4.0], [-3.0, -0.5, -8.0], [-0.25, -6.0, -16.0]])


def results(x: Array, target: Array, weight: Array | None = None, g: Any = 1.0, **options: Any) -> tuple[Array, Array]:
    """The loss and its gradient, after comparing both with torch's, bit for bit."""
    g = np.asarray(g, x.dtype)
    ours = (
        reference.nll_loss(x, target, weight, **options),
        reference.nll_loss_backward(g, x, target, weight, **options),
    )
    a = tensor(x).requires_grad_()
    loss = F.nll_loss(a, tensor(target), None if weight is None else tensor(weight), **options)
    loss.backward(tensor(g))  # type: ignore[no-untyped-call]
    assert a.grad is not None
    assert_equal(ours[0], loss.detach().numpy())
    assert_equal(ours[1], a.grad.numpy())
    return ours


@both_dtypes
def test_by_hand(dtype: Any) -> None:
    x, target = LOG_P.astype(dtype), np.array([0, 2, 1])
    losses, grad = results(x, target, g=[1, 2, 4], reduction="none")
    assert_bits(losses, np.array([1.0, 8, 6]))
    assert_bits(grad, np.array([[-1.0, 0, 0], [0, 0, -2], [0, -4, 0]]))
    loss, grad = results(x, target)
    assert loss == 5
    assert_bits(grad * -3, np.array([[1.0, -0.0, -0.0], [-0.0, -0.0, 1], [-0.0, 1, -0.0]]))


def test_it_is_the_second_half_of_cross_entropy() -> None:
    x, target, weight = LOG_P * 3, np.array([0, -100, 1]), np.array([0.5, 2.0, 1.0])
    log_p = reference.log_softmax(x, 1)
    for reduction, g in (("mean", 3.0), ("sum", 3.0), ("none", [1.0, 2.0, 3.0])):
        options: dict[str, Any] = {"reduction": reduction}
        loss = reference.nll_loss(log_p, target, weight, **options)
        assert_bits(loss, reference.cross_entropy(x, target, weight, **options))
        grad = reference.nll_loss_backward(np.asarray(g), log_p, target, weight, **options)
        whole, _ = reference.cross_entropy_backward(np.asarray(g), x, target, weight, **options)
        assert_bits(reference.log_softmax_backward(grad, log_p, 1), whole)


@both_dtypes
def test_the_mean_weighs_the_samples(dtype: Any) -> None:
    weight = np.array([1, 2, 5], dtype)
    loss, grad = results(LOG_P.astype(dtype), np.array([0, 2, -100]), weight)
    assert loss == dtype(1 * 1 + 5 * 8) / dtype(6)
    np.testing.assert_allclose(grad * 6, [[-1, 0, 0], [0, 0, -5], [0, 0, 0]], rtol=1e-6)


@both_dtypes
@pytest.mark.parametrize("weight", [None, [1, 2, 3]])
@pytest.mark.parametrize("pixels", [(), (2,)])
def test_ignored_samples_only(pixels: tuple[int, ...], weight: list[float] | None, dtype: Any) -> None:
    """A mean over none is NaN, and its gradient 0, as torch has it."""
    x, target = np.ones((2, 3, *pixels), dtype), np.full((2, *pixels), 1)
    w = None if weight is None else np.array(weight, dtype)
    for reduction, expected in (("mean", NAN), ("sum", 0.0)):
        loss, grad = results(x, target, w, reduction=reduction, ignore_index=1)
        np.testing.assert_equal(float(loss), expected)
        assert_bits(grad, np.zeros(x.shape))


def test_an_ignored_sample_may_say_anything() -> None:
    x = LOG_P.copy()
    x[1] = NAN
    loss, grad = results(x, np.array([0, -100, 0]))
    assert loss == 0.625
    assert_bits(grad[1], np.zeros(3))


def test_weights_of_zero_have_no_mean_and_no_gradient() -> None:
    loss, grad = results(LOG_P, np.array([0, 2, 1]), np.zeros(3))
    assert np.isnan(loss)
    np.testing.assert_array_equal(grad, [[NAN, 0, 0], [0, 0, NAN], [0, NAN, 0]])


def test_an_impossible_class() -> None:
    """Infinite as the label, NaN if that weighs nothing (0 * inf), and no matter beside it."""
    x = np.array([[-INF, 0.0], [0.0, -INF]])
    weight = np.array([0.0, 1.0])
    losses, grad = results(x, np.array([0, 0]), g=[1.0, 1.0], reduction="none")
    np.testing.assert_array_equal(losses, [INF, 0])
    np.testing.assert_array_equal(grad, [[-1, 0], [-1, 0]])
    losses, grad = results(x, np.array([0, 1]), weight, g=[1.0, 1.0], reduction="none")
    np.testing.assert_array_equal(losses, [NAN, INF])
    np.testing.assert_array_equal(grad, [[-0.0, 0], [0, -1]])


def test_zero_has_its_sign_in_a_batch_alone() -> None:
    """torch adds the one loss of an unbatched sample to 0."""
    assert_bits(results(np.zeros((1, 2)), np.array([0]), g=[1.0], reduction="none")[0], np.array([-0.0]))
    assert_bits(results(np.zeros(2), np.array(0), reduction="none")[0], np.array(0.0))


@pytest.mark.parametrize("shape", [(0, 3), (0, 3, 2), (2, 3, 0)])
def test_of_nothing_the_sum_is_zero_and_the_mean_nan(shape: tuple[int, ...]) -> None:
    x, target = np.zeros(shape), np.zeros(shape[:1] + shape[2:], np.int64)
    assert math.isnan(results(x, target)[0])
    assert results(x, target, reduction="sum")[0] == 0
    assert results(x, target, g=np.zeros(target.shape), reduction="none")[1].shape == shape


def test_ignored_samples_among_no_classes() -> None:
    loss, grad = results(np.zeros((2, 0)), np.array([-100, -100]))
    assert math.isnan(loss)
    assert grad.shape == (2, 0)


def test_class_indices_may_be_bytes_but_for_images() -> None:
    x, target = np.arange(-256.0, 0).reshape(1, 256), np.array([156], np.uint8)
    assert results(x, target)[0] == 100
    assert results(x[0], target[0].reshape(()))[0] == 100
    with pytest.raises(TypeError, match=r"target must be int64 class indices, got uint8; write target\.astype"):
        reference.nll_loss(x[..., np.newaxis], target[:, np.newaxis])
    with pytest.raises(RuntimeError):
        F.nll_loss(tensor(x[..., np.newaxis]), tensor(target[:, np.newaxis]))


def test_one_sample_takes_its_label_in_a_row() -> None:
    """torch's gradient refuses the label that its formula took."""
    x, row = LOG_P[1], np.array([2])
    assert reference.nll_loss(x, row) == F.nll_loss(tensor(x), tensor(row)).item() == 8
    assert_bits(reference.nll_loss_backward(np.array(1.0), x, row), np.array([0.0, 0, -1]))
    with pytest.raises(ValueError, match=r"target must have shape \(\) \(one class index per sample\), got \(2,\)"):
        reference.nll_loss(x, np.array([2, 1]))


def test_probabilities_are_no_classes() -> None:
    with pytest.raises(TypeError, match=r"target must be int64 or uint8 class indices, got float64 of shape \(3, 3\)"):
        reference.nll_loss(LOG_P, np.exp(LOG_P))


def test_the_definition_refuses_nothing_but_says_the_same() -> None:
    x, target, weight = LOG_P, np.array([0, -100, 2]), np.array([1.0, 2.0, 5.0])
    for reduction in ("mean", "sum", "none"):
        ours = reference.nll_loss(x, target, weight, reduction=reduction)
        assert_bits(reference.definition.nll_loss(x, target, weight, reduction=reduction), ours)


def test_the_gradient_from_above_has_the_dtype_of_the_input() -> None:
    with pytest.raises(TypeError, match=r"^input must have the dtype of grad_output, float32, got float64"):
        reference.nll_loss_backward(np.float32(1), np.ones((2, 3)), np.array([0, 1]))  # type: ignore[arg-type]


def test_a_label_that_is_no_class_is_named_as_it_is() -> None:
    """Also where floats have no room for it: 2^62 + 1 would be 2^62, which is ignored."""
    for label, ignored in ((3, -100), (-1, -100), (2**62 + 1, 2**62)):
        with pytest.raises(ValueError, match=rf"^target must lie between 0 and 2, or .* got {label}$"):
            reference.nll_loss(LOG_P, np.array([0, label, 2]), ignore_index=ignored)


def test_without_classes_and_samples_the_dtype_stays() -> None:
    loss = reference.nll_loss(np.zeros((0, 0), np.float32), np.zeros(0, np.int64), reduction="none")
    assert loss.dtype == np.float32


# The layer.


def test_the_layer_equals_its_twin() -> None:
    pair, seen = pair_named("nll_loss"), set()
    for case in cases_of(pair, CASES):
        weight, x, target = case.arrays.get("weight"), case.arrays["input"], case.arrays["target"]
        reduction = case.arguments["reduction"]
        seen.add((reduction, weight is None, case.dtype))
        criterion = nn.NLLLoss(weight, **case.arguments)
        twin = torch.nn.NLLLoss(None if weight is None else tensor(weight), **case.arguments)
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
    assert len(seen) == 12


def test_after_a_log_softmax_it_trains_as_cross_entropy_does() -> None:
    x, target = LOG_P * 2, np.array([2, 0, 1])
    layer, criterion, whole = nn.LogSoftmax(1), nn.NLLLoss(), nn.CrossEntropyLoss()
    assert criterion(layer(x), target) == whole(x, target)
    assert_bits(layer.backward(criterion.backward()), whole.backward())


def test_the_layers_gradient_stays_right_when_the_caller_changes_what_is_his() -> None:
    x, target, weight = LOG_P.copy(), np.array([0, 2, 1]), np.array([1.0, 2.0, 5.0])
    criterion = nn.NLLLoss(weight)
    loss = criterion(x, target)
    assert type(loss) is nn.Loss
    expected = criterion.backward()
    x += 1
    target *= 0
    weight *= 3
    loss += 7
    assert_bits(criterion.backward(), expected)


def test_the_layers_weights_follow_its_dtype() -> None:
    criterion = nn.NLLLoss(np.array([1, 2], np.float32)).double()
    assert criterion.weight is not None
    assert criterion.weight.dtype == np.float64
    assert nn.NLLLoss().double().weight is None
