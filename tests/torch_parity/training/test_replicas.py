"""A step that threads share is the step of one thread, and the same bits each time."""

import contextlib
import threading
import time
from typing import Any

import numpy as np
import pytest
from threadpoolctl import threadpool_info, threadpool_limits

from reference import nn
from reference.datasets import mnist, normalize
from torch_parity.networks import NETWORKS
from torch_parity.training import replicas
from torch_parity.training.replicas import Replicas, multiplications, shares
from torch_parity.training.sides import NumpySide

OPTIMIZER = {"lr": 0.02, "momentum": 0.9}


@pytest.fixture
def always(monkeypatch: pytest.MonkeyPatch) -> None:
    """Threads share every batch, however little work it is."""
    monkeypatch.setattr(replicas, "LEAST_WORK", 1)


DIGITS = mnist()


def digits(count: int, dtype: Any = np.float64) -> tuple[Any, Any]:
    return normalize(DIGITS.train_images[:count], dtype=dtype), DIGITS.train_labels[:count]


def train(thread_count: int, batch_sizes: list[int], network: str = "lenet5", dtype: str = "float64") -> Any:
    """The losses and the weights after a step with each of ``batch_sizes``."""
    nn.manual_seed(1)
    side = NumpySide(NETWORKS[network], dtype, OPTIMIZER, thread_count=thread_count)
    images, labels = digits(sum(batch_sizes), dtype)
    losses, first = [], 0
    for size in batch_sizes:
        losses.append(side.forward(images[first : first + size], labels[first : first + size]))
        side.backward()
        side.update()
        first += size
    return losses, list(side.weights().values())


def largest_difference(a: Any, b: Any) -> float:
    return max(float(np.abs(x - y).max()) for x, y in zip(a, b, strict=True))


@pytest.mark.parametrize(("count", "parts"), [(0, 1), (0, 2), (1, 3), (7, 3), (64, 2), (5, 5)])
def test_shares_are_neighbours_of_almost_equal_size(count: int, parts: int) -> None:
    found = shares(count, parts)
    assert len(found) == parts
    assert [index for share in found for index in range(count)[share]] == list(range(count))
    sizes = [share.stop - share.start for share in found]
    assert max(sizes) - min(sizes) <= 1


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_one_thread_computes_the_bits_of_the_mean_loss(dtype: str) -> None:
    """The sum of losses, times 1 / count: what the loss with the reduction 'mean' does."""
    images, labels = digits(23, dtype)
    nn.manual_seed(2)
    side = NumpySide(NETWORKS["formula"], dtype, OPTIMIZER)
    loss = side.forward(images, labels)
    side.backward()
    network, criterion = side.network, nn.CrossEntropyLoss()
    found = [parameter.grad for parameter in network.parameters()]
    network.zero_grad()
    assert criterion(network(images), labels) == np.asarray(loss, dtype)
    network.backward(criterion.backward())
    assert all((a == parameter.grad).all() for a, parameter in zip(found, network.parameters(), strict=True))


@pytest.mark.usefixtures("always")
@pytest.mark.parametrize("thread_count", [2, 3])
def test_threads_share_a_batch_without_changing_the_result(thread_count: int) -> None:
    """Parts of equal and of unequal sizes, a batch with fewer images than threads, and one of a single image."""
    sizes = [48, 48, 47, 2, 1, 48, 5]
    losses, weights = train(1, sizes)
    found_losses, found_weights = train(thread_count, sizes)
    assert largest_difference(losses, found_losses) <= 1e-13
    assert 0 < largest_difference(weights, found_weights) <= 1e-13


@pytest.mark.usefixtures("always")
@pytest.mark.parametrize("network", ["formula", "vgg-small"])
def test_every_run_gives_the_same_bits(network: str) -> None:
    (losses, weights), again = (train(3, [32, 32, 10], network, "float32") for _ in range(2))
    assert losses == again[0]
    assert largest_difference(weights, again[1]) == 0


@pytest.mark.usefixtures("always")
def test_layers_and_losses_remember_their_own_part() -> None:
    side = NumpySide(NETWORKS["formula"], "float64", OPTIMIZER, thread_count=2)
    images, labels = digits(7)
    side.forward(images, labels)
    first, second = side.replicas.replicas
    assert first.network is side.network
    for replica, count in ((first, 3), (second, 4)):
        relu, pooling = list(replica.network)[1:3]  # type: ignore[call-overload]
        assert len(relu.passes) == len(pooling.maxima.tap) == len(replica.criterion.cross_entropy.log_p) == count
    for own, theirs in zip(first.parameters, second.parameters, strict=True):
        assert own.data is theirs.data
        assert own is not theirs


