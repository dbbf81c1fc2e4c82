"""Training runs: both sides in lockstep over some epochs, watched, kept and gone on with.

    summary = train("lenet5")                               # both sides, on the bundled MNIST
    summary = train("lenet5", runs_dir="runs")              # and kept: weights, metrics, checkpoints
    summary = resume("runs/20260101-120000-lenet5")         # to the end, to the same bits

A step is Lockstep's; this module does what comes between the steps.
"""

import contextlib
import hashlib
import os
import signal
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from reference.datasets import MNIST, classes, is_transposed, mnist
from torch_parity.machine import machine, threads
from torch_parity.networks import RECIPES, OwnNetwork, Recipe, explaining, named, own
from torch_parity.training.distributed import Group
from torch_parity.training.lockstep import SIDES, Lockstep
from torch_parity.training.runs import CONFIG, RunFolder
from torch_parity.training.settings import OWN, Settings, defaults
from torch_parity.training.signals import stop_on_signals

Array = npt.NDArray[Any]

IMAGE = (28, 28)  # what the networks by name take
RECORD_EVERY = 20  # steps between two rows of metrics
KEEP_EVERY = 100  # steps between two times that these are written
POSITION = ("epoch", "step", "lr", "losses", "rows")


@dataclass(frozen=True)
class Progress:
    """Where training stands after a step.  Losses are of the last batch, rates in images per second."""

    epoch: int  # from 1
    epochs: int
    step: int  # from 1, over all epochs
    steps: int
    lr: float  # of this step
    loss: dict[str, float]  # keys 'numpy' and 'torch', as in all dictionaries here
    accuracy: dict[str, float]  # share of this epoch's images so far that were classified correctly, before the step
    max_weight_difference: float
    images_per_second: dict[str, float]
    seconds_left: float
    drift: float | None  # how far torch is from itself with other threads
    test_accuracy: dict[str, float] | None  # at the last step of an epoch


@dataclass(frozen=True)
class Summary:
    """What came out of it.  Dictionaries have the keys 'numpy' and 'torch'."""

    accuracy: dict[str, float]  # share of the test images that were classified correctly
    equal_predictions: int
    test_images: int
    max_weight_difference: float
    final_loss: dict[str, float]  # of the last batch
    seconds: dict[str, float]  # in training steps, data preparation left out
    images_per_second: dict[str, float]
    steps: int
    drift: float | None = None  # how far torch is from itself with other threads
    run: str | None = None  # the folder that keeps it
    weights_sha256: dict[str, str] | None = None  # of the files with the weights, where they are kept

    def as_dict(self) -> dict[str, Any]:
        """All of it, ready for JSON."""
        return asdict(self)


class Stopped(Exception):  # noqa: N818, no error: somebody asked for it
    """Training was asked to stop by the signal ``number``, and did so between two steps."""

    def __init__(self, message: str, number: int) -> None:
        """``message`` says where it stopped."""
        super().__init__(message)
        self.number = number


class Diverged(ArithmeticError):  # noqa: N818, as Stopped
    """A loss was no finite number."""


