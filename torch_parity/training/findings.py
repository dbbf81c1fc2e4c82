"""What a training run left in its folder, and what can be found in it.

``load`` reads the folder and refuses what is damaged.  The other functions give numbers only, for ``pages.run_page`` to
print and ``pages.run_plots`` to draw.  Dictionaries by side have the keys 'numpy' and 'torch'.
"""

import csv
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

import reference
from reference.datasets import MNIST, normalize
from torch_parity.files import load_arrays
from torch_parity.networks import NETWORKS, OWN_FILE, named
from torch_parity.training.calls import calls
from torch_parity.training.lockstep import PRECISIONS, SIDES, TEST_BATCH
from torch_parity.training.runs import CONFIG, WEIGHTS

Array = npt.NDArray[Any]
IntArray = npt.NDArray[np.integer[Any]]

METRICS, SUMMARY = "metrics.csv", "summary.json"
TEST_ACCURACY = {side: f"{side}_test_accuracy" for side in SIDES}  # filled at the end of an epoch, else empty
METRIC_COLUMNS = (
    "epoch",
    "step",
    "lr",
    "max_weight_difference",
    *(f"{side}_{what}" for side in SIDES for what in ("loss", "accuracy", "images_per_second", "test_accuracy")),
)
DIFFERENCE = "difference_"

KERNELS_SHOWN = 32  # of a convolution that sees the image
CHANNELS_SHOWN = 8  # of a deeper one: inputs, and outputs


@dataclass(frozen=True)
class RunRecord:
    """A run as its folder has it."""

    folder: Path
    config: dict[str, Any]
    metrics: dict[str, Array]  # columns of float64; NaN where a test accuracy is empty
    weights: dict[str, dict[str, Array]]  # by side, then by name
    summary: dict[str, Any] | None  # none where the run was stopped

    @property
    def dtype(self) -> np.dtype[Any]:
        """The precision of both sides."""
        return np.dtype(str(self.config["dtype"]))

    def build(self, nn: Any) -> Any:
        """The network of the run, with fresh weights, from ``reference.nn`` or ``torch.nn``."""
        return named(self.config["network"], self.folder)(nn, classes=self.config["classes"])


@dataclass(frozen=True)
class Answers:
    """What the two sides say to images with known labels (N,).  ``scores`` (N, classes) by side."""

    labels: IntArray
    scores: dict[str, Array]

    @property
    def predictions(self) -> dict[str, IntArray]:
        """The class with the highest score, (N,) by side; the first one where scores are NaN, as in training."""
        return {side: scores.argmax(axis=1) for side, scores in self.scores.items()}

    @property
    def probabilities(self) -> dict[str, Array]:
        """The softmax of the scores, (N, classes) by side."""
        return {side: reference.softmax(scores, 1) for side, scores in self.scores.items()}

    @property
    def accuracy(self) -> dict[str, float]:
        """The share of images classified correctly, by side."""
        return {side: float((chosen == self.labels).mean()) for side, chosen in self.predictions.items()}

    @property
    def unanswered(self) -> dict[str, int]:
        """How many images have a score that is NaN, by side."""
        return {side: int(np.isnan(scores).any(axis=1).sum()) for side, scores in self.scores.items()}

    def confusion(self, side: str) -> IntArray:
        """How many images of class i (row) were taken for class j (column), (classes, classes)."""
        classes = self.scores[side].shape[1]
        pairs = self.labels * classes + self.predictions[side]
        return np.bincount(pairs, minlength=classes**2).reshape(classes, classes)

    def misclassified(self, side: str) -> IntArray:
        """The images that were misclassified, those first whose wrong class got the highest probability."""
        chosen = self.predictions[side]
        wrong = np.flatnonzero(chosen != self.labels)
        confidence = self.probabilities[side][wrong, chosen[wrong]]
        return wrong[np.argsort(-np.nan_to_num(confidence, nan=-1), kind="stable")]

    def disagreements(self) -> IntArray:
        """The images to which the two sides give different classes."""
        predictions = self.predictions
        return np.flatnonzero(predictions["numpy"] != predictions["torch"])


