"""What the reference refuses on purpose although torch takes it: one table, one row and one reason each.

Everywhere else acceptance is equal both ways.  A row also knows what to write instead: ``mend`` turns a call that is
refused into the nearest one that is not.  That keeps the rows narrow.  A call is refused for these reasons alone if it
goes through once mended; a second fault in it is not excused.
"""

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
import torch.nn.functional as F

from reference.optim import Parameter

# All arguments of a call by name; those left out have their defaults.
Arguments = dict[str, Any]
# What changes in the call, by name: empty where there is nothing to mend.  The call is one that torch takes.
Mend = Callable[[Arguments], Arguments]

FLOATS = (np.float32, np.float64)


@dataclass(frozen=True)
class Refusal:
    """One row: what is refused, in which ``formulas``, and why."""

    name: str
    formulas: tuple[str, ...]
    reason: str
    mend: Mend

    def applies(self, formula: str, arguments: Arguments) -> bool:
        """Whether a call that torch takes is refused for this reason."""
        return formula in self.formulas and bool(self.mend(arguments))


def mended(formula: str, arguments: Arguments) -> tuple[list[Refusal], Arguments]:
    """The rows that apply to a call that torch takes, and the call without any of what they refuse."""
    rows = []
    for row in REFUSALS:
        if row.applies(formula, arguments):
            rows.append(row)
            arguments = {**arguments, **row.mend(arguments)}
    return rows, arguments


def _of_numbers(arguments: Arguments) -> dict[str, npt.NDArray[Any]]:
    """The arrays but for class indices."""
    scores = arguments["input"]
    arrays = {name: value for name, value in arguments.items() if isinstance(value, np.ndarray)}
    return {name: array for name, array in arrays.items() if name != "target" or array.shape == scores.shape}


def _other_dtypes(arguments: Arguments) -> Arguments:
    dtype = arguments["input"].dtype if arguments["input"].dtype in FLOATS else np.float64
    arrays = _of_numbers(arguments)
    return {name: array.real.astype(dtype) for name, array in arrays.items() if array.dtype not in FLOATS}


def _mixed_dtypes(arguments: Arguments) -> Arguments:
    dtype = arguments["input"].dtype
    return {name: array.astype(dtype) for name, array in _of_numbers(arguments).items() if array.dtype != dtype}


def _true_in_a_tuple(arguments: Arguments) -> Arguments:
    def told(value: object) -> bool:
        return isinstance(value, tuple | list) and any(isinstance(entry, bool) for entry in value[1:])

    return {name: [int(entry) for entry in value] for name, value in arguments.items() if told(value)}


def _no_channels(arguments: Arguments) -> Arguments:
    input, weight = arguments["input"], arguments["weight"]
    if input.shape[-3] or weight.shape[1]:
        return {}
    shape = (*input.shape[:-3], arguments.get("groups", 1), *input.shape[-2:])
    one_channel = (len(weight), 1, *weight.shape[2:])
    return {"input": np.zeros(shape, input.dtype), "weight": np.zeros(one_channel, weight.dtype)}


def _unchecked_empty_batch(arguments: Arguments) -> Arguments:
    input, weight, dilation = arguments["input"], arguments["weight"], arguments.get("dilation", 1)
    if input.ndim != 4 or len(input):
        return {}
    dilations = list(dilation) if isinstance(dilation, tuple | list) else [dilation]
    better: Arguments = {}
    if 0 in dilations:
        # All taps in one place, so that the kernel spans a single pixel.
        height, width = (1 if d == 0 else k for d, k in zip((dilations * 2)[:2], weight.shape[2:], strict=True))
        better = {"dilation": [max(1, d) for d in dilations], "weight": weight[:, :, :height, :width]}
    if 0 in input.shape[2:]:
        better["input"] = np.zeros((0, *(max(1, size) for size in input.shape[1:])), input.dtype)
    return better


