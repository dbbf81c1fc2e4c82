"""Where windows stand, and for which cases the plain code is written."""
# The variables are the letters of the formulas.
# ruff: noqa: N803, N806

from collections.abc import Callable
from typing import Any

import numpy as np

Array = Any
Arrays = dict[str, Any]
Options = dict[str, Any]
Students = Callable[[Arrays, Options, Array], Array]
WrittenFor = Callable[[Arrays, Options], bool]


def two(value: Any) -> tuple[int, int]:
    return (value, value) if isinstance(value, int) else (value[0], value[-1])


def conv_setup(a: Arrays, o: Options) -> tuple[Array, Array, tuple[int, int], tuple[int, int], tuple[int, int]]:
    """The padded image, the kernels, stride, dilation and padding."""
    padding = two(o["padding"])
    x = np.pad(a["input"], ((0, 0), (0, 0), (padding[0],) * 2, (padding[1],) * 2))
    return x, a["weight"], two(o["stride"]), two(o["dilation"]), padding


def conv_outputs(x: Array, K: Array, stride: Any, dilation: Any) -> tuple[int, int]:
    rows, columns = (
        (n - d * (k - 1) - 1) // s + 1 for n, k, s, d in zip(x.shape[2:], K.shape[2:], stride, dilation, strict=True)
    )
    return rows, columns


def places(i: int, j: int, K: Array, stride: Any, dilation: Any) -> tuple[slice, slice]:
    """The rows and columns under the kernel."""
    top, left = i * stride[0], j * stride[1]
    return (
        slice(top, top + dilation[0] * (K.shape[2] - 1) + 1, dilation[0]),
        slice(left, left + dilation[1] * (K.shape[3] - 1) + 1, dilation[1]),
    )


def cropped(dx: Array, a: Arrays, padding: tuple[int, int]) -> Array:
    H, W = a["input"].shape[2:]
    return dx[:, :, padding[0] : padding[0] + H, padding[1] : padding[1] + W]


def pool_setup(a: Arrays, o: Options, fill: float) -> tuple[Array, tuple[int, int], Callable[[int, int], Any]]:
    """The padded image, the padding, and where the window of an output lies in it."""
    kernel = two(o["kernel_size"])
    stride = kernel if o["stride"] is None else two(o["stride"])
    padding, dilation = two(o["padding"]), two(o.get("dilation", 1))
    x = np.pad(a["input"], ((0, 0), (0, 0), (padding[0],) * 2, (padding[1],) * 2), constant_values=fill)
    return x, padding, lambda i, j: places(i, j, np.empty((1, 1, *kernel)), stride, dilation)


def batch(a: Arrays, o: Options) -> bool:
    return np.ndim(a["input"]) == 4 and 0 < a["input"].size < 200


def plain_conv(a: Arrays, o: Options) -> bool:
    return batch(a, o) and not isinstance(o["padding"], str) and "bias" in a


def one_group(a: Arrays, o: Options) -> bool:
    return plain_conv(a, o) and o["groups"] == 1


def stride_one(a: Arrays, o: Options) -> bool:
    return one_group(a, o) and two(o["stride"]) == (1, 1)


def whole_windows(a: Arrays, o: Options) -> bool:
    return batch(a, o) and o["ceil_mode"] is False
