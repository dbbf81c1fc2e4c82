"""Networks with batch normalisation, which have more to keep than their parameters."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from reference import nn
from reference.datasets import MNIST, mnist
from tests.torch_parity.training.own_networks import as_a_class
from torch_parity.networks import resnet_small
from torch_parity.training.distributed import Group
from torch_parity.training.findings import load, networks
from torch_parity.training.lockstep import Lockstep
from torch_parity.training.loop import train
from torch_parity.training.predict import Classifier
from torch_parity.training.replicas import Replicas, takes_statistics


@pytest.fixture(scope="module")
def digits() -> MNIST:
    whole = mnist()
    return MNIST(whole.train_images[:40], whole.train_labels[:40], whole.test_images[:20], whole.test_labels[:20])


def statistics(both: Lockstep, side: str) -> dict[str, Any]:
    return {name: array for name, array in both.sides[side].state_dict().items() if "running" in name}


def test_both_sides_learn_the_same_statistics(digits: MNIST) -> None:
    both = Lockstep("resnet-small", dtype="float64", lr=0.05)
    before = statistics(both, "numpy")
    next(both.epoch(digits.train_images, digits.train_labels, 20))
    ours, theirs = (statistics(both, side) for side in ("numpy", "torch"))
    assert ours
    assert all((ours[name] != before[name]).any() for name in ours)
    assert max(np.abs(ours[name] - theirs[name]).max() for name in ours) < 1e-12


def test_a_run_goes_on_to_the_same_bits(digits: MNIST) -> None:
    """Its running statistics, too."""
    whole = Lockstep("resnet-small", lr=0.05)
    steps = whole.epoch(digits.train_images, digits.train_labels, 10)
    next(steps)
    arrays, numbers = whole.state()
    arrays, numbers = {name: array.copy() for name, array in arrays.items()}, json.loads(json.dumps(numbers))
    next(steps)
    other = Lockstep("resnet-small", seed=7, lr=0.05)
    other.load_state(arrays, numbers)
    next(other.epoch(digits.train_images, digits.train_labels, 10))
    for name, side in whole.sides.items():
        found = other.sides[name].state_dict()
        assert all(np.array_equal(array, found[key]) for key, array in side.state_dict().items())


def test_the_files_of_a_run_hold_them(digits: MNIST, tmp_path: Path) -> None:
    train("resnet-small", digits, epochs=1, batch_size=20, runs_dir=tmp_path)
    [folder] = tmp_path.iterdir()
    for side, network in networks(load(folder)).items():
        assert not network.training, side
        means = {name: one for name, one in network.named_buffers() if name.endswith("running_mean")}
        assert means
        assert all(abs(np.asarray(one)).max() > 0 for one in means.values())
    classifier = Classifier(folder)
    assert classifier.numpy.state_dict()["bn1.num_batches_tracked"] == 2


def test_trying_a_network_out_leaves_it_as_it_was(digits: MNIST) -> None:
    both = Lockstep("resnet-small")
    before = {name: {k: a.copy() for k, a in side.state_dict().items()} for name, side in both.sides.items()}
    both.try_out(digits.train_images[:5], 10)
    for name, side in both.sides.items():
        assert all(np.array_equal(array, before[name][key]) for key, array in side.state_dict().items())


def normalized(nn: Any) -> Any:
    return nn.Sequential(nn.Conv2d(1, 2, 5, 4), nn.BatchNorm2d(2), nn.Flatten(), nn.Linear(72, 10))


def test_no_share_of_a_batch_is_computed_alone() -> None:
    """Neither by a thread nor by a process: its statistics would be others."""
    network = normalized(nn)
    assert takes_statistics(network)
    assert takes_statistics(resnet_small(nn))
    assert len(Replicas(network, threads=2).replicas) == 1
    assert not takes_statistics(as_a_class(nn))
    with pytest.raises(ValueError, match="a network with batch normalisation must be trained in one process"):
        Lockstep(normalized, group=Group(0, 2))
