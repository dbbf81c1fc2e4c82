"""Batch normalisation: whose statistics are used when, what is kept for later, and what torch does at the edges."""

import sys
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from reference import batch_norm as normalise
from reference import batch_norm_backward as differentiated
from reference import nn, optim
from reference.batch_norm import running_statistics
from tests.reference.comparing import (
    INF,
    NAN,
    Array,
    assert_bits,
    assert_equal,
    both_dtypes,
    differentiate,
    in_torch,
    random_integers,
    random_normal,
)
from torch_parity.proof.backend import tensor

MEAN, VAR = np.array([2.0, 20.0]), np.array([1.0, 100.0])
# With arrays and options unpacked, which a type checker cannot tell apart.
batch_norm: Any = normalise
batch_norm_backward: Any = differentiated
torch_batch_norm: Any = F.batch_norm
# Two channels, of means 2 and 20, and variances 1 and 100.
X = np.array([[1.0, 10.0], [3.0, 30.0]])


def in_training(x: Array, **given: Any) -> Array:
    y: Array = batch_norm(x, None, None, training=True, **given)
    return y


# Whose statistics.


def test_in_training_every_channel_gets_mean_0_and_variance_1() -> None:
    x = random_normal((6, 3, 4, 5)) * 7 + 3
    y = in_training(x)
    assert np.abs(y.mean((0, 2, 3))).max() < 1e-14
    assert np.abs(y.var((0, 2, 3)) - 1).max() < 1e-5
    # With whatever running statistics.
    assert_equal(batch_norm(x, np.ones(3), np.zeros(3), training=True), y)


def test_in_eval_every_image_is_for_itself() -> None:
    x, mean, var = random_normal((6, 3, 4, 5)), random_normal((3,)), np.array([1.0, 2.0, 4.0])
    y = batch_norm(x, mean, var)
    for image, alone in zip(y, x, strict=True):
        assert_equal(batch_norm(alone[np.newaxis], mean, var)[0], image)


@both_dtypes
def test_gamma_and_beta_come_last(dtype: Any) -> None:
    gamma, beta = np.array([2, 3], dtype), np.array([5, -7], dtype)
    for training in (True, False):
        arrays = [one.astype(dtype) for one in (X, MEAN, VAR)]
        plain = batch_norm(*arrays, training=training, eps=0.5)
        for weight, bias, wanted in (
            (gamma, None, plain * gamma), (None, beta, plain + beta), (gamma, beta, plain * gamma + beta),
        ):  # fmt: skip
            assert_bits(batch_norm(*arrays, weight, bias, training, eps=0.5), wanted)


def test_eps_stands_under_the_root() -> None:
    assert_bits(in_training(np.array([[0.0], [8.0]]), eps=9.0), [[-0.8], [0.8]])  # 4 / sqrt(16 + 9)
    assert_bits(batch_norm(np.array([[3.0]]), np.zeros(1), np.array([7.0]), eps=2.0), [[1]])


# What torch does at the edges.


@both_dtypes
def test_equal_numbers_become_0_whatever_they_are(dtype: Any) -> None:
    """torch computes x s - mu s, which is 0 up to rounding; s is 1 / sqrt(eps) = 316 here."""
    x, g = np.full((4, 2, 3), 5, dtype), random_integers((4, 2, 3), dtype)
    theirs, (their_grad,) = differentiate(lambda x: torch_batch_norm(x, None, None, training=True), (x,), g)
    assert_bits(in_training(x), np.zeros(x.shape))
    assert np.abs(theirs).max() <= 5 * 317 * np.finfo(dtype).eps
    grad, _, _ = batch_norm_backward(g, x, None, None, training=True)
    np.testing.assert_allclose(grad, their_grad, rtol=1e-6)


@pytest.mark.parametrize("shape", [(1, 3), (1, 3, 1), (1, 3, 1, 1)])
def test_a_single_number_per_channel_is_refused_in_training_alone(shape: tuple[int, ...]) -> None:
    x, mean, var = np.ones(shape), np.zeros(3), np.ones(3)
    with pytest.raises(ValueError, match="input must have more than 1 number per channel in training"):
        in_training(x)
    with pytest.raises(ValueError, match="input must have more than 1 number per channel"):
        running_statistics(x, mean, var)
    with pytest.raises(ValueError, match="Expected more than 1 value per channel when training"):
        torch_batch_norm(tensor(x), None, None, training=True)
    assert_bits(batch_norm(x, mean, var, eps=0.0), np.ones(shape))
    assert_bits(torch_batch_norm(tensor(x), tensor(mean), tensor(var), eps=0.0).numpy(), np.ones(shape))


