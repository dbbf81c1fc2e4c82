"""The mean of each window, where the windows are made to fit the output, on paper, and its gradient."""
# The variables are the letters of the formulas: N, C, oH.
# ruff: noqa: N806

import numpy as np

from reference.definition.numbers import Array, Double, ieee754

OutputSize = int | tuple[int | None, int | None]


def _window(i: int, size: int, outputs: int) -> range:
    """The pixels of window ``i`` of o along n pixels: from floor(i n / o) to before ceil((i + 1) n / o)."""
    return range(i * size // outputs, -(-(i + 1) * size // outputs))


@ieee754
def adaptive_avg_pool2d(input: Array, output_size: OutputSize) -> Double:
    """The mean of each window; as many windows as the output has pixels, spread over the image evenly.

        y[n, c, i, j] = 1/D  sum_{m, k}  x[n, c, m, k]

            m from floor(i H / oH) to before ceil((i + 1) H / oH),  k likewise;  D counts these pixels

    x (N, C, H, W), y (N, C, oH, oW).  Where oH does not divide H, windows overlap and may have different sizes.  None
    stands for the size that the image has.

    Source: He, Zhang, Ren & Sun, Spatial pyramid pooling in deep convolutional networks (2014), section 2.3.

    >>> import numpy as np
    >>> from reference import definition
    >>> print(definition.adaptive_avg_pool2d(np.array([[[[1, 2, 6, 4, 8]]]]), (1, 2))[0, 0])  # (1+2+6)/3, (6+4+8)/3
    [[3. 6.]]
    """
    x = input.astype(np.float64)
    N, C, H, W = x.shape
    oH, oW = (output_size, output_size) if isinstance(output_size, int) else output_size
    oH, oW = H if oH is None else oH, W if oW is None else oW
    y = np.zeros((N, C, oH, oW))
    for n, c, i, j in np.ndindex(y.shape):
        rows, columns = _window(i, H, oH), _window(j, W, oW)
        for m in rows:
            for k in columns:
                y[n, c, i, j] += x[n, c, m, k]
        y[n, c, i, j] /= len(rows) * len(columns)
    return y


@ieee754
def adaptive_avg_pool2d_backward(grad_output: Array, input_shape: tuple[int, ...]) -> Double:
    """dL/dx (``input_shape``) of ``adaptive_avg_pool2d`` from g (N, C, oH, oW).

    A mean of D pixels has the slope 1/D in each of them.  So every pixel of a window gets g / D, with the D of that
    window, and a pixel in several windows the sum.

    >>> import numpy as np
    >>> from reference import definition
    >>> print(definition.adaptive_avg_pool2d_backward(np.array([[[[3, 30]]]]), (1, 1, 1, 5))[0, 0])
    [[ 1.  1. 11. 10. 10.]]
    """
    g = grad_output.astype(np.float64)
    _, _, H, W = input_shape
    _, _, oH, oW = g.shape
    grad_x = np.zeros(input_shape)
    for n, c, i, j in np.ndindex(g.shape):
        rows, columns = _window(i, H, oH), _window(j, W, oW)
        for m in rows:
            for k in columns:
                grad_x[n, c, m, k] += g[n, c, i, j] / (len(rows) * len(columns))
    return grad_x
