"""Stochastic gradient descent.  Twin: ``torch.optim.SGD``.

Formula, with learning rate eta (lr):

    K_new = K_old - eta dL/dK

The gradient points where the loss rises fastest; a small step the other way lowers it.  The options, in the order in
which they act on the gradient g of a parameter K:

    maximize       g = -g                              climb instead of descending
    weight decay   g = g + weight_decay K              the gradient of (weight_decay / 2) |K|^2: pulls weights to 0
    momentum       v = momentum v + (1 - dampening) g  a moving sum of gradients steps instead of the last one;
                                                       the first step starts with v = g, undampened
                   g = v                               or, with nesterov,  g = g + momentum v: a look ahead
    update         K = K - eta g

Source: Goodfellow, Bengio & Courville, Deep Learning (2016), sections 4.3, 7.1.1 and 8.3; nesterov as in Sutskever et
al., On the importance of initialization and momentum in deep learning (2013).
"""

from collections.abc import Iterable
from types import MappingProxyType
from typing import Any

from reference.arguments import Array, number
from reference.optim.optimizer import Optimizer, State
from reference.parameter import Parameter

RATES = ("lr", "momentum", "dampening", "weight_decay")


class SGD(Optimizer):
    """Stochastic gradient descent over ``params``: Parameters, or groups of them (see ``Optimizer``).

    ``momentum_buffers`` holds v for every parameter, in order; None before its first step.
    Raises ValueError for no parameters, one in two groups, negative rates, and nesterov without momentum or with
    dampening; TypeError for what is no Parameter or no number.

    >>> import numpy as np
    >>> from reference.optim import SGD, Parameter
    >>> kernel = Parameter(np.array([1.0, 0, -1]))
    >>> kernel.grad = np.array([1.0, 2, 3])
    >>> SGD([kernel], lr=0.001).step()
    >>> print(kernel.data)  # 1 - 0.001 * 1, 0 - 0.001 * 2, -1 - 0.001 * 3
    [ 0.999 -0.002 -1.003]

    >>> weight = Parameter(np.array([8.0]))
    >>> optimizer = SGD([weight], lr=0.5, momentum=0.5)
    >>> for _ in range(3):
    ...     weight.grad = np.array([4.0])
    ...     optimizer.step()
    ...     print(weight.data, optimizer.momentum_buffers[0])  # K and v
    [6.] [4.]
    [3.] [6.]
    [-0.5] [7.]
    """

    _flags = ("nesterov", "maximize")
    _ways = MappingProxyType({"foreach": None, "differentiable": False, "fused": None})
    _older = MappingProxyType({"nesterov": False, "maximize": False})
    _arrays = ("momentum_buffer",)

    def __init__(
        self,
        params: Iterable[Parameter] | Iterable[dict[str, Any]],
        lr: float = 0.001,
        momentum: float = 0,
        dampening: float = 0,
        weight_decay: float = 0,
        nesterov: bool = False,
        *,
        maximize: bool = False,
        foreach: bool | None = None,
        differentiable: bool = False,
        fused: bool | None = None,
    ) -> None:
        """Take the parameters and the options; ``lr`` is eta.  The last three matter to torch alone."""
        defaults = {
            "lr": lr, "momentum": momentum, "dampening": dampening, "weight_decay": weight_decay, "nesterov": nesterov,
            "maximize": maximize, "foreach": foreach, "differentiable": differentiable, "fused": fused,
        }  # fmt: skip
        super().__init__(params, defaults)

    @property
    def momentum_buffers(self) -> list[Array | None]:
        """v for every parameter, in order; None before its first step."""
        return [state.get("momentum_buffer") for state in self.state]

    def _advance(self, parameter: Parameter, g: Array, state: State, options: dict[str, Any]) -> None:
        v = _update(parameter, g, state.get("momentum_buffer"), *(options[name] for name in (*RATES, "nesterov")))
        if v is not None:
            state["momentum_buffer"] = v

    def _check(self, options: dict[str, Any]) -> None:
        for name in RATES:
            if number(name, options[name]) < 0 and name != "dampening":
                raise ValueError(f"{name} must not be negative, got {options[name]}")
        super()._check(options)
        if options["nesterov"] and (options["momentum"] <= 0 or options["dampening"] != 0):
            raise ValueError(
                f"nesterov needs momentum above 0 and dampening 0, got momentum {options['momentum']}, "
                f"dampening {options['dampening']}"
            )


def _update(
    parameter: Parameter,
    g: Array,
    v: Array | None,
    lr: float,
    momentum: float,
    dampening: float,
    weight_decay: float,
    nesterov: bool,
) -> Array | None:
    """One step of one parameter along its gradient; gives back its v."""
    if weight_decay != 0:
        g = g + weight_decay * parameter.data
    if momentum != 0:
        if v is None:
            v = g.copy()
        else:
            v *= momentum
            v += g if dampening == 0 else (1 - dampening) * g  # without it, spare large gradients a product with 1
        g = g + momentum * v if nesterov else v
    parameter.data -= lr * g
    return v
