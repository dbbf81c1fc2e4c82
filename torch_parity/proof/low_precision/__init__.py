"""float16 and bfloat16: what must be equal, and how far rounding may take the rest, on the torch side alone.

The numbers of a case are rounded to the dtype first; the reference then computes in double precision, whose error is
nothing beside that of 16 bits.  So a bound here has one side: |torch - reference| <= bound.

A product of two such numbers is exact in float32, and backends add them up in float32 too, mostly.  Then

    bound  =  gamma_K(2^-24) sum |a||b|  +  u |result|  +  the spacing of subnormal numbers

with one rounding of the result to the dtype, u = 2^-11 (float16) or 2^-8 (bfloat16).  Integers whose sums float32 holds
exactly must even give the exact result, rounded once.  gamma_K of a 16-bit u stands nowhere in this: it would let
nearly everything pass.

Where a backend does add up in 16 bits, ``accumulators`` records it, with what it adds so: every such addition rounds.
"""

from collections.abc import Callable
from typing import Any

import numpy.typing as npt

from torch_parity.proof import bounds
from torch_parity.proof.backend import Backend
from torch_parity.proof.cases import Case
from torch_parity.proof.low_precision.accumulators import ACCUMULATORS, accumulator, onednn_knows
from torch_parity.proof.low_precision.adaptive_pooling import adaptive_avg_pool2d
from torch_parity.proof.low_precision.arithmetic import Arithmetic, Results
from torch_parity.proof.low_precision.batch_norm import batch_norm
from torch_parity.proof.low_precision.binary_cross_entropy_with_logits import binary_cross_entropy_with_logits
from torch_parity.proof.low_precision.clip_grad_norm import clip_grad_norm
from torch_parity.proof.low_precision.cross_entropy import cross_entropy
from torch_parity.proof.low_precision.dropout import dropout
from torch_parity.proof.low_precision.gelu import gelu
from torch_parity.proof.low_precision.leaky_relu import leaky_relu
from torch_parity.proof.low_precision.mse_loss import mse_loss
from torch_parity.proof.low_precision.nll_loss import nll_loss
from torch_parity.proof.low_precision.normalized import in_groups
from torch_parity.proof.low_precision.padding import pad
from torch_parity.proof.low_precision.pooling import avg_pool2d, max_pool2d
from torch_parity.proof.low_precision.products import products
from torch_parity.proof.low_precision.rounding import Rounded, round_to, rounded
from torch_parity.proof.low_precision.sigmoid import sigmoid
from torch_parity.proof.low_precision.silu import silu
from torch_parity.proof.low_precision.softmax import log_softmax, softmax
from torch_parity.proof.low_precision.steps import sgd, steps
from torch_parity.proof.low_precision.tanh import tanh
from torch_parity.proof.pairs import Pair

__all__ = [
    "ACCUMULATORS",
    "SIXTEEN_BIT_RULES",
    "Rounded",
    "accumulator",
    "expected",
    "onednn_knows",
    "round_to",
    "rounded",
]

Array = npt.NDArray[Any]


def expected(
    pair: Pair, case: Case, grad_output: Array, ours: dict[str, Array], backend: Backend
) -> tuple[dict[str, Array], dict[str, Array | None]]:
    """What each result is to be compared with, and its bound; None and no entry ask for the same bits."""
    arithmetic = Arithmetic(backend, pair)
    wanted = SIXTEEN_BIT_RULES[pair.name](arithmetic, case, grad_output, ours)
    return (
        {**ours, **{name: result for name, (result, _) in wanted.items()}},
        {name: bound for name, (_, bound) in wanted.items()},
    )


def exact(a: Arithmetic, case: Case, grad_output: Array, ours: dict[str, Array]) -> Results:
    """Nothing rounds."""
    return {}


SIXTEEN_BIT_RULES: dict[str, Callable[[Arithmetic, Case, Array, dict[str, Array]], Results]] = {
    "conv2d": products(bounds.conv2d_terms),
    "conv_transpose2d": products(bounds.conv_transpose2d_terms),
    "pad": pad,
    "relu": exact,
    "leaky_relu": leaky_relu,
    "sigmoid": sigmoid,
    "tanh": tanh,
    "silu": silu,
    "gelu": gelu,
    "max_pool2d": max_pool2d,
    "avg_pool2d": avg_pool2d,
    "adaptive_avg_pool2d": adaptive_avg_pool2d,
    "batch_norm": batch_norm,
    "layer_norm": in_groups(bounds.layer_norm_groups),
    "group_norm": in_groups(bounds.group_norm_groups),
    "dropout": dropout,
    "dropout2d": dropout,
    "flatten": exact,
    "linear": products(bounds.linear_terms),
    "softmax": softmax,
    "log_softmax": log_softmax,
    "cross_entropy": cross_entropy,
    "nll_loss": nll_loss,
    "mse_loss": mse_loss,
    "binary_cross_entropy_with_logits": binary_cross_entropy_with_logits,
    "sgd": sgd,
    "rmsprop": steps(bounds.rmsprop_error),
    "adam": steps(bounds.adam_error),
    "adamw": steps(bounds.adam_error),
    "clip_grad_norm": clip_grad_norm,
}
