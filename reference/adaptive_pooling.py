"""Average pooling to a given size.  Twin: ``torch.nn.AdaptiveAvgPool2d``.

Formula, for each channel of each image: output pixel (i, j) is the mean of a window that reaches

    from row     floor(i H / oH)    to before row     ceil((i + 1) H / oH)
    from column  floor(j W / oW)    to before column  ceil((j + 1) W / oW)

Cut an image of H rows into oH equal strips, and window i holds every row that strip i touches.  So all pixels are seen,
whatever the sizes; where oH does not divide H, neighbouring windows share a row, and may have different sizes; where oH
is larger than H, rows are repeated and blended.  A network that ends in an output of 1 x 1, the mean of each channel,
takes images of any size.

Source: He, Zhang, Ren & Sun, Spatial pyramid pooling in deep convolutional networks for visual recognition (2014),
section 2.3, for the windows; Lin, Chen & Yan, Network in network (2014), section 3.2, for an output of 1 x 1.
"""

from collections.abc import Sequence

import numpy as np

from reference.arguments import Array, array_shape, check_floats, check_rank, ieee754, integer
from reference.windows import AdaptiveWindows, adaptive_windows

OutputSize = int | Sequence[int | None]
PAIR = "output_size must be an int, or a pair of integers with None for the input's own size"


@ieee754
def adaptive_avg_pool2d(input: Array, output_size: OutputSize) -> Array:
    """The means of oH x oW windows over ``input`` (N, C, H, W) or (C, H, W): (N, C, oH, oW) or (C, oH, oW).

    ``output_size`` is (oH, oW), in which None stands for the size that the input has, or one integer for both.
    Raises TypeError for wrong dtypes and arguments, ValueError for images without pixels and sizes below 0.

    Five columns become two; both windows see the one in the middle:

    >>> import numpy as np
    >>> from reference import adaptive_avg_pool2d
    >>> print(adaptive_avg_pool2d(np.array([[[1.0, 2, 6, 4, 8]]]), (1, 2)))  # (1 + 2 + 6) / 3 and (6 + 4 + 8) / 3
    [[[3. 6.]]]
    """
    check_floats(input=input)
    _check_image("input", input.shape)
    height, width = input.shape[-2:]
    outputs = _outputs(output_size, height, width)
    if outputs == (1, 1):
        return _mean(input)
    rows, columns = adaptive_windows(height, outputs[0]), adaptive_windows(width, outputs[1])
    # Sums in row-major order, and two divisions: torch's order, so the rounding is torch's too.
    total = _sums(input, rows, columns)
    total /= rows.lengths[:, np.newaxis].astype(input.dtype)
    total /= columns.lengths.astype(input.dtype)
    return total


@ieee754
def adaptive_avg_pool2d_backward(grad_output: Array, input_shape: tuple[int, ...]) -> Array:
    """dL/dx (``input_shape``) from dL/dy ``grad_output`` (N, C, oH, oW) or (C, oH, oW).

    Each of the D pixels of a window moves its mean by 1/D, so a window hands grad/D to all its pixels, and a pixel of
    several windows gets the sum:

        dL/dx[m, k] = sum of dL/dy[i, j] / D[i, j] over the windows (i, j) that see pixel (m, k)

    Which windows are these?  Window i sees row m if floor(i H / oH) <= m < ceil((i + 1) H / oH), that is, if i H < (m +
    1) oH and (i + 1) H > m oH.  So they reach from floor(m oH / H) to before ceil((m + 1) oH / H): the same formula,
    with the sizes exchanged.  The gradient is a sum over the windows that an output of the image's size has over the
    gradient from above.

    Raises TypeError for wrong dtypes, ValueError for shapes that do not belong together.

    >>> import numpy as np
    >>> from reference import adaptive_avg_pool2d_backward
    >>> print(adaptive_avg_pool2d_backward(np.array([[[3.0, 30.0]]]), (1, 1, 5)))
    [[[ 1.  1. 11. 10. 10.]]]
    """
    check_floats(grad_output=grad_output)
    check_rank("grad_output", grad_output, (3, 4), "(C, oH, oW) or (N, C, oH, oW)")
    input_shape = array_shape("input_shape", input_shape)
    if len(input_shape) != grad_output.ndim or input_shape[:-2] != grad_output.shape[:-2]:
        raise ValueError(f"input_shape must be {grad_output.shape[:-2]} + (H, W), got {input_shape}")
    _check_image("input_shape", input_shape)
    (height, width), outputs = input_shape[-2:], grad_output.shape[-2:]
    if outputs == (1, 1):
        grad_input = np.empty_like(grad_output, shape=input_shape)
        grad_input[...] = grad_output / grad_output.dtype.type(height * width)
        return grad_input
    dtype = grad_output.dtype
    rows, columns = adaptive_windows(height, outputs[0]), adaptive_windows(width, outputs[1])
    share = grad_output / rows.lengths[:, np.newaxis].astype(dtype)
    share /= columns.lengths.astype(dtype)
    if share.size and rows.equal and columns.equal:
        # A pixel is in one window.
        share += 0  # as in any sum that starts with +0
        grad_input = np.empty_like(share, shape=input_shape)
        for down in rows.slices:
            for across in columns.slices:
                grad_input[..., down, across] = share
        return grad_input
    return _sums(share, adaptive_windows(outputs[0], height), adaptive_windows(outputs[1], width))


def _sums(image: Array, rows: AdaptiveWindows, columns: AdaptiveWindows) -> Array:
    """The sum of each window of ``image`` (..., H, W), from +0 in row-major order: (..., oH, oW)."""
    total = np.zeros_like(image, shape=(*image.shape[:-2], len(rows.starts), len(columns.starts)))
    if not total.size:
        return total
    if rows.equal and columns.equal:
        for down in rows.slices:
            for across in columns.slices:
                total += image[..., down, across]
        return total
    for i, lines in rows.taps:
        for j, pixels in columns.taps:
            total[..., i[:, np.newaxis], j] += image[..., lines[:, np.newaxis], pixels]
    return total


def _mean(image: Array) -> Array:
    """The mean of all pixels of ``image`` (..., H, W): (..., 1, 1).

    Columns first, then rows: H + W additions in a row at most, and so about as many roundings, where one pixel after
    another would make it H W.
    """
    total: Array = image.sum(-1, keepdims=True).sum(-2, keepdims=True)
    total /= image.dtype.type(image.shape[-2] * image.shape[-1])
    return total


def _outputs(output_size: object, height: int, width: int) -> tuple[int, int]:
    """``output_size`` as (oH, oW).  As in torch, a pair may hold None or NumPy's integers, a single size is an int."""
    if isinstance(output_size, tuple | list):
        if len(output_size) != 2:
            raise ValueError(f"{PAIR}, got {output_size!r}")
        sizes = [own if size is None else size for size, own in zip(output_size, (height, width), strict=True)]
    elif isinstance(output_size, int):
        sizes = [output_size, output_size]
    else:
        raise TypeError(f"{PAIR}, got {output_size!r}")
    rows, columns = (integer("output_size", size) for size in sizes)
    if min(rows, columns) < 0:
        raise ValueError(f"output_size must not be negative, got {output_size!r}")
    return rows, columns


def _check_image(name: str, shape: tuple[int, ...]) -> None:
    if len(shape) not in (3, 4) or 0 in shape[-2:]:
        raise ValueError(f"{name} must be (C, H, W) or (N, C, H, W), with at least 1 row and column, got {shape}")
