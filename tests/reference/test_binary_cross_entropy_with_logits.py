"""Binary cross-entropy of scores: huge scores, both weights, broadcasting, and its layer.

Most numbers are worked by hand: the score log 3 stands for the probability 3/4, -log 3 for 1/4.
"""

import math
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F

import reference
from reference import nn
from tests.reference.comparing import CASES, INF, NAN, Array, assert_equal, both_dtypes, cases_of
from torch_parity.proof.backend import tensor
from torch_parity.proof.compare import same_bits
from torch_parity.proof.pairs import pair_named

LOG3, LOG4 = math.log(3), math.log(4)
SCORES, TRUTH = np.array([LOG3, LOG3, -LOG3, 0.0]), np.array([1.0, 0.0, 1.0, 0.5])


def results(x: Array, t: Array, g: Any = 1.0, rtol: float = 1e-14, **options: Any) -> list[Array]:
    """The loss and both gradients, after comparing each with torch's."""
    g = np.asarray(g, x.dtype)
    ours = [
        reference.binary_cross_entropy_with_logits(x, t, **options),
        *reference.binary_cross_entropy_with_logits_backward(g, x, t, **options),
    ]
    a, b = tensor(x).requires_grad_(), tensor(t).requires_grad_()
    given: dict[str, Any] = {
        n: tensor(value) if isinstance(value, np.ndarray) else value for n, value in options.items()
    }
    loss = F.binary_cross_entropy_with_logits(a, b, **given)
    loss.backward(tensor(g))  # type: ignore[no-untyped-call]
    assert a.grad is not None
    assert b.grad is not None
    for our, their in zip(ours, (loss.detach(), a.grad, b.grad), strict=True):
        assert our.dtype == x.dtype
        np.testing.assert_allclose(our, their.numpy(), rtol=rtol, atol=rtol / 100)
    return ours


def test_by_hand() -> None:
    """-log 3/4 = log 4 - log 3, -log 1/4 = log 4, and half of each at 1/2."""
    losses, grad_input, grad_target = results(SCORES, TRUTH, np.ones(4), reduction="none")
    np.testing.assert_allclose(losses, [LOG4 - LOG3, LOG4, LOG4, math.log(2)], rtol=1e-15)
    np.testing.assert_allclose(grad_input, [-0.25, 0.75, -0.75, 0], rtol=1e-15)
    np.testing.assert_array_equal(grad_target, -SCORES)
    loss, grad_input, _ = results(SCORES, TRUTH)
    assert loss == pytest.approx((3 * LOG4 - LOG3 + math.log(2)) / 4, rel=1e-15)
    np.testing.assert_allclose(grad_input, np.array([-0.25, 0.75, -0.75, 0]) / 4, rtol=1e-15)


def test_pos_weight_weighs_what_is_there() -> None:
    p = np.array(3.0)
    losses, grad_input, grad_target = results(SCORES, TRUTH, np.ones(4), reduction="none", pos_weight=p)
    np.testing.assert_allclose(losses, [3 * (LOG4 - LOG3), LOG4, 3 * LOG4, 2 * math.log(2)], rtol=1e-15)
    # (1 - t) sigma(x) - 3 t sigma(-x)
    np.testing.assert_allclose(grad_input, [-0.75, 0.75, -2.25, 0.25 - 0.75], rtol=1e-15)
    # 3 s(-x) - s(x): both softplus are log 4 or log 4 - log 3
    expected = [3 * (LOG4 - LOG3) - LOG4, 3 * (LOG4 - LOG3) - LOG4, 3 * LOG4 - (LOG4 - LOG3), 2 * math.log(2)]
    np.testing.assert_allclose(grad_target, expected, rtol=1e-14)


def test_weights_weigh_everything_and_do_not_enter_the_divisor() -> None:
    weight = np.array([0.0, 1.0, 2.0, 4.0])
    loss, grad_input, grad_target = results(SCORES, TRUTH, weight=weight)
    assert loss == pytest.approx((LOG4 + 2 * LOG4 + 4 * math.log(2)) / 4, rel=1e-15)
    np.testing.assert_allclose(grad_input, np.array([0, 0.75, -1.5, 0]) / 4, rtol=1e-15)
    np.testing.assert_allclose(grad_target, -SCORES * weight / 4, rtol=1e-15)


