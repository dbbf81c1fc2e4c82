"""Networks of one's own: trained on both sides, kept, gone on with, and what is wrong with them."""

import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import reference
from reference.datasets import MNIST, mnist, normalize
from tests.torch_parity.training import own_networks
from tests.torch_parity.training.own_networks import (
    alone,
    as_a_class,
    nested,
    pytorchs_example,
    residual,
    with_a_list,
)
from torch_parity import Diverged, Lockstep, train
from torch_parity.networks import OWN_FILE, OWN_MODULES
from torch_parity.pages import run_page
from torch_parity.training import findings
from torch_parity.training.loop import Keeper, Stopped, begin, load, prepare, resume
from torch_parity.training.predict import Classifier
from torch_parity.training.runs import CHECKPOINT

BUILDS = [as_a_class, nested, with_a_list, alone, residual, pytorchs_example]
SOURCE = (Path(__file__).parent / "own_networks.py").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def digits() -> MNIST:
    whole = mnist()
    return MNIST(whole.train_images[:320], whole.train_labels[:320], whole.test_images[:200], whole.test_labels[:200])


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "my_net.py"
    path.write_text(SOURCE, encoding="utf-8")
    return path


@pytest.mark.parametrize("build", BUILDS, ids=lambda build: build.__name__)
def test_both_sides_stay_together(build: Any, digits: MNIST) -> None:
    summary = train(build, digits, epochs=1, dtype="float64")
    assert 0 < summary.max_weight_difference < 1e-13
    assert summary.equal_predictions == 200


BEGINNINGS = {
    as_a_class: r"in layer (conv1 \(Conv2d\)|fc1 \(Linear\))",
    nested: r"in layer (0\.0 \(Conv2d\)|2 \(Linear\))",
    with_a_list: r"(in|before) layer dense\.[01] \(Linear\)",
    alone: "in layer Net",
}


@pytest.mark.parametrize(
    ("build", "lr"),
    [(as_a_class, 1e30), (as_a_class, 1e38), (nested, 1e30), (nested, 1e38), (with_a_list, 1e38), (alone, 1e38)],
)
def test_diverging_names_step_and_layer(build: Any, lr: float, digits: MNIST) -> None:
    began = rf"the loss is (nan|inf); it began {BEGINNINGS[build]}"
    with pytest.raises(Diverged, match=rf"^step \d+, epoch 1: numpy: {began}; torch: {began}$"):
        train(build, digits, epochs=1, lr=lr, schedule="constant")


def test_the_place_is_where_numbers_stop_being_finite(digits: MNIST) -> None:
    def between(nn: Any) -> Any:
        class Net(nn.Module):  # type: ignore[misc]
            def __init__(self) -> None:
                super().__init__()
                self.flatten, self.dense, self.factors = nn.Flatten(), nn.Linear(784, 10), [1.0, 1.0]

            def forward(self, x: Any) -> Any:
                return self.dense(self.flatten(x) * self.factors[0]) * self.factors[1]

            def backward(self, grad_output: Any, needs_input_grad: bool = True) -> Any:
                return self.dense.backward(grad_output, needs_input_grad)

        return Net()

    for factors, place in (((np.nan, 1.0), r"before layer dense \(Linear\)"), ((1.0, np.nan), "behind the last layer")):
        both = Lockstep(between, lr=0.1)
        for side in both.sides.values():
            side.network.factors = list(factors)
        with pytest.raises(FloatingPointError, match=f"numpy: the loss is nan; it began {place}; torch: .* {place}$"):
            both.step(digits.train_images[:4], digits.train_labels[:4])
    both = Lockstep(between, lr=0.1)
    for side in both.sides.values():
        side.network.factors[1] = 1e38  # finite scores: that many are too many for the sum of their losses
    with pytest.raises(FloatingPointError, match=r"numpy: the loss is inf; it began in the loss; torch"):
        both.step(digits.train_images[:40], digits.train_labels[:40])


