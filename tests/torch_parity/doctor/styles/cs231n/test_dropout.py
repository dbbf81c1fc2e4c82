from pathlib import Path

import numpy as np
import pytest

from tests.torch_parity.doctor.styles.answers import answers, mistaken, proven
from torch_parity.doctor.question import Question
from torch_parity.doctor.styles.cs231n.dropout import ASSIGNMENT_CACHE, P_DROPS, P_KEEPS, find
from torch_parity.doctor.worker import load

DROPOUT = """
import numpy as np

def dropout_forward(x, dropout_param):
    p, mode = dropout_param["p"], dropout_param["mode"]
    if "seed" in dropout_param:
        np.random.seed(dropout_param["seed"])
    mask = None
    out = None
    if mode == "train":
        mask = (np.random.rand(*x.shape) < p) / p
        out = x * mask
    elif mode == "test":
        out = x
    cache = (dropout_param, mask)
    out = out.astype(x.dtype, copy=False)
    return out, cache

def dropout_backward(dout, cache):
    dropout_param, mask = cache
    mode = dropout_param["mode"]
    dx = None
    if mode == "train":
        dx = dout * mask
    elif mode == "test":
        dx = dout
    return dx
"""

# Number by number, with a mask of truth values, and a cache of the student's own.
LOOPS = """
import random
import numpy as np

def dropout_forward_naive(x, dropout_param):
    keep = dropout_param["p"]
    if dropout_param["mode"] != "train":
        return x.copy(), (None, keep)
    out, kept = np.zeros(x.shape), np.zeros(x.shape, dtype=bool)
    for n in range(x.shape[0]):
        for d in range(x.shape[1]):
            kept[n, d] = random.random() < keep
            if kept[n, d]:
                out[n, d] = x[n, d] / keep
    return out, (kept, keep)

def dropout_backward_naive(dout, cache):
    kept, keep = cache
    if kept is None:
        return dout
    dx = np.zeros(dout.shape)
    for n in range(dout.shape[0]):
        for d in range(dout.shape[1]):
            if kept[n, d]:
                dx[n, d] = dout[n, d] / keep
    return dx
"""

FORWARD, BACKWARD = ("dropout_forward", "dropout"), ("dropout_backward", "dropout_backward")
MASK = "(np.random.rand(*x.shape) < p) / p"


def test_right_dropout_is_equal_whatever_it_draws(tmp_path: Path) -> None:
    found = answers(DROPOUT, tmp_path)
    assert {key: (entry.verdict, entry.conventions) for key, entry in found.items()} == {
        FORWARD: ("equal", [P_KEEPS]), BACKWARD: ("equal", [P_KEEPS]),
    }  # fmt: skip
    assert {entry.subject.style for entry in found.values()} == {"cs231n"}


def test_loops_are_equal(tmp_path: Path) -> None:
    assert {entry.verdict for entry in answers(LOOPS, tmp_path).values()} == {"equal"}


@pytest.mark.parametrize(
    ("right", "wrong", "convention"),
    [
        (MASK, "(np.random.rand(*x.shape) >= p) / (1 - p)", P_DROPS),
        (MASK, "np.random.binomial(1, p, x.shape) / p", P_KEEPS),
        (MASK, "(np.random.default_rng().random(x.shape) < p).astype(x.dtype) / p", P_KEEPS),
        (MASK, "np.random.choice([0, 1 / p], x.shape, p=[1 - p, p])", P_KEEPS),
        ('        np.random.seed(dropout_param["seed"])', "        pass", P_KEEPS),
        ('    if "seed" in dropout_param:\n        np', "    np", P_KEEPS),
    ],
)
def test_other_ways_to_draw_are_conventions(right: str, wrong: str, convention: str, tmp_path: Path) -> None:
    found = answers(mistaken(DROPOUT, right, wrong), tmp_path)
    assert {(entry.verdict, *entry.conventions) for entry in found.values()} == {("equal", convention)}
    assert len(found) == 2


def test_a_mask_that_is_scaled_in_both_halves_is_no_mistake(tmp_path: Path) -> None:
    source = mistaken(DROPOUT, MASK, "np.random.rand(*x.shape) < p")
    source = mistaken(source, "x * mask\n", "x * mask / p\n")
    source = mistaken(source, "dout * mask\n", "dout * mask / dropout_param['p']\n")
    assert {entry.verdict for entry in answers(source, tmp_path).values()} == {"equal"}


def test_a_backward_alone_is_asked_with_the_assignments_cache(tmp_path: Path) -> None:
    source = DROPOUT[: DROPOUT.index("def dropout_forward")] + DROPOUT[DROPOUT.index("def dropout_backward") :]
    entry = answers(source, tmp_path)[BACKWARD]
    assert (entry.verdict, entry.conventions) == ("equal", [P_KEEPS, ASSIGNMENT_CACHE])


