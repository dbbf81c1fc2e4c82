"""Training on the command line, as a user runs it: watched, piped, interrupted, killed."""

import contextlib
import hashlib
import json
import os
import random
import re
import resource
import signal
import struct
import subprocess
import sys
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image

from reference.datasets import NAMES, mnist
from tests import ROOT
from tests.scripts import run
from torch_parity.commands import train
from torch_parity.files import load_arrays
from torch_parity.training.runs import CHECKPOINT, WEIGHTS

SCRIPT = "scripts/train_mnist.py"
STEPS = 24  # of a run of 3 epochs on the images of `few`


@pytest.fixture(scope="module")
def few(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A folder with the beginning of MNIST: 512 images to train on, 100 to test."""
    folder = tmp_path_factory.mktemp("few")
    arrays: Iterable[npt.NDArray[Any]] = mnist()
    for name, array in zip(NAMES, arrays, strict=True):
        part = array[: 512 if name.startswith("train") else 100].astype(np.uint8)
        header = struct.pack(f">HBB{part.ndim}I", 0, 8, part.ndim, *part.shape)
        (folder / name).write_bytes(header + part.tobytes())
    return str(folder)


def start(*arguments: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, SCRIPT, *arguments], cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )


def the_run(parent: Path) -> Path:
    [folder] = parent.iterdir()
    return folder


def weights(folder: Path) -> dict[str, bytes]:
    """All bits that training ended with: weights and momentum of both sides."""
    arrays, _ = load_arrays(folder / CHECKPOINT, checksum_required=True)
    return {name: array.tobytes() for name, array in arrays.items()}


def sha256(folder: Path) -> dict[str, str]:
    """Of the files with the weights."""
    return {side: hashlib.sha256((folder / name).read_bytes()).hexdigest() for side, name in WEIGHTS.items()}


@pytest.fixture(scope="module")
def whole(few: str, tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """What an uninterrupted run ends with."""
    parent = tmp_path_factory.mktemp("whole")
    run(SCRIPT, "--data-dir", few, "--runs-dir", str(parent))
    return weights(the_run(parent))


@pytest.mark.slow
def test_piped_it_shows_lines_and_a_summary(few: str, tmp_path: Path) -> None:
    text = run(SCRIPT, "--data-dir", few, "--epochs", "1", "--runs-dir", str(tmp_path)).stdout
    assert "\x1b" not in text
    assert text.startswith("formula on 512 images, 1 epoch of batches of 64, float32, 1 thread\n")
    assert re.search(r"^ +1 +1/8 +\d\.\d+ +\d\.\d+ +\d\.\de-\d\d +[\d,]+ +[\d,]+$", text, re.MULTILINE)
    assert re.search(r"^ +1 +8/8 +test accuracy: NumPy \d+\.\d+%   torch \d+\.\d+%$", text, re.MULTILINE)
    assert re.search(r"^test accuracy +NumPy \d\d\.\d\d%   torch \d\d\.\d\d%$", text, re.MULTILINE)
    assert re.search(r"^equal predictions +\d+ of 100$", text, re.MULTILINE)
    assert f"files of this run    {the_run(tmp_path)}" in text
    digests = sha256(the_run(tmp_path))
    assert f"\nweights' SHA-256     NumPy {digests['numpy']}\n{' ' * 21}torch {digests['torch']}\n" in text
    assert "torch differs as much from itself" in text


def test_json_stands_alone_on_standard_output(few: str, tmp_path: Path) -> None:
    done = run(
        SCRIPT, "--network", "formula", "--dtype", "float64", "--data-dir", few, "--limit", "130", "--epochs", "1",
        "--schedule", "step", "--gamma", "0.5", "--json", "--runs-dir", str(tmp_path),
    )  # fmt: skip
    found = json.loads(done.stdout)
    assert (found["network"], found["dtype"], found["limit"], found["steps"]) == ("formula", "float64", 130, 3)
    assert (found["lr"], found["momentum"], found["schedule"], found["gamma"]) == (0.02, 0.9, "step", 0.5)
    assert found["max_weight_difference"] <= 1e-13
    assert found["equal_predictions"] == found["test_images"] == 100
    assert set(found["accuracy"]) == set(found["seconds"]) == {"numpy", "torch"}
    assert found["run"] == str(the_run(tmp_path))
    assert found["weights_sha256"] == sha256(the_run(tmp_path))
    assert "1/3" in done.stderr


@pytest.mark.slow
def test_quiet_shows_the_result_only(few: str, tmp_path: Path) -> None:
    done = run(SCRIPT, "--data-dir", few, "--epochs", "1", "--quiet", "--runs-dir", str(tmp_path))
    assert done.stdout.strip().startswith("test accuracy")
    assert done.stderr == ""


@pytest.mark.slow
def test_drift_stands_beside_the_difference(few: str, tmp_path: Path) -> None:
    text = run(SCRIPT, "--data-dir", few, "--epochs", "1", "--drift", "--runs-dir", str(tmp_path)).stdout
    assert "torch from itself" in text
    assert re.search(r"^torch from itself +at most \d\.\de-\d\d, with another number of threads$", text, re.MULTILINE)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--epochs", "0"), "epochs must be at least 1, got 0"),
        (("--lr", "-1"), "lr must not be negative"),
        (("--data-dir", "nowhere"), "nowhere"),
        (("--network", "resnet"), "invalid choice"),
        (("--nesterov", "--momentum", "0"), "nesterov needs momentum"),
        (("--resume", "nowhere"), "nowhere must be the folder of a run"),
        (("--resume", "nowhere", "--lr", "1"), "--resume goes on with the run's own settings, got also lr; only"),
        (("--resume", "nowhere", "--transposed"), "settings, got also transposed; only --data-dir (its data have"),
        (("--resume", "nowhere", "--epochs", "9"), "nowhere must be the folder of a run"),
        (("--resume", "nowhere", "--data-dir", "."), "nowhere must be the folder of a run"),
        (("--resume", "nowhere", "--runs-dir", "README.md"), "settings, got also runs_dir"),
        (("--optimizer", "adagrad"), "argument --optimizer: invalid choice: 'adagrad'"),
        (("--optimizer", "adam", "--nesterov"), "nesterov is no option of adam, which has lr, weight_decay, maximize"),
        (("--resume", "nowhere", "--optimizer", "adam"), "goes on with the run's own settings, got also method; only"),
        (("--runs-dir", "README.md"), "README.md"),
    ],
)
def test_bad_arguments_are_refused(
    arguments: tuple[str, ...], message: str, tmp_path: Path, refusal: Callable[..., str]
) -> None:
    if not {"--runs-dir", "--resume"} & set(arguments):
        arguments = (*arguments, "--runs-dir", str(tmp_path))
    assert message in refusal(SCRIPT, *arguments)
    assert list(tmp_path.iterdir()) == []


@pytest.fixture
def called(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Callable[..., str]:
    """Call the script in this process, which need not load torch again; it prints, and draws no page."""

    def call(*arguments: str) -> str:
        monkeypatch.setattr(sys, "argv", [SCRIPT, *arguments])
        monkeypatch.setattr(train, "_write_report", lambda *_: None)
        assert train.main() == 0
        return capsys.readouterr().out

    return call


def transposed(folder: str, to: Path) -> Path:
    """The data set in ``folder`` as EMNIST has it."""
    to.mkdir()
    for name in NAMES:
        content = (Path(folder) / name).read_bytes()
        if "images" in name:
            images = np.frombuffer(content[16:], np.uint8).reshape(-1, 28, 28)
            content = content[:16] + images.transpose(0, 2, 1).tobytes()
        (to / f"emnist-digits-{name}").write_bytes(content)
    return to


def test_emnists_images_are_turned_upright_and_that_is_said(
    few: str, tmp_path: Path, called: Callable[..., str]
) -> None:
    folder = transposed(few, tmp_path / "data")
    for number, (data, options, said) in enumerate(
        (
            (str(folder), (), "stored transposed, as their names say (--no-transposed if they are not), and turned up"),
            (str(folder), ("--transposed",), "stored transposed, and turned upright"),
            (str(folder), ("--no-transposed",), None),
            (few, (), None),
        )
    ):
        runs = tmp_path / f"runs{number}"
        text = called("--data-dir", data, "--limit", "64", "--epochs", "1", "--runs-dir", str(runs), *options)
        assert f"the images are {said}" in text if said else "transposed" not in text
    digests = [sha256(the_run(tmp_path / f"runs{number}")) for number in range(4)]
    assert digests[0] == digests[1] == digests[3] != digests[2]
    folder.rename(tmp_path / "moved")
    text = called("--resume", str(the_run(tmp_path / "runs0")), "--data-dir", str(tmp_path / "moved"))
    assert "the images are stored transposed, and turned upright\n" in text


@pytest.mark.parametrize(
    ("schedule", "said"),
    [
        ("constant", "the learning rate stays"),
        ("step", "the learning rate goes on falling in steps"),
        ("cosine", "as in torch the cosine keeps its T_max, the end of epoch 1, after which the learning rate climbs"),
    ],
)
def test_a_run_that_is_made_longer_says_what_its_learning_rate_does(
    schedule: str, said: str, few: str, tmp_path: Path, called: Callable[..., str]
) -> None:
    options = ("--data-dir", few, "--limit", "64", "--schedule", schedule, "--runs-dir", str(tmp_path))
    assert said not in called(*options, "--epochs", "1")
    text = called("--resume", str(the_run(tmp_path)), "--epochs", "2")
    assert text.startswith("formula on 64 images, 2 epochs")
    assert f"\n2 epochs in all; {said}" in text
    assert re.search(r"^ +2 +2/2 +test accuracy", text, re.MULTILINE)


@pytest.mark.slow
def test_what_was_trained_on_emnist_reads_upright_digits(few: str, tmp_path: Path) -> None:
    """Trained, moved, made longer; then it reads a digit of MNIST, which is upright."""
    folder = transposed(few, tmp_path / "data")
    run(SCRIPT, "--data-dir", str(folder), "--epochs", "5", "--quiet", "--runs-dir", str(tmp_path / "runs"))
    folder.rename(tmp_path / "moved")
    trained = str(the_run(tmp_path / "runs"))
    run(SCRIPT, "--resume", trained, "--data-dir", str(tmp_path / "moved"), "--epochs", "8", "--quiet")
    digits = mnist()
    for number in range(10):
        Image.fromarray(255 - digits.test_images[number]).save(tmp_path / f"{number}.png")
    pictures = [str(tmp_path / f"{number}.png") for number in range(10)]
    text = run("scripts/predict.py", *pictures, "--weights", trained, "--json").stdout
    found = [picture["class"]["numpy"] for picture in json.loads(text)["pictures"]]
    assert sum(ours == label for ours, label in zip(found, digits.test_labels, strict=False)) >= 7


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_interrupted_it_says_how_to_go_on_and_goes_on(
    number: signal.Signals, whole: dict[str, bytes], few: str, tmp_path: Path
) -> None:
    process = start("--data-dir", few, "--runs-dir", str(tmp_path))
    assert process.stdout is not None
    for line in process.stdout:
        if re.match(rf" +1 +1/{STEPS} ", line):
            break
    process.send_signal(number)
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 128 + number
    folder = the_run(tmp_path)
    assert re.search(rf"stopped after step \d+ of {STEPS}; go on with: python {SCRIPT} --resume {folder}$", errors)
    assert "Traceback" not in errors
    text = run(SCRIPT, "--resume", str(folder)).stdout
    assert "formula on 512 images, 3 epochs" in text
    assert weights(folder) == whole


def killed(few: str, parent: Path, seconds: float) -> bool:
    """Start a run and kill it after some time; whether it had got as far as a first checkpoint."""
    process = start("--data-dir", few, "--quiet", "--runs-dir", str(parent))
    time.sleep(seconds)
    process.kill()
    process.communicate()
    return parent.exists() and (the_run(parent) / CHECKPOINT).exists()


def goes_on(folder: Path, whole: dict[str, bytes]) -> bool:
    """Whether the run goes on to the same bits, and leaves no half files."""
    run(SCRIPT, "--resume", str(folder), "--quiet")
    for leftover in folder.glob(".*.part"):
        leftover.unlink()  # of the moment of the kill
    return weights(folder) == whole


@pytest.mark.slow
def test_killed_it_goes_on(whole: dict[str, bytes], few: str, tmp_path: Path) -> None:
    seconds = 3.0
    while not killed(few, tmp_path / f"{seconds}", seconds):
        seconds += 1
    assert goes_on(the_run(tmp_path / f"{seconds}"), whole)


@pytest.mark.slow
def test_killed_at_twenty_random_moments_it_goes_on(whole: dict[str, bytes], few: str, tmp_path: Path) -> None:
    start_time = time.perf_counter()
    run(SCRIPT, "--data-dir", few, "--quiet", "--runs-dir", str(tmp_path / "timed"))
    longest = time.perf_counter() - start_time
    randoms = random.Random(1)
    done = 0
    for number in range(100):
        if killed(few, tmp_path / f"{number}", randoms.uniform(0, longest)):
            assert goes_on(the_run(tmp_path / f"{number}"), whole)
            done += 1
        if done == 20:
            return
    pytest.fail(f"only {done} runs had begun")


@pytest.mark.slow
def test_a_file_limit_like_a_full_disk_is_told_and_nothing_is_lost(few: str, tmp_path: Path) -> None:
    """A limit on the size of files stands for the disk: the metrics fit, a checkpoint does not."""
    run(SCRIPT, "--data-dir", few, "--epochs", "1", "--quiet", "--runs-dir", str(tmp_path))
    folder = the_run(tmp_path)
    before = weights(folder)

    def limit() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000))

    done = subprocess.run(
        [sys.executable, SCRIPT, "--resume", str(folder)],
        cwd=ROOT, capture_output=True, text=True, check=False, preexec_fn=limit,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr  # nothing was left to train, and the page is not worth a failure
    assert "report.html could not be written" in done.stdout
    assert weights(folder) == before

    done = subprocess.run(
        [sys.executable, SCRIPT, "--data-dir", few, "--epochs", "1", "--runs-dir", str(tmp_path / "full")],
        cwd=ROOT, capture_output=True, text=True, check=False, preexec_fn=limit,
    )  # fmt: skip
    assert done.returncode == 2
    assert re.search(r"^train_mnist.py: .*File too large", done.stderr)


@pytest.mark.slow
def test_a_loss_that_is_not_finite_names_step_and_layer(few: str, tmp_path: Path) -> None:
    done = run(SCRIPT, "--data-dir", few, "--lr", "1e9", "--runs-dir", str(tmp_path), code=1)
    assert re.search(
        r"step \d+, epoch 1: numpy: the loss is (?:nan|inf); it began in layer 4 \(Linear\); torch: ", done.stderr
    )
    assert f"The last good checkpoint is kept in {the_run(tmp_path)}" in done.stderr
    assert all(np.isfinite(array).all() for array in load_arrays(the_run(tmp_path) / CHECKPOINT)[0].values())


def torchrun(*arguments: str) -> list[str]:
    return [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2", SCRIPT, *arguments]


@pytest.mark.slow
def test_two_processes_train_what_one_does(few: str, tmp_path: Path) -> None:
    options = ("--data-dir", few, "--network", "lenet5", "--dtype", "float64", "--epochs", "2", "--json")
    alone = json.loads(run(SCRIPT, *options, "--runs-dir", str(tmp_path / "one")).stdout)
    done = subprocess.run(
        torchrun(*options, "--runs-dir", str(tmp_path / "two")), cwd=ROOT, capture_output=True, text=True, check=True
    )
    together = json.loads(done.stdout)
    assert together["accuracy"] == alone["accuracy"]
    assert together["max_weight_difference"] <= 1e-12
    first, second = (load_arrays(the_run(tmp_path / name) / CHECKPOINT)[0] for name in ("one", "two"))
    for name, array in first.items():
        np.testing.assert_allclose(second[name], array, rtol=0, atol=1e-12)


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_a_process_that_ends_ends_the_job_and_the_checkpoint_stays(
    number: signal.Signals, few: str, tmp_path: Path
) -> None:
    """Killed, the others say that they lost it; asked to stop, all stop after the same step."""
    command = torchrun("--data-dir", few, "--epochs", "400", "--runs-dir", str(tmp_path))
    with subprocess.Popen(
        command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True
    ) as job:
        try:
            assert job.stdout is not None
            next(line for line in job.stdout if "test accuracy" in line)
            os.kill(second_process(job.pid), number)
            _, errors = job.communicate(timeout=100)
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(job.pid, signal.SIGKILL)
    assert job.returncode != 0
    expected = "process 0 of 2 lost the others" if number == signal.SIGKILL else "stopped after step"
    assert expected in errors
    assert load_arrays(the_run(tmp_path) / CHECKPOINT, checksum_required=True)


def second_process(torchrun: int) -> int:
    """The process with rank 1."""
    children = subprocess.run(["pgrep", "-P", str(torchrun)], capture_output=True, text=True, check=True).stdout
    [found] = [pid for pid in children.split() if b"RANK=1" in Path(f"/proc/{pid}/environ").read_bytes().split(b"\0")]
    return int(found)