@dataclass(frozen=True)
class KernelsAndMaps:
    """The kernels of a convolution and what they make of one image; of many channels a selection.

    ``outputs`` (o,) and ``inputs`` (c,) number the channels that were selected out of ``channels`` (O, C).  By side,
    ``kernels`` are (o, c, kH, kW) and ``maps`` (o, oH, oW), after the ReLU.
    """

    layer: str  # its name in the network, such as '0'
    channels: tuple[int, int]
    outputs: IntArray
    inputs: IntArray
    kernels: dict[str, Array]
    maps: dict[str, Array]


def load(folder: Path) -> RunRecord:
    """The run in ``folder``.

    Raises FileNotFoundError where a file is missing (``summary.json`` may be), ValueError, naming it, where one is
    damaged or does not fit the others.
    """
    if not folder.is_dir():
        raise FileNotFoundError(f"{folder}: need the folder of a training run, which holds {CONFIG}")
    config = _config(folder / CONFIG)
    network = named(config["network"], folder)(reference.nn, classes=config["classes"])
    needed = network.double().state_dict() if config["dtype"] == "float64" else network.state_dict()
    weights = {side: _weights(folder / name, needed) for side, name in WEIGHTS.items()}
    learned = [DIFFERENCE + name for name, _ in network.named_parameters()]
    metrics = _metrics(folder / METRICS, [*METRIC_COLUMNS, *learned])
    return RunRecord(folder, config, metrics, weights, _summary(folder / SUMMARY))


def _existing(path: Path, purpose: str) -> Path:
    if not path.is_file():
        raise FileNotFoundError(f"{path}: missing; need {purpose}, which a training run writes there")
    return path


def _object(path: Path) -> dict[str, Any]:
    """The JSON object in ``path``."""
    try:
        found = json.loads(path.read_bytes())
    except ValueError as error:  # no JSON, or no UTF-8
        raise ValueError(f"{path}: damaged ({error}); need a JSON object") from error
    if not isinstance(found, dict):
        raise ValueError(f"{path}: got a JSON {type(found).__name__}, need an object")
    return found


def _config(path: Path) -> dict[str, Any]:
    config = _object(_existing(path, "the options of the run"))
    network, classes, dtype, threads = (config.get(name) for name in ("network", "classes", "dtype", "threads"))
    own = isinstance(network, str) and ".py:" in network and (path.parent / OWN_FILE).is_file()
    if network not in NETWORKS and not own:
        raise ValueError(
            f"{path}: network must be one of {', '.join(NETWORKS)}, or FILE.py:FUNCTION with a copy in {OWN_FILE}, "
            f"got {network!r}"
        )
    if dtype not in PRECISIONS:
        raise ValueError(f"{path}: dtype must be one of {', '.join(PRECISIONS)}, got {dtype!r}")
    for name, count in (("classes", classes), ("threads", threads)):
        if not isinstance(count, int) or isinstance(count, bool) or count < 1:
            raise ValueError(f"{path}: {name} must be an integer, at least 1, got {count!r}")
    return config


def _weights(path: Path, needed: Mapping[str, Array]) -> dict[str, Array]:
    """The arrays in ``path``, which must have the names, shapes and dtypes of those that are ``needed``."""
    arrays, _ = load_arrays(_existing(path, "the weights of the run"))
    if arrays.keys() != needed.keys():
        raise ValueError(f"{path}: need the weights {', '.join(needed)}, got {', '.join(sorted(arrays)) or 'none'}")
    for name, array in arrays.items():
        shape, dtype = needed[name].shape, needed[name].dtype
        if array.shape != shape or array.dtype != dtype:
            raise ValueError(f"{path}: {name} must be {dtype} {shape}, got {array.dtype} {array.shape}")
    return {name: arrays[name] for name in needed}  # in the order of the layers


