"""Random calls, good and bad, of every formula: what one side refuses, the other must refuse too.

A call starts as a valid case (``cases``).  Then one argument is made wild, rarely two: another shape or dtype, a number
out of range, a float or True for an integer, a tuple too long, a string.  About half of the calls are bad, and most bad
ones have a single fault: behind a first fault, a second one would stay unseen.
"""

import copy
import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
import torch.nn.functional as F

import reference
from reference.optim import SGD, Adam, AdamW, Parameter, RMSprop
from torch_parity.proof import cases
from torch_parity.proof.backend import tensor
from torch_parity.proof.cases import Draw
from torch_parity.proof.pairs import pair_named
from torch_parity.proof.prove import DTYPES

Arguments = dict[str, Any]
# A wild value for one argument, given all arguments of a valid call.
Wild = Callable[[Draw, Arguments], Any]


@dataclass(frozen=True)
class Formula:
    """Both sides of a formula, its valid calls, and the wild values of each argument."""

    ours: Callable[..., Any]
    theirs: Callable[..., Any]
    valid: Callable[[Draw], Arguments]
    wild: dict[str, Wild]


@dataclass(frozen=True)
class Call:
    """One call of ``formula``, with all arguments by name; those left out have their defaults."""

    formula: str
    arguments: Arguments

    def ours(self) -> Any:
        """Call the reference."""
        return FORMULAS[self.formula].ours(**self.arguments)

    def theirs(self) -> Any:
        """Call torch, with tensors for arrays."""
        return FORMULAS[self.formula].theirs(**_for_torch(self.arguments, {}))

    def __str__(self) -> str:
        """As in a program, arrays by dtype and shape."""
        return f"{self.formula}({', '.join(f'{name}={_shown(value)}' for name, value in self.arguments.items())})"


def valid_call(draw: Draw, formula: str) -> Call:
    """A call that both sides take, of ``formula``, one of ``FORMULAS``."""
    return Call(formula, FORMULAS[formula].valid(draw))


def made_wild(draw: Draw, call: Call) -> Call:
    """``call`` with one argument made wild, or two, or none."""
    wild = FORMULAS[call.formula].wild
    names = {draw.choice(list(wild)) for _ in range(draw.choice([0, 1, 1, 0, 1, 2]))}
    return Call(call.formula, {**call.arguments, **{name: wild[name](draw, call.arguments) for name in sorted(names)}})


def random_call(draw: Draw, formula: str) -> Call:
    """A call of ``formula``, bad in about half of the cases."""
    return made_wild(draw, valid_call(draw, formula))


def _for_torch(value: Any, done: dict[int, Any]) -> Any:
    """``value`` with tensors for arrays; ``done`` holds those already made, by id: the same stays the same."""
    if isinstance(value, dict):
        return {name: _for_torch(part, done) for name, part in value.items()}
    if isinstance(value, tuple | list):
        return type(value)(_for_torch(part, done) for part in value)
    if isinstance(value, np.ndarray):
        return done.setdefault(id(value), tensor(value))
    if isinstance(value, Parameter):
        twin = done.setdefault(id(value), torch.nn.Parameter(tensor(value.data)))
        twin.grad = None if value.grad is None else tensor(value.grad)
        return twin
    return value


def _shown(value: Any) -> str:
    if isinstance(value, np.ndarray):
        return f"<{value.dtype} {value.shape}>" if value.dtype.kind == "f" or value.size > 6 else repr(value)
    if isinstance(value, Parameter):
        return f"Parameter({_shown(value.data)})"
    if isinstance(value, dict):
        return f"{{{', '.join(f'{name!r}: {_shown(part)}' for name, part in value.items())}}}"
    if isinstance(value, tuple | list) and any(isinstance(part, Parameter | dict | np.ndarray) for part in value):
        return f"[{', '.join(_shown(part) for part in value)}]"
    return repr(value)


