"""Convolution and transposed convolution as layers."""

import math
from collections.abc import Sequence

import numpy as np

from reference import windows
from reference.arguments import Array, IntOrPair, check_floats, integer, pair
from reference.conv import Convolution
from reference.conv_transpose import Transposed
from reference.module import Module
from reference.nn.initial import uniform
from reference.padding import pad, pad_backward
from reference.parameter import accumulate, learns


class Conv2d(Module):
    """Convolution; see ``reference.conv``.  ``weight`` (O, C/groups, kH, kW), ``bias`` (O,).

    >>> import numpy as np
    >>> from reference import nn
    >>> layer = nn.Conv2d(1, 1, kernel_size=(1, 2), bias=False)
    >>> layer.load_state_dict({"weight": np.array([[[[-1.0, 1.0]]]])})  # the difference to the right
    <All keys matched successfully>
    >>> print(layer(np.array([[[1, 4, 4, 2]]], np.float32)))
    [[[ 3.  0. -2.]]]
    >>> print(layer.backward(np.array([[[1, 0, 0]]], np.float32)))
    [[[-1.  1.  0.  0.]]]
    >>> print(layer.weight.grad)  # the two pixels that the first output saw
    [[[[1. 4.]]]]
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: IntOrPair,
        stride: IntOrPair = 1,
        padding: IntOrPair | str = 0,
        dilation: IntOrPair = 1,
        groups: int = 1,
        bias: bool = True,
        padding_mode: str = "zeros",
    ) -> None:
        """``padding_mode`` is 'zeros', or 'reflect', 'replicate' or 'circular' as in ``reference.pad``."""
        channels, filters = _channels(in_channels, out_channels, groups)
        if padding_mode not in ("zeros", "reflect", "replicate", "circular"):
            raise ValueError(f"padding_mode must be zeros, reflect, replicate or circular, got {padding_mode!r}")
        if isinstance(padding, str) and padding not in ("same", "valid"):
            raise ValueError(f"padding must be an integer, a pair, 'same' or 'valid', got {padding!r}")
        self.in_channels, self.out_channels = channels, filters
        self.kernel_size, self.stride = _kernel(kernel_size), pair("stride", stride, 1)
        self.dilation, self.groups, self.padding_mode = pair("dilation", dilation, 1), groups, padding_mode
        self.padding = padding if isinstance(padding, str) else pair("padding", padding, 0)
        if padding == "same" and self.stride != (1, 1):
            raise ValueError(f"stride must be 1 where padding is 'same', got {stride!r}")
        fan_in = channels // groups * math.prod(self.kernel_size)
        self.weight = uniform((filters, channels // groups, *self.kernel_size), fan_in)
        self.bias = uniform((filters,), fan_in) if bias else None

    def forward(self, input: Array) -> Array:
        """``input`` (N, C, H, W) or (C, H, W) -> (N, O, oH, oW) or (O, oH, oW)."""
        output = self.forward_within(input)
        if np.may_share_memory(self.convolution.input, input):
            self.convolution.input = np.array(self.convolution.input)
        return output

    def forward_within(self, input: Array) -> Array:
        """The same, inside a network."""
        padding: IntOrPair | str = self.padding
        framed = input
        if self.padding_mode != "zeros":
            padding, framed = 0, pad(input, self._frame(), self.padding_mode)
        bias = None if self.bias is None else self.bias.data
        convolution = Convolution(framed, self.weight.data, bias, self.stride, padding, self.dilation, self.groups)
        output = convolution.output()
        self.convolution, self.input_shape = convolution, input.shape
        self.weight_before = self.weight, self.weight.version
        return output

    def backward(self, grad_output: Array, needs_input_grad: bool = True) -> Array | None:
        """See ``reference.conv2d_backward``; a ``padding_mode`` hands the gradient of the frame back to its pixels."""
        convolution: Convolution = self._remembered("convolution")
        output_mask = needs_input_grad, self.weight.requires_grad, learns(self.bias)
        if needs_input_grad:
            self._check_unchanged(self.weight, self.weight_before)
        grad_input, grad_weight, grad_bias = convolution.gradients(grad_output, output_mask)
        accumulate(self.weight, grad_weight)
        accumulate(self.bias, grad_bias)
        if grad_input is None or self.padding_mode == "zeros":
            return grad_input
        return pad_backward(grad_input, self.input_shape, self._frame(), self.padding_mode)

    def extra_repr(self) -> str:
        """The arguments, those alone that are not the defaults from ``padding`` on."""
        parts = [f"{self.in_channels}, {self.out_channels}, kernel_size={self.kernel_size}, stride={self.stride}"]
        parts += [f"padding={self.padding}"] if self.padding != (0, 0) else []
        parts += [f"dilation={self.dilation}"] if self.dilation != (1, 1) else []
        parts += [f"groups={self.groups}"] if self.groups != 1 else []
        parts += ["bias=False"] if self.bias is None else []
        parts += [f"padding_mode={self.padding_mode}"] if self.padding_mode != "zeros" else []
        return ", ".join(parts)

    def _frame(self) -> tuple[int, ...]:
        """The padding of another mode, done before the convolution: (left, right, top, bottom)."""
        if self.padding == "same":
            sides = [windows.same_padding(k, d) for k, d in zip(self.kernel_size, self.dilation, strict=True)]
        elif isinstance(self.padding, str):  # 'valid'
            sides = [(0, 0), (0, 0)]
        else:
            sides = [(p, p) for p in self.padding]
        return (*sides[1], *sides[0])


class ConvTranspose2d(Module):
    """Transposed convolution; see ``reference.conv_transpose``.  ``weight`` (C, O/groups, kH, kW), ``bias`` (O,).

    >>> import numpy as np
    >>> from reference import nn
    >>> layer = nn.ConvTranspose2d(1, 1, kernel_size=(1, 2), stride=2, bias=False)
    >>> layer.load_state_dict({"weight": np.array([[[[1.0, 10.0]]]])})
    <All keys matched successfully>
    >>> print(layer(np.array([[[1, 4]]], np.float32)))  # each pixel becomes two
    [[[ 1. 10.  4. 40.]]]
    >>> print(layer.backward(np.array([[[1, 0, 0, 1]]], np.float32)))
    [[[ 1. 10.]]]
    >>> print(layer.weight.grad)  # the first pixel through the first tap, the second one through the second
    [[[[1. 4.]]]]
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: IntOrPair,
        stride: IntOrPair = 1,
        padding: IntOrPair = 0,
        output_padding: IntOrPair = 0,
        groups: int = 1,
        bias: bool = True,
        dilation: IntOrPair = 1,
        padding_mode: str = "zeros",
    ) -> None:
        """``padding_mode`` is 'zeros', as in torch: what is cut off has no other mode."""
        channels, filters = _channels(in_channels, out_channels, groups)
        if padding_mode != "zeros":
            raise ValueError(f"padding_mode must be zeros in a transposed convolution, got {padding_mode!r}")
        self.in_channels, self.out_channels = channels, filters
        self.kernel_size, self.stride = _kernel(kernel_size), pair("stride", stride, 1)
        self.padding, self.output_padding = pair("padding", padding, 0), pair("output_padding", output_padding, 0)
        self.dilation, self.groups, self.padding_mode = pair("dilation", dilation, 1), groups, padding_mode
        # torch counts the inputs as if the weight were a convolution's.
        fan_in = filters // groups * math.prod(self.kernel_size)
        self.weight = uniform((channels, filters // groups, *self.kernel_size), fan_in)
        self.bias = uniform((filters,), fan_in) if bias else None

    def forward(self, input: Array, output_size: Sequence[int] | None = None) -> Array:
        """``input`` (N, C, H, W) or (C, H, W) -> (N, O, oH, oW) or (O, oH, oW).

        ``output_size`` (oH, oW), or the whole shape of the output, chooses the size in place of ``output_padding``:
        ValueError unless it is one of those that differ by less than a stride.
        """
        output = self._output(input, self._output_padding(input, output_size))
        if np.may_share_memory(self.transposed.input, input):
            self.transposed.input = np.array(self.transposed.input)
        return output

    def forward_within(self, input: Array) -> Array:
        """The same, inside a network."""
        return self._output(input, self.output_padding)

    def backward(self, grad_output: Array, needs_input_grad: bool = True) -> Array | None:
        """See ``reference.conv_transpose2d_backward``."""
        transposed: Transposed = self._remembered("transposed")
        if needs_input_grad:
            self._check_unchanged(self.weight, self.weight_before)
        output_mask = needs_input_grad, self.weight.requires_grad, learns(self.bias)
        grad_input, grad_weight, grad_bias = transposed.gradients(grad_output, output_mask)
        accumulate(self.weight, grad_weight)
        accumulate(self.bias, grad_bias)
        return grad_input

    def extra_repr(self) -> str:
        """The arguments, those alone that are not the defaults from ``padding`` on."""
        parts = [f"{self.in_channels}, {self.out_channels}, kernel_size={self.kernel_size}, stride={self.stride}"]
        parts += [f"padding={self.padding}"] if self.padding != (0, 0) else []
        parts += [f"dilation={self.dilation}"] if self.dilation != (1, 1) else []
        parts += [f"output_padding={self.output_padding}"] if self.output_padding != (0, 0) else []
        parts += [f"groups={self.groups}"] if self.groups != 1 else []
        parts += ["bias=False"] if self.bias is None else []
        return ", ".join(parts)

    def _output(self, input: Array, output_padding: tuple[int, int]) -> Array:
        bias = None if self.bias is None else self.bias.data
        transposed = Transposed(
            input, self.weight.data, bias, self.stride, self.padding, output_padding, self.groups, self.dilation
        )
        output = transposed.output()
        self.transposed = transposed
        self.weight_before = self.weight, self.weight.version
        return output

    def _output_padding(self, input: Array, output_size: Sequence[int] | None) -> tuple[int, int]:
        """What makes the output of ``input`` as large as ``output_size`` says."""
        if output_size is None:
            return self.output_padding
        check_floats(input=input)
        if not isinstance(output_size, tuple | list):
            raise TypeError(f"output_size must be a tuple of integers, got {output_size!r}")
        if len(output_size) not in (2, input.ndim):
            raise ValueError(f"output_size must have 2 or {input.ndim} entries, got {output_size!r}")
        wanted = [integer("output_size", size) for size in output_size[-2:]]
        sides = zip(input.shape[-2:], self.kernel_size, self.stride, self.padding, self.dilation, strict=True)
        least = [windows.transposed_windows(n, k, s, p, 0, d).size for n, k, s, p, d in sides]
        height, width = (size - smallest for size, smallest in zip(wanted, least, strict=True))
        if not (0 <= height < self.stride[0] and 0 <= width < self.stride[1]):
            most = [smallest + s - 1 for smallest, s in zip(least, self.stride, strict=True)]
            raise ValueError(
                f"output_size must be between {least[0]} x {least[1]} and {most[0]} x {most[1]} for an input of "
                f"{input.shape[-2]} x {input.shape[-1]}, got {output_size!r}"
            )
        return height, width


def _channels(in_channels: object, out_channels: object, groups: int) -> tuple[int, int]:
    """The two numbers of channels, which ``groups`` must divide."""
    channels, filters = integer("in_channels", in_channels), integer("out_channels", out_channels)
    if min(channels, filters) < 0:
        raise ValueError(f"in_channels and out_channels must not be negative, got {channels} and {filters}")
    if integer("groups", groups) < 1 or channels % groups or filters % groups:
        raise ValueError(f"groups must divide in_channels {channels} and out_channels {filters}, got {groups}")
    return channels, filters


def _kernel(kernel_size: object) -> tuple[int, int]:
    """(height, width); a sequence of one integer, which torch takes for other sizes, is none."""
    if isinstance(kernel_size, tuple | list) and len(kernel_size) != 2:
        raise ValueError(f"kernel_size must be an integer or a pair of integers, got {kernel_size!r}")
    return pair("kernel_size", kernel_size, 1)
