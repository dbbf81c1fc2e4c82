"""Batch normalisation on paper: the formula, its gradient, and the statistics that are kept for later."""
# The variables are the letters of the formulas.
# ruff: noqa: N806

import math

import numpy as np

from reference.definition.numbers import Array, Double, ieee754


@ieee754
def batch_norm(
    input: Array,
    running_mean: Array | None,
    running_var: Array | None,
    weight: Array | None = None,
    bias: Array | None = None,
    training: bool = False,
    eps: float = 1e-5,
) -> Double:
    """Every channel with mean 0 and variance 1, then with a scale and a shift that are learned:

        x_hat[n, c, i] = (x[n, c, i] - mu[c]) / sqrt(v[c] + eps)        y[n, c, i] = w[c] x_hat[n, c, i] + b[c]

    x and y (N, C, ...), where i counts the pixels of an image, if it has any; w, b (C,).  In training, with m numbers
    x[n, c, i] in channel c,

        mu[c] = 1/m  sum_{n,i}  x[n, c, i]              v[c] = 1/m  sum_{n,i}  (x[n, c, i] - mu[c])^2

    and else mu and v are the running ones.

    Source: Ioffe & Szegedy, Batch normalization (2015), algorithm 1.

    >>> import numpy as np
    >>> from reference import definition
    >>> x = np.array([[2], [6]])  # mean 4, variance 4
    >>> print(definition.batch_norm(x, None, None, np.array([3]), np.array([1]), training=True, eps=0))
    [[-2.]
     [ 4.]]
    """
    x = _pixels_in_a_row(input)
    mu, v = _mean_and_variance(x, running_mean, running_var, training)
    y = np.zeros(x.shape)
    for n, c, i in np.ndindex(x.shape):
        x_hat = (x[n, c, i] - mu[c]) / np.sqrt(v[c] + eps)
        y[n, c, i] = (1 if weight is None else weight[c]) * x_hat + (0 if bias is None else bias[c])
    return y.reshape(input.shape)


@ieee754
def batch_norm_backward(
    grad_output: Array,
    input: Array,
    running_mean: Array | None,
    running_var: Array | None,
    weight: Array | None = None,
    training: bool = False,
    eps: float = 1e-5,
) -> tuple[Double, Double, Double]:
    """dL/dx (N, C, ...), dL/dw (C,) and dL/db (C,) of ``batch_norm`` from g (N, C, ...).

    With h = dL/dx_hat, and s = 1 / sqrt(v + eps), for each channel:

        dL/db = sum g        dL/dw = sum g x_hat        h = w g

    The running mu and v are constants, and leave dL/dx = s h.  In training they are made of x, and every x_hat of the
    channel depends on both:

        dL/dv  = sum  h (x - mu) (-1/2) (v + eps)^(-3/2)                dL/dmu = - s  sum h

    (That v depends on mu adds nothing: its slope is -2/m sum (x - mu), which is 0.)  So x moves the loss in three ways:
    through its own x_hat, through v, whose slope in x is 2/m (x - mu), and through mu, whose slope is 1/m.

        dL/dx = s h  +  2/m (x - mu) dL/dv  +  1/m dL/dmu

    Source: Ioffe & Szegedy, Batch normalization (2015), section 3.

    >>> import numpy as np
    >>> from reference import definition
    >>> g, x = np.array([[1], [0]]), np.array([[-1], [1]])
    >>> grad_x, grad_w, grad_b = definition.batch_norm_backward(g, x, None, None, training=True, eps=0)
    >>> print(grad_x.T, grad_w, grad_b)  # of two numbers x_hat is -1 and 1, wherever they are: nothing moves it
    [[0. 0.]] [-1.] [1.]
    >>> grad_x, _, _ = definition.batch_norm_backward(g, x, np.array([0]), np.array([4]), np.array([6]), eps=0)
    >>> print(grad_x.T)
    [[3. 0.]]
    """
    x, g = _pixels_in_a_row(input), _pixels_in_a_row(grad_output)
    mu, v = _mean_and_variance(x, running_mean, running_var, training)
    N, C, pixels = x.shape
    m, s = N * pixels, 1 / np.sqrt(v + eps)
    grad_w, grad_b, grad_v, grad_mu = np.zeros(C), np.zeros(C), np.zeros(C), np.zeros(C)
    grad_x, h = np.zeros(x.shape), np.zeros(x.shape)
    for n, c, i in np.ndindex(x.shape):
        h[n, c, i] = g[n, c, i] * (1 if weight is None else weight[c])
        grad_b[c] += g[n, c, i]
        grad_w[c] += g[n, c, i] * (x[n, c, i] - mu[c]) * s[c]
        grad_v[c] += h[n, c, i] * (x[n, c, i] - mu[c]) * -1 / 2 * s[c] ** 3
        grad_mu[c] += -s[c] * h[n, c, i]
    for n, c, i in np.ndindex(x.shape):
        grad_x[n, c, i] = s[c] * h[n, c, i]
        if training:
            grad_x[n, c, i] += 2 / m * (x[n, c, i] - mu[c]) * grad_v[c] + 1 / m * grad_mu[c]
    return grad_x.reshape(input.shape), grad_w, grad_b


@ieee754
def running_statistics(
    input: Array, running_mean: Array, running_var: Array, momentum: float = 0.1
) -> tuple[Double, Double]:
    """The running mean and variance (C,) after one more batch x (N, C, ...), of m numbers in each channel.

        r_new = (1 - momentum) r  +  momentum r_batch

    with r_batch = mu[c] for the mean, and m / (m - 1) v[c], the unbiased variance, for the variance.

    Source: Ioffe & Szegedy, Batch normalization (2015), algorithm 2.

    >>> import numpy as np
    >>> from reference import definition
    >>> x = np.array([[2], [6]])  # mean 4, variance 4, and 8 if it is unbiased
    >>> print(*definition.running_statistics(x, np.array([0]), np.array([0]), momentum=0.25))
    [1.] [2.]
    """
    x = _pixels_in_a_row(input)
    m = x.shape[0] * x.shape[2]
    mu, v = _mean_and_variance(x, None, None, training=True)
    mean, variance = running_mean.astype(np.float64), running_var.astype(np.float64)
    for c in range(len(mean)):
        if m > 0:
            mean[c] = (1 - momentum) * mean[c] + momentum * mu[c]
            variance[c] = (1 - momentum) * variance[c] + momentum * (m / (m - 1) * v[c])
    return mean, variance


def _pixels_in_a_row(array: Array) -> Double:
    """(N, C, ...) as (N, C, pixels): one pixel where there are no dimensions for them."""
    return array.astype(np.float64).reshape(*array.shape[:2], math.prod(array.shape[2:]))


def _mean_and_variance(
    x: Double, running_mean: Array | None, running_var: Array | None, training: bool
) -> tuple[Double, Double]:
    """mu and v (C,): in training those of x (N, C, pixels), else the running ones."""
    if not (training or running_mean is None or running_var is None):
        return running_mean.astype(np.float64), running_var.astype(np.float64)
    N, C, pixels = x.shape
    m, mu, v = N * pixels, np.zeros(C), np.zeros(C)
    for n, c, i in np.ndindex(x.shape):
        mu[c] += x[n, c, i] / m
    for n, c, i in np.ndindex(x.shape):
        v[c] += (x[n, c, i] - mu[c]) ** 2 / m
    return mu, v
