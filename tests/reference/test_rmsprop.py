"""RMSprop: what each option does, by hand and beside torch."""

from typing import Any

import numpy as np
import pytest

from reference import optim
from tests.reference.comparing import NAN, assert_bits, assert_equal, both_dtypes, random_normal, steps_of_both_sides
from torch_parity.proof import bounds
from torch_parity.proof.cases import Case


def steps(grads: list[float], start: float = 8.0, **options: Any) -> list[float]:
    """One number after each step, the same as torch's within a few last bits."""
    ours, theirs = steps_of_both_sides("RMSprop", np.array([start]), np.array(grads).reshape(-1, 1), **options)
    np.testing.assert_allclose(ours, theirs, rtol=1e-14)
    return [float(k[0]) for k in ours]


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        # v = 4 and then 3 + 1: the gradients 4 and 2 over 2.
        ({}, [6, 5]),
        ({"maximize": True}, [10, 11]),
        ({"eps": 2}, [7, 6.5]),  # over 4
        ({"momentum": 0.5}, [6, 4]),  # b = 2, and then 1 + 1
        ({"lr": 0.5, "momentum": 0.5, "maximize": True}, [9, 10]),
        ({"lr": 0}, [8, 8]),
    ],
)
def test_rmsprop_options_by_hand(options: dict[str, Any], expected: list[float]) -> None:
    assert steps([4.0, 2.0], **{"lr": 1.0, "alpha": 0.75, "eps": 0, **options}) == expected


def test_centered_measures_by_the_variance() -> None:
    """v = (1 - 1/2) 16 = 8 and a = 2; v - a^2 = 4."""
    assert steps([4.0], lr=1.0, alpha=0.5, eps=0, centered=True) == [6]


def test_weight_decay_is_measured_with_the_gradient() -> None:
    assert steps([2.0], lr=1.0, alpha=0.75, eps=0, weight_decay=0.25) == [6]  # g = 4
    assert steps([-2.0], lr=1.0, alpha=0.75, eps=0, weight_decay=0.25, maximize=True) == [6]
    assert steps([-4.0], lr=1.0, alpha=0.75, eps=0, weight_decay=1) == [6]


def test_an_alpha_of_zero_keeps_the_sign_alone() -> None:
    assert steps([3.0, -0.125, 1e8], lr=0.5, alpha=0, eps=0) == [7.5, 8, 7.5]


def test_what_never_had_a_gradient_stays_because_of_epsilon() -> None:
    assert steps([0.0, 0.0]) == [8, 8]
    for side in steps_of_both_sides("RMSprop", np.array([8.0]), np.zeros((1, 1)), eps=0):  # 0 / 0
        assert_bits(side[0], [NAN])


def test_the_state_has_what_the_options_ask_for() -> None:
    for options, names in (
        ({}, {"square_avg"}),
        ({"momentum": 0.5}, {"square_avg", "momentum_buffer"}),
        ({"centered": True}, {"square_avg", "grad_avg"}),
        ({"momentum": 0.5, "centered": True}, {"square_avg", "momentum_buffer", "grad_avg"}),
    ):
        weight = optim.Parameter(np.array([8.0]))
        weight.grad = np.array([4.0])
        optimizer = optim.RMSprop([weight], alpha=0.75, **options)
        optimizer.step()
        assert set(optimizer.state[0]) == {"step", *names}
        assert (optimizer.state[0]["step"], optimizer.state[0]["square_avg"]) == (1, 4)


@both_dtypes
@pytest.mark.parametrize("centered", [False, True])
@pytest.mark.parametrize("momentum", [0.0, 0.9])
def test_rmsprop_differs_from_torch_by_no_more_than_rounding(momentum: float, centered: bool, dtype: Any) -> None:
    parameter, grads = random_normal((1000,), dtype), random_normal((6, 1000), dtype, 2)
    options: dict[str, Any] = {
        "lr": 0.1, "alpha": 0.9, "eps": 1e-8, "weight_decay": 0.3, "momentum": momentum, "centered": centered,
        "maximize": True,
    }  # fmt: skip
    bound = bounds.rmsprop(Case("real", np.dtype(dtype), {"parameter": parameter, "grads": grads}, options))["output"]
    assert np.median(bound) < 500 * np.finfo(dtype).eps  # the numbers are around 1, so the bound says something
    ours, theirs = steps_of_both_sides("RMSprop", parameter, grads, **options)
    assert_equal(ours[-1], theirs[-1], bound)
