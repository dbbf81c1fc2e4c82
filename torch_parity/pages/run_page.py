"""A training run as a page to keep: how both sides learned, how far they drifted apart, and what came out of it.

``write_report`` reads the folder that a run leaves, lets both sides classify the test images once more, measures their
layers, and writes ``report.html``: one file without scripts, which loads nothing.
"""

import math
import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from markupsafe import Markup

from reference.datasets import MNIST, normalize
from torch_parity.benchmark import layer_times
from torch_parity.benchmark.layer_times import BACKWARD, FORWARD
from torch_parity.files import write_atomically
from torch_parity.machine import threads, threads_each
from torch_parity.pages.rendering import render
from torch_parity.training import findings
from torch_parity.training.findings import SUMMARY, Answers, KernelsAndMaps, RunRecord
from torch_parity.training.lockstep import SIDE_NAMES, SIDES

try:
    from torch_parity.pages import run_plots
except ImportError as error:
    raise ImportError("a run's report needs matplotlib and Pillow: pip install 'cnn-reference[train]'") from error

Array = npt.NDArray[Any]
View = dict[str, Any]  # what a template shows

NAME = "report.html"
PHASES = (FORWARD, BACKWARD)
IMAGES_SHOWN = 30
TIMED_BATCH = 64
TIMED_SECONDS = 2.0
SMOOTHED_SHARE = 15  # a smoothed loss is the mean over this part of the rows


def write_report(run: str | os.PathLike[str], data: MNIST) -> Path:
    """Write ``report.html`` into the folder ``run``, whose network was trained on ``data``; returns its path.

    Raises FileNotFoundError or ValueError where the run lacks a file or has a damaged one, or the data do not fit it.
    """
    path = Path(run) / NAME
    write_atomically(path, page(findings.load(Path(run)), data).encode())
    return path


def page(run: RunRecord, data: MNIST) -> str:
    """The HTML page of ``run``."""
    answers = findings.answers(run, data)
    image = data.test_images[0]
    return render(
        "run.html",
        config=run.config,
        folder=run.folder.resolve().name,
        summary=SUMMARY,
        test_images=len(answers.labels),
        state=_state(run, answers),
        headline=_headline(run, answers),
        course=_course(run),
        weights=_weights(run),
        confusion=_confusion(answers),
        differing=_images(answers.disagreements(), answers, data),
        misclassified=_images(answers.misclassified("numpy"), answers, data),
        example={"label": data.test_labels[0], "picture": _digit(image.repeat(3, axis=0).repeat(3, axis=1), 0, data)},
        gradient=run_plots.gradient(),
        convolutions=[_convolution(one) for one in findings.convolutions(run, image)],
        timing=_timing(run, data),
        options=list(_flat(run.config)),
    )


def _state(run: RunRecord, answers: Answers) -> View:
    """Whether the run came to its end, and what is wrong with it."""
    before = run.summary["accuracy"] if run.summary is not None else answers.accuracy
    recorded = len(run.metrics["step"]) > 0
    return {
        "finished": run.summary is not None,
        "last_step": run.metrics["step"][-1] if recorded else None,
        "last_epoch": int(run.metrics["epoch"][-1]) if recorded else None,
        "not_finite": [
            (side, name, count, run.weights[side][name].size) for side, name, count in findings.not_finite(run)
        ],
        "unanswered": answers.unanswered,
        "other_accuracy": before if any(before[side] != answers.accuracy[side] for side in SIDES) else None,
    }


def _headline(run: RunRecord, answers: Answers) -> View:
    differences = findings.weight_differences(run)
    largest = max(differences, key=lambda name: np.nan_to_num(differences[name], nan=math.inf))
    speeds = findings.speeds(run)
    return {
        "accuracy": answers.accuracy,
        "equal_predictions": len(answers.labels) - len(answers.disagreements()),
        "weight": largest,
        "difference": differences[largest],
        "seconds": run.summary["seconds"] if run.summary is not None else None,
        "speeds": speeds,
        "by_speed": sorted(SIDES, key=lambda side: -speeds[side]) if speeds is not None else None,
        "threads": threads_each(run.config["threads"]),
    }


def _course(run: RunRecord) -> View | None:
    """The curves, what there is to say about them, and the accuracies after each epoch; None before the first step."""
    step = run.metrics["step"]
    if not len(step):
        return None
    ended, layers, eps = findings.epochs(run), findings.drift(run), float(np.finfo(run.dtype).eps)
    window = smoothing_window(len(step))
    raw = {side: run.metrics[f"{side}_loss"] for side in SIDES}
    smooth = {side: findings.smooth(values, window) for side, values in raw.items()}
    test, training = (
        {side: ended[column.format(side)] for side in SIDES} for column in ("{}_test_accuracy", "{}_accuracy")
    )
    finished = len(ended["epoch"]) > 0
    accuracies = zip(*test.values(), *training.values(), strict=True)
    return {
        "window": window,
        "losses": run_plots.losses(step, raw, smooth, ended["step"]),
        "not_finite": {
            side: step[~np.isfinite(values)][0] for side, values in raw.items() if not np.isfinite(values).all()
        },
        "accuracies": run_plots.accuracies(ended["epoch"], test, training) if finished else "",
        "epochs": list(zip(ended["epoch"].astype(int), accuracies, strict=True)),
        "drift": run_plots.drift(step, layers, eps, str(run.dtype), ended["step"]),
        "eps": eps,
        "equal_at_times": any((values == 0).any() for values in layers.values()),
        "learning_rate": run_plots.learning_rate(step, run.metrics["lr"], ended["step"]),
    }


