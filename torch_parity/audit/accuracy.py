"""As accurate as torch: the errors of both sides against the truth, and their ratio.

The bounds of ``bounds`` say that both sides are right; here it is measured how well they round.  For each result

    error  =  sqrt( mean over cases of the mean over elements of ((computed - true) / size)^2 )  /  u

with u the unit roundoff and size the case's largest element, at least 1.  Scores, images, weights and upstream
gradients are normally distributed with variance 1.  So an error of 1 means half a unit in the last place, and no case
outweighs the others: absolute errors would let the case with the largest numbers decide, and errors relative to each
element the one whose sum happens to cancel.

The truth.  For float32 it is torch's float64 result on the same numbers, which is 2^29 times finer.  For float64:

    sums of products    exact.  Every number is cut into three lattices, x = x1 + x2 + x3 with multiples of 2^-18,
                        2^-36 and 2^-54.  The nine formulas on the pieces round nowhere, as on any lattice (numbers
                        below 8 have products below 2^42 steps, so 2^11 of them fit into 53 bits); math.fsum adds their
                        results, and subtracts what was computed, with a single rounding.
    softmax and others  40 decimal digits, by Python's decimal.
"""

import decimal
import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from torch_parity.proof.backend import tensor, torch_as_measured
from torch_parity.proof.bounds import unit_roundoff
from torch_parity.proof.cases import Case, RandomDraw
from torch_parity.proof.pairs import Pair
from torch_parity.proof.prove import Results, reference_results, torch_results

Array = npt.NDArray[Any]

# Largest error of the reference, in errors of torch.
ALLOWED = 1.5
F32, F64 = np.dtype(np.float32), np.dtype(np.float64)
# A case takes more digits than this only in float32: decimal takes some microseconds for each number.
LARGEST_DECIMAL = 400
# Arrays that are no plain numbers: a mask is 0 or 1, and no variance is negative.
KEPT = ("mask", "running_mean", "running_var")


class NormalCase(Case):
    """A case whose upstream gradient is normally distributed, as its arrays are."""

    def upstream(self, shape: tuple[int, ...]) -> Array:
        """The gradient that comes from above, for an output of ``shape``."""
        return _normal(np.random.default_rng([self.seed, 1]), shape, self.dtype)


@dataclass
class Errors:
    """Mean squared errors of one result, summed over cases; in units of u times the size."""

    cases: int = 0
    ours: float = 0.0
    theirs: float = 0.0

    def add(self, ours: Array, theirs: Array) -> None:
        """Count the errors of one case, where the truth is finite."""
        if ours.size:
            self.cases += 1
            self.ours += float(np.square(ours).mean())
            self.theirs += float(np.square(theirs).mean())

    def rms(self) -> tuple[float, float]:
        """The root mean square of both sides."""
        cases = max(self.cases, 1)
        return math.sqrt(self.ours / cases), math.sqrt(self.theirs / cases)

    def ratio(self) -> float:
        """The error of the reference as a multiple of torch's; 1 where neither errs."""
        if self.ours == self.theirs:
            return 1.0
        return math.sqrt(self.ours / self.theirs) if self.theirs else math.inf


@dataclass
class Accuracy:
    """The errors of every result of one formula, in one dtype."""

    name: str
    dtype: np.dtype[Any]
    results: dict[str, Errors] = field(default_factory=dict)

    def worst(self) -> float:
        """The largest ratio of any result."""
        return max(errors.ratio() for errors in self.results.values())

    def __str__(self) -> str:
        """A line for each result."""
        lines = []
        for name, errors in self.results.items():
            ours, theirs = errors.rms()
            numbers = f"{errors.cases:>6} {ours:>9.3f} {theirs:>9.3f} {errors.ratio():>6.2f}"
            lines.append(f"{self.name:<14} {self.dtype!s:<8} {name:<12} {numbers}")
        return "\n".join(lines)


def accuracy(pair: Pair, dtype: np.dtype[Any], seed: int, count: int, scores: float = 1.0) -> Accuracy:
    """The errors over ``count`` cases.  ``scores`` multiplies the scores of softmax and its kin: 30 is confidence."""
    draws = (pair.cases(RandomDraw(np.random.default_rng([seed, index])), "real", dtype) for index in range(4 * count))
    fit = (case for case in draws if dtype == F32 or fits(pair, case))
    cases = (normal(case, scores) for case, _ in zip(fit, range(count), strict=False))
    return errors_over(pair, dtype, cases)


