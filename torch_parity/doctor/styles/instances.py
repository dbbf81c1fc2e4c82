"""A layer that a class is: how it is made, with what arguments, and what there is room for in them."""

import functools
import inspect
import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from torch_parity.doctor.question import Array, Question
from torch_parity.doctor.styles import holders, source
from torch_parity.doctor.styles.arguments import (
    SIZES,
    Bound,
    NotUnderstoodError,
    bind,
    must_be_pairs,
    takes_pairs,
)
from torch_parity.doctor.styles.forms import Form, handed, value
from torch_parity.doctor.styles.holders import Place
from torch_parity.doctor.styles.names import IMAGE_FORMULAS
from torch_parity.doctor.styles.room import OPTIONS, further_options, written_constants
from torch_parity.doctor.subject import Takes


@dataclass(frozen=True)
class Layer:
    """How a class is used: its parts with their arguments understood, the form of its arrays, where its weights are.

    ``lazy``: the weights are made in the first forward, when the sizes of the input are known.  ``usual``: the axes
    of images where the class does not say.
    """

    formula: str
    thing: type
    new: Bound
    forward: Bound
    backward: Bound | None
    form: Form
    weight: str = ""
    bias: str = ""
    updates: bool = False
    bias_told: str = ""
    lazy: bool = False
    usual: int = 4

    def instance(self, question: Question) -> Any:
        """A new instance for the sizes and options of ``question``."""
        given = {
            role: self._for_constructor(role, name, question)
            for name, role in self.new.roles.items()
            if role in ("in_channels", "out_channels", "input_shape", "weight", "bias", "lr", "kernel_size")
            or role.startswith("kernel_")
        }
        if "bias" in given and given["bias"] is None:
            del given["bias"]
        made = self.new.call(question, self.form, **given)
        if self.lazy:
            self.forward.call(question, self.form, first=(made,))
        return made

    def _for_constructor(self, role: str, name: str, question: Question) -> Any:
        x, weight = question.arrays["input"], question.arrays.get("weight")
        if role == "in_channels":
            return x.shape[-1] if self.formula == "linear" else x.shape[-3]
        if role == "out_channels":
            assert weight is not None
            return len(weight)
        if role == "input_shape":
            shape = handed(x, question, self.form).shape
            return shape[1:] if self.form.images.startswith("N") else shape
        if role == "lr":
            return 1.0
        if role == "bias":
            by_array = not isinstance(self.new.defaults.get(name, None), bool)
            return value("bias", question, self.form) if by_array else "bias" in question.arrays
        if role.startswith("kernel_") and weight is not None:
            height, width = weight.shape[2:]
            whole = height if height == width else (height, width)
            return {"kernel_size": whole, "kernel_height": height, "kernel_width": width}[role]
        return value(role, question, self.form)

    def set(self, instance: Any, question: Question) -> None:
        """Give an instance the weights of ``question``.  ValueError where it has others in mind."""
        for name, role in ((self.weight, "weight"), (self.bias, "bias")):
            array = question.arrays.get(role)
            if not name or array is None:
                continue
            place = place_of(instance, name)
            held = place.get()
            new = shaped(value(role, question, self.form), held, role)
            # Updates are made in place; anywhere else a change of the array that was given is worth knowing.
            new = new.copy() if self.updates else new
            for other in holders.places(instance):
                if other.get() is held and (held is not None or other.name == name):
                    other.set(new)


def shaped(array: Array, held: Any, role: str) -> Array:
    """``array`` as what is held in its place; a bias may have axes of size 1, or one number for each pixel."""
    if held is None or array.shape == held.shape:
        return array
    if role == "bias" and held.size == array.size:
        return array.reshape(held.shape)
    if role == "bias" and held.ndim == 3 and len(held) == len(array):
        return np.broadcast_to(array[:, None, None], held.shape).copy()
    raise ValueError(f"the {role} has shape {held.shape}, where {array.shape} is expected")


def place_of(instance: Any, name: str) -> Place:
    """The place called ``name``; AttributeError where there is none."""
    for place in holders.places(instance):
        if place.name == name:
            return place
    raise AttributeError(f"{type(instance).__name__} has no {name} after construction")


def constructor(thing: type, formula: str) -> Bound:
    """How an instance is made."""
    constructor = method_of(thing, ("__init__",))
    if constructor is None:
        return Bound(thing, {}, {}, {}, True)
    bound = bind(constructor, f"{formula}.new", skip=1)
    return replace(bound, function=thing, pairs=must_be_pairs(methods_of(thing), bound.roles, bound.defaults))


def method_of(thing: type, names: tuple[str, ...]) -> Callable[..., Any] | None:
    """The first method of these names that a class has."""
    for name in names:
        found = inspect.getattr_static(thing, name, None)
        if inspect.isfunction(found):
            return found
        if isinstance(found, staticmethod | classmethod) and inspect.isfunction(found.__func__):
            return with_self(found)
    return None


def with_self(method: "staticmethod[..., Any] | classmethod[Any, ..., Any]") -> Callable[..., Any]:
    """A static method, or one of the class, as one of an instance."""
    function = method.__func__
    if isinstance(method, classmethod):
        return function

    @functools.wraps(function)
    def of_instance(self: Any, /, *arguments: Any, **keywords: Any) -> Any:
        return function(*arguments, **keywords)

    signature = inspect.signature(function)
    first = inspect.Parameter("self", inspect.Parameter.POSITIONAL_ONLY)
    of_instance.__signature__ = signature.replace(  # type: ignore[attr-defined]
        parameters=[first, *signature.parameters.values()]
    )
    return of_instance