@pytest.mark.parametrize("shape", [(0, 3), (0, 3, 4, 5), (2, 3, 0)])
@pytest.mark.parametrize("training", [True, False])
def test_a_batch_of_nothing_has_gradients_of_0_and_teaches_nothing(shape: tuple[int, ...], training: bool) -> None:
    x, weight, mean, var = np.zeros(shape), np.ones(3), np.full(3, 5.0), np.full(3, 7.0)
    their_mean, their_var = tensor(mean), tensor(var)
    y, theirs = differentiate(
        lambda x, w, b: torch_batch_norm(x, their_mean, their_var, w, b, training), (x, weight, weight), np.zeros(shape)
    )
    assert_bits(batch_norm(x, mean, var, weight, weight, training), y)
    ours = batch_norm_backward(np.zeros(shape), x, mean, var, weight, training=training)
    for one, other in zip(ours, theirs, strict=True):
        assert_bits(one, other)
    learned = running_statistics(x, mean, var)
    for one, before, other in zip(learned, (mean, var), (their_mean.numpy(), their_var.numpy()), strict=True):
        assert_bits(one, before)
        assert_bits(other, before)
        assert not np.may_share_memory(one, before)


@both_dtypes
@pytest.mark.parametrize("number", [NAN, INF, -INF])
def test_a_number_that_is_not_finite_spoils_its_channel_in_training_and_itself_in_eval(
    number: float, dtype: Any
) -> None:
    x = np.array([[1, 10], [3, 30], [5, 20]], dtype)
    x[1, 0] = number
    statistics = MEAN.astype(dtype), VAR.astype(dtype)
    y: Array
    for y in (in_training(x), torch_batch_norm(tensor(x), None, None, training=True).numpy()):
        assert np.isnan(y[:, 0]).all()
        assert np.isfinite(y[:, 1]).all()
    for y in (
        batch_norm(x, *statistics), torch_batch_norm(tensor(x), *(tensor(one) for one in statistics)).numpy(),
    ):  # fmt: skip
        assert_bits(y[1, 0], np.asarray(number, dtype))
        assert np.isfinite(np.delete(y.ravel(), 2)).all()


def test_a_negative_running_variance_has_no_root() -> None:
    for y in (
        batch_norm(X, MEAN, -VAR),
        torch_batch_norm(tensor(X), tensor(MEAN), tensor(-VAR)).numpy(),
    ):
        assert np.isnan(y).all()


@pytest.mark.parametrize("eps", [0.0, -1.0])
def test_an_eps_of_0_is_refused_in_training_and_a_negative_one_always(eps: float) -> None:
    for training in (True, False):
        calls: list[Any] = [
            lambda training=training: batch_norm(X, MEAN, VAR, training=training, eps=eps),
            lambda training=training: batch_norm_backward(X, X, MEAN, VAR, training=training, eps=eps),
            lambda training=training: torch_batch_norm(
                *(tensor(a) for a in (X, MEAN, VAR)), training=training, eps=eps
            ),
        ]
        for call in calls:
            if training or eps < 0:
                with pytest.raises(ValueError, match="eps must be"):
                    call()
            else:
                call()


# What is kept for later.


def test_running_statistics_by_hand() -> None:
    mean, var = running_statistics(X, np.array([0.0, 0.0]), np.array([4.0, 0.0]), momentum=0.25)
    assert_bits(mean, [0.5, 5])
    assert_bits(var, [3.5, 50])  # 3/4 * 4 + 1/4 * 2, 1/4 * 200: unbiased


@both_dtypes
@pytest.mark.parametrize("momentum", [0.0, 0.1, 1.0, 2.0])
def test_running_statistics_are_those_that_torch_writes(momentum: float, dtype: Any) -> None:
    x = random_normal((5, 2, 3, 4), dtype)
    mean, var = np.array([1, 2], dtype), np.array([3, 4], dtype)
    kept = mean.copy(), var.copy()
    theirs = tensor(mean), tensor(var)
    torch_batch_norm(tensor(x), *theirs, training=True, momentum=momentum)
    for ours, before, now in zip(running_statistics(x, mean, var, momentum), kept, theirs, strict=True):
        assert ours.dtype == dtype
        np.testing.assert_allclose(ours, now.numpy(), rtol=4 * np.finfo(dtype).eps)
        assert (momentum == 0) == bool((ours == before).all())
    assert_bits(mean, kept[0])
    assert_bits(var, kept[1])