@pytest.mark.parametrize("shape", [(), (1,), (3,), (2, 1), (2, 3), (1, 3), (4, 1, 1), (1, 1, 1), (4, 2, 3)])
def test_both_weights_are_broadcast(shape: tuple[int, ...]) -> None:
    generator = np.random.default_rng(1)
    x, t = generator.standard_normal((4, 2, 3)), generator.random((4, 2, 3))
    w, p = np.asarray(generator.random(shape)), np.asarray(generator.random(shape) * 3)
    loss, grad_input, grad_target = results(x, t, weight=w, pos_weight=p)
    whole = results(
        x, t, weight=np.array(np.broadcast_to(w, x.shape)), pos_weight=np.array(np.broadcast_to(p, x.shape))
    )
    for result, expected in zip((loss, grad_input, grad_target), whole, strict=True):
        np.testing.assert_array_equal(result, expected)


@pytest.mark.parametrize("shape", [(2,), (3, 1), (0,), (1, 2, 3), (1, 1, 1), (5, 2, 3), (2, 4)])
@pytest.mark.parametrize("name", ["weight", "pos_weight"])
def test_what_is_not_broadcast(name: str, shape: tuple[int, ...]) -> None:
    """The weights are, to the scores; the scores never are, not even by a leading 1."""
    x, w = np.zeros((2, 3)), np.ones(shape)
    with pytest.raises(ValueError, match=rf"^{name} must have a shape that broadcasts to \(2, 3\) \(as input\)"):
        reference.binary_cross_entropy_with_logits(x, x, **{name: w})  # type: ignore[arg-type]
    with pytest.raises(RuntimeError):
        F.binary_cross_entropy_with_logits(tensor(x), tensor(x), **{name: tensor(w)})  # type: ignore[arg-type]


@both_dtypes
def test_huge_scores_do_not_overflow(dtype: Any) -> None:
    huge = float(np.finfo(dtype).max) / 2
    x, t = np.array([huge, huge, -huge, -huge], dtype), np.array([0, 1, 0, 1], dtype)
    losses, grad_input, _ = results(x, t, np.ones(4), reduction="none", rtol=1e-6)
    np.testing.assert_array_equal(losses, [huge, 0, 0, huge])
    np.testing.assert_array_equal(grad_input, [1, 0, 0, -1])


def test_the_loss_of_a_prediction_next_to_certain_is_not_zero() -> None:
    """log1p(e^-40) = 4.2e-18; torch loses it where it subtracts the score from itself, at negative scores."""
    x, t = np.array([40.0, -40.0]), np.array([1.0, 0.0])
    losses = reference.binary_cross_entropy_with_logits(x, t, reduction="none")
    np.testing.assert_allclose(losses, math.exp(-40), rtol=1e-15)
    theirs = F.binary_cross_entropy_with_logits(tensor(x), tensor(t), reduction="none").tolist()
    assert theirs == [pytest.approx(math.exp(-40), rel=1e-15), 0]
    # Neither does the gradient vanish: sigma(-40) is not 1 - 1.
    options: dict[str, Any]
    for options in ({}, {"pos_weight": np.array(1.0)}):
        grad, _ = reference.binary_cross_entropy_with_logits_backward(
            np.ones(2),
            x,
            t,
            reduction="none",
            **options,
        )
        assert grad[1] == pytest.approx(math.exp(-40), rel=1e-15)


@pytest.mark.parametrize("pos_weight", [None, 2.0])
def test_infinite_scores(pos_weight: float | None) -> None:
    """torch multiplies by 1 - t, and subtracts infinities: NaN where the loss would be infinite, or 0."""
    options: dict[str, Any] = {} if pos_weight is None else {"pos_weight": np.array(pos_weight)}
    x, t = np.array([INF, INF, INF, -INF, -INF, -INF, NAN]), np.array([0, 0.5, 1, 0, 0.5, 1, 0])
    losses, grad_input, grad_target = results(x, t, np.ones(7), reduction="none", **options)
    np.testing.assert_array_equal(losses, [INF, INF, NAN, NAN, NAN, NAN, NAN])
    p = pos_weight or 1.0
    np.testing.assert_array_equal(grad_input, [1, 0.5, 0, 0, -p / 2, -p, NAN])
    np.testing.assert_array_equal(grad_target, [-INF, -INF, -INF, INF, INF, INF, NAN])


