"""Training runs that are kept, stopped, damaged and gone on with."""

import csv
import hashlib
import json
import os
import shutil
import signal
import struct
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

import reference
from reference.datasets import MNIST, NAMES, mnist
from torch_parity import resume, train
from torch_parity.files import load_arrays, save_arrays
from torch_parity.networks import RECIPES, lenet5
from torch_parity.training import loop as module
from torch_parity.training.loop import Diverged, Progress, Stopped, Summary, begin, finish, load, prepare
from torch_parity.training.runs import CHECKPOINT, PREVIOUS, STATE, WEIGHTS, RunFolder
from torch_parity.training.signals import stop_on_signals

SETTINGS: dict[str, Any] = {"epochs": 3, "batch_size": 64, "report_every": 2}
STEPS = 12  # 250 images are 4 steps an epoch
REPORTS = [1, 2, 4, 6, 8, 10, 12]


@pytest.fixture(scope="module")
def digits() -> MNIST:
    whole = mnist()
    return MNIST(whole.train_images[:250], whole.train_labels[:250], whole.test_images[:200], whole.test_labels[:200])


def kept(folder: Path) -> dict[str, Any]:
    """What a finished run left, without the times."""
    arrays, metadata = load_arrays(folder / CHECKPOINT, checksum_required=True)
    numbers = json.loads(metadata[STATE])
    del numbers["lockstep"]["seconds"]
    for row in numbers["rows"]:
        row.pop("numpy_images_per_second"), row.pop("torch_images_per_second")
    found = {CHECKPOINT: arrays, **{name: load_arrays(folder / name)[0] for name in WEIGHTS.values()}}
    bits = {file: {name: array.tobytes() for name, array in one.items()} for file, one in found.items()}
    return {**bits, "numbers": numbers}


def go_on(folder: Path, data: MNIST, on_step: Callable[[Progress], None] = lambda progress: None) -> Summary:
    return finish(*load(folder, data=data), on_step, report_every=2)


