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

import itertools
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import numpy as np

from reference.arguments import Array, boolean, check_floats, check_shape, ieee754, number
from reference.instead import OPTIMIZERS, missing
from reference.parameter import Parameter

__all__ = ["SGD", "Parameter"]

RATES = ("lr", "momentum", "dampening", "weight_decay")
# What a group may hold beside SGD's options: a schedule's note of the first rate, and how torch is to compute the step,
# which changes nothing here and is handed back to it.
NOTES = ("initial_lr", "foreach", "fused", "differentiable", "capturable", "param_names")


class SGD:
    """Stochastic gradient descent over ``params``.

    These are Parameters, or groups of them: dictionaries {'params': Parameters, option: value, ...}.
    ``param_groups`` holds the options in force, one dictionary per group, as in torch: a schedule sets
    ``param_groups[0]["lr"]``.  ``momentum_buffers`` holds v for every parameter, in order; None before its first step.
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

    def __init__(
        self,
        params: Iterable[Parameter] | Iterable[dict[str, Any]],
        lr: float = 0.001,
        momentum: float = 0,
        dampening: float = 0,
        weight_decay: float = 0,
        nesterov: bool = False,
        maximize: bool = False,
    ) -> None:
        """Take the parameters and the options; ``lr`` is eta."""
        defaults = {
            "lr": lr, "momentum": momentum, "dampening": dampening, "weight_decay": weight_decay, "nesterov": nesterov,
            "maximize": maximize,
        }  # fmt: skip
        if isinstance(params, Parameter | np.ndarray) or not isinstance(params, Iterable):
            raise TypeError(f"params must be an iterable of Parameters or dictionaries, got {type(params).__name__}")
        given = list(params)
        if not given:
            raise ValueError("params must hold at least one Parameter, got none")
        groups = given if isinstance(given[0], dict) else [{"params": given}]
        _check_options(defaults)  # even where every group overrides them, as torch does
        self.param_groups = [_checked_group(group, defaults) for group in groups]
        self.defaults = defaults
        count = _check_once(self.param_groups)
        self.momentum_buffers: list[Array | None] = [None] * count

    def zero_grad(self, set_to_none: bool = True) -> None:
        """Forget all gradients: they would add up otherwise.  Without ``set_to_none`` they become zeros."""
        for group in self.param_groups:
            for parameter in group["params"]:
                parameter.forget_grad(set_to_none)

    def add_param_group(self, param_group: dict[str, Any]) -> None:
        """Also train the parameters of a further group; options that it does not have are the optimizer's own.

        Raises what the constructor raises; then nothing is changed.
        """
        group = _checked_group(param_group, self.defaults)
        groups = [*self.param_groups, group]
        _check_once(groups)
        self.param_groups = groups
        self.momentum_buffers += [None] * len(group["params"])

    def state_dict(self) -> dict[str, Any]:
        """A snapshot to go on from, in torch's form: 'state', each v by the parameter's number, and 'param_groups'.

        The groups hold their options, and under 'params' the numbers of their parameters.
        """
        buffers = enumerate(self.momentum_buffers)
        state = {index: {"momentum_buffer": v.copy()} for index, v in buffers if v is not None}
        numbers = itertools.count()
        groups = [{**group, "params": [next(numbers) for _ in group["params"]]} for group in self.param_groups]
        return {"state": state, "param_groups": groups}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Go on from a snapshot, its options included, of this class or, its tensors on the CPU, of torch's SGD.

        As in torch, parameters go by their order and not by their numbers, and what else a group holds is kept.
        Raises ValueError where groups, options or shapes differ, or where it is of another kind of optimizer,
        TypeError for a v of another dtype; then nothing is changed.
        """
        given = state_dict["param_groups"]
        if [len(group["params"]) for group in given] != [len(group["params"]) for group in self.param_groups]:
            own = [group["params"] for group in self.state_dict()["param_groups"]]
            raise ValueError(f"state_dict must have parameters {own} in its groups")
        groups = [
            _loaded_group(options, group["params"]) for options, group in zip(given, self.param_groups, strict=True)
        ]
        parameters = [parameter for group in groups for parameter in group["params"]]
        positions = {number: position for position, number in enumerate(itertools.chain(*(g["params"] for g in given)))}
        buffers: list[Array | None] = [None] * len(parameters)
        for parameter_number, entry in state_dict["state"].items():
            if parameter_number not in positions:
                raise ValueError(f"state_dict has a state for parameter {parameter_number!r}, and no group has that")
            v = entry.get("momentum_buffer")  # torch has none, or None, where there is no momentum
            if v is not None:
                position = positions[parameter_number]
                v = np.asarray(v).copy() if hasattr(v, "__array__") else v
                data = parameters[position].data
                check_floats(data=data, momentum_buffer=v)
                check_shape("momentum_buffer", v, data.shape, f"as parameter {position}")
                buffers[position] = v
        self.param_groups, self.momentum_buffers = groups, buffers

    @ieee754
    def step(self) -> None:
        """Update every parameter that has a gradient, in place."""
        index = 0
        for group in self.param_groups:
            # A NumPy number, which a schedule may have set, would make float32 arrays double.
            lr, momentum, dampening, weight_decay = (float(group[name]) for name in RATES)
            options = lr, momentum, dampening, weight_decay, group["nesterov"], group["maximize"]
            for parameter in group["params"]:
                if parameter.grad is not None:
                    v = self.momentum_buffers[index]
                    self.momentum_buffers[index] = _update(parameter, v, *options)
                index += 1