@pytest.mark.parametrize(("mean", "var"), [(None, VAR), (MEAN, None), (None, None)])
def test_there_must_be_running_statistics_to_mix(mean: Any, var: Any) -> None:
    name = "running_mean" if mean is None else "running_var"
    with pytest.raises(TypeError, match=f"{name} must be a NumPy array, got NoneType"):
        running_statistics(X, mean, var)


def test_the_default_momentum_is_torchs() -> None:
    for ours, same in zip(running_statistics(X, MEAN, VAR), running_statistics(X, MEAN, VAR, 0.1), strict=True):
        assert_bits(ours, same)


# The gradient.


def test_only_what_is_asked_for_is_computed() -> None:
    g, weight = random_normal(X.shape), np.array([2.0, 3.0])
    for training in (True, False):
        everything = batch_norm_backward(g, X, MEAN, VAR, weight, training=training)
        for index in range(3):
            mask = tuple(i == index for i in range(3))
            found = batch_norm_backward(g, X, MEAN, VAR, weight, training=training, output_mask=mask)
            assert [one is not None for one in found] == list(mask)
            assert_bits(found[index], everything[index])
        assert batch_norm_backward(g, X, MEAN, VAR, output_mask=(False,) * 3) == (None, None, None)


def test_the_sums_are_not_computed_where_nobody_asks(monkeypatch: pytest.MonkeyPatch) -> None:
    def never(*arguments: Any) -> Any:
        raise AssertionError

    monkeypatch.setattr(sys.modules["reference.batch_norm"], "gradient_means", never)
    batch_norm_backward(X, X, MEAN, VAR, output_mask=(True, False, False))
    batch_norm_backward(X, X, None, None, training=True, output_mask=(False, False, False))


def test_in_training_the_gradient_moves_neither_mean_nor_scale() -> None:
    x, g = random_normal((6, 3, 4, 5)), random_normal((6, 3, 4, 5), seed=1)
    grad, _, _ = batch_norm_backward(g, x, None, None, training=True, eps=1e-12)
    assert grad is not None
    assert np.abs(grad.sum((0, 2, 3))).max() < 1e-12
    assert np.abs((grad * x).sum((0, 2, 3))).max() < 1e-9
    in_eval, _, _ = batch_norm_backward(g, x, np.zeros(3), np.full(3, 4.0), np.full(3, 6.0), eps=0.0)
    assert_bits(in_eval, 3 * g)


def test_the_sums_are_computed_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """They are the gradients of gamma and beta, and make two terms of that of x."""

    def never(*arguments: Any) -> Any:
        raise AssertionError

    monkeypatch.setattr(sys.modules["reference.standardize"], "gradient_means", never)
    assert batch_norm_backward(X, X, None, None, training=True)[0] is not None


def test_float32_is_computed_in_float32() -> None:
    """But for sums and roots: s is rounded, then multiplied."""
    x, g = random_normal((50, 2), np.float32), random_normal((50, 2), np.float32, seed=1)
    mean, var, weight = np.array([0.5, 0.25], np.float32), np.array([3, 7], np.float32), np.array([0.3, 7], np.float32)
    s = 1 / np.sqrt(var.astype(np.float64))
    assert_bits(batch_norm(x, mean, var, eps=0.0), (x - mean) * s.astype(np.float32))
    grad, _, _ = batch_norm_backward(g, x, mean, var, weight, eps=0.0)
    assert_bits(grad, g * (weight * s).astype(np.float32))
    learned, _ = running_statistics(x, mean, var, 0.3)
    assert_bits(learned, (0.7 * mean.astype(np.float64) + 0.3 * x.mean(0, np.float64)).astype(np.float32))


# The layers.


def both_layers(build: Any) -> tuple[Any, Any]:
    return build(nn), build(torch.nn)


def assert_same_statistics(layer: Any, twin: Any) -> None:
    assert layer.num_batches_tracked == twin.num_batches_tracked.item()
    assert layer.num_batches_tracked.dtype == np.int64
    assert type(layer.num_batches_tracked) is np.ndarray
    for name in ("running_mean", "running_var"):
        np.testing.assert_allclose(getattr(layer, name), getattr(twin, name).numpy(), rtol=1e-12)