@pytest.fixture(scope="module")
def whole(digits: MNIST, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run from beginning to end."""
    summary = train("lenet5", digits, runs_dir=tmp_path_factory.mktemp("runs"), **SETTINGS)
    assert summary.run is not None
    return Path(summary.run)


def test_a_run_leaves_what_it_promises(whole: Path, digits: MNIST) -> None:
    assert {path.name for path in whole.iterdir()} == {
        "config.json", "metrics.csv", "weights.safetensors", "weights-torch.safetensors", "summary.json",
        CHECKPOINT, PREVIOUS,
    }  # fmt: skip
    config = json.loads((whole / "config.json").read_text())
    assert config["network"] == "lenet5"
    assert (config["epochs"], config["lr"], config["schedule"]) == (3, 0.02, "cosine")
    assert config["classes"] == 10
    assert config["machine"]["torch"] == torch.__version__
    summary = json.loads((whole / "summary.json").read_text())
    assert summary["steps"] == STEPS
    ours, theirs = lenet5(reference.nn), lenet5(torch.nn)
    arrays, metadata = load_arrays(whole / "weights.safetensors")
    assert metadata == {"network": "lenet5", "classes": "10"}
    ours.load_state_dict(arrays)
    theirs.load_state_dict(load_file(whole / "weights.safetensors"))
    images = reference.datasets.normalize(digits.test_images)
    found = ours(images).argmax(axis=1)
    assert (found == digits.test_labels).mean() == summary["accuracy"]["numpy"]
    theirs.load_state_dict(load_file(whole / "weights-torch.safetensors"))
    found = theirs(torch.from_numpy(images)).argmax(dim=1).numpy()
    assert (found == digits.test_labels).mean() == summary["accuracy"]["torch"]


def test_metrics_have_a_row_for_every_twenty_steps(digits: MNIST, tmp_path: Path) -> None:
    run = begin(prepare("formula", digits, epochs=2, batch_size=6), tmp_path)
    go_on(run.folder, digits)
    with (run.folder / "metrics.csv").open() as file:
        assert [int(row["step"]) for row in csv.DictReader(file)] == [1, 20, 40, 42, 60, 80, 84]


def test_metrics_are_plain_columns(whole: Path) -> None:
    with (whole / "metrics.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [int(row["step"]) for row in rows] == [1, 4, 8, 12]  # every 20 steps, and the first and last ones
    assert [row["numpy_test_accuracy"] != "" for row in rows] == [False, True, True, True]
    rates = [float(row["lr"]) for row in rows]
    assert rates[0] == 0.02
    assert rates == sorted(rates, reverse=True)
    for row in rows:
        differences = {name: float(one) for name, one in row.items() if name.startswith("difference_")}
        assert len(differences) == 10
        assert float(row["max_weight_difference"]) == max(differences.values())
        assert abs(float(row["numpy_loss"]) - float(row["torch_loss"])) < 1e-4
        assert 0 <= float(row["numpy_accuracy"]) <= 1


@pytest.mark.parametrize("step", range(1, STEPS + 1))
def test_stopped_after_any_step_it_goes_on_to_the_same_bits(
    step: int, digits: MNIST, whole: Path, tmp_path: Path
) -> None:
    training = prepare("lenet5", digits, epochs=3, batch_size=64)
    run = begin(training, tmp_path)
    with pytest.raises(Stopped, match=f"stopped after step {step} of {STEPS}") as stop:
        training.run(report_every=2, keeper=module.Keeper(run), stopped=lambda: 15 * (training.step == step))
    assert stop.value.number == 15
    seen: list[Progress] = []
    go_on(run.folder, digits, seen.append)
    assert kept(run.folder) == kept(whole)
    left = [report for report in REPORTS if report > step or report == step in (4, 8, 12)]  # an epoch's end comes last
    assert [progress.step for progress in seen] == left


OTHER_OPTIMIZERS: list[dict[str, Any]] = [
    {"method": "rmsprop", "momentum": 0.9, "lr": 1e-3},
    {"method": "adam", "weight_decay": 1e-3},
    {"method": "adamw"},
]


def in_one_go_and_stopped(digits: MNIST, folder: Path, **options: Any) -> tuple[Path, Path]:
    """The folders of two runs, the second of which was stopped in its second epoch, and gone on with."""
    once = train("formula", digits, runs_dir=folder / "once", epochs=2, batch_size=64, **options)
    training = prepare("formula", digits, epochs=2, batch_size=64, **options)
    run = begin(training, folder)
    with pytest.raises(Stopped):
        training.run(keeper=module.Keeper(run), stopped=lambda: 15 * (training.step == 6))
    go_on(run.folder, digits)
    assert once.run is not None
    return Path(once.run), run.folder


@pytest.mark.parametrize("options", OTHER_OPTIMIZERS, ids=lambda options: str(options["method"]))
def test_stopped_with_any_optimizer_it_goes_on_to_the_same_bits(
    options: dict[str, Any], digits: MNIST, tmp_path: Path
) -> None:
    """All that it remembers is kept, for both sides, and the steps that it has counted."""
    once, run = in_one_go_and_stopped(digits, tmp_path, **options)
    assert kept(run) == kept(once)
    arrays, _ = load_arrays(run / CHECKPOINT)
    if options["method"] == "rmsprop":
        names = {"step", "square_avg", "momentum"}
    else:
        names = {"step", "exp_avg", "exp_avg_sq"}
    for side in ("numpy", "torch"):
        assert {name.split("/")[1] for name in arrays if name.startswith(side)} == {"weights", *names}
        assert arrays[f"{side}/step/0"] == 8


def test_stopped_with_random_crops_it_goes_on_to_the_same_bits(digits: MNIST, tmp_path: Path) -> None:
    once, run = in_one_go_and_stopped(digits, tmp_path, random_crop=1)
    assert kept(run) == kept(once)
    plain = train("formula", digits, runs_dir=tmp_path / "plain", epochs=2, batch_size=64)
    assert kept(run) != kept(Path(str(plain.run)))
    with pytest.raises(ValueError, match="random_crop must be at least 0, got -1"):
        prepare("formula", digits, random_crop=-1)


def test_another_optimizer_starts_from_torchs_own_learning_rate(digits: MNIST) -> None:
    """A recipe's rate and momentum are those of gradient descent."""
    for method, expected in (
        ("sgd", (0.02, 0.9, 0.0)),
        ("rmsprop", (0.01, 0, 0.0)),
        ("adam", (0.001, 0, 0.0)),
        ("adamw", (0.001, 0, 0.01)),
    ):
        settings = prepare("formula", digits, method=method).settings
        assert (settings.lr, settings.momentum, settings.weight_decay) == expected
        assert prepare("formula", digits, method=method, lr=0.5).settings.lr == 0.5


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"method": "adagrad"}, "method must be one of sgd, rmsprop, adam, adamw, got 'adagrad'"),
        ({"method": "adam", "momentum": 0.9}, "momentum is no option of adam, which has lr, weight_decay, maximize"),
        ({"method": "rmsprop", "nesterov": True}, "nesterov is no option of rmsprop, which has lr, momentum"),
        ({"method": "adamw", "lr": -1.0}, "lr must be at least 0, got -1.0"),
    ],
)
def test_options_that_an_optimizer_lacks_are_refused(options: dict[str, Any], message: str, digits: MNIST) -> None:
    with pytest.raises(ValueError, match=message):
        prepare("formula", digits, **options)


