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

from reference.datasets import MNIST, normalize
from torch_parity.benchmark import layer_times
from torch_parity.benchmark.layer_times import BACKWARD, FORWARD, LayerTime
from torch_parity.files import write_atomically
from torch_parity.machine import threads, threads_each
from torch_parity.pages.html_pages import bar, document, escape
from torch_parity.training import findings
from torch_parity.training.findings import SUMMARY, Answers, KernelsAndMaps, RunRecord
from torch_parity.training.lockstep import SIDES

try:
    from torch_parity.pages import run_plots
except ImportError as error:
    raise ImportError("a run's report needs matplotlib and Pillow: pip install 'cnn-reference[train]'") from error

Array = npt.NDArray[Any]

NAME = "report.html"
SIDE_NAMES = {"numpy": "NumPy", "torch": "torch"}
IMAGES_SHOWN = 30
TIMED_BATCH = 64
TIMED_SECONDS = 2.0
SMOOTHED_SHARE = 15  # a smoothed loss is the mean over this part of the rows

STYLE = """
h3 { font-size: 1rem; margin: 1.8rem 0 .3rem; }
.numpy { color: var(--numpy); } .torch { color: var(--torch); } .torch .bar span { background: var(--torch); }
.tiles { display: grid; gap: .8rem; grid-template-columns: repeat(auto-fill, minmax(min(100%, 12.4rem), 1fr)); }
.tile { background: var(--soft); border-radius: .5rem; padding: .7rem 1rem; } .tile p { margin: 0; font-size: .9rem; }
.tile b { font-size: 1.3rem; font-variant-numeric: tabular-nums; margin-right: .4rem; white-space: nowrap; }
.tile span { display: block; }
.pictures { display: grid; gap: 2rem; grid-template-columns: repeat(auto-fit, minmax(min(100%, 25rem), 1fr)); }
figure { margin: 0; max-width: 34rem; display: flex; flex-direction: column; justify-content: space-between; }
svg { width: 100%; height: auto; font-family: system-ui, sans-serif; }
figcaption { font-size: .9rem; } figcaption b { display: block; font-size: 1rem; }
img { image-rendering: pixelated; max-width: 100%; height: auto; display: block; }
.confusion th, .confusion td { padding: .25rem .35rem; text-align: right; border: 0; min-width: 1.4rem; }
.confusion { font-size: .8rem; font-variant-numeric: tabular-nums; }
.confusion th[colspan] { text-align: center; color: var(--quiet); }
.images { display: grid; gap: .8rem; grid-template-columns: repeat(auto-fill, minmax(min(100%, 18.5rem), 1fr)); }
.image { display: flex; gap: .7rem; align-items: center; padding: .6rem; background: var(--soft);
         border-radius: .5rem; }
details { margin-top: .8rem; }
.image img { width: 5.25rem; flex: none; } .image p { margin: 0; font-size: .85rem; }
.image table { font-size: .85rem; font-variant-numeric: tabular-nums; }
.image th, .image td { padding: .1rem .4rem; border: 0; text-align: right; } .image th:first-child { padding-left: 0; }
.image .chosen { font-weight: 700; }
.scale { display: flex; align-items: center; gap: .5rem; font-size: .85rem; margin-bottom: .8rem; }
sup { line-height: 0; }
.scale span { width: 8rem; height: .8rem; border-radius: .2rem; }
.bar { width: 5rem; } tr.sum td, tr.sum th { border-top: 2px solid var(--line); }
@media (max-width: 40rem) {
.bar { width: 1.6rem; margin-right: .3rem; } .times th, .times td { padding: .3rem; } .times { font-size: .8rem; }
.confusion th, .confusion td { padding: .25rem .12rem; } .confusion { font-size: .7rem; } }
"""


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
    sections = [
        _head(run, answers),
        _curves(run),
        _weights(run),
        _confusion(answers),
        _disagreements(answers, data),
        _mistakes(answers, data),
        _convolutions(run, data),
        _layer_times(run, data),
        _options(run),
    ]
    return document(f"Training run: {run.config['network']}, NumPy and torch", sections, STYLE)


