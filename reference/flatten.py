"""Flatten: feature maps become one long vector.  Twin: ``torch.nn.Flatten``.

Formula: the elements keep their row-major order and lose their dimensions ``start_dim`` to ``end_dim``.  For feature
maps (C, H, W):

    y[(c H + h) W + w] = x[c, h, w]

Nothing is computed, so the result shares memory with the input where the input's layout allows it, as in torch.

Source: the dense layers of LeCun et al., Gradient-based learning applied to document recognition (1998), section II.B.
"""

import math

import numpy as np

from reference.arguments import Array, array_shape, check_floats, dimension


def flatten(input: Array, start_dim: int = 0, end_dim: int = -1) -> Array:
    """``input`` (any shape) with the dimensions ``start_dim`` to ``end_dim``, both included, merged into one.

    A network flattens with start_dim=1, (N, C, H, W) -> (N, C*H*W), and so does ``nn.Flatten`` by default.
    Raises TypeError for a wrong dtype or a dimension that is no integer, ValueError for one out of range.

    >>> import numpy as np
    >>> from reference import flatten
    >>> maps = np.array([[[1.0, 2], [3, 4]], [[5, 6], [7, 8]]])
    >>> print(flatten(maps))
    [1. 2. 3. 4. 5. 6. 7. 8.]
    >>> print(flatten(maps, start_dim=1))
    [[1. 2. 3. 4.]
     [5. 6. 7. 8.]]
    """
    check_floats(input=input)
    start = dimension("start_dim", start_dim, input.ndim)
    end = dimension("end_dim", end_dim, input.ndim)
    if start > end:
        raise ValueError(f"start_dim must not come after end_dim, got {start_dim} and {end_dim}")
    merged = math.prod(input.shape[start : end + 1])
    return input.reshape(*input.shape[:start], merged, *input.shape[end + 1 :])


def flatten_backward(grad_output: Array, input_shape: tuple[int, ...]) -> Array:
    """dL/dx (``input_shape``) from dL/dy ``grad_output``.

    Every element of y is one element of x, so each gradient goes back to the place its element came from.
    Raises ValueError where the two have different numbers of elements.

    >>> import numpy as np
    >>> from reference import flatten_backward
    >>> print(flatten_backward(np.array([1.0, 2, 3, 4]), (2, 2)))
    [[1. 2.]
     [3. 4.]]
    """
    check_floats(grad_output=grad_output)
    shape = array_shape("input_shape", input_shape)
    if grad_output.size != math.prod(shape):
        raise ValueError(
            f"grad_output must have as many elements as input_shape {shape}, got shape {grad_output.shape}"
        )
    return np.asarray(grad_output).reshape(shape)
