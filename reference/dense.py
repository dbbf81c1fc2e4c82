"""Dense (fully connected) layer.  Twin: ``torch.nn.Linear``.

Formula, for each row x of the input:

    y[o] = b[o] + sum_i W[o, i] x[i]          y = x W^T + b

Every output sees every input, each through a weight of its own.

Source: Goodfellow, Bengio & Courville, Deep Learning (2016), sections 6.1 and 6.5.
"""

import math

import numpy as np

from reference.arguments import Array, check_floats, check_output_mask, check_rank, check_shape, ieee754


@ieee754
def linear(input: Array, weight: Array, bias: Array | None = None) -> Array:
    """``input`` (..., I) times ``weight`` (O, I) transposed, plus ``bias`` (O,): (..., O).

    ``weight`` may also be one row (I,), and ``bias`` then a single number: (...,).  As in torch, one number is accepted
    as the bias of all outputs, too.
    Raises TypeError for wrong or mixed dtypes, ValueError for shapes that do not fit.

    >>> import numpy as np
    >>> from reference import linear
    >>> weight = np.array([[1.0, 0], [3, 4], [0, -1]])
    >>> print(linear(np.array([[1.0, 2]]), weight, np.array([10.0, 20, 30])))  # 1 + 10, 3 + 8 + 20, -2 + 30
    [[11. 31. 28.]]
    """
    check_floats(input=input, weight=weight)
    _check_fit(input, weight)
    # In the memory order of the input: where the batch runs last there (conv.py says why), it does in the output.
    output = np.matmul(input, weight.T, out=np.empty_like(input, shape=input.shape[:-1] + weight.shape[:-1]))
    if bias is None:
        return output
    check_floats(input=input, bias=bias)
    if bias.shape not in ((*weight.shape[:-1],), (1,) * (weight.ndim - 1), ()):
        raise ValueError(f"bias must have shape {weight.shape[:-1]} (out features), got {bias.shape}")
    if weight.ndim == 1 and input.ndim == 2:
        raise ValueError("bias must be None for a 1-D weight and a 2-D input: torch has no such product")
    output += bias
    return output


@ieee754
def linear_backward(
    grad_output: Array, input: Array, weight: Array, *, output_mask: tuple[bool, bool, bool] = (True, True, True)
) -> tuple[Array | None, Array | None, Array | None]:
    """dL/dx (as ``input``), dL/dW (as ``weight``) and dL/db (O,) from dL/dy ``grad_output`` (..., O).

    ``output_mask`` says which of the three are wanted; the others are None and cost nothing.

    y[o] moves by W[o, i] when x[i] moves by one, by x[i] when W[o, i] does, and by one when b[o] does.  The chain rule
    adds up over every y that is touched: x[i] touches all outputs of its row, W[o, i] and b[o] touch output o of all
    rows:

        dL/dx[n, i] = sum_o g[n, o] W[o, i]        g W
        dL/dW[o, i] = sum_n g[n, o] x[n, i]        g^T x
        dL/db[o]    = sum_n g[n, o]

    Raises TypeError for wrong or mixed dtypes, ValueError for shapes that do not fit.

    >>> import numpy as np
    >>> from reference import linear_backward
    >>> weight = np.array([[1.0, 0], [3, 4], [0, -1]])
    >>> grad_output = np.array([[0.0, 1, 0]])  # the loss depends on the second output
    >>> grad_input, grad_weight, grad_bias = linear_backward(grad_output, np.array([[1.0, 2]]), weight)
    >>> print(grad_input)
    [[3. 4.]]
    >>> print(grad_weight)
    [[0. 0.]
     [1. 2.]
     [0. 0.]]
    >>> print(grad_bias)
    [0. 1. 0.]
    """
    check_floats(grad_output=grad_output, input=input, weight=weight)
    _check_fit(input, weight)
    check_shape("grad_output", grad_output, input.shape[:-1] + weight.shape[:-1], "one row of outputs per row of input")
    check_output_mask(output_mask)
    want_input, want_weight, want_bias = output_mask
    grad_input = grad_weight = grad_bias = None
    matrix = np.atleast_2d(weight)  # (O, I), where O = 1 for a single row
    count = math.prod(input.shape[:-1])
    grads = grad_output.reshape(count, matrix.shape[0])  # (N, O)
    rows = input.reshape(count, matrix.shape[1])  # (N, I)
    if want_input:
        # In the memory order of the input, too.
        grad_input = np.matmul(grads, matrix, out=np.empty_like(rows)).reshape(input.shape)
    if want_weight:
        grad_weight = (grads.T @ rows).reshape(weight.shape)
    if want_bias:
        # A sum over the batch as a product with ones: BLAS does it several times faster than np.sum.
        grad_bias = (np.ones(count, grads.dtype) @ grads).reshape(weight.shape[:-1])
    return grad_input, grad_weight, grad_bias


def _check_fit(input: Array, weight: Array) -> None:
    if input.ndim == 0:
        raise ValueError("input must have at least 1 dimension (..., in features), got shape ()")
    check_rank("weight", weight, (1, 2), "(out features, in features)")
    if input.shape[-1] != weight.shape[-1]:
        raise ValueError(f"input must have {weight.shape[-1]} features, as weight {weight.shape}, got {input.shape}")