def _update(
    parameter: Parameter,
    v: Array | None,
    lr: float,
    momentum: float,
    dampening: float,
    weight_decay: float,
    nesterov: bool,
    maximize: bool,
) -> Array | None:
    """One step of one parameter; gives back its v."""
    check_floats(data=parameter.data, grad=parameter.grad)
    g = parameter.grad
    assert g is not None
    check_shape("grad", g, parameter.data.shape, "as data")
    if maximize:
        g = -g
    if weight_decay != 0:
        g = g + weight_decay * parameter.data
    if momentum != 0:
        if v is None:
            v = g.copy()
        else:
            check_floats(data=parameter.data, momentum_buffer=v)
            v *= momentum
            v += g if dampening == 0 else (1 - dampening) * g  # without it, spare large gradients a product with 1
        g = g + momentum * v if nesterov else v
    parameter.data -= lr * g
    return v


def _checked_group(group: Any, defaults: dict[str, Any]) -> dict[str, Any]:
    """A group with the defaults filled in; TypeError or ValueError names what is wrong."""
    if not isinstance(group, dict) or "params" not in group:
        raise TypeError(f"params must hold dictionaries with the key 'params' throughout, got {group!r}")
    unknown = sorted(set(group) - set(defaults) - {"params", *NOTES})
    if unknown:
        raise ValueError(f"a parameter group takes the options {', '.join(defaults)}, got {', '.join(unknown)}")
    full = {**defaults, **group}
    params = group["params"]
    if isinstance(params, set | np.ndarray) or not isinstance(params, Parameter | Iterable):
        raise TypeError(f"params must be a Parameter or a sequence of them, got {type(params).__name__}")
    full["params"] = [params] if isinstance(params, Parameter) else list(params)
    for parameter in full["params"]:
        if not isinstance(parameter, Parameter):
            raise TypeError(f"params must hold Parameters, got {type(parameter).__name__}")
    _check_options(full)
    return full


def _loaded_group(saved: dict[str, Any], params: list[Parameter]) -> dict[str, Any]:
    """The group of ``params`` that a snapshot describes; ValueError where it is not one of SGD."""
    lacking = [name for name in RATES if name not in saved]
    if lacking:
        raise ValueError(f"state_dict must be that of an SGD, and a group of it has no {', '.join(lacking)}")
    # Older ones of torch lack the two switches.  A number that torch kept in a tensor is a number here.
    group = {"nesterov": False, "maximize": False, **saved, "params": params}
    for name in (*RATES, "initial_lr"):
        if hasattr(group.get(name), "item"):
            group[name] = group[name].item()
    _check_options(group)
    return group


def _check_once(groups: list[dict[str, Any]]) -> int:
    """How many parameters the groups have.  ValueError where one has two places."""
    everything = [id(parameter) for group in groups for parameter in group["params"]]
    if len(set(everything)) < len(everything):
        raise ValueError("params must hold each Parameter once, got one twice")
    return len(everything)


def _check_options(options: dict[str, Any]) -> None:
    """TypeError or ValueError names what is wrong with an option."""
    for name in RATES:
        if number(name, options[name]) < 0 and name != "dampening":
            raise ValueError(f"{name} must not be negative, got {options[name]}")
    for name in ("nesterov", "maximize"):
        boolean(name, options[name])
    if options["nesterov"] and (options["momentum"] <= 0 or options["dampening"] != 0):
        raise ValueError(
            f"nesterov needs momentum above 0 and dampening 0, got momentum {options['momentum']}, "
            f"dampening {options['dampening']}"
        )


if not TYPE_CHECKING:

    def __getattr__(name: str) -> Any:
        """A name that is not there: AttributeError with what to write instead, if ``torch.optim`` has it."""
        raise missing("reference.optim", name, OPTIMIZERS)