def _valid(maker: cases.Maker) -> Callable[[Draw], Arguments]:
    """Valid calls, as ``maker`` makes them, of small integers: what they compute is not the question here."""

    def valid(draw: Draw) -> Arguments:
        case = maker(draw, "lattice", draw.choice(DTYPES))
        return {**case.arrays, **case.arguments}

    return valid


def _mask_or_none(maker: cases.Maker) -> Callable[[Draw], Arguments]:
    """Valid calls of dropout; nearly all draw their mask, since one that is given must fit what the input becomes."""

    def valid(draw: Draw) -> Arguments:
        arguments = _valid(maker)(draw)
        return {**arguments, "mask": arguments["mask"] if draw.integer(0, 9) == 0 else None}

    return valid


def _optimizer(maker: cases.Maker) -> Callable[[Draw], Arguments]:
    """One or two parameters, and every option."""

    def valid(draw: Draw) -> Arguments:
        case = maker(draw, "lattice", draw.choice(DTYPES))
        return {"params": [Parameter(case.arrays["parameter"]) for _ in range(draw.integer(1, 2))], **case.arguments}

    return valid


def _clipping(draw: Draw) -> Arguments:
    """Two parameters with gradients, and every option."""
    case = cases.clip_grad_norm(draw, "lattice", draw.choice(DTYPES))
    parameters = [Parameter(np.zeros_like(grad)) for grad in case.arrays.values()]
    for parameter, grad in zip(parameters, case.arrays.values(), strict=True):
        parameter.grad = np.array(grad)
    return {"parameters": parameters, **case.arguments, "error_if_nonfinite": draw.choice([False, True])}


def _clip(parameters: Any, **options: Any) -> Any:
    """Clip copies: the same gradients are torch's to clip."""
    return reference.nn.utils.clip_grad_norm_(copy.deepcopy(parameters), **options)


def _normalisation(draw: Draw) -> Arguments:
    """Valid calls of batch normalisation, whose running statistics have no default."""
    case = cases.batch_norm(draw, "lattice", draw.choice(DTYPES))
    return {"running_mean": None, "running_var": None, **case.arrays, **case.arguments}


def _one_of(*options: Any) -> Wild:
    return lambda draw, arguments: draw.choice(options)


# What is no integer, or only looks like one.
NO_INTEGERS = (1.0, True, None, "1", np.int64(1), np.float32(1), np.True_, 1j)
FLAGS = _one_of(True, False, 1, 0, None, "yes", np.True_, 0.0)


def _integer(low: int, high: int) -> Wild:
    return lambda draw, arguments: draw.choice(NO_INTEGERS) if draw.integer(0, 4) == 4 else draw.integer(low, high)


def _pair(low: int, high: int, *more: Any) -> Wild:
    """An integer, or a pair, tuples that are too long or too short, or one of ``more``."""

    def wild(draw: Draw, arguments: Arguments) -> Any:
        one, two = draw.integer(low, high), draw.integer(low, high)
        odd = (one, draw.choice(NO_INTEGERS))
        options = [one, one, (one, two), (one, two), [one, two], (one,), (one, two, one), (), odd, odd[::-1], odd[1]]
        return draw.choice([*options, *more])

    return wild


def _array(name: str, like: str | None = None) -> Wild:
    """Another shape or dtype, or no array; made from ``like`` where the call has no ``name``."""

    def wild(draw: Draw, arguments: Arguments) -> Any:
        array: npt.NDArray[Any] = arguments[name] if name in arguments else arguments[like or name]
        kind = draw.integer(0, 9)
        if kind < 6:
            return np.resize(array, _shape(draw, array.shape))
        if kind < 9:
            return array.astype(draw.choice(["float64", "float32", "float16", "int64", "uint8", "bool", "complex64"]))
        return draw.choice([None, 1.5, array.tolist(), "array"])

    return wild


def _per_channel(name: str) -> Wild:
    """The same of a vector, made from the channels where the call has no ``name``; or nothing."""

    def wild(draw: Draw, arguments: Arguments) -> Any:
        input = arguments["input"]
        given = arguments.get(name)
        array = np.ones(input.shape[1], input.dtype) if given is None else given
        return draw.choice([_array(name)(draw, {name: array}), array, None])

    return wild


