"""What is judged over several functions: gradients of a wrong forward, and where the mean is taken."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from tests.torch_parity.doctor.planted import TAKES, results_of
from torch_parity.audit.mistakes import MISTAKES
from torch_parity.doctor.examination import Entry, examine_all
from torch_parity.doctor.process import Problem, Reply
from torch_parity.doctor.question import Question
from torch_parity.doctor.right import answer, with_mistakes
from torch_parity.doctor.subject import Found, Takes
from torch_parity.proof.pairs import pair_named

Array = Any
Answers = Callable[[Question], dict[str, Array]]
NAMED = {mistake.name: mistake for mistake in MISTAKES}


def right(question: Question) -> dict[str, Array]:
    results = answer(pair_named(question.formula), question)
    assert results is not None
    return results


def planted(formula: str, mistake: str) -> Answers:
    pair = with_mistakes(formula, (NAMED[mistake],))

    def answers(question: Question) -> dict[str, Array]:
        results = answer(pair, question)
        assert results is not None
        return results

    return answers


def changed(**changes: Callable[[Array, Question], Array]) -> Answers:
    def answers(question: Question) -> dict[str, Array]:
        return {n: changes[n](r, question) if n in changes else r for n, r in right(question).items()}

    return answers


def examined(*functions: tuple[str, Answers], takes: Takes = TAKES["cs231n"]) -> dict[str, Entry]:
    """The entries, by name, of functions (name of section 2, its answers) that stand in one file."""
    subjects = []
    for index, (name, _) in enumerate(functions):
        formula, backward = name.removesuffix("_backward"), name.endswith("_backward")
        results = results_of(formula, backward)
        subjects.append(Found(index, name, name, "reference", "", results, takes, formula, index, ((),)))

    def ask(index: int, reading: int, *questions: Question) -> Reply:
        return Reply(functions[index][1](questions[-1]))

    return {entry.subject.name: entry for entry in examine_all(subjects, ask)}


def names(entry: Entry) -> dict[str, str]:
    """The mistake of each result: one alone, and proven."""
    assert all(d.certainty == "proven" and len(d.mistakes) == 1 for d in entry.diagnoses)
    return {d.result: d.mistakes[0].name for d in entry.diagnoses}


# The gradient of a forward that is wrong.


def flipped(question: Question) -> dict[str, Array]:
    """Convolution with the kernel turned, and the gradients of just that."""
    weight = question.arrays["weight"][..., ::-1, ::-1]
    turned = Question(
        "conv2d", question.kind, {**question.arrays, "weight": weight}, question.options, question.grad_output
    )
    results = right(turned)
    if "grad_weight" in results:
        results["grad_weight"] = results["grad_weight"][..., ::-1, ::-1]
    return results


def test_the_right_gradient_of_a_wrong_forward_follows_from_it() -> None:
    entries = examined(("conv2d", flipped), ("conv2d_backward", flipped))
    assert names(entries["conv2d"]) == {"output": "kernel-flipped"}
    gradient = entries["conv2d_backward"]
    assert gradient.verdict == "different"
    assert gradient.diagnoses == []
    assert gradient.follows == {"grad_input": "conv2d", "grad_weight": "conv2d"}


def test_the_same_gradient_of_a_right_forward_is_a_mistake_of_its_own() -> None:
    entries = examined(("conv2d", right), ("conv2d_backward", flipped))
    gradient = entries["conv2d_backward"]
    assert gradient.follows == {}
    assert names(gradient) == {"grad_input": "input-gradient-unflipped", "grad_weight": "weight-gradient-flipped"}


def test_a_gradient_that_is_wrong_even_for_its_wrong_forward_is_told_apart() -> None:
    averaged = changed(grad_weight=lambda r, q: r / q.sizes["N"])
    entries = examined(("conv2d", flipped), ("conv2d_backward", averaged))
    gradient = entries["conv2d_backward"]
    assert gradient.follows == {}
    assert names(gradient) == {"grad_weight": "weight-gradient-averaged"}


def test_the_gradient_of_a_summed_loss_follows() -> None:
    def summed(question: Question) -> dict[str, Array]:
        return {name: r * question.sizes["N"] for name, r in right(question).items()}

    entries = examined(("cross_entropy", summed), ("cross_entropy_backward", summed))
    assert names(entries["cross_entropy"]) == {"output": "summed-not-averaged"}
    assert entries["cross_entropy_backward"].follows == {"grad_input": "cross_entropy"}


def test_the_forward_may_stand_below_its_gradient() -> None:
    entries = examined(("conv2d_backward", flipped), ("conv2d", flipped))
    assert entries["conv2d_backward"].follows


# The mean over the batch.

BY_N = changed(grad_weight=lambda r, q: r / q.sizes["N"], grad_bias=lambda r, q: r / q.sizes["N"])
TIMES_N = changed(grad_input=lambda r, q: r * q.sizes["N"])


def test_the_mean_may_be_taken_in_the_layers_instead_of_the_loss() -> None:
    entries = examined(("linear_backward", BY_N), ("cross_entropy_backward", TIMES_N))
    for entry in entries.values():
        assert entry.verdict == "equal"
        assert set(entry.results.values()) == {"equal"}
        assert not entry.diagnoses
        assert "in the layers" in entry.conventions[-1]


def test_the_mean_must_be_taken_somewhere() -> None:
    entries = examined(("linear_backward", right), ("cross_entropy_backward", TIMES_N))
    assert entries["linear_backward"].verdict == "equal"
    assert names(entries["cross_entropy_backward"]) == {"grad_input": "gradient-not-averaged"}


def test_and_only_once() -> None:
    entries = examined(("linear_backward", BY_N), ("cross_entropy_backward", right))
    assert entries["linear_backward"].verdict == "different"
    assert entries["cross_entropy_backward"].verdict == "equal"


# Readings.


def test_the_first_reading_that_is_right_holds_and_its_conventions_are_told() -> None:
    found = Found(0, "linear", "dense", "class", "", ("output",), Takes(), "", 0, (("one",), ("two",), ("three",)))

    def ask(index: int, reading: int, *questions: Question) -> Reply:
        results = right(questions[-1])
        return Reply({"output": results["output"] + (0 if reading else 1)})

    (entry,) = examine_all([found], ask)
    assert (entry.verdict, entry.reading, entry.conventions) == ("equal", 1, ["two"])


def test_where_none_is_right_the_nearest_is_explained() -> None:
    found = Found(0, "linear", "dense", "class", "", ("output",), Takes(), "", 0, (("one",), ("two",)))
    pair = with_mistakes("linear", (NAMED["weights-as-in-out"],))

    def ask(index: int, reading: int, *questions: Question) -> Reply:
        if reading == 0:
            return Reply(problem=Problem("raises", "TypeError", "unexpected"))
        results = answer(pair, questions[-1])
        return Reply(problem=Problem("raises", "ValueError", "shapes")) if results is None else Reply(results)

    (entry,) = examine_all([found], ask)
    assert (entry.verdict, entry.reading) == ("different", 1)
    assert names(entry) == {"output": "weights-as-in-out"}


# What is equal, but for rounding.


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_rounding_is_no_difference_and_is_said(dtype: type[np.floating[Any]]) -> None:
    def rounded(question: Question) -> dict[str, Array]:
        noise = np.random.default_rng(1)
        results = {}
        for name, result in right(question).items():
            scale = max(1.0, float(np.abs(result).max())) * float(np.finfo(dtype).eps)
            results[name] = (result + scale * noise.uniform(-1, 1, result.shape)).astype(dtype)
        return results

    for name in ("conv2d", "conv2d_backward", "avg_pool2d"):
        (entry,) = examined((name, rounded)).values()
        assert entry.verdict == "equal"
        assert entry.rounding


def test_an_error_a_hundred_times_rounding_is_a_difference() -> None:
    (entry,) = examined(("conv2d", changed(output=lambda r, q: r * (1 + 1e-9)))).values()
    assert entry.verdict == "different"


@pytest.mark.parametrize("name", ["conv2d", "linear", "avg_pool2d"])
def test_sums_in_single_precision_may_come_back_as_double(name: str) -> None:
    def single(question: Question) -> dict[str, Array]:
        arrays = {n: a.astype(np.float32) for n, a in question.arrays.items()}
        less = right(Question(question.formula, question.kind, arrays, question.options))
        return {n: r.astype(np.float64) + 0.0 for n, r in less.items()}

    (entry,) = examined((name, single)).values()
    assert entry.verdict == "equal"


def test_a_mask_by_closeness_is_told_from_a_mask_by_equality() -> None:
    for mistake in ("ties-by-closeness", "ties-to-all"):
        (entry,) = examined(("max_pool2d_backward", planted("max_pool2d", mistake))).values()
        assert names(entry) == {"grad_input": mistake}


@pytest.mark.parametrize("epsilon", ["1e-7", "1e-8", "1e-12", "1e-15"])
@pytest.mark.parametrize(
    ("wrong", "mistake"),
    [
        (lambda p, e: np.log(p + e), "epsilon-in-the-logarithm"),
        (lambda p, e: np.log(np.clip(p, e, 1 - e)), "probabilities-clipped"),
    ],
)
def test_whatever_keeps_a_logarithm_finite_is_named(
    wrong: Callable[[Array, float], Array], mistake: str, epsilon: str
) -> None:
    def loss(question: Question) -> dict[str, Array]:
        x, target = question.arrays["input"], question.arrays["target"]
        e = np.exp(x - x.max(axis=1, keepdims=True))
        log_p = wrong(e / e.sum(axis=1, keepdims=True), float(epsilon))
        return {"output": -log_p[np.arange(len(x)), target].mean()}

    (entry,) = examined(("cross_entropy", loss), takes=TAKES["plain"]).values()
    assert names(entry) == {"output": mistake}
    assert epsilon in entry.diagnoses[0].mistakes[0].explanation


def test_a_fault_of_the_doctors_own_does_not_end_the_examination(monkeypatch: pytest.MonkeyPatch) -> None:
    from torch_parity.doctor import examination

    def broken(subject: Found, *others: object) -> Entry:
        if subject.name == "conv2d":
            raise RuntimeError("no idea")
        return Entry(subject)

    monkeypatch.setattr(examination, "examine_subject", broken)
    entries = examined(("conv2d", right), ("linear", right))
    assert entries["conv2d"].verdict == "raises"
    assert entries["conv2d"].problem is not None
    assert "no idea" in entries["conv2d"].problem.message
    assert entries["linear"].verdict == "equal"


def test_a_mean_that_is_wrong_in_the_loss_itself_is_not_one_taken_in_the_layers() -> None:
    entries = examined(
        ("cross_entropy", planted("cross_entropy", "averaged-twice")),
        ("cross_entropy_backward", planted("cross_entropy", "gradient-not-averaged")),
    )
    assert [entry.verdict for entry in entries.values()] == ["different", "different"]


def test_an_input_gradient_is_never_averaged() -> None:
    entries = examined(
        ("linear_backward", changed(grad_input=lambda r, q: r / q.sizes["N"])),
        ("cross_entropy_backward", planted("cross_entropy", "gradient-not-averaged")),
    )
    assert [entry.verdict for entry in entries.values()] == ["different", "different"]
