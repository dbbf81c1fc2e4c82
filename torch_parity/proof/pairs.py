"""The spine: every formula, its gradient, its torch twin, its cases and its bound, one row each.

Tests, tables and command lines all go through ``PAIRS``, so a formula in ``reference`` without its proof is a missing
row here.  A row's functions take the arrays and the other arguments of a case by name; ``backward`` also gets the
upstream gradient and what ``forward`` returned, and gives one gradient for each name in ``gradients``.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
import torch.nn.functional as F

import reference
from reference.batch_norm import running_statistics
from reference.optim import SGD, Adam, AdamW, Optimizer, Parameter, RMSprop
from torch_parity.masks import Drawn
from torch_parity.proof import bounds, cases
from torch_parity.proof.cases import KINDS, Case, Maker

Array = npt.NDArray[Any]
Arrays = dict[str, Array]
Options = dict[str, Any]
# The results of a case whose bits must agree; for the others a bound, 0 where no sum rounds.
Expected = Callable[[Case, Array], dict[str, Array | None]]


@dataclass(frozen=True)
class Pair:
    """One formula on both sides.

    ``kinds`` are the kinds of numbers that can be compared.  ``expected`` gives, for a case and its upstream gradient,
    the bound of each result, None for bit-identity (results that it leaves out: bit-identity too).  ``layer`` builds
    the layer from ``reference.nn`` or ``torch.nn``, by the same line.  ``outputs`` names what ``forward`` and ``twin``
    return, where that is a tuple.  A formula is ``smooth`` that has powers, roots or quotients of its input: no
    difference quotient of it is exact.
    """

    name: str
    twin_name: str
    formula: str
    cases: Maker
    forward: Callable[..., Any]
    backward: Callable[[Array, Arrays, Options, Any], Iterable[Array | None]]
    twin: Callable[..., Any]
    gradients: tuple[str, ...] = ("input",)
    kinds: tuple[str, ...] = KINDS
    expected: Expected = lambda case, grad_output: {}
    layer: Callable[[Any, Arrays, Options], Any] | None = None
    outputs: tuple[str, ...] = ("output",)
    smooth: bool = False

    def differentiable(self, case: Case) -> tuple[str, ...]:
        """The arrays of ``case`` that get a gradient: those present, and of floating point (class indices are not)."""
        return tuple(n for n in self.gradients if n in case.arrays and case.arrays[n].dtype.kind == "f")


def _products(twin: Callable[..., Any], bound: Callable[..., bounds.Bounds], gradients: tuple[str, ...]) -> Expected:
    """Sums of products: exact on the lattice (but for the sign of a zero), within the rounding bound elsewhere."""

    def expected(case: Case, grad_output: Array) -> dict[str, Array | None]:
        names = tuple(name for name in gradients if name in case.arrays)
        if case.kind in ("lattice", "ties"):
            return dict.fromkeys(("output", *("grad_" + name for name in names)), np.zeros(()))
        return {**bound(case, bounds.magnitudes(twin, case, grad_output, names), grad_output)}

    return expected


def _pad_expected(case: Case, grad_output: Array) -> dict[str, Array | None]:
    """Padding copies, and so does its gradient unless pixels were repeated: then copies are summed."""
    if case.arguments["mode"] == "constant" or case.kind in ("lattice", "ties"):
        # torch differentiates circular padding as a chain of copies, whose sums of -0 are +0 or -0 as they come.
        return {"grad_input": np.zeros(())} if case.arguments["mode"] == "circular" else {}
    return {**bounds.pad(case, bounds.magnitudes(F.pad, case, grad_output, ("input",)), grad_output)}


def _steps(optimizer: type[Optimizer]) -> Callable[..., Array]:
    """``parameter`` after one step of ``optimizer`` for each of ``grads`` (steps, ...)."""

    def forward(parameter: Array, grads: Array, **options: Any) -> Array:
        k = Parameter(parameter.copy())
        steps = optimizer([k], **options)
        for grad in grads:
            k.grad = grad
            steps.step()
        return k.data

    return forward


def _torch_steps(optimizer: Callable[..., torch.optim.Optimizer]) -> Callable[..., torch.Tensor]:
    def twin(parameter: torch.Tensor, grads: torch.Tensor, **options: Any) -> torch.Tensor:
        k = torch.nn.Parameter(parameter.clone())
        steps = optimizer([k], **options, foreach=False)
        for grad in grads:
            k.grad = grad.clone()
            steps.step()
        return k.detach()

    return twin


def _clip_grad_norm(first: Array, second: Array, **options: Any) -> tuple[Array, Array, Array]:
    """Both gradients, clipped together, and their norm before."""
    clipped = [np.array(grad) for grad in (first, second)]
    parameters = [Parameter(np.zeros_like(grad)) for grad in clipped]
    for parameter, grad in zip(parameters, clipped, strict=True):
        parameter.grad = grad
    norm = reference.nn.utils.clip_grad_norm_(parameters, **options)
    return clipped[0], clipped[1], np.asarray(norm)


def _torch_clip_grad_norm(
    first: torch.Tensor, second: torch.Tensor, **options: Any
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    clipped = [grad.clone() for grad in (first, second)]
    parameters = [torch.nn.Parameter(torch.zeros_like(grad)) for grad in clipped]
    for parameter, grad in zip(parameters, clipped, strict=True):
        parameter.grad = grad
    norm = torch.nn.utils.clip_grad_norm_(parameters, **options, foreach=False)
    return clipped[0], clipped[1], norm


def _max_pool2d(input: Array, **options: Any) -> tuple[Array, Array]:
    return reference.max_pool2d(input, **options, return_indices=True)


def _torch_max_pool2d(input: torch.Tensor, **options: Any) -> tuple[torch.Tensor, torch.Tensor]:
    output, indices = F.max_pool2d(input, **options, return_indices=True)
    return output, indices


def _batch_norm(
    input: Array, running_mean: Array | None = None, running_var: Array | None = None, **given: Any
) -> tuple[Array, Array, Array]:
    """The output and the new running statistics, which are empty where there are none."""
    output = reference.batch_norm(input, running_mean, running_var, **given)
    if running_mean is None or running_var is None:
        return output, np.zeros(0, input.dtype), np.zeros(0, input.dtype)
    if given["training"]:
        return output, *running_statistics(input, running_mean, running_var, given["momentum"])
    return output, running_mean, running_var


def _torch_batch_norm(
    input: torch.Tensor, running_mean: torch.Tensor | None = None, running_var: torch.Tensor | None = None, **given: Any
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    mean, var = (None if one is None else one.clone() for one in (running_mean, running_var))
    output = F.batch_norm(input, mean, var, **given)
    if mean is None or var is None:
        return output, input.new_zeros(0), input.new_zeros(0)
    return output, mean, var


def _batch_norm_gradients(g: Array, a: Arrays, o: Options, y: Any) -> Iterable[Array | None]:
    options = {"training": o["training"], "eps": o["eps"]}
    arrays = (a["input"], a.get("running_mean"), a.get("running_var"), a.get("weight"))
    return reference.batch_norm_backward(g, *arrays, **options)


def _batch_norm_layer(nn: Any, a: Arrays, o: Options) -> Any:
    """The layer of these arguments; none has a bias without a weight."""
    x, affine, tracked = a["input"], "weight" in a, "running_mean" in a
    if "bias" in a and not affine:
        return None
    layer = nn.BatchNorm2d if x.ndim == 4 else nn.BatchNorm1d
    return layer(x.shape[1], o["eps"], o["momentum"], affine, tracked, bias="bias" in a).train(o["training"])


def _dropped(
    function: Callable[..., torch.Tensor],
    input: torch.Tensor,
    mask: torch.Tensor | None,
    shape: torch.Size,
    **options: Any,
) -> torch.Tensor:
    """A dropout of torch's, with the mask of ``shape`` that it would else draw, or without one."""
    if mask is not None and mask.shape != shape:
        raise ValueError(f"mask must have shape {tuple(shape)}, got {tuple(mask.shape)}")
    if input.device.type != "cpu":  # where only dropout in place draws and multiplies one after the other
        input, options = input.clone(), {**options, "inplace": True}
    if mask is None:
        return function(input, **options)
    with Drawn(mask):
        return function(input, **options)


