"""What all optimizers share: groups of parameters with their options, and the state that training goes on from.

The update itself is the formula, in a file of its own for each optimizer.
"""

import itertools
from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import Any

import numpy as np

from reference.arguments import Array, boolean, check_floats, check_shape, ieee754, number
from reference.parameter import Parameter

# What a group may hold beside its optimizer's options: a schedule's note of the first rate, and how torch is to compute
# the step, which changes nothing here and is handed back to it.
NOTES = ("initial_lr", "foreach", "fused", "differentiable", "capturable", "param_names")

# What an optimizer remembers of one parameter, by torch's names: arrays, and the number of steps as "step".
State = dict[str, Any]


class Optimizer:
    """Changes ``params`` by their gradients: the base of every optimizer, which has the formula of one step.

    ``params`` are Parameters, or groups of them: dictionaries {'params': Parameters, option: value, ...}.
    ``param_groups`` holds the options in force, one dictionary per group, as in torch: a schedule sets
    ``param_groups[0]["lr"]``.  ``state`` holds what is remembered of every parameter, in order: nothing before its
    first step.  Raises ValueError for no parameters, one in two groups, and options that cannot be; TypeError for what
    is no Parameter or no number.

    An optimizer of one's own says how a step changes one parameter, of which g is the gradient:

    >>> import numpy as np
    >>> from reference.optim import Optimizer, Parameter
    >>> class SignDescent(Optimizer):
    ...     def _advance(self, parameter, g, state, options):
    ...         parameter.data -= options["lr"] * np.sign(g)
    >>> weight = Parameter(np.array([8.0, 1.0]))
    >>> weight.grad = np.array([400.0, -0.1])
    >>> SignDescent([weight], {"lr": 0.5, "maximize": False}).step()
    >>> print(weight.data)  # 8 - 0.5, 1 + 0.5
    [7.5 1.5]
    """

    # Options that are True or False; the others are numbers.
    _flags: tuple[str, ...] = ("maximize",)
    # Those that say how torch is to compute the step, and what they are by default; None leaves it to torch.
    _ways: Mapping[str, bool | None] = MappingProxyType({})
    # Options that a state saved by an older torch may lack, and what they were then.
    _older: Mapping[str, Any] = MappingProxyType({"maximize": False})
    # The arrays that may be remembered of a parameter.
    _arrays: tuple[str, ...] = ()

    def __init__(self, params: Iterable[Parameter] | Iterable[dict[str, Any]], defaults: dict[str, Any]) -> None:
        """Take the parameters, and the options of groups that have none of their own."""
        if isinstance(params, Parameter | np.ndarray) or not isinstance(params, Iterable):
            raise TypeError(f"params must be an iterable of Parameters or dictionaries, got {type(params).__name__}")
        given = list(params)
        if not given:
            raise ValueError("params must hold at least one Parameter, got none")
        groups = given if isinstance(given[0], dict) else [{"params": given}]
        self._check(defaults)  # even where every group overrides them, as torch does
        self.defaults = defaults
        self.param_groups = [self._checked_group(group) for group in groups]
        self.state: list[State] = [{} for _ in range(_check_once(self.param_groups))]

    def zero_grad(self, set_to_none: bool = True) -> None:
        """Forget all gradients: they would add up otherwise.  Without ``set_to_none`` they become zeros."""
        for group in self.param_groups:
            for parameter in group["params"]:
                parameter.forget_grad(set_to_none)

    def add_param_group(self, param_group: dict[str, Any]) -> None:
        """Also train the parameters of a further group; options that it does not have are the optimizer's own.

        Raises what the constructor raises; then nothing is changed.
        """
        group = self._checked_group(param_group)
        groups = [*self.param_groups, group]
        _check_once(groups)
        self.param_groups = groups
        self.state += [{} for _ in group["params"]]

    def state_dict(self) -> dict[str, Any]:
        """A snapshot to go on from, in torch's form: 'state', by the parameter's number, and 'param_groups'.

        The groups hold their options, and under 'params' the numbers of their parameters.  The number of steps is an
        array, as torch has it in a tensor.
        """
        state = {
            index: {name: np.array(entry[name], np.float32 if name == "step" else None) for name in entry}
            for index, entry in enumerate(self.state)
            if entry
        }
        numbers = itertools.count()
        groups = [{**group, "params": [next(numbers) for _ in group["params"]]} for group in self.param_groups]
        return {"state": state, "param_groups": groups}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Go on from a snapshot, its options included, of this class or, its tensors on the CPU, of its twin in torch.

        As in torch, parameters go by their order and not by their numbers, and what else a group holds is kept.
        Raises ValueError where groups, options or shapes differ, or where it is of another kind of optimizer,
        TypeError for a state of another dtype; then nothing is changed.
        """
        given = state_dict["param_groups"]
        if [len(group["params"]) for group in given] != [len(group["params"]) for group in self.param_groups]:
            own = [group["params"] for group in self.state_dict()["param_groups"]]
            raise ValueError(f"state_dict must have parameters {own} in its groups")
        groups = [
            self._loaded_group(options, group["params"])
            for options, group in zip(given, self.param_groups, strict=True)
        ]
        places = [(parameter, group) for group in groups for parameter in group["params"]]
        positions = {number: position for position, number in enumerate(itertools.chain(*(g["params"] for g in given)))}
        state: list[State] = [{} for _ in places]
        for parameter_number, entry in state_dict["state"].items():
            if parameter_number not in positions:
                raise ValueError(f"state_dict has a state for parameter {parameter_number!r}, and no group has that")
            position = positions[parameter_number]
            state[position] = self._loaded_state(entry, position, *places[position])
        self.param_groups, self.state = groups, state

    @ieee754
    def step(self) -> None:
        """Update every parameter that has a gradient, in place."""
        states = iter(self.state)
        for group in self.param_groups:
            # A NumPy number, which a schedule may have set, would make float32 arrays double.
            options = {name: _number(group[name]) for name in self.defaults}
            for parameter, state in zip(group["params"], states, strict=False):
                g = parameter.grad
                if g is None:
                    continue
                remembered = {name: state[name] for name in self._arrays if name in state}
                check_floats(data=parameter.data, grad=g, **remembered)
                check_shape("grad", g, parameter.data.shape, "as data")
                self._advance(parameter, -g if options["maximize"] else g, state, options)

    def _advance(self, parameter: Parameter, g: Array, state: State, options: dict[str, Any]) -> None:
        """One step of one parameter along the gradient ``g``; what is to be remembered of it goes into ``state``."""
        raise NotImplementedError(f"{type(self).__name__} must define _advance")

    def _check(self, options: dict[str, Any]) -> None:
        """TypeError or ValueError names what is wrong with an option."""
        for name in self._flags:
            boolean(name, options[name])
        for name, default in self._ways.items():
            if default is not None or options[name] is not None:
                boolean(name, options[name])
        for other in ("foreach", "differentiable"):
            if options.get("fused") and options.get(other):
                raise ValueError(f"fused and {other} exclude each other, got True for both")

    def _remembers(self, options: dict[str, Any]) -> tuple[str, ...]:
        """What the state of a parameter has from its first step on, under these options."""
        return ()

    def _remembered(self, parameter: Parameter, state: State, options: dict[str, Any]) -> State:
        """``state`` for the next step: all that it is to remember, zeros before the first, and the step counted.

        ValueError where it lacks something later on: an option has been switched on in between, as in torch.
        """
        names = self._remembers(options)
        if not state:
            state.update({"step": 0, **{name: np.zeros_like(parameter.data) for name in names}})
        lacking = _lacking(state, names)
        if lacking:
            raise ValueError(f"state has no {lacking}: options that need it must be set from the first step on")
        state["step"] += 1
        return state

    def _checked_group(self, group: Any) -> dict[str, Any]:
        """A group with the defaults filled in; TypeError or ValueError names what is wrong."""
        defaults = self.defaults
        if not isinstance(group, dict) or "params" not in group:
            found = group if isinstance(group, dict) else type(group).__name__
            raise TypeError(f"params must hold Parameters alone, or dictionaries with the key 'params', got {found}")
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
        self._check(full)
        return full

    def _loaded_group(self, saved: dict[str, Any], params: list[Parameter]) -> dict[str, Any]:
        """The group of ``params`` that a snapshot describes; ValueError where it is of another kind of optimizer."""
        absent = {**self._older, **self._ways}
        lacking = [name for name in self.defaults if name not in saved and name not in absent]
        if lacking:
            kind = type(self).__name__
            raise ValueError(f"state_dict must be one of {kind}, but a group in it has no {', '.join(lacking)}")
        group = {**absent, **saved, "params": params}
        # A number that torch kept in a tensor is a number here.
        for name in {*self.defaults, "initial_lr"} - {*self._flags, *self._ways}:
            if name in group:
                group[name] = _number(group[name])
        self._check(group)
        return group

    def _loaded_state(self, entry: State, position: int, parameter: Parameter, options: dict[str, Any]) -> State:
        """The state of the parameter at ``position`` from a snapshot's; ValueError or TypeError where it cannot be."""
        state: State = {}
        for name in self._arrays:
            array = entry.get(name)  # torch has none, or None, where there is nothing to remember
            if array is not None:
                state[name] = array = np.asarray(array).copy() if hasattr(array, "__array__") else array
                check_floats(data=parameter.data, **{name: array})
                check_shape(name, array, parameter.data.shape, f"as parameter {position}")
        names = self._remembers(options)
        if entry and names:
            lacking = _lacking(entry, names)
            if lacking:
                kind = type(self).__name__
                raise ValueError(f"state_dict must be one of {kind}, but parameter {position} in it has no {lacking}")
            steps = number("step", _number(entry["step"]))
            if steps < 0 or not steps.is_integer():
                raise ValueError(f"step must be a number of steps, got {steps}")
            state["step"] = int(steps)
        return state