@pytest.mark.parametrize("momentum", [0.1, None, 1.0])
def test_running_statistics_over_several_batches(momentum: float | None) -> None:
    layer, twin = both_layers(lambda side: side.BatchNorm2d(3, momentum=momentum).double())
    assert_same_statistics(layer, twin)
    for step in range(4):
        x = random_normal((4, 3, 5, 2), seed=step) * (step + 1)
        np.testing.assert_allclose(layer(x), twin(tensor(x)).detach().numpy(), rtol=0, atol=1e-13)
        assert_same_statistics(layer, twin)
    layer.eval(), twin.eval()
    np.testing.assert_allclose(layer(x), twin(tensor(x)).detach().numpy(), rtol=0, atol=1e-13)
    assert_same_statistics(layer, twin)
    if momentum is None:
        means = [random_normal((4, 3, 5, 2), seed=step).mean((0, 2, 3)) * (step + 1) for step in range(4)]
        np.testing.assert_allclose(layer.running_mean, np.mean(means, 0), rtol=1e-12)
    layer.reset_running_stats(), twin.reset_running_stats()
    assert_same_statistics(layer, twin)


def test_a_batch_that_is_refused_teaches_nothing() -> None:
    layer = nn.BatchNorm2d(3)
    before = layer.state_dict()
    with pytest.raises(ValueError, match="more than 1 number"):
        layer(np.ones((1, 3, 1, 1), np.float32))
    for name, array in layer.state_dict().items():
        assert_equal(array, before[name])


def test_without_running_statistics_the_batchs_own_are_used_in_eval_too() -> None:
    x, g = random_normal((4, 3)), random_normal((4, 3), seed=1)
    layer = nn.BatchNorm1d(3, track_running_stats=False).double().eval()
    twin = torch.nn.BatchNorm1d(3, track_running_stats=False).double().eval()
    assert list(layer.state_dict()) == list(twin.state_dict()) == ["weight", "bias"]
    assert [*layer.buffers(), layer.running_mean, layer.running_var, layer.num_batches_tracked] == [None] * 3
    assert_equal(layer(x), in_training(x))
    wanted, _, _ = batch_norm_backward(g, x, None, None, np.ones(3), training=True)
    assert wanted is not None
    grad: Any = layer.backward(g)
    assert_equal(grad, wanted)
    for either in (layer, twin):
        either.reset_running_stats()
        assert either.running_mean is None


def test_tracking_that_is_switched_off_later() -> None:
    """Then the batch's statistics are used in training, and the old running ones in eval."""
    x = random_normal((4, 3))
    layer, twin = both_layers(lambda side: side.BatchNorm1d(3).double())
    layer.track_running_stats = twin.track_running_stats = False
    assert_equal(layer(x), in_training(x))
    twin(tensor(x))
    assert_same_statistics(layer, twin)
    np.testing.assert_allclose(layer.eval()(x), twin.eval()(tensor(x)).detach().numpy(), rtol=0, atol=1e-14)


def test_the_gradient_is_that_of_the_mode_in_forward() -> None:
    x, g = random_normal((4, 3)), random_normal((4, 3), seed=1)
    layer = nn.BatchNorm1d(3).double().eval()
    mean, var, weight = layer.running_mean, layer.running_var, layer.weight
    assert weight is not None
    for training in (False, True):
        layer.train(training)(x)
        layer.train(not training)  # too late
        wanted, grad_weight, grad_bias = batch_norm_backward(g, x, mean, var, weight.data, training=training)
        layer.zero_grad()
        grad: Any = layer.backward(g)
        assert_bits(grad, wanted)
        assert_bits(weight.grad, grad_weight)
        assert layer.bias is not None
        assert_bits(layer.bias.grad, grad_bias)


def test_gamma_starts_at_1_and_beta_at_0_or_they_are_not_there() -> None:
    layer = nn.BatchNorm2d(2)
    assert {name: one.data.tolist() for name, one in layer.named_parameters()} == {"weight": [1, 1], "bias": [0, 0]}
    assert {one.dtype for one in layer.parameters()} == {np.dtype(np.float32)}
    assert [name for name, _ in nn.BatchNorm2d(2, bias=False).named_parameters()] == ["weight"]
    assert list(nn.BatchNorm2d(2, affine=False).named_parameters()) == []
    for arguments in ({}, {"affine": False}, {"bias": False}, {"track_running_stats": False}):
        ours, theirs = both_layers(lambda side, arguments=arguments: side.BatchNorm2d(2, **arguments))
        assert list(ours.state_dict()) == list(theirs.state_dict())
        for name, array in theirs.state_dict().items():
            assert_equal(ours.state_dict()[name], array.numpy())