def _bias_that_broadcasts(arguments: Arguments) -> Arguments:
    input, weight, bias = arguments["input"], arguments["weight"], arguments.get("bias")
    features = weight.shape[:-1]
    if bias is None or bias.ndim < 2:
        return {}
    rows = input.shape[:-1]
    # torch adds the bias to the outputs as they are, or, as it finds convenient, to a matrix of all rows.
    outputs = (*rows, *features), (math.prod(rows), *features)
    fits = any(_broadcasts(bias.shape, shape) for shape in outputs)
    return {"bias": np.zeros(features, bias.dtype)} if fits else {}


def _broadcasts(shape: tuple[int, ...], to: tuple[int, ...]) -> bool:
    """Whether an array of ``shape`` repeats to fill one of shape ``to``."""
    pairs = zip(shape[::-1], to[::-1], strict=False)
    return len(shape) <= len(to) and all(size in (1, whole) for size, whole in pairs)


def _weights_in_another_shape(arguments: Arguments) -> Arguments:
    input, weight = arguments["input"], arguments.get("weight")
    if weight is None or input.ndim < 3 or weight.size != input.shape[1] or weight.ndim == 1:
        return {}
    return {"weight": weight.reshape(-1)}


def _bytes_like_ignore_index(arguments: Arguments) -> Arguments:
    target, ignored = arguments["target"], arguments.get("ignore_index", -100)
    if target.dtype != np.uint8 or not arguments.get("label_smoothing", 0) > 0 or ignored >= 0:
        return {}
    return {"target": target.astype(np.int64)} if (target == ignored % 256).any() else {}


def _no_indices_to_read(arguments: Arguments) -> Arguments:
    target, ignored = arguments["target"], arguments.get("ignore_index", -100)
    if target.dtype != np.uint8:
        return {}
    if arguments["input"].ndim > 2:
        unread = not target.size
    else:
        # The divisor of this mean gathers the weights of the samples; torch compares bytes, so 255 is -1.
        smoothed = arguments.get("label_smoothing", 0) > 0 and arguments.get("reduction", "mean") == "mean"
        unread = smoothed and arguments.get("weight") is not None and bool((target == ignored % 256).all())
    return {"target": target.astype(np.int64)} if unread else {}


def _no_classes(arguments: Arguments) -> Arguments:
    input, target, weight = arguments["input"], arguments["target"], arguments.get("weight")
    if input.ndim < 3 or input.shape[1] or not target.size or (target != arguments.get("ignore_index", -100)).any():
        return {}
    one_class = np.zeros((len(input), 1, *input.shape[2:]), input.dtype)
    return {"input": one_class, "weight": None if weight is None else np.ones(1, weight.dtype)}


def _old_reduction(arguments: Arguments) -> Arguments:
    return {"reduction": "mean"} if arguments.get("reduction") == "elementwise_mean" else {}


def _guessed_dimension(arguments: Arguments) -> Arguments:
    if arguments.get("dim") is not None:
        return {}
    return {"dim": 0 if arguments["input"].ndim in (0, 1, 3) else 1}


def _window_in_padding(arguments: Arguments) -> Arguments:
    # torch says -inf there, and of ones it says so nowhere else.
    image = torch.ones(1, 1, *arguments["input"].shape[-2:])
    windows = {name: value for name, value in arguments.items() if name not in ("input", "return_indices")}
    blind = bool(torch.isinf(F.max_pool2d(image, **windows)).any())
    return {"dilation": 1} if blind else {}


