"""float16 and bfloat16: what must be equal, and how far rounding may take the rest, on the torch side alone.

The numbers of a case are rounded to the dtype first; the reference then computes in double precision, whose error is
nothing beside that of 16 bits.  So a bound here has one side: |torch - reference| <= bound.

A product of two such numbers is exact in float32, and backends add them up in float32 too, mostly.  Then

    bound  =  gamma_K(2^-24) sum |a||b|  +  u |result|  +  the spacing of subnormal numbers

with one rounding of the result to the dtype, u = 2^-11 (float16) or 2^-8 (bfloat16).  Integers whose sums float32 holds
exactly must even give the exact result, rounded once.  gamma_K of a 16-bit u stands nowhere in this: it would let
nearly everything pass.

Where a backend does add up in 16 bits, ``ACCUMULATORS`` records it, with what it adds so: every such addition rounds.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

import reference
from torch_parity.proof import bounds
from torch_parity.proof.backend import SIXTEEN_BIT, Backend, tensor
from torch_parity.proof.bounds import gamma
from torch_parity.proof.cases import Case
from torch_parity.proof.pairs import Pair

Array = npt.NDArray[Any]
# The result to compare with, and its bound.
Wanted = tuple[Array, Array | None]

FLOAT32 = np.dtype(np.float32)

_FLOAT32 = {"output": "float32", "grad_input": "float32", "grad_weight": "float32", "grad_bias": "float32"}
_CPU = {
    "conv2d": _FLOAT32,
    "conv_transpose2d": _FLOAT32,
    "pad": {"grad_input": "copies"},
    "max_pool2d": {"grad_input": "copies"},
    "avg_pool2d": {"output": "float32", "grad_input": "copies"},
    "adaptive_avg_pool2d": {"output": "float32", "grad_input": "copies"},
    "batch_norm": _FLOAT32,
    "layer_norm": {**_FLOAT32, "grad_weight": "copies", "grad_bias": "copies"},
    "group_norm": _FLOAT32,
    "linear": {**_FLOAT32, "output": "bias"},
    "softmax": {"output": "float32", "grad_input": "float32"},
    "log_softmax": {"output": "float32", "grad_input": "float32"},
    "cross_entropy": {"output": "samples", "grad_input": "samples", "grad_target": "float32"},
    "nll_loss": {"output": "samples", "grad_input": "samples"},
    "mse_loss": {"output": "float32", "grad_input": "float32", "grad_target": "float32"},
    "binary_cross_entropy_with_logits": {"output": "float32", "grad_input": "float32", "grad_target": "float32"},
    "sgd": {"output": "copies"},
    "rmsprop": {"output": "copies"},
    "adam": {"output": "copies"},
    "adamw": {"output": "copies"},
    "clip_grad_norm": {"output": "float32"},
}

# The accumulator by device, formula and result: 'float32', or what is added up in 16 bits,
#
#     copies    every term                    samples   the partial results of each sample
#     bias      the sum, then the bias        taps      the partial results of each tap of the kernel
#
# Results that are left out involve no sum.  The CPU's were measured (a test measures again): on long sums of positive
# numbers float32 ends within one rounding of the truth, 16 bits several away.  CUDA's follow its kernels and were not
# measured: padding's gradients are added atomically in 16 bits, a bias is added to the rounded convolution.
ACCUMULATORS = {
    "cpu": _CPU,
    # Where oneDNN does not know the dtype (float16 needs AVX512-FP16) torch has its own convolution, sample by sample.
    "cpu without oneDNN": {
        **_CPU,
        "conv2d": {"output": "float32", "grad_input": "taps", "grad_weight": "samples", "grad_bias": "samples"},
        "conv_transpose2d": {
            "output": "taps",
            "grad_input": "float32",
            "grad_weight": "samples",
            "grad_bias": "float32",
        },
    },
    "cuda": {
        "conv2d": {**_FLOAT32, "output": "bias"},
        "conv_transpose2d": {**_FLOAT32, "output": "bias"},
        "pad": {"grad_input": "copies"},
        "max_pool2d": {"grad_input": "copies"},
        "avg_pool2d": {"output": "float32", "grad_input": "float32"},
        "adaptive_avg_pool2d": {"output": "float32", "grad_input": "copies"},
        "batch_norm": _FLOAT32,
        "layer_norm": _FLOAT32,
        "group_norm": _FLOAT32,
        "linear": {**_FLOAT32, "output": "bias"},
        "softmax": {"output": "float32", "grad_input": "float32"},
        "log_softmax": {"output": "float32", "grad_input": "float32"},
        "cross_entropy": {"output": "float32", "grad_input": "float32", "grad_target": "float32"},
        "nll_loss": {"output": "float32", "grad_input": "float32"},
        "mse_loss": {"output": "float32", "grad_input": "float32", "grad_target": "float32"},
        "binary_cross_entropy_with_logits": {"output": "float32", "grad_input": "float32", "grad_target": "float32"},
        "sgd": {"output": "copies"},
        "rmsprop": {"output": "copies"},
        "adam": {"output": "copies"},
        "adamw": {"output": "copies"},
        "clip_grad_norm": {"output": "float32"},
    },
}


def accumulator(backend: Backend, formula: str, result: str, onednn: bool = True) -> str:
    """The entry of ``ACCUMULATORS``; the most forgiving one for a device that has none (mps).

    ``onednn`` is False for a case that torch does without it, whether it knows the dtype or not.
    """
    if backend.device == "cpu":
        device = "cpu" if onednn and onednn_knows(backend.dtype) else "cpu without oneDNN"
    else:
        device = backend.device if backend.device in ACCUMULATORS else "cpu without oneDNN"
    return ACCUMULATORS[device][formula][result]


def onednn_knows(dtype: str | None) -> bool:
    """Whether torch convolves numbers of this dtype by oneDNN on this CPU."""
    if not (torch.backends.mkldnn.is_available() and torch.backends.mkldnn.enabled):  # type: ignore[no-untyped-call]
        return False
    name = {"float16": "_is_mkldnn_fp16_supported", "bfloat16": "_is_mkldnn_bf16_supported"}[str(dtype)]
    return bool(getattr(torch.ops.mkldnn, name)())


@dataclass(frozen=True)
class Rounded(Case):
    """A case whose numbers, the upstream gradient's too, are those of a 16-bit dtype, in float64 arrays."""

    precision: str = "bfloat16"

    def upstream(self, shape: tuple[int, ...]) -> npt.NDArray[Any]:
        """The gradient that comes from above, rounded."""
        return round_to(super().upstream(shape), self.precision)

    def __str__(self) -> str:
        """One line, with the 16-bit dtype."""
        return super().__str__().replace(f"{self.dtype}:", f"{self.precision}:", 1)