def at_least_zero(options: dict[str, Any], *names: str) -> None:
    """TypeError where one of these options is no number, ValueError where it is negative, or NaN."""
    for name in names:
        if not number(name, options[name]) >= 0:
            raise ValueError(f"{name} must be at least 0, got {options[name]}")


def towards(average: Array, value: Array, share: float) -> None:
    """Move a running average by ``share`` of its way to ``value``, in place:  a = a + share (value - a).

    From the nearer end, and with a share of the arrays' dtype, as torch's ``lerp`` does: so a share of 1 arrives.
    """
    way, rounded = value - average, average.dtype.type(share)
    if rounded < 0.5:
        average += rounded * way
    else:
        np.subtract(value, way * (1 - rounded), out=average)


def _check_once(groups: list[dict[str, Any]]) -> int:
    """How many parameters the groups have.  ValueError where one has two places."""
    everything = [id(parameter) for group in groups for parameter in group["params"]]
    if len(set(everything)) < len(everything):
        raise ValueError("params must hold each Parameter once, got one twice")
    return len(everything)


def _lacking(state: State, names: tuple[str, ...]) -> str:
    """What of the number of steps and the arrays called ``names`` is not there."""
    return ", ".join(name for name in ("step", *names) if state.get(name) is None)


def _number(value: Any) -> Any:
    """A number that torch or NumPy holds in an object of its own as Python's, and so those within a tuple."""
    if isinstance(value, tuple | list):
        return tuple(map(_number, value))
    return value.item() if hasattr(value, "item") else value
