"""The dense layer, done wrongly."""

import numpy as np

from torch_parity.audit.mistakes.mistake import Mistake, arguments, averaged, gradients, result

READ_FORWARD = ("reference/dense.py: linear", "reference/definition.py: linear")
READ_BACKWARD = ("reference/dense.py: linear_backward", "reference/definition.py: linear_backward")


MISTAKES = (
    Mistake(
        "weights-as-in-out", "linear",
        "The weights are stored (out, in) and read as (in, out).",
        "Right for a single output; else all connections are shuffled.",
        "x @ W.T with W of shape (out, in).",
        READ_FORWARD,
        forward=arguments(lambda a: {"weight": a["weight"].reshape(a["weight"].shape[::-1]).T}),
    ),
    Mistake(
        "dense-bias-gradient-averaged", "linear",
        "The bias gradient is the mean over the batch instead of the sum.",
        "Right for a batch of one.",
        "db = g.sum(axis=0).",
        READ_BACKWARD,
        backward=gradients(bias=averaged),
    ),
    Mistake(
        "silent-float64", "linear",
        "A constant of double precision turns everything into float64.",
        "Right numbers, twice the memory and half the speed; nothing says so.",
        "Make weights and constants with dtype=np.float32, or of Python's floats, which take the array's dtype.",
        READ_FORWARD,
        forward=result(lambda y, a: y.astype(np.float64)),
    ),
)  # fmt: skip