def _cut_and_wrapped(arguments: Arguments) -> Arguments:
    amounts = list(arguments["pad"])
    if arguments.get("mode") != "circular":
        return {}
    for i, size in enumerate(arguments["input"].shape[: -len(amounts) // 2 - 1 : -1]):
        before, after = amounts[2 * i : 2 * i + 2]
        left = max(0, size + min(before, 0) + min(after, 0))
        # A cut takes at most everything, and what is left wraps around at most once.
        amounts[2 * i : 2 * i + 2] = [max(-size, min(amount, left)) for amount in (before, after)]
    return {"pad": amounts} if amounts != list(arguments["pad"]) else {}


def _cut_too_much(arguments: Arguments) -> Arguments:
    amounts, input = list(arguments["pad"]), arguments["input"]
    if input.size or arguments.get("mode", "constant") == "constant":
        return {}
    for i, size in enumerate(input.shape[: -len(amounts) // 2 - 1 : -1]):
        if size + amounts[2 * i] + amounts[2 * i + 1] < 0:
            amounts[2 * i : 2 * i + 2] = [0, 0]
    return {"pad": amounts} if amounts != list(arguments["pad"]) else {}


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


_ARRAYS = (
    "conv2d", "pad", "relu", "max_pool2d", "avg_pool2d", "flatten", "linear", "softmax", "log_softmax", "cross_entropy",
)  # fmt: skip
_PIXELS = ("conv2d", "pad", "max_pool2d", "avg_pool2d")

REFUSALS = (
    Refusal(
        "dtypes other than float32 and float64",
        _ARRAYS,
        "pixels of type uint8 wrap around at 256; half precision and complex numbers are not what the formulas are for",
        _other_dtypes,
    ),
    Refusal(
        "mixed dtypes",
        ("conv2d", "linear", "cross_entropy"),
        "torch converts the arguments of some formulas, of some only with some options, and says nothing: dtype in is "
        "dtype out here",
        _mixed_dtypes,
    ),
    Refusal(
        "True or False within a tuple",
        _PIXELS,
        "True is no number of pixels; torch refuses it too, but looks at the first entry only",
        _true_in_a_tuple,
    ),
    Refusal(
        "no input channels",
        ("conv2d",),
        "there is nothing to convolve; torch returns an output with no channels, however many kernels there are",
        _no_channels,
    ),
    Refusal(
        "an empty batch of what no batch may hold",
        ("conv2d",),
        "torch computes nothing then, and skips its checks for a dilation of 0 and for images without pixels",
        _unchecked_empty_batch,
    ),
    Refusal(
        "a bias of two or more dimensions",
        ("linear",),
        "a bias is one number per output; torch adds whatever broadcasts",
        _bias_that_broadcasts,
    ),
    Refusal(
        "reduction 'elementwise_mean'",
        ("cross_entropy",),
        "torch's deprecated name of 'mean'",
        _old_reduction,
    ),
    Refusal(
        "class weights that are no vector",
        ("cross_entropy",),
        "there is one weight per class; for images of scores torch only counts them",
        _weights_in_another_shape,
    ),
    Refusal(
        "uint8 class indices where there is none to read",
        ("cross_entropy",),
        "torch takes uint8 labels in its plainest loss only, but notices in the others when it reads one",
        _no_indices_to_read,
    ),
    Refusal(
        "uint8 class indices that look like ignore_index",
        ("cross_entropy",),
        "where it smooths, torch compares bytes: label 156 is taken for ignore_index -100",
        _bytes_like_ignore_index,
    ),
    Refusal(
        "images of scores for no classes",
        ("cross_entropy",),
        "torch takes them for two-dimensional images all of whose pixels are ignored, and for no others",
        _no_classes,
    ),
    Refusal(
        "no dimension",
        ("softmax", "log_softmax"),
        "torch guesses one from the rank, and warns that it is deprecated",
        _guessed_dimension,
    ),
    Refusal(
        "windows wholly in padding",
        ("max_pool2d",),
        "a dilated window may miss every pixel; torch returns -inf, and an index outside the image",
        _window_in_padding,
    ),
    Refusal(
        "circular padding that wraps more than a cut leaves",
        ("pad",),
        "torch copies from memory that it has not yet written",
        _cut_and_wrapped,
    ),
    Refusal(
        "cutting more than there is off an empty batch",
        ("pad",),
        "torch returns an array of negative height or width",
        _cut_too_much,
    ),
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
