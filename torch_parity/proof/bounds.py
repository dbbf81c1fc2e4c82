"""How far rounding can take two correct results apart: an a-priori bound for each formula, element by element.

The model.  One operation on floating-point numbers gives its exact result times (1 + delta), |delta| <= u, the unit
roundoff: 2^-24 for float32, 2^-53 for float64.  A term that passes through n operations collects n such factors, and

    |(1 + delta_1) ... (1 + delta_n) - 1|  <=  gamma_n = n u / (1 - n u)

In a sum of products sum_k a_k b_k of K terms every product is rounded once and takes part in at most K - 1 additions,
in whatever order, blocked, vectorised or fused.  So every correct implementation computes

    |computed - true|  <=  gamma_K sum_k |a_k| |b_k|

(Higham, Accuracy and Stability of Numerical Algorithms, 2nd ed. 2002, section 3.1), and two of them differ by at most
twice that. K counts every added term, a bias too.  The sum of absolute values is the same formula run on absolute
values, in double precision, by torch: a fault of the reference cannot widen its own bound.

Near zero the model has a second error: a product below the smallest normal number loses digits.  Each term then adds at
most the smallest normal number.  Near the largest number sums overflow in one order and not in another, so the bound is
infinite, and nothing known, where the sum of absolute values exceeds a quarter of it.  A factor that is NaN or infinite
is another matter: it makes the sum NaN or that infinity in any order, if the other terms do not overflow.  There the
bound is NaN, which asks ``compare`` for equality.

exp and log are not rounded correctly by any fast library.  They, and NumPy's log1p, are taken to be within
FUNCTION_ULPS units in the last place of the truth; a test measures that they are.
"""

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
import torch.nn.functional as F

import reference
from torch_parity.proof.backend import tensor, torch_as_measured
from torch_parity.proof.cases import Case

Array = npt.NDArray[Any]
Bounds = dict[str, Array]
Twin = Callable[..., torch.Tensor]

# Largest error of exp and log, numpy's and torch's, and numpy's log1p, in units in the last place; measured: below 2.6.
FUNCTION_ULPS = 4


def unit_roundoff(dtype: np.dtype[Any]) -> float:
    """u: half the distance from 1 to the next number."""
    return float(np.finfo(dtype).eps) / 2


def gamma(operations: float | Array, dtype: np.dtype[Any]) -> Any:
    """gamma_n: the largest relative error that n roundings can add up to."""
    error = np.asarray(operations, np.float64) * unit_roundoff(dtype)
    return np.where(error < 1, error / np.where(error < 1, 1 - error, 1), np.inf)


def of_sum(magnitude: Array, terms: float | Array, dtype: np.dtype[Any]) -> Array:
    """Largest difference of two correct sums of ``terms`` products whose absolute values sum to ``magnitude``."""
    info = np.finfo(dtype)
    # The magnitude itself was summed in double precision.
    magnitude = np.asarray(magnitude, np.float64) * (1 + gamma(terms, np.dtype(np.float64)))
    bound = 2 * gamma(terms, dtype) * magnitude + np.asarray(terms) * float(info.tiny)
    with np.errstate(invalid="ignore"):
        return np.where(magnitude > float(info.max) / 4, np.inf, bound)


def magnitudes(twin: Twin, case: Case, grad_output: Array, differentiable: tuple[str, ...]) -> dict[str, Array]:
    """The formula and its gradients on absolute values, in double precision: sum |a||b| for each result.

    NaN where a factor is NaN or infinite, and the other terms stay far from overflow.  Meant for formulas that are sums
    of products; the keys are 'output' and 'grad_' + the arguments' names.
    """
    given = {**case.arrays, "": grad_output}
    finite = _on_absolute_values(twin, case, {n: finite_magnitude(a) for n, a in given.items()}, differentiable)
    if all(np.isfinite(array).all() for array in given.values()):
        return finite
    whole = _on_absolute_values(twin, case, {n: np.abs(a).astype(np.float64) for n, a in given.items()}, differentiable)
    safe = float(np.finfo(case.dtype).max) / 4
    return {n: np.where(np.isfinite(whole[n]) | (finite[n] > safe), finite[n], np.nan) for n in finite}