def _shape(draw: Draw, shape: tuple[int, ...]) -> tuple[int, ...]:
    """``shape`` with one change."""
    sizes = list(shape)
    axis = draw.integer(0, len(sizes))
    change = draw.choice(["size", "size", "size", "insert", "remove", "reverse", "number"])
    if change == "insert" or not sizes:
        sizes.insert(axis, draw.choice([1, 2, 0]))
    elif change == "size":
        axis = min(axis, len(sizes) - 1)
        sizes[axis] = draw.choice([sizes[axis] + 1, max(sizes[axis] - 1, 0), 1, 0, 2 * sizes[axis]])
    elif change == "remove":
        del sizes[min(axis, len(sizes) - 1)]
    else:
        sizes = sizes[::-1] if change == "reverse" else []
    return tuple(sizes)


def _pad(draw: Draw, arguments: Arguments) -> Any:
    amounts: list[Any] = list(arguments["pad"])
    change = draw.integer(0, 9)
    at = draw.integer(0, len(amounts) - 1)
    if change < 6:
        amounts[at] = draw.choice([0, 1, -1, 2, -2, 3, 4, 5, 6, 7, -3, -4, -5, -6, -7])
    elif change < 7:
        amounts[at] = draw.choice(NO_INTEGERS)
    elif change < 9:
        amounts = draw.choice([amounts[:-1], amounts[:-2], [*amounts, 0, 0], [*amounts, 1, 2], [*amounts, 0]])
    else:
        return draw.choice([*NO_INTEGERS, "ab"])
    return draw.choice([tuple(amounts), amounts])


def _sizes(draw: Draw, arguments: Arguments) -> Any:
    """Another shape, with sizes that are none, or what is no tuple."""
    sizes: list[Any] = list(arguments["normalized_shape"])
    if draw.integer(0, 2) == 0:
        sizes[draw.integer(0, len(sizes) - 1)] = draw.choice([*NO_INTEGERS, *_HUGE, -1])
        return draw.choice([sizes, tuple(sizes)])
    if draw.integer(0, 3) == 0:
        return draw.choice([sizes[-1], None, "3", 3.0, np.array(sizes), True])
    return _shape(draw, tuple(sizes))


def _target(draw: Draw, arguments: Arguments) -> Any:
    """Labels out of range, or of another type, or what any array may become."""
    target = arguments["target"]
    if draw.integer(0, 2) == 0:
        return _array("target")(draw, arguments)
    if target.dtype.kind == "f":
        return target.astype(draw.choice([np.float32, np.float64, np.float16, np.int64]))
    if target.size == 0 or draw.integer(0, 3) == 0:
        return target.astype(draw.choice([np.uint8, np.int32, np.int8, np.uint64]))
    classes = arguments["input"].shape[min(1, arguments["input"].ndim - 1)]
    labels = target.astype(np.int64)
    labels.flat[draw.integer(0, labels.size - 1)] = draw.choice([classes, classes - 1, -1, -100, -101, 0, 255, 2**40])
    return labels


def _params(options: dict[str, Wild]) -> Wild:
    """No parameters, groups of them with options, or something else."""

    def wild(draw: Draw, arguments: Arguments) -> Any:
        params = arguments["params"]
        first, array = params[0], params[0].data
        kind = draw.integer(0, 2)
        if kind == 0:
            option = draw.choice([*options, "slope"])
            return [{"params": params, option: options.get(option, FLAGS)(draw, arguments)}]
        members = [first, array, None, 1.5, "ab", ("name", first), array.tolist()]
        if kind == 1:
            groups: list[Any] = [[{"params": [member]}] for member in members]
            groups += [[{"params": member}] for member in (*members, [], [first, first], {first})]
            groups += [[{"params": [first]}, {"params": first}], [{"params": params}, first]]
            return draw.choice([*groups, [first, {"params": params}], [{"lr": 0.5}], [{}]])
        return draw.choice([*([member] for member in members), *members, {"params": params}, [first, first], [], ()])

    return wild


