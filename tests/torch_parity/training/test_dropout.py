"""Networks with dropout in lockstep: NumPy's side draws the masks, and torch's side is handed them."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from reference import generator, nn
from reference.datasets import MNIST, mnist
from torch_parity import Lockstep, train
from torch_parity.masks import draws_masks, handed, masks_of
from torch_parity.training.distributed import Group
from torch_parity.training.predict import Classifier
from torch_parity.training.replicas import Replicas


def with_dropout(nn: Any) -> Any:
    return nn.Sequential(
        nn.Conv2d(1, 4, 5, stride=3), nn.ReLU(), nn.Dropout2d(0.3), nn.AdaptiveAvgPool2d((3, 2)), nn.Flatten(),
        nn.Linear(24, 16), nn.ReLU(), nn.Dropout(0.4), nn.Linear(16, 10),
    )  # fmt: skip


@pytest.fixture(scope="module")
def digits() -> MNIST:
    whole = mnist()
    return MNIST(whole.train_images[:200], whole.train_labels[:200], whole.test_images[:100], whole.test_labels[:100])


def test_the_weights_stay_together(digits: MNIST) -> None:
    summary = train(with_dropout, digits, epochs=2, batch_size=24, lr=0.05, dtype="float64")
    assert 0 < summary.max_weight_difference <= 1e-13
    assert summary.equal_predictions == summary.test_images == 100


def test_without_the_masks_they_do_not(digits: MNIST) -> None:
    """So it is the masks that keep them together."""
    both = Lockstep(with_dropout, dtype="float64", lr=0.05)
    both.torch.masks = dict
    both.step(digits.train_images[:24], digits.train_labels[:24])
    assert both.max_weight_difference() > 1e-6


def test_every_step_has_masks_of_its_own_and_both_sides_the_same(digits: MNIST) -> None:
    both = Lockstep(with_dropout, dtype="float64", lr=0.0)
    seen = []
    for _ in range(2):
        losses = both.step(digits.train_images[:24], digits.train_labels[:24])
        seen.append(both.numpy.masks())
        assert losses["numpy"] == pytest.approx(losses["torch"], rel=1e-13)
    assert {name: mask.shape for name, mask in seen[0].items()} == {"2": (24, 4), "7": (24, 16)}
    for name in seen[0]:
        assert not np.array_equal(seen[0][name], seen[1][name])


def test_nothing_is_dropped_where_the_network_is_used(digits: MNIST) -> None:
    both = Lockstep(with_dropout, lr=0.05)
    both.step(digits.train_images, digits.train_labels)
    first, again = (both.predict(digits.test_images) for _ in range(2))
    for name in first:
        np.testing.assert_array_equal(first[name], again[name])
    for side in both.sides.values():
        assert not side.network.training
        side.network.train()
        called, _ = side.calls(digits.test_images[:2, np.newaxis].astype(np.float32))
        assert all((call.input == call.output).all() for call in called if "Dropout" in call.kind)
        assert not side.network.training
    both.step(digits.train_images, digits.train_labels)
    assert all(layer.training for side in both.sides.values() for layer in side.network.modules())


def test_nothing_is_dropped_where_a_picture_is_read(digits: MNIST, tmp_path: Path) -> None:
    (tmp_path / "net.py").write_text(
        "def build(nn):\n    return nn.Sequential(nn.Flatten(), nn.Dropout(0.5), nn.Linear(784, 10))\n"
    )
    network = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Dropout(0.5), torch.nn.Linear(784, 10))
    torch.save(network.state_dict(), tmp_path / "weights.pt")
    classifier = Classifier(tmp_path / "weights.pt", f"{tmp_path / 'net.py'}:build")
    first, again = (classifier.predict(digits.test_images[0]).probabilities for _ in range(2))
    for name in first:
        np.testing.assert_array_equal(first[name], again[name])
        np.testing.assert_allclose(first[name], first["torch"], rtol=1e-5)


def test_torch_with_other_threads_is_handed_them_too(digits: MNIST) -> None:
    both = Lockstep(with_dropout, dtype="float64", lr=0.05, drift_threads=2)
    list(both.epoch(digits.train_images, digits.train_labels, 50))
    drift = both.drift()
    assert drift is not None
    assert drift <= 1e-13


def test_a_run_goes_on_to_the_same_bits(digits: MNIST) -> None:
    """With the masks that it would have drawn had it never stopped, whatever was drawn in between."""
    whole = Lockstep(with_dropout, lr=0.05)
    steps = whole.epoch(digits.train_images, digits.train_labels, 50)
    next(steps), next(steps)
    arrays, numbers = whole.state()
    arrays, numbers = {name: array.copy() for name, array in arrays.items()}, json.loads(json.dumps(numbers))
    next(steps)
    other = Lockstep(with_dropout, seed=7, lr=0.05)
    other.load_state(arrays, numbers)
    next(other.epoch(digits.train_images, digits.train_labels, 50))
    for name, side in whole.sides.items():
        weights = other.sides[name].weights()
        assert all(np.array_equal(array, weights[key]) for key, array in side.weights().items())


def test_a_state_from_before_there_was_dropout_is_taken() -> None:
    both = Lockstep("formula")
    arrays, numbers = both.state()
    del numbers["generator"]
    before = generator.state()
    both.load_state(arrays, numbers)
    assert generator.state() == before


def test_threads_do_not_share_a_batch_whose_masks_are_drawn_one_after_another() -> None:
    network = with_dropout(nn)
    assert draws_masks(network)
    assert len(Replicas(network, threads=2).replicas) == 1
    plain = nn.Sequential(nn.Flatten(), nn.Linear(4, 2))
    assert not draws_masks(plain)
    assert len(Replicas(plain, threads=2).replicas) == 2


def test_processes_do_not_either() -> None:
    with pytest.raises(ValueError, match="a network with dropout must be trained in one process"):
        Lockstep(with_dropout, group=Group(0, 2))


def test_masks_are_handed_by_name_and_taken_back() -> None:
    network = torch.nn.Sequential(torch.nn.Dropout(0.5), torch.nn.Dropout(0.5))
    x, masks = torch.ones(3), {"0": np.array([True, False, True]), "1": np.array([True, True, False])}
    with handed(network, masks):
        assert network(x).tolist() == [4, 0, 0]
    torch.manual_seed(0)
    drawn = network(x)
    torch.manual_seed(0)
    assert (drawn == torch.nn.functional.dropout(torch.nn.functional.dropout(x))).all()


def test_a_mask_of_another_size_is_an_error_and_leaves_nothing_behind() -> None:
    layer = torch.nn.Dropout(0.5)
    with handed(layer, {"": np.array([True, False])}), pytest.raises(RuntimeError, match="shape"):
        layer(torch.ones(3))
    assert layer(torch.ones(1000)).sum() > 0


def test_only_masks_of_training_are_handed() -> None:
    network = nn.Sequential(nn.Dropout(0.5), nn.Sequential(nn.Dropout2d(0.5)))
    assert masks_of(network) == {}
    x = np.ones((2, 3, 1, 1))
    network(x)
    assert masks_of(network).keys() == {"0", "1.0"}
    network.eval()(x)
    assert masks_of(network) == {}
