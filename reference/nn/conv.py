"""Convolution as a layer."""

import math

import numpy as np

from reference import windows
from reference.arguments import Array, IntOrPair, integer, pair
from reference.conv import Convolution
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
        channels, filters = integer("in_channels", in_channels), integer("out_channels", out_channels)
        if min(channels, filters) < 0:
            raise ValueError(f"in_channels and out_channels must not be negative, got {channels} and {filters}")
        if integer("groups", groups) < 1 or channels % groups or filters % groups:
            raise ValueError(f"groups must divide in_channels {channels} and out_channels {filters}, got {groups}")
        if padding_mode not in ("zeros", "reflect", "replicate", "circular"):
            raise ValueError(f"padding_mode must be zeros, reflect, replicate or circular, got {padding_mode!r}")
        if isinstance(padding, str) and padding not in ("same", "valid"):
            raise ValueError(f"padding must be an integer, a pair, 'same' or 'valid', got {padding!r}")
        if isinstance(kernel_size, tuple | list) and len(kernel_size) != 2:
            raise ValueError(f"kernel_size must be an integer or a pair of integers, got {kernel_size!r}")
        self.in_channels, self.out_channels = channels, filters
        self.kernel_size, self.stride = pair("kernel_size", kernel_size, 1), pair("stride", stride, 1)
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
