"""One step of gradient descent, and of the optimizers that came after it, on paper."""
# The variables are the letters of the formulas: K.
# ruff: noqa: N806

import numpy as np

from reference.definition.numbers import Array, Double, ieee754


def sgd_step(
    parameter: Array,
    grad: Array,
    velocity: Array | None,
    lr: float = 0.001,
    momentum: float = 0.0,
    dampening: float = 0.0,
    weight_decay: float = 0.0,
    nesterov: bool = False,
    maximize: bool = False,
) -> tuple[Double, Double | None]:
    """One step of gradient descent, any shape:  K_new = K_old - eta dL/dK,  with eta = ``lr``.

    Close to K the loss is a plane, L(K + d) = L(K) + sum d dL/dK.  Of all steps d of one length, the one straight down
    against the gradient lowers it most; eta says how far to trust the plane.  The options, in order, mu = ``momentum``:

        g = dL/dK                                   ``maximize``: -dL/dK, uphill
        g = g + weight_decay K                      the gradient of weight_decay/2 K^2, which keeps weights small
        v = mu v + (1 - dampening) g                the velocity remembers earlier steps; on the first step v = g
        g = v,  with ``nesterov``  g = g + mu v     go with the velocity, or look one step of it ahead
        K = K - eta g

    Returns the new K and the new v.  ``velocity`` is None on the first step; v is None always without momentum.

    Source: Goodfellow, sections 4.3 (gradient descent), 7.1.1 (weight decay), 8.3.1-8.3.3 (SGD, momentum, Nesterov);
    Sutskever, Martens, Dahl & Hinton 2013 (Nesterov); dampening is torch's.

    >>> import numpy as np
    >>> from reference import definition
    >>> K_new, _ = definition.sgd_step(np.array([1, 0, -1]), np.array([1, 2, 3]), None, lr=0.001)
    >>> print(K_new)  # 1 - 0.001 * 1, 0 - 0.001 * 2, -1 - 0.001 * 3
    [ 0.999 -0.002 -1.003]
    """
    K_new = np.zeros(parameter.shape)
    v_new = np.zeros(parameter.shape) if momentum else None
    for index in np.ndindex(parameter.shape):
        K, g = parameter.item(index), grad.item(index)
        if maximize:
            g = -g
        if weight_decay:  # or else 0 * inf would be nan
            g += weight_decay * K
        if v_new is not None:
            v = g if velocity is None else momentum * velocity.item(index) + (1 - dampening) * g
            g = g + momentum * v if nesterov else v
            v_new[index] = v
        K_new[index] = K - lr * g
    return K_new, v_new


@ieee754
def rmsprop_step(
    parameter: Array,
    grad: Array,
    means: tuple[Double, Double, Double] | None,
    lr: float = 0.01,
    alpha: float = 0.99,
    eps: float = 1e-8,
    weight_decay: float = 0.0,
    momentum: float = 0.0,
    centered: bool = False,
    maximize: bool = False,
) -> tuple[Double, tuple[Double, Double, Double]]:
    """One step of RMSprop, any shape:  K_new = K_old - eta g / (sqrt(v) + epsilon),  with eta = ``lr``.

    v is a running mean of g^2, so sqrt(v) is the size that g has had lately, and g over it about 1 or -1: every weight
    takes steps of about eta, whatever the scale of its gradient.  In order:

        g = dL/dK                                   ``maximize``: -dL/dK, uphill
        g = g + weight_decay K
        v = alpha v + (1 - alpha) g^2               from v = 0
        a = alpha a + (1 - alpha) g                 from a = 0; ``centered``: v - a^2, the variance, in the place of v
        b = mu b + g / (sqrt(v) + epsilon)          from b = 0, with mu = ``momentum``
        K = K - eta b

    Returns the new K and (v, a, b); ``means`` are those of the step before, None on the first.

    Source: Tieleman & Hinton 2012, lecture 6.5; Graves 2013, equations 38-45 (centered).

    >>> import numpy as np
    >>> from reference import definition
    >>> K_new, (v, _, _) = definition.rmsprop_step(np.array([8.0]), np.array([4.0]), None, lr=1, alpha=0.75, eps=0)
    >>> print(v, K_new)  # a quarter of 16; 8 - 4 / 2
    [4.] [6.]
    """
    K_new = np.zeros(parameter.shape)
    v, a, b = (mean.copy() for mean in means) if means else (np.zeros(parameter.shape) for _ in range(3))
    for index in np.ndindex(parameter.shape):
        K, g = np.float64(parameter[index]), np.float64(grad[index])
        if maximize:
            g = -g
        if weight_decay:
            g += weight_decay * K
        v[index] = alpha * v[index] + (1 - alpha) * g**2
        a[index] = alpha * a[index] + (1 - alpha) * g
        size = np.sqrt(v[index] - a[index] ** 2) if centered else np.sqrt(v[index])
        b[index] = momentum * b[index] + g / (size + eps)
        K_new[index] = K - lr * b[index]
    return K_new, (v, a, b)