def _head(run: RunRecord, answers: Answers) -> str:
    options = run.config
    return f"""<h1>Training run: {escape(options["network"])} in NumPy and in torch</h1>
<p>The same network was trained twice, by a reference written in NumPy and by torch: from the same initial weights, on
the same batches, with the same optimizer, in {options["dtype"]}.</p>
{_state(run, answers)}
<div class="tiles">{"".join(_tiles(run, answers))}</div>"""


def _state(run: RunRecord, answers: Answers) -> str:
    """Whether the run came to its end, and what is wrong with it."""
    steps = run.metrics["step"]
    name = f"<code>{escape(run.folder.resolve().name)}</code>"
    parts = [f"<p><span class='verdict good'>finished</span> {name}</p>"]
    if run.summary is None:
        last = f"after step {steps[-1]:,.0f}, in epoch {run.metrics['epoch'][-1]:.0f}" if len(steps) else "at its start"
        parts = [
            f"<p><span class='verdict bad'>not finished</span> {name}</p>",
            f"<p>There is no {SUMMARY}: the run was stopped {last}, or it is still going on. What follows about test "
            "images is of the weights that were saved last.</p>",
        ]
    for side, weight, count in findings.not_finite(run):
        parts.append(
            f"<p><span class='verdict bad'>not a number</span> {SIDE_NAMES[side]}: {count:,} of "
            f"{run.weights[side][weight].size:,} weights in <code>{escape(weight)}</code> are NaN or infinite.</p>"
        )
    for side, count in answers.unanswered.items():
        if count:
            parts.append(
                f"<p>{SIDE_NAMES[side]}'s scores of {count:,} of {len(answers.labels):,} test images hold NaN. As in "
                "training, the class of these is the first one with NaN, which means nothing.</p>"
            )
    if run.summary is not None and any(run.summary["accuracy"][side] != answers.accuracy[side] for side in SIDES):
        before = " and ".join(f"{run.summary['accuracy'][side]:.2%} ({SIDE_NAMES[side]})" for side in SIDES)
        parts.append(
            f"<p>At the end of the run the test accuracies were {before}, which is not what the weights give now: "
            "other test images, or another BLAS, which rounds otherwise.</p>"
        )
    return "\n".join(parts)


def _tiles(run: RunRecord, answers: Answers) -> Iterable[str]:
    count = len(answers.labels)
    yield _tile(
        "Test accuracy",
        _sides({side: f"{accuracy:.2%}" for side, accuracy in answers.accuracy.items()}),
        f"Images classified correctly, of {count:,} that were not trained on.",
    )
    yield _tile(
        "Equal predictions",
        f"<b>{count - len(answers.disagreements()):,}</b> of {count:,}",
        "Test images that get the same class from both sides.",
    )
    differences = findings.weight_differences(run)
    largest = max(differences, key=lambda name: np.nan_to_num(differences[name], nan=math.inf))
    place = f" in <code>{escape(largest)}</code>" if differences[largest] else ""
    yield _tile(
        "Largest weight difference",
        f"<b>{_power(differences[largest])}</b>{place}",
        "Between a weight in NumPy and the same one in torch.",
    )
    if run.summary is not None:
        yield _tile(
            "Time",
            _sides({side: f"{run.summary['seconds'][side]:,.1f} s" for side in SIDES}),
            "In training steps; reading and shuffling images left out.",
        )
    speeds = findings.speeds(run)
    if speeds is not None:
        ratio = speeds["numpy"] / speeds["torch"]
        faster = f"NumPy trains {ratio:.2f} times as many as torch" if ratio >= 1 else ""
        slower = f"torch trains {1 / ratio:.2f} times as many as NumPy" if ratio < 1 else ""
        yield _tile(
            "Images per second",
            _sides({side: f"{speed:,.0f}" for side, speed in speeds.items()}),
            f"{faster or slower}; {threads_each(run.config['threads'])}.",
        )


def _tile(name: str, value: str, explanation: str) -> str:
    return f"<div class='tile'><p>{name}</p><p>{value}</p><p class='quiet'>{explanation}</p></div>"


