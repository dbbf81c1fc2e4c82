"""Code that refuses some sizes, asked with sizes that it takes: what else it gets wrong shows then.

A question that is refused is put on a larger one, of which what was asked for is a part; so it is as exact as before.
Sizes, strides and paddings are whole numbers here, images N,C,H,W.
"""

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from torch_parity.doctor.question import Array, Question
from torch_parity.doctor.questions import output_shape
from torch_parity.doctor.subject import Reading, Results, Run

FILLED = "the windows must fill the image: it refuses sizes that leave a rest"
PADDED = "the padding must be at least 1: a slice [pad:-pad] is empty for a padding of 0"


def with_limits(formula: str, run: Run, said: tuple[str, ...] = ()) -> list[Reading]:
    """The reading of ``run``, and those for code with the limits that such formulas are often written with."""
    limits: list[tuple[Run, tuple[str, ...]]] = [(run, said)]
    if formula in ("conv2d", "max_pool2d", "avg_pool2d"):
        limits.append((filling(run), (*said, FILLED)))
    if formula == "conv2d":
        limits += [(padding(limited), (*more, PADDED)) for limited, more in limits]
    return [_reading(limited, more) for limited, more in limits]


def _reading(run: Run, said: tuple[str, ...]) -> Reading:
    return Reading(lambda question: run, said)


def filling(run: Run) -> Run:
    """``run``; where it refuses an image of which its windows leave a rest, on a larger one.

    Rows and columns of zeros below and to the right make one more window.
    """
    return _limited(run, lambda question: _short(question) != (0, 0), _filled, (AssertionError,))


def padding(run: Run) -> Run:
    """``run``; where it goes wrong without padding, with as much of it as the stride.

    That makes one more window on each side.
    """
    return _limited(run, lambda question: question.options["padding"] == 0, _padded, (ValueError, IndexError))


def _limited(
    run: Run,
    is_limit: Callable[[Question], bool],
    larger: Callable[[Question], tuple[Question, int]],
    refusals: tuple[type[Exception], ...],
) -> Run:
    """``run``, where it refuses a question at its limit on the larger one.  That has more windows, before and after.

    Of the output they are cut off, and 0 is their upstream gradient, so that they add nothing to any gradient; what the
    image is larger by is cut off the gradient.
    """

    def limited(question: Question) -> Results:
        if not is_limit(question):
            return run(question)
        try:
            results = run(question)
            if _has_right_shape(question, results):
                return results
        except refusals:
            pass
        asked, before = larger(question)
        results = run(asked)
        name, (*_, height, width) = _first_result(question)
        found = results[name]
        if np.ndim(found) == 4:
            start = before if name == "output" else 0
            found = np.asarray(found)[:, :, start : start + height, start : start + width]
        return {**results, name: found}

    return limited


def _first_result(question: Question) -> tuple[str, tuple[int, ...]]:
    """The output or the input's gradient, and its right shape."""
    if question.grad_output is None:
        return "output", output_shape(question)
    return "grad_input", question.arrays["input"].shape


def _has_right_shape(question: Question, results: Results) -> bool:
    name, shape = _first_result(question)
    return results[name] is None or np.shape(results[name]) == shape


def _filled(question: Question) -> tuple[Question, int]:
    short = _short(question)
    after = tuple(int(missing > 0) for missing in short)
    larger = {**question.arrays, "input": _framed(question.arrays["input"], (0, 0), short)}
    return replace(question, arrays=larger, grad_output=_with_windows(question.grad_output, (0, 0), after)), 0


def _padded(question: Question) -> tuple[Question, int]:
    options = {**question.options, "padding": question.options["stride"]}
    return replace(question, options=options, grad_output=_with_windows(question.grad_output, (1, 1), (1, 1))), 1


def _short(question: Question) -> tuple[int, ...]:
    """How many rows and columns are missing for one more window; 0 where the windows fill the image."""
    if question.formula == "conv2d":
        kernel = question.arrays["weight"].shape[2:]
    else:
        size = question.options["kernel_size"]
        kernel = (size, size) if isinstance(size, int) else size
    stride, around = question.options["stride"] or kernel[0], 2 * question.options["padding"]
    sizes = question.arrays["input"].shape[2:]
    return tuple(-(size + around - k) % stride for size, k in zip(sizes, kernel, strict=True))


def _with_windows(grad_output: Array | None, before: tuple[int, ...], after: tuple[int, ...]) -> Array | None:
    return None if grad_output is None else _framed(grad_output, before, after)


def _framed(images: Array, before: tuple[int, ...], after: tuple[int, ...]) -> Array:
    """With rows and columns of zeros before and after."""
    return np.pad(images, ((0, 0), (0, 0), *zip(before, after, strict=True)))
