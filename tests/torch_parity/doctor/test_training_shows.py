"""What only training shows: the numbers that are told of it are those that training gives, on both sides."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import reference
from reference.datasets import MNIST, mnist
from torch_parity.doctor import pixel_values
from torch_parity.doctor.explain import explain, listing
from torch_parity.doctor.question import Array
from torch_parity.doctor.sheet import Sheet
from torch_parity.doctor.training_shows import BATCHES_TOLD, RIGHT, SHOWN_BY_TRAINING, Course, between
from torch_parity.networks import formula

PAGE = (Path(__file__).parents[3] / "docs" / "doctor.md").read_text(encoding="utf-8")
SEEDS = (1, 2)


@dataclass(frozen=True)
class Run:
    """One way to train: the pixels as floats, the rate, and what goes wrong beside them."""

    pixels: Callable[[Array], Array] = lambda x: x.astype(np.float32) / 255
    lr: float = 0.02
    zero: bool = True
    shuffled: bool = False


RUNS = {
    "": Run(),
    pixel_values.NOT_DIVIDED: Run(lambda x: x.astype(np.float32)),
    pixel_values.STAY_UINT8: Run(lambda x: x.astype(np.float32)),
    pixel_values.DIVIDED_TWICE: Run(lambda x: x.astype(np.float32) / 255 / 255),
    pixel_values.FLOORED: Run(lambda x: (x // 255).astype(np.float32)),
    pixel_values.WRAPPED: Run(lambda x: (x - np.uint8(33)).astype(np.float32) / np.float32(78.6)),
    "learning-rate-too-large": Run(lr=1.0),
    "gradients-not-zeroed": Run(zero=False),
    "labels-shuffled": Run(shuffled=True),
}


@cache
def data() -> MNIST:
    return mnist()


def losses_and_percent(run: Run, nn: Any, seed: int) -> tuple[list[float], float]:
    torch.manual_seed(seed)
    network: Any = formula(torch.nn)
    if nn is reference.nn:
        weights = {name: value.numpy() for name, value in network.state_dict().items()}
        network = formula(nn)
        network.load_state_dict(weights)
    optim: Any = torch.optim if nn is torch.nn else reference.optim
    optimizer, criterion = optim.SGD(network.parameters(), lr=run.lr, momentum=0.9), nn.CrossEntropyLoss()
    labels = data().train_labels
    order = np.random.default_rng(seed).permutation(len(labels))
    if run.shuffled:
        labels = np.random.default_rng(seed + 100).permutation(labels)
    losses = []
    for step in range(BATCHES_TOLD[-1]):
        rows = order[64 * step : 64 * step + 64]
        images, classes = run.pixels(data().train_images[rows])[:, None], labels[rows]
        if run.zero:
            optimizer.zero_grad()
        if nn is torch.nn:
            loss = criterion(network(torch.from_numpy(images)), torch.from_numpy(classes))
            loss.backward()
            losses.append(loss.item())
        else:
            losses.append(float(criterion(network(images), classes)))
            network.backward(criterion.backward(), needs_input_grad=False)
        optimizer.step()
    images = run.pixels(data().test_images)[:, None]
    with torch.no_grad():
        scores = np.asarray(network(torch.from_numpy(images)) if nn is torch.nn else network(images))
    right = scores.argmax(1) == data().test_labels
    return [losses[batch - 1] for batch in BATCHES_TOLD], 100 * float(right.mean())


@pytest.mark.slow
@pytest.mark.parametrize("side", ["numpy", "torch"])
@pytest.mark.parametrize("name", RUNS)
def test_training_goes_as_is_told(name: str, side: str) -> None:
    course = SHOWN_BY_TRAINING[name].course if name else RIGHT
    for seed in SEEDS:
        losses, percent = losses_and_percent(RUNS[name], reference.nn if side == "numpy" else torch.nn, seed)
        for (low, high), found in zip((*course.losses, course.percent), (*losses, percent), strict=True):
            assert low <= found <= high, (seed, losses, percent)


@pytest.mark.slow
def test_with_raw_pixels_every_relu_gives_0_in_the_end() -> None:
    torch.manual_seed(SEEDS[0])
    network = formula(torch.nn)
    optimizer = torch.optim.SGD(network.parameters(), lr=0.02, momentum=0.9)
    order = np.random.default_rng(SEEDS[0]).permutation(60_000)
    images = torch.from_numpy(data().train_images.astype(np.float32))[:, None]
    for step in range(100):
        rows = order[64 * step : 64 * step + 64]
        optimizer.zero_grad()
        classes = torch.from_numpy(data().train_labels[rows])
        loss: Any = torch.nn.functional.cross_entropy(network(images[rows]), classes)
        loss.backward()
        optimizer.step()
    with torch.no_grad():
        assert not network[1](network[0](torch.from_numpy(data().test_images.astype(np.float32))[:, None])).any()


def test_every_mistake_of_pixels_is_among_them() -> None:
    pixels = {pixel_values.NOT_DIVIDED, pixel_values.STAY_UINT8, pixel_values.DIVIDED_TWICE, pixel_values.FLOORED}
    assert {*pixels, pixel_values.WRAPPED} < set(SHOWN_BY_TRAINING)
    assert set(RUNS) == {"", *SHOWN_BY_TRAINING}


@pytest.mark.parametrize("name", SHOWN_BY_TRAINING)
def test_what_training_shows_is_explained(name: str) -> None:
    sheet = Sheet(80)
    explain(name, sheet)
    words = " ".join(str(sheet).split())
    assert words.startswith(f"{name} (a mistake that training shows)")
    shown = SHOWN_BY_TRAINING[name]
    for said in (shown.explanation, shown.remedy, str(shown.course), f"Without the mistake {RIGHT}"):
        assert " ".join(said.split()) in words


def test_the_list_has_them() -> None:
    sheet = Sheet(80)
    listing(sheet)
    assert set(SHOWN_BY_TRAINING) <= {line.split()[0] for line in str(sheet).splitlines() if line.startswith("  ")}


def row(course: Course) -> str:
    return " | ".join(between(ends) for ends in (*course.losses, course.percent)) + " |"


@pytest.mark.parametrize("name", ["", *(name for name in SHOWN_BY_TRAINING if name != pixel_values.STAY_UINT8)])
def test_the_page_has_their_numbers(name: str) -> None:
    first = f"`{name}`" if name else "nothing wrong"
    (line,) = [line for line in PAGE.splitlines() if line.startswith(f"| {first} |")]
    assert line.endswith(f"| {row(SHOWN_BY_TRAINING[name].course if name else RIGHT)}")
