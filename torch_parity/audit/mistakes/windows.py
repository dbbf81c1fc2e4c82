"""The windows that the wrong formulas slide over an image: where each stands, and what each of its taps sees."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]


@dataclass(frozen=True)
class Windows:
    """Windows over an image; all in pixels, (vertical, horizontal).  ``before`` is the padding above and to the left.

    Tap (m, k) of the window of output (i, j) sees pixel (i s + m d, j s + k d) of the padded image, the frame.
    """

    size: tuple[int, int]
    kernel: tuple[int, int]
    stride: tuple[int, int]
    before: tuple[int, int]
    dilation: tuple[int, int]
    outputs: tuple[int, int]

    def frame(self, image: Array, fill: float = 0.0) -> Array:
        """A copy of ``image`` (..., H, W) with ``fill`` around it, so large that every window lies inside."""
        margins = [(0, 0)] * (image.ndim - 2)
        for n, k, s, p, d, o in zip(
            self.size, self.kernel, self.stride, self.before, self.dilation, self.outputs, strict=True
        ):
            margins.append((p, max(0, (o - 1) * s + d * (k - 1) + 1 - p - n)))
        return np.pad(image, margins, constant_values=fill)

    def window(self, frame: Array, i: int, j: int) -> Array:
        """What the window of output (i, j) sees: a view (..., kH, kW)."""
        top, left = i * self.stride[0], j * self.stride[1]
        height, width = (d * (k - 1) + 1 for k, d in zip(self.kernel, self.dilation, strict=True))
        return frame[..., top : top + height : self.dilation[0], left : left + width : self.dilation[1]]

    def tap(self, frame: Array, m: int, k: int) -> Array:
        """What tap (m, k) sees in all windows: a view (..., oH, oW)."""
        top, left = m * self.dilation[0], k * self.dilation[1]
        height, width = (s * (o - 1) + 1 for s, o in zip(self.stride, self.outputs, strict=True))
        return frame[..., top : top + height : self.stride[0], left : left + width : self.stride[1]]

    def inside(self, frame: Array) -> Array:
        """The image without its frame: a view (..., H, W)."""
        (top, left), (height, width) = self.before, self.size
        return frame[..., top : top + height, left : left + width]


def both(value: Any) -> tuple[int, int]:
    """(vertical, horizontal) from any spelling of a pair."""
    spelled = (value,) if isinstance(value, int) else tuple(value)
    return spelled[0], spelled[-1]


def pooling_windows(image: Array, options: dict[str, Any], outputs: tuple[int, ...]) -> Windows:
    """The windows of pooling over ``image`` (..., H, W), for an output of the shape ``outputs`` (..., oH, oW)."""
    kernel, stride = options["kernel_size"], options["stride"]
    return Windows(
        size=both(image.shape[-2:]),
        kernel=both(kernel),
        stride=both(kernel if stride is None else stride),
        before=both(options["padding"]),
        dilation=both(options.get("dilation", 1)),
        outputs=both(outputs[-2:]),
    )


def convolution_windows(image: Array, weight: Array, options: dict[str, Any], outputs: tuple[int, ...]) -> Windows:
    """The windows of a convolution over ``image`` (..., H, W), for an output of the shape ``outputs`` (..., oH, oW)."""
    (top, _), (left, _) = margins(weight, options)
    return Windows(
        size=both(image.shape[-2:]),
        kernel=both(weight.shape[2:]),
        stride=both(options["stride"]),
        before=(top, left),
        dilation=both(options["dilation"]),
        outputs=both(outputs[-2:]),
    )


def convolution_outputs(image: Array, weight: Array, options: dict[str, Any]) -> tuple[int, int]:
    """(oH, oW), rightly."""
    framed = with_margins(image, *margins(weight, options))
    rows, columns = (
        (n - d * (k - 1) - 1) // s + 1
        for n, k, d, s in zip(
            framed.shape[-2:], weight.shape[2:], both(options["dilation"]), both(options["stride"]), strict=True
        )
    )
    return rows, columns


def margins(weight: Array, options: dict[str, Any]) -> tuple[tuple[int, int], tuple[int, int]]:
    """((top, bottom), (left, right)) that the padding argument of a convolution stands for."""
    padding, dilation = options["padding"], both(options["dilation"])
    if padding == "same":
        rows, columns = (d * (k - 1) for k, d in zip(weight.shape[2:], dilation, strict=True))
        return (rows // 2, rows - rows // 2), (columns // 2, columns - columns // 2)
    height, width = (0, 0) if padding == "valid" else both(padding)
    return (height, height), (width, width)


def with_margins(image: Array, rows: tuple[int, int], columns: tuple[int, int]) -> Array:
    """``image`` (..., H, W) with zeros around it: (before, after) of rows and of columns."""
    return np.pad(image, [(0, 0)] * (image.ndim - 2) + [rows, columns])
