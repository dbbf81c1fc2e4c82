"""The page reads what is on its canvas as the reference does, and learns as the reference and torch do."""

from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

import reference
from reference import nn
from reference.datasets import normalize
from tests.torch_parity.lesson.conftest import Visits
from tests.torch_parity.lesson.reader import Reader
from torch_parity.lesson.example import UnequalError
from torch_parity.lesson.sections import whole
from torch_parity.networks import formula

Array = npt.NDArray[Any]

# Puts images onto the canvas, one after another, as somebody else's program may; returns what the page shows of each.
PUT = """(canvas, images) => {
    const shown = name => Array.from(
        document.querySelectorAll(`table[data-matrix='whole.${name}'] td`), cell => Number(cell.dataset.value));
    return images.map(pixels => {
        const picture = new ImageData(28, 28);
        pixels.forEach((pixel, i) => picture.data.set([pixel, pixel, pixel, 255], 4 * i));
        canvas.getContext("2d").putImageData(picture, 0, 0);
        canvas.dispatchEvent(new Event("change"));
        return {drawn: shown("drawn"), probabilities: shown("probabilities")};
    });
}"""

PARAMETERS = """async () => {
    const { training } = await import("sections/whole.js");
    return Object.fromEntries(
        Object.entries(training.network.parameters).map(([name, { data }]) => [name, Array.from(data)]));
}"""

# The quickest of many, since other programs take their share of the time.
MILLISECONDS_A_STEP = """async () => {
    const { training } = await import("sections/whole.js");
    return Math.min(...Array.from({length: 60}, () => {
        const start = performance.now();
        training.step(0.1);
        return performance.now() - start;
    }));
}"""


def probabilities(images: Array) -> Array:
    """Of images (N, 28, 28), as the reference computes them, in float64."""
    network = formula(nn).double()
    network.load_state_dict(whole.TRAINED)
    return reference.softmax(network(normalize(images.astype(np.uint8), dtype=np.float64)), dim=1)


def put(reader: Reader, images: Array) -> list[dict[str, list[float]]]:
    found = reader.page.locator("canvas[data-draw]").evaluate(PUT, images.reshape(len(images), -1).tolist())
    assert isinstance(found, list)
    return found


def reads_what_is_drawn(reader: Reader) -> bool:
    """Whether the probabilities on the page are those of the pixels on the page."""
    expected = probabilities(reader.matrix(whole.SECTION, "drawn")[None])
    return bool(np.abs(reader.matrix(whole.SECTION, "probabilities") - expected).max() <= 1e-12)


@pytest.mark.browser
@pytest.mark.slow
def test_of_100_digits_on_the_canvas_every_probability_is_the_references_and_most_are_right(visit: Visits) -> None:
    reader = visit("#whole").ready()
    images, labels = whole.TEST_IMAGES[:100], whole.TEST_LABELS[:100]
    shown = put(reader, images)
    expected = probabilities(images)
    found = np.array([each["probabilities"] for each in shown])
    assert np.array_equal(np.array([each["drawn"] for each in shown]).reshape(images.shape), images)
    assert np.abs(found - expected).max() <= 1e-12
    assert np.array_equal(found.argmax(1), expected.argmax(1))
    assert (found.argmax(1) == labels).sum() >= 92


