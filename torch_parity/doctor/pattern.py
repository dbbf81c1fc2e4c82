"""Where a wrong result is right: all of it wrong, or only the border, a channel, an image ..."""

from collections.abc import Iterator
from typing import Any

import numpy as np

from torch_parity.doctor.diagnosis import Evidence
from torch_parity.doctor.question import JUDGED
from torch_parity.doctor.right import close

AXES = {
    "output": ("image", "channel", "row", "column"),
    "grad_input": ("image", "channel", "row", "column"),
    "grad_weight": ("filter", "input channel", "kernel row", "kernel column"),
    "grad_bias": ("filter",),
}
DENSE = {
    "output": ("sample", "output"),
    "grad_input": ("sample", "input"),
    "grad_weight": ("output", "input"),
    "grad_bias": ("output",),
}


def pattern(result: str, evidence: list[Evidence]) -> str:
    """A sentence on which elements are wrong; "" where none come to mind that holds on all questions."""
    masks = []
    for one in evidence:
        if one.question.kind not in JUDGED:
            continue
        if one.got is None or result not in one.got:
            continue
        got, right = one.got[result], one.expected.results[result]
        if got.shape != right.shape:
            if got.size == right.size:
                return f"the shape is {got.shape} where it should be {right.shape}"
            return f"the shape is {got.shape} where it should be {right.shape}: other sizes, so nothing can be compared"
        masks.append(~close(got, right, one.expected.allowed(result, got)))
    wrong = [mask for mask in masks if mask.any()]
    if not wrong:
        return ""
    cases = f"on {len(wrong)} of {len(masks)} cases" if len(wrong) < len(masks) else "on every case"
    one_rank = len({mask.ndim for mask in wrong}) == 1
    for words, region in _regions(result, wrong[0].ndim) if one_rank else ():
        if all(not (mask & ~region(mask.shape)).any() for mask in wrong) and any(
            not region(mask.shape).all() for mask in wrong
        ):
            return f"only {words} is wrong, {cases}"
    if all(mask.all() for mask in wrong):
        return f"every element is wrong, {cases}"
    share = float(np.mean([mask.mean() for mask in wrong]))
    return f"{share:.0%} of the elements are wrong, {cases}"


def _regions(result: str, rank: int) -> Iterator[tuple[str, Any]]:
    """Parts of an array in words, the smallest first, each as a function of the shape that gives a mask."""
    names = (AXES if rank in (1, 4) else DENSE).get(result, ())[:rank]
    if len(names) != rank:
        names = tuple(f"axis {axis}" for axis in range(rank))
    for axis, name in enumerate(names):
        yield f"the first {name}", _at(axis, slice(0, 1))
        yield f"the last {name}", _at(axis, slice(-1, None))
    if rank >= 2:
        yield "the last row or column", _union(_at(rank - 2, slice(-1, None)), _at(rank - 1, slice(-1, None)))
        yield "the first row or column", _union(_at(rank - 2, slice(0, 1)), _at(rank - 1, slice(0, 1)))
        yield "the border", _border
    for axis, name in enumerate(names):
        yield f"all but the first {name}", _at(axis, slice(1, None))
        yield f"all but the last {name}", _at(axis, slice(None, -1))


def _at(axis: int, part: slice) -> Any:
    def region(shape: tuple[int, ...]) -> Any:
        mask = np.zeros(shape, bool)
        mask[(slice(None),) * axis + (part,)] = True
        return mask

    return region


def _union(*regions: Any) -> Any:
    return lambda shape: np.logical_or.reduce([region(shape) for region in regions])


def _border(shape: tuple[int, ...]) -> Any:
    mask = np.ones(shape, bool)
    mask[..., 1:-1, 1:-1] = False
    return mask
