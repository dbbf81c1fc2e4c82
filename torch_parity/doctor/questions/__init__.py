"""The questions for each formula: few, small, and such that different mistakes give different answers.

Sizes are unequal and vary from question to question (N is 2, 1, 3, ...), so that a factor N is not taken for a 2; some
kernels and weights are square, so that a swap of two sizes gives numbers and not only an error.  A question asks only
for what the signature has room for.
"""

import numpy as np

from torch_parity.doctor.question import Question
from torch_parity.doctor.questions import activations, dense, losses, norms, optimizers, windows
from torch_parity.doctor.questions.asking import Maker, numbers, output_shape
from torch_parity.doctor.questions.dropout import dropout
from torch_parity.doctor.subject import Takes

__all__ = ["MAKERS", "numbers", "output_shape", "questions"]

# Of max pooling, the first questions must tell its mistakes apart: ties, near ties, negative numbers.
MAXIMA = ("lattice", "ties", "near", "negative", "real", "lattice", "ties", "nonfinite")
MAKERS: dict[str, Maker] = {
    "conv2d": windows.convolutions,
    "conv_transpose2d": windows.transposed,
    "pad": windows.pad,
    "relu": activations.relu,
    **{name: activations.pointwise(name) for name in ("leaky_relu", "sigmoid", "tanh", "silu", "gelu")},
    "max_pool2d": windows.pools("max_pool2d", MAXIMA),
    "avg_pool2d": windows.pools("avg_pool2d", ("lattice", "lattice", "real", "lattice")),
    "adaptive_avg_pool2d": windows.adaptive,
    "batch_norm": norms.batch_norm,
    "layer_norm": norms.layer_norm,
    "group_norm": norms.group_norm,
    "dropout": dropout("dropout"),
    "dropout2d": dropout("dropout2d"),
    "flatten": dense.flatten,
    "linear": dense.linear,
    "softmax": dense.softmaxes("softmax"),
    "log_softmax": dense.softmaxes("log_softmax"),
    "cross_entropy": losses.cross_entropy,
    "nll_loss": losses.nll_loss,
    "mse_loss": losses.mse_loss,
    "binary_cross_entropy_with_logits": losses.binary_cross_entropy,
    "sgd": optimizers.sgd,
    "rmsprop": optimizers.rmsprop,
    "adam": optimizers.adam("adam"),
    "adamw": optimizers.adam("adamw"),
    "clip_grad_norm": optimizers.clip_grad_norm,
}


def questions(formula: str, backward: bool, takes: Takes, seed: int = 0) -> list[Question]:
    """The questions for ``formula`` (its gradient if ``backward``) that a signature has room for.

    ValueError for a formula that has none.
    """
    if formula not in MAKERS:
        raise ValueError(f"formula must be one of {', '.join(MAKERS)}, got {formula!r}")
    generator = np.random.default_rng([seed, *formula.encode()])
    return list(MAKERS[formula](takes, backward, generator))