def _on_absolute_values(
    twin: Twin, case: Case, arrays: dict[str, Array], differentiable: tuple[str, ...]
) -> dict[str, Array]:
    """The output and the gradients of the twin on ``arrays``, of which '' is the upstream gradient."""
    grad_output = arrays.pop("")
    tensors = {name: tensor(array).requires_grad_(name in differentiable) for name, array in arrays.items()}
    with torch_as_measured():
        output = twin(**tensors, **case.arguments)
        torch.autograd.backward(output, tensor(grad_output))
    results = {"output": output.detach().numpy()}
    for name in differentiable:
        grad = tensors[name].grad
        assert grad is not None
        results["grad_" + name] = grad.numpy()
    return results


def conv2d_terms(case: Case, grad_output: Array) -> dict[str, int]:
    """How many products, and biases, a convolution adds up for one element of each result.

    An output has C/G * kH * kW products, and the bias; a weight's gradient one product per output pixel of the batch,
    so has a bias's; a pixel's gradient at most one per tap and output channel of its group.
    """
    weight = case.arrays["weight"]
    per_pixel = len(weight) // case.arguments["groups"] * weight[0, 0].size
    per_weight = grad_output.size // len(weight)
    return {
        "output": weight[0].size + 1, "grad_input": per_pixel, "grad_weight": per_weight, "grad_bias": per_weight
    }  # fmt: skip


def linear_terms(case: Case, grad_output: Array) -> dict[str, int]:
    """How many products, and biases, a dense layer adds up: over inputs; for gradients over outputs and the batch."""
    weight = case.arrays["weight"]
    outputs = len(weight) if weight.ndim == 2 else 1
    rows = grad_output.size // max(1, outputs)
    return {"output": weight.shape[-1] + 1, "grad_input": outputs, "grad_weight": rows, "grad_bias": rows}


def conv2d(case: Case, magnitude: dict[str, Array], grad_output: Array) -> Bounds:
    """Convolution: sums of products."""
    terms = conv2d_terms(case, grad_output)
    return {name: of_sum(magnitude[name], terms[name], case.dtype) for name in magnitude}


def linear(case: Case, magnitude: dict[str, Array], grad_output: Array) -> Bounds:
    """Dense layer: sums of products."""
    terms = linear_terms(case, grad_output)
    return {name: of_sum(magnitude[name], terms[name], case.dtype) for name in magnitude}


def finite_magnitude(array: Array) -> Array:
    """|x| in double precision, 0 for NaN and infinities: sums without products that meet those agree in any order."""
    return np.where(np.isfinite(array), np.abs(array), 0).astype(np.float64)


def avg_pool2d_magnitudes(case: Case, grad_output: Array, dtype: np.dtype[Any]) -> tuple[dict[str, Array], int]:
    """Average pooling on absolute values, infinite where a sum in ``dtype`` may overflow; and the most taps it adds."""
    finite = Case(case.kind, case.dtype, {"input": finite_magnitude(case.arrays["input"])}, case.arguments)
    found = magnitudes(F.avg_pool2d, finite, finite_magnitude(grad_output), ("input",))
    taps = math.prod(np.broadcast_to(np.ravel(case.arguments["kernel_size"]), 2).tolist())
    # A sum is the mean times the divisor; divisor_override may be negative.
    largest = float(np.finfo(dtype).max) / 4 / max(taps, abs(case.arguments.get("divisor_override") or 0))
    return {name: np.where(np.abs(m) > largest, np.inf, np.abs(m)) for name, m in found.items()}, taps


def avg_pool2d(case: Case, grad_output: Array) -> Bounds:
    """Average pooling where the order of its sums is not known: kH * kW terms and a division, or 1/D and a product.

    As many windows at most share a pixel, so the same count holds for the gradient.
    """
    magnitude, taps = avg_pool2d_magnitudes(case, grad_output, case.dtype)
    return {name: of_sum(magnitude[name], taps + 2, case.dtype) for name in magnitude}


def max_pool2d_shares(case: Case, grad_output: Array) -> tuple[Array, Array]:
    """For each pixel, the sum of |g| over the windows whose maximum it is, and how many these are."""
    x = case.arrays["input"]
    _, indices = reference.max_pool2d(x, **case.arguments, return_indices=True)
    magnitude = reference.max_pool2d_backward(finite_magnitude(grad_output), indices, x.shape)
    return magnitude, reference.max_pool2d_backward(np.ones(indices.shape), indices, x.shape)