def _metrics(path: Path, columns: list[str]) -> dict[str, Array]:
    """The ``columns`` of the table in ``path``, (rows,) each."""
    _existing(path, "the course of the run")
    try:
        header, *lines = csv.reader(path.read_text(encoding="utf-8").splitlines(), strict=True)
    except (ValueError, csv.Error) as error:  # no first line, or no UTF-8
        raise ValueError(f"{path}: damaged ({error}); need a table with the columns {', '.join(columns)}") from error
    missing = [name for name in columns if name not in header]
    if missing:
        raise ValueError(f"{path}: need the columns {', '.join(missing)}, got {', '.join(header)}")
    rows = []
    for number, line in enumerate(lines, start=2):
        if len(line) != len(header):
            raise ValueError(f"{path}, line {number}: got {len(line)} of {len(header)} columns; need all of them")
        cells = dict(zip(header, line, strict=True))
        rows.append([_number(cells[name], name, f"{path}, line {number}") for name in columns])
    table = np.array(rows, np.float64).reshape(-1, len(columns))
    return dict(zip(columns, table.T, strict=True))


def _number(cell: str, column: str, place: str) -> float:
    if not cell and column in TEST_ACCURACY.values():
        return np.nan
    try:
        return float(cell)
    except ValueError as error:
        raise ValueError(f"{place}: {column} must be a number, got {cell!r}") from error


def _summary(path: Path) -> dict[str, Any] | None:
    if not path.exists():
        return None
    summary = _object(path)
    for name in ("accuracy", "seconds", "images_per_second"):
        sides = summary.get(name)
        if not isinstance(sides, dict) or not all(isinstance(sides.get(side), int | float) for side in SIDES):
            raise ValueError(f"{path}: {name} must hold a number for numpy and one for torch, got {sides!r}")
    return summary


def networks(run: RunRecord) -> dict[str, Any]:
    """The trained network by side, from ``reference.nn`` and from ``torch.nn``."""
    ours, theirs = run.build(reference.nn), run.build(torch.nn)
    if run.dtype == np.float64:
        ours.double()
        theirs.double()
    ours.load_state_dict(run.weights["numpy"])
    theirs.load_state_dict({name: torch.from_numpy(array) for name, array in run.weights["torch"].items()})
    return {"numpy": ours.eval(), "torch": theirs.eval()}


def answers(run: RunRecord, data: MNIST) -> Answers:
    """What the trained networks say to the test images of ``data``.  ValueError where these do not fit the run."""
    classes = run.config["classes"]
    if data.test_labels.max(initial=0) >= classes:
        raise ValueError(
            f"{run.folder}: got data with class {data.test_labels.max()}, the run's network has the classes 0 to "
            f"{classes - 1}; need the data that it was trained on"
        )
    found: dict[str, list[Array]] = {side: [] for side in SIDES}
    both = networks(run)
    for first in range(0, len(data.test_images), TEST_BATCH):
        batch = normalize(data.test_images[first : first + TEST_BATCH], dtype=run.dtype)
        for side, scores in found.items():
            scores.append(_scores(both[side], batch))
    return Answers(data.test_labels, {side: np.concatenate(scores) for side, scores in found.items()})


def _scores(network: Any, batch: Array) -> Array:
    """What ``network`` returns for ``batch`` (N, C, H, W)."""
    if not isinstance(network, torch.nn.Module):
        return np.asarray(network(batch))
    with torch.no_grad():
        return np.asarray(network(torch.from_numpy(batch)).numpy())