@pytest.mark.usefixtures("always")
def test_gradients_add_up_until_they_are_forgotten() -> None:
    nn.manual_seed(1)
    network = NETWORKS["formula"](nn).double()
    shared = Replicas(network, 3)
    images, labels = digits(10)
    found = []
    for _ in range(2):
        shared.forward(images, labels, 10)
        for _ in range(2):
            shared.backward()
            found.append([parameter.grad.copy() for parameter in network.parameters()])
    for times, grads in enumerate(found, 1):
        assert largest_difference([times * grad for grad in found[0]], grads) <= 1e-15


@pytest.mark.usefixtures("always")
def test_a_parameter_may_be_used_twice_and_have_no_gradient() -> None:
    class Twice(nn.Module):
        """Two dense layers with one weight, and a parameter that takes part in nothing."""

        def __init__(self) -> None:
            self.one, self.two, self.idle = nn.Linear(4, 4), nn.Linear(4, 4, bias=False), nn.Linear(1, 1)
            self.two.weight = self.one.weight

        def forward(self, input: Any) -> Any:
            return self.two(self.one(input))

        def backward(self, grad_output: Any, needs_input_grad: bool = True) -> Any:
            grad: Any = self.two.backward(grad_output)
            return self.one.backward(grad, needs_input_grad)

    nn.manual_seed(3)
    network = Twice()
    network.double()
    images, labels = np.random.default_rng(0).standard_normal((6, 4)), np.array([0, 1, 2, 3, 0, 1])
    found = []
    for threads in (1, 2):
        network.zero_grad()
        shared = Replicas(network, threads)
        shared.work = 1  # its layers are in no Sequential, where work is counted
        shared.forward(images, labels, 6)
        assert len(shared.busy) == threads
        shared.backward()
        found.append([parameter.grad for parameter in network.one.parameters()])
        assert network.idle.weight.grad is None
    assert largest_difference(*found) <= 1e-15


@pytest.mark.usefixtures("always")
def test_parameters_that_are_replaced_are_replaced_in_every_replica() -> None:
    nn.manual_seed(1)
    network = NETWORKS["formula"](nn)
    shared = Replicas(network, 2)
    network.double()
    images, labels = digits(8)
    loss = shared.forward(images, labels, 8)
    assert abs(loss - nn.CrossEntropyLoss()(network(images), labels)) <= 1e-15


class Probe(nn.Module):
    """Hands its input on, after doing something in whichever thread it is."""

    def __init__(self, act: Any) -> None:
        self.act = act

    def __deepcopy__(self, memo: Any) -> "Probe":
        return Probe(self.act)

    def forward(self, input: Any) -> Any:
        self.act(input)
        return input

    def backward(self, grad_output: Any, needs_input_grad: bool = True) -> Any:
        return grad_output


def probed(act: Any, threads: int) -> Replicas:
    return Replicas(nn.Sequential(nn.Flatten(), nn.Linear(784, 10), Probe(act)).double(), threads)


@pytest.mark.usefixtures("always")
def test_the_exception_of_a_replica_is_raised_as_it_is_and_the_next_step_works() -> None:
    images, labels = digits(6)
    for wrong in range(6):
        side = NumpySide(NETWORKS["formula"], "float64", OPTIMIZER, thread_count=3)
        bad = labels.copy()
        bad[wrong] = 11
        with pytest.raises(ValueError, match="target must lie between 0 and 9, or be ignore_index -100, got 11"):
            side.forward(images, bad)
        assert side.forward(images, labels) > 0
        side.backward()


@pytest.mark.usefixtures("always")
def test_an_exception_leaves_no_thread_at_work() -> None:
    done = []

    def act(input: Any) -> None:
        if threading.current_thread() is threading.main_thread():
            raise KeyError("mine")
        time.sleep(0.1)
        done.append(len(input))

    images, labels = digits(4)
    shared = probed(act, 2)
    shared.work = 1
    with pytest.raises(KeyError, match="mine"):
        shared.forward(images, labels, 4)
    assert done == [2]