def max_pool2d(case: Case, grad_output: Array) -> Bounds:
    """The gradient of max pooling where the order of its sums is not known; a single window rounds nothing."""
    magnitude, windows = max_pool2d_shares(case, grad_output)
    if case.kind in ("lattice", "ties"):
        return {"grad_input": np.zeros(())}
    return {"grad_input": of_sum(magnitude, np.maximum(windows - 1, 0), case.dtype)}


def pad(case: Case, magnitude: dict[str, Array], grad_output: Array) -> Bounds:
    """The gradient of padding that repeats pixels: a sum over the copies, of which there are at most all."""
    return {"grad_input": of_sum(magnitude["grad_input"], grad_output.size, case.dtype)}


class Probabilities:
    """softmax of ``scores`` along ``axis`` in double precision, and how far float results stray from it.

    A computed difference s_c = x_c - max is off by u |s_c|, which exp turns into a relative error of u |s_c|; exp adds
    its own, t = FUNCTION_ULPS * 2u (an ulp is up to 2u of the number).  So the power e_c is off by a relative

        epsilon_c = u |s_c| + t

    their sum by the weighted mean of epsilon plus gamma_C, the division by u.  (The reference adds up what is left of
    the sum without its largest term, r, and takes log1p(r): an error of r moves that by as much as it moves log(1 + r),
    and the rounding of 1 + r falls away.)  Twice the total covers the products of errors, which are far smaller than
    the errors themselves while all are below 1/4.  Powers that underflow add the smallest normal number, relative to a
    sum of at least 1.
    """

    def __init__(self, scores: Array, axis: int, dtype: np.dtype[Any]) -> None:
        """Compute all of it, for results of ``dtype``."""
        self.dtype, self.u, self.tiny = dtype, unit_roundoff(dtype), float(np.finfo(dtype).tiny)
        x = np.atleast_1d(scores).astype(np.float64)
        with np.errstate(all="ignore"):
            self.shifted = x - x.max(axis, keepdims=True, initial=-np.inf)
            powers = np.exp(self.shifted)
            self.sum = powers.sum(axis, keepdims=True)
            self.p = powers / self.sum
            self.log_p = self.shifted - np.log(self.sum)
            function = FUNCTION_ULPS * 2 * self.u
            distance = np.where(powers > 0, np.abs(self.shifted), 0)
            epsilon = distance * self.u + function
            classes = x.shape[axis]
            self.sum_error = (self.p * epsilon).sum(axis, keepdims=True) + gamma(classes, dtype) + classes * self.tiny
            # of softmax
            self.p_error = 2 * self.p * (epsilon + self.sum_error + self.u) + self.tiny
            # of log_softmax: the log's argument, the log, the difference s_c and the subtraction
            self.log_p_error = (
                2
                * (
                    self.sum_error
                    + function * np.abs(np.log(self.sum))
                    + self.u * (np.abs(self.shifted) + np.abs(self.log_p))
                )
                + self.tiny
            )
            # of exp(log_softmax), as the gradient uses it
            self.exp_error = np.where(self.p > 0, 2 * self.p * (self.log_p_error + function), 0) + self.tiny


def softmax(case: Case, grad_output: Array) -> Bounds:
    """softmax, and its gradient y_i (g_i - sum_c g_c y_c) from a computed y.

    An error in y_c moves the sum by |g_c| times it, and so does one in y_i the whole; the arithmetic adds gamma_{C+2}
    of the absolute values.
    """
    x = case.arrays["input"]
    axis = case.arguments["dim"]
    error = Probabilities(x, axis, case.dtype)
    g = np.abs(np.atleast_1d(grad_output).astype(np.float64))
    inner = (g * error.p).sum(axis, keepdims=True)
    arithmetic = gamma(error.p.shape[axis] + 2, case.dtype) * error.p * (g + inner)
    carried = error.p_error * (g + inner) + error.p * (g * error.p_error).sum(axis, keepdims=True)
    underflow = error.tiny * (1 + g + g.sum(axis, keepdims=True))
    bounds = {"output": 2 * error.p_error, "grad_input": 2 * (arithmetic + 2 * carried + underflow)}
    return {name: bound.reshape(x.shape) for name, bound in bounds.items()}


