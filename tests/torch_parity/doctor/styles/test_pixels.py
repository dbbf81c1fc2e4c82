"""Functions that turn pixels into numbers: what is right in many ways, what is wrong, and where nothing is claimed."""

from pathlib import Path

import numpy as np
import pytest

from tests.torch_parity.doctor.styles.asked import answers, understood
from torch_parity.doctor import pixel_values
from torch_parity.doctor.examination import NOT_DETERMINISTIC
from torch_parity.doctor.question import Array
from torch_parity.doctor.styles import pixels

HEAD = "import numpy as np\n\n"
# What is returned, and what is told of it.
RIGHT = [
    ("x / 255", ["divided by 255"]),
    ("x.astype('float32') / 255.0", ["divided by 255"]),
    ("x / 256", ["divided by 256"]),
    ("x.astype(np.float32)[:, None] / 255", ["divided by 255", "with a channel, N,1,H,W"]),
    ("x[..., None] / 255", ["divided by 255", "with a channel, N,H,W,1"]),
    ("x.reshape(len(x), -1) / 255", ["divided by 255", "flattened"]),
    ("x.reshape(len(x), -1).T / 255", ["divided by 255", "flattened, an image in each column"]),
    ("x / 127.5 - 1", ["scaled to -1..1"]),
    ("(x.astype(float) - 128) / 128", ["scaled to -1..1"]),
    ("(x / 255 - 0.5) / 0.5", ["scaled to -1..1"]),
    ("x / 255 - 0.5", ["scaled to -0.5..0.5"]),
    ("(x / 255 - 0.1307) / 0.3081", ["standardised with the mean 0.131 and the standard deviation 0.308, of 0..1"]),
    ("(x - 33.3) / 78.6", ["standardised with the mean 0.131 and the standard deviation 0.308, of 0..1"]),
    ("(x - x.mean()) / x.std()", ["standardised with the mean and the standard deviation of the images given"]),
    ("(x - x.mean()) / (x.std() + 1e-7)",
     ["standardised with the mean and the standard deviation of the images given"]),
    ("x / 255 - (x / 255).mean()", ["divided by 255, and the mean of the images given subtracted"]),
    ("(x - x.min()) / (x.max() - x.min())", ["scaled to 0..1 by the least and the largest of the pixels given"]),
    ("x / x.max()", ["divided by the largest of the pixels given"]),
    ("(x - x.mean((1, 2), keepdims=True)) / x.std((1, 2), keepdims=True)",
     ["standardised, each image by its own mean and standard deviation"]),
    ("(x - x.mean(0)) / (x.std(0) + 1e-8)", ["standardised, each pixel by its own mean and standard deviation"]),
]  # fmt: skip
WRONG = [
    ("x.astype(np.float32)", pixel_values.NOT_DIVIDED),
    ("x.reshape(len(x), 1, 28, 28).astype(float)", pixel_values.NOT_DIVIDED),
    ("x.astype(int)", pixel_values.NOT_DIVIDED),
    ("x.reshape(len(x), -1)", pixel_values.STAY_UINT8),
    ("x / 255 / 255", pixel_values.DIVIDED_TWICE),
    ("x / 256.0 / 255.0", pixel_values.DIVIDED_TWICE),
    ("x // 255", pixel_values.FLOORED),
    ("(x / 255).astype(np.uint8)", pixel_values.FLOORED),
    ("(x / 255).astype(int)[:, None]", pixel_values.FLOORED),
    ("(x - 128) / 128", pixel_values.WRAPPED),
    ("((x - 33) / 78.6).reshape(len(x), -1)", pixel_values.WRAPPED),
]
# Nothing that is known, or nothing that is sure.
UNKNOWN = [
    "x / np.linalg.norm(x)", "1 - x / 255", "x - x.mean()", "np.sqrt(x)", "x / 25", "x > 127", "x[0] / 255", "None",
    "x.nope()", "x / 0", "np.pad(x, ((0, 0), (2, 2), (2, 2))) / 255", "'x'", "x * 2", "x / 255.0 + 3",
]  # fmt: skip


@pytest.mark.parametrize(("result", "told"), RIGHT)
def test_every_usual_way_is_right_and_told(result: str, told: list[str], tmp_path: Path) -> None:
    (entry,) = answers(f"{HEAD}def normalize(x):\n    return {result}\n", tmp_path).values()
    assert (entry.verdict, entry.conventions) == ("equal", told)


