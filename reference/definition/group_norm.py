"""Group normalisation on paper, and its gradients."""

from collections.abc import Iterator

import numpy as np

from reference.definition.numbers import Array, Double, ieee754


@ieee754
def group_norm(
    input: Array, num_groups: int, weight: Array | None = None, bias: Array | None = None, eps: float = 1e-5
) -> Double:
    """Every group of channels with mean 0 and variance 1, each channel then scaled and shifted.

    x (N, C, ...).  Consecutive channels belong together: of G groups, c is in number floor(c / (C/G)).  i names one of
    the n members of a group in one image, pixels of its C/G channels:

        mu = 1/n sum_i x[i]        v = 1/n sum_i (x[i] - mu)^2        y[i] = w[c] (x[i] - mu) / sqrt(v + eps) + b[c]

    Source: Wu & He, Group normalization (2018), section 3.

    >>> import numpy as np
    >>> from reference import definition
    >>> x = np.array([[[1, 1], [3, 3], [0, 20], [20, 0]]])  # 2 -+ 1;  10 -+ 10
    >>> print(definition.group_norm(x, 2, weight=np.array([1, 2, 3, 4]), bias=np.full(4, 10), eps=0))
    [[[ 9.  9.]
      [12. 12.]
      [ 7. 13.]
      [14.  6.]]]
    """
    x = input.astype(np.float64)
    y = np.zeros(x.shape)
    for members in groups_of(x.shape, num_groups):
        n = len(members)
        mu = sum(x[i] for i in members) / n
        v = sum((x[i] - mu) ** 2 for i in members) / n
        for i in members:
            c = i[1]
            w = 1 if weight is None else weight[c]
            b = 0 if bias is None else bias[c]
            y[i] = w * (x[i] - mu) / np.sqrt(v + eps) + b
    return y


@ieee754
def group_norm_backward(
    grad_output: Array, input: Array, num_groups: int, weight: Array | None = None, eps: float = 1e-5
) -> tuple[Double, Double, Double]:
    """dL/dx, dL/dw and dL/db of ``group_norm`` from g; without a weight, dL/dw is that of a weight of 1.

    All images and pixels of a channel share w[c] and b[c], and collect in

        dL/dw[c] = sum_i in c  g[i] x_hat[i]        dL/db[c] = sum_i in c  g[i]

    Within a group, every x[i] moves every x_hat[j].  With s = 1 / sqrt(v + eps) and x_hat[j] = s (x[j] - mu),

        dmu/dx[i] = 1/n        dv/dx[i] = 2/n (x[i] - mu)        ds/dv = -1/2 s^3

        dx_hat[j]/dx[i] = s ([i = j] - 1/n) - 1/2 s^3 2/n (x[i] - mu) (x[j] - mu)
                        = s ([i = j] - 1/n - 1/n x_hat[i] x_hat[j])

    and the chain rule sums over the group:  dL/dx[i] = sum_j g[j] w[c of j] dx_hat[j]/dx[i].

    Source: Wu & He, Group normalization (2018), section 3.

    >>> import numpy as np
    >>> from reference import definition
    >>> x, g = np.array([[[1, 1], [3, 3]]]), np.array([[[4, 0], [0, 0]]])  # x_hat is -1, -1, 1, 1
    >>> grad_x, grad_w, grad_b = definition.group_norm_backward(g, x, 1, eps=0)
    >>> print(grad_x)  # 4 (1 - 1/4 - 1/4), 4 (0 - 1/4 - 1/4), 4 (0 - 1/4 + 1/4) twice
    [[[ 2. -2.]
      [ 0.  0.]]]
    >>> print(grad_w, grad_b)
    [-4.  0.] [4. 0.]
    """
    x, g = input.astype(np.float64), grad_output.astype(np.float64)
    channels = x.shape[1]
    grad_x, grad_w, grad_b = np.zeros(x.shape), np.zeros(channels), np.zeros(channels)
    for members in groups_of(x.shape, num_groups):
        n = len(members)
        mu = sum(x[i] for i in members) / n
        v = sum((x[i] - mu) ** 2 for i in members) / n
        s = 1 / np.sqrt(v + eps)
        for j in members:
            c = j[1]
            w = 1 if weight is None else weight[c]
            x_hat_j = s * (x[j] - mu)
            grad_w[c] += g[j] * x_hat_j
            grad_b[c] += g[j]
            for i in members:
                x_hat_i = s * (x[i] - mu)
                grad_x[i] += g[j] * w * s * ((i == j) - 1 / n - x_hat_i * x_hat_j / n)
    return grad_x, grad_w, grad_b


def groups_of(shape: tuple[int, ...], num_groups: int) -> Iterator[list[tuple[int, ...]]]:
    """The members of each group of each image, as indices (n, c, ...) into an array of ``shape`` (N, C, ...).

    >>> from reference.definition.group_norm import groups_of
    >>> list(groups_of((1, 4), num_groups=2))
    [[(0, 0), (0, 1)], [(0, 2), (0, 3)]]
    """
    images, channels, *pixels = shape
    together = channels // num_groups
    for n, group in np.ndindex(images, num_groups):
        yield [(n, group * together + c, *p) for c in range(together) for p in np.ndindex(*pixels)]
