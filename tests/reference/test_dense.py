"""The dense layer."""

import warnings

import numpy as np
import torch

from reference import nn


def test_the_bias_of_a_layer_without_inputs_is_zero() -> None:
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Initializing zero-element tensors is a no-op")  # torch's
        layer, twin = nn.Linear(0, 3), torch.nn.Linear(0, 3)
    assert layer.bias is not None
    np.testing.assert_array_equal(layer.bias.data, np.zeros(3))
    np.testing.assert_array_equal(twin.bias.detach(), np.zeros(3))