def log_softmax(case: Case, grad_output: Array) -> Bounds:
    """log_softmax, and its gradient g_i - exp(y_i) sum_c g_c from a computed y."""
    x = case.arrays["input"]
    axis = case.arguments["dim"]
    error = Probabilities(x, axis, case.dtype)
    g = np.atleast_1d(grad_output).astype(np.float64)
    grad_error = log_softmax_grad(error, g, np.zeros_like(g), axis)
    bounds = {"output": 2 * error.log_p_error, "grad_input": 2 * grad_error}
    return {name: bound.reshape(x.shape) for name, bound in bounds.items()}


def log_softmax_grad(error: Probabilities, g: Array, g_error: Array, axis: int) -> Array:
    """Error of g_i - exp(y_i) sum_c g_c, where g itself is off by ``g_error``."""
    total = np.abs(g).sum(axis, keepdims=True)
    carried = g_error + error.p * g_error.sum(axis, keepdims=True) + error.exp_error * total
    arithmetic = gamma(error.p.shape[axis] + 2, error.dtype) * (np.abs(g) + error.p * total)
    return np.asarray(2 * carried + arithmetic + error.tiny * (1 + total))


def cross_entropy(case: Case, grad_output: Array) -> Bounds:
    """Cross-entropy: a weighted sum of log-probabilities, and its gradients.

    With coefficients a_c = w_c q_c (q: the smoothed distribution) a sample's loss is -sum_c a_c log p_c.  Each a_c
    takes at most 5 roundings, the sum over C classes and N samples C + N more, the mean a division by a sum of N:

        error of the loss  <=  sum |a| error(log p) + gamma_{C + 2N + 8} sum |a log p|

    The gradient enters log_softmax's as g_c = -a_c scale, with at most N + 8 roundings, 2 for the mean.
    """
    x = case.arrays["input"]
    axis = min(x.ndim - 1, 1)
    classes = x.shape[axis]
    samples = x.size // max(1, classes)
    coefficients, uniform, divisor = coefficients_of(case, axis)
    error = Probabilities(x, axis, case.dtype)
    reduction = case.arguments["reduction"]
    scale = np.asarray(grad_output, np.float64)
    with np.errstate(all="ignore"):
        per_loss = times(coefficients, error.log_p_error).sum(axis)
        magnitude = times(coefficients, np.abs(error.log_p)).sum(axis)
        per_loss = per_loss + gamma(classes + 2 * samples + 8, case.dtype) * magnitude
        per_loss = np.where(magnitude <= float(np.finfo(case.dtype).max) / 4, per_loss, np.inf)
        per_loss = per_loss + error.tiny * (classes + 8)
        if reduction == "none":
            output = per_loss
            scale = np.expand_dims(scale, axis)
        elif reduction == "sum":
            output = per_loss.sum()
        else:
            output = per_loss.sum() / divisor
            scale = scale / divisor
        g = coefficients * np.abs(scale)
        g_error = gamma(samples + 8, case.dtype) * g + error.tiny
        bounds = {"output": 2 * output, "grad_input": 2 * log_softmax_grad(error, g, g_error, axis)}
        if case.arrays["target"].dtype.kind == "f":
            through = uniform * np.abs(scale)
            bounds["grad_target"] = 2 * through * (
                error.log_p_error + gamma(samples + 8, case.dtype) * np.abs(error.log_p)
            ) + 8 * error.tiny * (1 + np.abs(error.log_p))
    return {name: np.asarray(bound) for name, bound in bounds.items()}


def times(coefficients: Array, values: Array) -> Array:
    """The product, where a coefficient of 0 means that the value, though infinite, takes no part."""
    return np.where(coefficients == 0, 0, coefficients * values)


