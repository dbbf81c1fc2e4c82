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
from collections import OrderedDict
from collections.abc import Iterator, Mapping
from typing import Any, overload

import numpy as np

from reference import windows
from reference.arguments import Array, IntArray, IntOrPair, boolean, check_floats, check_shape, integer, pair
from reference.conv import Convolution
from reference.cross_entropy import CrossEntropy
from reference.dense import linear, linear_backward
from reference.flatten import flatten, flatten_backward
from reference.optim import Parameter
from reference.padding import pad, pad_backward
from reference.pooling import Maxima, avg_pool2d, avg_pool2d_backward, find_maxima
from reference.relu import relu
from reference.select import select
from reference.softmax import log_softmax, log_softmax_backward, softmax, softmax_backward

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


class Module:
    """A layer, or a network of layers: whatever has parameters and a gradient.

    Attributes that are Parameters or Modules are found by name, in the order in which they were set.

    A network of one's own says how to go forward, and how to go back:

    >>> import numpy as np
    >>> from reference import nn
    >>> class Twice(nn.Module):
    ...     def forward(self, input):
    ...         return 2 * input
    ...     def backward(self, grad_output, needs_input_grad=True):
    ...         return 2 * grad_output
    >>> layer = Twice()
    >>> print(layer(np.array([1.0, 3.0])), layer.backward(np.array([1.0, 0.0])))
    [2. 6.] [2. 0.]
    """

    def __call__(self, input: Array) -> Array:
        """The same as ``forward``."""
        return self.forward(input)

    def forward(self, input: Array) -> Array:
        """The layer's formula."""
        raise NotImplementedError(f"{type(self).__name__} must define forward")

    def forward_within(self, input: Array) -> Array:
        """The same as ``forward`` inside a network, where nobody else changes ``input``: it is kept without a copy."""
        return self.forward(input)

    def backward(self, grad_output: Array, needs_input_grad: bool = True) -> Array | None:
        """Add dL/dparameter to the parameters' ``grad`` and return dL/dinput; None unless ``needs_input_grad``.

        RuntimeError before the first ``forward``, whose input the gradient depends on, and where a parameter that the
        gradient depends on has been changed since then.
        """
        raise NotImplementedError(f"{type(self).__name__} must define backward")

    def named_parameters(self, prefix: str = "") -> Iterator[tuple[str, Parameter]]:
        """The parameters with their names, such as '0.weight'."""
        for name, value in vars(self).items():
            if isinstance(value, Parameter):
                yield prefix + name, value
            elif isinstance(value, Module):
                yield from value.named_parameters(f"{prefix}{name}.")

    def parameters(self) -> Iterator[Parameter]:
        """The parameters, as an optimizer takes them."""
        return (parameter for _, parameter in self.named_parameters())

    def _modules(self) -> Iterator["Module"]:
        """The layer itself, and all layers inside it."""
        yield self
        for value in vars(self).values():
            if isinstance(value, Module):
                yield from value._modules()

    def zero_grad(self) -> None:
        """Forget all gradients."""
        for parameter in self.parameters():
            parameter.grad = None

    def float(self) -> "Module":
        """Turn all parameters into float32, in place."""
        return self._to(np.float32)

    def double(self) -> "Module":
        """Turn all parameters into float64, in place."""
        return self._to(np.float64)

    def _to(self, dtype: type[np.floating[Any]]) -> "Module":
        for parameter in self.parameters():
            parameter.data = parameter.data.astype(dtype)
            parameter.grad = None if parameter.grad is None else parameter.grad.astype(dtype)
        return self

    def state_dict(self) -> dict[str, Array]:
        """Copies of all parameters by name: a snapshot, which further training leaves alone (torch's would change)."""
        return {name: parameter.data.copy() for name, parameter in self.named_parameters()}

    def load_state_dict(self, state_dict: Mapping[str, Array]) -> None:
        """Copy ``state_dict`` into the parameters, converted to their dtype.

        Raises ValueError where names or shapes differ, TypeError for what is no float array; then nothing is changed.
        """
        own = dict(self.named_parameters())
        if own.keys() != state_dict.keys():
            missing, unexpected = sorted(own.keys() - state_dict.keys()), sorted(state_dict.keys() - own.keys())
            raise ValueError(f"state_dict must hold all parameters; missing: {missing}, unexpected: {unexpected}")
        for name, array in state_dict.items():
            check_floats(**{f"state_dict[{name!r}]": array})
            if array.shape != own[name].data.shape:
                raise ValueError(f"state_dict[{name!r}] must have shape {own[name].data.shape}, got {array.shape}")
        for name, parameter in own.items():
            parameter.data[...] = state_dict[name]
            parameter.data = parameter.data  # the same array, another version

    def _remembered(self, name: str) -> Any:
        """What ``forward`` left for the gradient."""
        if name not in vars(self):
            raise RuntimeError(f"{type(self).__name__}: call forward before backward")
        return vars(self)[name]

    def _check_unchanged(self, parameter: Parameter, before: tuple[Parameter, int]) -> None:
        """RuntimeError where ``parameter`` is another one than ``before``, in ``forward``, or was set since."""
        if parameter is not before[0] or parameter.version != before[1]:
            raise RuntimeError(
                f"{type(self).__name__}: the weight was changed between forward and backward, and the gradient needs "
                "it as it was: call backward before the optimizer's step"
            )