def rounded(case: Case, precision: str) -> Rounded:
    """``case`` with its numbers rounded to ``precision``; its extremes become those of that dtype."""
    if isinstance(case, Rounded) and case.precision == precision:
        return case
    arrays = {n: round_to(a, precision) if a.dtype.kind == "f" else a for n, a in case.arrays.items()}
    return Rounded(**{**vars(case), "dtype": np.dtype(np.float64), "arrays": arrays, "precision": precision})


def round_to(array: Array, precision: str) -> Array:
    """``array`` rounded to the nearest numbers of a 16-bit dtype, as float64.

    The smallest and largest numbers of its own dtype stand for what they are in their dtype: they are scaled.
    """
    own, info = np.finfo(array.dtype), torch.finfo(SIXTEEN_BIT[precision])
    numbers = np.array(array, np.float64, order="C")
    finite, size = np.isfinite(numbers), np.abs(numbers)
    huge, minute = finite & (size > float(own.max) / 8), (size > 0) & (size <= float(own.tiny))
    with np.errstate(all="ignore"):
        numbers = np.where(huge, numbers / float(own.max) * info.max, numbers)
        small = np.copysign(np.maximum(size / float(own.tiny) * info.tiny, info.smallest_normal * info.eps), numbers)
    numbers = np.where(minute, small, numbers)
    return np.asarray(tensor(numbers).to(SIXTEEN_BIT[precision]).double().numpy())


def expected(
    pair: Pair, case: Case, grad_output: Array, ours: dict[str, Array], backend: Backend
) -> tuple[dict[str, Array], dict[str, Array | None]]:
    """What each result is to be compared with, and its bound; None and no entry ask for the same bits."""
    arithmetic = Arithmetic(backend, pair)
    wanted = _RULES[pair.name](arithmetic, case, grad_output, ours)
    return (
        {**ours, **{name: result for name, (result, _) in wanted.items()}},
        {name: bound for name, (_, bound) in wanted.items()},
    )