@pytest.mark.parametrize("build", BUILDS, ids=lambda build: build.__name__)
def test_it_is_printed_switched_and_named_as_in_torch(build: Any) -> None:
    ours, theirs = build(reference.nn), build(torch.nn)
    assert str(ours) == str(theirs)
    assert list(ours.state_dict()) == list(theirs.state_dict())
    for training in (False, True):
        for network in (ours, theirs):
            (network.train if training else network.eval)()
            assert {module.training for module in network.modules()} == {training}


# Files.


@pytest.mark.parametrize(
    "name",
    ["with_a_list", *(pytest.param(name, marks=pytest.mark.slow) for name in ("as_a_class", "nested", "alone"))],
)
def test_a_run_from_a_file_is_kept_with_its_report(
    name: str, file: Path, digits: MNIST, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(run_page, "TIMED_SECONDS", 0.0)
    summary = train(f"{file}:{name}", digits, epochs=1, runs_dir=tmp_path / "runs")
    same = train(getattr(own_networks, name), digits, epochs=1)
    assert summary.accuracy == same.accuracy
    assert summary.final_loss == same.final_loss
    folder = Path(str(summary.run))
    assert folder.name.endswith("-my_net")
    assert (folder / OWN_FILE).read_text(encoding="utf-8") == SOURCE
    file.unlink()  # the run has a copy
    run = findings.load(folder)
    assert run.config["network"] == f"my_net.py:{name}"
    assert findings.answers(run, digits).accuracy == summary.accuracy
    page = run_page.write_report(folder, digits).read_text(encoding="utf-8")
    assert f"Training run: my_net.py:{name} in NumPy and in torch" in page
    assert not (folder / "__pycache__").exists()


@pytest.mark.slow
def test_weights_of_batch_normalisation_and_dropout_go_from_torch_to_the_file(file: Path, tmp_path: Path) -> None:
    image = mnist().test_images[0]
    for name in ("residual", "pytorchs_example"):
        network = getattr(own_networks, name)(torch.nn)
        network(torch.from_numpy(normalize(mnist().test_images[:8])))  # a batch for the running means
        torch.save(network.state_dict(), tmp_path / "weights.pt")
        network.eval()
        with torch.no_grad():
            scores = torch.softmax(network(torch.from_numpy(normalize(image[np.newaxis]))), 1).numpy()[0]
        ways = [f"{file}:{name}", *(["mnist-example"] if name == "pytorchs_example" else [])]
        for way in ways:
            found = Classifier(tmp_path / "weights.pt", way).predict(image).probabilities
            for side in ("numpy", "torch"):
                np.testing.assert_allclose(found[side], scores, rtol=1e-5)


def test_its_convolutions_and_drift_go_by_the_layers_names(file: Path, digits: MNIST, tmp_path: Path) -> None:
    found: dict[str, Any] = {}
    for name in ("as_a_class", "nested"):
        run = findings.load(Path(str(train(f"{file}:{name}", digits, epochs=1, runs_dir=tmp_path / name).run)))
        (found[name],) = findings.convolutions(run, digits.test_images[0])
        found[f"{name} drift"] = list(findings.drift(run))
    assert (found["as_a_class"].layer, found["nested"].layer) == ("conv1", "0.0")
    assert found["as_a_class drift"] == ["conv1 Conv2d", "fc1 Linear"]
    assert found["nested drift"] == ["0.0 Conv2d", "2 Linear"]
    for side in ("numpy", "torch"):
        assert found["as_a_class"].maps[side].min() == 0  # after the ReLU
        np.testing.assert_array_equal(found["as_a_class"].maps[side], found["nested"].maps[side])
        np.testing.assert_array_equal(found["as_a_class"].kernels[side], found["nested"].kernels[side])


def test_a_stopped_run_goes_on_without_the_file(file: Path, digits: MNIST, tmp_path: Path) -> None:
    whole = train(f"{file}:as_a_class", digits, epochs=2, runs_dir=tmp_path / "whole")
    training = prepare(f"{file}:as_a_class", digits, epochs=2)
    run = begin(training, tmp_path / "stopped")
    with pytest.raises(Stopped):
        training.run(keeper=Keeper(run), stopped=lambda: 15 * (training.step == 3))
    file.write_text("raise RuntimeError('another file by now')")
    assert resume(run.folder, data=digits).final_loss == whole.final_loss
    stopped, at_once = ((folder / "weights.safetensors").read_bytes() for folder in (run.folder, Path(str(whole.run))))
    assert stopped == at_once
    (run.folder / OWN_FILE).write_text("def other(nn): ...")
    with pytest.raises(ValueError, match="there is no function 'as_a_class'; its functions: other"):
        load(run.folder, data=digits)
    assert (run.folder / CHECKPOINT).exists()


def test_a_run_keeps_the_modules_beside_its_file(file: Path, digits: MNIST, tmp_path: Path) -> None:
    """Going on, the report and the classifier use the copies, whatever becomes of the files."""
    beside = file.with_name("blocks_of_my_net.py")
    beside.write_text(SOURCE, encoding="utf-8")
    file.with_name("not_imported.py").write_text("", encoding="utf-8")
    file.write_text("from blocks_of_my_net import as_a_class as build\n", encoding="utf-8")
    whole = train(as_a_class, digits, epochs=2)
    training = prepare(f"{file}:build", digits, epochs=2)
    run = begin(training, tmp_path / "runs")
    assert [path.name for path in (run.folder / OWN_MODULES).iterdir()] == [beside.name]
    assert (run.folder / OWN_MODULES / beside.name).read_bytes() == SOURCE.encode()
    with pytest.raises(Stopped):
        training.run(keeper=Keeper(run), stopped=lambda: 15 * (training.step == 3))
    beside.write_text("raise RuntimeError('another module by now')")
    assert resume(run.folder, data=digits).final_loss == whole.final_loss
    assert findings.answers(findings.load(run.folder), digits).accuracy == whole.accuracy
    assert Classifier(run.folder).network == "my_net.py:build"
    assert not list(run.folder.rglob("__pycache__"))
    (run.folder / OWN_MODULES / beside.name).unlink()
    advice = "network.py, line 1: ModuleNotFoundError: No module named 'blocks_of_my_net': the run has no copy of it"
    for use in (lambda: load(run.folder, data=digits), lambda: Classifier(run.folder)):
        with pytest.raises(ValueError, match=advice):
            use()


def test_a_run_without_its_file_is_refused(file: Path, digits: MNIST, tmp_path: Path) -> None:
    folder = Path(str(train(f"{file}:nested", digits, epochs=1, runs_dir=tmp_path).run))
    (folder / OWN_FILE).unlink()
    with pytest.raises(ValueError, match=r"or FILE.py:FUNCTION with a copy in network.py, got 'my_net.py:nested'"):
        findings.load(folder)
    with pytest.raises((ValueError, FileNotFoundError), match=r"my_net.py: there is no such file"):
        load(folder, data=digits)


# What is wrong is said before a step is taken.


def torchs(nn: Any) -> Any:
    return torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(784, 10))


