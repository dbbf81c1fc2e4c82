"""The spine: every formula, its gradient, its torch twin, its cases and its bound, one row each.

Tests, tables and command lines all go through ``PAIRS``, so a formula in ``reference`` without its proof is a missing
row here. A row's functions take the arrays and the other arguments of a case by name; ``backward`` also gets the
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
from reference.optim import SGD, Parameter
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


def _sgd(parameter: Array, grads: Array, **options: Any) -> Array:
    """``parameter`` after one step for each of ``grads`` (steps, ...)."""
    k = Parameter(parameter.copy())
    optimizer = SGD([k], **options)
    for grad in grads:
        k.grad = grad
        optimizer.step()
    return k.data


def _torch_sgd(parameter: torch.Tensor, grads: torch.Tensor, **options: Any) -> torch.Tensor:
    k = torch.nn.Parameter(parameter.clone())
    optimizer = torch.optim.SGD([k], **options)
    for grad in grads:
        k.grad = grad.clone()
        optimizer.step()
    return k.detach()


def _max_pool2d(input: Array, **options: Any) -> tuple[Array, Array]:
    return reference.max_pool2d(input, **options, return_indices=True)


def _torch_max_pool2d(input: torch.Tensor, **options: Any) -> tuple[torch.Tensor, torch.Tensor]:
    output, indices = F.max_pool2d(input, **options, return_indices=True)
    return output, indices


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
        forward=_sgd,
        backward=lambda g, a, o, y: [],
        twin=_torch_sgd,
        gradients=(),
        kinds=("lattice", "real", "ties"),
        expected=lambda case, grad_output: {
            "output": np.zeros(()) if case.kind in ("lattice", "ties") else bounds.sgd(case)["output"]
        },
    ),
)


def pair_named(name: str) -> Pair:
    """The row of ``PAIRS`` called ``name``; ValueError if there is none."""
    for pair in PAIRS:
        if pair.name == name:
            return pair
    raise ValueError(f"name must be one of {', '.join(pair.name for pair in PAIRS)}, got {name!r}")
