"""Gradient descent by running means of the gradient and of its square.  Twin: ``torch.optim.Adam``.

Formula, with learning rate eta (lr), for the gradient g of a parameter K, weight by weight, in step t = 1, 2, ...:

    m = beta_1 m + (1 - beta_1) g                      a running mean of the gradients, from m = 0: the direction
    v = beta_2 v + (1 - beta_2) g^2                    a running mean of their squares, from v = 0: their size
    K_new = K_old - eta (m / (1 - beta_1^t)) / (sqrt(v / (1 - beta_2^t)) + epsilon)

Both means start at 0, and are too small at first.  After t equal gradients

    m = (1 - beta_1) (1 + beta_1 + ... + beta_1^(t-1)) g = (1 - beta_1^t) g

so dividing by 1 - beta_1^t corrects this bias, and likewise for v.  Where the gradients agree, m is about as large as
sqrt(v), and the step is about eta, whatever their size; where they disagree m is small, and so is the step.  epsilon
keeps weights that never had a gradient from a division by 0.

The options, in the order in which they act:

    maximize       g = -g                              climb instead of descending
    weight decay   g = g + weight_decay K              pulls weights to 0, but is measured by v as the gradient is;
                                                       decoupled_weight_decay:  K = (1 - eta weight_decay) K  instead,
                                                       which makes it AdamW (``adamw``)
    amsgrad        u = max(u, v)                       and u in the place of v: no step gets longer because a large
                                                       gradient is forgotten

torch's order of operations: eta / (1 - beta_1^t) and sqrt(1 - beta_2^t) are numbers, computed first, in double
precision.

Source: Kingma & Ba, Adam: a method for stochastic optimization (2015), algorithm 1; amsgrad: Reddi, Kale & Kumar, On
the convergence of Adam and beyond (2018), algorithm 2, where the maximum is that of v before its correction, as here.
"""

from collections.abc import Iterable
from types import MappingProxyType
from typing import Any

import numpy as np

from reference.arguments import Array
from reference.optim.optimizer import Optimizer, State, at_least_zero, towards
from reference.parameter import Parameter


class Adam(Optimizer):
    """Adam over ``params``: Parameters, or groups of them (see ``Optimizer``).

    ``state`` holds for every parameter, by torch's names, the number t of its steps ("step"), m ("exp_avg"), v
    ("exp_avg_sq") and, with amsgrad, u ("max_exp_avg_sq").  ValueError for options below 0, and for betas that are not
    two floats from 0 to below 1.

    >>> import numpy as np
    >>> from reference.optim import Adam, Parameter
    >>> weight = Parameter(np.array([8.0, 8.0]))
    >>> optimizer = Adam([weight], lr=0.5, betas=(0.5, 0.75), eps=0)
    >>> for gradient in ([100.0, 0.01], [0.0, 0.0]):
    ...     weight.grad = np.array(gradient)
    ...     optimizer.step()
    ...     print(weight.data)  # at first eta down, whether it is steep or flat: the mean of one gradient is itself
    [7.5 7.5]
    [7.24541246 7.24541246]

    The second step is 0.5 (0.25 / 0.75) / sqrt(0.1875 / 0.4375) for m = 0.25 g and v = 0.1875 g^2.
    """

    _flags = ("amsgrad", "maximize", "decoupled_weight_decay")
    _ways = MappingProxyType({"foreach": None, "capturable": False, "differentiable": False, "fused": None})
    _older = MappingProxyType({"amsgrad": False, "maximize": False, "decoupled_weight_decay": False})
    _arrays = ("exp_avg", "exp_avg_sq", "max_exp_avg_sq")

    def __init__(
        self,
        params: Iterable[Parameter] | Iterable[dict[str, Any]],
        lr: float = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0,
        amsgrad: bool = False,
        *,
        foreach: bool | None = None,
        maximize: bool = False,
        capturable: bool = False,
        differentiable: bool = False,
        fused: bool | None = None,
        decoupled_weight_decay: bool = False,
    ) -> None:
        """Take the parameters and the options; ``lr`` is eta, ``betas`` are beta_1 and beta_2, ``eps`` is epsilon.

        ``foreach``, ``capturable``, ``differentiable`` and ``fused`` matter to torch alone.
        """
        defaults = {
            "lr": lr, "betas": betas, "eps": eps, "weight_decay": weight_decay, "amsgrad": amsgrad,
            "maximize": maximize, "foreach": foreach, "capturable": capturable, "differentiable": differentiable,
            "fused": fused, "decoupled_weight_decay": decoupled_weight_decay,
        }  # fmt: skip
        super().__init__(params, defaults)

    def _advance(self, parameter: Parameter, g: Array, state: State, options: dict[str, Any]) -> None:
        state = self._remembered(parameter, state, options)
        m, v, t = state["exp_avg"], state["exp_avg_sq"], state["step"]
        lr, (beta_1, beta_2), weight_decay = options["lr"], options["betas"], options["weight_decay"]
        if weight_decay != 0:
            if options["decoupled_weight_decay"]:
                parameter.data *= 1 - lr * weight_decay
            else:
                g = g + weight_decay * parameter.data
        towards(m, g, 1 - beta_1)
        v *= beta_2
        v += (1 - beta_2) * g * g
        if options["amsgrad"]:
            v = np.maximum(state["max_exp_avg_sq"], v, out=state["max_exp_avg_sq"])
        size = np.sqrt(v)
        size /= (1 - beta_2**t) ** 0.5
        size += options["eps"]
        parameter.data -= lr / (1 - beta_1**t) * m / size

    def _check(self, options: dict[str, Any]) -> None:
        at_least_zero(options, "lr", "eps", "weight_decay")
        betas = options["betas"]
        two = isinstance(betas, tuple | list) and len(betas) == 2 and all(isinstance(beta, float) for beta in betas)
        if not two or not all(0 <= beta < 1 for beta in betas):
            raise ValueError(f"betas must be two floats of at least 0 and below 1, got {betas!r}")
        super()._check(options)

    def _remembers(self, options: dict[str, Any]) -> tuple[str, ...]:
        return ("exp_avg", "exp_avg_sq", *(("max_exp_avg_sq",) if options["amsgrad"] else ()))
