"""Adam and AdamW: what each option does, by hand and beside torch."""

import math
from typing import Any

import numpy as np
import pytest
import torch

from reference import optim
from tests.reference.comparing import (
    NAN,
    Array,
    assert_bits,
    assert_equal,
    both_dtypes,
    random_normal,
    steps_of_both_sides,
)
from torch_parity.proof import bounds
from torch_parity.proof.cases import Case

BOTH = pytest.mark.parametrize("name", ["Adam", "AdamW"])


def steps(name: str, grads: Any, start: float = 8.0, **options: Any) -> list[float]:
    """One number after each step, the same as torch's within a few last bits."""
    grads = np.array(grads, np.float64).reshape(-1, 1)
    ours, theirs = steps_of_both_sides(name, np.array([start]), grads, **options)
    np.testing.assert_allclose(ours, theirs, rtol=1e-14)
    return [float(k[0]) for k in ours]


@BOTH
@pytest.mark.parametrize("gradient", [1e-12, 0.5, 3e7])
def test_the_first_step_is_as_long_as_the_learning_rate_whatever_the_gradient_is(name: str, gradient: float) -> None:
    assert steps(name, [gradient], lr=0.5, eps=0, weight_decay=0) == pytest.approx([7.5], rel=1e-15)
    assert steps(name, [-gradient], lr=0.5, eps=0, weight_decay=0) == pytest.approx([8.5], rel=1e-15)
    assert steps(name, [gradient], lr=0.5, eps=0, weight_decay=0, maximize=True) == pytest.approx([8.5], rel=1e-15)


@BOTH
def test_equal_gradients_make_equal_steps(name: str) -> None:
    """The corrected means of t equal gradients are g and g^2."""
    expected = [7.5, 7, 6.5, 6, 5.5]
    assert steps(name, [3] * 5, lr=0.5, eps=0, weight_decay=0) == pytest.approx(expected, rel=1e-12)


def test_the_means_by_hand() -> None:
    weight = optim.Parameter(np.array([8.0]))
    optimizer = optim.Adam([weight], lr=1.0, betas=(0.5, 0.75), eps=1.0)
    weight.grad = np.array([4.0])
    optimizer.step()  # m = 2, v = 4; mhat = 4, vhat = 16
    assert weight.data == 8 - 4 / (4 + 1)
    [state] = optimizer.state
    assert (state["step"], state["exp_avg"], state["exp_avg_sq"]) == (1, 2, 4)
    weight.grad = np.array([-2.0])
    optimizer.step()  # m = 1 - 1, v = 3 + 1
    assert weight.data == 8 - 4 / (4 + 1)
    assert (state["step"], state["exp_avg"], state["exp_avg_sq"]) == (2, 0, 4)
    assert set(state) == {"step", "exp_avg", "exp_avg_sq"}


def test_amsgrad_keeps_the_largest_mean_of_squares() -> None:
    weight = optim.Parameter(np.array([0.0]))
    optimizer = optim.Adam([weight], lr=1.0, betas=(0.0, 0.0), eps=0, amsgrad=True)
    for gradient, expected in ((4.0, -1.0), (2.0, -1.5), (8.0, -2.5), (1.0, -2.625)):  # over 4, 4, 8, 8
        weight.grad = np.array([gradient])
        optimizer.step()
        assert weight.data == expected
    assert optimizer.state[0]["max_exp_avg_sq"] == 64
    assert optimizer.state[0]["exp_avg_sq"] == 1


def test_amsgrads_maximum_is_of_means_that_are_not_corrected_yet() -> None:
    """v is 4 g^2 / 4 and then 3 g^2 / 4 + 0: it falls; corrected, it would be 4 and then 12/7."""
    [first, second] = steps("Adam", [2, 0], lr=1.0, betas=(0.5, 0.75), eps=0, amsgrad=True)
    assert first == 7
    assert second == pytest.approx(7 - (0.5 / 0.75) / math.sqrt(1 / 0.4375), rel=1e-14)  # u = 1, not 4


def test_the_decay_of_adam_is_measured_with_the_gradient_and_that_of_adamw_is_not() -> None:
    options: dict[str, Any] = {"lr": 0.5, "eps": 0, "weight_decay": 0.25}
    assert steps("Adam", [0], **options) == [7.5]  # g = 0 + 0.25 * 8, and a step of 0.5
    assert steps("AdamW", [4], **options) == [6.5]  # 8 (1 - 0.5 * 0.25) - 0.5
    assert steps("AdamW", [4], **options, maximize=True) == [7.5]  # it decays downwards anyway
    assert steps("Adam", [4], **options, decoupled_weight_decay=True) == [6.5]
    assert steps("Adam", [-4], **options, maximize=True) == [7.5]  # 4 + 0.25 * 8


