"""What is refused in optimizers, and in clipping."""

from collections.abc import Callable, Iterable
from typing import Any

import numpy as np

from reference.optim import Parameter
from torch_parity.audit.refusals.refusal import Arguments, Mend, Refusal

# Options by name, and whether a value is one that they can have.
Options = dict[str, Callable[[Any], bool]]


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


def _number(value: object) -> bool:
    return isinstance(value, int | float | np.number) and not isinstance(value, np.complexfloating)


def _rate(value: Any) -> bool:
    return _number(value) and bool(value >= 0)


def _flag(value: object) -> bool:
    return isinstance(value, bool)


def _two_betas(value: Any) -> bool:
    two = isinstance(value, tuple | list) and len(value) == 2 and all(isinstance(beta, float) for beta in value)
    return two and all(0 <= beta < 1 for beta in value)


# What each option may be.
_SGD: Options = {
    "lr": lambda value: _number(value) and not value < 0,
    "momentum": lambda value: _number(value) and not value < 0,
    "dampening": _number,
    "weight_decay": lambda value: _number(value) and not value < 0,
    "nesterov": _flag,
    "maximize": _flag,
}
_RMSPROP: Options = {
    **dict.fromkeys(("lr", "alpha", "eps", "weight_decay", "momentum"), _rate),
    **dict.fromkeys(("centered", "maximize"), _flag),
}
_ADAM: Options = {
    **dict.fromkeys(("lr", "eps", "weight_decay"), _rate),
    "betas": _two_betas,
    **dict.fromkeys(("amsgrad", "maximize", "decoupled_weight_decay"), _flag),
}


def _options_of_a_group(options: Options) -> Mend:
    """The options that torch does not look at when they come with a group, dropped where they are wrong."""

    def mend(arguments: Arguments) -> Arguments:
        groups = []
        for group in _groups(arguments):
            better = {n: v for n, v in group.items() if n == "params" or (n in options and options[n](v))}
            full = {**arguments, **better}
            if full.get("nesterov") and (full.get("momentum", 0) <= 0 or full.get("dampening", 0) != 0):
                together = ("nesterov", "momentum", "dampening")
                better = {name: value for name, value in better.items() if name not in together}
            groups.append(better)
        return {"params": groups} if groups != _groups(arguments) else {}

    return mend


def _unchecked_options(arguments: Arguments) -> Arguments:
    flags = ("nesterov", "maximize", "centered", "amsgrad", "decoupled_weight_decay", "error_if_nonfinite")
    better: Arguments = {name: bool(arguments[name]) for name in flags if not _flag(arguments.get(name, False))}
    if not _number(arguments.get("dampening", 0)):
        better["dampening"] = 0
    return better


def _more_than_two_betas(arguments: Arguments) -> Arguments:
    betas = arguments.get("betas", ())
    return {"betas": betas[:2]} if len(betas) > 2 else {}


def _arrays_to_clip(arguments: Arguments) -> Arguments:
    given = arguments["parameters"]
    listed = [given] if isinstance(given, Parameter | np.ndarray) else list(given)
    better = [Parameter(member) if isinstance(member, np.ndarray) else member for member in listed]
    return {} if _same(better, listed) else {"parameters": better}


_OPTIMIZERS = ("sgd", "rmsprop", "adam", "adamw")

REFUSALS = (
    Refusal(
        "plain arrays to optimize",
        _OPTIMIZERS,
        "an array has no gradient: wrap it in a Parameter",
        _plain_arrays,
    ),
    Refusal(
        "named parameters to optimize",
        _OPTIMIZERS,
        "the optimizer has no use for names: pass parameters()",
        _named_parameters,
    ),
    Refusal(
        "a parameter twice in one group",
        _OPTIMIZERS,
        "it would be updated twice in a step; torch warns that this will be an error",
        _twice_in_a_group,
    ),
    Refusal(
        "flags that are no bools, and dampening that is no number",
        (*_OPTIMIZERS, "clip_grad_norm"),
        "torch's optimizer does not look at them until it steps, and takes whatever is not 0 for True",
        _unchecked_options,
    ),
    Refusal(
        "more than two betas",
        ("adam", "adamw"),
        "torch looks at the first two only, until it steps",
        _more_than_two_betas,
    ),
    Refusal(
        "bad options of a parameter group",
        ("sgd",),
        "torch checks options only as defaults: what comes with a group may be negative, misspelled, or no number",
        _options_of_a_group(_SGD),
    ),
    Refusal(
        "bad options of a group of RMSprop",
        ("rmsprop",),
        "torch checks options only as defaults: what comes with a group may be negative, misspelled, or no number",
        _options_of_a_group(_RMSPROP),
    ),
    Refusal(
        "bad options of a group of Adam",
        ("adam", "adamw"),
        "torch checks options only as defaults: what comes with a group may be negative, misspelled, or no number",
        _options_of_a_group(_ADAM),
    ),
    Refusal(
        "plain arrays to clip",
        ("clip_grad_norm",),
        "an array has no gradient, and torch passes it over: clip the Parameters that it belongs to",
        _arrays_to_clip,
    ),
)