@pytest.mark.usefixtures("always")
def test_a_step_that_failed_leaves_no_gradients() -> None:
    class Once(nn.Linear):
        """Fails in its first backward of this thread, when the others are done with theirs."""

        failed = False

        def backward(self, grad_output: Any, needs_input_grad: bool = True) -> Any:
            if threading.current_thread() is threading.main_thread() and not self.failed:
                self.failed = True
                raise KeyError("mine")
            return super().backward(grad_output, needs_input_grad)

    side = NumpySide(lambda nn: nn.Sequential(nn.Flatten(), Once(784, 10)), "float64", OPTIMIZER, thread_count=2)
    side.replicas.work = 1
    images, labels = digits(6)
    found = []
    for _ in range(3):
        side.forward(images, labels)
        with contextlib.suppress(KeyError):
            side.backward()
            found.append([parameter.grad for parameter in side.network.parameters()])
    assert len(found) == 2
    assert largest_difference(*found) == 0


@pytest.mark.usefixtures("always")
def test_no_thread_gets_an_empty_part() -> None:
    shared = Replicas(NETWORKS["formula"](nn), 3)
    assert [shared.parts(digits(count, np.float32)[0]) for count in (0, 1, 2, 3, 4)] == [1, 1, 2, 3, 3]


@pytest.mark.usefixtures("always")
def test_threads_wait_for_the_next_step_and_have_one_thread_of_blas_each() -> None:
    seen: list[tuple[str, list[int]]] = []
    here = threading.current_thread().name

    def act(input: Any) -> None:
        blas = [pool["num_threads"] for pool in threadpool_info() if pool["user_api"] == "blas"]
        seen.append((threading.current_thread().name, blas))

    images, labels = digits(4)
    with threadpool_limits(2, "blas"):
        alone, shared = probed(act, 1), probed(act, 2)
        alone.forward(images, labels, 4)
        assert [(name, set(blas)) for name, blas in seen] == [(here, {2})]
        shared.work = 1
        shared.forward(images, labels, 4)
        seen.clear()
        before = set(threading.enumerate())
        for _ in range(3):
            shared.forward(images, labels, 4)
            shared.backward()
        assert set(threading.enumerate()) <= before  # those of earlier tests may end meanwhile
        assert {name for name, _ in seen} == {here, "replica_0"}
        assert {count for _, blas in seen for count in blas} == {1}
        act(images)
        assert set(seen[-1][1]) == {2}


@pytest.mark.usefixtures("always")
def test_closed_they_end_their_threads_and_a_further_batch_starts_new_ones() -> None:
    nn.manual_seed(1)
    shared = Replicas(NETWORKS["formula"](nn), 3)
    images, labels = digits(6, np.float32)
    shared.close()  # none has begun
    losses = []
    for _ in range(2):
        before = set(threading.enumerate())
        losses.append(shared.forward(images, labels, 6))
        started = set(threading.enumerate()) - before
        assert {"replica_0"} <= {thread.name for thread in started} <= {"replica_0", "replica_1"}  # one may do both
        shared.close()
        assert not any(thread.is_alive() for thread in started)
    assert losses[0] == losses[1]


@pytest.mark.parametrize(
    ("network", "per_image"),
    [
        ("formula", 26 * 26 * 8 * 9),
        ("lenet5", 28 * 28 * 6 * 25 + 10 * 10 * 16 * 150),
    ],
)
def test_multiplications_are_counted(network: str, per_image: int) -> None:
    for count in (1, 3):
        assert multiplications(NETWORKS[network](nn), digits(count, np.float32)[0]) == count * per_image


def test_multiplications_of_groups_strides_and_nested_networks() -> None:
    inner = nn.Sequential(nn.Conv2d(4, 6, 3, stride=2, groups=2), nn.ReLU())
    network = nn.Sequential(inner, nn.Flatten(), nn.Linear(6 * 3 * 2, 5))
    images = np.zeros((2, 4, 7, 5), np.float32)
    assert multiplications(network, images) == 2 * 3 * 2 * 6 * 2 * 9


def test_the_rule_is_one_of_work_alone() -> None:
    """As many threads as get enough to do, of those that there are."""

    def parts(network: str, threads: int, count: int) -> int:
        return Replicas(NETWORKS[network](nn), threads).parts(digits(count, np.float32)[0])

    assert [parts("formula", 2, count) for count in (1, 64, 512)] == [1, 1, 1]
    assert [parts("mnist-example", 2, count) for count in (0, 1, 8, 64)] == [1, 1, 1, 2]
    assert parts("mnist-example", 1, 64) == 1
    work = 64 * (26 * 26 * 32 * 9 + 24 * 24 * 64 * 288)
    assert parts("mnist-example", 9, 64) == work // replicas.LEAST_WORK < 9