def sha256(folder: Path) -> dict[str, str]:
    return {side: hashlib.sha256((folder / name).read_bytes()).hexdigest() for side, name in WEIGHTS.items()}


def test_equal_runs_leave_equal_files_of_weights_and_say_so(digits: MNIST, whole: Path, tmp_path: Path) -> None:
    summary = train("lenet5", digits, runs_dir=tmp_path, **SETTINGS)
    assert summary.run is not None
    assert summary.weights_sha256 == sha256(Path(summary.run)) == sha256(whole)
    for folder in (Path(summary.run), whole):
        assert json.loads((folder / "summary.json").read_text())["weights_sha256"] == summary.weights_sha256
    other = train("lenet5", digits, runs_dir=tmp_path, seed=2, **SETTINGS)
    assert other.weights_sha256 is not None
    assert not set(other.weights_sha256.values()) & set(summary.weights_sha256.values())


def test_weights_that_are_not_kept_have_no_digest(digits: MNIST, whole: Path, tmp_path: Path) -> None:
    assert train("formula", digits, epochs=1).weights_sha256 is None
    folder = shutil.copytree(whole, tmp_path / "copy")
    (folder / WEIGHTS["torch"]).unlink()
    summary = go_on(folder, digits)
    assert summary.run == str(folder)
    assert summary.weights_sha256 is None


def test_torchs_drift_from_itself_is_measured_and_goes_on(digits: MNIST, tmp_path: Path) -> None:
    training = prepare("lenet5", digits, epochs=1, batch_size=64, drift_threads=2)
    run = begin(training, tmp_path)
    with pytest.raises(Stopped):
        training.run(keeper=module.Keeper(run), stopped=lambda: training.step == 2)
    drift = training.both.drift()
    assert drift is not None
    assert 0 < drift < 1e-4
    resumed, _ = load(run.folder, data=digits)
    assert resumed.both.drift() == drift
    summary = finish(resumed)
    assert summary.drift is not None
    assert 0 < summary.drift < 1e-3
    assert torch.get_num_threads() == 1


def test_killed_before_its_first_epoch_it_begins_again(digits: MNIST, whole: Path, tmp_path: Path) -> None:
    run = begin(prepare("lenet5", digits, epochs=3, batch_size=64), tmp_path)
    go_on(run.folder, digits)
    assert kept(run.folder) == kept(whole)


def test_a_finished_run_has_nothing_left_to_do(digits: MNIST, whole: Path, tmp_path: Path) -> None:
    folder = shutil.copytree(whole, tmp_path / "copy")
    seen: list[Progress] = []
    summary = go_on(folder, digits, seen.append)
    assert not seen
    assert summary.accuracy == json.loads((whole / "summary.json").read_text())["accuracy"]
    assert kept(folder) == kept(whole)


def test_runs_of_the_same_second_have_folders_of_their_own(digits: MNIST, tmp_path: Path) -> None:
    training = prepare("formula", digits)
    folders = {begin(training, tmp_path / "deep" / "runs").folder for _ in range(3)}
    assert len(folders) == 3


def test_a_network_of_ones_own_goes_on_too(digits: MNIST, tmp_path: Path) -> None:
    def build(nn: Any) -> Any:
        return nn.Sequential(nn.Flatten(), nn.Linear(784, 10))

    summary = train(build, digits, runs_dir=tmp_path, epochs=1)
    assert summary.run is not None
    with pytest.raises(ValueError, match="has a network of its own; pass the function that builds it"):
        resume(summary.run, data=digits)
    assert resume(summary.run, build, digits).accuracy == summary.accuracy


def test_other_data_are_refused(digits: MNIST, whole: Path) -> None:
    other = digits._replace(train_labels=digits.train_labels[::-1].copy())
    with pytest.raises(ValueError, match="the data differ from those that the run began with"):
        resume(whole, data=other)


# Runs that move, and that get longer