def hidden(nn: Any) -> Any:
    network = nn.Sequential(nn.Flatten(), nn.Linear(784, 10))
    network[0].helper = torch.nn.ReLU()
    return network


def of_another_width(nn: Any) -> Any:
    return nn.Sequential(nn.Flatten(), nn.Linear(784, 10, bias=nn is torch.nn))


def old_backward(nn: Any) -> Any:
    network = nested(nn)
    network.backward = lambda grad: grad
    return network


def called_twice(nn: Any) -> Any:
    class Net(nn.Module):  # type: ignore[misc]
        def __init__(self) -> None:
            super().__init__()
            self.flatten, self.relu = nn.Flatten(), nn.ReLU()
            self.fc1, self.fc2 = nn.Linear(784, 10), nn.Linear(10, 10)

        def forward(self, x: Any) -> Any:
            return self.relu(self.fc2(self.relu(self.fc1(self.flatten(x)))))

        def backward(self, grad_output: Any, needs_input_grad: bool = True) -> Any:
            grad = self.relu.backward(self.fc2.backward(self.relu.backward(grad_output)))
            return self.fc1.backward(grad, needs_input_grad)

    return Net()


def forgetful(nn: Any) -> Any:
    network = nn.Sequential(nn.Flatten(), nn.Linear(784, 8), nn.Linear(8, 10))
    if nn is not torch.nn:
        network.backward = lambda grad_output, needs_input_grad=True: network[2].backward(grad_output)
    return network


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (torchs, "from its argument nn: given reference.nn, it is a Sequential of torch.nn"),
        (hidden, "from its argument nn: given reference.nn, its attribute 0.helper is a ReLU of torch.nn"),
        (lambda nn: None, "the function must return a network made from its argument nn, got NoneType"),
        (lambda nn: nn.Sequential(nn.Flatten(), nn.Linear(784, 5)), "scores of shape (2, 10), one for each class"),
        (lambda nn: nn.Sequential(nn.Conv2d(1, 10, 3)), "got (2, 10, 26, 26) in NumPy"),
        (lambda nn: nn.Sequential(nn.Flatten(), nn.Linear(700, 10)), "layer 1 (Linear): input must have 700 features"),
        (of_another_width, "both sides must have the same parameters: 1.bias has shape none in NumPy, (10,) in torch"),
        (old_backward, "must define backward(self, grad_output, needs_input_grad=True), got backward(grad)"),
        (called_twice, "layer relu (ReLU) is called more than once, and remembers its last input only"),
        (forgetful, "1.weight, 1.bias got a gradient in torch, and none in NumPy: backward must call"),
    ],
)
def test_a_network_that_cannot_be_trained_is_refused(build: Any, message: str, digits: MNIST) -> None:
    with pytest.raises(ValueError, match=re.escape(message)):
        prepare(build, digits)