def errors_over(pair: Pair, dtype: np.dtype[Any], cases: Iterable[Case]) -> Accuracy:
    """The errors over ``cases``, all of ``dtype``."""
    result = Accuracy(pair.name, dtype)
    for case in cases:
        ours, grad_output = reference_results(pair, case)
        theirs, _ = torch_results(pair, case)
        wide = _float64(case) if dtype == F32 else case
        minus = _errors_of_float32(pair, wide) if dtype == F32 else EXACT[pair.name](pair, wide, grad_output)
        for name in ours:
            if ours[name].dtype.kind != "f":
                continue
            with np.errstate(all="ignore"):
                errors = [np.asarray(minus(name, side[name])) / unit_roundoff(dtype) for side in (ours, theirs)]
            finite = np.isfinite(errors[0]) & np.isfinite(errors[1])
            size = max(1.0, float(np.abs(theirs[name].ravel()[finite.ravel()]).max(initial=0)))
            result.results.setdefault(name, Errors()).add(errors[0][finite] / size, errors[1][finite] / size)
    return result


def fits(pair: Pair, case: Case) -> bool:
    """Whether the exact truth of a float64 case is known here, and soon."""
    if EXACT[pair.name] is _sum_of_products:
        return True
    finite = np.isfinite(pair.forward(**case.arrays, **case.arguments)).all()  # the mean over nothing is not
    return bool(0 < case.arrays["input"].size <= LARGEST_DECIMAL and finite)


def normal(case: Case, scores: float = 1.0) -> Case:
    """The case with normally distributed numbers.  Targets, class weights and whatever is ``KEPT`` stay."""
    generator = np.random.default_rng([case.seed, 3])
    redrawn = ["input"] if "target" in case.arrays else [name for name in case.arrays if name not in KEPT]
    arrays = {name: _normal(generator, case.arrays[name].shape, case.dtype) for name in redrawn}
    if scores != 1:
        arrays["input"] *= case.dtype.type(scores)
    return NormalCase(case.kind, case.dtype, {**case.arrays, **arrays}, case.arguments, case.seed)


def _normal(generator: np.random.Generator, shape: tuple[int, ...], dtype: np.dtype[Any]) -> Array:
    """Multiples of 2^-54 below 8, as the three lattices hold them."""
    return np.asarray(np.ldexp(np.round(np.ldexp(generator.standard_normal(shape).clip(-7, 7), 54)), -54)).astype(dtype)


# The truth.  Each function returns (name of a result, computed) -> computed - true.

Minus = Callable[[str, Array], Array]


class _WideCase(Case):
    """A float32 case in float64, with the very same upstream gradient."""

    def upstream(self, shape: tuple[int, ...]) -> Array:
        narrow = NormalCase(self.kind, F32, self.arrays, self.arguments, self.seed)
        return narrow.upstream(shape).astype(np.float64)


def _float64(case: Case) -> Case:
    arrays = {name: a.astype(np.float64) if a.dtype.kind == "f" else a for name, a in case.arrays.items()}
    return _WideCase(case.kind, F64, arrays, case.arguments, case.seed)


def _errors_of_float32(pair: Pair, case: Case) -> Minus:
    truth, _ = torch_results(pair, case)
    return lambda name, computed: computed.astype(np.float64) - truth[name]


def _sum_of_products(pair: Pair, case: Case, grad_output: Array) -> Minus:
    """Exact, by lattices: every result is bilinear in two of input, weight and upstream gradient."""
    x, w, g = ([tensor(p) for p in _pieces(a)] for a in (case.arrays["input"], case.arrays["weight"], grad_output))
    parts: dict[str, list[torch.Tensor]] = {"output": [], "grad_input": [], "grad_weight": [], "grad_bias": []}
    bias = tensor(case.arrays["bias"]) if "bias" in case.arrays else None
    with torch_as_measured():
        for i in range(3):
            for j in range(3):
                parts["output"].append(pair.twin(x[i], w[j], **case.arguments))
            leaves = [piece.detach().requires_grad_() for piece in (x[i], w[i])]
            zero = [] if bias is None else [torch.zeros_like(bias, requires_grad=True)]
            output = pair.twin(*leaves, *zero, **case.arguments)
            for j in range(3):
                grads = torch.autograd.grad(output, [*leaves, *zero], g[j], retain_graph=True)
                parts["grad_input"].append(grads[0])
                parts["grad_weight"].append(grads[1])
                if zero and i == 0:
                    parts["grad_bias"].append(grads[2])
    if bias is not None:
        channels = bias.reshape(-1, *[1] * 2) if pair.name != "linear" else bias
        parts["output"].append(channels.broadcast_to(parts["output"][0].shape))

    def minus(name: str, computed: Array) -> Array:
        terms = [part.numpy() for part in parts[name]]
        lines = zip(computed.ravel(), *(term.ravel() for term in terms), strict=True)
        return np.array([math.fsum((line[0], *(-part for part in line[1:]))) for line in lines])

    return minus


