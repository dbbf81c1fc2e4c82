"""Both sides in lockstep, on real MNIST."""

import contextlib
import gc
import json
import threading
from typing import Any

import numpy as np
import pytest
import torch
from threadpoolctl import threadpool_info

import reference
from reference.datasets import MNIST, mnist
from torch_parity import Lockstep, Progress, train
from torch_parity.machine import threads
from torch_parity.networks import NETWORKS
from torch_parity.training import replicas
from torch_parity.training.loop import finish, prepare
from torch_parity.training.replicas import Replicas


@pytest.fixture(scope="module")
def digits() -> MNIST:
    whole = mnist()
    return MNIST(whole.train_images[:640], whole.train_labels[:640], whole.test_images[:500], whole.test_labels[:500])


@pytest.mark.parametrize("network", NETWORKS)
def test_both_sides_start_from_the_same_weights(network: str) -> None:
    both = Lockstep(network, lr=0.1)
    assert both.max_weight_difference() == 0
    names = [name for name, _ in both.numpy.network.named_parameters()]
    assert names == [name for name, _ in both.torch.network.named_parameters()]


def test_the_weights_depend_on_the_seed_alone() -> None:
    first, again, other = (Lockstep("formula", seed=seed).numpy.weights() for seed in (1, 1, 2))
    assert all(np.array_equal(first[name], again[name]) for name in first)
    assert not np.array_equal(first["0.weight"], other["0.weight"])


@pytest.mark.parametrize("network", NETWORKS)
def test_float64_stays_together(network: str, digits: MNIST) -> None:
    """Some steps with every option of SGD but maximize, and a smaller last batch."""
    few = MNIST._make(array[:100] for array in digits)
    summary = train(network, few, epochs=1, batch_size=24, dtype="float64", nesterov=True, weight_decay=1e-3)
    assert summary.steps == 5
    assert 0 < summary.max_weight_difference <= 1e-13
    assert summary.equal_predictions == summary.test_images == 100


def test_float32_learns_on_both_sides(digits: MNIST) -> None:
    seen: list[Progress] = []
    summary = train("formula", digits, epochs=3, batch_size=32, lr=0.05, on_step=seen.append, report_every=7)
    assert min(summary.accuracy.values()) > 0.7  # guessing gives 0.1
    assert summary.equal_predictions >= 490
    assert summary.max_weight_difference < 1e-2
    assert [progress.step for progress in seen] == [1, 7, 14, 20, 21, 28, 35, 40, 42, 49, 56, 60]  # 20 steps an epoch
    assert seen[0].max_weight_difference < 1e-6  # one step rounds in the last bits only
    assert seen[-1].epoch == 3
    assert seen[-1].loss == summary.final_loss
    assert set(summary.seconds) == set(summary.images_per_second) == {"numpy", "torch"}
    json.dumps(summary.as_dict())


def test_the_batches_are_the_same_on_both_sides_and_cover_every_image(digits: MNIST) -> None:
    both = Lockstep("formula", lr=0.0)
    seen: list[tuple[Any, Any]] = []
    both.step = lambda images, labels: seen.append((images, labels)) or {}  # type: ignore[method-assign,func-returns-value]
    list(both.epoch(digits.train_images, digits.train_labels, 48))
    assert [len(images) for images, _ in seen] == [48] * 13 + [16]
    labels = np.concatenate([labels for _, labels in seen])
    images = np.concatenate([images for images, _ in seen])
    assert not np.array_equal(labels, digits.train_labels)  # shuffled
    np.testing.assert_array_equal(np.bincount(labels), np.bincount(digits.train_labels))
    assert images.sum() == digits.train_images.sum()


