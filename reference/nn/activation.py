"""ReLU, softmax and log-softmax as layers."""

import numpy as np

from reference.arguments import Array, check_floats, check_shape
from reference.module import Module
from reference.relu import relu
from reference.select import select
from reference.softmax import log_softmax, log_softmax_backward, softmax, softmax_backward


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
