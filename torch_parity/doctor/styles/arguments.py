"""What the arguments of a function mean: by what they are called, else by where they stand."""

import inspect
import re
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from torch_parity.doctor.question import Question
from torch_parity.doctor.styles import source
from torch_parity.doctor.styles.forms import Form, value
from torch_parity.doctor.styles.names import NEEDED, NORMS, ROLES, by_words

# Roles that unnamed arguments do not get: who has them calls them so.
NAMED_ONLY = {
    "output_mask", "lr", "return_indices", "kernel_height", "kernel_width", "ceil_mode", "groups", "dilation",
    "ignore_index", "label_smoothing", "reduction", "mode", "value", "nesterov", "maximize", "dampening",
    "divisor_override", "count_include_pad", "weight_decay", "start_dim", "end_dim", "running_mean", "running_var",
    "training", "eps", "keep_prob", "velocity", "amsgrad", "centered", "norm_type", "pos_weight", "output_padding",
    "approximate", "affine", "track_running_stats", "mask", "p", "m", "v", "t", "alpha", "betas", "beta1", "beta2",
    "normalized_shape",
}  # fmt: skip
SIZES = ("kernel_size", "stride", "padding", "dilation", "output_size")  # one number, or a height and a width
# Arguments that are handed over only where the question has them.
OPTIONAL = {"bias", "pos_weight", "running_mean", "running_var", "mask"}
# Arguments that may stay at their defaults.
AT_DEFAULT = {
    "value", "output", "affine", "track_running_stats", "elementwise_affine", "num_features", "num_channels",
    "velocity", "t", "m", "v", "decoupled_weight_decay",
}  # fmt: skip
# Formulas in which a weight is one of samples or classes.
WEIGHED = ("cross_entropy", "nll_loss", "mse_loss", "binary_cross_entropy_with_logits")


class NotUnderstoodError(ValueError):
    """Arguments that could not be understood; the message says which, and what would help stands in ``helps``."""

    def __init__(self, reason: str, helps: str) -> None:
        """Keep both."""
        super().__init__(reason)
        self.helps = helps


@dataclass(frozen=True)
class Bound:
    """A function and the roles of its arguments by their names; ``defaults``: of those that have one.

    ``by_name``: whether all were understood by their names alone.  ``pairs``: the arguments that must be pairs.
    """

    function: Callable[..., Any]
    roles: dict[str, str]
    kinds: dict[str, Any]
    defaults: dict[str, Any]
    by_name: bool
    pairs: frozenset[str] = frozenset()

    def __contains__(self, role: str) -> bool:
        """Whether an argument has this role."""
        return role in self.roles.values()

    def named(self, role: str) -> str:
        """The name of the argument with this role; "" where there is none."""
        return next((name for name, one in self.roles.items() if one == role), "")

    @property
    def defaulted(self) -> set[str]:
        """The roles that need not be given."""
        return {role for name, role in self.roles.items() if name in self.defaults}

    def default(self, role: str) -> Any:
        """The default of the argument with this role; ``inspect.Parameter.empty`` where it has none."""
        return self.defaults.get(self.named(role), inspect.Parameter.empty)

    def call(self, question: Question, form: Form, first: tuple[Any, ...] = (), **given: Any) -> Any:
        """Call the function as ``question`` asks; ``given``: values by role instead of the question's."""
        positional, keywords = list(first), {}
        for name, role in self.roles.items():
            if role not in given and self._left_out(name, role, question):
                continue
            found = given[role] if role in given else value(role, question, form)
            if isinstance(found, int) and role in SIZES and name in self.pairs:
                found = found, found
            elif role == "training" and (name == "mode" or isinstance(self.defaults.get(name), str)):
                after = "eval" if source.mentions(self.function, '"eval"', "'eval'") else "test"
                found = "train" if found else after
            elif role == "padding" and isinstance(self.defaults.get(name), str) and not isinstance(found, str):
                found = "valid"
            if self.kinds[name] is inspect.Parameter.POSITIONAL_ONLY:
                positional.append(found)
            else:
                keywords[name] = found
        return self.function(*positional, **keywords)

    def _left_out(self, name: str, role: str, question: Question) -> bool:
        if name not in self.defaults:
            return False
        if role in OPTIONAL or (role == "weight" and question.formula in (*WEIGHED, *NORMS)):
            return role not in question.arrays
        # What the question leaves to the default: torch's stride of a pooling is its kernel's size.
        if role == "stride" and question.options.get("stride") is None:
            called = getattr(self.function, "__name__", "")
            return self.defaults[name] is None or (self.defaults[name] == 1 and called.startswith(question.formula))
        return role in AT_DEFAULT and role not in question.options