def test_targets_need_not_be_probabilities() -> None:
    losses, grad_input, _ = results(SCORES, np.array([2.0, -1.0, 3.0, -2.0]), np.ones(4), reduction="none")
    np.testing.assert_allclose(grad_input, [0.75 - 2, 0.75 + 1, 0.25 - 3, 0.5 + 2], rtol=1e-15)
    assert losses[0] == pytest.approx(LOG4 - 2 * LOG3, rel=1e-14)  # s(x) - t x, which is negative


@pytest.mark.parametrize("shape", [(0,), (3, 0)])
def test_of_nothing_the_sum_is_zero_and_the_mean_nan(shape: tuple[int, ...]) -> None:
    nothing = np.zeros(shape)
    assert np.isnan(results(nothing, nothing)[0])
    assert results(nothing, nothing, reduction="sum")[0] == 0
    assert results(nothing, nothing, nothing, reduction="none", pos_weight=np.array(2.0))[1].shape == shape


def test_one_question_is_a_choice_of_two_classes() -> None:
    """sigma(x) is the softmax of x and 0: the loss is the cross-entropy of the scores 0 and x."""
    x, answers = np.array([3.0, -1.0, 0.25]), np.array([1, 1, 0])
    two = np.stack([np.zeros(3), x], axis=1)
    loss, grad_input, _ = results(x, answers.astype(float))
    assert loss == pytest.approx(float(reference.cross_entropy(two, answers)), rel=1e-14)
    grad, _ = reference.cross_entropy_backward(np.array(1.0), two, answers)
    np.testing.assert_allclose(grad_input, grad[:, 1], rtol=1e-14)


def test_the_gradient_from_above_has_the_dtype_of_the_input() -> None:
    with pytest.raises(TypeError, match=r"^input must have the dtype of grad_output, float32, got float64"):
        reference.binary_cross_entropy_with_logits_backward(np.float32(1), np.ones(3), np.ones(3))  # type: ignore[arg-type]


# The layer.


def test_the_layer_equals_its_twin() -> None:
    pair, seen = pair_named("binary_cross_entropy_with_logits"), set()
    for case in cases_of(pair, CASES):
        x, target, reduction = case.arrays["input"], case.arrays["target"], case.arguments["reduction"]
        weights = {name: case.arrays[name] for name in ("weight", "pos_weight") if name in case.arrays}
        seen.add((reduction, *weights))
        criterion = nn.BCEWithLogitsLoss(**weights, reduction=reduction)
        twin = torch.nn.BCEWithLogitsLoss(**{n: tensor(w) for n, w in weights.items()}, reduction=reduction)
        a = tensor(x).requires_grad_()
        loss, theirs = criterion(x, target), twin(a, tensor(target))
        g = case.upstream(loss.shape)
        theirs.backward(tensor(g))
        with np.errstate(all="ignore"):
            expected = pair.expected(case, g)
        assert_equal(loss, theirs.detach().numpy(), expected["output"])
        assert a.grad is not None
        assert_equal(criterion.backward(g), a.grad.numpy(), expected["grad_input"])
        if reduction != "none":
            assert same_bits(criterion.backward(), criterion.backward(np.asarray(1, case.dtype))).all()
    assert len(seen) == 12


def test_the_layers_gradient_stays_right_when_the_caller_changes_what_is_his() -> None:
    x, t, w, p = SCORES.copy(), TRUTH.copy(), np.array([1.0, 2.0, 3.0, 4.0]), np.array(3.0)
    criterion = nn.BCEWithLogitsLoss(w, pos_weight=p)
    loss = criterion(x, t)
    assert type(loss) is nn.Loss
    expected = criterion.backward()
    for array in (x, t, w, p, loss):
        array += 1
    assert same_bits(criterion.backward(), expected).all()


def test_the_layers_weights_follow_its_dtype() -> None:
    criterion = nn.BCEWithLogitsLoss(np.ones(2, np.float32), pos_weight=np.ones((), np.float32)).double()
    assert criterion.weight is not None
    assert criterion.pos_weight is not None
    assert criterion.weight.dtype == criterion.pos_weight.dtype == np.float64
    plain = nn.BCEWithLogitsLoss().double()
    assert plain.weight is None
    assert plain.pos_weight is None