@ieee754
def adam_step(
    parameter: Array,
    grad: Array,
    means: tuple[Double, Double, Double] | None,
    step: int,
    lr: float = 0.001,
    betas: tuple[float, float] = (0.9, 0.999),
    eps: float = 1e-8,
    weight_decay: float = 0.0,
    amsgrad: bool = False,
    maximize: bool = False,
) -> tuple[Double, tuple[Double, Double, Double]]:
    """Step t = ``step`` of Adam, any shape, counted from 1:  K_new = K_old - eta mhat / (sqrt(vhat) + epsilon).

    m is a running mean of g, v one of g^2.  Both start at 0: of t gradients they have seen, their weights add up to
    1 - beta^t only, and mhat and vhat divide by that.  In order, with eta = ``lr``:

        g = dL/dK                                   ``maximize``: -dL/dK, uphill
        g = g + weight_decay K
        m = beta_1 m + (1 - beta_1) g               from m = 0
        v = beta_2 v + (1 - beta_2) g^2             from v = 0
        u = max(u, v)                               ``amsgrad``: in the place of v
        mhat = m / (1 - beta_1^t)
        vhat = v / (1 - beta_2^t)
        K = K - eta mhat / (sqrt(vhat) + epsilon)

    Returns the new K and (m, v, u); ``means`` are those of the step before, None on the first.

    Source: Kingma & Ba 2015, algorithm 1; Reddi, Kale & Kumar 2018, algorithm 2 (amsgrad).

    >>> import numpy as np
    >>> from reference import definition
    >>> K_new, (m, v, _) = definition.adam_step(np.array([8.0]), np.array([4.0]), None, 1, 0.5, (0.5, 0.75), eps=0)
    >>> print(m, v, K_new)  # a half of 4, a quarter of 16; mhat is 4 and vhat 16, and so K is 8 - 0.5 * 4 / 4
    [2.] [4.] [7.5]
    """
    K_new = np.zeros(parameter.shape)
    beta_1, beta_2 = betas
    m, v, u = (mean.copy() for mean in means) if means else (np.zeros(parameter.shape) for _ in range(3))
    for index in np.ndindex(parameter.shape):
        K, g = np.float64(parameter[index]), np.float64(grad[index])
        if maximize:
            g = -g
        if weight_decay:
            g += weight_decay * K
        m[index] = beta_1 * m[index] + (1 - beta_1) * g
        v[index] = beta_2 * v[index] + (1 - beta_2) * g**2
        u[index] = np.maximum(u[index], v[index])  # nan where either is
        m_hat = m[index] / (1 - beta_1**step)
        v_hat = (u if amsgrad else v)[index] / (1 - beta_2**step)
        K_new[index] = K - lr * m_hat / (np.sqrt(v_hat) + eps)
    return K_new, (m, v, u)


@ieee754
def adamw_step(
    parameter: Array,
    grad: Array,
    means: tuple[Double, Double, Double] | None,
    step: int,
    lr: float = 0.001,
    betas: tuple[float, float] = (0.9, 0.999),
    eps: float = 1e-8,
    weight_decay: float = 0.01,
    amsgrad: bool = False,
    maximize: bool = False,
) -> tuple[Double, tuple[Double, Double, Double]]:
    """Step t = ``step`` of AdamW: first  K = K - eta weight_decay K,  then a step of Adam by dL/dK alone.

    In gradient descent it is one and the same to add weight_decay K to the gradient, or to take eta weight_decay K off
    K.  In Adam it is not, since the gradient is divided by its size.

    Source: Loshchilov & Hutter 2019, algorithm 2.

    >>> import numpy as np
    >>> from reference import definition
    >>> K_new, _ = definition.adamw_step(np.array([8.0]), np.array([4.0]), None, 1, 0.5, eps=0, weight_decay=0.25)
    >>> print(K_new)  # 8 - 0.5 * 0.25 * 8 = 7, and 0.5 down
    [6.5]
    """
    decayed = np.zeros(parameter.shape)
    for index in np.ndindex(parameter.shape):
        K = np.float64(parameter[index])
        decayed[index] = K - lr * weight_decay * K if weight_decay else K
    return adam_step(decayed, grad, means, step, lr, betas, eps, 0.0, amsgrad, maximize)
