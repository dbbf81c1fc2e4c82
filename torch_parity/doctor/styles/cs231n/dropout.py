"""The assignments' dropout: ``dropout_forward(x, dropout_param) -> out, cache``.

It draws its mask itself, and what it draws is its own affair: only the share that it keeps is looked at, and that it
decides for each number by itself.  A question, which has a mask, is put many times over in one batch; then each number
of the answer is taken from where it was kept, or from where it was dropped, as the question's mask has it.  So what is
judged are the numbers that the student's code has computed, whatever it drew.
"""

import contextlib
import re
from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt

from torch_parity.doctor.question import Array, Question
from torch_parity.doctor.styles.calls import line_of, parameters
from torch_parity.doctor.styles.cs231n.halves import (
    SIGNATURE,
    Function,
    forward_of,
    out_and_cache,
    reading,
    with_globals,
)
from torch_parity.doctor.subject import Reading, Results, Run, Subject, Takes

Mask = npt.NDArray[np.bool]

DROPOUT = re.compile(r"dropout_(forward|backward)(?:_\w+)?")
P_KEEPS = "p is the probability that a number is kept; torch's p is that it is dropped"
P_DROPS = "p is the probability that a number is dropped, as torch's and as that of older assignments"
ASSIGNMENT_CACHE = "the cache is (dropout_param, mask), as in the assignment, and the mask is divided by p already"
TAKES = Takes(options=("p", "training"), ranks=(2,))
# How many times a question is put: a number that is kept once in ten times is kept at least once, in all likelihood.
COPIES = 256
# Rows and columns of the numbers that show how much is kept.
SAMPLE = (500, 20)
# How many standard deviations the share may be off: more, by chance, once in millions of times.
DEVIATIONS = 6
# That of the assignment's tests.
SEED = 123


def find(name: str, function: Function, things: dict[str, Any]) -> Iterator[Subject]:
    """The half of dropout that ``function`` is."""
    dropout = DROPOUT.fullmatch(name)
    if not dropout or len(parameters(function)) != 2:
        return
    if dropout[1] == "forward" and _is_ours(function):
        readings = [reading(_output(function, kept), (said,)) for kept, said in ((True, P_KEEPS), (False, P_DROPS))]
        yield Subject(
            "dropout", name, "cs231n", SIGNATURE, ("output",), tuple(readings), TAKES, name, line_of(function)
        )
    elif dropout[1] == "backward":
        every = with_globals(function, things)
        forward = forward_of(name, every)
        if forward and not _is_ours(every[forward]):
            return
        found = tuple(_backward_readings(function, every.get(forward)))
        yield Subject(
            "dropout_backward", name, "cs231n", SIGNATURE, ("grad_input",), found, TAKES, forward, line_of(function)
        )


def _is_ours(forward: Any) -> bool:
    """Whether the options come in a dictionary: others have functions of the same names."""
    arguments = parameters(forward)
    return len(arguments) == 2 and "param" in arguments[-1]


def _backward_readings(function: Function, forward: Function | None) -> Iterator[Reading]:
    for kept, said in ((True, P_KEEPS), (False, P_DROPS)):
        if forward is not None:
            yield reading(_with_own_cache(function, forward, kept), (said,))
        else:
            yield reading(_with_assignment_cache(function, kept), (said, ASSIGNMENT_CACHE))


def _param(question: Question, kept: bool) -> dict[str, Any]:
    p = question.options["p"]
    mode = "train" if question.options["training"] else "test"
    return {"p": 1 - p if kept else p, "mode": mode, "seed": SEED}


@contextlib.contextmanager
def _drawn_apart() -> Iterator[None]:
    """What is drawn afterwards is as if nothing had been drawn, and no seed set, inside."""
    state = np.random.get_state()
    try:
        yield
    finally:
        np.random.set_state(state)


# The output.


def _output(function: Function, kept: bool) -> Run:
    def run(question: Question) -> Results:
        x, param = question.arrays["input"], _param(question, kept)
        with _drawn_apart():
            if question.options["training"]:
                _check_draws(function, param, 1 - question.options["p"])
            out, _ = out_and_cache(function, (_many(x), param))
        if np.shape(out) != (COPIES * len(x), *x.shape[1:]):
            return {"output": out}
        every = _copies(out, x)
        return {"output": _picked(every, every != 0, question.arrays["mask"])}

    return run


def _many(array: Array) -> Array:
    """Its rows ``COPIES`` times, one after another."""
    return np.concatenate([array] * COPIES)


def _copies(array: Any, like: Array) -> Array:
    """The answers to each copy, (COPIES, N, D)."""
    return np.reshape(array, (COPIES, *like.shape))


def _picked(every: Array, is_kept: Mask, mask: Mask) -> Array:
    """Of each number the first copy that is kept or dropped as ``mask`` says; the first of all if there is none."""
    first = (is_kept == mask).argmax(axis=0)
    return np.asarray(np.take_along_axis(every, first[np.newaxis], axis=0)[0])


def _check_draws(function: Function, param: dict[str, Any], share: float) -> None:
    """ValueError where it does not keep ``share`` of many numbers, or does not decide for each by itself."""
    out, _ = out_and_cache(function, (np.ones(SAMPLE), param))
    if np.shape(out) != SAMPLE:
        return
    kept = np.asarray(out) != 0
    deviation = np.sqrt(share * (1 - share) / kept.size)
    some = kept.any() and not kept.all()
    if some and (kept == kept[:1]).all():
        raise ValueError("it drops the same numbers of all samples, where each sample has draws of its own")
    if some and (kept == kept[:, :1]).all():
        raise ValueError("it drops whole samples, where each number has a draw of its own")
    if abs(kept.mean() - share) > DEVIATIONS * deviation:
        raise ValueError(f"it keeps {kept.mean():.1%} of {kept.size} numbers, where it should keep {share:.1%}")


# The gradient.


def _with_own_cache(function: Function, forward: Function, kept: bool) -> Run:
    def run(question: Question) -> Results:
        x, g, mask = question.arrays["input"], question.grad_output, question.arrays["mask"]
        assert g is not None
        param = _param(question, kept)
        seen = np.where(x == 0, 1, x)  # a 0 does not show whether it was kept, and has the same gradient
        with _drawn_apart():
            out, cache = out_and_cache(forward, (_many(seen), param))
            dx = function(_many(g), cache)
        if np.shape(dx) != (COPIES * len(x), *x.shape[1:]):
            return {"grad_input": dx}
        is_kept, passes = _copies(out, x) != 0, _copies(dx, x) != 0
        if (passes & ~is_kept).any():  # through another mask
            return {"grad_input": _picked(_copies(dx, x), passes, _drawn_anew(x.shape, question.options["p"]))}
        if question.options["training"] and not (is_kept == mask).any(axis=0).all():
            raise ValueError("its forward always drops the same numbers, or always keeps them: mend that first")
        return {"grad_input": _picked(_copies(dx, x), is_kept, mask)}

    return run


def _drawn_anew(shape: tuple[int, ...], p: float) -> Mask:
    """The mask that stands for any other than the forward's: that of the known mistake."""
    return np.asarray(np.random.default_rng(0).random(shape) >= p)


def _with_assignment_cache(function: Function, kept: bool) -> Run:
    def run(question: Question) -> Results:
        param, share = _param(question, kept), 1 - question.options["p"]
        mask = question.arrays["mask"] / share
        return {"grad_input": function(question.grad_output, (param, mask))}

    return run
