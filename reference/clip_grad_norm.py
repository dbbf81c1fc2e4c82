"""Clipping of gradients by their norm.  Twin: ``torch.nn.utils.clip_grad_norm_``.

Formula, for all gradients g of a network together:

    norm = (sum |g|^p)^(1/p)                           over every number of every gradient, p = 2 mostly
    g_new = g min(1, max_norm / (norm + 10^-6))

Where the loss falls off a cliff, one gradient is enough to throw the weights far away.  Clipped, it keeps its
direction, and is no longer than max_norm: so all gradients are multiplied by one and the same factor.  10^-6 keeps
gradients of 0 from a division by 0; because of it, what is clipped ends a little below max_norm.

torch's order of operations: the norm is that of the norms of the single gradients, which is the same number but for
p = 0, where it says how many gradients are not 0 everywhere.  Gradients are multiplied in any case, by 1 if need be, so
NaN anywhere makes all of them NaN.

Source: Pascanu, Mikolov & Bengio, On the difficulty of training recurrent neural networks (2013), algorithm 1; 10^-6 is
torch's.
"""

import math
from collections.abc import Iterable
from typing import Any

import numpy as np

from reference.arguments import Array, boolean, check_floats, ieee754, number
from reference.parameter import Parameter


@ieee754
def clip_grad_norm_(
    parameters: Parameter | Iterable[Parameter],
    max_norm: float,
    norm_type: float | str = 2.0,
    error_if_nonfinite: bool = False,
    foreach: bool | None = None,
) -> Any:
    """Multiply the gradients of ``parameters``, in place, so that their norm is at most ``max_norm``.

    Returns the norm before, a number of the gradients' dtype.  ``norm_type`` is p, also math.inf or "inf" (the largest
    |g|) and -math.inf (the smallest).  Parameters without a gradient are passed over.  RuntimeError, with
    ``error_if_nonfinite``, for a norm that is infinite or NaN: then nothing is changed; ValueError for a gradient of no
    numbers where p is infinite or negative, since those norms of nothing do not exist.  ``foreach`` matters to torch
    alone.

    >>> import numpy as np
    >>> from reference.clip_grad_norm import clip_grad_norm_
    >>> from reference.parameter import Parameter
    >>> weight, bias = Parameter(np.zeros(2)), Parameter(np.zeros(1))
    >>> weight.grad, bias.grad = np.array([3.0, 4.0]), np.array([12.0])
    >>> print(clip_grad_norm_([weight, bias], max_norm=6.5))  # 9 + 16 + 144 = 169
    13.0
    >>> print(weight.grad.round(5), bias.grad.round(5))  # 6.5 / 13: half of all
    [1.5 2. ] [6.]
    """
    most, p = number("max_norm", max_norm), math.inf if norm_type == "inf" else number("norm_type", norm_type)
    boolean("error_if_nonfinite", error_if_nonfinite)
    if foreach is not None:
        boolean("foreach", foreach)
    with_gradient = [parameter for parameter in _listed(parameters) if parameter.grad is not None]
    norms = []
    for parameter in with_gradient:
        grad = parameter.grad
        check_floats(data=parameter.data, grad=grad)
        assert grad is not None
        if grad.size == 0 and (p < 0 or math.isinf(p)):
            raise ValueError(f"norm_type must be at least 0 and finite for a gradient of no numbers, got {norm_type}")
        norms.append(_norm(grad, p))
    if not norms:
        return np.float32(0)
    norm = _norm(np.stack(norms), p)
    if error_if_nonfinite and not np.isfinite(norm):
        raise RuntimeError(f"the norm of the gradients must be finite with error_if_nonfinite, got {norm}")
    factor = np.minimum(most / (norm + 1e-6), 1)
    for parameter in with_gradient:
        parameter.grad *= factor.astype(parameter.dtype)
    return norm


def _listed(parameters: Parameter | Iterable[Parameter]) -> list[Parameter]:
    """``parameters`` as a list; TypeError where they are something else."""
    if isinstance(parameters, np.ndarray) or not isinstance(parameters, Parameter | Iterable):
        raise TypeError(f"parameters must be a Parameter or an iterable of them, got {type(parameters).__name__}")
    listed = [parameters] if isinstance(parameters, Parameter) else list(parameters)
    for parameter in listed:
        if not isinstance(parameter, Parameter):
            raise TypeError(f"parameters must hold Parameters, got {type(parameter).__name__}")
    return listed


def _norm(x: Array, p: float) -> Any:
    """The norm of order p of all numbers in ``x``, of their dtype."""
    sizes = np.abs(x)
    if math.isinf(p):
        return sizes.max() if p > 0 else sizes.min()
    if p == 0:
        return sizes.dtype.type(np.count_nonzero(sizes))
    if p == 1:
        return sizes.sum()
    if p == 2:
        return np.sqrt((sizes * sizes).sum())
    return (sizes**p).sum() ** (1 / p)