def _parameters(draw: Draw, arguments: Arguments) -> Any:
    """No parameters, one, arrays, or something else."""
    first, array = arguments["parameters"][0], arguments["parameters"][0].data
    members = [first, array, None, 1.5, "ab", ("name", first), [first]]
    return draw.choice([*([member] for member in members), *members, [first, first], [], (), [first, array]])


_RATE = _one_of(0.0, 0.5, 1, -0.5, math.nan, math.inf, True, None, "0.5", np.float32(0.5), np.int64(1), 1j, -1)
_SGD: dict[str, Wild] = {
    **dict.fromkeys(("lr", "momentum", "dampening", "weight_decay"), _RATE),
    **dict.fromkeys(("nesterov", "maximize"), FLAGS),
}
_DROPOUT: dict[str, Wild] = {
    "input": _array("input"),
    "p": _one_of(0.0, 0.5, 1, -0.5, 1.5, math.nan, math.inf, True, None, "0.5", np.float32(0.5), np.int64(1), 1j, -1),
    "training": FLAGS,
}
_RMSPROP: dict[str, Wild] = {
    **dict.fromkeys(("lr", "alpha", "eps", "weight_decay", "momentum"), _RATE),
    **dict.fromkeys(("centered", "maximize"), FLAGS),
}
_BETAS = _one_of(
    (0.5, 0.9), [0.0, 0.5], (1.0, 0.5), (0.5, 1.0), (-0.1, 0.5), (0.5, -0.1), (0, 0.9), (0.9, 1), (0.5,), (0.5,) * 3,
    (math.nan, 0.5), (0.5, math.nan), None, 0.5, "ab", ("a", "b"), (np.float32(0.5), 0.5), (np.float64(0.5), 0.5),
)  # fmt: skip
_ADAMW: dict[str, Wild] = {
    **dict.fromkeys(("lr", "eps", "weight_decay"), _RATE),
    "betas": _BETAS,
    **dict.fromkeys(("amsgrad", "maximize"), FLAGS),
}
_ADAM: dict[str, Wild] = {**_ADAMW, "decoupled_weight_decay": FLAGS}
_EPS = _one_of(
    0, 1e-5, 1, -0.5, math.nan, math.inf, True, None, "0", np.float32(0.5), np.int64(1), np.True_, 1j, 10**400
)
_HUGE = (2**31, 2**62, 2**63, -(2**63), 2**64)
_IGNORED = _one_of(-100, 0, 1, -1, 2**40, *NO_INTEGERS, *_HUGE)
_REDUCTION = _one_of("none", "mean", "sum", "max", "", None, 1, True, "elementwise_mean")
_POOL: dict[str, Wild] = {
    "input": _array("input"),
    "kernel_size": _pair(-1, 9, *_HUGE),
    "stride": _pair(-1, 5, *_HUGE),
    "padding": _pair(-1, 4),
    "ceil_mode": FLAGS,
}