def test_random_crops_move_each_image_otherwise_in_every_epoch(digits: MNIST) -> None:
    """And the same on both sides, which are given one batch."""
    both, seen = Lockstep("formula", lr=0.02), []
    step = both.step

    def watched(images: Any, labels: Any) -> dict[str, float]:
        seen.append((images, labels))
        return step(images, labels)

    both.step = watched  # type: ignore[method-assign]
    images, labels = digits.train_images[:48], digits.train_labels[:48]
    for _ in range(2):
        list(both.epoch(images, labels, 20, random_crop=2))
    padded = np.pad(images, ((0, 0), (2, 2), (2, 2)))
    places = []
    for batch, own in seen:
        for image, label in zip(batch, own, strict=True):
            found = [
                (number, row, column)
                for number, row, column in np.ndindex(48, 5, 5)
                if np.array_equal(padded[number, row : row + 28, column : column + 28], image)
            ]
            assert len(found) == 1
            assert labels[found[0][0]] == label
            places.append(found[0])
    for epoch in (places[:48], places[48:]):
        assert sorted(number for number, _, _ in epoch) == list(range(48))
        assert {row for _, row, _ in epoch} == {column for _, _, column in epoch} == set(range(5))
    corners = [{number: corner for number, *corner in epoch} for epoch in (places[:48], places[48:])]
    assert sum(corners[0][number] == corners[1][number] for number in range(48)) < 10


def test_the_accuracy_is_a_share_of_the_images_it_was_counted_on(digits: MNIST) -> None:
    """In an epoch, after it, and in steps of one's own, one that ends in an error included."""
    both = Lockstep("formula", lr=0.05)
    assert both.accuracy() == {"numpy": 0, "torch": 0}
    answers: dict[str, list[Any]] = {"numpy": [], "torch": []}
    for first in range(0, 256, 64):
        images, labels = digits.train_images[first : first + 64], digits.train_labels[first : first + 64]
        for name, predictions in both.predict(images).items():
            answers[name].extend(predictions == labels)
        both.step(images, labels)
        assert both.accuracy() == {name: np.mean(right) for name, right in answers.items()}
    list(both.epoch(digits.train_images, digits.train_labels, 64))
    assert both.seen == 640
    both.step(digits.train_images, digits.train_labels)
    assert both.seen == 1280
    both.numpy.network[0].weight.data[...] = np.nan
    with pytest.raises(FloatingPointError):
        both.step(digits.train_images, digits.train_labels)
    assert both.seen == 1920
    assert 0.3 < both.accuracy()["numpy"] < both.accuracy()["torch"] < 1
    counted = both.correct, both.seen
    with pytest.raises(ValueError, match="target"):
        both.step(digits.train_images[:2], np.array([0, 11]))
    assert (both.correct, both.seen) == counted


def test_a_faulty_side_is_seen(digits: MNIST, monkeypatch: pytest.MonkeyPatch) -> None:
    """The comparison has teeth: a learning rate that is off by a millionth on one side shows."""
    both = Lockstep("formula", dtype="float64", lr=0.02)
    both.numpy.optimizer.param_groups[0]["lr"] *= 1 + 1e-6
    list(both.epoch(digits.train_images[:128], digits.train_labels[:128], 64))
    assert both.max_weight_difference() > 1e-10


def test_predictions_come_from_the_right_side(digits: MNIST) -> None:
    both = Lockstep("formula")
    for parameter in both.numpy.network.parameters():
        parameter.data[...] = 0
    both.numpy.network[-1].bias.data[3] = 1
    predictions = both.predict(digits.test_images)
    assert (predictions["numpy"] == 3).all()
    assert not (predictions["torch"] == 3).all()


def test_threads_are_set_and_restored() -> None:
    def blas() -> list[int]:
        return [pool["num_threads"] for pool in threadpool_info() if pool["user_api"] == "blas"]

    before = torch.get_num_threads(), blas()
    with threads(2):
        assert torch.get_num_threads() == 2
        assert blas() == [2] * len(blas())
    assert (torch.get_num_threads(), blas()) == before


def test_numpy_gets_the_threads_too(digits: MNIST, monkeypatch: pytest.MonkeyPatch) -> None:
    """Enough work is shared among them, whatever is left of an epoch is not; the result is the same."""
    shared = []

    def one_by_one(self: Replicas, tasks: list[Any]) -> list[Any]:
        shared.append(len(tasks))
        return [task() for task in tasks]

    monkeypatch.setattr(Replicas, "_together", one_by_one)
    monkeypatch.setattr(replicas, "LEAST_WORK", 1_000_000)
    few = digits._replace(train_images=digits.train_images[:70], train_labels=digits.train_labels[:70])
    summary = train("formula", few, epochs=1, batch_size=64, dtype="float64", threads=2)
    assert shared == [2, 2, 1, 1]  # forward and backward of each step
    assert summary.max_weight_difference <= 1e-13


