"""ReLU and its kin, sigmoid, tanh, softmax and log-softmax as layers."""

import numpy as np

from reference.arguments import Array, check_floats, check_shape, ieee754
from reference.gelu import gelu, gelu_backward
from reference.leaky_relu import checked_slope, leaky_relu, slopes
from reference.module import Module
from reference.relu import relu
from reference.select import select
from reference.sigmoid import sigmoid, sigmoid_backward
from reference.silu import silu, silu_backward
from reference.softmax import log_softmax, log_softmax_backward, softmax, softmax_backward
from reference.tanh import tanh, tanh_backward


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


class LeakyReLU(Module):
    """Leaky rectified linear unit; see ``reference.leaky_relu``.

    >>> import numpy as np
    >>> from reference import nn
    >>> layer = nn.LeakyReLU(negative_slope=0.5)
    >>> print(layer(np.array([-2.0, 0.0, 3.0])), layer.backward(np.array([5.0, 5.0, 5.0])))
    [-1.  0.  3.] [2.5 2.5 5. ]
    """

    def __init__(self, negative_slope: float = 0.01, inplace: bool = False) -> None:
        """``inplace`` is torch's, and saves memory there; here the input stays as it is."""
        self.negative_slope, self.inplace = negative_slope, inplace

    def forward(self, input: Array) -> Array:
        """Any shape."""
        output = leaky_relu(input, self.negative_slope)
        # Where the slope is 1; elsewhere it is the negative one.
        self.passes, self.slope = np.asarray(input > 0), checked_slope(self.negative_slope, input)
        return output

    @ieee754
    def backward(self, grad_output: Array, needs_input_grad: bool = True) -> Array | None:
        """See ``reference.leaky_relu_backward``."""
        passes = self._remembered("passes")
        if not needs_input_grad:
            return None
        check_floats(input=self.slope, grad_output=grad_output)
        check_shape("grad_output", grad_output, passes.shape, "as input")
        return np.asarray(np.multiply(grad_output, slopes(passes, self.slope)))

    def extra_repr(self) -> str:
        """The arguments, the second one where it was given."""
        return f"negative_slope={self.negative_slope}" + (", inplace=True" if self.inplace else "")


class Sigmoid(Module):
    """Probabilities of one class of two; see ``reference.sigmoid``.

    >>> import numpy as np
    >>> from reference import nn
    >>> layer = nn.Sigmoid()
    >>> print(layer(np.log([1 / 3, 1, 3])), layer.backward(np.array([16.0, 16, 16])))
    [0.25 0.5  0.75] [3. 4. 3.]
    """

    def forward(self, input: Array) -> Array:
        """Any shape."""
        output = sigmoid(input)
        self.output = np.array(output)
        return output

    def backward(self, grad_output: Array, needs_input_grad: bool = True) -> Array | None:
        """See ``reference.sigmoid_backward``."""
        output = self._remembered("output")
        return sigmoid_backward(grad_output, output) if needs_input_grad else None


class Tanh(Module):
    """Hyperbolic tangent; see ``reference.tanh``.

    >>> import numpy as np
    >>> from reference import nn
    >>> layer = nn.Tanh()
    >>> print(layer(np.log([0.5, 1, 3])), layer.backward(np.array([25.0, 25, 25])))
    [-0.6  0.   0.8] [16. 25.  9.]
    """

    def forward(self, input: Array) -> Array:
        """Any shape."""
        output = tanh(input)
        self.output = np.array(output)
        return output

    def backward(self, grad_output: Array, needs_input_grad: bool = True) -> Array | None:
        """See ``reference.tanh_backward``."""
        output = self._remembered("output")
        return tanh_backward(grad_output, output) if needs_input_grad else None


class SiLU(Module):
    """Sigmoid linear unit; see ``reference.silu``.

    >>> import numpy as np
    >>> from reference import nn
    >>> layer = nn.SiLU()
    >>> print(layer(np.array([-1000.0, 0, 1000])), layer.backward(np.array([2.0, 2, 2])))
    [  -0.    0. 1000.] [-0.  1.  2.]
    """

    def __init__(self, inplace: bool = False) -> None:
        """``inplace`` is torch's, and saves memory there; here the input stays as it is."""
        self.inplace = inplace

    def forward(self, input: Array) -> Array:
        """Any shape."""
        output = silu(input)
        self.input = np.array(input)
        return output

    def backward(self, grad_output: Array, needs_input_grad: bool = True) -> Array | None:
        """See ``reference.silu_backward``."""
        input = self._remembered("input")
        return silu_backward(grad_output, input) if needs_input_grad else None

    def extra_repr(self) -> str:
        """The argument, where it was given."""
        return "inplace=True" if self.inplace else ""


class GELU(Module):
    """Gaussian error linear unit; see ``reference.gelu``.

    >>> import numpy as np
    >>> from reference import nn
    >>> layer = nn.GELU()
    >>> print(layer(np.array([-50.0, 0, 50])), layer.backward(np.array([2.0, 2, 2])))
    [-0.  0. 50.] [0. 1. 2.]
    """

    def __init__(self, approximate: str = "none") -> None:
        """``approximate`` is 'none' or 'tanh'."""
        self.approximate = approximate

    def forward(self, input: Array) -> Array:
        """Any shape."""
        output = gelu(input, approximate=self.approximate)
        self.input = np.array(input)
        return output

    def backward(self, grad_output: Array, needs_input_grad: bool = True) -> Array | None:
        """See ``reference.gelu_backward``."""
        input = self._remembered("input")
        return gelu_backward(grad_output, input, approximate=self.approximate) if needs_input_grad else None

    def extra_repr(self) -> str:
        """The argument."""
        return f"approximate={self.approximate!r}"


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
