"""Cross-entropy: weights, ignored samples, smoothing, impossible classes, and its layer.

Most numbers are worked by hand: the scores log 2, 0, 0 have the probabilities 1/2, 1/4, 1/4, so losses of log 2, log 4
and log 4.  torch, asked the same, must say the same.
"""

import math
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F

import reference
from reference import nn
from tests.reference.comparing import (
    CASES,
    INF,
    NAN,
    Array,
    assert_bits,
    assert_equal,
    both_dtypes,
    cases_of,
    differentiate,
    random_normal,
)
from torch_parity.proof.backend import tensor
from torch_parity.proof.compare import same_bits
from torch_parity.proof.pairs import pair_named

LOG2, LOG4 = math.log(2), math.log(4)


def scores(samples: int, dtype: Any = np.float64) -> Array:
    """The scores log 2, 0, 0 for every sample, (N, C)."""
    return np.tile(np.array([LOG2, 0, 0], dtype), (samples, 1))


def loss_and_gradient(x: Array, target: Array, weight: Array | None = None, **options: Any) -> tuple[float, Array]:
    """The loss and its gradient, after comparing both with torch's."""
    loss = reference.cross_entropy(x, target, weight, **options)
    grad, _ = reference.cross_entropy_backward(np.asarray(1, x.dtype), x, target, weight, **options)
    scores = tensor(x).requires_grad_()
    theirs = F.cross_entropy(scores, tensor(target), None if weight is None else tensor(weight), **options)
    theirs.backward()  # type: ignore[no-untyped-call]
    assert scores.grad is not None
    np.testing.assert_allclose(loss, theirs.detach().numpy(), rtol=1e-14)
    np.testing.assert_allclose(grad, scores.grad.numpy(), rtol=1e-14, atol=1e-16)
    return float(loss), grad


@both_dtypes
@pytest.mark.parametrize("label_smoothing", [0.0, 0.25])
@pytest.mark.parametrize("weight", [None, [1, 2, 3]])
@pytest.mark.parametrize("samples", [3, 1])
def test_ignored_samples_only(samples: int, weight: list[float] | None, label_smoothing: float, dtype: Any) -> None:
    x, target = scores(samples, dtype), np.full(samples, -100)
    w = None if weight is None else np.array(weight, dtype)
    for reduction, expected in (("mean", NAN), ("sum", 0.0)):
        loss, grad = loss_and_gradient(x, target, w, reduction=reduction, label_smoothing=label_smoothing)
        np.testing.assert_equal(loss, expected)
        assert (grad == 0).all()
    kept = reference.cross_entropy(x, target, w, reduction="none", label_smoothing=label_smoothing)
    assert_bits(kept, np.zeros(samples))


def test_the_mean_over_class_indices_weighs_the_samples() -> None:
    weight = np.array([1.0, 2.0, 5.0])
    loss, grad = loss_and_gradient(scores(3), np.array([0, 1, -100]), weight)
    # (1 log 2 + 2 log 4) / (1 + 2); the ignored row and the weight of class 2 take no part.
    assert loss == pytest.approx(5 * LOG2 / 3, rel=1e-15)
    rows = np.array([[-0.5, 0.25, 0.25], [1, -1.5, 0.5], [0, 0, 0]])
    np.testing.assert_allclose(grad * 3, rows, rtol=1e-14)


def test_smoothing_with_weight_and_ignore_index() -> None:
    weight, e = np.array([1.0, 2.0, 5.0]), 0.3
    target = np.array([0, 1, 7])
    options: dict[str, Any] = {"ignore_index": 7, "label_smoothing": e}
    # Rows not ignored: sum w_y nll = 1 log 2 + 2 log 4 = 5 log 2.  Each row's -sum_c w_c log p_c is
    # 1 log 2 + 2 log 4 + 5 log 4 = 15 log 2, so 30 log 2 in all, of which e/C = 0.1 counts.  Divided by 1 + 2.
    mean, grad = loss_and_gradient(scores(3), target, weight, **options)
    assert mean == pytest.approx((0.7 * 5 + 0.1 * 30) * LOG2 / 3, rel=1e-14)
    total, grad_total = loss_and_gradient(scores(3), target, weight, reduction="sum", **options)
    assert total == pytest.approx((0.7 * 5 + 0.1 * 30) * LOG2, rel=1e-14)
    kept = reference.cross_entropy(scores(3), target, weight, reduction="none", **options)
    np.testing.assert_allclose(kept, [(0.7 * 1 + 1.5) * LOG2, (0.7 * 4 + 1.5) * LOG2, 0], rtol=1e-14)
    # Row 1 pulls on the log-probabilities with 0.7 + 0.1, 0.1 * 2, 0.1 * 5, in all 1.5; row 2 with 0.1, 1.6, 0.5.
    rows = np.array(
        [[1.5 / 2 - 0.8, 1.5 / 4 - 0.2, 1.5 / 4 - 0.5], [2.2 / 2 - 0.1, 2.2 / 4 - 1.6, 2.2 / 4 - 0.5], [0, 0, 0]]
    )
    np.testing.assert_allclose(grad_total, rows, rtol=1e-13)
    np.testing.assert_allclose(grad * 3, rows, rtol=1e-13)


