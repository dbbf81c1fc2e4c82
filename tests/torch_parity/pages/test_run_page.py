"""The page of a training run says what the run left, and what anyone can compute from its weights."""

import base64
import csv
import io
import itertools
import json
import re
import shutil
from collections.abc import Callable
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import matplotlib
import numpy as np
import numpy.typing as npt
import pytest
import torch
import torch.nn.functional as F
from PIL import Image
from safetensors.numpy import load_file

from reference import nn
from reference.datasets import MNIST, mnist, normalize
from tests.torch_parity.pages.outline import Outline
from torch_parity import files
from torch_parity.benchmark import layer_times
from torch_parity.benchmark.layer_times import LayerTime
from torch_parity.networks import NETWORKS
from torch_parity.pages import run_page, run_plots
from torch_parity.training import findings
from torch_parity.training.lockstep import SIDES, Lockstep
from torch_parity.training.loop import Summary
from torch_parity.training.runs import WEIGHTS

Array = npt.NDArray[Any]


@pytest.fixture(scope="module")
def data() -> MNIST:
    whole = mnist()
    return MNIST(whole.train_images[:640], whole.train_labels[:640], whole.test_images[:250], whole.test_labels[:250])


@pytest.fixture(scope="module")
def trained(data: MNIST, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return leave_run(tmp_path_factory.mktemp("runs") / "20250102-030405-formula", data, epochs=2)


@pytest.fixture(scope="module")
def written(trained: Path, data: MNIST) -> str:
    """The page of that run."""
    return write(trained, data)


@pytest.fixture(scope="module")
def split(trained: Path, data: MNIST, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same run and its page, but torch favours class 3, so that the sides differ in many images."""

    def change(arrays: dict[str, Array]) -> None:
        arrays["4.bias"][3] += 1.5

    folder = Path(shutil.copytree(trained, tmp_path_factory.mktemp("split") / trained.name))
    change_weights(folder / "weights-torch.safetensors", change)
    write(folder, data)
    return folder


@pytest.fixture
def run(trained: Path, tmp_path: Path) -> Path:
    """A copy, to damage."""
    return Path(shutil.copytree(trained, tmp_path / trained.name, ignore=shutil.ignore_patterns("report.html")))


def write(folder: Path, data: MNIST) -> str:
    """The page of the run in ``folder``, with its layers timed in the shortest way."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(run_page, "TIMED_SECONDS", 0.0)
        return run_page.write_report(folder, data).read_text(encoding="utf-8")


def leave_run(
    folder: Path, data: MNIST, network: str = "formula", epochs: int = 1, dtype: str = "float32", classes: int = 10
) -> Path:
    """Train, and leave the files that a training run leaves; a row for every second step."""
    folder.mkdir()
    both = Lockstep(lambda nn: NETWORKS[network](nn, classes), dtype, lr=0.05, momentum=0.5)
    rows: list[dict[str, Any]] = []
    step, losses = 0, {}
    for epoch in range(1, epochs + 1):
        for losses in both.epoch(data.train_images, data.train_labels, 32):
            step += 1
            if step % 2 == 0:
                differences = both.weight_differences()
                rows.append({"epoch": epoch, "step": step, "lr": 0.05})
                rows[-1]["max_weight_difference"] = both.max_weight_difference()
                rows[-1] |= {f"{side}_loss": losses[side] for side in SIDES}
                rows[-1] |= {f"{side}_accuracy": epoch / 4 for side in SIDES}
                rows[-1] |= {f"{side}_images_per_second": 2000.0 if side == "numpy" else 1000.0 for side in SIDES}
                rows[-1] |= {f"{side}_test_accuracy": "" for side in SIDES}
                rows[-1] |= {f"difference_{name}": one for name, one in differences.items()}
        predictions = both.predict(data.test_images)
        accuracy = {side: float((predictions[side] == data.test_labels).mean()) for side in SIDES}
        rows[-1] |= {f"{side}_test_accuracy": accuracy[side] for side in SIDES}
    write_table(folder / "metrics.csv", rows)
    files.save_arrays(folder / "weights.safetensors", both.numpy.network.state_dict())
    theirs = {name: tensor.numpy() for name, tensor in both.torch.network.state_dict().items()}
    files.save_arrays(folder / "weights-torch.safetensors", theirs)
    equal = int((predictions["numpy"] == predictions["torch"]).sum())
    seconds, speeds = {"numpy": 1.25, "torch": 2.5}, {"numpy": 3000.0, "torch": 1500.0}
    summary = Summary(
        accuracy, equal, len(data.test_labels), both.max_weight_difference(), losses, seconds, speeds, step
    )
    (folder / "summary.json").write_text(json.dumps(summary.as_dict()))
    config = {"network": network, "classes": classes, "epochs": epochs, "batch_size": 32, "dtype": dtype, "threads": 1}
    machine = {"CPU": "a <fast> one"}
    (folder / "config.json").write_text(json.dumps({**config, "limit": None, "machine": machine}))
    return folder


def first(count: int, data: MNIST) -> dict[str, Any]:
    """The first training images, and their labels."""
    return {"train_images": data.train_images[:count], "train_labels": data.train_labels[:count]}


def read_table(path: Path) -> list[dict[str, Any]]:
    return list(csv.DictReader(path.read_text().splitlines()))


def write_table(path: Path, rows: list[dict[str, Any]]) -> None:
    with path.open("w", newline="") as file:
        table = csv.DictWriter(file, list(rows[0]))
        table.writeheader()
        table.writerows(rows)


def change_weights(path: Path, change: Callable[[dict[str, Array]], None]) -> None:
    arrays = {name: array.copy() for name, array in load_file(path).items()}
    change(arrays)
    files.save_arrays(path, arrays)


def formula_scores(path: Path, images: npt.NDArray[np.uint8]) -> Array:
    """The network 'formula' by hand, in float64, straight from the file."""
    weights = {name: torch.from_numpy(array).double() for name, array in load_file(path).items()}
    pixels = (torch.from_numpy(images).double()[:, None] / 255 - 0.1307) / 0.3081
    hidden = F.max_pool2d(F.relu(F.conv2d(pixels, weights["0.weight"], weights["0.bias"])), 2)
    return np.asarray(F.linear(hidden.flatten(1), weights["4.weight"], weights["4.bias"]))


class Page(HTMLParser):
    """What tests look for in a page; asserts that every tag is closed."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.images: list[dict[str, str | None]] = []
        self.drawings: list[dict[str, str | None]] = []
        self.ids: list[str | None] = []
        self.words: list[str] = []
        self.feed(text)
        assert not self.open

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag not in ("meta", "img", "br"):
            self.open.append(tag)
        if tag == "img":
            self.images.append(dict(attrs))
        if tag == "svg":
            self.drawings.append(dict(attrs))
        self.ids += [value for name, value in attrs if name == "id"]

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.ids += [value for name, value in attrs if name == "id"]

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, text: str) -> None:
        self.words.append(text)

    @property
    def text(self) -> str:
        return " ".join(" ".join(self.words).split())

    def pixels(self, alt: str) -> Array:
        """The picture whose alternative text is ``alt``."""
        (source,) = (image["src"] for image in self.images if image["alt"] == alt)
        assert source is not None
        return np.asarray(Image.open(io.BytesIO(base64.b64decode(source.partition("base64,")[2]))))


def section(text: str, heading: str) -> str:
    """The part of the page under a heading."""
    return text.split(f"<h2>{heading}</h2>")[1].split("<h2>")[0]


# What is found.


def test_it_says_where_the_lesson_is(written: str) -> None:
    first_screen = written.partition("<h2>")[0]
    assert "<code>make lesson</code>" in first_screen
    assert "<code>lesson.html</code>" in first_screen
    assert "href" not in first_screen.partition("<main>")[2]


def test_answers_are_those_of_the_weights_in_the_files(split: Path, data: MNIST) -> None:
    found = findings.answers(findings.load(split), data)
    labels = data.test_labels
    scores = {
        "numpy": formula_scores(split / "weights.safetensors", data.test_images),
        "torch": formula_scores(split / "weights-torch.safetensors", data.test_images),
    }
    chosen = {side: one.argmax(axis=1) for side, one in scores.items()}
    for side in SIDES:
        np.testing.assert_allclose(found.scores[side], scores[side], atol=1e-4)
        np.testing.assert_array_equal(found.predictions[side], chosen[side])
        assert found.accuracy[side] == sum(a == b for a, b in zip(chosen[side], labels, strict=True)) / 250
        counts = [[int(((labels == i) & (chosen[side] == j)).sum()) for j in range(10)] for i in range(10)]
        assert found.confusion(side).tolist() == counts
        shares = np.exp(scores[side]) / np.exp(scores[side]).sum(axis=1, keepdims=True)
        np.testing.assert_allclose(found.probabilities[side], shares, atol=1e-5)
        wrong = [n for n in range(250) if chosen[side][n] != labels[n]]
        assert found.misclassified(side).tolist() == sorted(wrong, key=lambda n: -shares[n].max())
    different = [n for n in range(250) if chosen["numpy"][n] != chosen["torch"][n]]
    assert len(different) > 5
    assert found.disagreements().tolist() == different


def test_kernels_and_maps_of_the_first_convolution(split: Path, data: MNIST) -> None:
    (found,) = findings.convolutions(findings.load(split), data.test_images[0])
    assert found.layer == "0"
    assert found.channels == (8, 1)
    assert found.outputs.tolist() == list(range(8))
    image = torch.from_numpy(normalize(data.test_images[:1]))
    for side, name in WEIGHTS.items():
        weights = {name: torch.from_numpy(array) for name, array in load_file(split / name).items()}
        np.testing.assert_array_equal(found.kernels[side], weights["0.weight"])
        maps = F.relu(F.conv2d(image, weights["0.weight"], weights["0.bias"]))[0]
        np.testing.assert_allclose(found.maps[side], maps, atol=1e-5)


def test_of_deeper_convolutions_the_strongest_channels_are_shown(data: MNIST, tmp_path: Path) -> None:
    few = data._replace(**first(64, data))
    run = findings.load(leave_run(tmp_path / "lenet5", few, "lenet5"))
    single, deep = findings.convolutions(run, data.test_images[0])
    assert (single.layer, single.kernels["numpy"].shape, single.maps["torch"].shape) == ("0", (6, 1, 5, 5), (6, 28, 28))
    assert (deep.layer, deep.kernels["torch"].shape, deep.maps["numpy"].shape) == ("3", (8, 6, 5, 5), (8, 10, 10))
    layers = findings.networks(run)["torch"]
    maps = layers[:5](torch.from_numpy(normalize(data.test_images[:1])))[0].detach().numpy()
    strongest = sorted(sorted(range(16), key=lambda channel: maps[channel].mean())[8:])
    assert deep.outputs.tolist() == strongest
    np.testing.assert_array_equal(deep.kernels["torch"], run.weights["torch"]["3.weight"][strongest])
    np.testing.assert_allclose(deep.maps["numpy"], maps[strongest], atol=1e-5)


def test_drift_and_epochs_come_from_the_rows(trained: Path) -> None:
    run, rows = findings.load(trained), read_table(trained / "metrics.csv")
    drift = findings.drift(run)
    assert list(drift) == ["0 Conv2d", "4 Linear"]
    expected = [max(float(row["difference_4.weight"]), float(row["difference_4.bias"])) for row in rows]
    assert drift["4 Linear"].tolist() == expected
    ended = findings.epochs(run)
    assert ended["epoch"].tolist() == [1, 2]
    assert ended["step"].tolist() == [20, 40]
    assert ended["torch_test_accuracy"].tolist() == [float(rows[index]["torch_test_accuracy"]) for index in (9, 19)]


def test_smoothing_is_the_mean_around() -> None:
    values = np.array([4.0, 1.0, 7.0, 1.0, 0.0, 2.0])
    expected = [values[max(0, i - 1) : i + 2].mean() for i in range(6)]
    np.testing.assert_allclose(findings.smooth(values, 3), expected)
    np.testing.assert_array_equal(findings.smooth(values, 1), values)
    broken = findings.smooth(np.array([1.0, 1.0, 1.0, np.nan, 1.0, 1.0, 1.0]), 3)
    assert np.isnan(broken).tolist() == [False, False, True, True, True, False, False]


@pytest.mark.parametrize("rows", [1, 2, 14, 45, 470, 5000])
def test_the_smoothing_window_is_odd_and_fits(rows: int) -> None:
    window = run_page.smoothing_window(rows)
    assert window % 2 == 1
    assert 1 <= window <= max(1, rows / 10)


@pytest.mark.parametrize("network", NETWORKS)
def test_the_times_are_of_every_layer_and_of_the_right_computation(network: str, data: MNIST) -> None:
    """The parts together are a training step: they leave its gradients behind."""
    both = Lockstep(network, lr=0.0)
    images, labels = normalize(data.train_images[:6]), data.train_labels[:6]
    networks = {"numpy": both.numpy.network, "torch": both.torch.network}
    for side in networks.values():
        for layer in side.modules():
            if isinstance(layer, nn.Dropout | torch.nn.Dropout):
                layer.p = 0.0  # else every step has masks, and so gradients, of its own
    times = layer_times.measure(networks, images, labels, seconds=0)
    named = [f"{name} {type(layer).__name__}" for name, layer in both.torch.network.named_children()]
    assert [layer.name for layer in times] == [*named, "loss"]
    assert times[-2].shape == (10,)
    assert times[-1].shape == ()
    assert times[0].shape == tuple(both.torch.network[0](torch.from_numpy(images)).shape[1:])
    assert min(time for layer in times for one in layer.milliseconds.values() for time in one.values()) > 0
    gradients = {
        "numpy": [parameter.grad.copy() for parameter in both.numpy.network.parameters() if parameter.grad is not None],
        "torch": [parameter.grad.numpy().copy() for parameter in both.torch.network.parameters()],
    }
    both.step(data.train_images[:6], labels)
    for ours, whole in zip(gradients["numpy"], both.numpy.network.parameters(), strict=True):
        np.testing.assert_array_equal(ours, whole.grad)
    for theirs, leaf in zip(gradients["torch"], both.torch.network.parameters(), strict=True):
        np.testing.assert_allclose(theirs, leaf.grad, rtol=1e-4, atol=1e-6)


def test_the_times_of_a_network_that_begins_without_weights(data: MNIST) -> None:
    both = Lockstep(lambda nn: nn.Sequential(nn.Flatten(), nn.Linear(784, 10)))
    networks = {"numpy": both.numpy.network, "torch": both.torch.network}
    times = layer_times.measure(networks, normalize(data.train_images[:6]), data.train_labels[:6], seconds=0)
    assert [layer.name for layer in times] == ["0 Flatten", "1 Linear", "loss"]


def test_the_times_of_a_network_that_is_no_row_of_layers(data: MNIST) -> None:
    def build(nn: Any) -> Any:
        class Net(nn.Module):  # type: ignore[misc]
            def __init__(self) -> None:
                super().__init__()
                self.flatten, self.dense = nn.Flatten(), nn.Linear(784, 10)

            def forward(self, images: Any) -> Any:
                return self.dense(self.flatten(images))

            def backward(self, grad_output: Any, needs_input_grad: bool = True) -> Any:
                return self.flatten.backward(self.dense.backward(grad_output), needs_input_grad)

        return Net()

    def nested(nn: Any) -> Any:
        return nn.Sequential(nn.Flatten(), nn.Sequential(nn.ReLU(inplace=True), nn.Linear(784, 10)), nn.ReLU(True))

    for function, names in ((build, ["Net"]), (nested, ["0 Flatten", "1 Sequential", "2 ReLU"])):
        both = Lockstep(function)
        networks = {"numpy": both.numpy.network, "torch": both.torch.network}
        times = layer_times.measure(networks, normalize(data.train_images[:6]), data.train_labels[:6], seconds=0)
        assert [layer.name for layer in times] == [*names, "loss"]
        assert times[-2].shape == (10,)


# What is drawn.


def test_zeros_and_infinities_fit_a_logarithmic_axis() -> None:
    layers = {"a": np.array([0.0, 3e-9, 0.5]), "b": np.array([np.nan, np.inf, 0.0])}
    floor, shown = run_plots.above_zero(layers, 1e-7)
    assert floor == 1e-10
    assert shown["a"].tolist() == [1e-10, 3e-9, 0.5]
    assert np.isnan(shown["b"]).tolist() == [True, True, False]
    drawn = run_plots.drift(np.arange(1.0, 4), layers, 1e-7, "float32", np.array([2.0]))
    assert ">0</text>" in drawn
    assert ">10⁻⁸</text>" in drawn
    equal = run_plots.drift(np.arange(1.0, 4), {"a": np.zeros(3)}, 1e-7, "float32", np.array([]))
    assert ">0</text>" in equal


def test_the_ticks_of_a_logarithmic_axis() -> None:
    assert run_plots._powers(np.array([2e-4, 0.3, np.nan]), 1e-5) == (
        [1e-4, 1e-3, 0.01, 0.1, 1.0],
        ["10⁻⁴", "10⁻³", "10⁻²", "10⁻¹", "10⁰"],
    )
    places, names = run_plots._powers(np.array([1e-17, 1.0]), 1e-17)
    assert (places[0], names[0]) == (1e-17, "0")
    assert len(places) <= 8


def test_a_long_curve_is_drawn_thinner() -> None:
    kept = run_plots._thinned(12_345)
    assert len(kept) == run_plots.POINTS
    assert (kept[0], kept[-1]) == (0, 12_344)
    assert set(np.diff(kept)) <= {41, 42}
    assert run_plots._thinned(7).tolist() == list(range(7))


def test_a_loss_that_is_not_finite_leaves_a_gap() -> None:
    step, fine = np.arange(1.0, 6), np.array([2.0, 1.0, 0.5, 0.4, 0.3])
    broken = np.array([2.0, 1.0, np.inf, np.nan, np.nan])
    raw = {"numpy": fine, "torch": broken}
    drawn = run_plots.losses(step, raw, raw, np.array([]))
    assert ">0.5</text>" in drawn
    assert ">1</text>" in drawn
    nothing = dict.fromkeys(SIDES, np.full(5, np.nan))
    assert "nan" not in run_plots.losses(step, nothing, nothing, np.array([]))


def test_the_colours_of_weights_and_of_maps() -> None:
    kernels = np.array([-2.0, 0.0, 2.0, np.nan], np.float32)
    red, green, blue, _ = run_plots.kernel_colours(kernels, 2.0).astype(int).T
    assert blue[0] > red[0] + 50
    assert min(red[1], green[1], blue[1]) > 240
    assert red[2] > blue[2] + 50
    assert (red[3], green[3], blue[3]) == (0x78, 0xBE, 0x3C)
    maps = run_plots.map_colours(np.array([-1.0, 0.0, 1.0, 4.0, np.nan]), 4.0)
    assert maps[:, 0].tolist() == [0, 0, 64, 255, 0x78]
    assert (maps[:4, 0] == maps[:4, 2]).all()
    assert (maps[:, 3] == 255).all()
    assert run_plots.limit_of([np.array([1.0, -3.0]), np.array([np.nan, np.inf])]) == 3
    assert run_plots.limit_of([np.array([0.0, np.nan])]) == 1


def test_a_mosaic_has_every_tile_in_its_place() -> None:
    tiles = np.random.default_rng(0).integers(0, 256, (5, 4, 2, 4), np.uint8)
    rows = run_plots.rows_of(tiles, columns=3)
    assert rows.shape == (2, 3, 4, 2, 4)
    assert not rows[1, 2].any()
    picture = run_plots.mosaic(rows)
    scale, gap = round(run_plots.TILE / 4), run_plots.GAP
    for number, i, j in itertools.product(range(5), range(4), range(2)):
        top, left = gap + number // 3 * (4 * scale + gap), gap + number % 3 * (2 * scale + gap)
        part = picture[top + i * scale : top + (i + 1) * scale, left + j * scale : left + (j + 1) * scale]
        assert (part == tiles[number, i, j]).all()
    assert (picture[:gap] == run_plots.FRAME).all()
    assert picture.shape == (2 * (4 * scale + gap) + gap, 3 * (2 * scale + gap) + gap, 4)


# What is written.


def test_writing_leaves_settings_as_they_are(run: Path, data: MNIST) -> None:
    looks, threads = dict(matplotlib.rcParams), torch.get_num_threads()
    write(run, data)
    assert dict(matplotlib.rcParams) == looks
    assert looks["text.color"] != run_plots.INK  # nor did another test change it before
    assert torch.get_num_threads() == threads


def test_the_page_is_whole_and_stands_alone(split: Path) -> None:
    text = (split / "report.html").read_text(encoding="utf-8")
    assert len(text) < 500_000
    without_pixels = re.sub(r"base64,[^\"]*", "", text)
    assert "http" not in without_pixels
    assert "<script" not in text
    assert text.count("<style") == 1  # those of the pictures would change the page
    assert "prefers-color-scheme: dark" in text
    assert all(colour not in text for colour in run_plots.VARIABLES)
    page = Page(text)
    assert all(image["alt"] for image in page.images)
    assert len(page.drawings) == 4
    assert all(drawing["aria-label"] and drawing["role"] == "img" for drawing in page.drawings)
    assert len(set(page.ids)) == len(page.ids)
    for reference in re.findall(r'url\(#([^)]*)\)|href="#([^"]*)"', text):
        assert "".join(reference) in page.ids
    assert "machine: CPU a <fast> one" in page.text
    assert "limit not set" in page.text


def test_a_screen_reader_finds_its_way(split: Path, run: Path, data: MNIST) -> None:
    outline = Outline((split / "report.html").read_text(encoding="utf-8"))
    outline.check()
    assert len(outline.regions) == 5
    assert 3 in outline.headings
    (run / "summary.json").unlink()
    Outline(write(run, data)).check()


def test_no_name_becomes_markup(trained: Path, data: MNIST, tmp_path: Path) -> None:
    hostile = """<script>alert("&')<|script>"""  # no slash, for the name of a folder
    folder = Path(shutil.copytree(trained, tmp_path / hostile))
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps({**config, hostile: hostile, "machine": {hostile: hostile}}))
    text = write(folder, data)
    assert "<script" not in text
    assert text.count("&lt;script&gt;alert(&#34;&amp;&#39;)&lt;|script&gt;") == 5
    Outline(text).check()


def test_pictures_describe_themselves_without_becoming_markup() -> None:
    assert run_plots.image(np.zeros((2, 3), np.uint8), '"><b>').endswith(
        'width="3" height="2" alt="&#34;&gt;&lt;b&gt;">'
    )
    drawn = run_plots.drift(np.arange(1.0, 3), {"<b>": np.ones(2)}, 1e-7, "float32", np.array([]))
    assert "<b>" not in drawn
    assert "&lt;b&gt;</text>" in drawn


def test_the_headline_is_what_the_run_found(trained: Path, written: str) -> None:
    text = Page(written).text
    summary = json.loads((trained / "summary.json").read_text())
    assert summary["test_images"] == 250
    assert f"Test accuracy {summary['accuracy']['numpy']:.2%} NumPy {summary['accuracy']['torch']:.2%} torch" in text
    assert f"Equal predictions {summary['equal_predictions']} of 250" in text
    digits, _, exponent = f"{summary['max_weight_difference']:.1e}".partition("e")
    assert f"Largest weight difference {digits} × 10 −{-int(exponent)} in" in text
    assert "Time 1.2 s NumPy 2.5 s torch" in text
    assert "Images per second 3,000 NumPy 1,500 torch NumPy trains 2.00 times as many as torch; 1 thread each." in text
    assert "finished 20250102-030405-formula" in text
    assert "not what the weights give" not in text
    assert "torch drifts as far from itself" in text


def test_the_numbers_in_the_confusion_matrix(trained: Path, data: MNIST, written: str) -> None:
    part = section(written, "What is taken for what")
    rows = re.findall(r'<tr><th scope="row">(\d)</th>(.*?)</tr>', part, re.DOTALL)
    chosen = formula_scores(trained / "weights.safetensors", data.test_images).argmax(axis=1)
    assert len(rows) == 10
    for label, row in rows:
        cells = re.findall(r"<td[^>]*>(.*?)</td>", row)
        expected = [int(((data.test_labels == int(label)) & (chosen == j)).sum()) for j in range(10)]
        assert [0 if cell == "·" else int(cell) for cell in cells[:-1]] == expected
        assert cells[-1] == f"{expected[int(label)] / sum(expected):.1%}"
        colours = ["right" if j == int(label) else "wrong" for j in range(10) if expected[j]]
        assert re.findall('<td class="(right|wrong)"', row) == colours


def test_the_images_that_are_misclassified_or_differ(split: Path, data: MNIST) -> None:
    text = (split / "report.html").read_text(encoding="utf-8")
    scores = {side: formula_scores(split / name, data.test_images) for side, name in WEIGHTS.items()}
    shares = {side: np.exp(one) / np.exp(one).sum(axis=1, keepdims=True) for side, one in scores.items()}
    chosen = {side: one.argmax(axis=1) for side, one in scores.items()}
    wrong = np.flatnonzero(chosen["numpy"] != data.test_labels)
    surest = wrong[np.argsort(-shares["numpy"][wrong].max(axis=1))]
    part = section(text, "Misclassified")
    assert len(wrong) > 30
    assert f"30 of the {len(wrong)} test images that NumPy gets wrong" in part
    assert [int(number) for number in re.findall("<p>test image (\\d+)</p>", part)] == surest[:30].tolist()
    assert f"<p>{', '.join(map(str, surest))}</p>" in part

    different = np.flatnonzero(chosen["numpy"] != chosen["torch"])
    differing = section(text, "Where the two sides differ")
    listed = re.findall("<p>test image (\\d+)</p>", differing)
    assert [int(number) for number in listed] == different[:30].tolist()

    for number, where in ((surest[0], part), (different[0], differing)):
        label = data.test_labels[number]
        classes = list(dict.fromkeys([chosen["numpy"][number], chosen["torch"][number], label]))
        markup = where.split('<div class="image">')[1]
        card = Page("<div>" + markup)
        np.testing.assert_array_equal(card.pixels(f"Test image {number}, of class {label}"), data.test_images[number])
        expected = [f"test image {number}", *(f"{one} ✓" if one == label else str(one) for one in classes)]
        bold = []
        for side, name in (("numpy", "NumPy"), ("torch", "torch")):
            expected += [name, *(f"{shares[side][number][one]:.1%}" for one in classes)]
            bold.append(f"{shares[side][number][chosen[side][number]]:.1%}")
        assert card.text.startswith(" ".join(expected))
        assert re.findall('<td class="chosen">(.*?)</td>', markup) == bold


def test_the_kernels_in_the_page_are_the_weights(trained: Path, data: MNIST, written: str) -> None:
    page = Page(written)
    weights = {side: load_file(trained / name)["0.weight"] for side, name in WEIGHTS.items()}
    limit = max(np.abs(one).max() for one in weights.values())
    scale, gap = round(run_plots.TILE / 3), run_plots.GAP
    for side, name in (("numpy", "NumPy"), ("torch", "torch")):
        picture = page.pixels(f"Kernels of layer 0, {name}")
        for kernel, i, j in itertools.product(range(8), range(3), range(3)):
            found = picture[gap + i * scale + 1, gap + kernel * (3 * scale + gap) + j * scale + 1]
            weight = weights[side][kernel, 0, i, j]
            colour = matplotlib.colormaps["RdBu_r"](0.5 + 0.5 * weight / limit, bytes=True)
            np.testing.assert_allclose(found, colour, atol=3)  # one step of the scale
    digit = page.pixels(f"Test image 0, of class {data.test_labels[0]}")
    np.testing.assert_array_equal(digit[::3, ::3], data.test_images[0])
    assert f"−{limit:.2f}" in page.text


def test_the_table_of_times(run: Path, data: MNIST, monkeypatch: pytest.MonkeyPatch) -> None:
    """With known times, measured with as many threads as the run had."""
    seen: list[int] = []

    def measure(*arguments: Any) -> list[LayerTime]:
        seen.append(torch.get_num_threads())
        return [
            LayerTime("0 Conv2d", (8, 26, 26), {"numpy": {"forward": 1.0, "backward": 3.0},
                                                "torch": {"forward": 2.0, "backward": 4.0}}),
            LayerTime("loss", (), {"numpy": {"forward": 0.5, "backward": 0.25},
                                   "torch": {"forward": 0.25, "backward": 0.125}}),
        ]  # fmt: skip

    edited("config.json", lambda text: text.replace('"threads": 1', '"threads": 2'))(run)
    monkeypatch.setattr(layer_times, "measure", measure)
    part = section(write(run, data), "Time of each layer")
    assert seen == [2]
    assert "2 threads each" in Page(part).text
    assert "0 Conv2d 8 × 26 × 26 1.000 2.000 0.50 3.000 4.000 0.75" in Page(part).text
    assert "loss 0.500 0.250 2.00 0.250 0.125 2.00 sum 1.500 2.250 0.67 3.250 4.125 0.79" in Page(part).text
    assert re.findall(r"width:([\d.]+)%", part) == ["25.0", "50.0", "75.0", "100.0", "12.5", "6.2", "6.2", "3.1"]


def test_equal_sides_are_said_to_be_equal(run: Path, data: MNIST) -> None:
    shutil.copy(run / "weights.safetensors", run / "weights-torch.safetensors")
    text = Page(write(run, data)).text
    assert "Largest weight difference 0 Between" in text
    assert "Nowhere: all 250 test images get the same class from both." in text


@pytest.mark.parametrize("network", NETWORKS)
def test_every_network_with_other_classes_and_few_images(network: str, data: MNIST, tmp_path: Path) -> None:
    few = MNIST(data.train_images[:5], data.train_labels[:5], data.test_images[:4], data.test_labels[:4] + 2)
    folder = leave_run(tmp_path / network, few._replace(**first(64, data)), network, classes=12)
    text = write(folder, few)
    assert len(re.findall(r'<tr><th scope="row">\d+</th>', section(text, "What is taken for what"))) == 12
    assert "milliseconds for 5 images" in text
    layers = NETWORKS[network](torch.nn).named_modules()
    convolutions = [name for name, layer in layers if isinstance(layer, torch.nn.Conv2d)]
    assert re.findall(r"<h3>Layer (\S+):", text) == convolutions
    assert len(Page(text).images) >= 4 * len(convolutions)


def test_float64(data: MNIST, tmp_path: Path) -> None:
    folder = leave_run(tmp_path / "run", data._replace(**first(64, data)), dtype="float64")
    text = Page(write(folder, data)).text
    assert "2.2 × 10 −16 (eps)" in text
    assert "In float64 they stay tiny" in text
    assert "eps of float64" in text


def test_a_run_that_was_stopped_in_its_first_epoch(run: Path, data: MNIST) -> None:
    (run / "summary.json").unlink()
    write_table(run / "metrics.csv", read_table(run / "metrics.csv")[:3])
    text = Page(write(run, data)).text
    assert "not finished" in text
    assert "the run was stopped after step 6, in epoch 1, or it is still going on" in text
    assert "No epoch was finished" in text
    assert "Images per second 2,000 NumPy 1,000 torch" in text
    assert "Time 1.2 s" not in text


def test_a_run_without_a_single_step(run: Path, data: MNIST) -> None:
    (run / "summary.json").unlink()
    header = (run / "metrics.csv").read_text().splitlines()[0]
    (run / "metrics.csv").write_text(header + "\n")
    text = Page(write(run, data)).text
    assert "No step is on record yet." in text
    assert "stopped at its start" in text
    assert "Images per second" not in text


def test_weights_that_are_not_numbers_are_named(run: Path, data: MNIST) -> None:
    def change(arrays: dict[str, Array]) -> None:
        arrays["0.weight"][2, 0, 1, 1] = np.nan
        arrays["4.bias"][:2] = np.inf

    change_weights(run / "weights-torch.safetensors", change)
    rows = read_table(run / "metrics.csv")
    for row in rows[5:]:
        row |= {"torch_loss": "nan", "difference_0.weight": "nan", "max_weight_difference": "nan"}
    write_table(run / "metrics.csv", rows)
    page = Page(write(run, data))
    assert "torch: 1 of 72 weights in 0.weight are NaN or infinite." in page.text
    assert "torch: 2 of 10 weights in 4.bias are NaN or infinite." in page.text
    assert "torch's scores of 250 of 250 test images hold NaN" in page.text
    assert "torch's loss is not a finite number at step 12." in page.text
    assert "Largest weight difference NaN in 0.weight" in page.text
    assert "which is not what the weights give now" in page.text
    assert "NumPy: 1 of" not in page.text
    kernels = page.pixels("Kernels of layer 0, torch")
    scale = round(run_plots.TILE / 3)
    middle = run_plots.GAP + scale + scale // 2
    assert tuple(kernels[middle, 2 * (3 * scale + run_plots.GAP) + middle]) == (0x78, 0xBE, 0x3C, 255)


def test_data_that_the_run_cannot_have_been_trained_on(trained: Path, data: MNIST) -> None:
    with pytest.raises(ValueError, match="got data with class 12, the run's network has the classes 0 to 9; need"):
        run_page.write_report(trained, data._replace(test_labels=data.test_labels + 3))


@pytest.mark.parametrize("name", ["config.json", "metrics.csv", "weights.safetensors", "weights-torch.safetensors"])
def test_a_missing_file_is_named(name: str, run: Path, data: MNIST) -> None:
    (run / name).unlink()
    with pytest.raises(FileNotFoundError, match=rf"{name}: missing; need .*, which a training run writes there"):
        run_page.write_report(run, data)
    assert not (run / "report.html").exists()


def test_a_missing_folder_is_named(tmp_path: Path, data: MNIST) -> None:
    with pytest.raises(FileNotFoundError, match=r"nowhere: need the folder of a training run"):
        run_page.write_report(tmp_path / "nowhere", data)


def edited(name: str, change: Callable[[str], str]) -> Callable[[Path], object]:
    return lambda run: (run / name).write_text(change((run / name).read_text()))


def reshaped(arrays: dict[str, Array]) -> None:
    arrays["4.weight"] = arrays["4.weight"][:, :7]


def retyped(arrays: dict[str, Array]) -> None:
    arrays["0.bias"] = arrays["0.bias"].astype(np.float64)


def shortened(arrays: dict[str, Array]) -> None:
    del arrays["0.bias"]


def cut(run: Path) -> None:
    path = run / "weights.safetensors"
    path.write_bytes(path.read_bytes()[:-5])


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (edited("config.json", lambda text: text[:-4]), r"config\.json: damaged \(.*\); need a JSON object"),
        (edited("config.json", lambda text: "[]"), r"config\.json: got a JSON list, need an object"),
        (edited("config.json", lambda text: text.replace("formula", "resnet")),
         r"config\.json: network must be one of formula, .*, got 'resnet'"),
        (edited("config.json", lambda text: text.replace("float32", "float16")),
         r"config\.json: dtype must be one of float32, float64, got 'float16'"),
        (edited("config.json", lambda text: text.replace('"classes"', '"klasses"')),
         r"config\.json: classes must be an integer, at least 1, got None"),
        (edited("config.json", lambda text: text.replace('"threads": 1', '"threads": 0')),
         r"config\.json: threads must be an integer, at least 1, got 0"),
        (edited("metrics.csv", lambda text: ""), r"metrics\.csv: damaged \(.*\); need a table with the columns epoch,"),
        (edited("metrics.csv", lambda text: text.replace("torch_loss", "loss")),
         r"metrics\.csv: need the columns torch_loss, got epoch, step"),
        (edited("metrics.csv", lambda text: text.replace("difference_4.bias", "other")),
         r"metrics\.csv: need the columns difference_4\.bias, got"),
        (edited("metrics.csv", lambda text: text[:-30]), r"metrics\.csv, line 21: got \d+ of 16 columns"),
        (edited("metrics.csv", lambda text: text.replace("\n1,2,0.05,", "\n1,2,fast,")),
         r"metrics\.csv, line 2: lr must be a number, got 'fast'"),
        (edited("metrics.csv", lambda text: text.replace("\n1,2,0.05,", "\n1,2,,")),
         r"metrics\.csv, line 2: lr must be a number, got ''"),
        (edited("summary.json", lambda text: text.replace('"seconds"', '"minutes"')),
         r"summary\.json: seconds must hold a number for numpy and one for torch, got None"),
        (cut, r"weights\.safetensors: damaged"),
        (lambda run: change_weights(run / "weights.safetensors", shortened),
         r"weights\.safetensors: need the weights 0\.weight, .*, 4\.bias, got 0\.weight, 4\.bias, 4\.weight"),
        (lambda run: change_weights(run / "weights-torch.safetensors", reshaped),
         r"weights-torch\.safetensors: 4\.weight must be float32 \(10, 1352\), got float32 \(10, 7\)"),
        (lambda run: change_weights(run / "weights-torch.safetensors", retyped),
         r"weights-torch\.safetensors: 0\.bias must be float32 \(8,\), got float64 \(8,\)"),
    ],
)  # fmt: skip
def test_damage_is_named(damage: Callable[[Path], object], message: str, run: Path, data: MNIST) -> None:
    damage(run)
    with pytest.raises(ValueError, match=message):
        run_page.write_report(run, data)
