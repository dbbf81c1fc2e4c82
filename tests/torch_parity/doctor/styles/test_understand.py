"""What ``understand`` makes of a file: wishes, adapters, what it does not understand, and code that nobody foresees."""

from pathlib import Path

import pytest

from tests.torch_parity.doctor.styles.asked import understood
from torch_parity.doctor.examination import examine_all

RELU = "import numpy as np\n\ndef relu(x):\n    return np.maximum(x, 0)\n"
TWO_LAYOUTS = """
def flatten(x):
    return x.reshape(len(x), -1)

def max_pool2d(x, k):
    N, C, H, W = x.shape
    return x[:, :, : H // k * k, : W // k * k].reshape(N, C, H // k, k, W // k, k).max((3, 5))
"""


def test_that_a_name_that_says_nothing_can_be_said_by_hand(tmp_path: Path) -> None:
    here, not_understood = understood(RELU.replace("relu", "cut"), tmp_path, named={"cut": "relu"})
    assert not_understood == []
    (entry,) = examine_all(here.find(), here.ask)
    assert (entry.subject.found, entry.subject.name, entry.verdict) == ("cut", "relu", "equal")


def test_that_what_is_said_by_hand_wins_over_the_name(tmp_path: Path) -> None:
    here, _ = understood(RELU.replace("relu", "softmax"), tmp_path, named={"softmax": "relu"})
    assert [one.name for one in here.find()] == ["relu"]


def test_that_a_class_can_be_named_by_hand(tmp_path: Path) -> None:
    source = """
import numpy as np

class Cut:
    def forward(self, x):
        self.x = x
        return np.maximum(x, 0)

    def backward(self, g):
        return np.where(self.x > 0, g, 0)
"""
    here, _ = understood(source, tmp_path, named={"Cut": "relu"})
    entries = list(examine_all(here.find(), here.ask))
    assert [(entry.subject.name, entry.verdict) for entry in entries] == [("relu", "equal"), ("relu_backward", "equal")]


@pytest.mark.parametrize("formula", ["conv3d", "sgd_backward", ""])
def test_that_no_formula_is_answered_with_those_there_are(tmp_path: Path, formula: str) -> None:
    here, (left,) = understood(RELU, tmp_path, named={"relu": formula})
    assert here.find() == []
    assert "no formula" in left.reason
    assert "max_pool2d" in left.what_helps


def test_that_a_formula_which_does_not_fit_is_said_so(tmp_path: Path) -> None:
    _, (left,) = understood(RELU, tmp_path, named={"relu": "linear"})
    assert left.reason == "as linear: it has no argument for weight"
    assert left.what_helps == "an argument called weight"


@pytest.mark.parametrize("wish", ["only", "named"])
def test_that_an_unknown_name_is_answered_with_those_there_are(tmp_path: Path, wish: str) -> None:
    if wish == "only":
        _, (left,) = understood(RELU, tmp_path, only=("rleu",))
    else:
        _, (left,) = understood(RELU, tmp_path, named={"rleu": "relu"})
    assert left.found == "rleu"
    assert left.what_helps == "one of these: relu"


def test_that_an_adapter_is_asked_first(tmp_path: Path) -> None:
    adapter = """
from torch_parity.doctor.subject import Reading, Subject

def find(things):
    run = lambda question: {"output": things["relu"](question.arrays["input"])}
    yield Subject("relu", "relu", "mine", "as I call it", ("output",), (Reading(lambda question: run),))
"""
    here, not_understood = understood(RELU, tmp_path, adapter=adapter)
    assert [one.style for one in here.find()] == ["mine"]
    assert not_understood == []


def test_that_an_adapter_which_fails_on_one_thing_is_asked_for_the_rest(tmp_path: Path) -> None:
    adapter = """
from torch_parity.doctor.subject import Reading, Subject

def find(things):
    for name in things:
        if name == "odd":
            raise KeyError(name)
        yield Subject("relu", name, "mine", "as I call it", ("output",), (Reading(lambda q: lambda q: {}),))
"""
    here, not_understood = understood(RELU + "\ndef odd(x):\n    return x\n", tmp_path, adapter=adapter)
    assert [(one.found, one.style) for one in here.find()] == [("relu", "mine")]
    assert [left.found for left in not_understood] == ["odd"]