def test_the_mean_over_probabilities_divides_by_the_number_of_samples() -> None:
    weight = np.array([1.0, 2.0, 5.0])
    target = np.array([[1.0, 0.0, 0.0], [0.0, 0.5, 0.5]])
    loss, grad = loss_and_gradient(scores(2), target, weight)
    # (1 log 2 + (2/2 + 5/2) log 4) / 2 samples, though the weights sum to 8 and the samples' to 4.5.
    assert loss == pytest.approx((LOG2 + 3.5 * LOG4) / 2, rel=1e-15)
    np.testing.assert_allclose(grad * 2, [[-0.5, 0.25, 0.25], [1.75, -0.125, -1.625]], rtol=1e-14)
    # With two samples per image, N is still the number of samples: 2 * 2.
    maps = np.stack([scores(2), scores(2)], axis=-1)
    loss, _ = loss_and_gradient(maps, np.stack([target, target], axis=-1), weight)
    assert loss == pytest.approx((LOG2 + 3.5 * LOG4) / 2, rel=1e-15)


def test_the_gradient_of_probabilities() -> None:
    weight, target = np.array([1.0, 2.0, 5.0]), np.array([[1.0, 0.0, 0.0], [0.0, 0.5, 0.5]])
    _, grad = reference.cross_entropy_backward(np.asarray(1.0), scores(2), target, weight, label_smoothing=0.5)
    expected = 0.5 / 2 * np.array([[LOG2, 2 * LOG4, 5 * LOG4]] * 2)  # (1 - e)/N times -w_c log p_c
    assert grad is not None
    np.testing.assert_allclose(grad, expected, rtol=1e-14)
    theirs = tensor(target).requires_grad_()
    loss = F.cross_entropy(tensor(scores(2)), theirs, tensor(weight), label_smoothing=0.5)
    loss.backward()  # type: ignore[no-untyped-call]
    assert theirs.grad is not None
    np.testing.assert_allclose(grad, theirs.grad.numpy(), rtol=1e-14)


# A class that cannot be: its score is minus infinity.


IMPOSSIBLE = np.array([[0.0, -INF, 0.0]])  # probabilities 1/2, 0, 1/2


ZERO_WEIGHT = np.array([1.0, 0.0, 1.0])


def test_it_is_finite_for_a_class_index_beside_an_impossible_class() -> None:
    loss, grad = loss_and_gradient(IMPOSSIBLE, np.array([0]))
    assert loss == pytest.approx(LOG2, rel=1e-15)
    np.testing.assert_allclose(grad, [[-0.5, 0, 0.5]], rtol=1e-15)
    loss, grad = loss_and_gradient(IMPOSSIBLE, np.array([1]))
    assert loss == INF
    np.testing.assert_allclose(grad, [[0.5, -1, 0.5]], rtol=1e-15)
    # A weight of 0 on the impossible class does no harm where that class is not the target.
    loss, _ = loss_and_gradient(IMPOSSIBLE, np.array([0]), ZERO_WEIGHT)
    assert loss == pytest.approx(LOG2, rel=1e-15)


def test_it_is_infinite_under_smoothing_of_an_impossible_class() -> None:
    loss, grad = loss_and_gradient(IMPOSSIBLE, np.array([0]), label_smoothing=0.3)
    assert loss == INF
    np.testing.assert_allclose(grad, [[0.5 - 0.8, -0.1, 0.5 - 0.1]], rtol=1e-14)
    loss, _ = loss_and_gradient(IMPOSSIBLE, np.array([[1.0, 0.0, 0.0]]), label_smoothing=0.3)
    assert loss == INF


def test_it_is_nan_for_a_probability_of_zero_of_an_impossible_class() -> None:
    loss, grad = loss_and_gradient(IMPOSSIBLE, np.array([[1.0, 0.0, 0.0]]))
    assert math.isnan(loss)  # 0 * inf
    np.testing.assert_allclose(grad, [[-0.5, 0, 0.5]], rtol=1e-15)
    loss, _ = loss_and_gradient(IMPOSSIBLE, np.array([[0.5, 0.5, 0.0]]))
    assert loss == INF


def test_it_is_nan_for_a_class_weight_of_zero_of_an_impossible_class() -> None:
    assert math.isnan(loss_and_gradient(IMPOSSIBLE, np.array([0]), ZERO_WEIGHT, label_smoothing=0.3)[0])
    assert math.isnan(loss_and_gradient(IMPOSSIBLE, np.array([[0.0, 1.0, 0.0]]), ZERO_WEIGHT)[0])
    assert math.isnan(loss_and_gradient(IMPOSSIBLE, np.array([1]), ZERO_WEIGHT, reduction="sum")[0])


