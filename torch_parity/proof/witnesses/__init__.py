"""Two witnesses that need no torch: the definition's loop nests, and the adjoint identity.

The definition computes every result anew, in double precision.  The adjoint identity ties a gradient to its formula
alone: with y = f(x) and upstream gradient g, the gradient must satisfy, for every direction d,

    d/dh <g, f(x + h d)>  at h = 0   =   <gradient, d>

The left side needs only f.  Where f is linear in x + h d, or linear in pieces and h too small to leave the piece, the
difference quotient is the derivative, and on the integer lattice nothing rounds: both sides are equal exactly.
"""

from collections.abc import Callable
from typing import Any

from torch_parity.proof.cases import Case
from torch_parity.proof.pairs import Pair
from torch_parity.proof.witnesses import (
    adam,
    adaptive_pooling,
    batch_norm,
    binary_cross_entropy_with_logits,
    clip_grad_norm,
    conv,
    conv_transpose,
    cross_entropy,
    dense,
    dropout,
    elementwise,
    flatten,
    group_norm,
    layer_norm,
    mse_loss,
    nll_loss,
    padding,
    pooling,
    relu,
    rmsprop,
    sgd,
    softmax,
)
from torch_parity.proof.witnesses.adjoint import adjoint_gap
from torch_parity.proof.witnesses.witness import Array, Results

__all__ = ["adjoint_gap", "definition_results"]

_WITNESSES = {
    "conv2d": conv.conv2d,
    "conv_transpose2d": conv_transpose.conv_transpose2d,
    "pad": padding.pad,
    "relu": relu.relu,
    "leaky_relu": elementwise.leaky_relu,
    "sigmoid": elementwise.sigmoid,
    "tanh": elementwise.tanh,
    "silu": elementwise.silu,
    "gelu": elementwise.gelu,
    "max_pool2d": pooling.max_pool2d,
    "avg_pool2d": pooling.avg_pool2d,
    "adaptive_avg_pool2d": adaptive_pooling.adaptive_avg_pool2d,
    "batch_norm": batch_norm.batch_norm,
    "layer_norm": layer_norm.layer_norm,
    "group_norm": group_norm.group_norm,
    "dropout": dropout.dropout,
    "dropout2d": dropout.dropout2d,
    "flatten": flatten.flatten,
    "linear": dense.linear,
    "softmax": softmax.softmax,
    "log_softmax": softmax.log_softmax,
    "cross_entropy": cross_entropy.cross_entropy,
    "nll_loss": nll_loss.nll_loss,
    "mse_loss": mse_loss.mse_loss,
    "binary_cross_entropy_with_logits": binary_cross_entropy_with_logits.binary_cross_entropy_with_logits,
    "sgd": sgd.sgd,
    "rmsprop": rmsprop.rmsprop,
    "adam": adam.adam,
    "adamw": adam.adamw,
    "clip_grad_norm": clip_grad_norm.clip_grad_norm,
}


def definition_results(pair: Pair, case: Case, grad_output: Array) -> Results | None:
    """The results of ``definition`` (float64); None for a case that it does not state, or that would take too long.

    Where the paper knows only batches of images, an unbatched image is a batch of one.
    """
    witness: Callable[[Results, dict[str, Any], Array], Results | None] = _WITNESSES[pair.name]
    return witness(case.arrays, case.arguments, grad_output)
