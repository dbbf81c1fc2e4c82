"""The formulas as layers, with the names, arguments, weight layouts and state_dict keys of ``torch.nn``.

A layer holds its parameters, and after ``forward`` exactly what its gradient needs, as arrays of its own: whatever one
does to the input or the output, the gradient stays right.  It remembers its last ``forward`` alone, so it has one place
in a network, and works in one thread at a time.  ``backward(grad_output)`` then adds dL/dparameter to each
``parameter.grad`` and gives dL/dinput back.  A training step reads as in torch:

    optimizer.zero_grad()                                           # gradients add up until they are forgotten
    loss = criterion(network(images), labels)
    network.backward(criterion.backward(), needs_input_grad=False)  # nobody asks for the gradient of the images
    optimizer.step()
"""

import math
from typing import TYPE_CHECKING, Any, NoReturn, Self

import numpy as np

from reference import windows
from reference.arguments import Array, IntArray, IntOrPair, boolean, check_floats, check_shape, integer, pair
from reference.containers import ModuleList, Sequential
from reference.conv import Convolution
from reference.cross_entropy import CrossEntropy
from reference.dense import linear, linear_backward
from reference.flatten import flatten, flatten_backward
from reference.instead import LAYERS, missing
from reference.module import Module
from reference.padding import pad, pad_backward
from reference.parameter import Parameter
from reference.pooling import Maxima, avg_pool2d, avg_pool2d_backward, find_maxima
from reference.relu import relu
from reference.select import select
from reference.softmax import log_softmax, log_softmax_backward, softmax, softmax_backward

__all__ = [
    "AvgPool2d", "CircularPad2d", "ConstantPad2d", "Conv2d", "CrossEntropyLoss", "Flatten", "Identity", "Linear",
    "LogSoftmax", "MaxPool2d", "Module", "ModuleList", "Parameter", "ReLU", "ReflectionPad2d", "ReplicationPad2d",
    "Sequential", "Softmax", "ZeroPad2d", "manual_seed",
]  # fmt: skip

_generator = np.random.default_rng()


def manual_seed(seed: int) -> None:
    """Fix the initial weights of the layers made from now on.  (The numbers are not those of torch.manual_seed.)

    >>> from reference import nn
    >>> nn.manual_seed(0)
    >>> first = nn.Linear(3, 2).weight.data
    >>> nn.manual_seed(0)
    >>> print((nn.Linear(3, 2).weight.data == first).all())
    True
    """
    global _generator
    _generator = np.random.default_rng(seed)


def _accumulate(parameter: Parameter | None, grad: Array | None) -> None:
    """Add to the gradient, as torch does: a parameter used twice collects both."""
    if parameter is not None and parameter.requires_grad and grad is not None:
        parameter.grad = grad if parameter.grad is None else parameter.grad + grad


def _learns(parameter: Parameter | None) -> bool:
    return parameter is not None and parameter.requires_grad