def test_adamw_decays_a_little_by_default() -> None:
    assert steps("AdamW", [4], lr=0.5, eps=0) == [pytest.approx(8 * (1 - 0.005) - 0.5)]
    assert steps("Adam", [4], lr=0.5, eps=0) == [7.5]


@BOTH
def test_what_never_had_a_gradient_stays_because_of_epsilon(name: str) -> None:
    assert steps(name, [0, 0], weight_decay=0) == [8, 8]
    ours, theirs = steps_of_both_sides(name, np.array([8.0]), np.zeros((1, 1)), eps=0)  # 0 / 0
    assert_bits(ours[0], [NAN])
    assert_bits(theirs[0], [NAN])


@BOTH
def test_a_learning_rate_of_zero_changes_nothing_but_the_means(name: str) -> None:
    weight = optim.Parameter(np.array([8.0]))
    optimizer = getattr(optim, name)([weight], lr=0, weight_decay=0.5)
    weight.grad = np.array([4.0])
    optimizer.step()
    assert weight.data == 8
    assert optimizer.state[0]["exp_avg"] != 0


@both_dtypes
def test_a_first_beta_of_zero_is_the_gradient_itself(dtype: Any) -> None:
    """Exactly, also where the gradient before was much larger."""
    weight = optim.Parameter(np.zeros(3, dtype))
    optimizer = optim.Adam([weight], betas=(0.0, 0.9))
    for grad in (np.array([1e6, -1e6, 1.0], dtype), np.array([0.1, 0.3, -0.7], dtype)):
        weight.grad = grad
        optimizer.step()
        assert_bits(optimizer.state[0]["exp_avg"], grad)


@BOTH
@pytest.mark.parametrize("beta", [0.1, 0.49, 0.5, 0.51, 0.9])
def test_means_move_as_torchs_lerp_does(name: str, beta: float) -> None:
    """To the last bit but one: torch may round once where NumPy rounds twice."""
    grads = random_normal((5, 200), np.float32)
    weight, twin = optim.Parameter(np.zeros(200, np.float32)), torch.nn.Parameter(torch.zeros(200))
    optimizer = getattr(optim, name)([weight], betas=(beta, 0.9))
    their_optimizer = getattr(torch.optim, name)([twin], betas=(beta, 0.9))
    for grad in grads:
        weight.grad, twin.grad = grad, torch.from_numpy(grad.copy())
        optimizer.step()
        their_optimizer.step()
    m, their_m = optimizer.state[0]["exp_avg"], their_optimizer.state[twin]["exp_avg"].numpy()
    np.testing.assert_allclose(m, their_m, rtol=0, atol=3e-7)
    assert m.dtype == np.float32


@both_dtypes
@BOTH
@pytest.mark.parametrize("amsgrad", [False, True])
def test_adam_differs_from_torch_by_no_more_than_rounding(name: str, amsgrad: bool, dtype: Any) -> None:
    parameter, grads = random_normal((1000,), dtype), random_normal((6, 1000), dtype, 2)
    options: dict[str, Any] = {
        "lr": 0.1, "betas": (0.9, 0.99), "eps": 1e-8, "weight_decay": 0.3, "amsgrad": amsgrad, "maximize": True,
    }  # fmt: skip
    given = {**options, "decoupled_weight_decay": name == "AdamW"}
    bound = bounds.adam(Case("real", np.dtype(dtype), {"parameter": parameter, "grads": grads}, given))["output"]
    assert np.median(bound) < 500 * np.finfo(dtype).eps  # the numbers are around 1, so the bound says something
    ours, theirs = steps_of_both_sides(name, parameter, grads, **options)
    assert_equal(ours[-1], theirs[-1], bound)


def test_torchs_square_root_is_within_the_bounds_unit_in_the_last_place() -> None:
    """And NumPy's is rounded correctly."""
    for dtype in (np.float32, np.float64):
        x: Array = np.random.default_rng(0).uniform(0, 4, 1_000_000).astype(dtype)
        computed = torch.from_numpy(x).sqrt().numpy().astype(np.longdouble)
        for found, ulps in ((computed, bounds.ROOT_ULPS), (np.sqrt(x).astype(np.longdouble), 0.5)):
            error = np.abs(found - np.sqrt(x.astype(np.longdouble))) / np.spacing(found.astype(dtype))
            assert error.max() <= 1.001 * ulps


def test_betas_may_be_a_list() -> None:
    assert steps("Adam", [4], lr=0.5, betas=[0.5, 0.5], eps=0) == [7.5]