# Compiled, dropout draws in ways of its own, and nothing could be handed to it.
@torch.compiler.disable  # type: ignore[untyped-decorator]
def _torch_dropout(input: torch.Tensor, mask: torch.Tensor | None = None, **options: Any) -> torch.Tensor:
    dropped: torch.Tensor = _dropped(F.dropout, input, mask, input.shape, **options)
    return dropped


@torch.compiler.disable  # type: ignore[untyped-decorator]
def _torch_dropout2d(input: torch.Tensor, mask: torch.Tensor | None = None, **options: Any) -> torch.Tensor:
    dropped: torch.Tensor = _dropped(F.dropout2d, input, mask, input.shape[:2], **options)
    return dropped


def _draws_nothing(options: Options) -> bool:
    """Whether a layer with these options does the same without a mask to be handed."""
    return not options["training"] or options["p"] in (0, 1)


def _torch_nll_loss(input: torch.Tensor, target: torch.Tensor, **options: Any) -> torch.Tensor:
    """Of images with the channels last in memory torch's gradient is an error, though the loss is not."""
    return F.nll_loss(input.contiguous(), target, **options)


_PADS = {
    "constant": lambda nn, o: nn.ConstantPad2d(o["pad"], o["value"] or 0.0),
    "reflect": lambda nn, o: nn.ReflectionPad2d(o["pad"]),
    "replicate": lambda nn, o: nn.ReplicationPad2d(o["pad"]),
    "circular": lambda nn, o: nn.CircularPad2d(o["pad"]),
}