def write_idx(folder: Path, data: MNIST, prefix: str = "") -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    arrays: list[Any] = list(data)
    for name, array in zip(NAMES, arrays, strict=True):
        header = struct.pack(f">HBB{array.ndim}I", 0, 8, array.ndim, *array.shape)
        (folder / (prefix + name)).write_bytes(header + array.astype(np.uint8).tobytes())
    return folder


def settings_of(folder: Path) -> tuple[dict[str, Any], dict[str, Any]]:
    """What the configuration says, and the checkpoint."""
    config = json.loads((folder / "config.json").read_text())
    settings = RunFolder(folder).read_checkpoint()[1]["settings"]
    return {name: config[name] for name in settings}, settings


def test_data_that_have_moved_are_named_and_go_with_the_run(digits: MNIST, tmp_path: Path) -> None:
    data = write_idx(tmp_path / "old", digits)
    run = begin(prepare("lenet5", data_dir=data, epochs=3, batch_size=64), tmp_path / "runs")
    data.rename(tmp_path / "new")
    with pytest.raises(FileNotFoundError) as error:
        load(run.folder)
    assert str(error.value).startswith(f"{run.folder}: cannot go on: data_dir must be a folder")
    assert str(error.value).endswith(f"got {data}, which is neither; --data-dir says where the data are now")
    with pytest.raises(FileNotFoundError, match=r"absent, which is neither$"):  # no advice to do what was done
        load(run.folder, data_dir=tmp_path / "absent")
    training, _ = load(run.folder, data_dir=tmp_path / "new")
    with pytest.raises(Stopped):
        training.run(keeper=module.Keeper(run), stopped=lambda: 15)
    assert load(run.folder)[0].settings.data_dir == str(tmp_path / "new")