def test_a_frozen_gamma_gets_no_gradient() -> None:
    layer = nn.BatchNorm1d(3)
    assert layer.weight is not None
    assert layer.bias is not None
    layer.weight.requires_grad_(False)
    x = random_normal((4, 3), np.float32)
    assert layer.backward(layer(x), needs_input_grad=False) is None
    assert layer.weight.grad is None
    assert layer.bias.grad is not None
    # The weight is needed for the gradient of the input alone: without it, it may change.
    layer.weight.data -= 1
    layer.backward(x, needs_input_grad=False)
    with pytest.raises(RuntimeError, match="the weight was changed between forward and backward"):
        layer.backward(x)


@pytest.mark.parametrize(
    ("build", "shapes"),
    [
        (lambda side: side.BatchNorm1d(3), [(3,), (2, 3, 4, 5), (2, 4), (2, 4, 3)]),
        (lambda side: side.BatchNorm2d(3), [(2, 3), (2, 3, 4), (3, 4, 5), (2, 3, 4, 5, 6), (2, 4, 3, 3)]),
    ],
)
def test_a_layer_refuses_what_is_no_batch_of_its_kind(build: Any, shapes: list[tuple[int, ...]]) -> None:
    for shape in shapes:
        layer, twin = both_layers(build)
        with pytest.raises(ValueError, match=r"must be \(N, C|input must have 3 channels \(num_features\), got shape"):
            layer(np.zeros(shape, np.float32))
        with pytest.raises((ValueError, RuntimeError)):
            twin(torch.zeros(shape))


def test_a_layer_without_numbers_of_its_own_takes_any_channels() -> None:
    layer, twin = both_layers(lambda side: side.BatchNorm2d(3, affine=False, track_running_stats=False))
    image = np.random.default_rng(0).standard_normal((2, 4, 3, 3))
    np.testing.assert_allclose(layer(image), twin(tensor(image)).numpy(), rtol=1e-12)


def test_a_layer_for_a_number_of_channels_that_is_none() -> None:
    with pytest.raises(ValueError, match="num_features must not be negative, got -1"):
        nn.BatchNorm2d(-1)
    with pytest.raises(TypeError, match=r"num_features must be an integer, got 2\.0"):
        nn.BatchNorm1d(2.0)  # type: ignore[arg-type]
    assert nn.BatchNorm1d(0).state_dict()["weight"].shape == (0,)


def test_a_network_with_batch_norm_trains_as_in_torch() -> None:
    """Statistics, gradients and buffers together: ten steps, and then the prediction."""

    def build(side: Any) -> Any:
        return side.Sequential(
            side.Conv2d(1, 3, 3, bias=False), side.BatchNorm2d(3), side.ReLU(), side.Flatten(), side.Linear(48, 5),
            side.BatchNorm1d(5), side.Linear(5, 2),
        ).double()  # fmt: skip

    network, twin = both_layers(build)
    twin.load_state_dict(in_torch(network.state_dict()))
    ours, theirs = (side.SGD(net.parameters(), lr=0.1) for side, net in ((optim, network), (torch.optim, twin)))
    criterion, their_criterion = nn.CrossEntropyLoss(), torch.nn.CrossEntropyLoss()
    labels = np.arange(8) % 2
    for step in range(10):
        x = random_normal((8, 1, 6, 6), seed=step)
        ours.zero_grad(), theirs.zero_grad()
        criterion(network(x), labels)
        network.backward(criterion.backward(), needs_input_grad=False)
        their_criterion(twin(tensor(x)), tensor(labels)).backward()
        ours.step(), theirs.step()
    for name, array in twin.state_dict().items():
        np.testing.assert_allclose(network.state_dict()[name], array.numpy(), rtol=0, atol=1e-12, err_msg=name)
    np.testing.assert_allclose(network.eval()(x), twin.eval()(tensor(x)).detach().numpy(), rtol=0, atol=1e-12)


def test_the_gradient_in_evaluation_lies_in_memory_as_the_input_does() -> None:
    x = np.moveaxis(np.ones((3, 4, 5, 2), np.float32), -1, 0)
    statistics = np.zeros(3, np.float32), np.ones(3, np.float32)
    grads = batch_norm_backward(np.ones(x.shape, np.float32), x, *statistics)
    assert grads[0] is not None
    assert grads[0].strides == x.strides
    assert all(grad is not None and grad.dtype == np.float32 for grad in grads)


def test_a_momentum_that_is_no_number_is_named() -> None:
    with pytest.raises(TypeError, match=r"^momentum must be a real number, got 'x'$"):
        running_statistics(np.ones((2, 3)), np.zeros(3), np.ones(3), "x")  # type: ignore[arg-type]
