"""Gradient descent with steps measured by the size of the gradients.  Twin: ``torch.optim.RMSprop``.

Formula, with learning rate eta (lr), for the gradient g of a parameter K, weight by weight:

    v = alpha v + (1 - alpha) g^2                      a running mean of the squared gradients, from v = 0
    K_new = K_old - eta g / (sqrt(v) + epsilon)

sqrt(v) is how large the gradients of a weight have been lately (their root mean square, hence the name).  Divided by
it, steep and flat directions get steps of one size, about eta; epsilon keeps what was never steep from a division by
0.  v starts at 0, too small, so the first steps are larger: the very first is eta / sqrt(1 - alpha).

The options, in the order in which they act:

    maximize       g = -g                              climb instead of descending
    weight decay   g = g + weight_decay K              pulls weights to 0; it is measured by v, too
    centered       a = alpha a + (1 - alpha) g         a running mean of the gradients, from a = 0; the measure is then
                   v - a^2  instead of v               their variance: steady gradients get larger steps
    momentum       b = momentum b + g / (sqrt(v) + epsilon),  from b = 0
    update         K = K - eta b                       a moving sum of measured steps instead of the last one

Source: Tieleman & Hinton, Lecture 6.5, RmsProp: divide the gradient by a running average of its recent magnitude,
COURSERA: Neural Networks for Machine Learning (2012); centered as in Graves, Generating sequences with recurrent neural
networks (2013), equations 38 to 45.
"""

from collections.abc import Iterable
from types import MappingProxyType
from typing import Any

import numpy as np

from reference.arguments import Array
from reference.optim.optimizer import Optimizer, State, at_least_zero, towards
from reference.parameter import Parameter


class RMSprop(Optimizer):
    """RMSprop over ``params``: Parameters, or groups of them (see ``Optimizer``).

    ``state`` holds for every parameter, by torch's names, the number of its steps and v ("square_avg"), a ("grad_avg")
    where it is centered, and b ("momentum_buffer") with momentum.  ValueError for options below 0.

    >>> import numpy as np
    >>> from reference.optim import Parameter, RMSprop
    >>> weight = Parameter(np.array([8.0, 8.0]))
    >>> optimizer = RMSprop([weight], lr=1, alpha=0.75, eps=0)
    >>> weight.grad = np.array([100.0, 0.01])
    >>> optimizer.step()
    >>> print(weight.data)  # 1 / sqrt(1 - 0.75) = 2 down, whether it is steep or flat
    [6. 6.]
    """

    _flags = ("centered", "maximize")
    _ways = MappingProxyType({"capturable": False, "foreach": None, "differentiable": False})
    _older = MappingProxyType({"momentum": 0, "centered": False, "maximize": False})
    _arrays = ("square_avg", "momentum_buffer", "grad_avg")

    def __init__(
        self,
        params: Iterable[Parameter] | Iterable[dict[str, Any]],
        lr: float = 1e-2,
        alpha: float = 0.99,
        eps: float = 1e-8,
        weight_decay: float = 0,
        momentum: float = 0,
        centered: bool = False,
        capturable: bool = False,
        foreach: bool | None = None,
        maximize: bool = False,
        differentiable: bool = False,
    ) -> None:
        """Take the parameters and the options; ``lr`` is eta, ``eps`` epsilon.

        ``capturable``, ``foreach`` and ``differentiable`` matter to torch alone.
        """
        defaults = {
            "lr": lr, "momentum": momentum, "alpha": alpha, "eps": eps, "centered": centered,
            "weight_decay": weight_decay, "capturable": capturable, "foreach": foreach, "maximize": maximize,
            "differentiable": differentiable,
        }  # fmt: skip
        super().__init__(params, defaults)

    def _advance(self, parameter: Parameter, g: Array, state: State, options: dict[str, Any]) -> None:
        state = self._remembered(parameter, state, options)
        v, alpha = state["square_avg"], options["alpha"]
        if options["weight_decay"] != 0:
            g = g + options["weight_decay"] * parameter.data
        v *= alpha
        v += (1 - alpha) * g * g
        if options["centered"]:
            towards(state["grad_avg"], g, 1 - alpha)
            size = np.sqrt(v - state["grad_avg"] * state["grad_avg"])
        else:
            size = np.sqrt(v)
        size += options["eps"]
        if options["momentum"] > 0:
            b = state["momentum_buffer"]
            b *= options["momentum"]
            b += g / size
            parameter.data -= options["lr"] * b
        else:
            parameter.data -= options["lr"] * g / size

    def _check(self, options: dict[str, Any]) -> None:
        at_least_zero(options, "lr", "eps", "momentum", "weight_decay", "alpha")
        super()._check(options)

    def _remembers(self, options: dict[str, Any]) -> tuple[str, ...]:
        momentum = ("momentum_buffer",) if options["momentum"] > 0 else ()
        centered = ("grad_avg",) if options["centered"] else ()
        return ("square_avg", *momentum, *centered)