class Training:
    """A training run: ``run`` takes it from where it stands to the end."""

    def __init__(
        self, settings: Settings, data: MNIST, build: Callable[[Any], Any] | None = None, group: Group | None = None
    ) -> None:
        """``build`` makes a network of one's own; else ``settings.network`` names one.  A ``group`` shares the work.

        Raises ValueError for images of another size than a network by name takes, and whatever ``Lockstep`` refuses.
        """
        if build is None and data.train_images.shape[1:] != IMAGE:
            raise ValueError(f"images must be {IMAGE} pixels for {settings.network}, got {data.train_images.shape[1:]}")
        self.settings, self.data, self.digest, self.build = settings, data, digest(data), build
        self.images, self.labels = data.train_images[: settings.limit], data.train_labels[: settings.limit]
        self.steps_per_epoch = -(-len(self.images) // settings.batch_size)
        self.steps = settings.epochs * self.steps_per_epoch
        self.classes = classes(data)
        with explaining(build):
            self.both = Lockstep(
                build or settings.network, settings.dtype, settings.seed, classes=self.classes,
                schedule=settings.scheduled(self.steps_per_epoch), drift_threads=settings.drift_threads,
                thread_count=settings.threads, group=group, **settings.optimizer(),
            )  # fmt: skip
            if build is not None:
                self.both.try_out(self.images[:2], self.classes)
        self.group = group
        self.epoch, self.step, self.lr = 1, 0, settings.lr
        self.losses: dict[str, float] = {}
        self.rows: list[dict[str, Any]] = []

    def run(
        self,
        on_step: Callable[[Progress], None] = lambda progress: None,
        report_every: int = 100,
        keeper: "Keeper | None" = None,
        stopped: Callable[[], int] = lambda: 0,
    ) -> Summary:
        """Train to the end; ``on_step`` as in ``finish``; ``keeper`` keeps a checkpoint of every epoch.

        Raises Stopped after the step in which ``stopped()`` gives a signal's number, with a checkpoint there, and
        Diverged where a loss is no finite number, with the checkpoint before.
        """
        keeper, predictions = keeper or Keeper(None), None
        while self.epoch <= self.settings.epochs:
            for _ in self._steps():
                if self.step % self.steps_per_epoch:  # the last step of an epoch is reported below
                    if self.step == 1 or self.step % RECORD_EVERY == 0:
                        self._record(self._progress())
                    if self.step == 1 or self.step % report_every == 0:
                        on_step(self._progress())
                    if self.step % KEEP_EVERY == 0:
                        keeper.keep_metrics(self.rows)
                if number := self._agreed(stopped()):
                    keeper.keep(self)
                    older = "" if keeper.kept else ", of which nothing could be kept: the last checkpoint is older"
                    raise Stopped(f"stopped after step {self.step} of {self.steps}{older}", number)
            predictions = self.both.predict(self.data.test_images)
            progress = self._progress(self._accuracy(predictions))
            self._record(progress)
            on_step(progress)
            self.epoch += 1
            keeper.keep(self)
        # A run that goes on from its very end has not predicted yet.
        return self._summary(predictions or self.both.predict(self.data.test_images))

    def state(self) -> tuple[dict[str, Array], dict[str, Any]]:
        """All that training goes on from, to the same bits: arrays by name, and numbers ready for JSON."""
        arrays, numbers = self.both.state()
        own = {name: getattr(self, name) for name in POSITION}
        return arrays, {"settings": asdict(self.settings), "data": self.digest, **own, "lockstep": numbers}

    def load_state(self, arrays: dict[str, Array], numbers: dict[str, Any]) -> None:
        """Go on from there.  ValueError where it was another network, or other data."""
        if numbers["data"] != self.digest:
            raise ValueError(
                f"the data differ from those that the run began with; it needs the same to go on (SHA-256 of the run's "
                f"{numbers['data']}, got {self.digest}); --data-dir says where they are now"
            )
        self.both.load_state(arrays, numbers["lockstep"])
        for name in POSITION:
            setattr(self, name, numbers[name])

    def _agreed(self, number: int) -> int:
        """The signal to stop for: all processes of a group stop after the same step, whichever was asked."""
        if self.group is None:
            return number
        [asked] = self.group.sum([np.array([float(number > 0)])])
        return (number or signal.SIGTERM) if asked[0] else 0

    def _steps(self) -> Iterator[None]:
        """The rest of this epoch."""
        lr = self.both.lr()
        settings = self.settings
        epoch = self.both.epoch(self.images, self.labels, settings.batch_size, settings.random_crop)
        try:
            for self.losses in epoch:
                self.step, self.lr, lr = self.step + 1, lr, self.both.lr()
                yield
        except FloatingPointError as error:
            raise Diverged(f"step {self.step + 1}, epoch {self.epoch}: {error}") from error

    def _progress(self, test_accuracy: dict[str, float] | None = None) -> Progress:
        both = self.both
        trained = (self.epoch - 1) * len(self.images) + both.seen
        return Progress(
            epoch=self.epoch, epochs=self.settings.epochs, step=self.step, steps=self.steps, lr=self.lr,
            loss=self.losses, accuracy=both.accuracy(), max_weight_difference=both.max_weight_difference(),
            images_per_second=self._rates(trained),
            seconds_left=sum(both.seconds.values()) * (self.steps - self.step) / self.step,
            drift=both.drift(), test_accuracy=test_accuracy,
        )  # fmt: skip

    def _record(self, progress: Progress) -> None:
        """Add a row to the metrics."""
        row: dict[str, Any] = {"epoch": progress.epoch, "step": progress.step, "lr": progress.lr}
        columns = {
            "loss": progress.loss, "accuracy": progress.accuracy, "images_per_second": progress.images_per_second,
            "test_accuracy": progress.test_accuracy or dict.fromkeys(SIDES),
        }  # fmt: skip
        row |= {f"{side}_{name}": both_sides[side] for name, both_sides in columns.items() for side in SIDES}
        row |= {"max_weight_difference": progress.max_weight_difference, "drift": progress.drift}
        self.rows.append(row | {f"difference_{name}": one for name, one in self.both.weight_differences().items()})

    def _rates(self, images: int) -> dict[str, float]:
        return {name: images / max(self.both.seconds[name], 1e-9) for name in SIDES}

    def _accuracy(self, predictions: dict[str, Array]) -> dict[str, float]:
        return {name: float((predictions[name] == self.data.test_labels).mean()) for name in SIDES}

    def _summary(self, predictions: dict[str, Array]) -> Summary:
        return Summary(
            accuracy=self._accuracy(predictions),
            equal_predictions=int((predictions["numpy"] == predictions["torch"]).sum()),
            test_images=len(self.data.test_images),
            max_weight_difference=self.both.max_weight_difference(),
            final_loss=self.losses,
            seconds=dict(self.both.seconds),
            images_per_second=self._rates(self.settings.epochs * len(self.images)),
            steps=self.step,
            drift=self.both.drift(),
        )


class Keeper:
    """Keeps a run in its folder, if there is one.

    A file that cannot be written while training goes on is a reason to tell, not to stop: the disk may have room again
    at the end of the next epoch.  ``kept`` is whether the last attempt succeeded, or there is nothing to keep.
    """

    def __init__(self, run: RunFolder | None, on_trouble: Callable[[str], None] = lambda text: None) -> None:
        """``on_trouble`` is told what could not be kept."""
        self.run, self.on_trouble, self.kept = run, on_trouble, True

    def keep(self, training: Training) -> None:
        """Write checkpoint, metrics and weights."""

        def write(run: RunFolder) -> None:
            run.write_checkpoint(*training.state())
            run.write_metrics(training.rows)
            metadata = {"network": training.settings.network, "classes": str(training.classes)}
            run.write_weights({name: side.state_dict() for name, side in training.both.sides.items()}, metadata)

        self._attempt(write, f"the checkpoint after step {training.step}")

    def keep_settings(self, training: Training) -> None:
        """Keep what has changed since the run began: it is where its data are, or how long it is."""

        def write(run: RunFolder) -> None:
            config = run.config()
            revised = {**config, **asdict(training.settings)}
            if config and config != revised:
                run.write_checkpoint(*training.state())
                run.write_json(CONFIG, revised)

        self._attempt(write, CONFIG)

    def keep_metrics(self, rows: list[dict[str, Any]]) -> None:
        """Write the metrics alone."""
        self._attempt(lambda run: run.write_metrics(rows), "metrics.csv")

    def keep_summary(self, summary: Summary) -> Summary:
        """Write the summary; the same with the run's folder and what its weights hash to, if that holds everything."""
        if self.run is None:
            return summary
        kept, found = self.kept, summary

        def write(run: RunFolder) -> None:
            nonlocal found
            if kept:
                found = replace(summary, weights_sha256=run.weights_sha256())
            run.write_json("summary.json", found.as_dict())

        self._attempt(write, "summary.json")
        self.kept = self.kept and kept
        return replace(found, run=str(self.run.folder)) if self.kept else summary

    def _attempt(self, write: Callable[[RunFolder], None], what: str) -> None:
        if self.run is None:
            return
        try:
            write(self.run)
            self.kept = True
        except OSError as error:
            self.kept = False
            self.on_trouble(f"{what} could not be written ({error})")


def digest(data: MNIST) -> str:
    """SHA-256 of a data set."""
    total = hashlib.sha256()
    for array in data:
        total.update(repr((array.shape, array.dtype.str)).encode())
        total.update(array.tobytes())
    return total.hexdigest()


def train(
    network: str | Callable[[Any], Any] = "formula",
    data: MNIST | None = None,
    *,
    runs_dir: str | os.PathLike[str] | None = None,
    on_step: Callable[[Progress], None] = lambda progress: None,
    on_trouble: Callable[[str], None] = lambda text: None,
    report_every: int = 100,
    **settings: Any,
) -> Summary:
    """Train both sides, then compare them on the test images; everything else is as in ``prepare`` and ``finish``.

    With ``runs_dir`` the run is kept in a new folder in there (see ``runs``).
    """
    training = prepare(network, data, **settings)
    if runs_dir is None:
        return finish(training, None, on_step, on_trouble, report_every)
    return finish(training, begin(training, runs_dir), on_step, on_trouble, report_every)


def resume(
    folder: str | os.PathLike[str],
    network: Callable[[Any], Any] | None = None,
    data: MNIST | None = None,
    *,
    data_dir: str | os.PathLike[str] | None = None,
    epochs: int | None = None,
    on_step: Callable[[Progress], None] = lambda progress: None,
    on_trouble: Callable[[str], None] = lambda text: None,
    report_every: int = 100,
) -> Summary:
    """Go on with the run in ``folder``, as ``load`` and ``finish`` do."""
    training, run = load(folder, network, data, data_dir=data_dir, epochs=epochs)
    return finish(training, run, on_step, on_trouble, report_every)


def prepare(
    network: str | Callable[[Any], Any] = "formula",
    data: MNIST | None = None,
    *,
    data_dir: str | os.PathLike[str] | None = None,
    transposed: bool | None = None,
    group: Group | None = None,
    **settings: Any,
) -> Training:
    """A training run before its first step, which the processes of ``group`` share.

    ``network`` is a name from ``networks.NETWORKS``, or FILE.py:FUNCTION, or a function that builds one from ``nn``.
    The data are ``data``, or those in the folder ``data_dir``, or the bundled MNIST.  ``transposed`` is whether the
    images in ``data_dir`` are stored so, and are to be turned upright; by default as their names say.  ``settings`` are
    the others of ``Settings``; the network's recipe has what is left.
    Raises ValueError for settings that make no sense and data that are damaged, TypeError for settings that do not
    exist, FileNotFoundError for data that are not there.
    """
    _check_one_source(data, data_dir)
    if data is not None and transposed is not None:
        raise ValueError(f"transposed is for images in data_dir, got {transposed!r} with data")
    unknown = sorted(set(settings) - {field.name for field in fields(Settings)})
    if unknown:
        raise TypeError(f"settings must be fields of Settings, got {', '.join(unknown)}")
    if isinstance(network, str) and ".py" in network:
        network = own(network)
    folder = None if data_dir is None else _absolute(data_dir)
    if data is None:
        transposed = is_transposed(folder) if transposed is None else transposed
        data = mnist(folder, transposed)
    name = network if isinstance(network, str) else network.name if isinstance(network, OwnNetwork) else OWN
    build = None if isinstance(network, str) else network
    recipe = asdict(RECIPES.get(name, Recipe()))
    if settings.get("method", "sgd") != "sgd":  # the recipe's rate and momentum are those of gradient descent
        recipe |= {"momentum": 0.0, **defaults(settings["method"])}
    settings |= {"data_dir": folder, "transposed": bool(transposed)}
    return Training(Settings(network=name, **{**recipe, **settings}), data, build, group)


def begin(training: Training, runs_dir: str | os.PathLike[str]) -> RunFolder:
    """A new folder in ``runs_dir`` that keeps the run.  OSError, with what to do, where it cannot be written."""
    settings = training.settings
    facts = {"classes": training.classes, "data_sha256": training.digest, "machine": machine()}
    try:
        name = settings.network.partition(".py:")[0]
        run = RunFolder.create(runs_dir, name, {**asdict(settings), **facts})
        if isinstance(training.build, OwnNetwork):
            run.write_own_network(training.build.source, training.build.beside.sources)
        run.write_checkpoint(*training.state())
    except OSError as error:
        advice = "choose a folder that can be written to (--runs-dir), or make room there"
        raise OSError(f"the run cannot be kept in {os.fspath(runs_dir)} ({error}): {advice}") from error
    return run


def load(
    folder: str | os.PathLike[str],
    network: Callable[[Any], Any] | None = None,
    data: MNIST | None = None,
    group: Group | None = None,
    *,
    data_dir: str | os.PathLike[str] | None = None,
    epochs: int | None = None,
) -> tuple[Training, RunFolder]:
    """The run in ``folder``, at its last checkpoint: it goes on to the same bits as if it had never stopped.

    (On torch's side with the same threads, on both with the same kernels.)  ``network`` and ``data`` are needed where
    the run was given its own.  ``data_dir`` is where its data are now, if they have moved.  ``epochs`` makes it longer,
    and counts those that it has made; see ``Settings.longer`` for the schedule.  Raises FileNotFoundError where there
    is no run or there are no data, ValueError where its files are damaged, the data differ, or ``epochs`` adds nothing.
    """
    _check_one_source(data, data_dir)
    run = RunFolder(folder)
    arrays, numbers = run.read_checkpoint()
    try:
        settings = Settings(**numbers["settings"])
        if data_dir is not None:
            settings = replace(settings, data_dir=_absolute(data_dir))
        if epochs is not None:
            settings = settings.longer(epochs, made=numbers["epoch"] - 1)
        if network is None and settings.network == OWN:
            raise ValueError("the run has a network of its own; pass the function that builds it")
        if network is None and ".py:" in settings.network:
            network = named(settings.network, run.folder)
        data = mnist(settings.data_dir, settings.transposed) if data is None else data
        training = Training(settings, data, network, group)
        training.load_state(arrays, numbers)
    except FileNotFoundError as error:
        found = network is not None or ".py:" not in settings.network
        advice = "; --data-dir says where the data are now" if data_dir is None and found else ""
        raise FileNotFoundError(f"{folder}: cannot go on: {error}{advice}") from error
    except (AttributeError, KeyError, RuntimeError, TypeError, ValueError) as error:
        raise ValueError(f"{folder}: cannot go on: {error}") from error
    return training, run


def _check_one_source(data: MNIST | None, data_dir: str | os.PathLike[str] | None) -> None:
    if data is not None and data_dir is not None:
        raise ValueError(f"data and data_dir exclude each other, got both, data_dir {os.fspath(data_dir)!r}")


def _absolute(data_dir: str | os.PathLike[str]) -> str:
    return str(Path(data_dir).expanduser().resolve())


def finish(
    training: Training,
    run: RunFolder | None = None,
    on_step: Callable[[Progress], None] = lambda progress: None,
    on_trouble: Callable[[str], None] = lambda text: None,
    report_every: int = 100,
) -> Summary:
    """Train from where it stands to the end, and compare both sides on the test images.

    ``on_step`` is called after the first step, every ``report_every`` steps and after every epoch.  ``run`` keeps what
    there is after every epoch; ``on_trouble`` is told what could not be written.  With it, Ctrl-C and SIGTERM raise
    Stopped, after a checkpoint.  Raises Diverged where a loss is no finite number, RuntimeError where another process
    of the group has ended.
    """
    keeper = Keeper(run, on_trouble)
    keeper.keep_settings(training)
    alone = run is None and training.group is None
    signals = contextlib.nullcontext(lambda: 0) if alone else stop_on_signals()
    own_code = explaining(training.build)
    with threads(training.settings.threads), signals as stopped, contextlib.closing(training.both), own_code:
        summary = training.run(on_step, report_every, keeper, stopped)
    return keeper.keep_summary(summary)