@pytest.mark.parametrize(
    ("asked", "changes", "mistake"),
    [
        (FORWARD, ((MASK, "np.random.rand(*x.shape) < p"),), "dropout-not-scaled"),
        (FORWARD, ((MASK, "(np.random.rand(*x.shape) < p) * p"),), "dropout-scaled-the-wrong-way"),
        (FORWARD, (("        out = x\n", "        out = x * p\n"),), "dropout-scaled-when-tested"),
        (FORWARD, (('if mode == "train":\n        mask', 'if mode in ("train", "test"):\n        mask'),),
         "dropout-when-tested"),
        (FORWARD, ((MASK, "(np.random.rand(*x.shape) > p) / p"),), "p-as-share-kept"),
        (FORWARD, ((MASK, "(np.random.rand(*x.shape) < p) / (1 - p)"),), "p-as-share-kept"),
        (BACKWARD, ((MASK, "np.random.rand(*x.shape) < p"), ("x * mask\n", "x * mask / p\n")),
         "dropout-gradient-not-scaled"),
        (BACKWARD, (("dx = dout * mask", f'p = dropout_param["p"]; dx = dout * ({MASK.replace("x", "dout")})'),),
         "dropout-gradient-another-mask"),
        (BACKWARD, (("dx = dout * mask", "dx = dout"),), "dropout-gradient-not-masked"),
    ],
)  # fmt: skip
def test_mistakes_are_named(
    asked: tuple[str, str], changes: tuple[tuple[str, str], ...], mistake: str, tmp_path: Path
) -> None:
    source = DROPOUT
    for right, wrong in changes:
        source = mistaken(source, right, wrong)
    entry = answers(source, tmp_path, asked[:1])[asked]
    assert entry.verdict == "different"
    assert list(proven(entry).values()) == [[mistake]]


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ("1 / p", "it keeps 100.0% of 10000 numbers, where it should keep"),
        ("(np.random.randn(*x.shape) < p) / p", "of 10000 numbers, where it should keep"),
        ("(np.random.rand(*x.shape[1:]) < p) / p",
         "it drops the same numbers of all samples, where each sample has draws of its own"),
        ("(np.random.rand(len(x), 1) < p) / p",
         "it drops whole samples, where each number has a draw of its own"),
    ],
)  # fmt: skip
def test_what_does_not_drop_the_right_share_is_told(wrong: str, message: str, tmp_path: Path) -> None:
    entry = answers(mistaken(DROPOUT, MASK, wrong), tmp_path, ("dropout_forward",))[FORWARD]
    assert entry.problem is not None
    assert message in entry.problem.message
    assert not entry.diagnoses


def test_a_right_gradient_of_the_wrong_share_is_equal(tmp_path: Path) -> None:
    """It has the mask of its forward, whose share is told there, once."""
    found = answers(mistaken(DROPOUT, MASK, "(np.random.rand(*x.shape) < p / 2) / p"), tmp_path)
    assert found[FORWARD].verdict == "raises"
    assert found[BACKWARD].verdict == "equal"


def test_the_gradient_of_a_forward_that_drops_nothing_cannot_be_asked(tmp_path: Path) -> None:
    entry = answers(mistaken(DROPOUT, MASK, "np.ones(x.shape)"), tmp_path)[BACKWARD]
    assert entry.problem is not None
    assert "mend that first" in entry.problem.message


def test_the_gradient_at_0_is_that_of_any_number(tmp_path: Path) -> None:
    file = tmp_path / "mine.py"
    file.write_text(DROPOUT)
    (subject,) = find("dropout_backward", load(file).dropout_backward, {})
    arrays = {"input": np.zeros((1, 2)), "mask": np.array([[True, False]])}
    question = Question("dropout", "lattice", arrays, {"p": 0.75, "training": True}, np.array([[1.0, 2.0]]))
    assert subject.readings[0].prepare(question)(question)["grad_input"].tolist() == [[4.0, 0.0]]


def test_random_numbers_go_on_as_if_nothing_had_been_drawn(tmp_path: Path) -> None:
    np.random.seed(5)
    expected = np.random.rand()
    np.random.seed(5)
    answers(DROPOUT, tmp_path)
    assert np.random.rand() == expected


def test_what_returns_nothing_is_missing(tmp_path: Path) -> None:
    """As a function that is still to be written."""
    source = mistaken(DROPOUT, "return out, cache", "return None, cache")
    found = answers(mistaken(source, "return dx", "return None"), tmp_path)
    assert {entry.results[name] for entry in found.values() for name in entry.results} == {"missing"}
    assert [entry.problem for entry in found.values()] == [None, None]


def test_another_shape_is_different(tmp_path: Path) -> None:
    entry = answers(mistaken(DROPOUT, "out = x * mask", "out = (x * mask).ravel()"), tmp_path, FORWARD[:1])[FORWARD]
    assert (entry.verdict, entry.problem) == ("different", None)


def test_dropout_of_others_is_left(tmp_path: Path) -> None:
    source = "def dropout_forward(x, p): return x\ndef dropout_backward(dout, mask): return dout\n"
    assert not [entry for entry in answers(source, tmp_path).values() if entry.subject.style == "cs231n"]