def _sides(values: dict[str, str]) -> str:
    return "".join(f"<span><b class='{side}'>{value}</b>{SIDE_NAMES[side]}</span> " for side, value in values.items())


def _power(number: float) -> str:
    """A small number as in 1.9 x 10^-2."""
    if not math.isfinite(number) or not number:
        return f"{number:g}".replace("nan", "NaN")
    digits, _, exponent = f"{number:.1e}".partition("e")
    return f"{digits}&nbsp;&times;&nbsp;10<sup>{int(exponent)}</sup>".replace("-", "&minus;")


def _curves(run: RunRecord) -> str:
    if not len(run.metrics["step"]):
        return "<h2>The course of training</h2>\n<p>No step is on record yet.</p>"
    ended = findings.epochs(run)
    figures = [_loss(run, ended["step"]), _accuracy(ended), _drift(run, ended["step"]), _rate(run, ended["step"])]
    return f"""<h2>The course of training</h2>
<p class="quiet">Thin vertical lines: the ends of epochs, that is, of passes over all training images.</p>
<div class="pictures">{"".join(figures)}</div>
{_epoch_table(ended)}"""


def _figure(title: str, explanation: str, picture: str) -> str:
    return f"<figure><figcaption><b>{title}</b>{explanation}</figcaption>{picture}</figure>"


def _loss(run: RunRecord, ends: Array) -> str:
    step, window = run.metrics["step"], smoothing_window(len(run.metrics["step"]))
    raw = {side: run.metrics[f"{side}_loss"] for side in SIDES}
    smooth = {side: findings.smooth(values, window) for side, values in raw.items()}
    explanation = "How wrong the network is about the images of a batch; it should fall. "
    if window > 1:
        explanation += f"Pale: single batches; bold: the mean of {window} points in a row. "
    explanation += "The dashed line lies on the other one as long as both sides compute the same."
    for side, values in raw.items():
        if not np.isfinite(values).all():
            first = step[~np.isfinite(values)][0]
            explanation += f" <b>{SIDE_NAMES[side]}'s loss is not a finite number at step {first:,.0f}.</b>"
    return _figure("Loss", explanation, run_plots.losses(step, raw, smooth, ends))


def smoothing_window(rows: int) -> int:
    """Over how many of ``rows`` to average: an odd number, so that as many lie before as after."""
    return rows // SMOOTHED_SHARE // 2 * 2 + 1


def _accuracy(ended: dict[str, Array]) -> str:
    if not len(ended["epoch"]):
        return _figure("Accuracy", "No epoch was finished, so no test images were classified in training.", "")
    test, training = (
        {side: ended[column.format(side)] for side in SIDES} for column in ("{}_test_accuracy", "{}_accuracy")
    )
    return _figure(
        "Accuracy",
        "The share of images that get the right class, after each epoch. Test images were never trained on; training "
        "images are counted on the way through the epoch, while the network still learns.",
        run_plots.accuracies(ended["epoch"], test, training),
    )


def _drift(run: RunRecord, ends: Array) -> str:
    eps, layers = float(np.finfo(run.dtype).eps), findings.drift(run)
    explanation = (
        "How far the two sides are apart: rounding, amplified by training. Each side adds in its own order, and rounds "
        f"each sum to the next {run.dtype} number, {_power(eps)} (eps) of it away at most. Each step starts from the "
        "weights that the last one left, so differences grow. "
    )
    if run.dtype == np.float32:
        explanation += "torch drifts as far from itself with another number of threads."
    else:
        explanation += "In float64 they stay tiny, at a learning rate that is stable."
    if any((values == 0).any() for values in layers.values()):
        explanation += " At 0 the weights are the same in all bits."
    return _figure(
        "Weight difference", explanation, run_plots.drift(run.metrics["step"], layers, eps, str(run.dtype), ends)
    )


def _rate(run: RunRecord, ends: Array) -> str:
    return _figure(
        "Learning rate",
        "How far a step goes along the gradient: large steps learn fast, small ones settle.",
        run_plots.learning_rate(run.metrics["step"], run.metrics["lr"], ends),
    )