class Arithmetic:
    """The roundings of one formula on one backend."""

    def __init__(self, backend: Backend, pair: Pair) -> None:
        """Look up the dtype's numbers."""
        assert backend.dtype is not None
        self.backend, self.pair, self.precision = backend, pair, backend.dtype
        info = torch.finfo(SIXTEEN_BIT[self.precision])
        self.u, self.max, self.tiny = info.eps / 2, info.max, info.tiny
        self.exact_integers = 2 / info.eps  # up to this every integer is a number of the dtype
        self.spacing = info.tiny * info.eps  # of subnormal numbers

    def gamma(self, roundings: float | Array) -> Any:
        """gamma_n for roundings to the dtype."""
        error = np.asarray(roundings, np.float64) * self.u
        return np.where(error < 1, error / np.where(error < 1, 1 - error, 1), np.inf)

    def accumulator(self, result: str, onednn: bool = True) -> str:
        """What this formula adds up in 16 bits for ``result``."""
        return accumulator(self.backend, self.pair.name, result, onednn)

    def of_sum(self, exact: Array, magnitude: Array, terms: float | Array, roundings: float | Array) -> Array:
        """Largest error of a sum of ``terms`` products in float32 that was rounded to the dtype ``roundings`` times.

        No rounding but the last one is relative to the result itself: those before may be of larger partial sums, whose
        absolute values ``magnitude`` bounds.
        """
        in_float32 = gamma(terms, FLOAT32) * magnitude + np.asarray(terms) * float(np.finfo(np.float32).tiny)
        last = self.u * (np.abs(exact) + in_float32)
        before = self.gamma(roundings) * (magnitude + in_float32)
        bound = in_float32 + np.where(np.asarray(roundings) == 1, last, before) + np.asarray(roundings) * self.spacing
        with np.errstate(invalid="ignore"):
            return np.where(magnitude > self.max / 4, np.inf, bound)

    def on_lattice(self, exact: Array, magnitude: Array, bound: Array, rounds_once: bool) -> Wanted:
        """Sums of integers: the exact sum, rounded once, unless 16-bit partial sums may have rounded already."""
        sure = np.asarray(rounds_once | (magnitude <= self.exact_integers))
        return np.where(sure, round_to(exact, self.precision), exact), np.where(sure, 0, bound)


def _products(terms_of: Callable[[Case, Array], dict[str, Any]]) -> Callable[..., dict[str, Wanted]]:
    """Convolutions and dense layer: products, exact in float32, and their sums."""

    def rule(a: Arithmetic, case: Case, grad_output: Array, ours: dict[str, Array]) -> dict[str, Wanted]:
        names = tuple(name for name in a.pair.gradients if name in case.arrays)
        magnitude, terms = bounds.magnitudes(a.pair.twin, case, grad_output, names), terms_of(case, grad_output)
        weight, flushed = case.arrays["weight"], _flushed((*case.arrays.values(), grad_output))
        roundings = {
            "float32": 1,
            "bias": 2 if "bias" in case.arrays and (case.arrays["input"].ndim, weight.ndim) != (2, 2) else 1,
            # The sum over each tap, or sample, is rounded, and so is every addition of one of them.
            "taps": 2 * math.prod(weight.shape[2:]),
            "samples": 2 * (len(case.arrays["input"]) if case.arrays["input"].ndim == 4 else 1),
        }
        wanted: dict[str, Wanted] = {}
        for name, exact in ours.items():
            times = roundings[a.accumulator(name, onednn=not _adds_a_stride(case))]
            bound = a.of_sum(exact, magnitude[name], terms[name], times) + terms[name] * flushed
            if not np.isfinite(case.arrays["input"]).all():
                # 16-bit kernels fill up their blocks with zeros, and inf * 0 is NaN in the neighbours too.
                bound = np.full(exact.shape, np.inf)
            if case.kind in ("lattice", "ties"):
                wanted[name] = a.on_lattice(exact, magnitude[name], bound, times == 1)
            else:
                wanted[name] = exact, bound
        return wanted

    return rule


def _adds_a_stride(case: Case) -> bool:
    """Whether a transposed convolution has an output_padding of the stride or more: oneDNN knows none so large."""
    added, stride = (
        (value, value) if isinstance(value, int) else (value[0], value[-1])
        for value in (case.arguments.get("output_padding", 0), case.arguments.get("stride", 1))
    )
    return any(more >= s for more, s in zip(added, stride, strict=True))


def _flushed(factors: tuple[Array, ...]) -> float:
    """The most that a product may lose where instructions for bfloat16 take a subnormal factor for 0."""
    tiny = float(np.finfo(np.float32).tiny)
    sizes = [bounds.finite_magnitude(factor) for factor in factors]
    others = [
        max((other.max(initial=0) for other in sizes if other is not size), default=0)
        for size in sizes
        if ((size > 0) & (size < tiny)).any()
    ]
    return tiny * max(others, default=0)


def _copies(a: Arithmetic, exact: Array, case: Case, magnitude: Array, terms: Array) -> dict[str, Wanted]:
    """A gradient that adds up copies of the upstream gradient: a single one is that copy, several round."""
    additions = np.maximum(terms - 1, 0)
    times = np.minimum(additions, 1) if a.accumulator("grad_input") == "float32" else additions
    bound = np.where(additions == 0, 0, a.of_sum(exact, magnitude, additions, times))
    if case.kind in ("lattice", "ties"):
        return {"grad_input": a.on_lattice(exact, magnitude, bound, False)}
    return {"grad_input": (exact, bound)}