@pytest.mark.parametrize(("result", "mistake"), WRONG)
def test_what_leaves_pixels_as_they_are_is_named(result: str, mistake: str, tmp_path: Path) -> None:
    (entry,) = answers(f"{HEAD}def preprocess_images(x):\n    return {result}\n", tmp_path).values()
    assert (entry.verdict, entry.results) == ("different", {"output": "different"})
    assert [one.name for found in entry.diagnoses for one in found.mistakes] == [mistake]


@pytest.mark.parametrize("result", UNKNOWN)
def test_of_all_else_nothing_is_claimed(result: str, tmp_path: Path) -> None:
    assert answers(f"{HEAD}def normalize(x):\n    return {result}\n", tmp_path) == {}


@pytest.mark.parametrize(
    "rest",
    [
        "def train(x):\n    x = normalize(x) / 255\n",
        "def standard(x):\n    return (x - x.mean()) / x.std()\n",
        "SCALE = 1 / 256\n",
        "def to_unit(x):\n    return x / x.max()\n",
    ],
)
def test_a_file_that_may_divide_elsewhere_is_not_blamed(rest: str, tmp_path: Path) -> None:
    source = f"{HEAD}def normalize(x):\n    return x.astype(float)\n\n{rest}"
    assert ("normalize", "pixels") not in answers(source, tmp_path)


@pytest.mark.parametrize(
    "name",
    ["normalise", "normalizeImages", "my_normalize", "preprocess", "to_float", "images_to_float", "prepare_data"],
)
def test_what_such_functions_are_called(name: str, tmp_path: Path) -> None:
    assert (name, "pixels") in answers(
        f"{HEAD}def {name}(x, dtype=float):\n    return x.astype(dtype) / 255\n", tmp_path
    )


@pytest.mark.parametrize(
    "head",
    ["def normalize(x, mean)", "def normalize(*x)", "def normalize_gradient(x)", "def scale_and_shift(x)", "def f(x)",
     "class normalize"],
)  # fmt: skip
def test_what_is_something_else(head: str, tmp_path: Path) -> None:
    body = "    def __init__(self, x):\n        self.x = x / 255\n" if "class" in head else "    return x / 255\n"
    assert answers(f"{HEAD}{head}:\n{body}", tmp_path) == {}


def test_tensors(tmp_path: Path) -> None:
    source = "import torch\n\ndef to_float(x):\n    return x.float().unsqueeze(1) / 255\n"
    (entry,) = answers(source, tmp_path).values()
    told = ["it is given tensors of torch", "divided by 255", "with a channel, N,1,H,W"]
    assert (entry.verdict, entry.conventions) == ("equal", told)


def test_what_divides_every_other_time_is_named(tmp_path: Path) -> None:
    source = f"{HEAD}calls = []\n\ndef normalize(x):\n    calls.append(1)\n"
    source += "    return x / (255 if len(calls) < 5 else 256 * len(calls))\n"
    (entry,) = answers(source, tmp_path).values()
    assert entry.verdict == "different"
    assert [one for found in entry.diagnoses for one in found.mistakes] == [NOT_DETERMINISTIC]


def test_what_raises_an_error_after_it_was_found(tmp_path: Path) -> None:
    source = (
        f"{HEAD}calls = []\n\ndef normalize(x):\n    calls.append(1)\n    assert len(calls) < 5\n    return x / 255\n"
    )
    (entry,) = answers(source, tmp_path).values()
    assert entry.verdict == "raises"
    assert entry.problem is not None
    assert entry.problem.type == "AssertionError"


def test_a_file_without_one_is_asked_as_before(tmp_path: Path) -> None:
    here, _ = understood(f"{HEAD}def relu(x):\n    return np.maximum(x, 0)\n", tmp_path)
    assert [found.style for found in here.find()] == ["reference"]


def test_a_call_by_its_own_name_does_not_clear_it(tmp_path: Path) -> None:
    source = f"{HEAD}def normalize(x):\n    return x.astype(float)\n\ndef train(x):\n    return normalize(x)\n"
    assert answers(source, tmp_path)["normalize", "pixels"].verdict == "different"


def test_without_its_file_a_function_that_does_not_divide_is_left_alone() -> None:
    def normalize(x: Array) -> Array:
        return x.astype(np.float64)

    normalize.__module__ = "of_no_file"
    assert list(pixels.find({"normalize": normalize})) == []
