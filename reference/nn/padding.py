"""Padding as layers, one for each way to fill the frame."""

from reference.arguments import Array, IntOrPair, integer
from reference.module import Module
from reference.padding import pad, pad_backward


class _Pad2d(Module):
    """Padding of rows and columns; see ``reference.pad``."""

    mode: str

    def __init__(self, padding: IntOrPair) -> None:
        """``padding`` is one number for all sides, or (left, right, top, bottom)."""
        if isinstance(padding, tuple | list):
            self.padding = tuple(integer("padding", amount) for amount in padding)
        else:
            self.padding = (integer("padding", padding),) * 4
        if len(self.padding) != 4:
            raise ValueError(f"padding must be an integer or (left, right, top, bottom), got {padding!r}")

    def forward(self, input: Array) -> Array:
        """``input`` (N, C, H, W) or (C, H, W), with rows and columns added."""
        output = self._pad(input)
        self.input_shape = input.shape
        return output

    def _pad(self, input: Array) -> Array:
        return pad(input, self.padding, self.mode)

    def backward(self, grad_output: Array, needs_input_grad: bool = True) -> Array | None:
        """See ``reference.pad_backward``."""
        input_shape = self._remembered("input_shape")
        return pad_backward(grad_output, input_shape, self.padding, self.mode) if needs_input_grad else None

    def extra_repr(self) -> str:
        """The argument."""
        return f"{self.padding}"


class ConstantPad2d(_Pad2d):
    """Padding with a constant.

    >>> import numpy as np
    >>> from reference import nn
    >>> print(nn.ConstantPad2d((1, 2, 0, 0), 7.0)(np.array([[[1.0, 2.0]]])))  # left, right, top, bottom
    [[[7. 1. 2. 7. 7.]]]
    """

    mode = "constant"

    def __init__(self, padding: IntOrPair, value: float) -> None:
        """``padding`` is one number for all sides, or (left, right, top, bottom)."""
        super().__init__(padding)
        self.value = value

    def _pad(self, input: Array) -> Array:
        return pad(input, self.padding, self.mode, self.value)

    def extra_repr(self) -> str:
        """The arguments."""
        return f"padding={self.padding}, value={self.value}"


class ZeroPad2d(ConstantPad2d):
    """Padding with zeros.

    >>> import numpy as np
    >>> from reference import nn
    >>> print(nn.ZeroPad2d(1)(np.array([[[1.0, 2.0]]])))
    [[[0. 0. 0. 0.]
      [0. 1. 2. 0.]
      [0. 0. 0. 0.]]]
    """

    def __init__(self, padding: IntOrPair) -> None:
        """``padding`` is one number for all sides, or (left, right, top, bottom)."""
        super().__init__(padding, 0.0)

    def extra_repr(self) -> str:
        """The argument."""
        return f"{self.padding}"


class ReflectionPad2d(_Pad2d):
    """Padding by mirroring at the edge.

    >>> import numpy as np
    >>> from reference import nn
    >>> print(nn.ReflectionPad2d((2, 2, 0, 0))(np.array([[[1.0, 2, 3, 4]]])))
    [[[3. 2. 1. 2. 3. 4. 3. 2.]]]
    """

    mode = "reflect"


class ReplicationPad2d(_Pad2d):
    """Padding by repeating the edge.

    >>> import numpy as np
    >>> from reference import nn
    >>> print(nn.ReplicationPad2d((2, 2, 0, 0))(np.array([[[1.0, 2, 3, 4]]])))
    [[[1. 1. 1. 2. 3. 4. 4. 4.]]]
    """

    mode = "replicate"


class CircularPad2d(_Pad2d):
    """Padding by wrapping around.

    >>> import numpy as np
    >>> from reference import nn
    >>> print(nn.CircularPad2d((2, 2, 0, 0))(np.array([[[1.0, 2, 3, 4]]])))
    [[[3. 4. 1. 2. 3. 4. 1. 2.]]]
    """

    mode = "circular"