def _pad(a: Arithmetic, case: Case, grad_output: Array, ours: dict[str, Array]) -> dict[str, Wanted]:
    options = case.arguments
    if options["mode"] == "constant":
        return {}
    shape = case.arrays["input"].shape
    magnitude, terms = (
        reference.pad_backward(g, shape, options["pad"], options["mode"])
        for g in (bounds.finite_magnitude(grad_output), np.ones(grad_output.shape))
    )
    return _copies(a, ours["grad_input"], case, magnitude, terms)


def _max_pool2d(a: Arithmetic, case: Case, grad_output: Array, ours: dict[str, Array]) -> dict[str, Wanted]:
    return _copies(a, ours["grad_input"], case, *bounds.max_pool2d_shares(case, grad_output))


def _avg_pool2d(a: Arithmetic, case: Case, grad_output: Array, ours: dict[str, Array]) -> dict[str, Wanted]:
    """kH * kW terms and a division, or 1/D and a product; in 16 bits each share g / D is rounded, and each sum."""
    magnitude, taps = bounds.avg_pool2d_magnitudes(case, grad_output, FLOAT32)
    wanted: dict[str, Wanted] = {}
    for name, exact in ours.items():
        times = 1 if a.accumulator(name) == "float32" else taps + 2
        wanted[name] = exact, a.of_sum(exact, magnitude[name], taps + 2, times)
    return wanted


def _adaptive_avg_pool2d(a: Arithmetic, case: Case, grad_output: Array, ours: dict[str, Array]) -> dict[str, Wanted]:
    """T terms and two divisions.  The sum over all pixels, for an output of 1 x 1, is rounded before it is divided."""
    magnitude, terms = bounds.adaptive_magnitudes(case, grad_output, FLOAT32)
    mean = bounds.adaptive_sizes(case)[1] == (1, 1)
    wanted: dict[str, Wanted] = {}
    for name, exact in ours.items():
        times = 1 if a.accumulator(name) == "float32" else terms + 2
        bound = a.of_sum(exact, magnitude[name], terms + 1, times + mean)
        if mean and name == "output":
            bound = np.where(magnitude[name] * terms > a.max / 4, np.inf, bound)
        wanted[name] = exact, bound
    return wanted


def _dropout(a: Arithmetic, case: Case, grad_output: Array, ours: dict[str, Array]) -> dict[str, Wanted]:
    """1 / (1 - p) is rounded, and the product with it; nothing is where all is kept, or nothing."""
    if not case.arguments["training"] or case.arguments["p"] in (0, 1):
        return {}
    wanted: dict[str, Wanted] = {}
    for name, exact in ours.items():
        size = bounds.finite_magnitude(exact)
        bound = (a.gamma(2) + gamma(2, FLOAT32)) * size + a.spacing
        wanted[name] = exact, np.where(size > a.max / 4, np.inf, bound)
    return wanted


class _Probabilities(bounds.Probabilities):
    """softmax in float32, rounded to 16 bits where torch stores it.

    Some kernels store exp(x - max) in the dtype and divide it there by the sum of the stored ones, so that a
    probability is rounded up to three times.  In log_softmax some store the sum (an error of u in its logarithm), the
    logarithm, and x - max.  The gradient of log_softmax raises the stored result to a power again.
    """

    def __init__(self, scores: Array, axis: int, arithmetic: Arithmetic) -> None:
        super().__init__(scores, axis, FLOAT32)
        a = arithmetic
        with np.errstate(all="ignore"):
            self.p_error = self.p_error + a.gamma(3) * self.p + 3 * a.spacing
            stored = 1 + np.abs(np.log(self.sum)) + np.abs(self.shifted) + np.abs(self.log_p)
            self.log_p_error = self.log_p_error + a.gamma(1) * stored + a.spacing
            # Scores further apart than the dtype can say.
            self.apart = np.isfinite(self.shifted) & (np.abs(self.shifted) > a.max / 4)
            self.log_p_error = np.where(self.apart, np.inf, self.log_p_error)
            off = self.log_p_error + bounds.FUNCTION_ULPS * 2 * self.u
            self.exp_error = np.where(self.p > 0, self.p * np.expm1(off), 0) + self.tiny


def _softmax(a: Arithmetic, case: Case, grad_output: Array, ours: dict[str, Array]) -> dict[str, Wanted]:
    """y, and y_i (g_i - sum_c g_c y_c) from the rounded y: float32 inside, rounded once."""
    x, axis = case.arrays["input"], case.arguments["dim"]
    error = _Probabilities(x, axis, a)
    g = np.abs(np.atleast_1d(grad_output))
    inner = (g * error.p).sum(axis, keepdims=True)
    carried = error.p_error * (g + inner) + error.p * (g * error.p_error).sum(axis, keepdims=True)
    arithmetic = (gamma(error.p.shape[axis] + 2, FLOAT32) + a.u) * error.p * (g + inner)
    grad_error = 2 * carried + arithmetic + a.spacing + error.tiny * (1 + g + g.sum(axis, keepdims=True))
    found = {"output": error.p_error, "grad_input": np.where(g + inner > a.max / 4, np.inf, grad_error)}
    return {name: (ours[name], bound.reshape(x.shape)) for name, bound in found.items()}