def test_where_the_data_are_now_is_kept_before_the_first_step(
    digits: MNIST, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A run that is killed in the next epoch finds them all the same; what the machine was stays."""
    monkeypatch.setenv("HOME", str(tmp_path))
    run = begin(prepare("formula", data_dir=write_idx(tmp_path / "old", digits), epochs=2), "~/runs")
    assert run.folder.parent == tmp_path / "runs"
    facts = json.loads((run.folder / "config.json").read_text())
    (tmp_path / "old").rename(tmp_path / "new")
    with pytest.raises(KeyboardInterrupt):
        resume(f"~/runs/{run.folder.name}", data_dir="~/new", epochs=4, on_step=_interrupt)
    changes = {"data_dir": str(tmp_path / "new"), "epochs": 4, "cosine_epochs": 2}
    config, settings = settings_of(run.folder)
    assert config == settings
    assert json.loads((run.folder / "config.json").read_text()) == {**facts, **changes}


def _interrupt(progress: Progress) -> None:
    raise KeyboardInterrupt


def test_the_same_data_may_lie_in_other_files(digits: MNIST, whole: Path, tmp_path: Path) -> None:
    folder = shutil.copytree(whole, tmp_path / "copy")
    data = write_idx(tmp_path / "data", digits, "digits-")
    assert resume(folder, data_dir=data).accuracy == json.loads((whole / "summary.json").read_text())["accuracy"]


def test_other_data_in_the_new_place_are_refused_and_nothing_is_changed(
    digits: MNIST, whole: Path, tmp_path: Path
) -> None:
    folder = shutil.copytree(whole, tmp_path / "copy")
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    other = digits._replace(test_labels=digits.test_labels[::-1].copy())
    with pytest.raises(ValueError, match="cannot go on: the data differ from those that the run began with") as error:
        resume(folder, data_dir=write_idx(tmp_path / "data", other), epochs=5)
    assert module.digest(digits) in str(error.value)
    assert f"got {module.digest(other)}" in str(error.value)
    with pytest.raises(ValueError, match="data and data_dir exclude each other"):
        resume(folder, data=digits, data_dir=tmp_path / "data")
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before


def test_a_run_without_a_configuration_goes_on_and_gets_none(digits: MNIST, whole: Path, tmp_path: Path) -> None:
    folder = shutil.copytree(whole, tmp_path / "copy")
    config = folder / "config.json"
    config.unlink()
    assert go_on(folder, digits).steps == STEPS
    assert not config.exists()
    for damaged in ("{", "3", "[]"):
        config.write_text(damaged)
        assert go_on(folder, digits).steps == STEPS
        assert config.read_text() == damaged


def longer(folder: Path, data: MNIST, epochs: int) -> Summary:
    return resume(folder, data=data, epochs=epochs, report_every=2)


@pytest.mark.parametrize("options", [{"schedule": "constant"}, {"schedule": "step", "gamma": 0.5}])
@pytest.mark.parametrize("stop", [3, 8])
def test_made_longer_it_ends_as_if_made_in_one_go(
    options: dict[str, Any], stop: int, digits: MNIST, tmp_path: Path
) -> None:
    """Stopped within the first of two epochs, or at the end of both."""
    once = train("formula", digits, epochs=3, batch_size=64, runs_dir=tmp_path / "once", report_every=2, **options)
    training = prepare("formula", digits, epochs=2, batch_size=64, **options)
    run = begin(training, tmp_path / "twice")
    if stop == 3:
        with pytest.raises(Stopped):
            training.run(report_every=2, keeper=module.Keeper(run), stopped=lambda: 15 * (training.step == stop))
    else:
        finish(training, run, report_every=2)
    summary = longer(run.folder, digits, 3)
    assert once.run is not None
    assert kept(run.folder) == kept(Path(once.run))
    assert summary.weights_sha256 == once.weights_sha256
    assert summary.steps == STEPS
    assert settings_of(run.folder)[0] == settings_of(Path(once.run))[0]


def test_a_cosine_that_is_made_longer_keeps_its_period_as_torchs_does(digits: MNIST, tmp_path: Path) -> None:
    """What a torch script does that builds the schedule for all epochs and loads the state of the old one."""
    options: dict[str, Any] = {"batch_size": 125, "schedule": "cosine", "lr": 0.5}
    run = begin(prepare("formula", digits, epochs=2, **options), tmp_path)
    finish(*load(run.folder, data=digits))
    rates: dict[str, list[float]] = {"numpy": [], "torch": []}
    training, _ = load(run.folder, data=digits, epochs=3)

    def note(progress: Progress) -> None:
        rates["numpy"].append(progress.lr)
        rates["torch"].append(training.both.torch.optimizer.param_groups[0]["lr"])

    finish(training, run, note, report_every=1)
    expected = torch_rates(steps=4, more=2)
    np.testing.assert_allclose(rates["numpy"], expected[4:6], rtol=1e-12, atol=1e-15)
    np.testing.assert_allclose(rates["torch"], expected[5:], rtol=1e-12, atol=1e-15)
    assert rates["numpy"][0] < 1e-15 < rates["numpy"][1]  # it climbs again
    assert training.settings.cosine_epochs == 2
    again = longer(run.folder, digits, 4)
    config, settings = settings_of(run.folder)
    assert (config["epochs"], config["cosine_epochs"]) == (settings["epochs"], settings["cosine_epochs"]) == (4, 2)
    once = train("formula", digits, epochs=4, cosine_epochs=2, runs_dir=tmp_path / "once", **options)
    assert once.weights_sha256 == again.weights_sha256


def torch_rates(steps: int, more: int) -> list[float]:
    """The learning rates of ``steps`` steps of torch's cosine from 0.5, of ``more`` after a restart, and the next."""
    rates: list[float] = []
    state: list[Any] = []
    for length, count in ((steps, steps), (steps + more, more)):
        optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=0.5)
        schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, T_max=length)
        if state:
            optimizer.load_state_dict(state[0])
            schedule.load_state_dict(state[1])
        for _ in range(count):
            rates.append(optimizer.param_groups[0]["lr"])
            optimizer.step()
            schedule.step()
        state = [optimizer.state_dict(), schedule.state_dict()]
    return [*rates, state[0]["param_groups"][0]["lr"]]


@pytest.mark.parametrize("epochs", [1, 2, 3])
def test_epochs_that_add_none_are_refused(epochs: int, digits: MNIST, whole: Path) -> None:
    message = f"epochs counts all of a run, those made included: it must be more than 3, got {epochs}"
    with pytest.raises(ValueError, match=message):
        longer(whole, digits, epochs)


def test_the_same_command_again_goes_on_with_what_it_began(digits: MNIST, whole: Path, tmp_path: Path) -> None:
    """Stopped, a run may be told once more how long it is to be, but not that it is shorter."""
    training = prepare("lenet5", digits, epochs=3, batch_size=64)
    run = begin(training, tmp_path)
    with pytest.raises(Stopped):
        training.run(report_every=2, keeper=module.Keeper(run), stopped=lambda: 15 * (training.step == 9))
    with pytest.raises(ValueError, match="must be more than 3, got 2"):
        longer(run.folder, digits, 2)
    longer(run.folder, digits, 3)
    assert kept(run.folder) == kept(whole)


