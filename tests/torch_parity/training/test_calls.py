"""What the layers of any network make of a batch, on both sides."""

from typing import Any

import numpy as np
import pytest
import torch

import reference
from reference import nn
from tests.torch_parity.training.own_networks import alone, as_a_class, nested, with_a_list
from torch_parity.training.calls import calls

TITLES = {
    as_a_class: ["conv1 (Conv2d)", "relu (ReLU)", "pool (MaxPool2d)", "flatten (Flatten)", "fc1 (Linear)"],
    nested: ["0.0 (Conv2d)", "0.1 (ReLU)", "0.2 (MaxPool2d)", "1 (Flatten)", "2 (Linear)"],
    with_a_list: ["flatten (Flatten)", "dense.0 (Linear)", "dense.1 (Linear)"],
    alone: ["Net"],
}


@pytest.mark.parametrize("build", TITLES, ids=lambda build: build.__name__)
def test_layers_are_found_in_the_order_of_their_calls(build: Any) -> None:
    images = np.random.default_rng(1).standard_normal((3, 1, 28, 28)).astype(np.float32)
    ours, theirs = build(nn), build(torch.nn)
    theirs.load_state_dict({name: torch.from_numpy(array) for name, array in ours.state_dict().items()})
    found = {"numpy": calls(ours, images), "torch": calls(theirs, images)}
    for called, scores in found.values():
        assert [call.title for call in called] == TITLES[build]
        np.testing.assert_array_equal(called[0].input, images)
        np.testing.assert_array_equal(called[-1].output, scores)
        assert scores.shape == (3, 10)
    for one, other in zip(found["numpy"][0], found["torch"][0], strict=True):
        np.testing.assert_allclose(one.input, other.input, rtol=0, atol=1e-5)
        np.testing.assert_allclose(one.output, other.output, rtol=0, atol=1e-5)
        if one.kind == "ReLU":
            assert one.input.min() < 0 <= one.output.min()


def test_watching_leaves_nothing_behind() -> None:
    images = np.zeros((1, 1, 28, 28), np.float32)
    ours, theirs = nested(nn), nested(torch.nn)
    ours[2].forward = lambda input: reference.relu(input[:, :10])  # of this one layer's own
    kept = ours[2].forward
    for _ in range(2):
        assert [call.title for call in calls(ours, images)[0]] == TITLES[nested]
        assert [call.title for call in calls(theirs, images)[0]] == TITLES[nested]
        assert ours[2].forward is kept
        assert "forward" not in vars(ours[1])
        assert not theirs[1]._forward_hooks
        assert not theirs[1]._forward_pre_hooks


def test_a_layer_that_refuses_is_named_and_left_as_it_was() -> None:
    network = nn.Sequential(nn.Flatten(), nn.Linear(700, 10))
    with pytest.raises(ValueError, match=r"^layer 1 \(Linear\): input must have 700 features"):
        calls(network, np.zeros((1, 1, 28, 28), np.float32))
    with pytest.raises(TypeError, match=r"^layer 0 \(Flatten\): input must be float32 or float64"):
        calls(network, np.zeros((1, 1, 28, 28), np.uint8))
    assert "forward" not in vars(network[1])
