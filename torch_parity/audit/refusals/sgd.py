"""What is refused in gradient descent."""

from collections.abc import Callable, Iterable
from typing import Any

import numpy as np

from reference.optim import Parameter
from torch_parity.audit.refusals.refusal import Arguments, Refusal


def _groups(arguments: Arguments) -> list[dict[str, Any]]:
    """The groups of an optimizer's parameters: one, unless they were given as such."""
    params = list(arguments["params"])
    return params if isinstance(params[0], dict) else [{"params": params}]


def _members(group: dict[str, Any]) -> list[Any]:
    params = group["params"]
    return [params] if isinstance(params, Parameter | np.ndarray) else list(params)


def _regrouped(arguments: Arguments, better: Callable[[list[Any]], list[Any]]) -> Arguments:
    """The groups with their parameters made ``better``; nothing where that changes nothing."""
    groups = _groups(arguments)
    members = [better(_members(group)) for group in groups]
    if all(_same(new, _members(group)) for new, group in zip(members, groups, strict=True)):
        return {}
    return {"params": [{**group, "params": new} for group, new in zip(groups, members, strict=True)]}


def _same(one: Iterable[Any], other: Iterable[Any]) -> bool:
    return [id(member) for member in one] == [id(member) for member in other]


def _plain_arrays(arguments: Arguments) -> Arguments:
    def better(members: list[Any]) -> list[Any]:
        return [Parameter(member) if isinstance(member, np.ndarray) else member for member in members]

    return _regrouped(arguments, better)


def _named_parameters(arguments: Arguments) -> Arguments:
    return _regrouped(arguments, lambda members: [m[1] if isinstance(m, tuple) else m for m in members])


def _twice_in_a_group(arguments: Arguments) -> Arguments:
    return _regrouped(arguments, lambda members: list({id(member): member for member in members}.values()))


def _options_of_a_group(arguments: Arguments) -> Arguments:
    """The options that torch does not look at when they come with a group, dropped where they are wrong."""
    groups = []
    for group in _groups(arguments):
        better = {name: value for name, value in group.items() if name == "params" or not _wrong(value, name)}
        full = {**arguments, **better}
        if full.get("nesterov") and (full.get("momentum", 0) <= 0 or full.get("dampening", 0) != 0):
            together = ("nesterov", "momentum", "dampening")
            better = {name: value for name, value in better.items() if name not in together}
        groups.append(better)
    return {"params": groups} if groups != _groups(arguments) else {}


def _wrong(value: object, name: str) -> bool:
    """Whether the option ``name`` cannot have this value, or does not exist."""
    if name in ("nesterov", "maximize"):
        return not isinstance(value, bool)
    if name not in ("lr", "momentum", "dampening", "weight_decay"):
        return True
    if not isinstance(value, int | float | np.number) or isinstance(value, np.complexfloating):
        return True
    return bool(value < 0) and name != "dampening"


def _unchecked_options(arguments: Arguments) -> Arguments:
    better: Arguments = {}
    for name in ("nesterov", "maximize"):
        if not isinstance(arguments.get(name, False), bool):
            better[name] = bool(arguments[name])
    if _wrong(arguments.get("dampening", 0), "dampening"):
        better["dampening"] = 0
    return better


REFUSALS = (
    Refusal(
        "plain arrays to optimize",
        ("sgd",),
        "an array has no gradient: wrap it in a Parameter",
        _plain_arrays,
    ),
    Refusal(
        "named parameters to optimize",
        ("sgd",),
        "the optimizer has no use for names: pass parameters()",
        _named_parameters,
    ),
    Refusal(
        "a parameter twice in one group",
        ("sgd",),
        "it would be updated twice in a step; torch warns that this will be an error",
        _twice_in_a_group,
    ),
    Refusal(
        "flags that are no bools, and dampening that is no number",
        ("sgd",),
        "torch's optimizer does not look at them until it steps",
        _unchecked_options,
    ),
    Refusal(
        "bad options of a parameter group",
        ("sgd",),
        "torch checks options only as defaults: what comes with a group may be negative, misspelled, or no number",
        _options_of_a_group,
    ),
)
