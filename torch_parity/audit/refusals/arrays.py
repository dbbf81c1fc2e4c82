"""What is refused in the arrays and tuples of many formulas."""

from typing import Any

import numpy as np
import numpy.typing as npt

from torch_parity.audit.refusals.refusal import Arguments, Refusal

FLOATS = (np.float32, np.float64)


def _of_numbers(arguments: Arguments) -> dict[str, npt.NDArray[Any]]:
    """The arrays but for class indices and masks."""
    scores = arguments["input"]
    arrays = {name: value for name, value in arguments.items() if isinstance(value, np.ndarray) and name != "mask"}
    # Where a class can be ignored, integers are class indices, though there may be as many of them as scores.
    classes = "ignore_index" in arguments
    return {
        name: array
        for name, array in arrays.items()
        if name != "target" or (array.shape == scores.shape and not (classes and array.dtype.kind in "iu"))
    }


def _other_dtypes(arguments: Arguments) -> Arguments:
    dtype = arguments["input"].dtype if arguments["input"].dtype in FLOATS else np.float64
    arrays = _of_numbers(arguments)
    return {name: array.real.astype(dtype) for name, array in arrays.items() if array.dtype not in FLOATS}


def _mixed_dtypes(arguments: Arguments) -> Arguments:
    dtype = arguments["input"].dtype
    return {name: array.astype(dtype) for name, array in _of_numbers(arguments).items() if array.dtype != dtype}


def _true_in_a_tuple(arguments: Arguments) -> Arguments:
    def told(value: object) -> bool:
        return isinstance(value, tuple | list) and any(isinstance(entry, bool) for entry in value[1:])

    return {name: [int(entry) for entry in value] for name, value in arguments.items() if told(value)}


_ARRAYS = (
    "conv2d", "conv_transpose2d", "pad", "relu", "leaky_relu", "sigmoid", "tanh", "silu", "gelu", "max_pool2d",
    "avg_pool2d", "adaptive_avg_pool2d", "batch_norm", "layer_norm", "group_norm", "dropout", "dropout2d", "flatten",
    "linear", "softmax", "log_softmax", "cross_entropy", "nll_loss", "mse_loss", "binary_cross_entropy_with_logits",
)  # fmt: skip
_PIXELS = ("conv2d", "conv_transpose2d", "pad", "max_pool2d", "avg_pool2d", "adaptive_avg_pool2d")

REFUSALS = (
    Refusal(
        "dtypes other than float32 and float64",
        _ARRAYS,
        "pixels of type uint8 wrap around at 256; half precision and complex numbers are not what the formulas are for",
        _other_dtypes,
    ),
    Refusal(
        "mixed dtypes",
        (
            "conv2d",
            "conv_transpose2d",
            "batch_norm",
            "layer_norm",
            "group_norm",
            "linear",
            "cross_entropy",
            "nll_loss",
            "mse_loss",
            "binary_cross_entropy_with_logits",
        ),
        "torch converts the arguments of some formulas, of some only with some options, and says nothing: dtype in is "
        "dtype out here",
        _mixed_dtypes,
    ),
    Refusal(
        "True or False within a tuple",
        (*_PIXELS, "layer_norm"),
        "True is no number of pixels or features; torch refuses it too, but looks at the first entry only",
        _true_in_a_tuple,
    ),
)