def replica_threads() -> list[str]:
    return [thread.name for thread in threading.enumerate() if thread.name.startswith("replica")]


@pytest.mark.parametrize("fails", [False, True])
def test_no_thread_outlives_the_training(fails: bool, digits: MNIST, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(replicas, "LEAST_WORK", 1)
    training = prepare("formula", digits, epochs=1, threads=3)
    gc.collect()  # threads of earlier tests
    seen: list[int] = []

    def on_step(progress: Progress) -> None:
        seen.append(len(replica_threads()))
        if fails:
            raise KeyError("mine")

    with contextlib.suppress(KeyError):
        finish(training, on_step=on_step, report_every=5)
    assert 0 < min(seen) <= max(seen) <= 2  # one thread may do the work of two
    assert replica_threads() == []


def test_a_network_of_ones_own(digits: MNIST) -> None:
    summary = train(lambda nn: nn.Sequential(nn.Flatten(), nn.Linear(784, 10)), digits, epochs=1, dtype="float64")
    assert summary.max_weight_difference < 1e-13
    assert summary.accuracy["numpy"] > 0.5


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"network": "resnet"}, "network must be one of formula, lenet5, mnist-example, vgg-small, resnet-small, got "),
        ({"dtype": "float16"}, "dtype must be float32 or float64, got 'float16'"),
        ({"epochs": 0}, "epochs must be at least 1, got 0"),
        ({"batch_size": 0}, "batch_size must be at least 1, got 0"),
        ({"threads": 0}, "threads must be at least 1, got 0"),
        ({"limit": 0}, "limit must be at least 1, got 0"),
        ({"lr": -1.0}, "lr must not be negative, got -1.0"),
        ({"momentum": 0.0, "nesterov": True}, "nesterov needs momentum above 0"),
    ],
)
def test_bad_options_are_named(options: dict[str, Any], message: str, digits: MNIST) -> None:
    with pytest.raises(ValueError, match=message):
        train(**{"data": digits, **options})


@pytest.mark.slow
def test_an_epoch_of_lenet5_in_float64() -> None:
    summary = train("lenet5", epochs=1, batch_size=64, lr=0.02, momentum=0.9, dtype="float64")
    assert summary.max_weight_difference <= 1e-12
    assert summary.equal_predictions == 10_000
    assert min(summary.accuracy.values()) > 0.97


@pytest.mark.slow
def test_an_epoch_of_lenet5_in_float32() -> None:
    summary = train("lenet5", epochs=1, batch_size=64, lr=0.02, momentum=0.9)
    assert summary.equal_predictions >= 9_850
    assert min(summary.accuracy.values()) > 0.97


def test_networks_take_images_of_mnist() -> None:
    for build in NETWORKS.values():
        assert build(reference.nn)(np.zeros((2, 1, 28, 28), np.float32)).shape == (2, 10)


@pytest.mark.parametrize(
    "options",
    [
        {"method": "rmsprop", "lr": 1e-3, "momentum": 0.9},
        {"method": "adam", "lr": 1e-3},
        {"method": "adamw", "lr": 1e-3, "weight_decay": 0.1},
    ],
    ids=lambda options: str(options["method"]),
)
def test_both_sides_take_the_steps_of_any_optimizer(options: dict[str, Any]) -> None:
    """On random pixels: a gradient of 0 that one side rounds would make a step of full length there."""
    both = Lockstep("formula", "float64", **options)
    generator = np.random.default_rng(0)
    for _ in range(10):
        images = generator.integers(0, 256, (16, 28, 28), np.uint8)
        labels = generator.integers(0, 10, 16)
        before = both.numpy.weights()["0.weight"].copy()
        losses = both.step(images, labels)
        assert abs(losses["numpy"] - losses["torch"]) < 1e-9
        assert (both.numpy.weights()["0.weight"] != before).any()
    assert both.max_weight_difference() < 1e-9
    both.close()


def test_an_optimizer_that_is_not_there_is_refused() -> None:
    with pytest.raises(ValueError, match="method must be one of sgd, rmsprop, adam, adamw, got 'lbfgs'"):
        Lockstep("formula", method="lbfgs")