def coefficients_of(case: Case, axis: int) -> tuple[Array, Array, Any]:
    """w_c q_c; w_c (1 - e), which dL/dq has in its place; and the divisor of the mean, all in double precision."""
    x, target = case.arrays["input"], case.arrays["target"]
    classes = x.shape[axis]
    e = case.arguments["label_smoothing"]
    w = case.arrays.get("weight", np.ones(classes)).astype(np.float64).reshape(-1, *[1] * (x.ndim - 1 - axis))
    if target.dtype.kind == "f":
        q, divisor = target.astype(np.float64) * (1 - e) + e / classes, np.float64(x.size / max(classes, 1))
        return w * q, w * (1 - e), divisor
    counted = np.expand_dims(target != case.arguments["ignore_index"], axis)
    one_hot = counted & (np.expand_dims(target, axis) == np.arange(classes).reshape(w.shape))
    weight_of_sample = (w * one_hot).sum(axis, keepdims=True)
    return one_hot * weight_of_sample * (1 - e) + counted * w * e / classes, w * (1 - e), weight_of_sample.sum()


def sgd(case: Case) -> Bounds:
    """Steps of SGD, on both sides."""
    return {"output": 2 * sgd_error(case, unit_roundoff(case.dtype), float(np.finfo(case.dtype).tiny))}


def sgd_error(case: Case, u: float, tiny: float) -> Array:
    """The errors of parameter and velocity, carried from step to step beside the values, on one side.

    Each line of the update adds the rounding of its own one or two operations (and of its constant, which is rounded to
    the dtype first: one more) to the errors that its operands bring along.  Twice each covers the products of errors.
    """
    options = case.arguments
    lr, momentum, decay = abs(options["lr"]), options["momentum"], options["weight_decay"]
    fresh = abs(1 - options["dampening"])
    p = np.abs(case.arrays["parameter"]).astype(np.float64)
    p_error, v, v_error = np.zeros_like(p), np.zeros_like(p), np.zeros_like(p)
    for step, grad in enumerate(case.arrays["grads"]):
        g = np.abs(grad).astype(np.float64) + decay * p
        g_error = decay * p_error + 3 * u * g
        if momentum:
            weight = fresh if step else 1.0
            v, v_error = momentum * v + weight * g, momentum * v_error + weight * g_error
            v_error = v_error + 4 * u * v
            g, g_error = (g + momentum * v, g_error + momentum * v_error) if options["nesterov"] else (v, v_error)
            g_error = g_error + 3 * u * g
        p = p + lr * g
        p_error = p_error + lr * g_error + 3 * u * p + tiny
    return np.asarray(2 * p_error)


def avg_pool2d_adjoint(case: Case, grad_output: Array, direction: Array, step: float) -> float:
    """How far rounding may take apart the two sides of the adjoint identity of average pooling; ``step`` is h.

        <g, f(x + h d) - f(x)> / h   =   <gradient, d>

    f is linear, f(x)_i = sum_p a_ip x_p with a_ip = 1/D_i for the at most T = kH kW pixels of window i.  So both sides
    are sums of products, each product known, and it is enough to count the roundings that one passes through:

        g_i a_ip (x_p + h d_p) / h   the sum x + h d, T - 1 additions, the division by D; the difference of the outputs,
                                     the product with g, M - 1 additions over the M outputs:              T + M + 2
        g_i a_ip x_p / h             the same without the first:                                          T + M + 1
        g_i a_ip d_p                 the division by D, T - 1 additions of windows, the product with d, P - 1 additions
                                     over the P pixels:                                                   T + P

    The division by h, a power of two, is exact.  Hence, with |f| for f on absolute values,

        |left - right|  <=  gamma_{T+M+2} <|g|, |f|(|x + h d| + |x|)> / h  +  gamma_{T+P} <|g|, |f|(|d|)>

    and the magnitudes, computed in double precision themselves, may be too small by their own gamma_{T+M+2}.
    """
    x, g, double = case.arrays["input"], np.abs(grad_output.astype(np.float64)), np.dtype(np.float64)
    taps = math.prod(np.broadcast_to(np.ravel(case.arguments["kernel_size"]), 2).tolist())
    roundings = taps + g.size + 2

    def magnitude(pixels: Array) -> float:
        means = F.avg_pool2d(tensor(np.abs(pixels.astype(np.float64))), **case.arguments).numpy()
        return float((g * np.abs(means)).sum() * (1 + gamma(roundings, double)))

    of_outputs = gamma(roundings, case.dtype) * magnitude(np.abs(x + step * direction) + np.abs(x)) / step
    return float(of_outputs + gamma(taps + x.size, case.dtype) * magnitude(direction))