def _epoch_table(ended: dict[str, Array]) -> str:
    columns = {
        f"{SIDE_NAMES[side]}, {images}": ended[name]
        for images, form in (("test", "{}_test_accuracy"), ("training", "{}_accuracy"))
        for side, name in ((side, form.format(side)) for side in SIDES)
    }
    if not len(ended["epoch"]):
        return ""
    heads = "".join(f"<th class='number'>{name}</th>" for name in ("epoch", *columns))
    rows = "".join(
        f"<tr><td class='number'>{epoch:.0f}</td>"
        + "".join(f"<td class='number'>{values[index]:.2%}</td>" for values in columns.values())
        + "</tr>"
        for index, epoch in enumerate(ended["epoch"])
    )
    return f"<h3>Accuracy after each epoch</h3>\n<div class='wide'><table><tr>{heads}</tr>{rows}</table></div>"


def _weights(run: RunRecord) -> str:
    rows = []
    for name, difference in findings.weight_differences(run).items():
        array = run.weights["numpy"][name]
        largest = run_plots.limit_of([array])
        cells = (" &times; ".join(map(str, array.shape)), f"{array.size:,}", f"{largest:.3f}", _power(difference))
        numbers = "".join(f"<td class='number'>{cell}</td>" for cell in cells)
        rows.append(f"<tr><td><code>{escape(name)}</code></td>{numbers}</tr>")
    return f"""<h2>The weights</h2>
<p>What was learned. The number in a name is that of the layer; a convolution's weight is out &times; in &times; height
&times; width, a dense layer's out &times; in.</p>
<div class="wide"><table><tr><th>name</th><th class="number">shape</th><th class="number">numbers</th>
<th class="number">largest, NumPy</th><th class="number">largest difference</th></tr>{"".join(rows)}</table></div>"""


def _confusion(answers: Answers) -> str:
    counts = answers.confusion("numpy")
    heads = "".join(f"<th>{number}</th>" for number in range(len(counts)))
    rows = "".join(
        f"<tr><th>{number}</th>{''.join(_confusion_cell(row, number, chosen) for chosen in range(len(row)))}"
        f"<td class='quiet'>{f'{row[number] / row.sum():.1%}' if row.sum() else ''}</td></tr>"
        for number, row in enumerate(counts)
    )
    return f"""<h2>What is taken for what</h2>
<p>Each row holds the test images of one class, each column those that NumPy takes for one (the confusion matrix): blue
is right, red is wrong, the redder the more often.</p>
<div class="wide"><table class="confusion"><tr><th></th><th colspan="{len(counts)}">taken for</th><th></th></tr>
<tr><th>class</th>{heads}<th>right</th></tr>{rows}</table></div>"""


def _confusion_cell(row: Array, number: int, chosen: int) -> str:
    if not row[chosen]:
        return "<td class='quiet'>&middot;</td>"
    share = row[chosen] / row.sum()
    # Mistakes are rare, so a few of them must show already.
    colour = f"47,118,192,{0.4 * share:.2f}" if chosen == number else f"217,70,40,{min(0.75, 4 * share**0.5):.2f}"
    return f"<td style='background:rgba({colour})'>{row[chosen]:,}</td>"


def _disagreements(answers: Answers, data: MNIST) -> str:
    found = answers.disagreements()
    title = "<h2>Where the two sides differ</h2>"
    if not len(found):
        return f"{title}\n<p>Nowhere: all {len(answers.labels):,} test images get the same class from both.</p>"
    return f"""{title}
<p>{_selection(len(found))} to which NumPy and torch give different classes: images between two classes, where a
small difference of the weights tips the balance. The numbers are the probabilities that each side gives to NumPy's
class, torch's class and the true one (&#10003;); its own choice is bold.</p>
{_images(found, answers, data)}"""


def _mistakes(answers: Answers, data: MNIST) -> str:
    found = answers.misclassified("numpy")
    title = "<h2>Misclassified</h2>"
    if not len(found):
        return f"{title}\n<p>None: NumPy classifies all {len(answers.labels):,} test images correctly.</p>"
    return f"""{title}
<p>{_selection(len(found))} that NumPy gets wrong; those come first of which it is most certain. The numbers are the
probabilities that each side gives to NumPy's class and the true one (&#10003;), and torch's where that is another; its
own choice is bold.</p>
{_images(found, answers, data)}"""