def _uniform(shape: tuple[int, ...], fan_in: int) -> Parameter:
    """torch's default for weights and biases: uniform between -1/sqrt(fan_in) and 1/sqrt(fan_in).

    ``fan_in`` is how many inputs one output sees; so an output varies about as much, however many there are.
    """
    bound = 1 / math.sqrt(fan_in) if fan_in else 0.0
    return Parameter(_generator.uniform(-bound, bound, shape).astype(np.float32))


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
        self.weight = _uniform((filters, channels // groups, *self.kernel_size), fan_in)
        self.bias = _uniform((filters,), fan_in) if bias else None

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
        output_mask = needs_input_grad, self.weight.requires_grad, _learns(self.bias)
        if needs_input_grad:
            self._check_unchanged(self.weight, self.weight_before)
        grad_input, grad_weight, grad_bias = convolution.gradients(grad_output, output_mask)
        _accumulate(self.weight, grad_weight)
        _accumulate(self.bias, grad_bias)
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


class ReLU(Module):
    """Rectified linear unit; see ``reference.relu``.

    >>> import numpy as np
    >>> from reference import nn
    >>> layer = nn.ReLU()
    >>> print(layer(np.array([-2.0, 0.0, 3.0])), layer.backward(np.array([5.0, 5.0, 5.0])))
    [0. 0. 3.] [0. 0. 5.]
    """

    def __init__(self, inplace: bool = False) -> None:
        """``inplace`` is torch's, and saves memory there; here the input stays as it is."""
        self.inplace = inplace

    def forward(self, input: Array) -> Array:
        """Any shape."""
        output = relu(input)
        # The output is never negative: what is not 0 is positive, as the input is there, or NaN.
        self.passes, self.input_like = output != 0, np.zeros((), output.dtype)
        return output

    def backward(self, grad_output: Array, needs_input_grad: bool = True) -> Array | None:
        """See ``reference.relu_backward``."""
        passes = self._remembered("passes")
        if not needs_input_grad:
            return None
        check_floats(input=self.input_like, grad_output=grad_output)
        check_shape("grad_output", grad_output, passes.shape, "as input")
        return select(passes, grad_output)

    def extra_repr(self) -> str:
        """The argument, where it was given."""
        return "inplace=True" if self.inplace else ""


class Identity(Module):
    """Nothing: gives on what it gets, in a place where a layer is left out.

    >>> import numpy as np
    >>> from reference import nn
    >>> layer = nn.Identity()
    >>> print(layer(np.array([-2.0, 3.0])), layer.backward(np.array([5.0, 7.0])))
    [-2.  3.] [5. 7.]
    """

    def __init__(self, *args: object, **kwargs: object) -> None:
        """Take the arguments of the layer that it replaces, and forget them."""

    def forward(self, input: Array) -> Array:
        """Any shape."""
        check_floats(input=input)
        self.input_like, self.input_shape = np.zeros((), input.dtype), input.shape
        return input

    def backward(self, grad_output: Array, needs_input_grad: bool = True) -> Array | None:
        """dL/dx is dL/dy."""
        input_shape = self._remembered("input_shape")
        check_floats(input=self.input_like, grad_output=grad_output)
        check_shape("grad_output", grad_output, input_shape, "as input")
        return grad_output if needs_input_grad else None


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


class Flatten(Module):
    """Flatten; see ``reference.flatten``.  Keeps the batch apart by default.

    >>> import numpy as np
    >>> from reference import nn
    >>> print(nn.Flatten()(np.array([[[[1.0, 2.0], [3.0, 4.0]]]])))  # (1, 1, 2, 2) -> (1, 4)
    [[1. 2. 3. 4.]]
    """

    def __init__(self, start_dim: int = 1, end_dim: int = -1) -> None:
        """Merge the dimensions ``start_dim`` to ``end_dim``."""
        self.start_dim, self.end_dim = start_dim, end_dim

    def forward(self, input: Array) -> Array:
        """``input`` (N, C, H, W) -> (N, C*H*W)."""
        output = flatten(input, self.start_dim, self.end_dim)
        self.input_shape = input.shape
        return output

    def backward(self, grad_output: Array, needs_input_grad: bool = True) -> Array | None:
        """See ``reference.flatten_backward``."""
        input_shape = self._remembered("input_shape")
        return flatten_backward(grad_output, input_shape) if needs_input_grad else None

    def extra_repr(self) -> str:
        """The arguments."""
        return f"start_dim={self.start_dim}, end_dim={self.end_dim}"


class Linear(Module):
    """Dense layer; see ``reference.linear``.  ``weight`` (out, in), ``bias`` (out,).

    >>> import numpy as np
    >>> from reference import nn
    >>> layer = nn.Linear(2, 1)
    >>> layer.load_state_dict({"weight": np.array([[3.0, 5.0]]), "bias": np.array([1.0])})
    <All keys matched successfully>
    >>> print(layer(np.array([[10, 100]], np.float32)))  # 3 * 10 + 5 * 100 + 1
    [[531.]]
    >>> print(layer.backward(np.array([[2]], np.float32)), layer.weight.grad, layer.bias.grad)
    [[ 6. 10.]] [[ 20. 200.]] [2.]
    """

    def __init__(self, in_features: int, out_features: int, bias: bool = True) -> None:
        """A layer of ``out_features`` outputs, each of which sees all ``in_features`` inputs."""
        if min(integer("in_features", in_features), integer("out_features", out_features)) < 0:
            raise ValueError(f"in_features and out_features must not be negative, got {in_features}, {out_features}")
        self.in_features, self.out_features = in_features, out_features
        self.weight = _uniform((out_features, in_features), in_features)
        self.bias = _uniform((out_features,), in_features) if bias else None

    def forward(self, input: Array) -> Array:
        """``input`` (..., in) -> (..., out)."""
        output = self.forward_within(input)
        self.input = np.array(input)
        return output

    def forward_within(self, input: Array) -> Array:
        """The same, inside a network."""
        output = linear(input, self.weight.data, None if self.bias is None else self.bias.data)
        self.input, self.weight_before = input, (self.weight, self.weight.version)
        return output

    def backward(self, grad_output: Array, needs_input_grad: bool = True) -> Array | None:
        """See ``reference.linear_backward``."""
        input = self._remembered("input")
        output_mask = needs_input_grad, self.weight.requires_grad, _learns(self.bias)
        if needs_input_grad:
            self._check_unchanged(self.weight, self.weight_before)
        grad_input, grad_weight, grad_bias = linear_backward(
            grad_output, input, self.weight.data, output_mask=output_mask
        )
        _accumulate(self.weight, grad_weight)
        _accumulate(self.bias, grad_bias)
        return grad_input

    def extra_repr(self) -> str:
        """The arguments."""
        return f"in_features={self.in_features}, out_features={self.out_features}, bias={self.bias is not None}"


class Softmax(Module):
    """Probabilities from scores; see ``reference.softmax``.

    >>> import numpy as np
    >>> from reference import nn
    >>> print(nn.Softmax(dim=1)(np.log(np.array([[1.0, 3.0]]))).round(4))
    [[0.25 0.75]]
    """

    def __init__(self, dim: int) -> None:
        """Over dimension ``dim``."""
        self.dim = dim

    def forward(self, input: Array) -> Array:
        """Any shape."""
        output = softmax(input, self.dim)
        self.output = np.array(output)
        return output

    def backward(self, grad_output: Array, needs_input_grad: bool = True) -> Array | None:
        """See ``reference.softmax_backward``."""
        output = self._remembered("output")
        return softmax_backward(grad_output, output, self.dim) if needs_input_grad else None

    def extra_repr(self) -> str:
        """The argument."""
        return f"dim={self.dim}"


class LogSoftmax(Module):
    """Log-probabilities from scores; see ``reference.log_softmax``.

    >>> import numpy as np
    >>> from reference import nn
    >>> print(np.exp(nn.LogSoftmax(dim=1)(np.log(np.array([[1.0, 3.0]])))).round(4))
    [[0.25 0.75]]
    """

    def __init__(self, dim: int) -> None:
        """Over dimension ``dim``."""
        self.dim = dim

    def forward(self, input: Array) -> Array:
        """Any shape."""
        output = log_softmax(input, self.dim)
        self.output = np.array(output)
        return output

    def backward(self, grad_output: Array, needs_input_grad: bool = True) -> Array | None:
        """See ``reference.log_softmax_backward``."""
        output = self._remembered("output")
        return log_softmax_backward(grad_output, output, self.dim) if needs_input_grad else None

    def extra_repr(self) -> str:
        """The argument."""
        return f"dim={self.dim}"


class Loss(np.ndarray[Any, Any]):
    """The array that a loss returns.  What is computed with it is an array, or a number, like any other.

    >>> import numpy as np
    >>> from reference.nn import Loss
    >>> loss = np.array(0.5).view(Loss)
    >>> print(loss, loss.item(), type(loss / 2).__name__)
    0.5 0.5 float64
    """

    def backward(self, *args: object, **kwargs: object) -> NoReturn:
        """RuntimeError with what to write instead: an array does not know the network that it came from."""
        raise RuntimeError(
            "loss.backward(): NumPy derives nothing by itself; write network.backward(criterion.backward())"
        )

    def __array_wrap__(self, array: Any, context: object = None, return_scalar: bool = False) -> Any:
        """Give a result as NumPy gives it for plain arrays."""
        return array[()] if return_scalar else np.asarray(array)


class CrossEntropyLoss(Module):
    """Cross-entropy; see ``reference.cross_entropy``.

    >>> import numpy as np
    >>> from reference import nn
    >>> criterion = nn.CrossEntropyLoss()
    >>> scores, labels = np.log(np.array([[1.0, 3.0]])), np.array([1])  # 1/4 and 3/4; true is class 1
    >>> print(f"{criterion(scores, labels):.4f}")  # -log(3/4)
    0.2877
    >>> print(criterion.backward().round(4))  # predicted less true
    [[ 0.25 -0.25]]
    """

    def __init__(
        self,
        weight: Array | None = None,
        *,
        ignore_index: int = -100,
        reduction: str = "mean",
        label_smoothing: float = 0.0,
    ) -> None:
        """The options of ``reference.cross_entropy``."""
        self.weight, self.ignore_index = weight, ignore_index
        self.reduction, self.label_smoothing = reduction, label_smoothing

    # A loss takes two arrays, and is where the gradient begins.
    def __call__(self, input: Array, target: Array | IntArray) -> Array:  # type: ignore[override]
        """The same as ``forward``."""
        return self.forward(input, target)

    def forward(self, input: Array, target: Array | IntArray) -> Array:  # type: ignore[override]
        """The loss of scores ``input`` against ``target``."""
        self.cross_entropy = CrossEntropy(
            input, target, self.weight, self.ignore_index, self.reduction, self.label_smoothing
        )
        return self.cross_entropy.loss().view(Loss)

    def backward(self, grad_output: Array | None = None) -> Array:  # type: ignore[override]
        """dL/dinput; ``grad_output``, shaped like the loss, is 1 unless given."""
        cross_entropy: CrossEntropy = self._remembered("cross_entropy")
        log_p = cross_entropy.log_p
        if grad_output is None:
            if self.reduction == "none":
                raise ValueError("grad_output must be given for reduction 'none', where there is a loss per sample")
            grad_output = np.ones((), log_p.dtype)
        check_floats(input=log_p, grad_output=grad_output)
        return cross_entropy.gradients(grad_output)[0]

    def _to(self, dtype: Any) -> Self:
        self.weight = None if self.weight is None else self.weight.astype(dtype)
        return self


if not TYPE_CHECKING:

    def __getattr__(name: str) -> Any:
        """A name that is not there: AttributeError with what to write instead, if ``torch.nn`` has it."""
        raise missing("reference.nn", name, LAYERS)