def methods_of(thing: type) -> list[Callable[..., Any]]:
    """All methods of a class, its constructor first."""
    held = [getattr(one, "__func__", one) for each in thing.__mro__ for one in vars(each).values()]
    every: list[Callable[..., Any]] = [one for one in held if inspect.isfunction(one)]
    constructor = method_of(thing, ("__init__",))
    return [constructor, *(one for one in every if one is not constructor)] if constructor else every


def not_made(layer: Layer, problem: BaseException | None) -> NotUnderstoodError:
    """That no instance could be made."""
    arguments = ", ".join(layer.new.roles) or "no arguments"
    return NotUnderstoodError(
        f"making one with {arguments} raises {type(problem).__name__}: {problem}",
        "a constructor whose arguments are called in_channels, out_channels, kernel_size, or as torch's",
    )


def trial(layer: Layer) -> Question:
    """A question of unequal sizes, by which weights are known again."""
    options: dict[str, Any] = {"stride": 1, "padding": 0, "dilation": 1, "groups": 1}
    if layer.formula == "linear":
        return Question(
            "linear", "lattice", {"input": np.ones((2, 3)), "weight": np.ones((5, 3)), "bias": np.ones(5)}, {}
        )
    channels = 1 if layer.form.images == "HW" else 3
    k = fixed_sizes(layer).get("k", 2)
    shape = (channels, 9, 8) if "N" not in layer.form.images else (2, channels, 9, 8)
    arrays = {"input": np.ones(shape), "weight": np.ones((5, channels, k, k)), "bias": np.ones(5)}
    return Question("conv2d", "lattice", arrays, options)


def fixed_sizes(layer: Layer) -> dict[str, int]:
    """Sizes that are always the same: a window that only the class's name tells, one channel."""
    fixed = {}
    if layer.formula in ("conv2d", "max_pool2d", "avg_pool2d") and not any(
        role.startswith("kernel_") or role == "weight" for role in layer.new.roles.values()
    ):
        plain = re.sub(r"2[dD]", "", layer.thing.__name__)
        digits = re.search(r"(\d)[xX]\d", plain) or re.search(r"(\d)", plain)
        fixed["k"] = int(digits[1]) if digits else 3 if layer.formula == "conv2d" else 2
    if layer.form.images == "HW":
        fixed["C"] = 1
    return fixed


def unused(layer: Layer) -> list[str]:
    """The options that the constructor stores at most, and that no method looks at again."""
    if not layer.new.roles:
        return []
    constructor, *others = methods_of(layer.thing)
    written, used = source.text(constructor), "\n".join(map(source.text, others))
    return [
        role
        for name, role in layer.new.roles.items()
        if role in OPTIONS
        and (f"self.{name}" in written or len(re.findall(rf"\b{name}\b", written)) == 1)
        and not re.search(rf"\b{name}\b", used)
    ]


def one_sample(layer: Layer) -> bool:
    """Whether a dense layer is made for one sample at a time: nothing is ever added up over a batch."""
    if layer.formula != "linear" or layer.backward is None or not (layer.form.columns or layer.updates):
        return False
    return not source.mentions(layer.backward.function, "axis", "keepdims", "sum(", "mean(", "ones(")


def room(layer: Layer) -> Takes:
    """What there is room for in the arguments of the constructor and of the halves."""
    names = [layer.new.named(role) for role in (*SIZES, "pad")]
    bound = {*layer.new.roles.values(), *layer.forward.roles.values()}
    if layer.backward is not None:
        # A loss is the last of a network: its own gradient is 1 where that need not be given.
        bound |= set(layer.backward.roles.values()) & {"grad_output"} - layer.backward.defaulted
    options = [role for role in OPTIONS if role in bound and role not in unused(layer)]
    if layer.formula == "cross_entropy" and "weight" in layer.new:
        options.append("weight")
    methods = methods_of(layer.thing)
    if "padding" in options and any(source.mentions(one, '"same"', "'same'") for one in methods):
        options.append("padding 'same'")
    if "padding" in options and isinstance(layer.new.default("padding"), str):
        options.remove("padding")  # it is asked for in words alone
    if "reduction" in options and not any(source.mentions(one, "none") for one in methods):
        options.remove("reduction")  # it is the mean or the sum, whatever else is asked for
    pairs = takes_pairs(methods, *names)
    windows = layer.formula in ("conv2d", "max_pool2d", "avg_pool2d") and "weight" not in layer.new
    two = layer.formula == "conv2d" and "kernel_width" in layer.new
    fixed = fixed_sizes(layer)
    written = "\n".join(map(source.text, methods))
    batch = layer.formula == "linear" or "N" in layer.form.images
    if layer.formula == "linear" and "np.outer(" in written:
        batch = False
    if one_sample(layer):
        fixed["N"] = 1
    bias: bool | None = bool(layer.bias)
    if bias and isinstance(layer.new.default("bias"), bool):
        bias = None
    ranks: tuple[int, ...] = Takes().ranks
    if layer.formula in ("softmax", "log_softmax") and "dim" not in bound:
        ranks = (2,) if re.search(r"axis|dim|for |\[1\]|:, ", written) else (1,)
    if layer.formula in IMAGE_FORMULAS and not batch:
        ranks = (3,)
    constants = written_constants(layer.formula, methods, layer.new, layer.forward)
    for bound_part in (layer.new, layer.forward):
        options += [one for one in further_options(layer.formula, bound_part) if one != "one output"]
    if layer.formula == "adaptive_avg_pool2d" and "output_size" not in bound:
        options.append("one output")
    return Takes(tuple(options), pairs, windows and not pairs and not two, batch, bias, fixed, ranks, constants)
