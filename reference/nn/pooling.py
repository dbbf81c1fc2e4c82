"""Max and average pooling as layers."""

import numpy as np

from reference.adaptive_pooling import OutputSize, adaptive_avg_pool2d, adaptive_avg_pool2d_backward
from reference.arguments import Array, IntArray, IntOrPair, boolean, check_floats, check_shape
from reference.module import Module
from reference.pooling import Maxima, avg_pool2d, avg_pool2d_backward, find_maxima


class MaxPool2d(Module):
    """Max pooling; see ``reference.max_pool2d``.

    >>> import numpy as np
    >>> from reference import nn
    >>> layer = nn.MaxPool2d(2)
    >>> print(layer(np.array([[[1.0, 3, 2, 1], [4, 6, 5, 0]]])), layer.indices)
    [[[6. 5.]]] [[[5 6]]]
    >>> print(layer.backward(np.array([[[10.0, 20.0]]])))
    [[[ 0.  0.  0.  0.]
      [ 0. 10. 20.  0.]]]
    """

    def __init__(
        self,
        kernel_size: IntOrPair,
        stride: IntOrPair | None = None,
        padding: IntOrPair = 0,
        dilation: IntOrPair = 1,
        return_indices: bool = False,
        ceil_mode: bool = False,
    ) -> None:
        """The arguments of ``reference.max_pool2d``; the indices are kept in ``indices`` rather than returned."""
        if boolean("return_indices", return_indices):
            raise ValueError("return_indices must be False: a layer gives one array on; read its attribute indices")
        self.kernel_size, self.padding = kernel_size, padding
        self.stride = kernel_size if stride is None else stride
        self.dilation, self.ceil_mode = dilation, ceil_mode

    def forward(self, input: Array) -> Array:
        """``input`` (N, C, H, W) or (C, H, W) -> (N, C, oH, oW) or (C, oH, oW)."""
        output, self.maxima = find_maxima(
            input, self.kernel_size, self.stride, self.padding, self.dilation, self.ceil_mode
        )
        return output

    @property
    def indices(self) -> IntArray:
        """Where the maxima of the last ``forward`` stood, as ``reference.max_pool2d`` counts."""
        maxima: Maxima = self._remembered("maxima")
        return maxima.indices()

    def backward(self, grad_output: Array, needs_input_grad: bool = True) -> Array | None:
        """See ``reference.max_pool2d_backward``."""
        maxima: Maxima = self._remembered("maxima")
        return maxima.gradient(grad_output) if needs_input_grad else None

    def extra_repr(self) -> str:
        """The arguments."""
        return (
            f"kernel_size={self.kernel_size}, stride={self.stride}, padding={self.padding}, dilation={self.dilation}, "
            f"ceil_mode={self.ceil_mode}"
        )


class AvgPool2d(Module):
    """Average pooling; see ``reference.avg_pool2d``.

    >>> import numpy as np
    >>> from reference import nn
    >>> layer = nn.AvgPool2d(2)
    >>> print(layer(np.array([[[1.0, 3, 2, 0], [4, 6, 5, 1]]])))
    [[[3.5 2. ]]]
    >>> print(layer.backward(np.array([[[4.0, 8.0]]])))
    [[[1. 1. 2. 2.]
      [1. 1. 2. 2.]]]
    """

    def __init__(
        self,
        kernel_size: IntOrPair,
        stride: IntOrPair | None = None,
        padding: IntOrPair = 0,
        ceil_mode: bool = False,
        count_include_pad: bool = True,
        divisor_override: int | None = None,
    ) -> None:
        """The arguments of ``reference.avg_pool2d``."""
        self.kernel_size, self.padding = kernel_size, padding
        self.stride = kernel_size if stride is None else stride
        self.ceil_mode, self.count_include_pad, self.divisor_override = ceil_mode, count_include_pad, divisor_override

    def forward(self, input: Array) -> Array:
        """``input`` (N, C, H, W) or (C, H, W) -> (N, C, oH, oW) or (C, oH, oW)."""
        output = avg_pool2d(
            input, self.kernel_size, self.stride, self.padding, self.ceil_mode, self.count_include_pad,
            self.divisor_override,
        )  # fmt: skip
        self.input_shape = input.shape
        return output

    def backward(self, grad_output: Array, needs_input_grad: bool = True) -> Array | None:
        """See ``reference.avg_pool2d_backward``."""
        input_shape = self._remembered("input_shape")
        if not needs_input_grad:
            return None
        return avg_pool2d_backward(
            grad_output, input_shape, self.kernel_size, self.stride, self.padding, self.ceil_mode,
            self.count_include_pad, self.divisor_override,
        )  # fmt: skip

    def extra_repr(self) -> str:
        """The arguments that torch writes."""
        return f"kernel_size={self.kernel_size}, stride={self.stride}, padding={self.padding}"


class AdaptiveAvgPool2d(Module):
    """Average pooling to a given size; see ``reference.adaptive_avg_pool2d``.

    >>> import numpy as np
    >>> from reference import nn
    >>> layer = nn.AdaptiveAvgPool2d(1)  # the mean of each channel, whatever the size of the image
    >>> print(layer(np.array([[[1.0, 3], [4, 6]]])), layer.backward(np.array([[[8.0]]])))
    [[[3.5]]] [[[2. 2.]
      [2. 2.]]]
    """

    def __init__(self, output_size: OutputSize) -> None:
        """The argument of ``reference.adaptive_avg_pool2d``."""
        self.output_size = output_size

    def forward(self, input: Array) -> Array:
        """``input`` (N, C, H, W) or (C, H, W) -> (N, C, oH, oW) or (C, oH, oW)."""
        output = adaptive_avg_pool2d(input, self.output_size)
        self.input_shape, self.output_shape = input.shape, output.shape
        self.input_like = np.zeros((), input.dtype)
        return output

    def backward(self, grad_output: Array, needs_input_grad: bool = True) -> Array | None:
        """See ``reference.adaptive_avg_pool2d_backward``."""
        input_shape = self._remembered("input_shape")
        if not needs_input_grad:
            return None
        check_floats(input=self.input_like, grad_output=grad_output)
        check_shape("grad_output", grad_output, self.output_shape, "the output of this pooling")
        return adaptive_avg_pool2d_backward(grad_output, input_shape)

    def extra_repr(self) -> str:
        """The argument."""
        return f"output_size={self.output_size}"