def _log_softmax(a: Arithmetic, case: Case, grad_output: Array, ours: dict[str, Array]) -> dict[str, Wanted]:
    """log p, and g_i - p_i sum_c g_c from the rounded log p: float32 inside, rounded once."""
    x, axis = case.arrays["input"], case.arguments["dim"]
    error = _Probabilities(x, axis, a)
    g = np.atleast_1d(grad_output)
    grad_error = _log_softmax_grad(a, error, g, np.zeros_like(g), axis)
    found = {"output": error.log_p_error, "grad_input": grad_error}
    return {name: (ours[name], bound.reshape(x.shape)) for name, bound in found.items()}


def _log_softmax_grad(a: Arithmetic, error: _Probabilities, g: Array, g_error: Array, axis: int) -> Array:
    size = np.abs(g) + error.p * np.abs(g).sum(axis, keepdims=True)
    grad_error = bounds.log_softmax_grad(error, g, g_error, axis) + a.gamma(1) * size + a.spacing
    return np.where(size > a.max / 4, np.inf, grad_error)


def _cross_entropy(a: Arithmetic, case: Case, grad_output: Array, ours: dict[str, Array]) -> dict[str, Wanted]:
    """Cross-entropy: a chain of operations, each of which rounds what it hands on to 16 bits.

    In the notation of ``bounds.cross_entropy``: log p arrives rounded.  Smoothing a target, the class weight, the
    product with log p, the sum over the classes, the mean and the two terms of a smoothed loss are at most 12 more
    roundings.  For class indices torch's CPU also adds up the losses and the weights of N samples in 16 bits, with at
    most 2 N roundings; other sums are float32.  The gradient enters log_softmax's through the same chain backwards.
    """
    x, target = case.arrays["input"], case.arrays["target"]
    axis = min(x.ndim - 1, 1)
    classes = x.shape[axis]
    samples = x.size // max(1, classes)
    error = _Probabilities(x, axis, a)
    coefficients, through, divisor = bounds.coefficients_of(case, axis)
    reduction, scale = case.arguments["reduction"], np.abs(grad_output)
    in_16_bits = target.dtype.kind != "f" and a.accumulator("output") == "samples"
    chain = a.gamma(12 + (2 * samples if in_16_bits else 0)) + gamma(classes + 2 * samples + 8, FLOAT32)
    losses = bounds.times(coefficients, np.abs(error.log_p)).sum(axis)
    weights = case.arrays.get("weight", np.ones(classes)).reshape(-1, *[1] * (x.ndim - 1 - axis))
    smoothed = case.arguments["label_smoothing"] > 0
    # Smoothing first adds up all classes, and is multiplied by e / C then.
    largest = (weights * np.abs(error.log_p)).sum(axis) if smoothed else losses
    # Every rounding may fall among the subnormal numbers, and is then multiplied by a weight.
    lost = (12 + classes + samples) * a.spacing * (1 + np.abs(coefficients).max(initial=0))
    per_loss = bounds.times(coefficients, error.log_p_error).sum(axis) * (1 + chain) + chain * losses + lost
    if smoothed or target.dtype.kind == "f":  # then all classes are multiplied, and 0 * inf is NaN
        largest = np.where(error.apart.any(axis), np.inf, largest)
    per_loss = np.where(largest > a.max / 4, np.inf, per_loss)
    if reduction == "none":
        output, scale = per_loss, np.expand_dims(scale, axis)
    else:
        output = np.where(largest.sum() > a.max / 4, np.inf, per_loss.sum())
        if reduction == "mean":
            output, scale = output / divisor, scale / divisor
    g = coefficients * scale
    g_error = chain * g + lost * (1 + scale)
    found = {"output": output, "grad_input": _log_softmax_grad(a, error, g, g_error, axis)}
    if target.dtype.kind == "f":
        off = through * scale * (error.log_p_error * (1 + chain) + chain * np.abs(error.log_p))
        off = off + lost * (1 + scale) * (1 + np.abs(error.log_p))
        before_smoothing = weights * scale * np.abs(error.log_p)  # 1 - e may be 0, and 0 * inf is NaN
        unknown = (before_smoothing > a.max / 4) | np.isinf(error.log_p_error)
        found["grad_target"] = np.where(unknown, np.inf, off)
    return {name: (ours[name], np.asarray(found[name])) for name in ours}