def _is_own(layer: Module) -> bool:
    """Whether ``layer`` and all inside it compute as in this file: no derived classes, no other ``forward``."""
    return all(type(one).__module__ == __name__ and "forward" not in vars(one) for one in layer._modules())


def _accumulate(parameter: Parameter | None, grad: Array | None) -> None:
    """Add to the gradient, as torch does: a parameter used twice collects both."""
    if parameter is not None and grad is not None:
        parameter.grad = grad if parameter.grad is None else parameter.grad + grad


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
        output_mask = needs_input_grad, True, self.bias is not None
        if needs_input_grad:
            self._check_unchanged(self.weight, self.weight_before)
        grad_input, grad_weight, grad_bias = convolution.gradients(grad_output, output_mask)
        _accumulate(self.weight, grad_weight)
        _accumulate(self.bias, grad_bias)
        if grad_input is None or self.padding_mode == "zeros":
            return grad_input
        return pad_backward(grad_input, self.input_shape, self._frame(), self.padding_mode)

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
        self.kernel_size, self.stride, self.padding = kernel_size, stride, padding
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
        self.kernel_size, self.stride, self.padding = kernel_size, stride, padding
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


class Linear(Module):
    """Dense layer; see ``reference.linear``.  ``weight`` (out, in), ``bias`` (out,).

    >>> import numpy as np
    >>> from reference import nn
    >>> layer = nn.Linear(2, 1)
    >>> layer.load_state_dict({"weight": np.array([[3.0, 5.0]]), "bias": np.array([1.0])})
    >>> print(layer(np.array([[10, 100]], np.float32)))  # 3 * 10 + 5 * 100 + 1
    [[531.]]
    >>> print(layer.backward(np.array([[2]], np.float32)), layer.weight.grad, layer.bias.grad)
    [[ 6. 10.]] [[ 20. 200.]] [2.]
    """

    def __init__(self, in_features: int, out_features: int, bias: bool = True) -> None:
        """A layer of ``out_features`` outputs, each of which sees all ``in_features`` inputs."""
        if min(integer("in_features", in_features), integer("out_features", out_features)) < 0:
            raise ValueError(f"in_features and out_features must not be negative, got {in_features}, {out_features}")
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
        input, output_mask = self._remembered("input"), (needs_input_grad, True, self.bias is not None)
        if needs_input_grad:
            self._check_unchanged(self.weight, self.weight_before)
        grad_input, grad_weight, grad_bias = linear_backward(
            grad_output, input, self.weight.data, output_mask=output_mask
        )
        _accumulate(self.weight, grad_weight)
        _accumulate(self.bias, grad_bias)
        return grad_input


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