def bind(function: Callable[..., Any], formula: str, skip: int = 0, kept: Collection[str] = ()) -> Bound:
    """The roles of the arguments of ``function``, which computes ``formula`` (or its gradient).

    ``skip``: arguments at the beginning that are no matter, as self; ``kept``: those that are given in another way.
    NotUnderstoodError where an argument must be given and nobody knows what, or where one that is needed is lacking.
    """
    words = by_words(ROLES[formula])
    order = [line.split()[0] for line in ROLES[formula]]
    try:
        parameters = list(inspect.signature(function).parameters.values())[skip:]
    except (ValueError, TypeError):
        parameters = _by_position(formula)
    variadic = [p for p in parameters if p.kind is inspect.Parameter.VAR_POSITIONAL]
    parameters = [p for p in parameters if p.kind not in (p.VAR_POSITIONAL, p.VAR_KEYWORD) and p.name not in kept]
    if variadic and not parameters:
        parameters = _by_position(formula)
    roles = {parameter.name: parameter.name for parameter in parameters if parameter.name in order}
    for parameter in parameters:
        role = words.get(parameter.name.lower().strip("_"), "")
        if role and role not in roles.values() and parameter.name not in roles:
            roles[parameter.name] = role
    unnamed = [p for p in parameters if p.name not in roles and p.default is p.empty]
    for parameter in unnamed:
        free = [role for role in order if role not in roles.values() and role not in NAMED_ONLY]
        if formula.partition("_backward")[0] != "sgd":
            free = [role for role in free if role != "momentum"]
        if formula.endswith(".new"):
            free = [role for role in free if role not in ("input_shape", "weight", "bias")]
        if not free and formula.endswith(".new"):
            raise NotUnderstoodError(
                f"{formula[:-4]} has no use for the argument {parameter.name} of its constructor",
                "one formula for each class, without a dense layer inside; or a default for the argument",
            )
        if not free:
            raise NotUnderstoodError(
                f"nobody says what the argument {parameter.name} is",
                f"call it by what it is ({', '.join(order[:4])} ...), or give it a default",
            )
        roles[parameter.name] = free[0]
    roles = {parameter.name: roles[parameter.name] for parameter in parameters if parameter.name in roles}
    for need in NEEDED.get(formula, ()) if not kept else ():
        wanted = need if isinstance(need, tuple) else (need,)
        if not set(wanted) & set(roles.values()):
            raise NotUnderstoodError(f"it has no argument for {' or '.join(wanted)}", f"an argument called {wanted[0]}")
    kinds = {p.name: p.kind for p in parameters}
    defaults = {p.name: p.default for p in parameters if p.default is not p.empty}
    return Bound(function, roles, kinds, defaults, not unnamed, must_be_pairs([function], roles, defaults))


def must_be_pairs(
    functions: Sequence[Callable[..., Any]], roles: Mapping[str, str], defaults: Mapping[str, Any]
) -> frozenset[str]:
    """The sizes that cannot be one number: pairs by default, or always taken apart.

    ``functions``: as for ``takes_pairs``.
    """
    apart = set().union(*map(source.taken_apart, functions))
    written = "\n".join(map(source.text, functions))

    def must(name: str) -> bool:
        default = defaults.get(name)
        if isinstance(default, tuple):
            return len(default) == 2
        return default is None and name in apart and not re.search(rf"\w\(\s*(self\.)?{name}\b", written)

    return frozenset(name for name, role in roles.items() if role in SIZES and must(name))


def _by_position(formula: str) -> list[inspect.Parameter]:
    """The arguments of a function that tells of none, as those written in C do: what is needed, in torch's order."""
    needed = [need if isinstance(need, str) else need[0] for need in NEEDED.get(formula, ())]
    needed += ["kernel_size"] if formula in ("max_pool2d", "avg_pool2d") else []
    return [inspect.Parameter(role, inspect.Parameter.POSITIONAL_ONLY) for role in needed]


def takes_pairs(functions: Sequence[Callable[..., Any]], *names: str) -> bool:
    """Whether arguments called ``names`` may all be (height, width), as far as annotations and the source say.

    ``functions``: the function that has the arguments, and those that it hands them to.
    """
    try:
        parameters = inspect.signature(functions[0]).parameters
    except (ValueError, TypeError):
        return False
    taken_apart = set().union(*map(source.unpacked, functions))
    written = "\n".join(map(source.text, functions))

    def may_be_pair(name: str) -> bool:
        annotation = str(parameters[name].annotation) if name in parameters else ""
        called = rf"(self\.)?{name}\b"
        return (
            any(word in annotation for word in ("tuple[int", "Tuple[int", "Sequence[int]", "Pair"))
            or (name in parameters and isinstance(parameters[name].default, tuple))
            or name in taken_apart
            or re.search(rf"isinstance\(\s*{called}|\b_?\w*(pair|tuple)\w*\(\s*{called}", written) is not None
        )

    asked = [name for name in names if name]
    return bool(asked) and all(may_be_pair(name) for name in asked)