def _in_groups(groups_of: Callable[[Case, np.dtype[Any]], bounds.Groups]) -> Callable[..., dict[str, Wanted]]:
    """Layer and group normalisation: float32 inside, but mean and s are stored in the dtype, for the gradients.

    So each of them is rounded, s to a multiple of the spacing where it is subnormal, and last the result: that is
    within gamma_4 of every factor.  Where the gradients of weight and bias are added up in 16 bits, each of the terms
    is rounded, too.
    """

    def rule(a: Arithmetic, case: Case, grad_output: Array, ours: dict[str, Array]) -> dict[str, Wanted]:
        groups = groups_of(case, FLOAT32)
        groups.known &= groups.s <= a.max / 4
        with np.errstate(all="ignore"):
            stored = a.gamma(4) + np.where(groups.known, a.spacing / groups.s, 0)
            weight, bias = case.arrays.get("weight"), case.arrays.get("bias")
            errors = groups.errors(weight, bias, grad_output, stored)
            if a.accumulator("grad_weight") == "copies":
                in_16_bits = stored + a.gamma(groups.rows)
                errors["grad_weight"] = groups.errors(weight, bias, grad_output, in_16_bits)["grad_weight"]
        wanted: dict[str, Wanted] = {}
        for name, exact in ours.items():
            if name == "grad_bias":
                times = 1 if a.accumulator(name) == "float32" else groups.rows
                bound = a.of_sum(exact, groups.bias_terms(grad_output).reshape(exact.shape), groups.rows, times)
            else:
                bound = errors[name].reshape(exact.shape) + a.spacing
                bound = np.where(np.abs(exact) + bound > a.max / 4, np.inf, bound)
            wanted[name] = exact, bound
        return wanted

    return rule


def _reduced(a: Arithmetic, case: Case, known: Array, magnitude: Array, error: Array, divisor: Array | float) -> Array:
    """The bound of losses of some ``magnitude``, each off by ``error``; those that are not ``known`` must be equal.

    The losses are stored in 16 bits, added up in float32 (or in 16 bits, with two roundings for each), and rounded; a
    ``divisor`` is such a sum, too.
    """
    safe = a.max / 4
    if case.arguments["reduction"] == "none":
        return np.where(known, np.where(magnitude > safe, np.inf, error), np.nan)
    in_16_bits = a.accumulator("output") == "samples"
    chain = a.gamma(3 + (4 * magnitude.size if in_16_bits else 0)) + gamma(2 * magnitude.size + 2, FLOAT32)
    total = magnitude[known].sum()
    off = error[known].sum() + chain * (total + error[known].sum())
    if case.arguments["reduction"] == "mean":
        total, off = max(total, total / divisor), off / divisor
    if not total <= safe:
        return np.asarray(np.inf)
    return np.asarray(off + (1 + magnitude.size) * a.spacing if known.all() else np.nan)


def _nll_loss(a: Arithmetic, case: Case, grad_output: Array, ours: dict[str, Array]) -> dict[str, Wanted]:
    """One product for each sample, and one for its gradient; sums of losses and of weights as ``_reduced`` says."""
    x, target = case.arrays["input"], case.arrays["target"]
    axis = min(x.ndim - 1, 1)
    counted = np.expand_dims(target.reshape(x.shape[:axis] + x.shape[axis + 1 :]), axis)
    classes = np.arange(x.shape[axis]).reshape(-1, *[1] * (x.ndim - 1 - axis))
    chosen = (counted != case.arguments["ignore_index"]) & (counted == classes)
    weights = case.arrays.get("weight", np.ones(x.shape[axis])).reshape(classes.shape)
    weight, picked = (chosen * weights).sum(axis), np.where(chosen, x, 0).sum(axis)
    mean = case.arguments["reduction"] == "mean"
    divisor = weight.sum() if mean else 1.0
    magnitude = np.abs(picked) * weight
    output = _reduced(a, case, np.isfinite(picked), magnitude, a.u * magnitude + a.spacing, divisor)
    in_16_bits = a.accumulator("grad_input") == "samples"
    chain = a.gamma(3 + (2 * weight.size if in_16_bits else 0)) + gamma(weight.size + 2, FLOAT32)
    scale = np.abs(grad_output) / divisor if mean else np.abs(grad_output)
    scale = np.expand_dims(scale, axis) if case.arguments["reduction"] == "none" else scale
    grad = chosen * scale * weights
    grad_error = np.where(np.maximum(grad, chosen * scale) > a.max / 4, np.inf, chain * grad)
    grad_error = grad_error + chosen * a.spacing * (1 + weights)
    return {"output": (ours["output"], output), "grad_input": (ours["grad_input"], grad_error)}


