"""What a function has room for: the options, shapes and sizes that its questions may have."""

import re
from collections.abc import Callable, Sequence
from typing import Any

from torch_parity.doctor.styles import source
from torch_parity.doctor.styles.arguments import Bound, takes_pairs
from torch_parity.doctor.styles.names import IMAGE_FORMULAS, LOSSES, NORMS, WEIGHTED
from torch_parity.doctor.styles.results import results_and_orders
from torch_parity.doctor.subject import Takes

# An epsilon that is written into the code.
EPSILON = re.compile(r"(?<![\w.])(?:\d+(?:\.\d+)?[eE]-\d+|10\s*\*\*\s*-\d+|0?\.0{3,}1)(?![\w.])")
OPTIONS = (
    "stride", "padding", "dilation", "groups", "ceil_mode", "count_include_pad", "divisor_override", "start_dim",
    "end_dim", "dim", "reduction", "ignore_index", "label_smoothing", "momentum", "dampening", "weight_decay",
    "nesterov", "maximize", "mode", "value", "grad_output", "output_padding", "negative_slope", "approximate",
    "training", "eps", "p", "alpha", "centered", "betas", "amsgrad", "norm_type", "pos_weight",
)  # fmt: skip


def takes(formula: str, bound: Bound) -> Takes:
    """What there is room for in the arguments."""
    options = [role for role in OPTIONS if role in bound]
    if "padding" in options and source.mentions(bound.function, '"same"', "'same'"):
        options.append("padding 'same'")
    if isinstance(bound.default("padding"), str):
        options.remove("padding")  # it is asked for in words alone
    if "reduction" in options and not source.mentions(bound.function, "none"):
        options.remove("reduction")  # it is the mean or the sum, whatever else is asked for
    if formula in LOSSES and "weight" in bound:
        options.append("weight")
    options += further_options(formula, bound)
    if formula in LOSSES and "grad_output" in bound.defaulted:
        options.remove("grad_output")  # the loss is the last of a network: its own gradient is 1
    pairs = takes_pairs(
        [bound.function],
        *(bound.named(r) for r in ("kernel_size", "stride", "padding", "dilation", "pad", "output_size")),
    )
    batch, fixed = _batch(formula, bound)
    bias: bool | None = "bias" in bound
    if bias and bound.default("bias") is None:
        bias = None
    elif not bias and formula in WEIGHTED:
        # A gradient needs no bias to give the bias's gradient.
        bias = (
            "grad_bias" in results_and_orders(bound.function, f"{formula}_backward")[0]
            if "grad_output" in bound
            else False
        )
    return Takes(
        options=tuple(options),
        pairs=pairs,
        square=formula in ("max_pool2d", "avg_pool2d") and not pairs,
        batch=batch,
        bias=bias,
        fixed=fixed,
        ranks=_ranks(formula, bound),
        constants=written_constants(formula, [bound.function], bound),
    )


def further_options(formula: str, bound: Bound) -> list[str]:
    """Options that arguments of other names stand for, or that the code does without an argument."""
    found = []
    if "beta1" in bound and "beta2" in bound:
        found.append("betas")
    if "keep_prob" in bound:
        found.append("p")
    if formula == "layer_norm" and bound.named("normalized_shape") in ("normalized_shape", "shape"):
        found.append("normalized_shape")
    if formula == "batch_norm" and "running_mean" in bound and "running_var" in bound:
        found.append("running_mean")
    if formula == "adaptive_avg_pool2d" and not {"output_size", "grad_output"} & set(bound.roles.values()):
        found.append("one output")
    if formula == "gelu" and "approximate" not in bound and _by_tanh([bound.function]):
        found.append("approximated")
    return found


def _by_tanh(functions: Sequence[Callable[..., Any]]) -> bool:
    """Whether GELU is computed by its approximation alone."""
    written = "\n".join(map(source.text, functions))
    return "tanh(" in written and "erf" not in written


def written_constants(formula: str, functions: Sequence[Callable[..., Any]], *bounds: Bound) -> dict[str, float]:
    """The epsilon that is written into the code, where it is no argument; whether a normalisation has a weight."""
    found: dict[str, float] = {}
    every = {role for bound in bounds for role in bound.roles.values()}
    if formula in (*NORMS, "rmsprop", "adam", "adamw") and "eps" not in every:
        number = EPSILON.search("\n".join(map(source.text, functions)))
        if number:
            found["eps"] = float(_power(number[0]))
    if formula in NORMS and "weight" not in every:
        found["weight"] = 0
    return found


def _power(written: str) -> float:
    """A number as 1e-5, 0.00001 or 10**-5."""
    return 10.0 ** int(written.split("**")[1]) if "**" in written else float(written)


def _batch(formula: str, bound: Bound) -> tuple[bool, dict[str, int]]:
    """Whether images come in batches, and which sizes are always 1: from how the source takes their shape apart."""
    found = source.ranks(bound.function)
    rank = found.get(bound.named("input")) or found.get(bound.named("grad_output")) or 4
    fixed = {}
    if formula in IMAGE_FORMULAS and rank == 2:
        fixed = {"C": 1}
    kernel = found.get(bound.named("weight"), 4)
    if formula == "conv2d" and kernel == 2:
        fixed |= {"O": 1}
    if formula == "conv2d" and kernel == 3 and rank == 3:
        fixed |= {"O": 1}
    if formula in IMAGE_FORMULAS:
        return rank == 4, fixed
    return True, {}


def _ranks(formula: str, bound: Bound) -> tuple[int, ...]:
    if formula in NORMS:
        return norm_ranks(formula, [bound.function], bound)
    if formula == "dropout":
        return dropout_ranks(bound)
    if formula in ("softmax", "log_softmax"):
        if "dim" in bound:
            return (2, 4)
        if re.search(rf"(?<![.\w])max\({bound.named('input')}\)", source.text(bound.function)):
            return (1,)  # Python's own max takes numbers
        return (2,) if source.mentions(bound.function, "axis", "dim", "for ", "[1]", ":, ") else (1,)
    return Takes().ranks


def dropout_ranks(bound: Bound) -> tuple[int, ...]:
    """How many dimensions an input may have, by the sizes that the mask gets."""
    rank = source.ranks(bound.function).get(bound.named("input"))
    return (rank,) if rank in (1, 2, 4) else Takes().ranks


def norm_ranks(formula: str, functions: Sequence[Callable[..., Any]], bound: Bound) -> tuple[int, ...]:
    """How many dimensions a normalisation's input may have: rows alone, images alone, or both."""
    written = "\n".join(map(source.text, functions))
    if formula == "layer_norm":
        # Sums over the first axis alone are those of rows.
        return (2, 3) if "-1" in written and not re.search(r"sum\((\w.*, ?)?(axis ?= ?)?0\)", written) else (2,)
    rank = source.ranks(functions[-1]).get(bound.named("input"))
    images, rows = re.search(r"0, ?2, ?3", written), re.search(r"axis ?= ?0|\((axis=)?0\)|\[0\]", written)
    if images:
        return (2, 4) if re.search(r"ndim|len\(\w+\.shape\)|axis ?= ?0", written) else (4,)
    if rank in (2, 4):
        return (rank,)
    return (2,) if rows else (2, 4)