FORMULAS = {
    "conv2d": Formula(
        reference.conv2d,
        F.conv2d,
        _valid(cases.conv2d),
        {
            "input": _array("input"),
            "weight": _array("weight"),
            "bias": _array("bias", like="weight"),
            "stride": _pair(-1, 4, *_HUGE),
            "padding": _pair(-2, 4, "same", "valid", "full", ""),
            "dilation": _pair(-1, 4, 9),
            "groups": _integer(-1, 6),
        },
    ),
    "conv_transpose2d": Formula(
        reference.conv_transpose2d,
        F.conv_transpose2d,
        _valid(cases.conv_transpose2d),
        {
            "input": _array("input"),
            "weight": _array("weight"),
            "bias": _array("bias", like="weight"),
            "stride": _pair(-1, 4),
            "padding": _pair(-1, 4, "same"),
            "output_padding": _pair(-1, 4),
            "groups": _integer(-1, 6),
            "dilation": _pair(-1, 4, 9),
        },
    ),
    "pad": Formula(
        reference.pad,
        F.pad,
        _valid(cases.pad),
        {
            "input": _array("input"),
            "pad": _pad,
            "mode": _one_of("constant", "reflect", "replicate", "circular", "zeros", "", None, 1),
            "value": _one_of(
                0, None, 0.0, 1.5, math.nan, -math.inf, True, False, "0", np.float32(1), 1j, 1e300, 10**400, np.True_
            ),
        },
    ),
    "relu": Formula(reference.relu, F.relu, _valid(cases.relu), {"input": _array("input")}),
    "leaky_relu": Formula(
        reference.leaky_relu,
        F.leaky_relu,
        _valid(cases.leaky_relu),
        {
            "input": _array("input"),
            "negative_slope": _one_of(
                0,
                None,
                1.5,
                math.nan,
                -math.inf,
                True,
                "0",
                np.float32(1),
                np.int64(2),
                1j,
                1e300,
                10**400,
                np.True_,
                [],
            ),
        },
    ),
    "sigmoid": Formula(reference.sigmoid, torch.sigmoid, _valid(cases.sigmoid), {"input": _array("input")}),
    "tanh": Formula(reference.tanh, torch.tanh, _valid(cases.sigmoid), {"input": _array("input")}),
    "silu": Formula(reference.silu, F.silu, _valid(cases.sigmoid), {"input": _array("input")}),
    "gelu": Formula(
        reference.gelu,
        F.gelu,
        _valid(cases.gelu),
        {"input": _array("input"), "approximate": _one_of("none", "tanh", "erf", "", "None", None, True, 0, ("tanh",))},
    ),
    "max_pool2d": Formula(
        reference.max_pool2d,
        F.max_pool2d,
        _valid(cases.max_pool2d),
        {**_POOL, "dilation": _pair(-1, 5, *_HUGE), "return_indices": FLAGS},
    ),
    "avg_pool2d": Formula(
        reference.avg_pool2d,
        F.avg_pool2d,
        _valid(cases.avg_pool2d),
        {**_POOL, "count_include_pad": FLAGS, "divisor_override": _one_of(0, 2, -3, *NO_INTEGERS, *_HUGE)},
    ),
    "adaptive_avg_pool2d": Formula(
        reference.adaptive_avg_pool2d,
        F.adaptive_avg_pool2d,
        _valid(cases.adaptive_avg_pool2d),
        {
            "input": _array("input"),
            "output_size": _pair(-1, 5, (None, 2), (None, None), (1, 1), 1, [2, None], (None,), (None, 1, 1), "12"),
        },
    ),
    "batch_norm": Formula(
        reference.batch_norm,
        F.batch_norm,
        _normalisation,
        {
            "input": _array("input"),
            **{name: _per_channel(name) for name in ("running_mean", "running_var", "weight", "bias")},
            "training": FLAGS,
            "momentum": _one_of(
                0, 1, 1.5, -1, math.nan, True, None, "0.5", 1j, np.float32(0.5), np.int64(1), 10**400, np.True_
            ),
            "eps": _one_of(
                0, 0.0, 1, -1e-5, math.nan, math.inf, -math.inf, True, None, "1", 1j, np.float32(0.5), 10**400, np.True_
            ),
        },
    ),
    "layer_norm": Formula(
        reference.layer_norm,
        F.layer_norm,
        _valid(cases.layer_norm),
        {
            "input": _array("input"),
            "normalized_shape": _sizes,
            "weight": _array("weight", like="input"),
            "bias": _array("bias", like="input"),
            "eps": _EPS,
        },
    ),
    "group_norm": Formula(
        reference.group_norm,
        F.group_norm,
        _valid(cases.group_norm),
        {
            "input": _array("input"),
            "num_groups": _integer(-2, 6),
            "weight": _array("weight", like="input"),
            "bias": _array("bias", like="input"),
            "eps": _EPS,
        },
    ),
    "dropout": Formula(reference.dropout, pair_named("dropout").twin, _mask_or_none(cases.dropout), _DROPOUT),
    "dropout2d": Formula(reference.dropout2d, pair_named("dropout2d").twin, _mask_or_none(cases.dropout2d), _DROPOUT),
    "flatten": Formula(
        reference.flatten,
        torch.flatten,
        _valid(cases.flatten),
        {"input": _array("input"), "start_dim": _integer(-6, 6), "end_dim": _integer(-6, 6)},
    ),
    "linear": Formula(
        reference.linear,
        F.linear,
        _valid(cases.linear),
        {"input": _array("input"), "weight": _array("weight"), "bias": _array("bias", like="weight")},
    ),
    "softmax": Formula(
        reference.softmax, F.softmax, _valid(cases.softmax), {"input": _array("input"), "dim": _integer(-5, 5)}
    ),
    "log_softmax": Formula(
        reference.log_softmax, F.log_softmax, _valid(cases.softmax), {"input": _array("input"), "dim": _integer(-5, 5)}
    ),
    "cross_entropy": Formula(
        reference.cross_entropy,
        F.cross_entropy,
        _valid(cases.cross_entropy),
        {
            "input": _array("input"),
            "target": _target,
            "weight": _array("weight", like="input"),
            "ignore_index": _IGNORED,
            "reduction": _REDUCTION,
            "label_smoothing": _one_of(
                0.0, 0.5, 1, 1.5, -0.5, math.nan, math.inf, True, None, "0.5", np.float32(0.5), np.True_, 1j, 10**400
            ),
        },
    ),
    "nll_loss": Formula(
        reference.nll_loss,
        F.nll_loss,
        _valid(cases.nll_loss),
        {
            "input": _array("input"),
            "target": _target,
            "weight": _array("weight", like="input"),
            "ignore_index": _IGNORED,
            "reduction": _REDUCTION,
        },
    ),
    "mse_loss": Formula(
        reference.mse_loss,
        F.mse_loss,
        _valid(cases.mse_loss),
        {
            "input": _array("input"),
            "target": _array("target"),
            "reduction": _REDUCTION,
            "weight": _array("weight", like="input"),
        },
    ),
    "binary_cross_entropy_with_logits": Formula(
        reference.binary_cross_entropy_with_logits,
        F.binary_cross_entropy_with_logits,
        _valid(cases.binary_cross_entropy_with_logits),
        {
            "input": _array("input"),
            "target": _array("target"),
            "weight": _array("weight", like="input"),
            "reduction": _REDUCTION,
            "pos_weight": _array("pos_weight", like="input"),
        },
    ),
    "sgd": Formula(SGD, torch.optim.SGD, _optimizer(cases.sgd), {"params": _params(_SGD), **_SGD}),
    "rmsprop": Formula(
        RMSprop, torch.optim.RMSprop, _optimizer(cases.rmsprop), {"params": _params(_RMSPROP), **_RMSPROP}
    ),
    "adam": Formula(Adam, torch.optim.Adam, _optimizer(cases.adam), {"params": _params(_ADAM), **_ADAM}),
    "adamw": Formula(AdamW, torch.optim.AdamW, _optimizer(cases.adamw), {"params": _params(_ADAMW), **_ADAMW}),
    "clip_grad_norm": Formula(
        _clip,
        torch.nn.utils.clip_grad_norm_,
        _clipping,
        {
            "parameters": _parameters,
            "max_norm": _one_of(0.0, 0.5, 1, -0.5, math.nan, math.inf, True, None, np.float32(0.5), np.int64(1), 1j),
            "norm_type": _one_of(2, 1.0, math.inf, -math.inf, 0, 3.5, -2, "inf", "two", None, True, np.float32(2), 1j),
            "error_if_nonfinite": FLAGS,
        },
    ),
}