def test_the_other_way_round_too() -> None:
    def ours_alone(nn: Any) -> Any:
        return reference.nn.Sequential(reference.nn.Flatten(), reference.nn.Linear(784, 10))

    with pytest.raises(ValueError, match=r"given torch.nn, it is a Sequential of reference.nn"):
        Lockstep(ours_alone)


def test_trying_out_changes_nothing(digits: MNIST) -> None:
    tried = prepare(nested, digits).both
    other = Lockstep(nested, lr=tried.lr(), momentum=0.9)
    for name, array in tried.numpy.weights().items():
        np.testing.assert_array_equal(array, other.numpy.weights()[name])
    assert all(parameter.grad is None for side in tried.sides.values() for parameter in side.network.parameters())


def test_an_error_in_the_file_says_file_and_line(file: Path, digits: MNIST) -> None:
    line = SOURCE.splitlines().index("            return self.dense[1](self.dense[0](self.flatten(x)) * 2)") + 1
    file.write_text(SOURCE.replace("nn.Linear(784, 12)", "nn.Linear(780, 12)"), encoding="utf-8")
    with pytest.raises(ValueError, match=rf"my_net.py, line {line}: layer dense.0 \(Linear\): input must have 780"):
        prepare(f"{file}:with_a_list", digits)


def test_an_error_in_the_middle_of_training_says_file_and_line(file: Path, digits: MNIST, tmp_path: Path) -> None:
    file.write_text(
        "def build(nn):\n"
        "    network = nn.Sequential(nn.Flatten(), nn.Linear(784, 10))\n"
        "    forward = network.forward\n"
        "    def checked(x):\n"
        "        assert len(x) in (2, 64), 'an odd batch'\n"
        "        return forward(x)\n"
        "    network.forward = checked\n"
        "    return network\n"
    )
    few = digits._replace(train_images=digits.train_images[:70], train_labels=digits.train_labels[:70])
    with pytest.raises(ValueError, match=r"my_net.py, line 5: AssertionError: an odd batch"):
        train(f"{file}:build", few, runs_dir=tmp_path)