@pytest.mark.browser
@pytest.mark.slow
def test_mouse_and_keys_draw_and_the_network_reads_it(visit: Visits) -> None:
    reader = visit("#whole").ready()
    canvas = reader.page.locator("canvas[data-draw]")
    reader.press(whole.SECTION, "Clear")
    assert not reader.matrix(whole.SECTION, "drawn").any()
    assert "Nothing is drawn" in reader.page.locator(".reads").inner_text()

    canvas.scroll_into_view_if_needed()
    box = canvas.bounding_box()
    assert box is not None
    pixel, mouse = box["width"] / 28, reader.page.mouse
    mouse.move(box["x"] + 7.5 * pixel, box["y"] + 3.5 * pixel)
    mouse.down()
    mouse.move(box["x"] + 7.5 * pixel, box["y"] + 21.5 * pixel, steps=6)
    mouse.up()
    drawn = reader.matrix(whole.SECTION, "drawn")
    assert (drawn[4:21, 7] == 255).all()
    assert not drawn[:, 12:].any()
    assert reads_what_is_drawn(reader)

    reader.press(whole.SECTION, "Centre it")
    centred = reader.matrix(whole.SECTION, "drawn")
    assert centred.sum() == drawn.sum()
    assert np.abs((np.argwhere(centred) * centred[centred > 0][:, None]).sum(0) / centred.sum() - 14).max() <= 0.5
    assert probabilities(centred[None]).argmax() == 1  # a stroke down the middle
    assert reads_what_is_drawn(reader)

    reader.press(whole.SECTION, "Clear")
    canvas.focus()
    for key in ("ArrowUp", "ArrowUp", " ", "Shift+ArrowLeft", "Shift+ArrowLeft", "Shift+ArrowLeft"):
        reader.page.keyboard.press(key)
    drawn = reader.matrix(whole.SECTION, "drawn")
    assert (drawn[11:13, 11:14] > 200).all()
    assert not drawn[16:].any()
    assert reads_what_is_drawn(reader)


@pytest.mark.browser
@pytest.mark.slow
def test_digits_that_can_be_picked_are_the_ones_proven(visit: Visits) -> None:
    reader = visit("#whole").ready()
    for i, example in enumerate(whole.SECTION.examples()):
        reader.page.locator("[data-digit]").nth(i).click()
        assert np.array_equal(reader.matrix(whole.SECTION, "drawn"), example.given["drawn"])
        for name, result in example.results.items():
            assert np.abs(reader.matrix(whole.SECTION, name) - result.numpy).max() <= 1e-12


@pytest.mark.browser
@pytest.mark.slow
def test_20_steps_in_the_page_are_those_of_the_reference_and_of_torch(visit: Visits) -> None:
    reader = visit("#whole").ready()
    reader.press(whole.SECTION, "20 steps")
    reader.page.wait_for_function(
        "document.querySelector(\"table[data-matrix='whole.steps'] td\").dataset.value === '20'"
    )
    found = reader.page.evaluate(PARAMETERS)
    for who, (network, _) in whole.sides().items():
        for name, array in network.state_dict().items():
            difference = np.abs(np.array(found[name]) - np.asarray(array).ravel()).max()
            assert difference <= 1e-12 * np.abs(np.asarray(array)).max(), f"{name} and {who}'s"
    right, total = reader.answer().split(" equal")[0].split(" of ")
    assert right == total


@pytest.mark.browser
@pytest.mark.slow
def test_training_goes_on_until_it_is_stopped_and_is_quick(visit: Visits) -> None:
    reader = visit("#whole").ready()
    at_birth = reader.matrix(whole.SECTION, "accuracy").item()
    reader.press(whole.SECTION, "Train")
    reader.page.wait_for_function(
        "Number(document.querySelector(\"table[data-matrix='whole.steps'] td\").dataset.value) >= 100", timeout=120_000
    )
    reader.press(whole.SECTION, "Stop")
    assert reader.matrix(whole.SECTION, "accuracy").item() > max(0.7, at_birth)
    stopped = reader.matrix(whole.SECTION, "steps").item()
    reader.page.wait_for_timeout(200)
    assert reader.matrix(whole.SECTION, "steps").item() == stopped
    assert reader.page.evaluate(MILLISECONDS_A_STEP) <= 1000 / 30
    reader.figure(whole.SECTION).locator(".restart").click()
    assert reader.matrix(whole.SECTION, "steps").item() == 0
    assert reader.matrix(whole.SECTION, "accuracy").item() == at_birth


@pytest.mark.slow
def test_no_page_where_training_differs(monkeypatch: pytest.MonkeyPatch) -> None:
    right = whole.learn_torch

    def learn(network: Any, optimizer: Any, images: Array, labels: Array) -> float:
        return right(network, optimizer, images, labels) + 2e-12

    monkeypatch.setattr(whole, "learn_torch", learn)
    with pytest.raises(UnequalError, match="20 steps of training: losses differs by 2"):
        whole.after_training()