# Images that are stored transposed


def test_images_are_turned_upright_where_names_or_options_say_so(digits: MNIST, tmp_path: Path) -> None:
    turned = digits._replace(
        train_images=digits.train_images.transpose(0, 2, 1), test_images=digits.test_images.transpose(0, 2, 1)
    )
    emnist = write_idx(tmp_path / "data", turned, "emnist-digits-")
    other = write_idx(tmp_path / "turned", turned)
    upright, stored = module.digest(digits), module.digest(turned)
    for training, transposed, digest in (
        (prepare("formula", data_dir=emnist), True, upright),
        (prepare("formula", data_dir=emnist, transposed=False), False, stored),
        (prepare("formula", data_dir=other), False, stored),
        (prepare("formula", data_dir=other, transposed=True), True, upright),
        (prepare("formula", digits), False, upright),
    ):
        assert (training.settings.transposed, training.digest) == (transposed, digest)
    run = begin(prepare("formula", data_dir=emnist), tmp_path / "runs")
    assert json.loads((run.folder / "config.json").read_text())["transposed"] is True
    moved, _ = load(run.folder, data_dir=other)  # the run knows, whatever the new names say
    assert moved.settings.transposed
    with pytest.raises(ValueError, match="transposed is for images in data_dir, got True with data"):
        prepare("formula", digits, transposed=True)


def test_what_is_no_run_is_refused(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"must be the folder of a run, with checkpoint\.safetensors in it"):
        resume(tmp_path)


@pytest.mark.parametrize("damage", [lambda data: data[:-9], lambda data: data[:5000] + b"?" + data[5001:]])
def test_a_damaged_checkpoint_is_refused_and_the_one_before_works(
    damage: Callable[[bytes], bytes], digits: MNIST, whole: Path, tmp_path: Path
) -> None:
    folder = shutil.copytree(whole, tmp_path / "copy")
    path = folder / CHECKPOINT
    path.write_bytes(damage(path.read_bytes()))
    with pytest.raises(ValueError, match="damaged") as error:
        resume(folder, data=digits)
    assert f"The checkpoint before it is {folder / PREVIOUS}: copy that over it" in str(error.value)
    shutil.copy(folder / PREVIOUS, path)  # the advice
    go_on(folder, digits)
    assert kept(folder) == kept(whole)


def altered(numbers: dict[str, Any], arrays: dict[str, Any], kind: str) -> None:
    """Alter a checkpoint in a way that no checksum can see."""
    if kind == "shape":
        arrays["numpy/weights/0.weight"] = arrays["numpy/weights/0.weight"][:, :, :2]
    elif kind == "momentum":
        arrays["torch/momentum/0"] = arrays["torch/momentum/0"][:3]
    elif kind == "missing":
        del arrays["torch/weights/3.bias"]
    elif kind == "key":
        del numbers["lockstep"]["shuffle"]
    elif kind == "shuffle":
        numbers["lockstep"]["shuffle"] = {"bit_generator": "MT19937"}
    elif kind == "settings":
        numbers["settings"]["epochs"] = 0
    elif kind == "type":
        numbers["lockstep"] = []


@pytest.mark.parametrize("kind", ["shape", "momentum", "missing", "key", "shuffle", "settings", "type"])
def test_a_checkpoint_of_something_else_is_refused(kind: str, digits: MNIST, whole: Path, tmp_path: Path) -> None:
    folder = shutil.copytree(whole, tmp_path / "copy")
    arrays, numbers = RunFolder(folder).read_checkpoint()
    altered(numbers, arrays, kind)
    save_arrays(folder / CHECKPOINT, arrays, {STATE: json.dumps(numbers)})
    with pytest.raises(ValueError, match="cannot go on: "):
        resume(folder, data=digits)


@pytest.fixture
def full_disk(monkeypatch: pytest.MonkeyPatch) -> Callable[[bool], None]:
    """Fill the disk, or make room again."""
    synced = os.fsync
    state = {"full": False}

    def sync(handle: int) -> None:
        if state["full"]:
            raise OSError(28, "No space left on device")
        synced(handle)

    monkeypatch.setattr(os, "fsync", sync)
    return lambda full: state.update(full=full)