class Sequential(Module):
    """Layers one after another, each fed with the output of the one before.

    >>> import numpy as np
    >>> from reference import nn
    >>> network = nn.Sequential(nn.ReLU(), nn.Flatten())
    >>> print(network(np.array([[[-1.0, 2.0], [3.0, -4.0]]])))
    [[0. 2. 3. 0.]]
    >>> print(network.backward(np.array([[5.0, 6, 7, 8]])))
    [[[0. 6.]
      [7. 0.]]]
    """

    @overload
    def __init__(self, *layers: Module) -> None: ...
    @overload
    def __init__(self, layers: "OrderedDict[str, Module]", /) -> None: ...
    def __init__(self, *layers: Any) -> None:
        """Take the layers in order, named '0', '1', ...; or one OrderedDict with names."""
        named = layers[0] if len(layers) == 1 and isinstance(layers[0], OrderedDict) else dict(enumerate(layers))
        for name, layer in named.items():
            if not isinstance(layer, Module):
                raise TypeError(f"layers must be Modules, got {type(layer).__name__}")
            if not str(name) or "." in str(name) or hasattr(self, str(name)):
                raise ValueError(f"layers must have names that are not empty, dotted or taken, got {name!r}")
            setattr(self, str(name), layer)
        every = [id(module) for module in self._modules()]
        if len(set(every)) < len(every):
            raise ValueError("layers must hold each Module once, got one twice: it would remember its last input only")

    @property
    def layers(self) -> list[Module]:
        """The layers in order."""
        return [layer for layer in vars(self).values() if isinstance(layer, Module)]

    def __len__(self) -> int:
        """How many layers."""
        return len(self.layers)

    def __getitem__(self, index: int) -> Module:
        """The layer at ``index``."""
        return self.layers[index]

    def __iter__(self) -> Iterator[Module]:
        """The layers in order."""
        return iter(self.layers)

    def forward(self, input: Array) -> Array:
        """The input through all layers."""
        return self._chain(input, outside=input)

    def forward_within(self, input: Array) -> Array:
        """The same, inside another network."""
        return self._chain(input, outside=None)

    def _chain(self, value: Array, outside: Array | None) -> Array:
        """``value`` through all layers; ``outside`` is the last array that others may have got hold of, if any.

        A layer need not copy what stays inside the network.  But what a layer of the user's own gives on, it may keep.
        """
        for layer in self:
            own = _is_own(layer)
            shared = outside is not None and (value is outside or np.may_share_memory(value, outside))
            value = layer.forward_within(value) if own and not shared else layer.forward(value)
            outside = outside if own else value
        return value

    def backward(self, grad_output: Array, needs_input_grad: bool = True) -> Array | None:
        """The chain rule: the gradient through all layers, last to first, each turning dL/doutput into dL/dinput.

        Stops where no one asks further: without ``needs_input_grad``, at the first layer that has parameters.
        """
        grad: Array | None = grad_output
        layers = self.layers
        # The first layer that learns: its input, and all before it, need no gradient of their own.
        first = next((i for i, layer in enumerate(layers) if any(layer.parameters())), len(layers))
        for i, layer in reversed([*enumerate(layers)]):
            if grad is None:
                break
            grad = layer.backward(grad, needs_input_grad or i > first)
        return grad


class CrossEntropyLoss:
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

    def __call__(self, input: Array, target: Array | IntArray) -> Array:
        """The same as ``forward``."""
        return self.forward(input, target)

    def forward(self, input: Array, target: Array | IntArray) -> Array:
        """The loss of scores ``input`` against ``target``."""
        self.cross_entropy = CrossEntropy(
            input, target, self.weight, self.ignore_index, self.reduction, self.label_smoothing
        )
        return self.cross_entropy.loss()

    def backward(self, grad_output: Array | None = None) -> Array:
        """dL/dinput; ``grad_output``, shaped like the loss, is 1 unless given."""
        if "cross_entropy" not in vars(self):
            raise RuntimeError("CrossEntropyLoss: call forward before backward")
        log_p = self.cross_entropy.log_p
        if grad_output is None:
            if self.reduction == "none":
                raise ValueError("grad_output must be given for reduction 'none', where there is a loss per sample")
            grad_output = np.ones((), log_p.dtype)
        check_floats(input=log_p, grad_output=grad_output)
        return self.cross_entropy.gradients(grad_output)[0]
