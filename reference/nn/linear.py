"""The dense layer, and the layer that does nothing."""

import numpy as np

from reference.arguments import Array, check_floats, check_shape, integer
from reference.dense import linear, linear_backward
from reference.module import Module
from reference.nn.initial import uniform
from reference.parameter import accumulate, learns


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
        self.weight = uniform((out_features, in_features), in_features)
        self.bias = uniform((out_features,), in_features) if bias else None

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
        output_mask = needs_input_grad, self.weight.requires_grad, learns(self.bias)
        if needs_input_grad:
            self._check_unchanged(self.weight, self.weight_before)
        grad_input, grad_weight, grad_bias = linear_backward(
            grad_output, input, self.weight.data, output_mask=output_mask
        )
        accumulate(self.weight, grad_weight)
        accumulate(self.bias, grad_bias)
        return grad_input

    def extra_repr(self) -> str:
        """The arguments."""
        return f"in_features={self.in_features}, out_features={self.out_features}, bias={self.bias is not None}"