def _pieces(array: Array) -> list[Array]:
    """Three arrays on lattices of ever smaller steps, whose sum is ``array`` exactly."""
    pieces = []
    for bits in (18, 36, 54):
        piece = np.ldexp(np.round(np.ldexp(array, bits)), -bits)
        pieces.append(piece)
        array = array - piece
    return pieces


_exact: Callable[[Array], Array] = np.frompyfunc(lambda value: decimal.Decimal(float(value)), 1, 1)
_exp: Callable[[Array], Array] = np.frompyfunc(decimal.Decimal.exp, 1, 1)
_ln: Callable[[Array], Array] = np.frompyfunc(decimal.Decimal.ln, 1, 1)


def _decimals(truth: Callable[[Case, Array], Results]) -> Callable[[Pair, Case, Array], Minus]:
    """The truth in 40 decimal digits: ``truth`` computes it, with arrays of ``decimal.Decimal``."""

    def errors(pair: Pair, case: Case, grad_output: Array) -> Minus:
        with decimal.localcontext(prec=40):
            results = truth(case, grad_output)

        def minus(name: str, computed: Array) -> Array:
            with decimal.localcontext(prec=40):
                return np.asarray(_exact(computed) - results[name]).astype(np.float64)

        return minus

    return errors


def _probabilities(case: Case, axis: int) -> tuple[Array, Array]:
    """The logarithms of the probabilities, and the probabilities."""
    x = np.asarray(_exact(np.atleast_1d(case.arrays["input"])))
    powers = _exp(x)
    total = powers.sum(axis, keepdims=True)
    return x - _ln(total), powers / total


def _softmax(case: Case, grad_output: Array) -> Results:
    axis = case.arguments["dim"]
    _, p = _probabilities(case, axis)
    g = np.asarray(_exact(np.atleast_1d(grad_output)))
    shape = case.arrays["input"].shape
    grad = p * (g - (g * p).sum(axis, keepdims=True))
    return {"output": p.reshape(shape), "grad_input": grad.reshape(shape)}


def _log_softmax(case: Case, grad_output: Array) -> Results:
    axis = case.arguments["dim"]
    log_p, p = _probabilities(case, axis)
    g = np.asarray(_exact(np.atleast_1d(grad_output)))
    shape = case.arrays["input"].shape
    return {"output": log_p.reshape(shape), "grad_input": (g - p * g.sum(axis, keepdims=True)).reshape(shape)}


