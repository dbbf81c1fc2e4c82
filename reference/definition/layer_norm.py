"""Layer normalisation on paper, and its gradients."""

import numpy as np

from reference.definition.numbers import Array, Double, ieee754


@ieee754
def layer_norm(
    input: Array,
    normalized_shape: tuple[int, ...],
    weight: Array | None = None,
    bias: Array | None = None,
    eps: float = 1e-5,
) -> Double:
    """Every row with mean 0 and variance 1, then scaled and shifted:  y[r, i] = w[i] x_hat[r, i] + b[i].

    x (..., *normalized_shape); r names a row, i one of its n features.  In each row

        mu = 1/n sum_i x[i]        v = 1/n sum_i (x[i] - mu)^2        x_hat[i] = (x[i] - mu) / sqrt(v + eps)

    Source: Ba, Kiros & Hinton, Layer normalization (2016), section 3.

    >>> import numpy as np
    >>> from reference import definition
    >>> x, b = np.array([[1, 1, 3, 3]]), np.full(4, 10)
    >>> print(definition.layer_norm(x, (4,), weight=np.array([1, 2, 3, 4]), bias=b, eps=0))  # 2 -+ 1
    [[ 9.  8. 13. 14.]]
    """
    x = input.astype(np.float64)
    y = np.zeros(x.shape)
    n = np.prod(normalized_shape)
    for r in np.ndindex(x.shape[: x.ndim - len(normalized_shape)]):
        mu = sum(x[r + i] for i in np.ndindex(normalized_shape)) / n
        v = sum((x[r + i] - mu) ** 2 for i in np.ndindex(normalized_shape)) / n
        for i in np.ndindex(normalized_shape):
            w = 1 if weight is None else weight[i]
            b = 0 if bias is None else bias[i]
            y[r + i] = w * (x[r + i] - mu) / np.sqrt(v + eps) + b
    return y


@ieee754
def layer_norm_backward(
    grad_output: Array,
    input: Array,
    normalized_shape: tuple[int, ...],
    weight: Array | None = None,
    eps: float = 1e-5,
) -> tuple[Double, Double, Double]:
    """dL/dx, dL/dw and dL/db of ``layer_norm`` from g; without a weight, dL/dw is that of a weight of 1.

    In y[r, i] = w[i] x_hat[r, i] + b[i] all rows share w[i] and b[i], and collect in

        dL/dw[i] = sum_r g[r, i] x_hat[r, i]        dL/db[i] = sum_r g[r, i]

    Within a row, every x[i] moves every x_hat[j].  With s = 1 / sqrt(v + eps) and x_hat[j] = s (x[j] - mu),

        dmu/dx[i] = 1/n        dv/dx[i] = 2/n (x[i] - mu)        ds/dv = -1/2 s^3

        dx_hat[j]/dx[i] = s ([i = j] - 1/n) - 1/2 s^3 2/n (x[i] - mu) (x[j] - mu)
                        = s ([i = j] - 1/n - 1/n x_hat[i] x_hat[j])

    and the chain rule sums over j:  dL/dx[i] = sum_j g[j] w[j] dx_hat[j]/dx[i].

    Source: Ba, Kiros & Hinton, Layer normalization (2016), supplementary material.

    >>> import numpy as np
    >>> from reference import definition
    >>> x, g = np.array([[1, 1, 3, 3]]), np.array([[4, 0, 0, 0]])  # x_hat is -1, -1, 1, 1
    >>> grad_x, grad_w, grad_b = definition.layer_norm_backward(g, x, (4,), eps=0)
    >>> print(grad_x)  # 4 (1 - 1/4 - 1/4), 4 (0 - 1/4 - 1/4), 4 (0 - 1/4 + 1/4) twice
    [[ 2. -2.  0.  0.]]
    >>> print(grad_w, grad_b)
    [-4.  0.  0.  0.] [4. 0. 0. 0.]
    """
    x, g = input.astype(np.float64), grad_output.astype(np.float64)
    grad_x, grad_w, grad_b = np.zeros(x.shape), np.zeros(normalized_shape), np.zeros(normalized_shape)
    n = np.prod(normalized_shape)
    for r in np.ndindex(x.shape[: x.ndim - len(normalized_shape)]):
        mu = sum(x[r + i] for i in np.ndindex(normalized_shape)) / n
        v = sum((x[r + i] - mu) ** 2 for i in np.ndindex(normalized_shape)) / n
        s = 1 / np.sqrt(v + eps)
        for j in np.ndindex(normalized_shape):
            w = 1 if weight is None else weight[j]
            x_hat_j = s * (x[r + j] - mu)
            grad_w[j] += g[r + j] * x_hat_j
            grad_b[j] += g[r + j]
            for i in np.ndindex(normalized_shape):
                x_hat_i = s * (x[r + i] - mu)
                grad_x[r + i] += g[r + j] * w * s * ((i == j) - 1 / n - x_hat_i * x_hat_j / n)
    return grad_x, grad_w, grad_b
