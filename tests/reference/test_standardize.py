"""Standardising: the same numbers however they are cut into blocks, and no digits lost to a mean far from 0."""

from typing import Any

import numpy as np
import pytest

from reference import standardize as module
from reference.standardize import gradient_means, standardize, standardize_backward
from tests.reference.comparing import Array, assert_equal, both_dtypes, random_normal

AXES = [(0, 2, 3), (1, 2, 3), (2, 3), (1,), (0, 1, 2, 3), (3,)]


def plain(x: Array, g: Array, axes: tuple[int, ...], eps: float) -> list[Array]:
    """The formulas in double precision, all at once."""
    x, g = x.astype(np.float64), g.astype(np.float64)
    mean, variance = x.mean(axes, keepdims=True), x.var(axes, keepdims=True)
    s = 1 / np.sqrt(variance + eps)
    x_hat = (x - mean) * s
    shift, stretch = g.mean(axes, keepdims=True), (g * x_hat).mean(axes, keepdims=True)
    return [x_hat, mean, variance, s, shift, stretch, s * (g - shift - x_hat * stretch)]


@both_dtypes
@pytest.mark.parametrize("block", [1, 40, 10_000])
@pytest.mark.parametrize("axes", AXES)
@pytest.mark.parametrize("order", [(0, 1, 2, 3), (3, 0, 1, 2)])
def test_blocks_change_nothing(
    dtype: Any, block: int, axes: tuple[int, ...], order: tuple[int, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "BLOCK", block)
    monkeypatch.setattr(module, "SIDE_BY_SIDE", 2)
    # In memory as it is, and with the batch last.
    x, g = (random_normal((5, 4, 3, 7), dtype, seed).transpose(order) for seed in (0, 1))
    found = standardize(x, axes, 0.5)
    means = gradient_means(g, found.x_hat, axes)
    grad = standardize_backward(g, found.x_hat, found.inverse_std, axes)
    wanted = plain(x, g, axes, 0.5)
    for result, truth in zip([*found, *means, grad], wanted, strict=True):
        assert result.shape == truth.shape
        assert np.abs(result - truth).max() <= 8 * np.finfo(dtype).eps * max(1, np.abs(truth).max())
    assert found.x_hat.dtype == grad.dtype == dtype
    assert {one.dtype for one in (*found[1:], *means)} == {np.dtype(np.float64)}
    assert_equal(standardize_backward(g, found.x_hat, found.inverse_std, axes, means), grad)


@pytest.mark.parametrize(("block", "wanted"), [(1, 7), (12, 7), (24, 4), (83, 2), (84, 1)])
def test_blocks_are_as_many_groups_as_fit(block: int, wanted: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """7 groups of 12 numbers; those side by side in memory at least SIDE_BY_SIDE at a time."""
    monkeypatch.setattr(module, "BLOCK", block)
    x = np.zeros((7, 3, 4))
    cuts = list(module._blocks(x, (1, 2)))
    assert len(cuts) == wanted
    assert sum(len(x[cut]) for cut in cuts) == 7
    assert len(list(module._blocks(np.zeros((3, 4, 7)).transpose(2, 0, 1), (1, 2)))) == 1


def test_nothing_has_mean_and_variance_0() -> None:
    found = standardize(np.zeros((0, 3)), (0,), 0.25)
    assert found.x_hat.shape == (0, 3)
    assert [one.tolist() for one in found[1:]] == [[[0, 0, 0]], [[0, 0, 0]], [[2, 2, 2]]]
    assert standardize(np.zeros((2, 0)), (0,), 0.25).mean.shape == (1, 0)
    means = gradient_means(np.zeros((0, 3)), found.x_hat, (0,))
    assert [one.tolist() for one in means] == [[[0, 0, 0]]] * 2


def test_a_mean_far_from_0_takes_no_digits() -> None:
    """E[x^2] - E[x]^2 would be wrong altogether; so would a mean that is rounded before it is subtracted."""
    generator = np.random.default_rng(0)
    x = (1e4 + generator.standard_normal((2, 20_000))).astype(np.float32)
    found = standardize(x, (1,), 1e-5)
    truth = plain(x, x, (1,), 1e-5)
    assert np.abs(found.x_hat - truth[0]).max() < 3e-7
    assert np.abs(found.variance / truth[2] - 1).max() < 1e-12


def test_the_gradient_moves_no_mean_and_no_variance() -> None:
    """What would shift or stretch a whole group is taken out of it."""
    x, g = random_normal((3, 50), seed=2), random_normal((3, 50), seed=3)
    found = standardize(x, (1,), 1e-12)
    grad = standardize_backward(g, found.x_hat, found.inverse_std, (1,))
    assert np.abs(grad.sum(1)).max() < 1e-12
    assert np.abs((grad * found.x_hat).sum(1)).max() < 1e-9