def _cross_entropy(case: Case, grad_output: Array) -> Results:
    """With coefficients a_c = w_c q_c: the loss is -sum_c a_c log p_c, its gradient p_c sum_d a_d - a_c."""
    x, target, o = case.arrays["input"], case.arrays["target"], case.arguments
    axis = min(x.ndim - 1, 1)
    classes = x.shape[axis]
    log_p, p = _probabilities(case, axis)
    e = decimal.Decimal(o["label_smoothing"])
    each = (-1, *[1] * (x.ndim - 1 - axis))
    w = np.asarray(_exact(case.arrays.get("weight", np.ones(classes)))).reshape(each)
    if target.dtype.kind == "f":
        q = np.asarray(_exact(target))
        divisor = decimal.Decimal(x.size // classes)
        a = w * (q * (1 - e) + e / classes)
    else:
        counted = np.expand_dims(target != o["ignore_index"], axis)
        one_hot = counted & (np.expand_dims(target, axis) == np.arange(classes).reshape(each))
        divisor = (w * one_hot).sum()
        a = w * (one_hot * (1 - e) + counted * (e / classes))
    losses = np.asarray(-(a * log_p).sum(axis))
    g = np.asarray(_exact(grad_output))
    g = np.expand_dims(g, axis) if o["reduction"] == "none" else g
    scale = g / divisor if o["reduction"] == "mean" else g
    total = losses if o["reduction"] == "none" else losses.sum()
    return {
        "output": np.asarray(total / divisor if o["reduction"] == "mean" else total),
        "grad_input": scale * (p * a.sum(axis, keepdims=True) - a),
        "grad_target": -scale * w * (1 - e) * log_p,
    }


def _elementwise(terms: Callable[[Array, Case], tuple[Array, Array]]) -> Callable[[Case, Array], Results]:
    """The truth of a formula of single numbers: ``terms`` gives y and dy/dx for the decimals x of a case."""

    def truth(case: Case, grad_output: Array) -> Results:
        y, slope = terms(np.asarray(_exact(case.arrays["input"])), case)
        return {"output": np.asarray(y), "grad_input": np.asarray(np.asarray(_exact(grad_output)) * slope)}

    return truth


def _sigmoid(x: Array, case: Case) -> tuple[Array, Array]:
    s = 1 / (1 + _exp(-x))
    return s, s * (1 - s)


def _tanh(x: Array, case: Case) -> tuple[Array, Array]:
    y = 2 / (1 + _exp(-2 * x)) - 1
    return y, 1 - y * y


def _silu(x: Array, case: Case) -> tuple[Array, Array]:
    s, slope = _sigmoid(x, case)
    return x * s, s + x * slope


def _gelu(x: Array, case: Case) -> tuple[Array, Array]:
    """Phi - 1/2 is phi times the sum of x^(2n+1) / (1 3 5 ... (2n+1)), of which no term is negative where x is not."""
    two_pi = 2 * decimal.Decimal("3.14159265358979323846264338327950288419716939937511")
    if case.arguments["approximate"] == "tanh":
        cubic, c = decimal.Decimal("0.044715"), 2 * (4 / two_pi).sqrt()
        s, slope = _sigmoid(c * (x + cubic * x**3), case)
        return x * s, s + x * slope * c * (1 + 3 * cubic * x * x)
    phi = _exp(-x * x / 2) / two_pi.sqrt()
    term = total = x
    for n in range(1, 150):  # enough for |x| up to 8
        term = term * x * x / (2 * n + 1)
        total = total + term
    share = decimal.Decimal("0.5") + phi * total
    return x * share, share + x * phi


def _reduced(case: Case, losses: Array, g: Array, divisor: Any, slopes: dict[str, Array]) -> Results:
    """The loss of ``losses``, and g times each of the ``slopes``; a mean is over ``divisor``."""
    reduction = case.arguments["reduction"]
    total = losses if reduction == "none" else np.asarray(losses).sum()
    scale = g / divisor if reduction == "mean" else g
    grads = {name: np.asarray(scale * slope) for name, slope in slopes.items()}
    return {"output": np.asarray(total / divisor if reduction == "mean" else total), **grads}


def _nll_loss(case: Case, grad_output: Array) -> Results:
    x, target = case.arrays["input"], case.arrays["target"]
    axis, g = min(x.ndim - 1, 1), np.asarray(_exact(grad_output))
    classes = np.arange(x.shape[axis]).reshape(-1, *[1] * (x.ndim - 1 - axis))
    labels = np.expand_dims(target.reshape(x.shape[:axis] + x.shape[axis + 1 :]), axis)
    w = np.asarray(_exact(case.arrays.get("weight", np.ones(x.shape[axis])))).reshape(classes.shape)
    chosen = (labels != case.arguments["ignore_index"]) & (labels == classes)
    g = np.expand_dims(g, axis) if case.arguments["reduction"] == "none" else g
    return _reduced(case, -(chosen * w * _exact(x)).sum(axis), g, (chosen * w).sum(), {"grad_input": -(chosen * w)})


def _mse_loss(case: Case, grad_output: Array) -> Results:
    x, target, g = (np.asarray(_exact(array)) for array in (case.arrays["input"], case.arrays["target"], grad_output))
    w = np.asarray(_exact(case.arrays.get("weight", np.ones(x.shape))))
    slope = 2 * w * (x - target)
    return _reduced(case, w * (x - target) ** 2, g, w.sum(), {"grad_input": slope, "grad_target": -slope})


def _binary_cross_entropy(case: Case, grad_output: Array) -> Results:
    x, t, g = (np.asarray(_exact(array)) for array in (case.arrays["input"], case.arrays["target"], grad_output))
    w, p = (np.asarray(_exact(case.arrays.get(name, np.ones(())))) for name in ("weight", "pos_weight"))
    power = _exp(-x)
    yes, no = np.asarray(_ln(1 + power)), np.asarray(x + _ln(1 + power))  # -log sigma(x), -log(1 - sigma(x))
    slopes = {
        "grad_input": w * ((1 - t) - p * t * power) / (1 + power),
        "grad_target": np.asarray(w * (p * yes - no)),
    }
    losses = np.broadcast_to(w * (p * t * yes + (1 - t) * no), x.shape)
    return _reduced(case, losses, g, decimal.Decimal(x.size), slopes)


EXACT: dict[str, Callable[[Pair, Case, Array], Minus]] = {
    "conv2d": _sum_of_products,
    "conv_transpose2d": _sum_of_products,
    "linear": _sum_of_products,
    "sigmoid": _decimals(_elementwise(_sigmoid)),
    "tanh": _decimals(_elementwise(_tanh)),
    "silu": _decimals(_elementwise(_silu)),
    "gelu": _decimals(_elementwise(_gelu)),
    "softmax": _decimals(_softmax),
    "log_softmax": _decimals(_log_softmax),
    "cross_entropy": _decimals(_cross_entropy),
    "nll_loss": _decimals(_nll_loss),
    "mse_loss": _decimals(_mse_loss),
    "binary_cross_entropy_with_logits": _decimals(_binary_cross_entropy),
}
