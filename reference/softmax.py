"""Softmax and its logarithm.  Twins: ``torch.nn.Softmax`` and ``torch.nn.LogSoftmax``.

Formulas, over the C scores (logits) x of one dimension:

    softmax(x)_i     = exp(x_i) / sum_c exp(x_c)
    log_softmax(x)_i = x_i - log sum_c exp(x_c)

The results of softmax are positive and sum to 1: a probability for each class.  Adding one number to all scores changes
nothing, so the largest is subtracted first: exp then never overflows, and the largest term is exactly 1.  The logarithm
is a formula of its own because the logarithm of a rounded probability loses what is small: log(0) is -inf where
log_softmax still says -200.

At the other end, a class that is all but certain has a logarithm next to 0.  The sum is then 1, its largest term, plus
a rest too small to change it: added to 1 it is lost, and log(1) = 0.  log1p(rest) = log(1 + rest) keeps it.  (torch
does not: of a probability of 1 - 1e-9 it says in float32 that the loss is 0.)

Source: Goodfellow, Bengio & Courville, Deep Learning (2016), sections 4.1 and 6.2.2.3; log1p: Higham, Accuracy and
Stability of Numerical Algorithms (2002), section 1.14.1.
"""

import numpy as np

from reference.arguments import BUFFER_SIZE, Array, check_floats, check_shape, dimension, ieee754
from reference.sums import sum_over


@ieee754
def softmax(input: Array, dim: int) -> Array:
    """Probabilities along dimension ``dim`` of ``input`` (any shape), of the same shape.

    Raises TypeError for wrong dtypes or a dimension that is no integer, ValueError for one out of range.

    >>> import numpy as np
    >>> from reference import softmax
    >>> print(softmax(np.log([1.0, 2, 5]), dim=0))  # 1/8, 2/8, 5/8
    [0.125 0.25  0.625]
    """
    shifted, axis = _shifted(input, dim)
    powers = np.exp(shifted)
    return _unflat(powers / sum_over(powers, axis), input)


@ieee754
def softmax_backward(grad_output: Array, output: Array, dim: int) -> Array:
    """dL/dx from dL/dy ``grad_output`` and y ``output`` of ``softmax`` (both of one shape).

    Raising x_i raises exp(x_i), and with it y_i, and the common sum, which lowers every y_c in proportion:

        dy_c/dx_i = y_c (1[c = i] - y_i)          so          dL/dx_i = y_i (g_i - sum_c g_c y_c)

    A gradient g that is the same for all classes gives 0: the sum of the probabilities cannot change.
    Raises as ``softmax`` does.

    >>> import numpy as np
    >>> from reference import softmax_backward
    >>> print(softmax_backward(np.array([1.0, 0]), np.array([0.25, 0.75]), dim=0))  # 1/4 (1 - 1/4), 3/4 (0 - 1/4)
    [ 0.1875 -0.1875]
    """
    check_floats(grad_output=grad_output, output=output)
    check_shape("grad_output", grad_output, output.shape, "as output")
    axis = dimension("dim", dim, output.ndim)
    grads, y = np.atleast_1d(grad_output, output)
    np.setbufsize(BUFFER_SIZE)
    return _unflat(y * (grads - sum_over(grads * y, axis)), output)


@ieee754
def log_softmax(input: Array, dim: int) -> Array:
    """Logarithms of the probabilities along dimension ``dim`` of ``input`` (any shape), of the same shape.

    Raises TypeError for wrong dtypes or a dimension that is no integer, ValueError for one out of range.

    >>> import numpy as np
    >>> from reference import log_softmax
    >>> print(log_softmax(np.array([0.0, 0]), dim=0))  # log 1/2
    [-0.69314718 -0.69314718]
    >>> print(log_softmax(np.array([0.0, -1000]), dim=0))  # exp(-1000) alone would be 0
    [    0. -1000.]
    """
    shifted, axis = _shifted(input, dim)
    last = np.ascontiguousarray(shifted.swapaxes(axis, -1))  # (..., C), as `sum_over` would copy it
    rest = np.exp(last)
    if rest.size:
        # The largest term less 1, which is 0 - or NaN, where a score is NaN or infinite, and then all must be.
        rows = rest.reshape(-1, rest.shape[-1], copy=False)
        rows[np.arange(len(rows)), last.argmax(-1).ravel()] -= 1
    total = np.asarray(rest.sum(-1, keepdims=True)).swapaxes(axis, -1)
    return _unflat(shifted - np.log1p(total), input)


@ieee754
def log_softmax_backward(grad_output: Array, output: Array, dim: int) -> Array:
    """dL/dx from dL/dy ``grad_output`` and y ``output`` of ``log_softmax`` (both of one shape).

    Raising x_i raises y_i by as much; and it raises the logarithm of the sum, which all y_c share, by softmax(x)_i:

        dy_c/dx_i = 1[c = i] - exp(y_i)          so          dL/dx_i = g_i - exp(y_i) sum_c g_c

    Raises as ``log_softmax`` does.

    >>> import numpy as np
    >>> from reference import log_softmax_backward
    >>> print(log_softmax_backward(np.array([1.0, 0]), np.log([0.25, 0.75]), dim=0))  # 1 - 1/4, 0 - 3/4
    [ 0.75 -0.75]
    """
    check_floats(grad_output=grad_output, output=output)
    check_shape("grad_output", grad_output, output.shape, "as output")
    axis = dimension("dim", dim, output.ndim)
    grads, y = np.atleast_1d(grad_output, output)
    np.setbufsize(BUFFER_SIZE)
    return _unflat(grads - np.exp(y) * sum_over(grads, axis), output)


def _shifted(input: Array, dim: object) -> tuple[Array, int]:
    """``input`` less its maximum along ``dim`` (at least 1-D), and ``dim`` as a position counted from the front."""
    check_floats(input=input)
    axis = dimension("dim", dim, input.ndim)
    scores = np.atleast_1d(input)
    np.setbufsize(BUFFER_SIZE)
    # `initial` is for the maximum of no classes at all, which NumPy does not define.
    return scores - scores.max(axis, keepdims=True, initial=-np.inf), axis


def _unflat(result: Array, like: Array) -> Array:
    """Give the 1-D result for a number, which counts as having one dimension, its shape () back."""
    return result.reshape(like.shape)