def _selection(count: int) -> str:
    if count > IMAGES_SHOWN:
        return f"{IMAGES_SHOWN} of the {count:,} test images"
    return f"The {count} test images" if count > 1 else "The only test image"


def _images(numbers: Array, answers: Answers, data: MNIST) -> str:
    probabilities, predictions = answers.probabilities, answers.predictions
    cards = [
        _card(
            data.test_images[number],
            number,
            int(answers.labels[number]),
            {side: int(predictions[side][number]) for side in SIDES},
            {side: probabilities[side][number] for side in SIDES},
        )
        for number in numbers[:IMAGES_SHOWN]
    ]
    rest = ""
    if len(numbers) > IMAGES_SHOWN:
        listed = ", ".join(str(number) for number in numbers)
        rest = f"<details><summary>The numbers of all {len(numbers):,}</summary><p>{listed}</p></details>"
    return f"<div class='images'>{''.join(cards)}</div>{rest}"


def _card(
    pixels: npt.NDArray[np.uint8], number: int, label: int, chosen: dict[str, int], probabilities: dict[str, Array]
) -> str:
    """One test image with the probabilities (classes,) of the classes that matter."""
    classes = dict.fromkeys([*chosen.values(), label])
    heads = "".join(f"<th>{one}{' &#10003;' if one == label else ''}</th>" for one in classes)
    rows = "".join(
        f"<tr><th class='{side}'>{SIDE_NAMES[side]}</th>"
        + "".join(
            f"<td{' class=chosen' if one == chosen[side] else ''}>{_percent(probabilities[side][one])}</td>"
            for one in classes
        )
        + "</tr>"
        for side in SIDES
    )
    picture = run_plots.image(pixels, f"Test image {number}, of class {label}")
    table = f"<table><tr><th></th>{heads}</tr>{rows}</table>"
    return f"<div class='image'>{picture}<div><p>test image {number}</p>{table}</div></div>"


def _percent(probability: float) -> str:
    return "NaN" if math.isnan(probability) else f"{probability:.1%}"


def _convolutions(run: RunRecord, data: MNIST) -> str:
    image, label = data.test_images[0], data.test_labels[0]
    found = findings.convolutions(run, image)
    parts = "".join(_convolution(one) for one in found)
    return f"""<h2>What the convolutions see</h2>
<p>A convolution slides each of its kernels over the image and notes at every place how well the kernel fits: that is
its feature map. The ReLU then cuts what is negative down to 0. The image here is test image 0, of class {label}:</p>
{run_plots.image(image.repeat(3, axis=0).repeat(3, axis=1), f"Test image 0, of class {label}")}
{parts}"""


def _convolution(found: KernelsAndMaps) -> str:
    outputs, inputs = found.channels
    height, width = found.kernels["numpy"].shape[2:]
    single = inputs == 1
    limit, brightest = run_plots.limit_of(found.kernels.values()), run_plots.limit_of(found.maps.values())
    kernels = {side: run_plots.kernel_colours(one, limit) for side, one in found.kernels.items()}
    tiles = {side: run_plots.rows_of(one[:, 0]) if single else one for side, one in kernels.items()}
    maps = {side: run_plots.rows_of(run_plots.map_colours(one, brightest)) for side, one in found.maps.items()}
    arranged = "" if single else "In each row stand the kernels of one output channel, one for each input channel. "
    size = f"{height} &times; {width}" if single else f"{inputs} &times; {height} &times; {width}"
    return f"""<h3>Layer {found.index}: {outputs} kernels of {size}</h3>
<p>{_shown(found)}{arranged}Red weights add, blue ones subtract, on the same scale for both sides:</p>
<div class="scale">&minus;{limit:.2f}<span style="background:{run_plots.gradient()}"></span>+{limit:.2f}</div>
{_both("Kernels", tiles, found.index)}
<p>Their feature maps after the ReLU, in the same order: black is 0, white {brightest:.2f}.</p>
{_both("Feature maps", maps, found.index)}"""


