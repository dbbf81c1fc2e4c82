"""Padding.  Twin: ``torch.nn.functional.pad`` (``torch.nn.ZeroPad2d``, ``ReflectionPad2d`` ...).

Formula: output pixel j of a padded axis repeats a pixel of the input, or is a constant.  With ``before`` pixels added
in front of n and t = j - before:

    constant    x[t] where 0 <= t < n, else the constant
    replicate   x[min(max(t, 0), n - 1)]          the edge repeats
    reflect     x[n - 1 - |n - 1 - |t||]          mirrored at the edge pixel, which is not repeated
    circular    x[t mod n]                        the image wraps around (what is left of it after a cut)

A negative amount of padding cuts pixels off.

Source: Goodfellow, Bengio & Courville, Deep Learning (2016), section 9.5; the modes are those of NumPy's ``np.pad``.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from reference.arguments import Array, IntArray, array_shape, check_floats, check_shape, ieee754, integer, number

MODES = ("constant", "reflect", "replicate", "circular")


@ieee754
def pad(input: Array, pad: Sequence[int], mode: str = "constant", value: float | None = 0) -> Array:
    """``input`` with ``pad`` = (left, right, top, bottom, ...) pixels around it, pairs from the last dimension inwards.

    Mode 'constant' pads any dimensions of any array with ``value`` (None: 0).  The others pad the last one of (C, W) or
    (N, C, W), the last two of (C, H, W) or (N, C, H, W), or the last three of (C, D, H, W) or (N, C, D, H, W).
    Raises TypeError for wrong dtypes and amounts that are no integers, ValueError for anything that does not fit.

    >>> import numpy as np
    >>> from reference import pad
    >>> row = np.array([[1.0, 2, 3, 4]])  # (C, W)
    >>> print(pad(row, (2, 2)))
    [[0. 0. 1. 2. 3. 4. 0. 0.]]
    >>> print(pad(row, (2, 2), mode="reflect"))
    [[3. 2. 1. 2. 3. 4. 3. 2.]]
    >>> print(pad(row, (2, 2), mode="replicate"))
    [[1. 1. 1. 2. 3. 4. 4. 4.]]
    >>> print(pad(row, (2, 2), mode="circular"))
    [[3. 4. 1. 2. 3. 4. 1. 2.]]
    >>> print(pad(row, (-1, 1)))
    [[2. 3. 4. 0.]]
    """
    check_floats(input=input)
    sources = _sources(input.shape, pad, mode)
    if value is not None:
        value = number("value", value)
        grows = any(amount > 0 for amount in pad)  # else the value is used nowhere
        if grows and np.isfinite(value) and abs(value) > float(np.finfo(input.dtype).max):
            raise ValueError(f"value must fit into {input.dtype}, got {value!r}")
    if mode != "constant" and value not in (None, 0):
        raise ValueError(f"value must be 0 for mode {mode!r}, which copies pixels, got {value!r}")
    output = input
    for axis, source in sources.items():
        inside = _inside(source, input.shape[axis])
        shape = (*output.shape[:axis], len(source), *output.shape[axis + 1 :])
        grown = np.full(shape, 0 if value is None else value, input.dtype)
        grown[_at(axis, inside)] = output[_at(axis, source[inside])]
        output = grown
    return np.array(output) if output is input else output


@ieee754
def pad_backward(grad_output: Array, input_shape: tuple[int, ...], pad: Sequence[int], mode: str = "constant") -> Array:
    """dL/dx (``input_shape``) from dL/dy ``grad_output``.

    Every output pixel is a copy of one input pixel; so the gradients of all its copies add up in the input pixel, those
    of constants belong to nobody, and a pixel cut off gets none.
    Raises as ``pad`` does, and ValueError where ``grad_output`` has another shape than its output.

    >>> import numpy as np
    >>> from reference import pad_backward
    >>> grad_output = np.array([[1.0, 2, 3, 4, 5, 6, 7, 8]])  # of 3 2 1 2 3 4 3 2, the reflected 1 2 3 4
    >>> print(pad_backward(grad_output, (1, 4), (2, 2), mode="reflect"))  # 3, 2 + 4 + 8, 1 + 5 + 7, 6
    [[ 3. 14. 13.  6.]]
    >>> print(pad_backward(grad_output, (1, 4), (2, 2)))  # of 0 0 1 2 3 4 0 0
    [[3. 4. 5. 6.]]
    """
    check_floats(grad_output=grad_output)
    input_shape = array_shape("input_shape", input_shape)
    sources = _sources(input_shape, pad, mode)
    shape = tuple(len(sources[axis]) if axis in sources else size for axis, size in enumerate(input_shape))
    check_shape("grad_output", grad_output, shape, "the output of this padding")
    grad = grad_output
    for axis, source in sources.items():
        collected = np.zeros((*grad.shape[:axis], input_shape[axis], *grad.shape[axis + 1 :]), grad.dtype)
        inside = _inside(source, input_shape[axis])
        if mode == "constant":
            collected[_at(axis, source[inside])] = grad[_at(axis, inside)]  # one copy each: -0 stays -0
        else:
            np.add.at(collected, _at(axis, source), grad)  # starting from +0
        grad = collected
    return np.array(grad) if grad is grad_output else grad


def _inside(source: IntArray, size: int) -> npt.NDArray[np.bool]:
    """Which positions of ``source`` are pixels; the others are the constant."""
    return (source >= 0) & (source < size)


def _at(axis: int, index: npt.NDArray[Any]) -> tuple[Any, ...]:
    return (slice(None),) * axis + (index,)


def _sources(shape: tuple[int, ...], pad: Sequence[int], mode: str) -> dict[int, IntArray]:
    """For each padded axis, the input position that each output position copies; in constant mode also outside."""
    if mode not in MODES:
        raise ValueError(f"mode must be one of {', '.join(MODES)}, got {mode!r}")
    if not isinstance(pad, tuple | list):
        raise TypeError(f"pad must be a tuple (left, right, top, bottom, ...), got {pad!r}")
    amounts = [integer("pad", amount) for amount in pad]
    axes = len(amounts) // 2
    if len(amounts) % 2 or axes > len(shape):
        raise ValueError(f"pad must hold a pair for at most each dimension of the shape {shape}, got {pad!r}")
    if mode != "constant":
        _check_layout(shape, pad, axes, mode)
    sources: dict[int, IntArray] = {}
    for i in range(axes):
        axis = len(shape) - 1 - i
        size, before, after = shape[axis], amounts[2 * i], amounts[2 * i + 1]
        _check_amounts(size, before, after, mode)
        target = np.arange(-before, size + after)
        cut = max(-before, 0)
        if mode == "replicate":
            target = target.clip(0, size - 1)
        elif mode == "reflect":
            target = size - 1 - np.abs(size - 1 - np.abs(target))
        elif mode == "circular":
            kept = size - cut + min(after, 0)
            target = (target - cut) % max(kept, 1) + cut
        sources[axis] = target
    if mode in ("reflect", "replicate") and not any(len(source) for source in sources.values()):
        raise ValueError(f"pad must leave at least one row or column of the shape {shape}, got {pad!r}")
    return sources


def _check_layout(shape: tuple[int, ...], pad: Sequence[int], axes: int, mode: str) -> None:
    if axes not in (1, 2, 3) or len(shape) not in (axes + 1, axes + 2):
        raise ValueError(
            f"pad must have 2 entries for (C, W) or (N, C, W), 4 for (C, H, W) or (N, C, H, W), 6 for (C, D, H, W) or "
            f"(N, C, D, H, W) in mode {mode!r}, got {pad!r} for shape {shape}"
        )
    batch = len(shape) - axes - 1  # a batch may be empty; nothing else, where pixels are to be repeated
    if mode != "circular" and 0 in shape[batch:]:
        raise ValueError(f"input must not be empty but for the batch in mode {mode!r}, got shape {shape}")


def _check_amounts(size: int, before: int, after: int, mode: str) -> None:
    """ValueError unless an axis of ``size`` pixels can be padded by ``before`` and ``after`` in this mode."""
    kept = size + min(before, 0) + min(after, 0)
    got = f"got {(before, after)} for a dimension of {size}"
    if size + before + after < 0 or (mode == "constant" and kept < 0):
        raise ValueError(f"pad must not cut off more pixels than there are, {got}")
    if mode == "reflect" and max(before, after) >= size:
        raise ValueError(f"pad must be smaller than the dimension in mode 'reflect', {got}")
    if mode == "circular" and max(before, after) > max(kept, 0):
        raise ValueError(f"pad must not wrap around more than once in mode 'circular', {got}")