PAIRS = (
    Pair(
        name="conv2d",
        twin_name="torch.nn.Conv2d",
        formula="y[o,i,j] = b[o] + sum_{c,m,k} K[o,c,m,k] x[c,i+m,j+k]",
        cases=cases.conv2d,
        forward=reference.conv2d,
        backward=lambda g, a, o, y: reference.conv2d_backward(g, a["input"], a["weight"], **o),
        twin=F.conv2d,
        gradients=("input", "weight", "bias"),
        expected=_products(F.conv2d, bounds.conv2d, ("input", "weight", "bias")),
        layer=lambda nn, a, o: nn.Conv2d(
            a["input"].shape[-3],
            len(a["weight"]),
            a["weight"].shape[2:],
            o["stride"],
            o["padding"],
            o["dilation"],
            o["groups"],
            "bias" in a,
        ),
    ),
    Pair(
        name="conv_transpose2d",
        twin_name="torch.nn.ConvTranspose2d",
        formula="y[o,i s+m,j s+k] = b[o] + sum K[c,o,m,k] x[c,i,j]",
        cases=cases.conv_transpose2d,
        forward=reference.conv_transpose2d,
        backward=lambda g, a, o, y: reference.conv_transpose2d_backward(g, a["input"], a["weight"], **o),
        twin=F.conv_transpose2d,
        gradients=("input", "weight", "bias"),
        expected=_products(F.conv_transpose2d, bounds.conv_transpose2d, ("input", "weight", "bias")),
        layer=lambda nn, a, o: nn.ConvTranspose2d(
            len(a["weight"]),
            a["weight"].shape[1] * o["groups"],
            a["weight"].shape[2:],
            o["stride"],
            o["padding"],
            o["output_padding"],
            o["groups"],
            "bias" in a,
            o["dilation"],
        ),
    ),
    Pair(
        name="pad",
        twin_name="torch.nn.functional.pad",
        formula="y[j] = x[t], t = j - before, clipped, mirrored or wrapped",
        cases=cases.pad,
        forward=reference.pad,
        backward=lambda g, a, o, y: [reference.pad_backward(g, a["input"].shape, o["pad"], o["mode"])],
        twin=F.pad,
        expected=_pad_expected,
        layer=lambda nn, a, o: _PADS[o["mode"]](nn, o) if len(o["pad"]) == 4 and a["input"].ndim in (3, 4) else None,
    ),
    Pair(
        name="relu",
        twin_name="torch.nn.ReLU",
        formula="y = max(0, x)",
        cases=cases.relu,
        forward=reference.relu,
        backward=lambda g, a, o, y: [reference.relu_backward(g, a["input"])],
        twin=F.relu,
        layer=lambda nn, a, o: nn.ReLU(),
    ),
    Pair(
        name="leaky_relu",
        twin_name="torch.nn.LeakyReLU",
        formula="y = x where x > 0, else a x",
        cases=cases.leaky_relu,
        forward=reference.leaky_relu,
        backward=lambda g, a, o, y: [reference.leaky_relu_backward(g, a["input"], **o)],
        twin=F.leaky_relu,
        layer=lambda nn, a, o: nn.LeakyReLU(**o),
    ),
    Pair(
        name="sigmoid",
        twin_name="torch.nn.Sigmoid",
        formula="y = 1 / (1 + exp(-x))",
        cases=cases.sigmoid,
        forward=reference.sigmoid,
        backward=lambda g, a, o, y: [reference.sigmoid_backward(g, y)],
        twin=torch.sigmoid,
        kinds=("lattice", "real", "extremes"),
        expected=lambda case, grad_output: {**bounds.sigmoid(case, grad_output)},
        layer=lambda nn, a, o: nn.Sigmoid(),
        smooth=True,
    ),
    Pair(
        name="tanh",
        twin_name="torch.nn.Tanh",
        formula="y = (exp(x) - exp(-x)) / (exp(x) + exp(-x))",
        cases=cases.sigmoid,
        forward=reference.tanh,
        backward=lambda g, a, o, y: [reference.tanh_backward(g, y)],
        twin=torch.tanh,
        kinds=("lattice", "real", "extremes"),
        expected=lambda case, grad_output: {**bounds.tanh(case, grad_output)},
        layer=lambda nn, a, o: nn.Tanh(),
        smooth=True,
    ),
    Pair(
        name="silu",
        twin_name="torch.nn.SiLU",
        formula="y = x / (1 + exp(-x))",
        cases=cases.sigmoid,
        forward=reference.silu,
        backward=lambda g, a, o, y: [reference.silu_backward(g, a["input"])],
        twin=F.silu,
        kinds=("lattice", "real", "extremes"),
        expected=lambda case, grad_output: {**bounds.silu(case, grad_output)},
        layer=lambda nn, a, o: nn.SiLU(),
        smooth=True,
    ),
    Pair(
        name="gelu",
        twin_name="torch.nn.GELU",
        formula="y = x Phi(x) = x (1 + erf(x / sqrt 2)) / 2",
        cases=cases.gelu,
        forward=reference.gelu,
        backward=lambda g, a, o, y: [reference.gelu_backward(g, a["input"], **o)],
        twin=F.gelu,
        kinds=("lattice", "real", "extremes"),
        expected=lambda case, grad_output: {**bounds.gelu(case, grad_output)},
        layer=lambda nn, a, o: nn.GELU(**o),
        smooth=True,
    ),
    Pair(
        name="max_pool2d",
        twin_name="torch.nn.MaxPool2d",
        formula="y[i,j] = max_{m,k} x[i s+m, j s+k]",
        cases=cases.max_pool2d,
        forward=_max_pool2d,
        backward=lambda g, a, o, y: [reference.max_pool2d_backward(g, y[1], a["input"].shape)],
        twin=_torch_max_pool2d,
        layer=lambda nn, a, o: nn.MaxPool2d(**o),
        outputs=("output", "indices"),
    ),
    Pair(
        name="avg_pool2d",
        twin_name="torch.nn.AvgPool2d",
        formula="y[i,j] = 1/(kH kW) sum_{m,k} x[i s+m, j s+k]",
        cases=cases.avg_pool2d,
        forward=reference.avg_pool2d,
        backward=lambda g, a, o, y: [reference.avg_pool2d_backward(g, a["input"].shape, **o)],
        twin=F.avg_pool2d,
        layer=lambda nn, a, o: nn.AvgPool2d(**o),
    ),
    Pair(
        name="adaptive_avg_pool2d",
        twin_name="torch.nn.AdaptiveAvgPool2d",
        formula="y[i,j] = mean of x[m,k], m from floor(i H/oH) to ceil((i+1) H/oH)",
        cases=cases.adaptive_avg_pool2d,
        forward=reference.adaptive_avg_pool2d,
        backward=lambda g, a, o, y: [reference.adaptive_avg_pool2d_backward(g, a["input"].shape)],
        twin=F.adaptive_avg_pool2d,
        expected=lambda case, grad_output: {**bounds.adaptive_mean(case, grad_output)},
        layer=lambda nn, a, o: nn.AdaptiveAvgPool2d(**o),
    ),
    Pair(
        name="batch_norm",
        twin_name="torch.nn.BatchNorm2d",
        formula="y = w (x - mu) / sqrt(v + eps) + b",
        cases=cases.batch_norm,
        forward=_batch_norm,
        backward=_batch_norm_gradients,
        twin=_torch_batch_norm,
        gradients=("input", "weight", "bias"),
        kinds=("lattice", "real", "extremes"),
        expected=lambda case, grad_output: {**bounds.batch_norm(case, grad_output)},
        layer=_batch_norm_layer,
        outputs=("output", "running_mean", "running_var"),
        smooth=True,
    ),
    Pair(
        name="layer_norm",
        twin_name="torch.nn.LayerNorm",
        formula="y = w (x - mu) / sqrt(v + eps) + b, over features",
        cases=cases.layer_norm,
        forward=reference.layer_norm,
        backward=lambda g, a, o, y: reference.layer_norm_backward(
            g, a["input"], o["normalized_shape"], a.get("weight"), eps=o["eps"]
        ),
        twin=F.layer_norm,
        gradients=("input", "weight", "bias"),
        kinds=("lattice", "real", "extremes"),
        expected=lambda case, grad_output: {**bounds.layer_norm(case, grad_output)},
        # A layer with a bias has a weight.
        layer=lambda nn, a, o: (
            nn.LayerNorm(o["normalized_shape"], o["eps"], "weight" in a, "bias" in a)
            if "weight" in a or "bias" not in a
            else None
        ),
        smooth=True,
    ),
    Pair(
        name="group_norm",
        twin_name="torch.nn.GroupNorm",
        formula="y = w (x - mu) / sqrt(v + eps) + b, over groups of channels",
        cases=cases.group_norm,
        forward=reference.group_norm,
        backward=lambda g, a, o, y: reference.group_norm_backward(
            g, a["input"], o["num_groups"], a.get("weight"), eps=o["eps"]
        ),
        twin=F.group_norm,
        gradients=("input", "weight", "bias"),
        kinds=("lattice", "real", "extremes"),
        expected=lambda case, grad_output: {**bounds.group_norm(case, grad_output)},
        layer=lambda nn, a, o: (
            nn.GroupNorm(o["num_groups"], a["input"].shape[1], o["eps"], "weight" in a, bias="bias" in a)
            if "weight" in a or "bias" not in a
            else None
        ),
        smooth=True,
    ),
    Pair(
        name="dropout",
        twin_name="torch.nn.Dropout",
        formula="y = x m / (1 - p)",
        cases=cases.dropout,
        forward=reference.dropout,
        backward=lambda g, a, o, y: [reference.dropout_backward(g, a["mask"], **o)],
        twin=_torch_dropout,
        layer=lambda nn, a, o: nn.Dropout(o["p"]).train(o["training"]) if _draws_nothing(o) else None,
    ),
    Pair(
        name="dropout2d",
        twin_name="torch.nn.Dropout2d",
        formula="y[n,c] = x[n,c] m[n,c] / (1 - p)",
        cases=cases.dropout2d,
        forward=reference.dropout2d,
        backward=lambda g, a, o, y: [reference.dropout2d_backward(g, a["mask"], **o)],
        twin=_torch_dropout2d,
        layer=lambda nn, a, o: nn.Dropout2d(o["p"]).train(o["training"]) if _draws_nothing(o) else None,
    ),
    Pair(
        name="flatten",
        twin_name="torch.nn.Flatten",
        formula="y[(c H + h) W + w] = x[c,h,w]",
        cases=cases.flatten,
        forward=reference.flatten,
        backward=lambda g, a, o, y: [reference.flatten_backward(g, a["input"].shape)],
        twin=torch.flatten,
        layer=lambda nn, a, o: nn.Flatten(**o),
    ),
    Pair(
        name="linear",
        twin_name="torch.nn.Linear",
        formula="y = x W^T + b",
        cases=cases.linear,
        forward=reference.linear,
        backward=lambda g, a, o, y: reference.linear_backward(g, a["input"], a["weight"]),
        twin=F.linear,
        gradients=("input", "weight", "bias"),
        expected=_products(F.linear, bounds.linear, ("input", "weight", "bias")),
        layer=lambda nn, a, o: (
            nn.Linear(a["weight"].shape[1], len(a["weight"]), "bias" in a) if a["weight"].ndim == 2 else None
        ),
    ),
    Pair(
        name="softmax",
        twin_name="torch.nn.Softmax",
        formula="y_i = exp(x_i) / sum_c exp(x_c)",
        cases=cases.softmax,
        forward=reference.softmax,
        backward=lambda g, a, o, y: [reference.softmax_backward(g, y, **o)],
        twin=F.softmax,
        kinds=("lattice", "real", "extremes"),
        expected=lambda case, grad_output: {**bounds.softmax(case, grad_output)},
        layer=lambda nn, a, o: nn.Softmax(**o),
        smooth=True,
    ),
    Pair(
        name="log_softmax",
        twin_name="torch.nn.LogSoftmax",
        formula="y_i = x_i - log sum_c exp(x_c)",
        cases=cases.softmax,
        forward=reference.log_softmax,
        backward=lambda g, a, o, y: [reference.log_softmax_backward(g, y, **o)],
        twin=F.log_softmax,
        kinds=("lattice", "real", "extremes"),
        expected=lambda case, grad_output: {**bounds.log_softmax(case, grad_output)},
        layer=lambda nn, a, o: nn.LogSoftmax(**o),
        smooth=True,
    ),
    Pair(
        name="cross_entropy",
        twin_name="torch.nn.CrossEntropyLoss",
        formula="L = - sum_c w_c y_c log softmax(x)_c",
        cases=cases.cross_entropy,
        forward=reference.cross_entropy,
        backward=lambda g, a, o, y: reference.cross_entropy_backward(g, a["input"], a["target"], a.get("weight"), **o),
        twin=F.cross_entropy,
        gradients=("input", "target"),
        kinds=("lattice", "real", "extremes"),
        expected=lambda case, grad_output: {**bounds.cross_entropy(case, grad_output)},
        smooth=True,
    ),
    Pair(
        name="nll_loss",
        twin_name="torch.nn.NLLLoss",
        formula="L = - w_t x_t",
        cases=cases.nll_loss,
        forward=reference.nll_loss,
        backward=lambda g, a, o, y: [reference.nll_loss_backward(g, a["input"], a["target"], a.get("weight"), **o)],
        twin=_torch_nll_loss,
        expected=lambda case, grad_output: {**bounds.nll_loss(case, grad_output)},
        smooth=True,
    ),
    Pair(
        name="mse_loss",
        twin_name="torch.nn.MSELoss",
        formula="L = 1/N sum_i (x_i - t_i)^2",
        cases=cases.mse_loss,
        forward=reference.mse_loss,
        backward=lambda g, a, o, y: reference.mse_loss_backward(
            g, a["input"], a["target"], weight=a.get("weight"), **o
        ),
        twin=F.mse_loss,
        gradients=("input", "target"),
        expected=lambda case, grad_output: {**bounds.mse_loss(case, grad_output)},
        smooth=True,
    ),
    Pair(
        name="binary_cross_entropy_with_logits",
        twin_name="torch.nn.BCEWithLogitsLoss",
        formula="L = - p t log sigma(x) - (1 - t) log(1 - sigma(x))",
        cases=cases.binary_cross_entropy_with_logits,
        forward=reference.binary_cross_entropy_with_logits,
        backward=lambda g, a, o, y: reference.binary_cross_entropy_with_logits_backward(
            g, a["input"], a["target"], a.get("weight"), pos_weight=a.get("pos_weight"), **o
        ),
        twin=F.binary_cross_entropy_with_logits,
        gradients=("input", "target"),
        kinds=("lattice", "real", "extremes"),
        expected=lambda case, grad_output: {**bounds.binary_cross_entropy_with_logits(case, grad_output)},
        smooth=True,
    ),
    Pair(
        name="sgd",
        twin_name="torch.optim.SGD",
        formula="K_new = K_old - eta dL/dK",
        cases=cases.sgd,
        forward=_steps(SGD),
        backward=lambda g, a, o, y: [],
        twin=_torch_steps(torch.optim.SGD),
        gradients=(),
        kinds=("lattice", "real", "ties"),
        expected=lambda case, grad_output: {
            "output": np.zeros(()) if case.kind in ("lattice", "ties") else bounds.sgd(case)["output"]
        },
    ),
    Pair(
        name="rmsprop",
        twin_name="torch.optim.RMSprop",
        formula="K_new = K_old - eta g / sqrt(v)",
        cases=cases.rmsprop,
        forward=_steps(RMSprop),
        backward=lambda g, a, o, y: [],
        twin=_torch_steps(torch.optim.RMSprop),
        gradients=(),
        kinds=("lattice", "real", "ties"),
        expected=lambda case, grad_output: {**bounds.rmsprop(case)},
        smooth=True,
    ),
    Pair(
        name="adam",
        twin_name="torch.optim.Adam",
        formula="K_new = K_old - eta mhat / sqrt(vhat)",
        cases=cases.adam,
        forward=_steps(Adam),
        backward=lambda g, a, o, y: [],
        twin=_torch_steps(torch.optim.Adam),
        gradients=(),
        kinds=("lattice", "real", "ties"),
        expected=lambda case, grad_output: {**bounds.adam(case)},
        smooth=True,
    ),
    Pair(
        name="adamw",
        twin_name="torch.optim.AdamW",
        formula="K_new = (1 - eta lambda) K_old - eta mhat / sqrt(vhat)",
        cases=cases.adamw,
        forward=_steps(AdamW),
        backward=lambda g, a, o, y: [],
        twin=_torch_steps(torch.optim.AdamW),
        gradients=(),
        kinds=("lattice", "real", "ties"),
        expected=lambda case, grad_output: {**bounds.adam(case)},
        smooth=True,
    ),
    Pair(
        name="clip_grad_norm",
        twin_name="torch.nn.utils.clip_grad_norm_",
        formula="g_new = g min(1, max_norm / norm(g))",
        cases=cases.clip_grad_norm,
        forward=_clip_grad_norm,
        backward=lambda g, a, o, y: [],
        twin=_torch_clip_grad_norm,
        gradients=(),
        kinds=("lattice", "real", "ties"),
        expected=lambda case, grad_output: {**bounds.clip_grad_norm(case)},
        outputs=("output", "other", "norm"),
        smooth=True,
    ),
)


def pair_named(name: str) -> Pair:
    """The row of ``PAIRS`` called ``name``; ValueError if there is none."""
    for pair in PAIRS:
        if pair.name == name:
            return pair
    raise ValueError(f"name must be one of {', '.join(pair.name for pair in PAIRS)}, got {name!r}")