def smoothing_window(rows: int) -> int:
    """Over how many of ``rows`` to average: an odd number, so that as many lie before as after."""
    return rows // SMOOTHED_SHARE // 2 * 2 + 1


def _weights(run: RunRecord) -> list[View]:
    return [
        {
            "name": name,
            "shape": run.weights["numpy"][name].shape,
            "size": run.weights["numpy"][name].size,
            "largest": run_plots.limit_of([run.weights["numpy"][name]]),
            "difference": difference,
        }
        for name, difference in findings.weight_differences(run).items()
    ]


def _confusion(answers: Answers) -> list[View]:
    """A row for each class: how many of its images NumPy takes for which class, and how strongly that is coloured."""
    return [
        {
            "label": label,
            "cells": [
                (count, _opacity(count / max(1, row.sum()), label == chosen)) for chosen, count in enumerate(row)
            ],
            "right": row[label] / row.sum() if row.sum() else None,
        }
        for label, row in enumerate(answers.confusion("numpy"))
    ]


def _opacity(share: float, right: bool) -> float:
    # Mistakes are rare, so a few of them must show already.
    return 0.4 * share if right else min(0.75, 4 * share**0.5)


def _images(numbers: Array, answers: Answers, data: MNIST) -> View:
    """The ``numbers`` of test images, and of the first ones the probabilities of those classes that matter."""
    predictions, probabilities = answers.predictions, answers.probabilities
    cards = []
    for number in numbers[:IMAGES_SHOWN]:
        label, chosen = int(answers.labels[number]), {side: int(predictions[side][number]) for side in SIDES}
        cards.append(
            {
                "number": number,
                "picture": _digit(data.test_images[number], number, data),
                "label": label,
                "chosen": chosen,
                "classes": list(dict.fromkeys([*chosen.values(), label])),
                "probabilities": {side: probabilities[side][number] for side in SIDES},
            }
        )
    return {"numbers": numbers.tolist(), "cards": cards}


def _digit(pixels: npt.NDArray[np.uint8], number: int, data: MNIST) -> Markup:
    return run_plots.image(pixels, f"Test image {number}, of class {data.test_labels[number]}")


def _convolution(found: KernelsAndMaps) -> View:
    outputs, inputs = found.channels
    single = inputs == 1
    limit, brightest = run_plots.limit_of(found.kernels.values()), run_plots.limit_of(found.maps.values())
    kernels = {side: run_plots.kernel_colours(one, limit) for side, one in found.kernels.items()}
    tiles = {side: run_plots.rows_of(one[:, 0]) if single else one for side, one in kernels.items()}
    maps = {side: run_plots.rows_of(run_plots.map_colours(one, brightest)) for side, one in found.maps.items()}
    channels = (("output", found.outputs, outputs), ("input", found.inputs, inputs))
    return {
        "layer": found.layer,
        "outputs": outputs,
        "size": found.kernels["numpy"].shape[2:] if single else (inputs, *found.kernels["numpy"].shape[2:]),
        "selected": [(name, chosen, count) for name, chosen, count in channels if len(chosen) < count],
        "limit": limit,
        "brightest": brightest,
        "kernels": _pictures(f"Kernels of layer {found.layer}", tiles),
        "maps": _pictures(f"Feature maps of layer {found.layer}", maps),
    }


def _pictures(title: str, tiles: dict[str, Array]) -> dict[str, Markup]:
    return {side: run_plots.image(run_plots.mosaic(one), f"{title}, {SIDE_NAMES[side]}") for side, one in tiles.items()}


def _timing(run: RunRecord, data: MNIST) -> View:
    """What every layer takes, and all together: milliseconds by phase, then by side."""
    images, labels = normalize(data.train_images[:TIMED_BATCH], dtype=run.dtype), data.train_labels[:TIMED_BATCH]
    with threads(run.config["threads"]):
        times = layer_times.measure(findings.networks(run), images, labels, TIMED_SECONDS)
    layers = [
        {
            "name": layer.name,
            "shape": layer.shape,
            "phases": {phase: {side: layer.milliseconds[side][phase] for side in SIDES} for phase in PHASES},
        }
        for layer in times
    ]
    return {
        "images": len(images),
        "threads": threads_each(run.config["threads"]),
        "layers": layers,
        "longest": max(time for layer in times for phases in layer.milliseconds.values() for time in phases.values()),
        "total": {
            phase: {side: sum(layer.milliseconds[side][phase] for layer in times) for side in SIDES} for phase in PHASES
        },
    }


def _flat(options: dict[str, Any]) -> Iterable[tuple[str, Any]]:
    """The options by name, objects inside them unpacked."""
    for name, value in options.items():
        if isinstance(value, dict):
            yield from ((f"{name}: {inner}", of_inner) for inner, of_inner in _flat(value))
        else:
            yield name, value
