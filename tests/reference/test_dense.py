"""The dense layer: its formula and gradients in numbers, inputs that are infinite, and a layer without inputs.

The numbers are worked by hand, and torch, asked the same, must give them too.
"""

import warnings
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F

import reference
from reference import nn
from tests.reference.comparing import INF, NAN, assert_bits, both_dtypes, differentiate, random_integers


@both_dtypes
def test_each_output_weighs_all_inputs_by_a_row_of_its_own(dtype: Any) -> None:
    x, weight = np.array([[1, 2], [3, 4]], dtype), np.array([[3, 4], [5, 6], [0, 1]], dtype)
    bias, grad_output = np.array([10, 20, 30], dtype), np.array([[1, 0, 0], [0, 1, 10]], dtype)
    output = [[21, 37, 32], [35, 59, 34]]  # 3 + 8 + 10, 5 + 12 + 20, 0 + 2 + 30;  9 + 16 + 10, 15 + 24 + 20, 0 + 4 + 30
    grads = (
        [[3, 4], [5, 16]],  # the first row of the weights;  5 + 10*0, 6 + 10*1
        [[1, 2], [3, 4], [30, 40]],  # the first image;  the second;  10 times the second
        [1, 1, 10],
    )
    theirs, their_grads = differentiate(F.linear, (x, weight, bias), grad_output)
    assert_bits(reference.linear(x, weight, bias), output)
    assert_bits(theirs, output)
    for grad, their_grad, expected in zip(
        reference.linear_backward(grad_output, x, weight), their_grads, grads, strict=True
    ):
        assert_bits(grad, expected)
        assert_bits(their_grad, expected)


@both_dtypes
def test_a_zero_weight_does_not_hide_an_infinite_input(dtype: Any) -> None:
    x, weight, grad_output = np.array([[INF, 1]], dtype), np.array([[0, 2], [3, 0]], dtype), np.array([[0, 1]], dtype)
    output = [[NAN, INF]]  # inf*0 + 1*2, and inf*3 + 1*0
    grad_weight = [[NAN, 0], [INF, 1]]  # 0*inf, 0*1;  1*inf, 1*1
    theirs, (_, their_grad) = differentiate(F.linear, (x, weight), grad_output)
    assert_bits(reference.linear(x, weight), output)
    assert_bits(theirs, output)
    assert_bits(reference.linear_backward(grad_output, x, weight)[1], grad_weight)
    assert_bits(their_grad, grad_weight)


def test_the_bias_of_a_layer_without_inputs_is_zero() -> None:
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Initializing zero-element tensors is a no-op")  # torch's
        layer, twin = nn.Linear(0, 3), torch.nn.Linear(0, 3)
    assert layer.bias is not None
    np.testing.assert_array_equal(layer.bias.data, np.zeros(3))
    np.testing.assert_array_equal(twin.bias.detach(), np.zeros(3))


@pytest.mark.parametrize("mask", [(True, True, True), (False, True, False), (True, False, True), (False, False, False)])
def test_only_the_gradients_that_are_wanted_are_computed(mask: tuple[bool, bool, bool]) -> None:
    x, weight, g = random_integers((4, 3)), random_integers((2, 3)), random_integers((4, 2))
    everything = reference.linear_backward(g, x, weight)
    found = reference.linear_backward(g, x, weight, output_mask=mask)
    for wanted, grad, one_of_all in zip(mask, found, everything, strict=True):
        assert (grad is not None) == wanted
        assert one_of_all is not None
        if grad is not None:
            assert_bits(grad, one_of_all)
    with pytest.raises(ValueError, match="output_mask must have 3 entries"):
        reference.linear_backward(g, x, weight, output_mask=(True, True))  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="output_mask must be a tuple"):
        reference.linear_backward(g, x, weight, output_mask=None)  # type: ignore[arg-type]


def test_the_layer_does_not_compute_an_input_gradient_that_nobody_asks_for(monkeypatch: pytest.MonkeyPatch) -> None:
    masks = []

    def watched(*arguments: Any, output_mask: Any) -> Any:
        masks.append(output_mask)
        return reference.linear_backward(*arguments, output_mask=output_mask)

    monkeypatch.setattr(nn.linear, "linear_backward", watched)
    for bias in (True, False):
        layer = nn.Linear(3, 2, bias=bias).double()
        output = layer(random_integers((4, 3)))
        assert layer.backward(np.ones_like(output), needs_input_grad=False) is None
        assert layer.backward(np.ones_like(output)) is not None
    assert masks == [(False, True, True), (True, True, True), (False, True, False), (True, True, False)]