def _mse_loss(a: Arithmetic, case: Case, grad_output: Array, ours: dict[str, Array]) -> dict[str, Wanted]:
    """A difference, which enters twice, and two products; as many factors, and the mean's, in the gradient."""
    x, target = case.arrays["input"], case.arrays["target"]
    w, mean = case.arrays.get("weight", np.ones(x.shape)), case.arguments["reduction"] == "mean"
    divisor = w.sum() if mean else 1.0
    finite, d, g = np.isfinite(x), np.abs(x - target), np.abs(grad_output)
    magnitude, spacing = d * d * np.maximum(w, 1), a.spacing * (1 + w)
    output = _reduced(a, case, finite, magnitude, a.gamma(4) * d * d * w + spacing, divisor)
    slope = 2 * d * w * g / divisor
    grad_error = (a.gamma(8) + gamma(x.size, FLOAT32)) * slope + a.spacing * (1 + w + d * (1 + g + w))
    largest = 2 * d * np.maximum(1, w) * np.maximum(1, g)
    grad_error = np.where(finite, np.where(largest > a.max / 4, np.inf, grad_error), np.nan)
    found = {"output": output, "grad_input": grad_error, "grad_target": grad_error}
    return {name: (ours[name], np.asarray(found[name])) for name in ours}


def _binary_cross_entropy(a: Arithmetic, case: Case, grad_output: Array, ours: dict[str, Array]) -> dict[str, Wanted]:
    """The chain of ``bounds.Logits``, each of whose operations rounds what it hands on to 16 bits."""
    terms = bounds.Logits(case, grad_output)
    chain, lost = a.gamma(12), a.spacing * 12 * terms.factors
    output = _reduced(
        a, case, terms.finite, terms.size * (1 + terms.w), terms.w * chain * terms.size + lost, terms.size.size
    )
    found = {"output": output}
    for name, slope, known in (
        ("grad_input", terms.slope, terms.number),
        ("grad_target", terms.target_slope, terms.finite),
    ):
        bound = chain * terms.scale * slope + lost * (1 + slope)
        found[name] = np.where(known, np.where(slope * terms.factors > a.max / 4, np.inf, bound), np.nan)
    return {name: (ours[name], np.asarray(found[name])) for name in ours}


def _sgd(a: Arithmetic, case: Case, grad_output: Array, ours: dict[str, Array]) -> dict[str, Wanted]:
    """Every operation of a step rounds what it stores to 16 bits: ``bounds.sgd_error`` with that u."""
    bound = bounds.sgd_error(case, a.u, a.spacing)
    return {"output": (ours["output"], np.where(np.abs(ours["output"]) + bound > a.max / 4, np.inf, bound))}


def _batch_norm(a: Arithmetic, case: Case, grad_output: Array, ours: dict[str, Array]) -> dict[str, Wanted]:
    """float32 inside; mu and s, which the gradient needs again, are stored in 16 bits, and so is every result.

    Kernels that store x_hat's factor and shift first round those: three roundings of what the results are made of.
    """
    one = bounds.Channels(case, FLOAT32, stored=a.u)
    found = bounds.BatchNormErrors(case, grad_output, one, a.max)
    wanted: dict[str, Wanted] = {}
    for name, error in found.errors.items():
        if name in ours:
            rounded_last = a.gamma(3) * found.sizes[name] + a.spacing * found.factors.max(initial=1)
            unknown = np.isinf(error) | (found.sizes[name] > a.max / 4)
            wanted[name] = ours[name], np.where(unknown, np.inf, error + rounded_last)
    return wanted


def _leaky_relu(a: Arithmetic, case: Case, grad_output: Array, ours: dict[str, Array]) -> dict[str, Wanted]:
    """x, or x times the slope, which is rounded to float32 first, as the product is, and that to the dtype."""
    return {name: (exact, _once(a, exact, gamma(2, FLOAT32) * np.abs(exact))) for name, exact in ours.items()}


def _sigmoid(a: Arithmetic, case: Case, grad_output: Array, ours: dict[str, Array]) -> dict[str, Wanted]:
    """y, float32 inside, and g (1 - y) y from the rounded y.

    torch's CPU takes its three steps in float16 in the elements that do not fill a vector, and each rounds.
    """
    error = bounds.Sigmoid(case.arrays["input"], FLOAT32)
    output = _once(a, ours["output"], error.error)
    steps = a.gamma(3) * np.abs(grad_output) * (error.s + output) * (error.rest + output)
    grad_error = bounds.sigmoid_grad(error, grad_output, output, FLOAT32) + steps
    grad_error = grad_error + a.spacing * (1 + np.abs(grad_output))
    grad = _once(a, ours["grad_input"], grad_error)
    return {"output": (ours["output"], output), "grad_input": (ours["grad_input"], grad)}