def test_a_full_disk_does_not_stop_training(
    digits: MNIST, whole: Path, tmp_path: Path, full_disk: Callable[[bool], None]
) -> None:
    training = prepare("lenet5", digits, epochs=3, batch_size=64)
    run = begin(training, tmp_path)
    troubles: list[str] = []

    def on_step(progress: Progress) -> None:
        full_disk(3 <= progress.step <= 8)

    summary = finish(training, run, on_step, troubles.append, report_every=2)
    assert summary.run == str(run.folder)
    assert kept(run.folder) == kept(whole)
    assert "the checkpoint after step 4 could not be written ([Errno 28] No space left on device)" in troubles[0]


def test_a_disk_that_stays_full_is_told_and_the_last_good_checkpoint_stays(
    digits: MNIST, tmp_path: Path, full_disk: Callable[[bool], None]
) -> None:
    training = prepare("formula", digits, epochs=2)
    run = begin(training, tmp_path)
    before = (run.folder / CHECKPOINT).read_bytes()
    full_disk(True)
    troubles: list[str] = []
    summary = finish(training, run, on_trouble=troubles.append)
    assert summary.run is None
    assert summary.weights_sha256 is None
    assert summary.accuracy["numpy"] > 0.3  # the result is there all the same
    assert "summary.json could not be written" in troubles[-1]
    assert (run.folder / CHECKPOINT).read_bytes() == before


def test_weights_of_an_earlier_epoch_are_not_taken_for_the_result(
    digits: MNIST, tmp_path: Path, full_disk: Callable[[bool], None]
) -> None:
    """The disk is full at the end of training, and has room again for the summary."""
    training = prepare("formula", digits, epochs=2, batch_size=125)
    run = begin(training, tmp_path)
    summary = finish(training, run, lambda progress: full_disk(progress.step == 4), lambda trouble: full_disk(False))
    assert load(run.folder, data=digits)[0].step == 2
    assert summary.run is None
    assert summary.weights_sha256 is None
    assert json.loads((run.folder / "summary.json").read_text())["weights_sha256"] is None


def test_stopped_on_a_full_disk_it_does_not_promise_a_checkpoint_of_this_step(
    digits: MNIST, tmp_path: Path, full_disk: Callable[[bool], None]
) -> None:
    training = prepare("formula", digits)
    run = begin(training, tmp_path)
    full_disk(True)
    with pytest.raises(Stopped, match="of which nothing could be kept: the last checkpoint is older"):
        training.run(keeper=module.Keeper(run), stopped=lambda: 15)


def test_the_test_images_are_classified_once_an_epoch(digits: MNIST, monkeypatch: pytest.MonkeyPatch) -> None:
    training = prepare("formula", digits, epochs=2)
    predict, calls = training.both.predict, []

    def counted(images: Any) -> Any:
        calls.append(len(images))
        return predict(images)

    monkeypatch.setattr(training.both, "predict", counted)
    finish(training)
    assert calls == [200, 200]


def test_a_folder_that_cannot_be_written_is_told_before_training(
    digits: MNIST, tmp_path: Path, full_disk: Callable[[bool], None]
) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(OSError, match="file"):
        begin(prepare("formula", digits), tmp_path / "file")
    full_disk(True)
    with pytest.raises(OSError, match="No space left"):
        begin(prepare("formula", digits), tmp_path)


def test_a_loss_that_is_not_finite_stops_training_and_names_step_and_layer(digits: MNIST, tmp_path: Path) -> None:
    training = prepare("lenet5", digits, epochs=2, batch_size=64)
    run = begin(training, tmp_path)
    last = (run.folder / CHECKPOINT).read_bytes()

    def spoil(progress: Progress) -> None:
        if progress.step == 6:
            training.both.torch.network[3].weight.data[0, 0, 0, 0] = np.inf
            assert (run.folder / CHECKPOINT).read_bytes() != last  # that of the first epoch

    with pytest.raises(Diverged, match=r"^step 7, epoch 2: torch: .*3.weight.* and the loss is nan$"):
        finish(training, run, spoil, report_every=6)
    arrays, _ = load_arrays(run.folder / CHECKPOINT)
    assert all(np.isfinite(array).all() for array in arrays.values())
    assert load(run.folder, data=digits)[0].step == 4


def test_the_layer_is_named_in_which_numbers_overflow(digits: MNIST) -> None:
    training = prepare("lenet5", digits, batch_size=64)
    for side in (training.both.numpy, training.both.torch):
        for name, array in side.weights().items():
            if name in ("0.weight", "3.weight", "7.weight"):
                array *= 1e15
    with pytest.raises(Diverged, match=r"step 1.*numpy: the loss is nan; it began in layer 7 \(Linear\); torch: .*7"):
        finish(training)


