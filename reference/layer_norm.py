"""Layer normalisation.  Twin: ``torch.nn.LayerNorm``.

Formula, for each row x of n features:

    y = w x_hat + b        x_hat = (x - mu) / sqrt(v + eps)        mu = 1/n sum x        v = 1/n sum (x - mu)^2

The features of one sample are made comparable with each other, whatever the other samples are: nothing depends on the
batch, and training and evaluation are the same.  w and b, one of each for every feature, let the layer undo it.

A row may have several dimensions: the features are then all numbers of the last few, such as (C, H, W).

Source: Ba, Kiros & Hinton, Layer normalization (2016), section 3.
"""

from reference.arguments import Array, array_shape, check_floats, number
from reference.normalized import Gradients, Normalized, check_scales, normalized


def layer_norm(
    input: Array,
    normalized_shape: tuple[int, ...],
    weight: Array | None = None,
    bias: Array | None = None,
    eps: float = 1e-5,
) -> Array:
    """``input`` (..., *normalized_shape) with every row of that shape standardised, then scaled and shifted.

    ``weight`` and ``bias`` have the shape ``normalized_shape``; without them they are 1 and 0.
    Raises TypeError for wrong or mixed dtypes, ValueError for shapes that do not fit.

    >>> import numpy as np
    >>> from reference import layer_norm
    >>> x = np.array([[1.0, 1, 3, 3], [10, 20, 20, 10]])  # mean 2, deviation 1;  mean 15, deviation 5
    >>> print(layer_norm(x, (4,), eps=0))
    [[-1. -1.  1.  1.]
     [-1.  1.  1. -1.]]
    >>> print(layer_norm(x, (4,), weight=np.array([1.0, 2, 3, 4]), bias=np.full(4, 100.0), eps=0))
    [[ 99.  98. 103. 104.]
     [ 99. 102. 103.  96.]]
    """
    return normalized_features(input, normalized_shape, weight, bias, eps).output(weight, bias)


def layer_norm_backward(
    grad_output: Array,
    input: Array,
    normalized_shape: tuple[int, ...],
    weight: Array | None = None,
    *,
    eps: float = 1e-5,
    output_mask: tuple[bool, bool, bool] = (True, True, True),
) -> Gradients:
    """dL/dx (as ``input``), dL/dw and dL/db (``normalized_shape``) from dL/dy ``grad_output`` (as ``input``).

    ``output_mask`` says which of the three are wanted; the others are None and cost nothing.  Without a weight, dL/dw
    is that of a weight of 1.

    Feature i of every row is multiplied by w_i, and b_i is added to it:

        dL/dw_i = sum over rows of g_i x_hat_i        dL/db_i = sum over rows of g_i

    A number of a row moves all of its row: through x_hat itself, through the mean, and through the variance.  With
    h = w g, the gradient that arrives at x_hat, and s = 1 / sqrt(v + eps):

        dL/dx_i = s (h_i - mean(h) - x_hat_i mean(h x_hat))

    (``standardize_backward`` derives it.)  Raises as ``layer_norm`` does.

    >>> import numpy as np
    >>> from reference import layer_norm_backward
    >>> x, grad_output = np.array([[1.0, 1, 3, 3]]), np.array([[4.0, 0, 0, 0]])  # x_hat is -1, -1, 1, 1
    >>> grad_input, grad_weight, grad_bias = layer_norm_backward(grad_output, x, (4,), eps=0)
    >>> print(grad_input)  # 4 - 1 - 1, 0 - 1 - 1, 0 - 1 + 1, 0 - 1 + 1
    [[ 2. -2.  0.  0.]]
    >>> print(grad_weight + 0, grad_bias)
    [-4.  0.  0.  0.] [4. 0. 0. 0.]
    """
    found = normalized_features(input, normalized_shape, weight, None, eps)
    return found.gradients(grad_output, weight, output_mask)


def normalized_features(
    input: Array, normalized_shape: tuple[int, ...], weight: Array | None, bias: Array | None, eps: float
) -> Normalized:
    """The rows standardised, once all arguments have been checked."""
    check_floats(input=input)
    shape = array_shape("normalized_shape", normalized_shape)
    if not shape:
        raise ValueError("normalized_shape must have at least 1 dimension, got ()")
    if input.shape[-len(shape) :] != shape:
        raise ValueError(f"input must have shape (..., *normalized_shape), normalized_shape {shape}, got {input.shape}")
    check_scales(input, shape, "as normalized_shape", weight=weight, bias=bias)
    rows = input.ndim - len(shape)
    axes, repeated = tuple(range(rows, input.ndim)), tuple(range(rows))
    return normalized(input, axes, repeated, number("eps", eps), input.shape, shape)