# Other edges.


def test_the_gradient_of_an_infinite_upstream_gradient() -> None:
    """Classes that are not the target take no part in the loss: they get +inf, and no NaN of 0 * inf."""
    x, target = scores(1), np.array([1])
    grad, _ = reference.cross_entropy_backward(np.asarray(INF), x, target, reduction="sum")
    _, (theirs,) = differentiate(lambda x: F.cross_entropy(x, tensor(target), reduction="sum"), (x,), np.asarray(INF))
    np.testing.assert_array_equal(grad, [[INF, NAN, INF]])
    np.testing.assert_array_equal(theirs, grad)


def test_one_sample_takes_its_label_in_a_row() -> None:
    """torch's gradient refuses the label that its formula took."""
    x, label, row = scores(1)[0], np.array(1), np.array([1])
    loss, grad = loss_and_gradient(x, label)
    assert reference.cross_entropy(x, row) == F.cross_entropy(tensor(x), tensor(row)).numpy() == loss
    row_grad, _ = reference.cross_entropy_backward(np.asarray(1.0), x, row)
    np.testing.assert_array_equal(row_grad, grad)


def test_a_label_next_to_a_huge_ignore_index_is_not_ignored() -> None:
    """As floats the two would be the same."""
    scores = random_normal((2, 3))
    with pytest.raises(ValueError, match=f"target must lie between 0 and 2, or be ignore_index {2**62}"):
        reference.cross_entropy(scores, np.array([1, 2**62 + 1]), ignore_index=2**62)
    assert np.isfinite(reference.cross_entropy(scores, np.array([1, 2**62]), ignore_index=2**62))


def test_ignored_samples_among_no_classes() -> None:
    loss, grad = loss_and_gradient(np.zeros((2, 0)), np.array([-100, -100]))
    assert math.isnan(loss)
    assert grad.shape == (2, 0)


@pytest.mark.parametrize(("score", "loss"), [(20.0, 2.061153620314381e-09), (50.0, 1.9287498479639178e-22)])
def test_the_loss_of_a_prediction_next_to_certain_is_not_zero(score: float, loss: float) -> None:
    """-log(1 / (1 + e^-score)) = log1p(e^-score).  torch adds to 1 what is too small for that, and says 0."""
    x, target = np.array([[0.0, score]], np.float32), np.array([1])
    np.testing.assert_allclose(reference.cross_entropy(x, target), loss, rtol=1e-6)
    np.testing.assert_allclose(reference.log_softmax(x, 1)[0, 1], -loss, rtol=1e-6)
    assert F.cross_entropy(tensor(x), tensor(target)).item() == 0


# The layer.


def test_the_layer_equals_its_twin() -> None:
    pair = pair_named("cross_entropy")
    seen = set()
    for case in cases_of(pair, CASES + 150):
        weight, x, target = case.arrays.get("weight"), case.arrays["input"], case.arrays["target"]
        reduction, smoothing = case.arguments["reduction"], case.arguments["label_smoothing"]
        seen.add((reduction, smoothing > 0, weight is None, target.dtype.kind, case.dtype))
        criterion = nn.CrossEntropyLoss(weight, **case.arguments)
        twin = torch.nn.CrossEntropyLoss(None if weight is None else tensor(weight), **case.arguments)
        scores = tensor(x).requires_grad_()
        loss, theirs = criterion(x, target), twin(scores, tensor(target))
        g = case.upstream(loss.shape)
        theirs.backward(tensor(g))
        with np.errstate(all="ignore"):
            expected = pair.expected(case, g)
        assert_equal(loss, theirs.detach().numpy(), expected["output"])
        assert scores.grad is not None
        assert_equal(criterion.backward(g), scores.grad.numpy(), expected["grad_input"])
        if reduction != "none":
            implied, given = criterion.backward(), criterion.backward(np.asarray(1, case.dtype))
            assert same_bits(implied, given).all()
    assert len(seen) > 40  # of the 48 combinations


def test_the_layer_without_reduction_asks_for_the_upstream_gradient() -> None:
    criterion = nn.CrossEntropyLoss(reduction="none")
    x, target = random_normal((3, 4)), np.array([0, 3, 1])
    criterion(x, target)
    with pytest.raises(ValueError, match="grad_output must be given"):
        criterion.backward()
    scores = tensor(x).requires_grad_()
    torch.nn.CrossEntropyLoss(reduction="none")(scores, tensor(target)).backward(
        torch.tensor([2.0, 0.0, -1.0]).double()
    )
    assert scores.grad is not None
    grad = criterion.backward(np.array([2.0, 0.0, -1.0]))
    np.testing.assert_allclose(grad, scores.grad.numpy(), rtol=1e-14)
    assert (grad[1] == 0).all()