def test_signals_are_noted_and_the_second_does_what_it_always_did() -> None:
    before = signal.getsignal(signal.SIGTERM)
    with stop_on_signals() as stopped:
        assert stopped() == 0
        os.kill(os.getpid(), signal.SIGTERM)
        assert stopped() == signal.SIGTERM
        with pytest.raises(KeyboardInterrupt):
            os.kill(os.getpid(), signal.SIGINT)
    assert signal.getsignal(signal.SIGTERM) is before


def test_signals_are_left_alone_in_other_threads() -> None:
    found: list[int] = []

    def work() -> None:
        with stop_on_signals() as stopped:
            found.append(stopped())

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert found == [0]


def test_ctrl_c_keeps_a_checkpoint(digits: MNIST, whole: Path, tmp_path: Path) -> None:
    training = prepare("lenet5", digits, epochs=3, batch_size=64)
    run = begin(training, tmp_path)

    def interrupt(progress: Progress) -> None:
        if progress.step == 6:
            os.kill(os.getpid(), signal.SIGINT)

    with pytest.raises(Stopped, match="stopped after step 6"):
        finish(training, run, interrupt, report_every=2)
    go_on(run.folder, digits)
    assert kept(run.folder) == kept(whole)


@pytest.mark.parametrize("schedule", ["constant", "step", "cosine"])
def test_schedules_set_the_same_rates_on_both_sides(schedule: str, digits: MNIST) -> None:
    seen: list[Progress] = []
    training = prepare("formula", digits, epochs=3, batch_size=125, schedule=schedule, lr=0.5, gamma=0.5)
    theirs: list[float] = []

    def note(progress: Progress) -> None:
        seen.append(progress)
        theirs.append(training.both.torch.optimizer.param_groups[0]["lr"])

    finish(training, on_step=note, report_every=1)
    wave = [0.25 * (1 + np.cos(np.pi * t / 6)) for t in range(6)]
    expected = {"constant": [0.5] * 6, "step": [0.5, 0.5, 0.25, 0.25, 0.125, 0.125], "cosine": wave}[schedule]
    np.testing.assert_allclose([progress.lr for progress in seen], expected, rtol=1e-12)
    assert theirs[:-1] == [progress.lr for progress in seen[1:]]


def test_recipes_fill_in_what_is_not_given(digits: MNIST) -> None:
    settings = prepare("lenet5", digits, epochs=2, lr=0.1).settings
    recipe = RECIPES["lenet5"]
    assert (settings.epochs, settings.lr) == (2, 0.1)
    assert (settings.batch_size, settings.schedule, settings.momentum) == (
        recipe.batch_size, recipe.schedule, recipe.momentum
    )  # fmt: skip


def test_the_classes_are_those_of_the_labels(digits: MNIST) -> None:
    """EMNIST's letters are labelled 1 to 26."""
    letters = digits._replace(train_labels=digits.train_labels + 17)
    training = prepare("formula", letters, epochs=1)
    assert training.classes == 27
    assert finish(training).final_loss["numpy"] < 3.2


@pytest.mark.parametrize(
    ("settings", "error", "message"),
    [
        ({"schedule": "linear"}, ValueError, "schedule must be one of constant, step, cosine, got 'linear'"),
        ({"cosine_epochs": 0}, ValueError, "cosine_epochs must be at least 1, got 0"),
        ({"step_size": 0}, ValueError, "step_size must be at least 1, got 0"),
        ({"drift_threads": 1}, ValueError, "drift_threads must differ from threads, got 1 for both"),
        ({"learning_rate": 1}, TypeError, "settings must be fields of Settings, got learning_rate"),
        ({"data_dir": "x"}, ValueError, "data and data_dir exclude each other"),
    ],
)
def test_settings_that_make_no_sense_are_refused(
    settings: dict[str, Any], error: type[Exception], message: str, digits: MNIST
) -> None:
    with pytest.raises(error, match=message):
        prepare("formula", digits, **settings)


def test_images_of_another_size_are_refused(digits: MNIST) -> None:
    small = digits._replace(train_images=digits.train_images[:, :20], test_images=digits.test_images[:, :20])
    with pytest.raises(ValueError, match=r"images must be \(28, 28\) pixels for formula, got \(20, 28\)"):
        prepare("formula", small)
