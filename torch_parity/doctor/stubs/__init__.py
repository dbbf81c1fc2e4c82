"""A file to complete: formulas and their gradients as functions without their bodies.

The formulas are those of the spine, and the reasons for the gradients those of ``reference/definition/``; written
here are only the heads, in the letters of the formulas, and hints.  The lesson's "write it yourself" shows these heads.
Unless others are asked for, the formulas are those of the lesson: what a plain network is made of.
"""

import inspect
import re
import textwrap
from collections.abc import Sequence
from pathlib import Path

from reference import definition
from torch_parity.doctor.stubs.further import FURTHER_STUBS
from torch_parity.doctor.stubs.stub import Stub
from torch_parity.proof.pairs import PAIRS, Pair

DOCSTRING = 100  # of a docstring's line

EVERY = "Every formula of a convolutional neural network"
CHOSEN = "Formulas of neural networks"
PICTURES = "  The lesson has a picture of each: make lesson."
PREFACE = '''\
"""{what}, to be written by you.

Write a function's body where it says NotImplementedError, and ask:

    python scripts/doctor.py {name}

It says which functions are right, and of a wrong one what went wrong.  Add --watch, and it asks by itself whenever you
save this file.  Begin anywhere; loops are fine, and so is everything that NumPy has.

Letters.  N images or samples, C channels or classes, H x W pixels, O output channels, I inputs of a dense layer; the
kernel K is kH x kW, the output oH x oW; x is the input, y the output, L the loss, and g = dL/dy the gradient that
arrives from above.  Strides and paddings are whole numbers.{more}
"""

import numpy as np
'''


STUBS = {
    "conv2d": Stub(
        "x, K, b, stride=1, padding=0",
        "x (N, C, H, W), K (O, C, kH, kW), b (O,) -> y (N, O, oH, oW)",
        "convolution",
        "Put the frame of zeros around x first. Then (H - kH) // stride + 1 kernels fit from top to bottom, and each y "
        "is the sum of kernel times the pixels under it, over all channels, plus b. The kernel is not turned.",
    ),
    "conv2d_backward": Stub(
        "g, x, K, stride=1, padding=0",
        "g (N, O, oH, oW), x (N, C, H, W), K (O, C, kH, kW) -> dL/dx, dL/dK, dL/db (O,)",
        "backpropagation",
    ),
    "pad": Stub(
        "x, pad",
        "x (N, C, H, W), pad (left, right, top, bottom) -> y (N, C, top + H + bottom, left + W + right)",
        "convolution",
        "The frame is 0: begin with zeros of the large size, and put x where it belongs.",
    ),
    "pad_backward": Stub(
        "g, input_shape, pad",
        "g in the large size, input_shape (N, C, H, W), pad (left, right, top, bottom) -> dL/dx (N, C, H, W)",
        "convolution",
        "Each place inside the frame is a copy of one pixel, with slope 1, and the pixel gets its g. The frame depends "
        "on no pixel, and its g goes nowhere.",
    ),
    "relu": Stub("x", "x (any shape) -> y, the same shape", "relu", "Leave the caller's x as it is: make a new array."),
    "relu_backward": Stub("g, x", "g (the upstream gradient) and x -> dL/dx, all of one shape", "relu"),
    "max_pool2d": Stub(
        "x, kernel_size, stride",
        "x (N, C, H, W) -> y (N, C, oH, oW)",
        "pooling",
        "Each plane of each image is for itself. The size is that of a convolution: what does not fill a window at the "
        "right or at the bottom is left out.",
    ),
    "max_pool2d_backward": Stub(
        "g, x, kernel_size, stride", "g (N, C, oH, oW) and x (N, C, H, W) -> dL/dx (N, C, H, W)", "pooling"
    ),
    "avg_pool2d": Stub(
        "x, kernel_size, stride",
        "x (N, C, H, W) -> y (N, C, oH, oW)",
        "pooling",
        "As max_pool2d, with the mean in place of the maximum.",
    ),
    "avg_pool2d_backward": Stub(
        "g, x, kernel_size, stride",
        "g (N, C, oH, oW) and x (N, C, H, W) -> dL/dx (N, C, H, W)",
        "pooling",
        "The mean of kH kW pixels has the slope 1/(kH kW) in each of them, and a pixel in several windows gets the "
        "sum. What the pixels are worth does not matter, only where the windows lie.",
    ),
    "flatten": Stub(
        "x",
        "x (N, C, H, W) -> y (N, C H W)",
        "dense",
        "Each image becomes one row, channel after channel, each channel row by row.",
    ),
    "flatten_backward": Stub("g, input_shape", "g (N, C H W), input_shape (N, C, H, W) -> dL/dx (N, C, H, W)", "dense"),
    "linear": Stub(
        "x, W, b",
        "x (N, I), W (O, I), b (O,) -> y (N, O)",
        "dense",
        "W has one row for each output.",
    ),
    "linear_backward": Stub("g, x, W", "g = dL/dy (N, O) -> dL/dx (N, I), dL/dW (O, I), dL/db (O,)", "dense"),
    "softmax": Stub(
        "x, dim=1",
        "scores x (N, C) -> probabilities (N, C): the f at the end",
        "whole",
        "exp overflows above 709. Take the largest score off first: that changes no probability. The sum runs along "
        "dim.",
    ),
    "softmax_backward": Stub("g, y, dim=1", "g and y, the output of softmax, (N, C) -> dL/dx (N, C)", "cross-entropy"),
    "log_softmax": Stub(
        "x, dim=1",
        "scores x (N, C) -> logarithms of the probabilities (N, C)",
        "cross-entropy",
        "Do not take the logarithm of softmax: a probability may be too small to write down, and its logarithm is not.",
    ),
    "log_softmax_backward": Stub(
        "g, y, dim=1", "g and y, the output of log_softmax, (N, C) -> dL/dx (N, C)", "cross-entropy"
    ),
    "cross_entropy": Stub(
        "x, t",
        "scores x (N, C), true classes t (N,) -> the mean loss",
        "cross-entropy",
        "All w are 1, and y is 1 at the true class and 0 elsewhere: of the sum one term is left. The mean is over N.",
    ),
    "cross_entropy_backward": Stub(
        "x, t",
        "scores x (N, C), true classes t (N,) -> dL/dx (N, C)",
        "cross-entropy",
        "By the chain rule through the logarithm and the softmax, nearly everything cancels: what is left is "
        "prediction minus truth. Which factor comes from the mean?",
    ),
    "sgd": Stub(
        "K, grad, lr=0.001",
        "K and dL/dK of one shape -> the new K",
        "descent",
        "The gradient points to where the loss rises. eta is lr, the length of the step.",
        name="sgd_step",
    ),
    **FURTHER_STUBS,
}