@pytest.mark.parametrize(("layout", "verdict"), [(None, "equal"), ("nchw", "equal"), ("nhwc", "different")])
def test_that_a_layout_is_kept_to(tmp_path: Path, layout: str | None, verdict: str) -> None:
    here, _ = understood(TWO_LAYOUTS, tmp_path, only=("max_pool2d",), layout=layout)
    (entry,) = examine_all(here.find(), here.ask)
    assert (entry.verdict == "equal") == (verdict == "equal")
    assert ("images are stored (N, H, W, C)" in entry.conventions) == (layout == "nhwc")


def test_that_helpers_go_unmentioned_and_what_else_is_left_does_not(tmp_path: Path) -> None:
    helpers = "".join(f"def {name}(x):\n    return x\n\n" for name in ("im2col", "col2im", "get_indices", "f", "_own"))
    here, not_understood = understood(RELU + "\n" + helpers + "def softplus(x):\n    return x\n", tmp_path)
    assert [one.name for one in here.find()] == ["relu"]
    assert [left.found for left in not_understood] == ["softplus"]
    assert not_understood[0].what_helps == "--as softplus=FORMULA, if it computes one"


def test_that_a_file_of_nothing_but_helpers_is_spoken_of(tmp_path: Path) -> None:
    _, not_understood = understood("def im2col(x):\n    return x\n", tmp_path)
    assert [left.found for left in not_understood] == ["im2col"]


@pytest.mark.parametrize(
    ("source", "reason", "helps"),
    [
        ("class Conv2d:\n    def run(self):\n        return 1\n", "it has no method forward", "methods forward(input)"),
        ("def conv2d(x):\n    return x\n", "it has no argument for weight", "an argument called weight"),
        ("def flatten(x):\n    yield x\n", "it yields or awaits", "a plain function"),
        ("def relu(x, sugar, salt):\n    return x\n", "nobody says what the argument sugar is", "give it a default"),
        ("class Conv2d:\n    def __init__(self, i, o, k):\n        raise KeyError('no such name')\n"
         "    def forward(self, x):\n        return x\n", "raises KeyError", "in_channels, out_channels, kernel_size"),
        ("class Linear:\n    def __init__(self, n_in, n_out):\n        self.n = n_in\n"
         "    def forward(self, x):\n        return x\n", "no attribute with 15 weights", "self.weight"),
    ],
)  # fmt: skip
def test_that_what_cannot_be_called_is_left_with_a_reason(tmp_path: Path, source: str, reason: str, helps: str) -> None:
    here, (left,) = understood(source, tmp_path)
    assert here.find() == []
    assert reason in left.reason
    assert helps in left.what_helps


ODD = """
import functools

class Meta(type):
    def __getattr__(cls, name):
        raise RuntimeError(name)

class Conv2d(metaclass=Meta):
    __slots__ = ("weight",)
    def __init__(self, *args, **kwargs):
        self.weight = None
    @property
    def forward(self):
        raise RuntimeError("no")

class ReLU:
    def __init__(self):
        raise MemoryError
    def forward(self, x, /, *, y=2):
        return x

class Linear:
    def __init__(self, i, o):
        raise SystemExit
    def forward(self, x):
        return x

class Softmax:
    forward = property(lambda self: 1 / 0)
    def __getattribute__(self, name):
        raise ValueError(name)

class MaxPool2d:
    forward = functools.partial(print)

class CrossEntropyLoss:
    @staticmethod
    def forward(x, y):
        return x
    @classmethod
    def backward(cls):
        return cls

class Flatten(dict):
    def __init__(self, **more):
        self["weight"] = self
    def __call__(self, x):
        return x

def relu(*, x): return x
def linear(**everything): return everything
def softmax(*arrays): return arrays[0]
def conv2d(x, w, /, *more, bias=None): return x
def max_pool2d(): return 1
def avg_pool2d(x, k=lambda: 1): return x
def cross_entropy(x: "Nonsense[", y: 1 / 2): return x
async def log_softmax(x): return x
def flatten(x): yield x
def sgd(p, g, lr=None, *, momentum): return p
exec("def pad(x, p): return x")
"""


def test_that_no_code_can_crash_it(tmp_path: Path) -> None:
    here, not_understood = understood(ODD, tmp_path)
    for entry in examine_all(here.find(), here.ask):
        assert entry.verdict in ("equal", "different", "raises")
    assert "max_pool2d" in {left.found for left in not_understood}
