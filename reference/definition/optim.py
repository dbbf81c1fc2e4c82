"""One step of gradient descent on paper."""
# The variables are the letters of the formulas: K.
# ruff: noqa: N806

import numpy as np

from reference.definition.numbers import Array, Double


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
