"""A frame around an image on paper, and its gradient."""
# The variables are the letters of the formulas: N, C, H.
# ruff: noqa: N806

import numpy as np

from reference.definition.numbers import Array, Double, ieee754


def _source(position: int, size: int, before: int, after: int, mode: str) -> int | None:
    """Which pixel of an axis of ``size`` pixels is shown at ``position`` of the padded axis; None where none is."""
    pixel = position - before
    if mode == "reflect":  # a mirror stands on the first and on the last pixel: ... 2 1 [0 1 2] 1 0 ...
        return min(abs(pixel), 2 * (size - 1) - pixel)
    if mode == "replicate":  # ... 0 0 [0 1 2] 2 2 ...
        return min(max(pixel, 0), size - 1)
    if mode == "circular":  # ... 1 2 [0 1 2] 0 1 ..., where what is cropped away takes no part in the circle
        first, last = max(0, -before), size - max(0, -after)
        return first + (pixel - first) % (last - first)
    return pixel if 0 <= pixel < size else None


def pad(input: Array, pad: tuple[int, int, int, int], mode: str = "constant", value: float = 0.0) -> Double:
    """A frame around each image: every place of the padded image shows one pixel, or ``value``.

        y[n, c, i, j] = x[n, c, source(i), source(j)]        or value, where mode is 'constant' and no pixel is there

    x (N, C, H, W), y (N, C, top + H + bottom, left + W + right), ``pad`` is (left, right, top, bottom) in pixels.
    Negative entries crop.  ``mode`` is 'constant', 'reflect', 'replicate' or 'circular'; see ``_source``.

    Source: zero padding: Goodfellow, section 9.5; the four modes are those of torch.nn.functional.pad.

    >>> import numpy as np
    >>> from reference import definition
    >>> print(definition.pad(np.array([[[[1, 2, 3, 4]]]]), (2, 2, 0, 0), "reflect")[0, 0])
    [[3. 2. 1. 2. 3. 4. 3. 2.]]
    """
    left, right, top, bottom = pad
    N, C, H, W = input.shape
    y = np.full((N, C, top + H + bottom, left + W + right), value, np.float64)
    for n, c, i, j in np.ndindex(y.shape):
        row, column = _source(i, H, top, bottom, mode), _source(j, W, left, right, mode)
        if row is not None and column is not None:
            y[n, c, i, j] = input[n, c, row, column]
    return y


@ieee754
def pad_backward(
    grad_output: Array, input_shape: tuple[int, ...], pad: tuple[int, int, int, int], mode: str = "constant"
) -> Double:
    """dL/dx (``input_shape``) of ``pad`` from g (N, C, top + H + bottom, left + W + right).

    Each place of y is a copy of one pixel, with slope 1.  So a pixel collects g from every place that shows it: one
    place or, in the modes that repeat pixels, several.  A pixel that was cropped away shows nowhere and gets 0; a place
    that shows ``value`` depends on no pixel, and its g goes nowhere.

    >>> import numpy as np
    >>> from reference import definition
    >>> g = np.array([[[[1, 2, 3, 4, 5, 6, 7, 8]]]])  # of 3 2 1 2 3 4 3 2
    >>> print(definition.pad_backward(g, (1, 1, 1, 4), (2, 2, 0, 0), "reflect")[0, 0])  # 3, 2 + 4 + 8, 1 + 5 + 7, 6
    [[ 3. 14. 13.  6.]]
    """
    left, right, top, bottom = pad
    _, _, H, W = input_shape
    grad_x = np.zeros(input_shape)
    for n, c, i, j in np.ndindex(grad_output.shape):
        row, column = _source(i, H, top, bottom, mode), _source(j, W, left, right, mode)
        if row is not None and column is not None:
            grad_x[n, c, row, column] += grad_output[n, c, i, j]
    return grad_x