def write_stubs(path: Path, only: Sequence[str] = ()) -> None:
    """Write the file to complete, with the formulas called ``only``, or those of the lesson.

    ValueError where its name is not that of a Python file or no formula has such a name, FileExistsError where there is
    a file already: it stays.
    """
    text = stubs(path.name, only)
    if path.suffix != ".py":
        raise ValueError(f"a Python file's name ends in .py, got {path}")
    try:
        with open(path, "x", encoding="utf-8") as file:
            file.write(text)
    except FileExistsError as error:
        raise FileExistsError(f"{path} exists already, and stays as it is: choose another name") from error


def stubs(name: str, only: Sequence[str] = ()) -> str:
    """The text of the file called ``name``, with the formulas called ``only`` and their gradients.

    ValueError where no formula has such a name.
    """
    for wanted in only:
        if wanted not in STUBS or wanted.endswith("_backward"):
            raise ValueError(f"no formula is called {wanted!r}; there are {', '.join(pair.name for pair in PAIRS)}")
    chosen = [pair for pair in PAIRS if (pair.name in only if only else STUBS[pair.name].section)]
    pictured = all(STUBS[pair.name].section for pair in chosen)
    text = PREFACE.format(name=name, what=CHOSEN if only else EVERY, more=PICTURES if pictured else "")
    for pair in chosen:
        text += "\n\n" + _function(pair, pair.name)
        if pair.gradients:
            text += "\n\n" + _function(pair, pair.name + "_backward")
    return text


def heads(*names: str) -> str:
    """Functions without their bodies, in short, as the lesson shows them."""
    return "\n\n".join(f'{_head(name)}\n    """{STUBS[name].shapes}"""\n' for name in names)


def _head(name: str) -> str:
    return f"def {STUBS[name].name or name}({STUBS[name].arguments}):"


def _function(pair: Pair, name: str) -> str:
    stub = STUBS[name]
    formula = f"    {'The gradient of   ' if name != pair.name else ''}{pair.formula}"
    hint = textwrap.fill(stub.hint, DOCSTRING) if stub.hint else _reason(name)
    said = [stub.shapes, formula, hint] + [f"In the lesson: lesson.html#{stub.section}"] * bool(stub.section)
    text = textwrap.indent("\n\n".join(said), "    ").strip()
    return f'{_head(name)}\n    """{text}\n    """\n    raise NotImplementedError\n'


def _reason(name: str) -> str:
    """Why the gradient is what it is, of the definition's docstring: what stands after what the shapes are."""
    text = inspect.getdoc(getattr(definition, name)) or ""
    return re.split(r"\n\n(?=Source: |>>> )", text)[0].partition("\n\n")[2]