def _tanh(a: Arithmetic, case: Case, grad_output: Array, ours: dict[str, Array]) -> dict[str, Wanted]:
    """y, and g (1 - y^2) from the rounded y: float32 inside, rounded once."""
    y = ours["output"]
    output = _once(a, y, bounds.tanh_error(y, FLOAT32))
    grad_error = bounds.tanh_grad(y, grad_output, output, FLOAT32)
    return {"output": (y, output), "grad_input": (ours["grad_input"], _once(a, ours["grad_input"], grad_error))}


def _silu(a: Arithmetic, case: Case, grad_output: Array, ours: dict[str, Array]) -> dict[str, Wanted]:
    """Output and gradient from x: float32 inside, rounded once."""
    errors = bounds.silu_errors(case.arrays["input"], grad_output, FLOAT32)
    return {name: (ours[name], _once(a, ours[name], error)) for name, error in zip(ours, errors, strict=True)}


def _gelu(a: Arithmetic, case: Case, grad_output: Array, ours: dict[str, Array]) -> dict[str, Wanted]:
    """Output and gradient from x: float32 inside, rounded once.

    Where the square of x overflows float32, 0 times it is NaN in the gradient of the approximation.
    """
    x = case.arrays["input"]
    output, grad = bounds.gelu_errors(x, grad_output, case.arguments["approximate"], FLOAT32)
    grad = np.where(np.isfinite(x) & (np.abs(x) > math.sqrt(np.finfo(np.float32).max) / 4), np.inf, grad)
    return {name: (ours[name], _once(a, ours[name], error)) for name, error in zip(ours, (output, grad), strict=True)}


def _once(a: Arithmetic, exact: Array, error: Array) -> Array:
    """The bound of a result that is off by ``error`` before it is rounded to the dtype, once."""
    bound = error + a.u * (np.abs(exact) + error) + a.spacing
    return np.where(np.isfinite(exact) & (np.abs(exact) > a.max / 4), np.inf, bound)


def _steps(error: Callable[[Case, bounds.Precision], Array]) -> Any:
    """Every operation of a step rounds what it stores to 16 bits."""

    def rule(a: Arithmetic, case: Case, grad_output: Array, ours: dict[str, Array]) -> dict[str, Wanted]:
        return {"output": (ours["output"], error(case, bounds.Precision(a.u, a.spacing, a.max)))}

    return rule


def _clip_grad_norm(a: Arithmetic, case: Case, grad_output: Array, ours: dict[str, Array]) -> dict[str, Wanted]:
    """Norms are added up in float32, and rounded; so are the factor and the products.

    torch multiplies by the norm's reciprocal, which in float16 overflows for a norm near 0, as does a large norm.
    Nothing is known there.
    """
    info = np.finfo(FLOAT32)
    sums = bounds.Precision(float(info.eps) / 2, float(info.tiny), float(info.max))
    errors = bounds.clip_grad_norm_errors(case, sums, bounds.Precision(a.u, a.spacing, a.max))
    if not 2 / a.max <= float(ours["norm"]) <= a.max / 4:
        errors |= dict.fromkeys(("output", "other"), np.asarray(np.inf))
    return {name: (ours[name], error) for name, error in errors.items()}


def _exact(a: Arithmetic, case: Case, grad_output: Array, ours: dict[str, Array]) -> dict[str, Wanted]:
    """Nothing rounds."""
    return {}


_RULES: dict[str, Callable[[Arithmetic, Case, Array, dict[str, Array]], dict[str, Wanted]]] = {
    "conv2d": _products(bounds.conv2d_terms),
    "conv_transpose2d": _products(bounds.conv_transpose2d_terms),
    "pad": _pad,
    "relu": _exact,
    "leaky_relu": _leaky_relu,
    "sigmoid": _sigmoid,
    "tanh": _tanh,
    "silu": _silu,
    "gelu": _gelu,
    "max_pool2d": _max_pool2d,
    "avg_pool2d": _avg_pool2d,
    "adaptive_avg_pool2d": _adaptive_avg_pool2d,
    "batch_norm": _batch_norm,
    "layer_norm": _in_groups(bounds.layer_norm_groups),
    "group_norm": _in_groups(bounds.group_norm_groups),
    "dropout": _dropout,
    "dropout2d": _dropout,
    "flatten": _exact,
    "linear": _products(bounds.linear_terms),
    "softmax": _softmax,
    "log_softmax": _log_softmax,
    "cross_entropy": _cross_entropy,
    "nll_loss": _nll_loss,
    "mse_loss": _mse_loss,
    "binary_cross_entropy_with_logits": _binary_cross_entropy,
    "sgd": _sgd,
    "rmsprop": _steps(bounds.rmsprop_error),
    "adam": _steps(bounds.adam_error),
    "adamw": _steps(bounds.adam_error),
    "clip_grad_norm": _clip_grad_norm,
}