def _shown(found: KernelsAndMaps) -> str:
    """Which channels were selected, if not all."""
    outputs, inputs = found.channels
    parts = []
    for name, chosen, count in (("output", found.outputs, outputs), ("input", found.inputs, inputs)):
        if len(chosen) < count:
            parts.append(f"{name} channels {', '.join(map(str, chosen))} of {count}")
    return f"Shown are the {' and the '.join(parts)}, which answer this image most strongly. " if parts else ""


def _both(title: str, tiles: dict[str, Array], layer: int) -> str:
    """The pictures of both sides, beside each other where there is room."""
    figures = [
        _figure(
            f"{title}, {SIDE_NAMES[side]}",
            "",
            run_plots.image(run_plots.mosaic(one), f"{title} of layer {layer}, {SIDE_NAMES[side]}"),
        )
        for side, one in tiles.items()
    ]
    return f"<div class='pictures'>{''.join(figures)}</div>"


def _layer_times(run: RunRecord, data: MNIST) -> str:
    images, labels = normalize(data.train_images[:TIMED_BATCH], dtype=run.dtype), data.train_labels[:TIMED_BATCH]
    with threads(run.config["threads"]):
        times = layer_times.measure(findings.networks(run), images, labels, TIMED_SECONDS)
    longest = max(time for layer in times for phases in layer.milliseconds.values() for time in phases.values())
    total = {side: {phase: _total(times, side, phase) for phase in (FORWARD, BACKWARD)} for side in SIDES}
    rows = "".join(_time_row(layer, longest) for layer in times)
    sums = "".join(_time_cells({side: total[side][phase] for side in SIDES}, math.inf) for phase in (FORWARD, BACKWARD))
    return f"""<h2>Time of each layer</h2>
<p>Measured for this page, on the machine that made it: milliseconds for {len(images)} images, forward (the layer's
output) and backward (its gradients), the median of several repetitions, with {threads_each(run.config["threads"])}.
Above <span class="numpy">NumPy</span>, below <span class="torch">torch</span>; a ratio below 1 means that NumPy is
faster. Under a layer's name stands the shape of its output for one image.</p>
<div class="wide"><table class="times"><tr><th>layer</th><th>forward, ms</th><th class="number">ratio</th>
<th>backward, ms</th><th class="number">ratio</th></tr>
{rows}<tr class="sum"><th>sum</th>{sums}</tr></table></div>"""


def _total(times: list[LayerTime], side: str, phase: str) -> float:
    return sum(layer.milliseconds[side][phase] for layer in times)


def _time_row(layer: LayerTime, longest: float) -> str:
    shape = f"<br><span class='quiet'>{' &times; '.join(map(str, layer.shape))}</span>" if layer.shape else ""
    cells = "".join(
        _time_cells({side: layer.milliseconds[side][phase] for side in SIDES}, longest) for phase in (FORWARD, BACKWARD)
    )
    return f"<tr><td class='name'>{layer.name}{shape}</td>{cells}</tr>"


def _time_cells(milliseconds: dict[str, float], longest: float) -> str:
    """The times of both sides and their ratio; with bars, unless ``longest`` is infinite."""
    lines = []
    for side, time in milliseconds.items():
        number = f"{time:.3f}"
        lines.append(f"<span class='{side}'>{bar(time / longest, number) if math.isfinite(longest) else number}</span>")
    ratio = milliseconds["numpy"] / milliseconds["torch"]
    return f"<td class='share'>{'<br>'.join(lines)}</td><td class='number'>{ratio:.2f}</td>"


def _options(run: RunRecord) -> str:
    rows = "".join(
        f"<tr><th>{escape(name)}</th><td>{escape('not set' if value is None else value)}</td></tr>"
        for name, value in _flat(run.config)
    )
    return f"<h2>Options and machine</h2>\n<div class='wide'><table>{rows}</table></div>"


def _flat(options: dict[str, Any]) -> Iterable[tuple[str, Any]]:
    """The options by name, objects inside them unpacked."""
    for name, value in options.items():
        if isinstance(value, dict):
            yield from ((f"{name}: {inner}", of_inner) for inner, of_inner in _flat(value))
        else:
            yield name, value