def convolutions(run: RunRecord, image: npt.NDArray[np.uint8]) -> list[KernelsAndMaps]:
    """The convolutions of the network, and what they make of ``image`` (H, W).

    Where there are many channels, those are selected that answer most strongly on NumPy's side: on the average over
    their maps.
    """
    both = networks(run)
    batch = normalize(image[None], dtype=run.dtype)
    called = {side: calls(network, batch)[0] for side, network in both.items()}
    ours = called["numpy"]
    found = []
    for index, call in enumerate(ours):
        if call.kind != "Conv2d":
            continue
        followed = index + 1 < len(ours) and ours[index + 1].kind == "ReLU"
        maps = {side: of_side[index + followed].output[0] for side, of_side in called.items()}
        weight = f"{call.name}.weight".removeprefix(".")
        filters, channels = run.weights["numpy"][weight].shape[:2]
        outputs = _strongest(maps["numpy"], KERNELS_SHOWN if channels == 1 else CHANNELS_SHOWN)
        inputs = _strongest(call.input[0], CHANNELS_SHOWN)
        kernels = {side: run.weights[side][weight][np.ix_(outputs, inputs)] for side in SIDES}
        shown = {side: of_side[outputs] for side, of_side in maps.items()}
        found.append(KernelsAndMaps(call.name, (filters, channels), outputs, inputs, kernels, shown))
    return found


def _strongest(maps: Array, count: int) -> IntArray:
    """The ``count`` channels of ``maps`` (C, H, W) with the highest mean, in their order."""
    means = np.nan_to_num(maps.mean(axis=(1, 2), dtype=np.float64), nan=-np.inf)
    return np.sort(np.argsort(-means, kind="stable")[:count])


def not_finite(run: RunRecord) -> list[tuple[str, str, int]]:
    """Where weights are NaN or infinite: side, name and how many."""
    counts = [
        (side, name, int((~np.isfinite(array)).sum())) for side in SIDES for name, array in run.weights[side].items()
    ]
    return [one for one in counts if one[2]]


def weight_differences(run: RunRecord) -> dict[str, float]:
    """The largest absolute difference between the two sides, by name of the weight; NaN where one is NaN."""
    both = {name: (run.weights["numpy"][name], run.weights["torch"][name]) for name in _learned(run)}
    return {name: difference(*arrays) for name, arrays in both.items()}


def _learned(run: RunRecord) -> list[str]:
    """The parameters, without running statistics."""
    return [name for name in run.weights["numpy"] if DIFFERENCE + name in run.metrics]


def difference(ours: Array, theirs: Array) -> float:
    """The largest absolute difference between two arrays of one shape; NaN where one holds a NaN or inf - inf."""
    with np.errstate(invalid="ignore", over="ignore"):
        return float(np.abs(ours - theirs).max(initial=0))


def drift(run: RunRecord) -> dict[str, Array]:
    """The largest difference between the weights of both sides, by layer such as '0 Conv2d', (rows,) each."""
    layers = dict(run.build(reference.nn).named_modules())
    found: dict[str, Array] = {}
    for name in _learned(run):
        at = name.rpartition(".")[0]
        layer = f"{at} {type(layers[at]).__name__}".strip()
        column = run.metrics[DIFFERENCE + name]
        found[layer] = np.maximum(found[layer], column) if layer in found else column
    return found


def epochs(run: RunRecord) -> dict[str, Array]:
    """The rows of the metrics that end an epoch: the same columns, (finished epochs,) each."""
    ends = ~np.isnan([run.metrics[column] for column in TEST_ACCURACY.values()]).any(axis=0)
    return {name: column[ends] for name, column in run.metrics.items()}


def smooth(values: Array, window: int) -> Array:
    """The mean of the ``window`` values (an odd number, at most all) around each, fewer at both ends; (rows,)."""
    ones = np.ones(window)
    sums, counts = (np.convolve(numbers, ones, "same") for numbers in (values, np.ones_like(values)))
    return np.asarray(sums / counts)


def speeds(run: RunRecord) -> dict[str, float] | None:
    """Images per second in training, by side: of the whole run, or until its last row; None where there is no row."""
    if run.summary is not None:
        return {side: float(run.summary["images_per_second"][side]) for side in SIDES}
    if not len(run.metrics["step"]):
        return None
    return {side: float(run.metrics[f"{side}_images_per_second"][-1]) for side in SIDES}
